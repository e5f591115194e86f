//! The text of a message as a search looks through it (RFC 3501 section 6.4.4, `BODY` and `TEXT`): decoded, its case
//! folded, one run of text after the other.
//!
//! Every text part is looked into, the headers of messages within, and what stands before and behind the parts of a
//! multipart. Pictures and the like are not. Whoever searches and whoever makes an index of texts look at the very same
//! runs, so that an index can say for certain what a text does not hold.

use crate::Span;
use crate::encoding::{TransferEncoding, charset};
use crate::header::Header;
use crate::mime::{Kind, Part, PartId, Structure};

/// Texts that differ in case only become the same: lower case, the two small sigmas one, and sharp s written out (as
/// in the full folding of Unicode, which knows some rarer ones more).
pub fn fold(text: &str) -> String {
    let lower = text.to_lowercase();
    if lower.is_ascii() {
        return lower;
    }
    lower.replace('\u{3c2}', "\u{3c3}").replace('\u{df}', "ss")
}

/// Shows each field of a header, decoded and folded, as `name: value`.
pub fn each_field(header: &[u8], look: &mut dyn FnMut(&str)) {
    for field in Header::parse(header).fields() {
        look(&fold(&format!("{}: {}", field.name(), field.text())));
    }
}

/// Shows each run of text of a message that is in memory, its own header apart. `look` answers whether it wants more.
pub fn each_text(message: &[u8], structure: &Structure, look: &mut dyn FnMut(&str) -> bool) {
    let of = |span: Span| message.get(span.range()).unwrap_or_default();
    for part in structure.parts() {
        let mut more = true;
        if is_header_text(structure, part) {
            each_field(of(part.header), &mut |text| more = more && look(text));
        }
        if more && part.is_text() {
            let label = part.content.content_type.charset().unwrap_or_default();
            more = look(&decoded(of(part.body), &part.content.encoding, label));
        }
        for outside in outside_parts(structure, part).into_iter().flatten() {
            more = more && look(&decoded(of(outside), &TransferEncoding::default(), ""));
        }
        if !more {
            return;
        }
    }
}

fn decoded(octets: &[u8], encoding: &TransferEncoding, label: &str) -> String {
    fold(&charset::decode(label, &encoding.decode(octets)))
}

/// Whether a part's header is text of the message around it: that of a message within.
pub fn is_header_text(structure: &Structure, part: &Part) -> bool {
    let of_message = |id: PartId| structure.part(id).is_some_and(|parent| parent.kind == Kind::Message);
    part.parent.is_some_and(of_message)
}

/// What stands before the first and behind the last part of a multipart.
pub fn outside_parts(structure: &Structure, part: &Part) -> Option<[Span; 2]> {
    if part.kind != Kind::Multipart {
        return None;
    }
    let child = |id: Option<&PartId>| id.and_then(|id| structure.part(*id));
    let first = child(part.children.first()).map_or(part.body.end, |part| part.header.start);
    let last = child(part.children.last()).map_or(part.body.end, |part| part.body.end);
    Some([Span::new(part.body.start, first), Span::new(last, part.body.end)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(message: &str) -> Vec<String> {
        let mut out = Vec::new();
        each_text(message.as_bytes(), &Structure::parse(message.as_bytes()), &mut |text| {
            out.push(text.trim().to_owned());
            true
        });
        out.retain(|text| !text.is_empty());
        out
    }

    #[test]
    fn what_is_looked_through() {
        assert_eq!(texts("Subject: not this\r\n\r\nHello ΟΔΟΣ Straße\r\n"), ["hello οδοσ strasse"]);
        let mixed = "Content-Type: multipart/mixed; boundary=x\r\n\r\nbefore\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n\
                     Subject: =?utf-8?q?Caf=C3=A9?=\r\n\r\ninner\r\n--x\r\nContent-Type: image/png\r\n\r\npixels\r\n\
                     --x\r\nContent-Type: text/html; charset=iso-8859-7\r\nContent-Transfer-Encoding: base64\r\n\r\n\
                     xeXF\r\n--x--\r\nbehind\r\n";
        // The lines of the boundaries stand outside of the parts, too.
        assert_eq!(texts(mixed), ["before\r\n--x", "--x--\r\nbehind", "subject: café", "inner", "εεε"]);
    }

    #[test]
    fn enough_is_enough() {
        let message = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n";
        let mut seen = 0;
        each_text(message, &Structure::parse(message), &mut |_| {
            seen += 1;
            false
        });
        assert_eq!(seen, 1);
    }
}
