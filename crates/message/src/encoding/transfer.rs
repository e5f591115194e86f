//! Content-Transfer-Encoding, and one streaming decoder for all of them.

use std::borrow::Cow;

use super::{base64, quoted_printable};

/// `encoding := "Content-Transfer-Encoding" ":" mechanism` (RFC 2045 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum TransferEncoding {
    /// `7bit`, the default.
    #[default]
    SevenBit,
    /// `8bit`
    EightBit,
    /// `binary`
    Binary,
    /// `base64`
    Base64,
    /// `quoted-printable`
    QuotedPrintable,
    /// Any other word. Such a body is opaque (RFC 2045 section 6.4).
    Other(Box<str>),
}

impl TransferEncoding {
    /// Reads the field's value; comments and a final semicolon are let pass.
    pub fn parse(value: &str) -> Self {
        let word = value.split([';', '(', ' ', '\t']).find(|word| !word.is_empty()).unwrap_or_default();
        let known = [
            ("7bit", Self::SevenBit),
            ("8bit", Self::EightBit),
            ("binary", Self::Binary),
            ("base64", Self::Base64),
            ("quoted-printable", Self::QuotedPrintable),
            ("7-bit", Self::SevenBit),
            ("8-bit", Self::EightBit),
        ];
        match known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            Some((_, encoding)) => encoding,
            None if word.is_empty() => Self::SevenBit,
            None => Self::Other(word.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()),
        }
    }

    /// Its name in MIME.
    pub fn as_str(&self) -> &str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::Base64 => "base64",
            Self::QuotedPrintable => "quoted-printable",
            Self::Other(name) => name,
        }
    }

    /// Whether the octets on the wire are the content itself.
    pub fn is_identity(&self) -> bool {
        !matches!(self, Self::Base64 | Self::QuotedPrintable)
    }

    /// Decodes a whole body.
    pub fn decode<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Base64 => Cow::Owned(base64::decode(body)),
            Self::QuotedPrintable => Cow::Owned(quoted_printable::decode(body)),
            _ => Cow::Borrowed(body),
        }
    }

    /// A decoder for a body that arrives in pieces.
    pub fn decoder(&self) -> Decoder {
        match self {
            Self::Base64 => Decoder::Base64(base64::Decoder::default()),
            Self::QuotedPrintable => Decoder::QuotedPrintable(quoted_printable::Decoder::default()),
            _ => Decoder::Identity,
        }
    }
}

/// Decodes a body that arrives in pieces.
#[derive(Debug, Clone)]
pub enum Decoder {
    /// Nothing to do.
    Identity,
    /// base64
    Base64(base64::Decoder),
    /// quoted-printable
    QuotedPrintable(quoted_printable::Decoder),
}

impl Decoder {
    /// Decodes `input` and appends to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Identity => out.extend_from_slice(input),
            Self::Base64(decoder) => decoder.push(input, out),
            Self::QuotedPrintable(decoder) => decoder.push(input, out),
        }
    }

    /// The body has ended.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Identity => {}
            Self::Base64(decoder) => decoder.finish(out),
            Self::QuotedPrintable(decoder) => decoder.finish(out),
        }
    }
}
