//! RETR and TOP: a message as it is read from the store, piece by piece, no faster than the client takes it.

use mailstore::{Error, UidSet};
use net::{Gone, clock};
use protocol::pop3::encode::Code;
use storage::Body;

use super::talk::Talk;
use crate::limits::PIECE_OCTETS;

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

    /// The row and the bytes; `None` when another session has removed it.
    async fn find(&self, uid: u32) -> Result<Option<(u64, Body)>, Error> {
        let Some((account, mailbox)) = &self.open else { return Ok(None) };
        let rows = account.messages(*mailbox, &UidSet::from_ranges([(uid, uid)]), 1).await?;
        let Some(message) = rows.first() else { return Ok(None) };
        match account.body(message).await {
            Ok(body) => Ok(Some((message.octets, body))),
            // Removed, and swept, between the two.
            Err(Error::Storage(storage::Error::NoBody(_))) => Ok(None),
            Err(error) => Err(error),
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
