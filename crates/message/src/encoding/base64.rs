//! Base64 (RFC 2045 section 6.8). The decoder skips what is not of the alphabet and takes joined streams, as the RFC
//! asks of mail; the encoder writes lines of 76.

/// Octets of a full line of encoded text.
const LINE_OCTETS: usize = 76;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SKIP: u8 = 64;
const PAD: u8 = 65;

/// The value of each octet: 0-63, or to be skipped, or padding.
// Indexed by the compiler, which would refuse an index out of bounds.
#[allow(clippy::indexing_slicing)]
const VALUES: [u8; 256] = {
    let mut table = [SKIP; 256];
    let mut i = 0;
    while i < 64 {
        table[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    table[b'=' as usize] = PAD;
    table
};

/// Decodes base64 that arrives in pieces, cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    bits: u32,
    count: u8,
}

impl Decoder {
    /// Decodes `input` and appends to `out`: at most three octets for four.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() / 4 * 3 + 3);
        for byte in input {
            let value = VALUES.get(usize::from(*byte)).copied().unwrap_or(SKIP);
            if value < 64 {
                self.bits = (self.bits << 6) | u32::from(value);
                self.count += 1;
                if self.count == 4 {
                    let [_, a, b, c] = self.bits.to_be_bytes();
                    out.extend_from_slice(&[a, b, c]);
                    (self.bits, self.count) = (0, 0);
                }
            } else if value == PAD {
                self.finish(out);
            }
        }
    }

    /// Appends what the last, short group holds. A single left-over character holds no octet.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.count {
            2 => out.push((self.bits >> 4) as u8),
            3 => out.extend_from_slice(&[(self.bits >> 10) as u8, (self.bits >> 2) as u8]),
            _ => {}
        }
        (self.bits, self.count) = (0, 0);
    }
}

/// Decodes the whole.
pub fn decode(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = Decoder::default();
    decoder.push(input, &mut out);
    decoder.finish(&mut out);
    out
}

fn encode_group(group: &[u8], out: &mut Vec<u8>) {
    let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
    let bits = (at(0) << 16) | (at(1) << 8) | at(2);
    for place in 0..4 {
        let digit = (bits >> (18 - 6 * place)) & 63;
        out.push(if place > group.len() { b'=' } else { ALPHABET.get(digit as usize).copied().unwrap_or(b'=') });
    }
}

/// Encodes without any line end: for encoded words and SASL-like uses.
pub fn encode(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len().div_ceil(3) * 4);
    for group in input.chunks(3) {
        encode_group(group, &mut out);
    }
    out
}

/// Encodes a body that arrives in pieces, in lines of 76 characters ended by CRLF.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    kept: Vec<u8>,
    column: usize,
}

impl Encoder {
    /// Encodes what makes full groups and appends to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut input = input;
        if !self.kept.is_empty() {
            let (head, tail) = input.split_at((3 - self.kept.len()).min(input.len()));
            self.kept.extend_from_slice(head);
            input = tail;
            if self.kept.len() < 3 {
                return;
            }
            let group = std::mem::take(&mut self.kept);
            self.group(&group, out);
        }
        let groups = input.chunks_exact(3);
        self.kept.extend_from_slice(groups.remainder());
        for group in groups {
            self.group(group, out);
        }
    }

    /// Encodes the rest and ends the last line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let group = std::mem::take(&mut self.kept);
        if !group.is_empty() {
            self.group(&group, out);
        }
        if self.column > 0 {
            out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
    }

    fn group(&mut self, group: &[u8], out: &mut Vec<u8>) {
        encode_group(group, out);
        self.column += 4;
        if self.column == LINE_OCTETS {
            out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
    }
}

/// Encodes a whole body in lines.
pub fn encode_lines(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len() / 57 * 78 + 80);
    let mut encoder = Encoder::default();
    encoder.push(input, &mut out);
    encoder.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(encode(plain.as_bytes()), coded.as_bytes());
            assert_eq!(decode(coded.as_bytes()), plain.as_bytes());
        }
        for (coded, plain) in [("Zg", "f"), ("Zm\r\n 9v!", "foo"), ("Zg==Zg==", "ff"), ("Z", ""), ("====", "")] {
            assert_eq!(decode(coded.as_bytes()), plain.as_bytes(), "{coded}");
        }
        assert_eq!(encode_lines(&[0; 58]), format!("{}\r\nAA==\r\n", "A".repeat(76)).into_bytes());
    }

    proptest! {
        #[test]
        fn round_trip(data: Vec<u8>, step in 1usize..100) {
            prop_assert_eq!(&decode(&encode(&data)), &data);
            let mut coded = Vec::new();
            let mut encoder = Encoder::default();
            data.chunks(step).for_each(|chunk| encoder.push(chunk, &mut coded));
            encoder.finish(&mut coded);
            prop_assert_eq!(&coded, &encode_lines(&data));
            prop_assert!(coded.split(|b| *b == b'\n').all(|line| line.len() <= 77));
            let mut plain = Vec::new();
            let mut decoder = Decoder::default();
            coded.chunks(step).for_each(|chunk| decoder.push(chunk, &mut plain));
            decoder.finish(&mut plain);
            prop_assert_eq!(plain, data);
        }

        #[test]
        fn pieces_change_nothing(data: Vec<u8>, step in 1usize..20) {
            let mut plain = Vec::new();
            let mut decoder = Decoder::default();
            data.chunks(step).for_each(|chunk| decoder.push(chunk, &mut plain));
            decoder.finish(&mut plain);
            prop_assert_eq!(plain, decode(&data));
        }
    }
}
