//! xtext, the wire form of ENVID and ORCPT (RFC 3461 section 4), and the escapes of UTF-8 addresses (RFC 6533
//! section 3).

use std::fmt::Write;

/// Why a text is no xtext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XtextError {
    /// A `+` without two hex digits in upper case behind it.
    #[error("a + is not followed by two hex digits")]
    Escape,
    /// A character that must be escaped.
    #[error("it holds a character that must be escaped")]
    Character,
}

/// Decodes xtext into octets: `xtext = *( xchar / hexchar ); hexchar = "+" 2(%x30-39 / %x41-46)`.
pub fn decode(text: &str) -> Result<Vec<u8>, XtextError> {
    let hex = |byte: Option<u8>| match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        // The grammar has upper case only; both are read.
        Some(letter @ (b'A'..=b'F' | b'a'..=b'f')) => Ok((letter & 0xdf) - b'A' + 10),
        _ => Err(XtextError::Escape),
    };
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => {
                let high = hex(bytes.next())?;
                out.push(high << 4 | hex(bytes.next())?);
            }
            b'=' => return Err(XtextError::Character),
            33..=126 => out.push(byte),
            _ => return Err(XtextError::Character),
        }
    }
    Ok(out)
}

/// Encodes octets as xtext.
pub fn encode(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    for byte in octets {
        match byte {
            b'+' | b'=' => {
                let _ = write!(out, "+{byte:02X}");
            }
            33..=126 => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "+{byte:02X}");
            }
        }
    }
    out
}

/// Decodes the `\x{HEX}` escapes of a UTF-8 address (RFC 6533 section 3); what is no escape stands as it is.
pub fn decode_unitext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x{") {
        out.push_str(before);
        // Six digits are the most that a code point has.
        let digits = after.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        let point = after.get(..digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match (point.and_then(char::from_u32), after.get(digits..).and_then(|tail| tail.strip_prefix('}'))) {
            (Some(c), Some(tail)) => {
                out.push(c);
                rest = tail;
            }
            _ => {
                out.push_str("\\x{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
