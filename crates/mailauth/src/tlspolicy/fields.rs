//! What the TXT records of MTA-STS and TLS-RPT share: a version, then `key=value` between semicolons (RFC 8461 section
//! 3.1, RFC 8460 section 3).

/// The fields behind the version, in their order. `None` when the record is not of this version, or when a piece is no
/// field. Blanks around semicolons pass, but not before the first one: a record begins with its version and a
/// semicolon, whatever the ABNF says (RFC 8461 section 3.1, errata 6285).
pub(super) fn read<'a>(record: &'a str, version: &str) -> Option<Vec<(&'a str, &'a str)>> {
    let rest = record.strip_prefix(version)?.strip_prefix(';')?;
    let mut fields = Vec::new();
    let mut pieces = rest.split(';').map(blankless).peekable();
    while let Some(piece) = pieces.next() {
        if piece.is_empty() && pieces.peek().is_none() {
            break;
        }
        let (name, value) = piece.split_once('=')?;
        if !is_name(name) || value.is_empty() || !value.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
            return None;
        }
        fields.push((name, value));
    }
    Some(fields)
}

/// WSP is blank and tab.
fn blankless(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_name(name: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    name.len() <= 32 && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && name.bytes().all(fine)
}
