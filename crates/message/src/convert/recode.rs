//! A body in another transfer encoding.

use memchr::memchr;

use super::plain::Plain;
use crate::encoding::{TransferEncoding, base64, quoted_printable};
use crate::mime::{Content, ContentType};

/// What may not be encoded, since a reader would not look through the encoding (RFC 2045 section 6.4): a multipart whose
/// parts were not found, a message that was not looked into, and what RFC 2046 section 5.2 says is 7bit always.
pub(super) fn forbidden(content_type: &ContentType) -> bool {
    let fragment = content_type.is("message", "partial") || content_type.is("message", "external-body");
    content_type.is_multipart() || content_type.is("message", "rfc822") || fragment
}

/// The body in quoted-printable or base64, decoded first where it is in one of them already and was damaged.
pub(super) fn encode(content: &Content, body: &[u8]) -> (TransferEncoding, Vec<u8>) {
    let octets = content.encoding.decode(body);
    let kind = content.content_type.kind.as_str();
    let is_text = (kind == "text" || kind == "message") && memchr(0, &octets).is_none();
    // What was declared binary, or written in escapes, is what it is to the octet; elsewhere a bare LF is a line end.
    let exact = content.encoding == TransferEncoding::Binary || !content.encoding.is_identity();
    let lines = is_text && !(exact && Plain::of(&octets).bare);
    if lines && quoted_octets(&octets) <= octets.len() / 57 * 78 + 80 {
        return (TransferEncoding::QuotedPrintable, quoted_printable::encode_text(&octets));
    }
    (TransferEncoding::Base64, base64::encode_lines(&octets))
}

/// About as many octets as quoted-printable takes.
fn quoted_octets(octets: &[u8]) -> usize {
    let escaped = octets.iter().filter(|b| !matches!(b, b'\t' | b'\r' | b'\n' | b' '..=b'<' | b'>'..=b'~')).count();
    let quoted = octets.len().saturating_add(escaped.saturating_mul(2));
    quoted.saturating_add(quoted / 75 * 3)
}
