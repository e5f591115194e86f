//! A whole message to be written.

use crate::address::{Entry, Mailbox};
use crate::date::DateTime;

use super::{Entity, FieldWriter};

/// A letter: its header and one entity.
#[derive(Debug, Clone)]
pub struct Letter {
    fields: FieldWriter,
    body: Entity,
}

impl Letter {
    /// A letter around `body`. Its fields stand in the order in which they are given.
    pub fn new(body: Entity) -> Self {
        Self { fields: FieldWriter::new(), body }
    }

    /// A letter with fields in UTF-8 (RFC 6532), which travels with SMTPUTF8 only.
    pub fn utf8(body: Entity) -> Self {
        Self { fields: FieldWriter::utf8(), body }
    }

    /// From.
    #[must_use]
    pub fn from(self, author: Mailbox) -> Self {
        self.addresses("From", vec![Entry::Mailbox(author)])
    }

    /// To.
    #[must_use]
    pub fn to(self, recipients: impl IntoIterator<Item = Mailbox>) -> Self {
        self.addresses("To", recipients.into_iter().map(Entry::Mailbox).collect())
    }

    /// Cc.
    #[must_use]
    pub fn cc(self, recipients: impl IntoIterator<Item = Mailbox>) -> Self {
        self.addresses("Cc", recipients.into_iter().map(Entry::Mailbox).collect())
    }

    /// Any address field, groups included.
    #[must_use]
    pub fn addresses(mut self, name: &str, entries: Vec<Entry>) -> Self {
        self.fields.addresses(name, &entries);
        self
    }

    /// Subject.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.text("Subject", subject)
    }

    /// Date.
    #[must_use]
    pub fn date(mut self, date: DateTime) -> Self {
        self.fields.date("Date", date);
        self
    }

    /// Message-ID, In-Reply-To or References, the ids without their angle brackets.
    #[must_use]
    pub fn message_ids<'a>(mut self, name: &str, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.fields.message_ids(name, ids);
        self
    }

    /// Any field of free text.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.fields.text(name, text);
        self
    }

    /// Any field with a syntax of its own.
    #[must_use]
    pub fn structured(mut self, name: &str, value: &str) -> Self {
        self.fields.structured(name, value);
        self
    }

    /// The octets of the message. `seed` makes the boundaries: something that no sender can guess.
    pub fn write(self, seed: &str) -> Vec<u8> {
        let mut fields = self.fields;
        fields.structured("MIME-Version", "1.0");
        let mut out = fields.into_string().into_bytes();
        self.body.write(seed, &mut out);
        if !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        out
    }
}
