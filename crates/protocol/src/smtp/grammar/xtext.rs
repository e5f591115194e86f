//! xtext (RFC 3461 section 4): printable ASCII, where `+XX` stands for the octet XX.

/// `xtext = *( xchar / hexchar )`. `None` when it is not well formed.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => {
                let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
                out.push(high << 4 | low);
            }
            b'=' => return None,
            b'!'..=b'~' => out.push(byte),
            _ => return None,
        }
    }
    Some(out)
}

/// `hexchar = "+" 2(%x30-39 / %x41-46)`: upper case only.
fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The other way.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'+' | b'=' | 0..=b' ' | 0x7f.. => {
                out.push('+');
                out.extend(DIGITS.get(usize::from(byte >> 4)));
                out.extend(DIGITS.get(usize::from(byte & 15)));
            }
            other => out.push(char::from(*other)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for bytes in [b"QQ314159".as_slice(), b"", b"a+b=c d", &[0, 255, b'~', b'!']] {
            assert_eq!(decode(&encode(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(encode(b"a+b c"), "a+2Bb+20c");
        for bad in ["+", "+2", "+2b", "+GG", "a=b", "a b", "é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
