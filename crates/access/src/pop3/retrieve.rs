//! RETR and TOP: a message as it is read from the store, piece by piece, no faster than the client takes it.

use std::collections::VecDeque;

use mailstore::{Error, Message, UidSet};
use net::{Gone, clock};
use protocol::pop3::encode::Code;
use storage::Body;

use super::talk::Talk;
use crate::limits::{BODIES_AT_ONCE_MAX, BODIES_OCTETS_MAX, PIECE_OCTETS};

/// Who takes one message after the other has the next ones read with this one: a look costs more than a short message.
#[derive(Default)]
pub(super) struct Ahead {
    letters: VecDeque<(Message, Result<Body, Error>)>,
    /// The message that was handed over last.
    last: u32,
}

impl Ahead {
    fn begins_with(&self, uid: u32) -> bool {
        self.letters.front().is_some_and(|(message, _)| message.uid == uid)
    }

    /// Lets go of those before this one.
    fn skip_to(&mut self, uid: u32) {
        while self.letters.front().is_some_and(|(message, _)| message.uid < uid) {
            self.letters.pop_front();
        }
    }

    /// How many messages are read from this one on. The first alone: some look at one only.
    fn count(&self, uid: u32) -> usize {
        let goes_on = self.last > 0 && uid > self.last && uid - self.last <= STEP_MAX;
        if goes_on { BODIES_AT_ONCE_MAX } else { 1 }
    }
}

/// UIDs between one message and the next of somebody who takes them in order.
const STEP_MAX: u32 = 16;

impl Talk {
    /// Hands over the message of this UID. The session knows how much of it TOP wants.
    pub(super) async fn retrieve(&mut self, uid: u32) -> Result<(), Gone> {
        let (octets, body) = match self.find(uid).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.line.session().message_refused(None);
                return Ok(());
            }
            Err(error) => {
                self.refuse(&error);
                return Ok(());
            }
        };
        self.line.session().message_begin(octets);
        self.send(&body).await
    }

    async fn send(&mut self, body: &Body) -> Result<(), Gone> {
        let mut at = 0;
        while at < body.len() {
            let piece = match body.read(at..body.len().min(at + PIECE_OCTETS)).await {
                Ok(piece) if !piece.is_empty() => piece,
                Ok(_) => {
                    self.refuse(&Error::Storage(storage::Error::Damaged(
                        "a body is shorter than its row says".to_owned(),
                    )));
                    return Ok(());
                }
                Err(error) => {
                    self.refuse(&Error::Storage(error));
                    return Ok(());
                }
            };
            at += piece.len() as u64;
            if !self.line.session().message_chunk(&piece) {
                break;
            }
            self.line.flush().await?;
        }
        self.line.session().message_end(clock::instant());
        Ok(())
    }

    /// The size and the bytes; `None` when another session has removed it.
    async fn find(&mut self, uid: u32) -> Result<Option<(u64, Body)>, Error> {
        let Some((account, mailbox)) = &self.open else { return Ok(None) };
        self.ahead.skip_to(uid);
        if !self.ahead.begins_with(uid) {
            let count = self.ahead.count(uid);
            let wanted = UidSet::from_ranges([(uid, if count > 1 { u32::MAX } else { uid })]);
            self.ahead.letters = account.letters(*mailbox, &wanted, count, BODIES_OCTETS_MAX).await?.into();
        }
        self.ahead.last = uid;
        if !self.ahead.begins_with(uid) {
            return Ok(None);
        }
        match self.ahead.letters.pop_front() {
            Some((message, Ok(body))) => Ok(Some((message.octets, body))),
            // Removed, and swept, between the two.
            Some((_, Err(Error::Storage(storage::Error::NoBody(_))))) | None => Ok(None),
            Some((_, Err(error))) => Err(error),
        }
    }

    /// Says that the message cannot be had; if it was begun, the session closes, so that a piece is not taken for the
    /// whole.
    fn refuse(&mut self, error: &Error) {
        self.fault("retr", error);
        let code = match error {
            Error::Storage(storage::Error::Damaged(_)) => Code::SysPerm,
            _ => Code::SysTemp,
        };
        self.line.session().message_refused(Some(code));
    }
}
