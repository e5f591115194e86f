//! Charsets, by their labels, into UTF-8. Nothing fails: what is no text in its charset becomes U+FFFD.

use std::borrow::Cow;

use super::utf7;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text without a charset, such as a raw 8-bit header field (RFC 6532, or older sins): UTF-8 when it is UTF-8, and
/// Windows-1252 otherwise.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// The charset of that label, if it is known.
fn by_label(label: &str) -> Option<&'static Encoding> {
    let label = label.trim().trim_matches(['"', '\'']);
    Encoding::for_label_no_replacement(label.as_bytes()).or_else(|| {
        let name = label.to_ascii_lowercase();
        let alias = match name.as_str() {
            "utf8mb4" | "utf-8n" | "utf_8" => "utf-8",
            "latin-1" | "iso-latin-1" | "iso8859_1" => "iso-8859-1",
            "gb_18030" => "gb18030",
            "ks_c_5601" | "ksc5601" | "cp949" | "ms949" | "uhc" => "euc-kr",
            "cp932" | "sjis" | "ms932" => "shift_jis",
            "cp936" | "ms936" => "gbk",
            "cp950" => "big5",
            other => {
                let digits = other.strip_prefix("cp-").or(other.strip_prefix("cp")).or(other.strip_prefix("win-"))?;
                return Encoding::for_label_no_replacement(format!("windows-{digits}").as_bytes());
            }
        };
        Encoding::for_label_no_replacement(alias.as_bytes())
    })
}

/// Whether text under this label may as well be UTF-8: senders write `us-ascii` over anything.
fn promises_nothing(label: &str) -> bool {
    let label = label.trim();
    label.is_empty()
        || ["us-ascii", "ascii", "unknown-8bit", "x-unknown", "8bit", "default"]
            .iter()
            .any(|name| label.eq_ignore_ascii_case(name))
}

/// Decodes `bytes` by the charset label that came with them, as far as it is known; by [`text_of`] otherwise.
pub fn decode<'a>(label: &str, bytes: &'a [u8]) -> Cow<'a, str> {
    if promises_nothing(label) {
        return text_of(bytes);
    }
    if utf7::is_label(label) {
        return Cow::Owned(utf7::decode(bytes));
    }
    match by_label(label) {
        // A header in broken UTF-8 is mostly Latin text with a wrong label, or a cut character: the loss is local.
        Some(charset) if charset == UTF_8 => String::from_utf8_lossy(bytes),
        Some(charset) if charset == UTF_16BE || charset == UTF_16LE => charset.decode(bytes).0,
        Some(charset) => charset.decode_without_bom_handling(bytes).0,
        None => text_of(bytes),
    }
}

/// Whether the label names a charset that can be decoded.
pub fn is_known(label: &str) -> bool {
    promises_nothing(label) || utf7::is_label(label) || by_label(label).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        assert_eq!(decode("utf-8", "κ".as_bytes()), "κ");
        assert_eq!(decode("ISO-8859-7", b"\xea"), "κ");
        assert_eq!(decode("cp1253", b"\xea"), "κ");
        assert_eq!(decode("us-ascii", "κ".as_bytes()), "κ");
        assert_eq!(decode("us-ascii", b"caf\xe9"), "café");
        assert_eq!(decode("no-such", b"caf\xe9"), "café");
        assert_eq!(decode("utf-8", b"caf\xe9!"), "caf\u{fffd}!");
        assert_eq!(decode("iso-2022-jp", b"\x1b$B$\"\x1b(B"), "あ");
        assert_eq!(decode("UTF-7", b"1 +- 1, +A7o- +A7oDsQ"), "1 + 1, κ κα");
        assert!(!is_known("x-klingon"));
    }
}
