//! The data items of one message.

use std::ops::Range;

use mailstore::Message;
use message::header::Header;
use message::view::Envelope;
use protocol::imap::encode::FetchLine;
use protocol::imap::{FetchItem, Partial, Section};

use super::super::convert;
use super::super::letter::Letter;
use super::super::object_id::{email_id, thread_id};
use super::super::talk::Talk;
use super::super::trouble::Trouble;
use super::section::{Found, find};
use super::{Plan, Source, Wanted, listed};

impl Talk {
    /// One FETCH response. From its first octet on there is no way back: what fails then cuts the connection.
    pub(super) async fn show(
        &mut self,
        row: &Message,
        wanted: Wanted,
        source: &mut Source,
        plan: &Plan<'_>,
    ) -> Result<(), Trouble> {
        let by_uid = self.line.session().enabled().uidonly;
        let out = self.line.session().output();
        let mut line =
            if by_uid { FetchLine::begin_by_uid(out, wanted.uid) } else { FetchLine::begin(out, wanted.seq) };
        if plan.uid {
            line.uid(self.line.session().output(), wanted.uid);
        }
        if plan.wants_flags() || wanted.seen_now {
            line.flags(self.line.session().output(), &wanted.flags);
            if let Some(selected) = &mut self.selected {
                selected.told(wanted.uid);
            }
        }
        if plan.modseq || wanted.seen_now && self.line.session().enabled().condstore {
            line.modseq(self.line.session().output(), wanted.modseq);
        }
        for item in plan.items {
            if let (FetchItem::Preview, Source::Letter(_)) = (item, &*source) {
                let text = self.preview(row.uid).await.map_err(torn)?;
                line.preview(self.line.session().output(), &text);
                continue;
            }
            let out = self.line.session().output();
            match (item, &mut *source) {
                (FetchItem::InternalDate, _) => line.internal_date(out, row.internal_date),
                (FetchItem::Rfc822Size, _) => line.size(out, row.octets),
                (FetchItem::EmailId, _) => line.email_id(out, &email_id(row)),
                (FetchItem::ThreadId, _) => line.thread_id(out, thread_id(row).as_deref()),
                (FetchItem::SaveDate, _) => line.save_date(out, row.saved),
                (_, Source::Letter(letter)) => self.show_of_body(&mut line, item, letter).await.map_err(torn)?,
                (_, Source::Digest(digest)) => listed::show(out, &mut line, item, digest),
                (_, Source::Row) => {}
            }
        }
        line.end(self.line.session().output());
        Ok(())
    }

    async fn show_of_body(
        &mut self,
        line: &mut FetchLine,
        item: &FetchItem,
        letter: &mut Letter,
    ) -> Result<(), Trouble> {
        match item {
            FetchItem::Envelope => {
                let header = letter.header().await?;
                let envelope = Envelope::of(&Header::parse(&header));
                line.envelope(self.line.session().output(), &convert::envelope(&envelope));
            }
            FetchItem::Body | FetchItem::BodyStructure => {
                let structure = letter.structure().await?;
                if let Some(body) = structure.body_structure() {
                    let body = convert::body_structure(&body);
                    let extended = *item == FetchItem::BodyStructure;
                    line.body_structure(self.line.session().output(), &body, extended);
                }
            }
            FetchItem::Rfc822 => self.old(line, "RFC822", 0..letter.octets(), letter).await?,
            FetchItem::Rfc822Header => {
                let end = letter.header_end().await?;
                self.old(line, "RFC822.HEADER", 0..end, letter).await?;
            }
            FetchItem::Rfc822Text => {
                let end = letter.header_end().await?;
                self.old(line, "RFC822.TEXT", end..letter.octets(), letter).await?;
            }
            FetchItem::Section { section, partial, .. } => self.section(line, section, *partial, letter).await?,
            FetchItem::Binary { part, partial, .. } => self.binary(line, part, *partial, letter).await?,
            FetchItem::BinarySize(part) => self.binary_size(line, part, letter).await?,
            FetchItem::Flags
            | FetchItem::Uid
            | FetchItem::ModSeq
            | FetchItem::EmailId
            | FetchItem::ThreadId
            | FetchItem::Preview
            | FetchItem::SaveDate
            | FetchItem::InternalDate
            | FetchItem::Rfc822Size => {}
        }
        Ok(())
    }

    /// An item under its old name.
    async fn old(
        &mut self,
        line: &mut FetchLine,
        name: &str,
        range: Range<u64>,
        letter: &Letter,
    ) -> Result<(), Trouble> {
        line.rfc822(self.line.session().output(), name, range.end.saturating_sub(range.start));
        self.pass_through(letter, range).await
    }

    /// `BODY[section]<partial>`
    async fn section(
        &mut self,
        line: &mut FetchLine,
        section: &Section,
        partial: Option<Partial>,
        letter: &mut Letter,
    ) -> Result<(), Trouble> {
        let found = find(letter, section).await?;
        let offset = partial.map(|partial| partial.offset);
        match found {
            Found::Nothing => line.section_nil(self.line.session().output(), section, offset),
            Found::Range(range) => {
                let range = cut(range, partial);
                line.section(self.line.session().output(), section, offset, range.end - range.start);
                self.pass_through(letter, range).await?;
            }
            Found::Gathered(bytes) => {
                gathered(self.line.session().output(), line, section, partial, &bytes);
            }
        }
        Ok(())
    }

    /// Octets of the body, no more at a time than one piece.
    async fn pass_through(&mut self, letter: &Letter, range: Range<u64>) -> Result<(), Trouble> {
        let mut at = range.start;
        while at < range.end {
            let piece = letter.piece_for_wire(at..range.end).await?;
            if piece.is_empty() {
                return Err(storage::Error::Damaged("a body ended early".to_owned()).into());
            }
            at += piece.len() as u64;
            self.line.session().output().extend_from_slice(&piece);
            self.relieve().await?;
        }
        Ok(())
    }
}

/// `BODY[section]<partial>` of octets that are in memory.
pub(super) fn gathered(
    out: &mut Vec<u8>,
    line: &mut FetchLine,
    section: &Section,
    partial: Option<Partial>,
    bytes: &[u8],
) {
    let range = cut(0..bytes.len() as u64, partial);
    line.section(out, section, partial.map(|partial| partial.offset), range.end - range.start);
    let bytes = bytes.get(to_usize(range.start)..to_usize(range.end)).unwrap_or_default();
    out.extend(bytes.iter().map(|octet| if *octet == 0 { 128 } else { *octet }));
}

/// What is left of a range (RFC 3501 section 6.4.5: a partial beyond the end is an empty string).
pub(super) fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(partial) = partial else { return range };
    let start = (range.start + u64::from(partial.offset)).min(range.end);
    start..(start + u64::from(partial.octets)).min(range.end)
}

fn to_usize(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}

/// In the middle of a response the store's trouble is the end.
fn torn(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Store(error) => Trouble::Torn(error),
        other => other,
    }
}
