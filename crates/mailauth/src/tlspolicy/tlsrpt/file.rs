//! A report as a file, packed or not, and as a part of a letter (RFC 8460 sections 5.1 to 5.3).

use std::io::{Read as _, Write as _};

use envelope::Domain;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use message::mime::Structure;

use super::Report;
use crate::limits::{REPORT_JSON_OCTETS_MAX, REPORT_OCTETS_MAX};

/// A packed report.
pub const MEDIA_TYPE_GZIP: &str = "application/tlsrpt+gzip";
/// A report that is not packed.
pub const MEDIA_TYPE_JSON: &str = "application/tlsrpt+json";

/// Why there is no report in these octets.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Over one of the limits.
    #[error("it is too large for a report")]
    TooLarge,
    /// It begins as gzip and does not go on so.
    #[error("it cannot be unpacked: {0}")]
    Gzip(#[source] std::io::Error),
    /// It is no JSON, or not the JSON of a report.
    #[error("it is no report: {0}")]
    Json(#[from] serde_json::Error),
    /// A letter without a report in it.
    #[error("the letter has no part of the type {MEDIA_TYPE_GZIP} or {MEDIA_TYPE_JSON}")]
    NoPart,
}

/// The JSON of a report, packed.
pub fn pack(report: &Report) -> Result<Vec<u8>, FileError> {
    let json = serde_json::to_vec(report)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&json).map_err(FileError::Gzip)?;
    encoder.finish().map_err(FileError::Gzip)
}

/// Reads a report out of whatever it came in: JSON, packed JSON, or a letter with either in it.
pub fn unpack(octets: &[u8]) -> Result<Report, FileError> {
    if octets.len() > REPORT_OCTETS_MAX {
        return Err(FileError::TooLarge);
    }
    match octets {
        [0x1f, 0x8b, ..] => json(&gunzip(octets)?),
        _ if begins_as_json(octets) => json(octets),
        _ => letter(octets),
    }
}

/// `sender!domain!begin!end!id.json.gz`, times in seconds since 1970 (RFC 8460 section 5.1).
pub fn file_name(sender: &Domain, domain: &Domain, report: &Report) -> String {
    let range = &report.date_range;
    let (begin, end) = (range.start_datetime.0.seconds(), range.end_datetime.0.seconds());
    let unique: String = report.report_id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("{sender}!{domain}!{begin}!{end}!{unique}.json.gz")
}

fn begins_as_json(octets: &[u8]) -> bool {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    octets.trim_ascii_start().first() == Some(&b'{')
}

fn json(octets: &[u8]) -> Result<Report, FileError> {
    Ok(serde_json::from_slice(octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets))?)
}

fn gunzip(octets: &[u8]) -> Result<Vec<u8>, FileError> {
    let mut out = Vec::new();
    let limit = REPORT_JSON_OCTETS_MAX as u64;
    MultiGzDecoder::new(octets).take(limit + 1).read_to_end(&mut out).map_err(FileError::Gzip)?;
    if out.len() as u64 > limit { Err(FileError::TooLarge) } else { Ok(out) }
}

/// The first part of a letter that has the type of a report, or else the name of one: some mailers know no better than
/// application/octet-stream.
fn letter(octets: &[u8]) -> Result<Report, FileError> {
    let structure = Structure::parse(octets);
    for part in structure.parts() {
        let kind = part.content.content_type.to_string().to_ascii_lowercase();
        let name = part.content.file_name().unwrap_or_default().to_ascii_lowercase();
        let typed = kind == MEDIA_TYPE_GZIP || kind == MEDIA_TYPE_JSON;
        let named = [".json", ".json.gz"].iter().any(|end| name.ends_with(end));
        if typed || named {
            let body = part.decoded(octets);
            return if body.starts_with(&[0x1f, 0x8b]) { json(&gunzip(&body)?) } else { json(&body) };
        }
    }
    Err(FileError::NoPart)
}
