//! The letter as a next hop can take it: in pieces from the store, or in 7 bits for a server that knows no 8BITMIME (RFC
//! 6152 section 3), or no BINARYMIME (RFC 3030 section 4).
//!
//! A letter that has to be converted is held in memory for that, as no other is: so many octets at once as
//! [`Converting`] lets through, others wait for them. It is converted once, whatever hosts are asked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use envelope::{BodyType, Reply};
use message::convert::to_seven_bit;
use message::limits::CONVERTED_FIELDS_OCTETS_MAX;
use protocol::smtp::client::Extensions;
use storage::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Batch;
use crate::Context;
use crate::bounce::after_return_path;
use crate::limits::{
    HEADER_OCTETS_MAX, OUTBOUND_CONVERTED_OCTETS_MAX, OUTBOUND_CONVERTING_PATIENCE, OUTBOUND_PIECE_OCTETS,
};

/// Memory for letters that are being converted, and for those that were and are on their way.
#[derive(Debug, Clone)]
pub(super) struct Converting {
    /// In KiB.
    free: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Converting {
    fn default() -> Self {
        let kibibytes = usize::try_from(memory_of(OUTBOUND_CONVERTED_OCTETS_MAX)).unwrap_or(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(kibibytes)), patience: OUTBOUND_CONVERTING_PATIENCE }
    }
}

/// KiB for a letter of so many octets: as it was, and up to half as long again as it will be, and what its header fields
/// grow by.
fn memory_of(octets: u64) -> u32 {
    let octets = octets.saturating_mul(5) / 2 + CONVERTED_FIELDS_OCTETS_MAX as u64;
    u32::try_from(octets / 1024 + 1).unwrap_or(u32::MAX)
}

/// The letter's bytes.
pub(super) struct Letter {
    /// Says which address of ours sent it on, so that it is known when it comes back.
    delivered_to: Bytes,
    body: Body,
    /// Where it begins for others: a Return-Path is for our own mailboxes only (RFC 5321 section 4.4).
    start: u64,
    marked: BodyType,
    converted: Option<(Bytes, OwnedSemaphorePermit)>,
    /// The host that is asked gets it converted.
    in_seven_bits: bool,
}

impl Letter {
    pub(super) async fn open(context: &Context, batch: &Batch) -> Result<Self, storage::Error> {
        let body = context.store.open(batch.mail.body).await?;
        let start = after_return_path(&body).await?;
        let field = batch.mail.delivered_to.as_ref().map(message::trace::delivered_to_field);
        let marked = batch.mail.body_type;
        let delivered_to = field.unwrap_or_default().into();
        Ok(Self { delivered_to, body, start, marked, converted: None, in_seven_bits: false })
    }

    /// Makes it one that a host with these extensions takes.
    ///
    /// # Errors
    ///
    /// 554 5.6.3 for a letter that cannot be converted, 451 when it could not be read or memory did not become free.
    pub(super) async fn fit(&mut self, converting: &Converting, offered: &Extensions) -> Result<(), Reply> {
        self.in_seven_bits = match self.marked {
            BodyType::SevenBit => false,
            // Who takes SMTPUTF8 takes 8 bits (RFC 6531 section 3.1).
            BodyType::EightBitMime => !(offered.eight_bit_mime || offered.smtputf8),
            BodyType::BinaryMime => !(offered.binary_mime && offered.chunking),
        };
        if self.in_seven_bits && self.converted.is_none() {
            self.converted = Some(self.convert(converting).await?);
        }
        Ok(())
    }

    async fn convert(&self, converting: &Converting) -> Result<(Bytes, OwnedSemaphorePermit), Reply> {
        let octets = self.body.len() - self.start;
        let refused = |why: String| {
            let text = format!("the server takes 7 bits only, and the letter cannot be converted: {why}");
            Reply::new(554, (5, 6, 3), text)
        };
        if octets > OUTBOUND_CONVERTED_OCTETS_MAX {
            return Err(refused(format!("it has {octets} octets, we convert {OUTBOUND_CONVERTED_OCTETS_MAX}")));
        }
        let memory = converting.free.clone().acquire_many_owned(memory_of(octets));
        let busy = || Reply::new(451, (4, 3, 2), "too many letters are being converted to 7 bits");
        let Ok(Ok(memory)) = tokio::time::timeout(converting.patience, memory).await else { return Err(busy()) };
        let whole = self.body.read_all(OUTBOUND_CONVERTED_OCTETS_MAX + self.start).await;
        let letter = whole.map_err(|error| crate::acceptance::trouble(&error))?.slice(as_usize(self.start)..);
        let convert = move || to_seven_bit(&letter).map(|converted| Bytes::from(converted.into_owned()));
        match tokio::task::spawn_blocking(convert).await {
            Ok(Ok(converted)) => Ok((converted, memory)),
            Ok(Err(why)) => Err(refused(why.to_string())),
            Err(_) => Err(Reply::new(451, (4, 3, 0), "the letter could not be converted to 7 bits")),
        }
    }

    fn in_use(&self) -> Option<&Bytes> {
        self.converted.as_ref().filter(|_| self.in_seven_bits).map(|(converted, _)| converted)
    }

    /// What MAIL says of it.
    pub(super) fn body_type(&self, marked: BodyType) -> BodyType {
        if self.in_seven_bits { BodyType::SevenBit } else { marked }
    }

    pub(super) fn octets(&self) -> u64 {
        let body = self.in_use().map_or(self.body.len() - self.start, |converted| converted.len() as u64);
        self.delivered_to.len() as u64 + body
    }

    /// The next octets at this place; none behind the end.
    pub(super) async fn piece(&self, at: u64) -> Result<Bytes, storage::Error> {
        let ahead = self.delivered_to.len() as u64;
        if at < ahead {
            return Ok(self.delivered_to.slice(as_usize(at)..));
        }
        let at = at - ahead;
        match self.in_use() {
            Some(converted) => {
                let start = as_usize(at).min(converted.len());
                let end = start.saturating_add(as_usize(OUTBOUND_PIECE_OCTETS)).min(converted.len());
                Ok(converted.slice(start..end))
            }
            None => self.body.read(self.start + at..self.start + at + OUTBOUND_PIECE_OCTETS).await,
        }
    }

    /// Whether the header holds what only SMTPUTF8 may carry (RFC 6531 section 3.4).
    pub(super) async fn has_utf8_header(&self) -> Result<bool, storage::Error> {
        let head = self.body.read(self.start..self.start + HEADER_OCTETS_MAX as u64).await?;
        if !self.delivered_to.is_ascii() {
            return Ok(true);
        }
        let end = head.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(head.len());
        Ok(head.get(..end).is_some_and(|header| !header.is_ascii()))
    }
}

/// Letters that are looked at here fit into memory.
fn as_usize(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}
