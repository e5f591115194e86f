//! The salvage label: what `storage` keeps beside the bytes of a letter, so that mailboxes and the queue can be rebuilt
//! when the database is lost.
//!
//! Lines of `word SP value LF`, the first one `angelia 1`. Unknown words are passed over, so that later programs may say
//! more. What does not fit into 64 KiB is left out, from the end, and counted.

use bytes::Bytes;
use envelope::{Address, BodyType, MailId, RequireTls, Timestamp};

use crate::flags::SYSTEM;
use crate::limits::LABEL_OCTETS_MAX;

/// What a label tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The letter's id; none for what a reader appended.
    pub mail: Option<MailId>,
    /// INTERNALDATE.
    pub internal_date: Timestamp,
    /// System flags at the start.
    pub flags: u64,
    /// The reverse-path without brackets; the empty text is null.
    pub sender: String,
    /// Accounts that got it, by their own address, and the mailbox when it is not INBOX.
    pub accounts: Vec<(Address, Option<String>)>,
    /// Recipients elsewhere, for whom it went into the queue.
    pub remote: Vec<Address>,
    /// BODY=, as the next hop must be told.
    pub body: BodyType,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// REQUIRETLS, or its opposite, for those who are elsewhere.
    pub require_tls: RequireTls,
    /// How many did not fit.
    pub more: usize,
}

const HEAD: &str = "angelia 1\n";

impl Label {
    /// Writes it down, in [`LABEL_OCTETS_MAX`] octets at most.
    pub fn encode(&self) -> Bytes {
        let mut out = String::from(HEAD);
        if let Some(mail) = self.mail {
            push(&mut out, "mail", &mail.to_string());
        }
        push(&mut out, "date", &self.internal_date.0.to_string());
        if self.flags & SYSTEM != 0 {
            push(&mut out, "flags", &(self.flags & SYSTEM).to_string());
        }
        if self.sender.len() <= LABEL_OCTETS_MAX / 2 {
            push(&mut out, "from", &self.sender);
        }
        match self.body {
            BodyType::SevenBit => {}
            BodyType::EightBitMime => push(&mut out, "body", "8bit"),
            BodyType::BinaryMime => push(&mut out, "body", "binary"),
        }
        if self.smtputf8 {
            push(&mut out, "smtputf8", "1");
        }
        match self.require_tls {
            RequireTls::Unsaid => {}
            RequireTls::Demanded => push(&mut out, "tls", "demanded"),
            RequireTls::Waived => push(&mut out, "tls", "waived"),
        }
        // Room for the line that says how many are missing.
        let room = LABEL_OCTETS_MAX - "more 18446744073709551615\n".len();
        let mut more = self.more;
        let here = self.accounts.iter().map(|(address, mailbox)| ("to", address, mailbox.as_deref()));
        let elsewhere = self.remote.iter().map(|address| ("next", address, None));
        for (word, address, mailbox) in here.chain(elsewhere) {
            let mut lines = String::new();
            push(&mut lines, word, &address.to_string());
            if let Some(mailbox) = mailbox {
                push(&mut lines, "in", mailbox);
            }
            if out.len() + lines.len() <= room {
                out.push_str(&lines);
            } else {
                more += 1;
            }
        }
        if more > 0 {
            push(&mut out, "more", &more.to_string());
        }
        out.into()
    }

    /// Reads it; `None` when it is none of ours.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?.strip_prefix(HEAD)?;
        let mut label = Self::default();
        for line in text.lines() {
            let (word, value) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "mail" => label.mail = Some(value.parse().ok()?),
                "date" => label.internal_date = Timestamp(value.parse().ok()?),
                "flags" => label.flags = value.parse::<u64>().ok()? & SYSTEM,
                "from" => value.clone_into(&mut label.sender),
                "to" => label.accounts.push((Address::parse(value).ok()?, None)),
                "in" => label.accounts.last_mut()?.1 = Some(value.to_owned()),
                "next" => label.remote.push(Address::parse(value).ok()?),
                "body" => label.body = if value == "binary" { BodyType::BinaryMime } else { BodyType::EightBitMime },
                "smtputf8" => label.smtputf8 = true,
                "tls" if value == "waived" => label.require_tls = RequireTls::Waived,
                "tls" => label.require_tls = RequireTls::Demanded,
                "more" => label.more = value.parse().ok()?,
                _ => {}
            }
        }
        Some(label)
    }
}

/// One line; a value never holds a line end, and should it, the line is left out.
fn push(out: &mut String, word: &str, value: &str) {
    if !value.contains(['\n', '\r']) {
        out.push_str(word);
        out.push(' ');
        out.push_str(value);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let label = Label {
            mail: Some(MailId::random()),
            internal_date: Timestamp(1_234_567),
            flags: 17,
            sender: "anna@athens.test".into(),
            accounts: vec![
                ("kostas@patras.test".parse().unwrap(), None),
                ("\"a b\"@patras.test".parse().unwrap(), Some("Listen/Müll".into())),
            ],
            remote: vec!["maria@sparta.test".parse().unwrap()],
            body: BodyType::EightBitMime,
            smtputf8: true,
            require_tls: RequireTls::Demanded,
            more: 0,
        };
        assert_eq!(Label::decode(&label.encode()), Some(label.clone()));
        let waived = Label { require_tls: RequireTls::Waived, ..label.clone() };
        assert_eq!(Label::decode(&waived.encode()), Some(waived));
        let bounce = Label { mail: None, flags: 0, sender: String::new(), ..label };
        assert_eq!(Label::decode(&bounce.encode()), Some(bounce));
    }

    #[test]
    fn a_long_list_is_cut() {
        let address = |n: usize| (format!("recipient{n}@patras.test").parse().unwrap(), None);
        let remote = |n| address(n).0;
        let label = Label {
            accounts: (0..1000).map(address).collect(),
            remote: (0..4000).map(remote).collect(),
            ..Label::default()
        };
        let octets = label.encode();
        assert!(octets.len() <= LABEL_OCTETS_MAX);
        let read = Label::decode(&octets).unwrap();
        assert_eq!(read.accounts.len(), 1000);
        assert_eq!(read.remote.len() + read.more, 4000);
        assert!(read.remote.len() > 500 && read.more > 0);
    }

    #[test]
    fn what_is_no_label() {
        for bad in [&b""[..], b"angelia 2\n", b"angelia 1\ndate x\n", b"angelia 1\nin x\n", b"\xff"] {
            assert_eq!(Label::decode(bad), None);
        }
        assert!(Label::decode(b"angelia 1\ndate 5\nlater word\n").is_some());
    }
}
