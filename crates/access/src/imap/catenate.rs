//! CATENATE (RFC 4469): a message is put together of what the client sends and of octets that are here already, which it
//! names by URLs. They are copied piece by piece, as they are.

use std::ops::Range;

use bytes::Bytes;
use envelope::MailboxId;
use mailstore::{Error, UidSet};
use protocol::imap::MessageUrl;
use protocol::imap::encode::Code;
use protocol::imap::grammar::message_url;
use storage::Stage;

use super::fetch::section::{Found, find};
use super::letter::Letter;
use super::talk::Talk;
use super::trouble::Trouble;
use crate::limits::CATENATED_MESSAGES_MAX;

/// Why a part cannot be had.
enum Fault {
    /// The URL leads nowhere.
    Url,
    /// The message would become too large.
    Size,
    Other(Trouble),
}

impl<E: Into<Trouble>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl Talk {
    /// A part that is here already.
    pub(super) async fn append_url(&mut self, url: &[u8]) -> Result<(), Trouble> {
        let Some(mut upload) = self.upload.take() else { return Err(storage::Error::StagedTooLong.into()) };
        let max = self.context.settings.message_octets_max;
        let room = (max.saturating_mul(CATENATED_MESSAGES_MAX)).saturating_sub(upload.copied);
        let room = room.min(max.saturating_sub(upload.coming.stage.len()));
        match self.add_url(&mut upload.coming.stage, url, room).await {
            Ok(octets) => {
                upload.copied += octets;
                self.upload = Some(upload);
                self.line.session().append_go();
            }
            Err(Fault::Url) => {
                let url = String::from_utf8_lossy(url);
                self.line.session().no(Some(&Code::BadUrl(&url)), "The URL names no octets of a message here");
            }
            Err(Fault::Size) => self.too_big(),
            Err(Fault::Other(trouble)) => return Err(trouble),
        }
        Ok(())
    }

    /// A part that the client is about to send.
    pub(super) fn append_text(&mut self, octets: u64) -> Result<(), Trouble> {
        let so_far = self.upload.as_ref().map_or(0, |upload| upload.coming.stage.len());
        if so_far.saturating_add(octets) > self.context.settings.message_octets_max {
            self.upload = None;
            self.too_big();
        } else {
            self.line.session().append_go();
        }
        Ok(())
    }

    fn too_big(&mut self) {
        self.line.session().no(Some(&Code::Word("TOOBIG")), "Message is too large");
    }

    /// Adds no more octets than there is room for; answers how many.
    async fn add_url(&mut self, stage: &mut Stage, url: &[u8], room: u64) -> Result<u64, Fault> {
        let url = message_url(url).ok_or(Fault::Url)?;
        let mailbox = self.mailbox_of(&url).await?;
        let account = self.account()?;
        let rows = account.messages(mailbox, &UidSet::from_ranges([(url.uid, url.uid)]), 1).await?;
        let body = match account.body(rows.first().ok_or(Fault::Url)?).await {
            Err(Error::Storage(storage::Error::NoBody(_))) => return Err(Fault::Url),
            body => body?,
        };
        let mut letter = Letter::open(body).await?;
        match find(&mut letter, &url.section).await? {
            Found::Nothing => Err(Fault::Url),
            Found::Range(range) => {
                let range = window(range, url.partial);
                if range.end - range.start > room {
                    return Err(Fault::Size);
                }
                copy(stage, &letter, range.clone()).await?;
                Ok(range.end - range.start)
            }
            Found::Gathered(octets) => {
                let range = window(0..octets.len() as u64, url.partial);
                let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                let octets = octets.get(start..end).unwrap_or_default();
                if octets.len() as u64 > room {
                    return Err(Fault::Size);
                }
                stage.append(Bytes::copy_from_slice(octets)).await?;
                Ok(octets.len() as u64)
            }
        }
    }

    /// The mailbox that a URL means, in the incarnation that it means.
    async fn mailbox_of(&self, url: &MessageUrl) -> Result<MailboxId, Fault> {
        let (mailbox, uid_validity) = match (&url.mailbox, &self.selected) {
            (Some(name), _) => match self.account()?.status(name.as_str()).await {
                Err(Error::NoMailbox | Error::NoSelect) => return Err(Fault::Url),
                status => status.map(|status| (status.id, status.uid_validity))?,
            },
            (None, Some(selected)) => (selected.mailbox, selected.uid_validity),
            (None, None) => return Err(Fault::Url),
        };
        if url.uid_validity.is_some_and(|meant| meant != uid_validity) { Err(Fault::Url) } else { Ok(mailbox) }
    }
}

/// The octets asked for of a range.
fn window(range: Range<u64>, partial: Option<(u64, Option<u64>)>) -> Range<u64> {
    let Some((offset, octets)) = partial else { return range };
    let start = range.start.saturating_add(offset).min(range.end);
    start..octets.map_or(range.end, |octets| start.saturating_add(octets).min(range.end))
}

async fn copy(stage: &mut Stage, letter: &Letter, range: Range<u64>) -> Result<(), Fault> {
    let mut at = range.start;
    while at < range.end {
        let piece = letter.piece(at..range.end).await?;
        if piece.is_empty() {
            return Err(storage::Error::Damaged("a body ended early".to_owned()).into());
        }
        at += piece.len() as u64;
        stage.append(piece).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn windows() {
        assert_eq!(window(10..20, None), 10..20);
        assert_eq!(window(10..20, Some((3, Some(4)))), 13..17);
        assert_eq!(window(10..20, Some((3, None))), 13..20);
        assert_eq!(window(10..20, Some((30, Some(4)))), 20..20);
        assert_eq!(window(10..20, Some((u64::MAX, Some(u64::MAX)))), 20..20);
    }
}
