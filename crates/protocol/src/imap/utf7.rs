//! Modified UTF-7, the encoding of mailbox names (RFC 3501 section 5.1.3), both ways.
//!
//! Decoding refuses what the standard forbids: base 64 of printable US-ASCII, superfluous shifts, unpaired
//! surrogates, set padding bits. Otherwise one mailbox would have two names.

/// The bytes are no modified UTF-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not modified UTF-7")]
pub struct Utf7Error;

/// The digits of base 64, with `,` for `/`.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

fn is_direct(character: char) -> bool {
    matches!(character, ' '..='~')
}

/// UTF-8 to modified UTF-7.
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut shifted: Vec<u16> = Vec::new();
    for character in name.chars() {
        if is_direct(character) {
            flush(&mut out, &mut shifted);
            out.push(character);
            if character == '&' {
                out.push('-');
            }
        } else {
            shifted.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
    }
    flush(&mut out, &mut shifted);
    out
}

/// Writes the waiting UTF-16 units as one shifted run.
fn flush(out: &mut String, units: &mut Vec<u16>) {
    if units.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0u32, 0u32);
    let mut digit = |value: u32| {
        let index = usize::try_from(value & 63).unwrap_or(0);
        out.push(char::from(DIGITS.get(index).copied().unwrap_or(b'A')));
    };
    for unit in units.drain(..) {
        bits = (bits << 16) | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            digit(bits >> count);
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        digit(bits << (6 - count));
    }
    out.push('-');
}

/// Modified UTF-7 to UTF-8. Octets over 127 are taken as UTF-8, which some clients send raw.
pub fn decode(bytes: &[u8]) -> Result<String, Utf7Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Utf7Error)?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Where the last shifted run ended: another one right behind it is superfluous.
    let mut after_run = false;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        if character.is_control() {
            return Err(Utf7Error);
        }
        if character != '&' {
            out.push(character);
            after_run = false;
            continue;
        }
        let (run, tail) = rest.split_once('-').ok_or(Utf7Error)?;
        rest = tail;
        if run.is_empty() {
            out.push('&');
            after_run = false;
        } else if after_run {
            return Err(Utf7Error);
        } else {
            decode_run(run, &mut out)?;
            after_run = true;
        }
    }
    Ok(out)
}

/// One run between `&` and `-`.
fn decode_run(run: &str, out: &mut String) -> Result<(), Utf7Error> {
    let (mut bits, mut count) = (0u32, 0u32);
    let mut units: Vec<u16> = Vec::with_capacity(run.len() / 2);
    for byte in run.bytes() {
        let digit = DIGITS.iter().position(|d| *d == byte).and_then(|d| u32::try_from(d).ok()).ok_or(Utf7Error)?;
        bits = (bits << 6) | digit;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from((bits >> count) & 0xffff).map_err(|_| Utf7Error)?);
            bits &= (1 << count) - 1;
        }
    }
    if count >= 6 || bits != 0 {
        return Err(Utf7Error);
    }
    for unit in char::decode_utf16(units) {
        let character = unit.map_err(|_| Utf7Error)?;
        if is_direct(character) || character.is_control() {
            return Err(Utf7Error);
        }
        out.push(character);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_names() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Tom & Jerry", "Tom &- Jerry"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Αθήνα", "&A5EDuAOuA70DsQ-"),
            ("📮", "&2D3c7g-"),
            ("a📮b", "a&2D3c7g-b"),
            ("&", "&-"),
            ("", ""),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()).as_deref(), Ok(name));
        }
        assert_eq!(decode("Entwürfe".as_bytes()).as_deref(), Ok("Entwürfe"));
    }

    #[test]
    fn hostile_names() {
        for wire in [
            "&",
            "&&",
            "&!!-",
            "R&D",
            "&AGE-",
            "&ACY-",
            "&AAA-",
            "&AAo-",
            "&2D3c7g",
            "&2D0-",
            "&3O4-",
            "&APx-",
            "&APwA-",
            "&AP-",
            "&A-",
            "&APw-&AP0-",
            "a\nb",
            "a\0b",
            "&/wA-",
            "&=-",
            "& -",
            "&\u{fc}-",
        ] {
            assert_eq!(decode(wire.as_bytes()), Err(Utf7Error), "{wire:?}");
        }
        assert_eq!(decode(b"\xff"), Err(Utf7Error));
        assert_eq!(decode(b"&-&-").as_deref(), Ok("&&"));
        assert_eq!(decode(b"&APw-&-&APw-").as_deref(), Ok("ü&ü"));
    }

    proptest! {
        #[test]
        fn round_trip(name in "\\PC*") {
            prop_assert_eq!(decode(encode(&name).as_bytes()), Ok(name.clone()));
        }

        #[test]
        fn one_mailbox_has_one_name(wire in "[&A-Ca-c,+-]{0,12}") {
            if let Ok(name) = decode(wire.as_bytes()) {
                prop_assert_eq!(encode(&name), wire);
            }
        }
    }
}
