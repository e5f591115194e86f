//! One FETCH response, item by item, so that a literal's bytes can pass between two of them (RFC 3501 section 7.4.2).

use super::structure::{body_structure, envelope};
use super::{astring, flags, list, literal, number, string};
use crate::imap::command::{Flag, Section, SectionText};
use crate::imap::grammar::{MONTHS, date_of_days};
use crate::imap::structure::{BodyStructure, Envelope};
use ::envelope::Timestamp;

/// `* n FETCH (…)` in the making. Each method writes one item to `out`.
#[derive(Debug)]
pub struct FetchLine {
    empty: bool,
}

impl FetchLine {
    /// `* n FETCH (`
    pub fn begin(out: &mut Vec<u8>, seq: u32) -> Self {
        out.extend_from_slice(b"* ");
        number(out, seq.into());
        out.extend_from_slice(b" FETCH (");
        Self { empty: true }
    }

    /// `* uid UIDFETCH (`: instead of it where numbers have no place (RFC 9586 section 3.3).
    pub fn begin_by_uid(out: &mut Vec<u8>, uid: u32) -> Self {
        out.extend_from_slice(b"* ");
        number(out, uid.into());
        out.extend_from_slice(b" UIDFETCH (");
        Self { empty: true }
    }

    fn item(&mut self, out: &mut Vec<u8>, name: &str) {
        if !self.empty {
            out.push(b' ');
        }
        self.empty = false;
        out.extend_from_slice(name.as_bytes());
    }

    /// `UID n`
    pub fn uid(&mut self, out: &mut Vec<u8>, uid: u32) {
        self.item(out, "UID ");
        number(out, uid.into());
    }

    /// `MODSEQ (n)` (RFC 7162 section 3.1.5)
    pub fn modseq(&mut self, out: &mut Vec<u8>, modseq: u64) {
        self.item(out, "MODSEQ (");
        number(out, modseq);
        out.push(b')');
    }

    /// `EMAILID (id)` (RFC 8474 section 5.1)
    pub fn email_id(&mut self, out: &mut Vec<u8>, id: &str) {
        self.item(out, "EMAILID (");
        out.extend_from_slice(id.as_bytes());
        out.push(b')');
    }

    /// `THREADID (id)`, or `THREADID NIL` where the thread is not known (RFC 8474 section 5.2)
    pub fn thread_id(&mut self, out: &mut Vec<u8>, id: Option<&str>) {
        match id {
            None => self.item(out, "THREADID NIL"),
            Some(id) => {
                self.item(out, "THREADID (");
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
        }
    }

    /// `FLAGS (…)`
    pub fn flags(&mut self, out: &mut Vec<u8>, all: &[Flag]) {
        self.item(out, "FLAGS ");
        flags(out, all);
    }

    /// `INTERNALDATE "…"`, in UTC.
    pub fn internal_date(&mut self, out: &mut Vec<u8>, at: Timestamp) {
        self.item(out, "INTERNALDATE ");
        date_time(out, at);
    }

    /// `RFC822.SIZE n`
    pub fn size(&mut self, out: &mut Vec<u8>, octets: u64) {
        self.item(out, "RFC822.SIZE ");
        number(out, octets);
    }

    /// `ENVELOPE (…)`
    pub fn envelope(&mut self, out: &mut Vec<u8>, data: &Envelope) {
        self.item(out, "ENVELOPE ");
        envelope(out, data);
    }

    /// `BODY (…)`, or `BODYSTRUCTURE (…)` with the extension data.
    pub fn body_structure(&mut self, out: &mut Vec<u8>, data: &BodyStructure, extended: bool) {
        self.item(out, if extended { "BODYSTRUCTURE " } else { "BODY " });
        body_structure(out, data, extended);
    }

    /// `BODY[section]<offset> {octets}`: that many octets must follow in `out`.
    pub fn section(&mut self, out: &mut Vec<u8>, section: &Section, offset: Option<u32>, octets: u64) {
        self.section_name(out, section, offset);
        literal(out, octets);
    }

    /// `BODY[section] NIL`: there is no such part.
    pub fn section_nil(&mut self, out: &mut Vec<u8>, section: &Section, offset: Option<u32>) {
        self.section_name(out, section, offset);
        out.extend_from_slice(b"NIL");
    }

    fn section_name(&mut self, out: &mut Vec<u8>, section: &Section, offset: Option<u32>) {
        self.item(out, "BODY");
        self::section(out, section);
        if let Some(offset) = offset {
            out.push(b'<');
            number(out, offset.into());
            out.push(b'>');
        }
        out.push(b' ');
    }

    /// `PREVIEW "text"`; of a message without text, an empty one (RFC 8970 section 3.1).
    pub fn preview(&mut self, out: &mut Vec<u8>, text: &str) {
        self.item(out, "PREVIEW ");
        string(out, text.as_bytes());
    }

    /// `SAVEDATE "…"`, in UTC; NIL when it is not known (RFC 8514 section 4.2).
    pub fn save_date(&mut self, out: &mut Vec<u8>, at: Option<Timestamp>) {
        self.item(out, "SAVEDATE ");
        match at {
            Some(at) => date_time(out, at),
            None => out.extend_from_slice(b"NIL"),
        }
    }

    /// `BINARY[part]<offset> ~{octets}`: that many octets must follow in `out` (RFC 3516 section 4.3).
    pub fn binary(&mut self, out: &mut Vec<u8>, part: &[u32], offset: Option<u32>, octets: u64) {
        self.binary_name(out, "BINARY", part, offset);
        out.push(b'~');
        literal(out, octets);
    }

    /// `BINARY[part] NIL`: there is no such part.
    pub fn binary_nil(&mut self, out: &mut Vec<u8>, part: &[u32], offset: Option<u32>) {
        self.binary_name(out, "BINARY", part, offset);
        out.extend_from_slice(b"NIL");
    }

    /// `BINARY.SIZE[part] octets`
    pub fn binary_size(&mut self, out: &mut Vec<u8>, part: &[u32], octets: u64) {
        self.binary_name(out, "BINARY.SIZE", part, None);
        number(out, octets);
    }

    fn binary_name(&mut self, out: &mut Vec<u8>, name: &str, part: &[u32], offset: Option<u32>) {
        self.item(out, name);
        section(out, &Section { part: part.to_vec(), text: SectionText::Whole });
        if let Some(offset) = offset {
            out.push(b'<');
            number(out, offset.into());
            out.push(b'>');
        }
        out.push(b' ');
    }

    /// `RFC822 {octets}`, `RFC822.HEADER`, `RFC822.TEXT`: that many octets must follow in `out`.
    pub fn rfc822(&mut self, out: &mut Vec<u8>, name: &str, octets: u64) {
        self.item(out, name);
        out.push(b' ');
        literal(out, octets);
    }

    /// `)`
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b")\r\n");
    }
}

/// `[1.2.HEADER.FIELDS (…)]`
pub(super) fn section(out: &mut Vec<u8>, section: &Section) {
    out.push(b'[');
    for (index, part) in section.part.iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        number(out, (*part).into());
    }
    if !section.part.is_empty() && section.text != SectionText::Whole {
        out.push(b'.');
    }
    match &section.text {
        SectionText::Whole => {}
        SectionText::Header => out.extend_from_slice(b"HEADER"),
        SectionText::Text => out.extend_from_slice(b"TEXT"),
        SectionText::Mime => out.extend_from_slice(b"MIME"),
        SectionText::HeaderFields { not, names } => {
            out.extend_from_slice(if *not { b"HEADER.FIELDS.NOT " } else { b"HEADER.FIELDS " });
            list(out, names, |out, name| astring(out, name.as_bytes()));
        }
    }
    out.push(b']');
}

/// `date-time`, in UTC.
pub(super) fn date_time(out: &mut Vec<u8>, at: Timestamp) {
    // The wire's year has four digits.
    let seconds = at.seconds().clamp(-62_135_596_800, 253_402_300_799);
    let date = date_of_days(seconds.div_euclid(86_400));
    let within = seconds.rem_euclid(86_400);
    let month = MONTHS.get(usize::from(date.month).saturating_sub(1)).copied().unwrap_or("Jan");
    let text = format!(
        "{:2}-{month}-{:04} {:02}:{:02}:{:02} +0000",
        date.day,
        date.year,
        within / 3600,
        within / 60 % 60,
        within % 60
    );
    string(out, text.as_bytes());
}
