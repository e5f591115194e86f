//! Fields that a submitted letter does not keep: Bcc, which nobody but its writer may see (RFC 5322 section 3.6.3), and
//! what is not the writer's to say, Return-Path (RFC 5321 section 4.4) and Content-Length, which no RFC knows and some
//! readers believe.

use message::header::Header;

/// Names of the fields.
const DROPPED: [&[u8]; 4] = [b"Bcc", b"Resent-Bcc", b"Return-Path", b"Content-Length"];

/// A header without them: each goes whole, with the lines that it is folded into. `None` when there is none of them.
///
/// Every line is looked at, however many fields there are: one that is overlooked tells a secret.
pub fn hidden_fields(header: &[u8]) -> Option<Vec<u8>> {
    fields_named(&DROPPED, header)
}

/// The same for who says that he sent it, where another takes his place.
pub fn sender_fields(header: &[u8]) -> Option<Vec<u8>> {
    fields_named(&[b"Sender", b"Resent-Sender"], header)
}

fn fields_named(names: &[&[u8]], header: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(header.len());
    let mut dropping = false;
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
            let name = if name.len() < line.len() { name.trim_ascii_end() } else { &[] };
            dropping = names.iter().any(|dropped| dropped.eq_ignore_ascii_case(name));
        }
        if !dropping {
            kept.extend_from_slice(line);
        }
    }
    (kept.len() < header.len()).then_some(kept)
}

/// The same for a whole letter: what takes the place of its header, and where its text begins.
pub fn hidden_fields_of(message: &[u8]) -> Option<(Vec<u8>, usize)> {
    let header = Header::parse(message).bytes();
    hidden_fields(header).map(|kept| (kept, header.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_fields_and_no_others() {
        let header = "Bcc: a@b\r\nTo: c@d,\r\n bcc: e@f\r\nBCC :g@h,\r\n\ti@j,\r\n k@l\r\nX-Bcc: m\r\nResent-bcc:\r\n\
                      return-path: <x@y>\r\nContent-Length: 3\r\nSubject: Bcc: no\r\n\r\n";
        let kept = hidden_fields(header.as_bytes()).unwrap();
        let expected = "To: c@d,\r\n bcc: e@f\r\nX-Bcc: m\r\nSubject: Bcc: no\r\n\r\n";
        assert_eq!(String::from_utf8(kept).unwrap(), expected);
        assert_eq!(hidden_fields(expected.as_bytes()), None);
        // The text is nobody's business.
        assert_eq!(hidden_fields_of(b"To: a\r\n\r\nBcc: b\r\n"), None);
        assert_eq!(hidden_fields_of(b"Bcc: a\r\n\r\nBcc: b\r\n"), Some((b"\r\n".to_vec(), 10)));
        let many = "X: y\r\n".repeat(9000) + "Bcc: a@b\r\n\r\n";
        assert!(!String::from_utf8(hidden_fields(many.as_bytes()).unwrap()).unwrap().contains("Bcc"));
    }
}
