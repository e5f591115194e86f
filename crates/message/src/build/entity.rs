//! A MIME entity to be written: a leaf, a message, or parts.

use memchr::memmem;

use crate::encoding::{TransferEncoding, base64, quoted_printable};
use crate::limits::LINE_OCTETS_MAX;
use crate::mime::{ContentType, Disposition, Parameters};

use super::FieldWriter;

/// What an entity holds.
#[derive(Debug, Clone)]
enum Body {
    Text(String),
    Octets(Vec<u8>),
    Message(Vec<u8>),
    Parts(Vec<Entity>),
}

/// A part to be written, with its Content-* fields.
#[derive(Debug, Clone)]
pub struct Entity {
    content_type: ContentType,
    disposition: Option<Disposition>,
    id: Option<String>,
    description: Option<String>,
    body: Body,
}

impl Entity {
    fn new(content_type: ContentType, body: Body) -> Self {
        Self { content_type, disposition: None, id: None, description: None, body }
    }

    /// `text/subtype`, in UTF-8 on the wire. Any line end in `text` is written as CRLF.
    pub fn text(subtype: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut content_type = ContentType::new("text", subtype);
        content_type.parameters.set("charset", if text.is_ascii() { "us-ascii" } else { "utf-8" });
        Self::new(content_type, Body::Text(text))
    }

    /// Octets of some type, written in base64.
    pub fn octets(content_type: ContentType, octets: Vec<u8>) -> Self {
        Self::new(content_type, Body::Octets(octets))
    }

    /// An attachment with its file name.
    pub fn attachment(file_name: &str, content_type: ContentType, octets: Vec<u8>) -> Self {
        Self::octets(content_type, octets).with_disposition("attachment", Some(file_name))
    }

    /// `message/rfc822`: a whole message, which travels as it is (RFC 2046 section 5.2.1).
    pub fn message(octets: Vec<u8>) -> Self {
        Self::new(ContentType::new("message", "rfc822"), Body::Message(octets))
    }

    /// `multipart/subtype`.
    pub fn multipart(subtype: &str, parts: Vec<Entity>) -> Self {
        Self::new(ContentType::new("multipart", subtype), Body::Parts(parts))
    }

    /// Sets Content-Disposition.
    #[must_use]
    pub fn with_disposition(mut self, kind: &str, file_name: Option<&str>) -> Self {
        let mut parameters = Parameters::default();
        if let Some(name) = file_name {
            parameters.set("filename", name);
        }
        self.disposition = Some(Disposition { kind: kind.to_ascii_lowercase(), parameters });
        self
    }

    /// Sets Content-ID, given without angle brackets.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets Content-Description.
    #[must_use]
    pub fn with_description(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }

    /// Adds a parameter to Content-Type.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.content_type.parameters.set(name, value);
        self
    }

    /// Writes the Content-* fields, an empty line, and the body. `seed` makes the boundaries: something that no
    /// sender can guess.
    pub fn write(&self, seed: &str, out: &mut Vec<u8>) {
        let mut fields = FieldWriter::new();
        if let Body::Parts(parts) = &self.body {
            let written: Vec<Vec<u8>> = parts
                .iter()
                .map(|part| {
                    let mut octets = Vec::new();
                    part.write(seed, &mut octets);
                    octets
                })
                .collect();
            let boundary = boundary(seed, &written);
            let mut content_type = self.content_type.clone();
            content_type.parameters.set("boundary", boundary.as_str());
            self.fields(&content_type, &TransferEncoding::SevenBit, &mut fields);
            out.extend_from_slice(fields.into_string().as_bytes());
            out.extend_from_slice(b"\r\n");
            for octets in &written {
                out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                out.extend_from_slice(octets);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            return;
        }
        let (encoding, octets) = self.encoded();
        self.fields(&self.content_type, &encoding, &mut fields);
        out.extend_from_slice(fields.into_string().as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&octets);
    }

    fn fields(&self, content_type: &ContentType, encoding: &TransferEncoding, fields: &mut FieldWriter) {
        fields.parameters("Content-Type", &content_type.to_string(), &content_type.parameters);
        if *encoding != TransferEncoding::SevenBit {
            fields.structured("Content-Transfer-Encoding", encoding.as_str());
        }
        if let Some(disposition) = &self.disposition {
            fields.parameters("Content-Disposition", &disposition.kind, &disposition.parameters);
        }
        if let Some(id) = &self.id {
            fields.message_ids("Content-ID", [id.as_str()]);
        }
        if let Some(description) = &self.description {
            fields.text("Content-Description", description);
        }
    }

    fn encoded(&self) -> (TransferEncoding, Vec<u8>) {
        match &self.body {
            Body::Text(text) => encode_text(text),
            Body::Octets(octets) => (TransferEncoding::Base64, base64::encode_lines(octets)),
            Body::Message(octets) => (identity(octets), octets.clone()),
            Body::Parts(_) => (TransferEncoding::SevenBit, Vec::new()),
        }
    }
}

/// `=_` stands in no base64 and in no quoted-printable text (RFC 2045 section 6.7); what travels as it is, is looked
/// through.
fn boundary(seed: &str, written: &[Vec<u8>]) -> String {
    let seed: String = seed.chars().filter(char::is_ascii_alphanumeric).take(48).collect();
    let mut number = 0u32;
    loop {
        let boundary = format!("=_{seed}_{number}");
        let taken = |octets: &Vec<u8>| memmem::find(octets, boundary.as_bytes()).is_some();
        if !written.iter().any(taken) {
            return boundary;
        }
        number = number.wrapping_add(1);
    }
}

fn identity(octets: &[u8]) -> TransferEncoding {
    let long = octets.split(|b| *b == b'\n').any(|line| line.len() > LINE_OCTETS_MAX + 1);
    if long || octets.contains(&0) {
        TransferEncoding::Binary
    } else if octets.is_ascii() {
        TransferEncoding::SevenBit
    } else {
        TransferEncoding::EightBit
    }
}

fn encode_text(text: &str) -> (TransferEncoding, Vec<u8>) {
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let fine = |line: &&str| {
        line.len() <= LINE_OCTETS_MAX
            && line.bytes().all(|b| b == b'\t' || (32..=126).contains(&b))
            && !line.ends_with([' ', '\t'])
            && !line.starts_with("From ")
            && *line != "."
    };
    let canonical = lines.join("\r\n");
    if lines.iter().all(fine) {
        return (TransferEncoding::SevenBit, canonical.into_bytes());
    }
    let quoted = quoted_printable::encode_text(canonical.as_bytes());
    if quoted.len() <= canonical.len() / 57 * 78 + 80 {
        return (TransferEncoding::QuotedPrintable, quoted);
    }
    (TransferEncoding::Base64, base64::encode_lines(canonical.as_bytes()))
}
