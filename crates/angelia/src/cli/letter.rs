//! A letter as programs write it for sendmail: line ends of this machine, perhaps no header at all, recipients in it.

use anyhow::Context as _;
use envelope::{Address, Domain};
use message::address::{Entry, Mailbox, mailboxes};
use message::build::FieldWriter;
use message::header::Header;

/// Header and body, with an empty line between them in any case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    header: Vec<u8>,
    /// With the empty line before it.
    body: Vec<u8>,
}

impl Letter {
    /// Takes the header off. The first line that can be no header field begins the body, empty line or not. A line
    /// `From ` as mailbox files have it is left out.
    pub(super) fn read(mut bytes: Vec<u8>) -> Self {
        if bytes.starts_with(b"From ") || bytes.starts_with(b">From ") {
            let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            bytes.drain(..end);
        }
        let mut end = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let continued = end > 0 && line.starts_with(b" ") | line.starts_with(b"\t") && !is_blank(line);
            if !continued && !is_field(line) {
                break;
            }
            end += line.len();
        }
        let mut body = bytes.split_off(end);
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.extend_from_slice(b"\r\n");
        }
        if !body.split_inclusive(|byte| *byte == b'\n').next().is_some_and(is_blank) {
            body.splice(..0, *b"\r\n");
        }
        Self { header: bytes, body }
    }

    /// Whether it has a field.
    pub(super) fn has(&self, name: &str) -> bool {
        Header::parse(&self.header).get(name).is_some()
    }

    /// Whether its header needs SMTPUTF8 on the wire (RFC 6531 section 3.2).
    pub(super) fn needs_smtputf8(&self) -> bool {
        !self.header.is_ascii()
    }

    /// Whom To, Cc and Bcc name (the Resent- ones when there are any). Bcc goes out of the header.
    pub(super) fn take_recipients(&mut self) -> anyhow::Result<Vec<String>> {
        let header = Header::parse(&self.header);
        let resent =
            header.fields().any(|field| field.is("resent-to") || field.is("resent-cc") || field.is("resent-bcc"));
        let fields = if resent { ["resent-to", "resent-cc", "resent-bcc"] } else { ["to", "cc", "bcc"] };
        let mut names = Vec::new();
        for field in header.fields().filter(|field| fields.iter().any(|name| field.is(name))) {
            names.extend(mailboxes(&field.value()).iter().map(Mailbox::spec).filter(|spec| !spec.is_empty()));
        }
        let hidden = |field: &message::header::Field<'_>| field.is("bcc") || field.is("resent-bcc");
        self.header = header.fields().filter(|field| !hidden(field)).flat_map(|field| field.whole()).copied().collect();
        Ok(names)
    }

    /// Adds From with a name.
    pub(super) fn add_from(&mut self, name: &str, address: &Address) {
        let mut fields = FieldWriter::new();
        fields.addresses("From", &[Entry::Mailbox(Mailbox::named(Some(name), address))]);
        self.header.splice(..0, fields.into_string().into_bytes());
    }

    /// The whole.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.header;
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// `field-name ":"`, RFC 5322 section 2.2.
fn is_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < line.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// The address, and whether it came without a domain and got `home`.
pub(super) fn unqualified(text: &str, home: &Domain) -> anyhow::Result<(Address, bool)> {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    let bare = !text.contains('@');
    let whole = if bare { format!("{text}@{home}") } else { text.to_owned() };
    let address = Address::parse(&whole).with_context(|| format!("{text:?} is no address"))?;
    Ok((address, bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        String::from_utf8(Letter::read(text.as_bytes().to_vec()).into_bytes()).unwrap()
    }

    #[test]
    fn a_body_may_come_without_a_header() {
        assert_eq!(whole("hello\nworld\n"), "\r\nhello\nworld\n");
        assert_eq!(whole("Subject: x\nhello there\n"), "Subject: x\n\r\nhello there\n");
        assert_eq!(whole("Subject: x\n\nhello\n"), "Subject: x\n\nhello\n");
        assert_eq!(whole("Subject: x\n  more\nTo: a@b\n\nhello\n"), "Subject: x\n  more\nTo: a@b\n\nhello\n");
        assert_eq!(whole("From anna Mon\nSubject: x\n\n1\n"), "Subject: x\n\n1\n");
        assert_eq!(whole("Subject: x"), "Subject: x\r\n\r\n");
        assert_eq!(whole(""), "\r\n");
        assert_eq!(whole("\nhello\n"), "\nhello\n");
    }

    #[test]
    fn recipients_are_taken_and_bcc_is_hidden() {
        let text =
            "To: Anna <anna@a.test>, team: b@b.test, root;\nBcc: secret@c.test\n (x)\nSubject: y\n\nBcc: stays\n";
        let mut letter = Letter::read(text.as_bytes().to_vec());
        assert_eq!(letter.take_recipients().unwrap(), ["anna@a.test", "b@b.test", "root", "secret@c.test"]);
        let text = String::from_utf8(letter.into_bytes()).unwrap();
        assert!(!text.contains("secret") && text.ends_with("Subject: y\n\nBcc: stays\n"), "{text}");
    }

    #[test]
    fn resent_ones_go_first() {
        let mut letter = Letter::read(b"To: a@a.test\nResent-To: b@b.test\n\n".to_vec());
        assert_eq!(letter.take_recipients().unwrap(), ["b@b.test"]);
    }

    #[test]
    fn a_name_in_from() {
        let mut letter = Letter::read(b"\nx\n".to_vec());
        letter.add_from("Άννα", &Address::parse("anna@a.test").unwrap());
        let bytes = letter.into_bytes();
        let header = Header::parse(&bytes);
        assert_eq!(header.get("from").unwrap().text(), "Άννα <anna@a.test>");
        assert!(bytes.is_ascii());
    }

    #[test]
    fn names_without_a_domain() {
        let home = Domain::parse("a.test").unwrap();
        assert_eq!(unqualified("root", &home).unwrap(), (Address::parse("root@a.test").unwrap(), true));
        assert_eq!(unqualified("<x@b.test>", &home).unwrap(), (Address::parse("x@b.test").unwrap(), false));
        assert!(unqualified("a b@c d", &home).is_err());
    }
}
