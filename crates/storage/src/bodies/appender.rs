//! The thread that writes bodies: everything that waits goes to disk with one writev and one fdatasync, while the
//! database's writer commits the group before.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Located;
use super::record::HEADER;
use super::record::Header;
use super::segment::{SegmentWriter, Trouble};
use super::segments::Segments;
use super::{Hold, StagedBody};
use crate::limits::{GROUP_OCTETS_MAX, GROUP_RECORDS_MAX, WAITING_MAX};
use crate::{BodyId, Error};

/// A whole record that waits for its place.
pub(crate) struct Order {
    pub(crate) header: Header,
    pub(crate) record: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<StagedBody, Error>>,
}

/// Starts the thread. It ends when the last sender is gone.
pub(crate) fn start(segments: std::sync::Weak<Segments>) -> Result<mpsc::Sender<Order>, Error> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    std::thread::Builder::new()
        .name("store-bodies".to_owned())
        .spawn(move || Appender { segments, receiver, current: None }.run())
        .map_err(|error| Error::io("starting a thread", &error))?;
    Ok(sender)
}

struct Appender {
    segments: std::sync::Weak<Segments>,
    receiver: mpsc::Receiver<Order>,
    current: Option<SegmentWriter>,
}

impl Appender {
    fn run(mut self) {
        while let Some(first) = self.receiver.blocking_recv() {
            let mut octets = first.record.len();
            let mut orders = vec![first];
            while orders.len() < GROUP_RECORDS_MAX && octets < GROUP_OCTETS_MAX {
                let Ok(next) = self.receiver.try_recv() else { break };
                octets += next.record.len();
                orders.push(next);
            }
            let Some(segments) = self.segments.upgrade() else { return };
            self.append(&segments, orders);
        }
    }

    fn append(&mut self, segments: &Segments, mut orders: Vec<Order>) {
        let mut records = Vec::with_capacity(orders.len());
        let mut headers = Vec::with_capacity(orders.len());
        for order in &mut orders {
            records.push(std::mem::take(&mut order.record));
            headers.push(order.header);
        }
        match self.write(segments, &headers, &mut records) {
            Ok((segment, mut start, hold)) => {
                for (order, record) in orders.into_iter().zip(&records) {
                    let staged = segments.staged(located(&order.header, segment, start), Arc::clone(&hold));
                    start += record.len() as u64;
                    // Who no longer waits gets nothing; the record is then an orphan and is swept.
                    let _ = order.answer.send(Ok(staged));
                }
            }
            Err(error) => {
                for order in orders {
                    let _ = order.answer.send(Err(error.again()));
                }
            }
        }
    }

    /// Where the group begins.
    fn write(
        &mut self,
        segments: &Segments,
        headers: &[Header],
        records: &mut [Vec<u8>],
    ) -> Result<(i64, u64, Arc<Hold>), Error> {
        segments.check_sound()?;
        if self.current.as_ref().is_some_and(|current| current.end() >= segments.roll_at()) {
            self.current = None;
        }
        let mut writer = match self.current.take() {
            Some(writer) => writer,
            None => segments.create()?,
        };
        for (record, header) in records.iter_mut().zip(headers) {
            if let Some(room) = record.first_chunk_mut::<HEADER>() {
                *room = header.encode(writer.key());
            }
        }
        let start = writer.end();
        match writer.append_group(records) {
            Ok(()) => {
                let placed = (writer.segment(), start, Arc::clone(writer.hold()));
                self.current = Some(writer);
                Ok(placed)
            }
            Err(Trouble::Undone(error)) => {
                self.current = Some(writer);
                Err(Error::io("writing bodies", &error))
            }
            Err(Trouble::Unknown(error)) => Err(segments.poison(&format!("syncing bodies: {error}"))),
        }
    }
}

/// A record that begins at `start`.
pub(crate) fn located(header: &Header, segment: i64, start: u64) -> Located {
    Located {
        body: BodyId(header.body),
        segment,
        place: start + HEADER as u64,
        octets: header.octets,
        stored: header.stored,
        label: header.label,
        checksum: header.table_crc,
    }
}
