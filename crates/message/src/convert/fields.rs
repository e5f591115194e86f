//! The header of a part: what it says of the part's encoding, and raw 8-bit octets in its fields.

use super::{Converter, Inconvertible, raw};
use crate::Span;
use crate::encoding::TransferEncoding;
use crate::header::{Field, Header, line_end_octets};
use crate::limits::{CONVERTED_FIELDS_OCTETS_MAX, FIELDS_MAX, HEADER_OCTETS_MAX};
use crate::mime::Part;

/// What else an encoded part has to say of itself.
pub(super) struct Missing<'a> {
    /// It is a message, so MIME-Version stands in its header (RFC 2045 section 4).
    pub(super) is_message: bool,
    /// Its body, as it came.
    pub(super) body: &'a [u8],
}

impl Converter<'_, '_> {
    /// Puts the fields in ASCII as far as they can be, and leaves the rest.
    pub(super) fn header(&mut self, part: &Part) {
        let bytes = part.header.of(self.letter);
        if !bytes.is_ascii() {
            let header = Header::parse(bytes);
            header.fields().for_each(|field| self.in_words(part, &field));
        }
    }

    fn in_words(&mut self, part: &Part, field: &Field<'_>) {
        let Some(octets) = raw::in_words(field) else { return };
        let grown = self.grown + octets.len().saturating_sub(field.whole().len());
        if grown <= CONVERTED_FIELDS_OCTETS_MAX {
            self.grown = grown;
            self.replace(field.span().shifted(part.header.start), &octets);
        }
    }

    /// The same, and makes the header say that the body is in `encoding`. Of several Content-Transfer-Encoding fields one
    /// stays: the first, which counts.
    pub(super) fn label(
        &mut self,
        part: &Part,
        encoding: &TransferEncoding,
        missing: Option<Missing<'_>>,
    ) -> Result<(), Inconvertible> {
        let bytes = part.header.of(self.letter);
        let header = Header::parse(bytes);
        if bytes.len() > HEADER_OCTETS_MAX || header.fields().count() >= FIELDS_MAX {
            return Err(Inconvertible::HeaderTooLong);
        }
        let label = format!("Content-Transfer-Encoding: {}", encoding.as_str());
        let mut is_labelled = false;
        for field in header.fields() {
            if !field.is("content-transfer-encoding") {
                self.in_words(part, &field);
                continue;
            }
            let text = match line_end_octets(field.whole()) {
                // A boundary comes at once: left out, it would leave an empty line behind, which ends a header.
                0 => label.clone(),
                _ if is_labelled => String::new(),
                _ => format!("{label}\r\n"),
            };
            self.replace(field.span().shifted(part.header.start), text.as_bytes());
            is_labelled = true;
        }
        let Some(missing) = missing else { return Ok(()) };
        let mut added = String::new();
        if missing.is_message && header.get("mime-version").is_none() {
            added.push_str("MIME-Version: 1.0\r\n");
        }
        if header.get("content-type").is_none() && !missing.body.is_ascii() {
            // RFC 1428 section 3: the charset that it is known to be in, or else this word.
            let charset = if std::str::from_utf8(missing.body).is_ok() { "utf-8" } else { "unknown-8bit" };
            added.push_str(&format!("Content-Type: text/plain; charset={charset}\r\n"));
        }
        if !is_labelled {
            added.push_str(&label);
            added.push_str("\r\n");
        }
        let blank = if header.is_complete() { line_end_octets(bytes) } else { 0 };
        if !header.is_complete() {
            // A part that had no header, not even an empty one: its body began at once.
            added.push_str("\r\n");
        }
        let at = part.header.end - blank;
        self.replace(Span::new(at, at), added.as_bytes());
        Ok(())
    }
}
