//! Base64 as the carrying protocols want it (RFC 4648 section 4): padded, without line breaks, strictly decoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Decodes one message. `None` when it is not base64, white space included.
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Decodes an initial response, where `=` alone stands for an empty message (RFC 4954 section 4, RFC 5034 section 4,
/// RFC 4959 section 3).
pub fn decode_initial_response(text: &[u8]) -> Option<Vec<u8>> {
    if text == b"=" { Some(Vec::new()) } else { decode_base64(text) }
}

/// Encodes one message.
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
