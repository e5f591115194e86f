//! FETCH as a client writes it.

use super::super::fetch::section;
use super::super::response::partial_range;
use super::super::{list, number};
use super::{numbered, word};
use crate::imap::command::{Fetch, FetchItem, Partial, Section, SectionText};

/// `FETCH …`
pub(super) fn fetch(out: &mut Vec<u8>, fetch: &Fetch) {
    numbered(out, fetch.uid, "FETCH ", &fetch.set);
    out.push(b' ');
    list(out, &fetch.items, fetch_item);
    if fetch.changed_since.is_none() && fetch.page.is_none() {
        return;
    }
    word(out, " (");
    if let Some(modseq) = fetch.changed_since {
        word(out, "CHANGEDSINCE ");
        number(out, modseq);
        word(out, if fetch.vanished { " VANISHED" } else { "" });
    }
    if let Some(page) = fetch.page {
        word(out, if fetch.changed_since.is_some() { " PARTIAL " } else { "PARTIAL " });
        partial_range(out, page);
    }
    word(out, ")");
}

fn fetch_item(out: &mut Vec<u8>, item: &FetchItem) {
    match item {
        FetchItem::Envelope => word(out, "ENVELOPE"),
        FetchItem::Flags => word(out, "FLAGS"),
        FetchItem::InternalDate => word(out, "INTERNALDATE"),
        FetchItem::Rfc822 => word(out, "RFC822"),
        FetchItem::Rfc822Header => word(out, "RFC822.HEADER"),
        FetchItem::Rfc822Size => word(out, "RFC822.SIZE"),
        FetchItem::Rfc822Text => word(out, "RFC822.TEXT"),
        FetchItem::Body => word(out, "BODY"),
        FetchItem::BodyStructure => word(out, "BODYSTRUCTURE"),
        FetchItem::Uid => word(out, "UID"),
        FetchItem::ModSeq => word(out, "MODSEQ"),
        FetchItem::Preview => word(out, "PREVIEW"),
        FetchItem::SaveDate => word(out, "SAVEDATE"),
        FetchItem::EmailId => word(out, "EMAILID"),
        FetchItem::ThreadId => word(out, "THREADID"),
        FetchItem::Section { section: which, peek, partial } => {
            word(out, if *peek { "BODY.PEEK" } else { "BODY" });
            section(out, which);
            self::partial(out, *partial);
        }
        FetchItem::Binary { part, peek, partial } => {
            word(out, if *peek { "BINARY.PEEK" } else { "BINARY" });
            section(out, &Section { part: part.clone(), text: SectionText::Whole });
            self::partial(out, *partial);
        }
        FetchItem::BinarySize(part) => {
            word(out, "BINARY.SIZE");
            section(out, &Section { part: part.clone(), text: SectionText::Whole });
        }
    }
}

fn partial(out: &mut Vec<u8>, partial: Option<Partial>) {
    if let Some(partial) = partial {
        out.push(b'<');
        number(out, partial.offset.into());
        out.push(b'.');
        number(out, partial.octets.into());
        out.push(b'>');
    }
}
