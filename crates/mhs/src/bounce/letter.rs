//! What a notice takes from the letter that it is about: its header or all of it, its subject, its id.

use message::dsn::Returned;
use message::header::{Header, HeaderCollector, Progress};
use storage::{Body, Error};

use crate::Context;
use crate::limits::HEADER_OCTETS_MAX;

/// Octets of one read.
const PIECE: u64 = 64 * 1024;

/// The letter, as far as it is returned.
pub(super) struct Letter {
    pub(super) returned: Returned,
    pub(super) octets: Vec<u8>,
    pub(super) subject: Option<String>,
    pub(super) message_id: Option<String>,
}

/// Reads it. A letter that cannot be read any more does not keep its sender from being told.
pub(super) async fn read(context: &Context, about: &queue::Mail, full_octets_max: u64) -> Result<Letter, Error> {
    match take(context, about, full_octets_max).await {
        Ok(letter) => Ok(letter),
        Err(error @ (Error::Damaged(_) | Error::NoBody(_))) => {
            context.fault(None, Some(about.id), "notice", &error);
            Ok(Letter { returned: Returned::Nothing, octets: Vec::new(), subject: None, message_id: None })
        }
        Err(error) => Err(error),
    }
}

async fn take(context: &Context, about: &queue::Mail, full_octets_max: u64) -> Result<Letter, Error> {
    let body = context.store.open(about.body).await?;
    let start = after_return_path(&body).await?;
    let header = header(&body, start).await?;
    let letter = of_header(&header);
    let octets = body.len() - start;
    if octets > 0 && octets <= full_octets_max {
        let mut whole = Vec::with_capacity(usize::try_from(octets).unwrap_or(0));
        let mut at = start;
        while at < body.len() {
            let piece = body.read(at..at + PIECE).await?;
            if piece.is_empty() {
                break;
            }
            at += piece.len() as u64;
            whole.extend_from_slice(&piece);
        }
        return Ok(Letter { returned: Returned::Full, octets: whole, ..letter });
    }
    Ok(letter)
}

/// A letter of which only the header is returned.
pub(super) fn of_header(header: &[u8]) -> Letter {
    let parsed = Header::parse(header);
    let subject = parsed.get("subject").map(|field| field.text());
    let message_id = parsed.get("message-id").map(|field| field.text());
    let message_id = message_id.map(|id| id.trim().trim_start_matches('<').trim_end_matches('>').to_owned());
    let message_id = message_id.filter(|id| !id.is_empty());
    Letter { returned: Returned::Headers, octets: parsed.bytes().to_vec(), subject, message_id }
}

/// The first line is ours, for the mailboxes here; the letter begins behind it.
pub(crate) async fn after_return_path(body: &Body) -> Result<u64, Error> {
    let first = body.read(0..4096.min(body.len())).await?;
    if !first.starts_with(b"Return-Path: ") {
        return Ok(0);
    }
    let end = first.windows(2).position(|pair| pair == b"\r\n");
    Ok(end.map_or(0, |end| end as u64 + 2))
}

/// The header section that begins at `start`, cut at its limit.
async fn header(body: &Body, start: u64) -> Result<Vec<u8>, Error> {
    let mut collector = HeaderCollector::new(HEADER_OCTETS_MAX);
    let mut at = start;
    while at < body.len() {
        let piece = body.read(at..at + PIECE).await?;
        if piece.is_empty() || !matches!(collector.push(&piece), Progress::More) {
            break;
        }
        at += piece.len() as u64;
    }
    Ok(collector.into_bytes())
}
