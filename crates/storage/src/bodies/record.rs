//! The bytes of a body on disk.
//!
//! A segment is a file header and records, one behind the other; nothing is ever written over.
//! ```text
//! segment = "ANGSEG01" segment:8 key:8 reserved:4 crc:4 *record
//! record  = header payload table label
//! header  = "ANGBODY1" body:8 octets:8 stored:8 made_at:8 label:4 reserved:4 table-crc:4 label-crc:4 reserved:4 crc:4
//! payload = *block            ; 64 KiB of the body each, as it is or as a zstd frame, whichever is shorter
//! table   = *(stored:4 crc:4) ; one entry a block
//! ```
//! Numbers are little-endian. Every checksum also covers the body's name (and a block's its number), so that right
//! bytes in the wrong place are found too. A header's covers the segment's random key besides: somebody who sends a
//! message that contains the bytes of a record cannot make a salvage of a damaged segment take it for one. The header comes first for who reads a segment without its database; the
//! database's row needs only the payload's place, and the checksum of the table.

use crate::limits::{BLOCK, LABEL_MAX};

/// Octets of a segment's own header.
pub(crate) const SEGMENT_HEADER: usize = 32;
/// Octets of a record's header.
pub(crate) const HEADER: usize = 64;
/// What a record begins with.
pub(crate) const RECORD_MAGIC: &[u8; 8] = b"ANGBODY1";
/// Octets of an entry of the table.
pub(crate) const ENTRY: usize = 8;

const SEGMENT_MAGIC: &[u8; 8] = b"ANGSEG01";

/// What a record's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The body's name.
    pub body: i64,
    /// Octets of the body.
    pub octets: u64,
    /// Octets of its payload on disk.
    pub stored: u64,
    /// When it was staged, in milliseconds since 1970.
    pub made_at: i64,
    /// Octets of the label.
    pub label: u32,
    /// Checksum of the table.
    pub table_crc: u32,
    /// Checksum of the label.
    pub label_crc: u32,
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// Fewer bytes than there must be.
    #[error("it is cut short")]
    Short,
    /// Not the bytes that begin a record or a segment.
    #[error("no record begins there")]
    Magic,
    /// A checksum of a header disagrees.
    #[error("its header does not agree with its checksum")]
    Header,
    /// Sizes that cannot be.
    #[error("its sizes contradict each other")]
    Sizes,
    /// The table disagrees with its checksum.
    #[error("its table of blocks does not agree with its checksum")]
    Table,
    /// A block disagrees with its checksum.
    #[error("block {0} does not agree with its checksum")]
    Block(u64),
    /// The label disagrees with its checksum.
    #[error("its label does not agree with its checksum")]
    Label,
}

impl Header {
    /// The header as bytes, for a segment of this key.
    #[must_use]
    pub fn encode(&self, key: u64) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(RECORD_MAGIC);
        out[8..16].copy_from_slice(&self.body.to_le_bytes());
        out[16..24].copy_from_slice(&self.octets.to_le_bytes());
        out[24..32].copy_from_slice(&self.stored.to_le_bytes());
        out[32..40].copy_from_slice(&self.made_at.to_le_bytes());
        out[40..44].copy_from_slice(&self.label.to_le_bytes());
        out[48..52].copy_from_slice(&self.table_crc.to_le_bytes());
        out[52..56].copy_from_slice(&self.label_crc.to_le_bytes());
        let crc = header_crc(key, &out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header; whatever follows it is left alone.
    pub fn decode(bytes: &[u8], key: u64) -> Result<Self, Bad> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Err(Bad::Short) };
        if !bytes.starts_with(RECORD_MAGIC) {
            return Err(Bad::Magic);
        }
        if header_crc(key, &bytes[..60]) != u32_at(bytes, 60) {
            return Err(Bad::Header);
        }
        let header = Self {
            body: u64_at(bytes, 8).cast_signed(),
            octets: u64_at(bytes, 16),
            stored: u64_at(bytes, 24),
            made_at: u64_at(bytes, 32).cast_signed(),
            label: u32_at(bytes, 40),
            table_crc: u32_at(bytes, 48),
            label_crc: u32_at(bytes, 52),
        };
        // A block is never stored in more octets than it has: these bounds keep every later sum small.
        if header.octets > i64::MAX as u64 || header.stored > header.octets || header.label as usize > LABEL_MAX {
            return Err(Bad::Sizes);
        }
        Ok(header)
    }

    /// Octets of the table.
    #[must_use]
    pub fn table_octets(&self) -> u64 {
        table_octets(self.octets)
    }

    /// Octets of the whole record, header to label.
    #[must_use]
    pub fn record_octets(&self) -> u64 {
        HEADER as u64 + self.stored + self.table_octets() + u64::from(self.label)
    }
}

/// Octets of the table of a body of so many octets.
pub(crate) fn table_octets(octets: u64) -> u64 {
    octets.div_ceil(BLOCK as u64) * ENTRY as u64
}

fn header_crc(key: u64, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&key.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

/// A segment's header as bytes.
pub(crate) fn encode_segment(segment: i64, key: u64) -> [u8; SEGMENT_HEADER] {
    let mut out = [0; SEGMENT_HEADER];
    out[..8].copy_from_slice(SEGMENT_MAGIC);
    out[8..16].copy_from_slice(&segment.to_le_bytes());
    out[16..24].copy_from_slice(&key.to_le_bytes());
    let crc = crc32fast::hash(&out[..28]);
    out[28..].copy_from_slice(&crc.to_le_bytes());
    out
}

/// The segment's name and key out of its header.
pub fn decode_segment(bytes: &[u8]) -> Result<(i64, u64), Bad> {
    let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER>() else { return Err(Bad::Short) };
    if !bytes.starts_with(SEGMENT_MAGIC) {
        return Err(Bad::Magic);
    }
    if crc32fast::hash(&bytes[..28]) != u32_at(bytes, 28) {
        return Err(Bad::Header);
    }
    Ok((u64_at(bytes, 8).cast_signed(), u64_at(bytes, 16)))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// The checksum of a block as it is stored.
fn block_crc(body: i64, number: u64, stored: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&body.to_le_bytes());
    crc.update(&number.to_le_bytes());
    crc.update(stored);
    crc.finalize()
}

/// The checksum of a label.
pub(crate) fn label_crc(body: i64, label: &[u8]) -> u32 {
    block_crc(body, u64::MAX, label)
}

/// The table of a record as it grows, block by block.
#[derive(Debug, Default)]
pub struct TableBuilder {
    bytes: Vec<u8>,
    octets: u64,
    stored: u64,
}

impl TableBuilder {
    /// Takes in whole blocks, and what is left at the end of a body.
    pub fn add(&mut self, body: i64, octets: &[u8]) {
        for block in octets.chunks(BLOCK) {
            self.add_block(body, block.len(), block);
        }
    }

    /// One block of `octets`, as `stored`.
    pub fn add_block(&mut self, body: i64, octets: usize, stored: &[u8]) {
        let crc = block_crc(body, self.octets / BLOCK as u64, stored);
        self.bytes.extend_from_slice(&u32::try_from(stored.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        self.octets += octets as u64;
        self.stored += stored.len() as u64;
    }

    /// The table's bytes, and the header of the record that they end.
    pub fn finish(self, body: i64, made_at: i64, label: &[u8]) -> (Header, Vec<u8>) {
        let header = Header {
            body,
            octets: self.octets,
            stored: self.stored,
            made_at,
            label: u32::try_from(label.len()).unwrap_or(u32::MAX),
            table_crc: table_crc(body, self.octets, self.stored, &self.bytes),
            label_crc: label_crc(body, label),
        };
        (header, self.bytes)
    }
}

fn table_crc(body: i64, octets: u64, stored: u64, table: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&body.to_le_bytes());
    crc.update(&octets.to_le_bytes());
    crc.update(&stored.to_le_bytes());
    crc.update(table);
    crc.finalize()
}

/// The table of a record, checked: where each block lies and what it must add up to.
#[derive(Debug)]
pub struct Table {
    body: i64,
    octets: u64,
    /// (offset in the payload, octets there, checksum).
    blocks: Vec<(u64, u32, u32)>,
}

impl Table {
    /// Reads a table and checks it against what the row or the header says.
    pub fn decode(body: i64, octets: u64, stored: u64, checksum: u32, bytes: &[u8]) -> Result<Self, Bad> {
        if bytes.len() as u64 != table_octets(octets) {
            return Err(Bad::Short);
        }
        if table_crc(body, octets, stored, bytes) != checksum {
            return Err(Bad::Table);
        }
        let mut at = 0u64;
        let mut blocks = Vec::with_capacity(bytes.len() / ENTRY);
        for entry in bytes.chunks_exact(ENTRY) {
            let length = u32_at(entry, 0);
            if length as usize > BLOCK {
                return Err(Bad::Sizes);
            }
            blocks.push((at, length, u32_at(entry, 4)));
            at += u64::from(length);
        }
        if at != stored {
            return Err(Bad::Sizes);
        }
        Ok(Self { body, octets, blocks })
    }

    /// Where in the payload the blocks `first..=last` lie.
    pub(crate) fn span(&self, first: u64, last: u64) -> Option<std::ops::Range<u64>> {
        let start = self.blocks.get(usize::try_from(first).ok()?)?.0;
        let end = self.blocks.get(usize::try_from(last).ok()?)?;
        Some(start..end.0 + u64::from(end.1))
    }

    /// The octets of the blocks from `first` on whose stored bytes these are, each checked.
    pub fn unpack(&self, first: u64, mut stored: &[u8], out: &mut Vec<u8>) -> Result<(), Bad> {
        let mut number = first;
        while !stored.is_empty() {
            let index = usize::try_from(number).map_err(|_| Bad::Sizes)?;
            let &(_, length, crc) = self.blocks.get(index).ok_or(Bad::Sizes)?;
            let (block, rest) = stored.split_at_checked(length as usize).ok_or(Bad::Short)?;
            if block_crc(self.body, number, block) != crc {
                return Err(Bad::Block(number));
            }
            let octets = self.block_octets(number);
            if block.len() == octets {
                out.extend_from_slice(block);
            } else {
                let plain = zstd::bulk::decompress(block, octets).map_err(|_| Bad::Block(number))?;
                if plain.len() != octets {
                    return Err(Bad::Block(number));
                }
                out.extend_from_slice(&plain);
            }
            stored = rest;
            number += 1;
        }
        Ok(())
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks.len() as u64
    }

    fn block_octets(&self, number: u64) -> usize {
        let left = self.octets.saturating_sub(number.saturating_mul(BLOCK as u64));
        usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK)
    }
}
