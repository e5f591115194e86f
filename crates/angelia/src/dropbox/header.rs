//! The header of a letter that is handed in, made such that everybody sees the same fields in it. By it is judged who may
//! call himself what, and a field that one program sees and another does not would make the judgement worthless.
//!
//! Line ends are made right first, and NULs go: `Subject: x`, a bare CR and `From: boss` are two fields for whoever takes
//! a CR for the end of a line. Then the header ends at the first line that is none of a header, as it does for what
//! `angelia send` reads from stdin: what stands behind it is body.

use message::limits::FIELDS_MAX;
use protocol::smtp::encode::Normalizer;

/// The header, each line with CRLF, an empty line at its end; and what was taken for header and is body.
///
/// # Errors
/// In words for the writer: there are more fields than are looked at.
pub(super) fn cleaned(given: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let without: Vec<u8> = given.iter().copied().filter(|octet| *octet != 0).collect();
    let mut normal = Vec::with_capacity(without.len() + without.len() / 16);
    let mut normalizer = Normalizer::default();
    normalizer.encode(&without, &mut normal);
    normalizer.finish(&mut normal);
    let (mut end, mut fields, mut body) = (0, 0, normal.len());
    for line in normal.split_inclusive(|octet| *octet == b'\n') {
        if line == b"\r\n" {
            body = end + line.len();
            break;
        }
        let goes_on = fields > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        if !goes_on && !is_field(line) {
            body = end;
            break;
        }
        fields += usize::from(!goes_on);
        end += line.len();
    }
    if fields > FIELDS_MAX {
        return Err(format!("the header has {fields} fields, {FIELDS_MAX} are allowed"));
    }
    let begun = normal.split_off(body);
    normal.truncate(end);
    normal.extend_from_slice(if normal.is_empty() || normal.ends_with(b"\r\n") { b"\r\n" } else { b"\r\n\r\n" });
    Ok((normal, begun))
}

/// `field-name *WSP ":"`, RFC 5322 sections 2.2 and 4.5.
fn is_field(line: &[u8]) -> bool {
    let mut parts = line.splitn(2, |octet| *octet == b':');
    let name = parts.next().unwrap_or_default().trim_ascii_end();
    parts.next().is_some() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_sees_the_same_fields() {
        for (given, header, begun) in [
            ("Subject: x\nTo: a@b\n\n", "Subject: x\r\nTo: a@b\r\n\r\n", ""),
            ("Subject: x\r\n y\r\n\r\n", "Subject: x\r\n y\r\n\r\n", ""),
            // Bare CR, CR without LF at the end, NUL.
            ("Subject: x\rFrom: boss@b\n\n", "Subject: x\r\nFrom: boss@b\r\n\r\n", ""),
            ("Subject: x\r\rFrom: boss@b\n\n", "Subject: x\r\n\r\n", "From: boss@b\r\n\r\n"),
            ("Subject: x\n\r", "Subject: x\r\n\r\n", ""),
            ("\0Fr\0om: boss@b\0\n\n", "From: boss@b\r\n\r\n", ""),
            // Folding of nothing; a line that is no field.
            (" <boss@b>\nFrom: anna@b\n\n", "\r\n", " <boss@b>\r\nFrom: anna@b\r\n\r\n"),
            ("To: a@b\nno field\nFrom: boss@b\n\n", "To: a@b\r\n\r\n", "no field\r\nFrom: boss@b\r\n\r\n"),
            ("From : a@b\n\n", "From : a@b\r\n\r\n", ""),
            (": x\n\n", "\r\n", ": x\r\n\r\n"),
            ("\n", "\r\n", ""),
            ("", "\r\n", ""),
            ("To: a@b", "To: a@b\r\n\r\n", ""),
        ] {
            let (found, rest) = cleaned(given.as_bytes()).unwrap();
            let found = (String::from_utf8(found).unwrap(), String::from_utf8(rest).unwrap());
            assert_eq!(found, (header.to_owned(), begun.to_owned()), "{given:?}");
        }
        let many = "X: y\n".repeat(FIELDS_MAX);
        assert!(cleaned(many.as_bytes()).is_ok());
        assert!(cleaned(format!("{many}From: boss@b\n\n").as_bytes()).unwrap_err().contains("fields"));
    }
}
