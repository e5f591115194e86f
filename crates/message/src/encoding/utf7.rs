//! UTF-7 (RFC 2152), which old mail is written in and which encoding_rs leaves to us. Reading only: nobody should write
//! it any more.

/// Whether a charset label means UTF-7.
pub(super) fn is_label(label: &str) -> bool {
    let label = label.trim();
    ["utf-7", "utf7", "unicode-1-1-utf-7"].iter().any(|known| label.eq_ignore_ascii_case(known))
}

fn sextet(byte: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Decodes; half a surrogate pair becomes U+FFFD, and what should not be there stands as it is.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(bytes.len());
    let mut input = bytes.iter().copied().peekable();
    while let Some(byte) = input.next() {
        if byte != b'+' {
            // Octets beyond ASCII have no meaning here; Latin-1 is the best guess.
            units.push(u16::from(byte));
            continue;
        }
        if input.next_if_eq(&b'-').is_some() {
            units.push(u16::from(b'+'));
            continue;
        }
        let (mut bits, mut count) = (0u32, 0);
        while let Some(value) = input.peek().copied().and_then(sextet) {
            input.next();
            bits = (bits << 6 | value) & 0xff_ffff;
            count += 6;
            if count >= 16 {
                count -= 16;
                units.push((bits >> count) as u16);
            }
        }
        input.next_if_eq(&b'-');
    }
    String::from_utf16_lossy(&units)
}
