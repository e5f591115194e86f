//! URLs of messages on this server (RFC 5092), as CATENATE names octets by them (RFC 4469).

use super::fetch;
use super::input::Input;
use crate::imap::command::{Mailbox, MessageUrl, Section};

/// `"/" enc-mailbox [";UIDVALIDITY=" n] "/;UID=" n ["/;SECTION=" enc-section] ["/;PARTIAL=" offset ["." octets]]`; without
/// a mailbox in front, one of the selected mailbox. `None`: no such URL, or one of another server.
pub fn message_url(url: &[u8]) -> Option<MessageUrl> {
    let (mailbox, rest) = match url.strip_prefix(b"/") {
        Some(path) => {
            let at = find(path, b"/;UID=")?;
            let (name, rest) = path.split_at_checked(at)?;
            (name, rest.strip_prefix(b"/")?)
        }
        None => (&[][..], url),
    };
    let (name, uid_validity) = match find(mailbox, b";UIDVALIDITY=") {
        Some(at) => {
            let (name, value) = mailbox.split_at_checked(at)?;
            (name, Some(number(value.get(";UIDVALIDITY=".len()..)?)?))
        }
        None => (mailbox, None),
    };
    let mailbox = match name {
        [] => None,
        name => Some(Mailbox::from_utf8_wire(&decoded(name)?).ok()?),
    };
    let mut pieces = rest.split(|octet| *octet == b'/').peekable();
    let uid = number(value(pieces.next()?, b";UID=")?)?;
    let mut url = MessageUrl { mailbox, uid_validity, uid, section: Section::default(), partial: None };
    // A section's name may hold no `/` but an encoded one.
    if let Some(section) = pieces.peek().and_then(|piece| value(piece, b";SECTION=")) {
        url.section = section_of(&decoded(section)?)?;
        pieces.next();
    }
    if let Some(partial) = pieces.peek().and_then(|piece| value(piece, b";PARTIAL=")) {
        url.partial = Some(partial_of(partial)?);
        pieces.next();
    }
    pieces.next().is_none().then_some(url)
}

/// Where `word` begins, in any case.
fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word))
}

/// What follows `name`, in any case.
fn value<'a>(piece: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = piece.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(tail)
}

/// `nz-number`, and nothing else.
fn number(text: &[u8]) -> Option<u32> {
    let mut input = Input::new(text, true);
    input.nz_number().ok().filter(|_| input.is_empty())
}

/// `partial-range = number ["." nz-number]`
fn partial_of(text: &[u8]) -> Option<(u64, Option<u64>)> {
    let mut input = Input::new(text, true);
    let offset = input.number64().ok()?;
    let octets = if input.skip(b'.') { Some(input.number64().ok().filter(|octets| *octets > 0)?) } else { None };
    input.is_empty().then_some((offset, octets))
}

fn section_of(text: &[u8]) -> Option<Section> {
    let bracketed = [b"[", text, b"]"].concat();
    let mut input = Input::new(&bracketed, true);
    fetch::section(&mut input).ok().filter(|_| input.is_empty())
}

/// `%xx` as octets.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.iter();
    while let Some(octet) = octets.next() {
        if *octet != b'%' {
            out.push(*octet);
            continue;
        }
        let digit = |octet: Option<&u8>| char::from(*octet?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit(octets.next())?, digit(octets.next())?);
        out.push(high << 4 | low);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::command::SectionText;

    fn url(mailbox: &str, uid: u32) -> MessageUrl {
        let mailbox = (!mailbox.is_empty()).then(|| Mailbox::new(mailbox).unwrap());
        MessageUrl { mailbox, uid_validity: None, uid, section: Section::default(), partial: None }
    }

    #[test]
    fn urls_of_messages() {
        for (text, wanted) in [
            ("/Drafts/;UID=3002", url("Drafts", 3002)),
            ("/a/b%20%C3%BC/;uid=1", url("a/b ü", 1)),
            ("/inbox/;UID=1", url("INBOX", 1)),
            (";UID=7", url("", 7)),
            (
                "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME",
                MessageUrl {
                    uid_validity: Some(385_759_045),
                    section: Section { part: vec![1], text: SectionText::Mime },
                    ..url("Drafts", 20)
                },
            ),
            (
                "/x/;UID=2/;SECTION=HEADER.FIELDS%20(Subject%20To)/;PARTIAL=3.9",
                MessageUrl {
                    section: Section {
                        part: vec![],
                        text: SectionText::HeaderFields { not: false, names: vec!["Subject".into(), "To".into()] },
                    },
                    partial: Some((3, Some(9))),
                    ..url("x", 2)
                },
            ),
            (";UID=2/;PARTIAL=0", MessageUrl { partial: Some((0, None)), ..url("", 2) }),
        ] {
            assert_eq!(message_url(text.as_bytes()), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_message() {
        for text in [
            "",
            "/",
            "/Drafts",
            "/Drafts/",
            ";UID=",
            ";UID=0",
            ";UID=1x",
            ";UID=1/",
            ";UID=1/x",
            "/a/;UID=1/;SECTION=X",
            "imap://mx.test/a/;UID=1",
            "//mx.test/a/;UID=1x",
            ";UID=1/;PARTIAL=",
            ";UID=1/;PARTIAL=1.0",
            "/a%2/;UID=1",
            "/a%ff/;UID=1",
            "/a;UIDVALIDITY=0/;UID=1",
            ";UID=1/;PARTIAL=1/;SECTION=1",
            "/a/;UID=1;URLAUTH=anonymous",
        ] {
            assert_eq!(message_url(text.as_bytes()), None, "{text}");
        }
    }
}
