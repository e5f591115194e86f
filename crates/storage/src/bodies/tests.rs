//! The codec of records: what was written comes back, and whatever is changed is found.

use std::sync::Arc;

use proptest::prelude::*;

use super::record::{
    Bad, HEADER, Header, SEGMENT_HEADER, Table, TableBuilder, decode_segment, encode_segment, table_octets,
};
use super::{Compactor, Found, Located, Scan, Segments, appender};
use crate::Options;
use crate::ids::Names;
use crate::limits::BLOCK;

fn headers() -> impl Strategy<Value = Header> {
    (any::<i64>(), 0..=i64::MAX as u64, any::<u64>(), any::<i64>(), 0..=1024u32, any::<u32>(), any::<u32>()).prop_map(
        |(body, octets, stored, made_at, label, table_crc, label_crc)| Header {
            body,
            octets,
            stored: if octets == 0 { 0 } else { stored % octets },
            made_at,
            label,
            table_crc,
            label_crc,
        },
    )
}

/// The payload and the table of a body, some blocks packed.
fn pack(body: i64, octets: &[u8], packed: bool) -> (Header, Vec<u8>, Vec<u8>) {
    let mut builder = TableBuilder::default();
    let mut payload = Vec::new();
    for block in octets.chunks(BLOCK) {
        let small = zstd::bulk::compress(block, 1).unwrap();
        let stored = if packed && small.len() < block.len() { &small } else { block };
        builder.add_block(body, block.len(), stored);
        payload.extend_from_slice(stored);
    }
    let (header, table) = builder.finish(body, 7, b"label");
    (header, payload, table)
}

fn unpack(header: &Header, payload: &[u8], table: &[u8]) -> Result<Vec<u8>, Bad> {
    let table = Table::decode(header.body, header.octets, header.stored, header.table_crc, table)?;
    let mut out = Vec::new();
    table.unpack(0, payload, &mut out)?;
    Ok(out)
}

proptest! {
    #[test]
    fn a_header_comes_back(header in headers(), key: u64) {
        prop_assert_eq!(Header::decode(&header.encode(key), key), Ok(header));
    }

    #[test]
    fn a_header_with_another_key_or_a_flipped_bit_is_none(header in headers(), key: u64, bit in 0..HEADER * 8) {
        let mut bytes = header.encode(key);
        prop_assert!(Header::decode(&bytes, key ^ 1).is_err());
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Header::decode(&bytes, key).is_err());
    }

    #[test]
    fn any_bytes_are_answered(bytes: Vec<u8>, key: u64, checksum: u32, octets in 0..1_000_000u64) {
        let _ = Header::decode(&bytes, key);
        let _ = decode_segment(&bytes);
        let _ = Table::decode(1, octets, octets, checksum, &bytes);
    }

    #[test]
    fn a_segment_header_comes_back(segment: i64, key: u64, bit in 0..SEGMENT_HEADER * 8) {
        let mut bytes = encode_segment(segment, key);
        prop_assert_eq!(decode_segment(&bytes), Ok((segment, key)));
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(decode_segment(&bytes).is_err());
    }

    #[test]
    fn a_body_comes_back(body: i64, length in 0..200_000usize, seed: u8, packed: bool) {
        let octets: Vec<u8> = (0..length).map(|at| seed.wrapping_add((at / 7) as u8)).collect();
        let (header, payload, table) = pack(body, &octets, packed);
        prop_assert_eq!(table.len() as u64, table_octets(length as u64));
        prop_assert_eq!(unpack(&header, &payload, &table).unwrap(), octets);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_found(length in 1..150_000usize, at: prop::sample::Index, bit in 0..8u32, packed: bool) {
        let octets: Vec<u8> = (0..length).map(|at| (at / 5) as u8).collect();
        let (header, payload, table) = pack(3, &octets, packed);
        let (mut bad_payload, mut bad_table) = (payload.clone(), table.clone());
        let at = at.index(payload.len() + table.len());
        match bad_payload.get_mut(at) {
            Some(byte) => *byte ^= 1u8 << bit,
            None => bad_table[at - payload.len()] ^= 1u8 << bit,
        }
        prop_assert!(unpack(&header, &bad_payload, &bad_table).is_err());
    }
}

#[test]
fn blocks_that_changed_places_are_found() {
    let mut octets = vec![1; BLOCK];
    octets.extend(vec![1; BLOCK]);
    let (header, payload, table) = pack(3, &octets, false);
    let mut swapped = table[8..].to_vec();
    swapped.extend_from_slice(&table[..8]);
    assert_eq!(unpack(&header, &payload, &swapped), Err(Bad::Table));
    let other = Table::decode(4, header.octets, header.stored, header.table_crc, &table);
    assert_eq!(other.err(), Some(Bad::Table));
    // The same octets under another number have another checksum.
    assert_ne!(table[4..8], table[12..16]);
    let right = Table::decode(3, header.octets, header.stored, header.table_crc, &table).unwrap();
    assert_eq!(right.unpack(1, &payload[1..=BLOCK], &mut Vec::new()), Ok(()));
    assert_eq!(right.unpack(2, &payload[..BLOCK], &mut Vec::new()), Err(Bad::Sizes));
}

/// A segment with these bodies, numbered from 1.
fn segment_of(segments: &Segments, bodies: &[&[u8]]) -> Vec<Located> {
    let mut writer = segments.create().unwrap();
    let mut places = Vec::new();
    for (number, octets) in (1..).zip(bodies) {
        let (header, payload, table) = pack(number, octets, false);
        let start = writer.end();
        let record = [&header.encode(writer.key())[..], &payload, &table, b"label"].concat();
        writer.append_group(&[record]).unwrap();
        places.push(appender::located(&header, writer.segment(), start));
    }
    places
}

#[test]
fn a_damaged_body_costs_no_other_its_copy() {
    use std::os::unix::fs::FileExt as _;
    let folder = tempfile::tempdir().unwrap();
    let segments = Segments::open(folder.path(), &Options::default(), Arc::new(Names::new(true))).unwrap();
    let bodies = [vec![1; 1000], vec![2; 3 * BLOCK], vec![3; 2000]];
    let places = segment_of(&segments, &bodies.each_ref().map(Vec::as_slice));
    let file = folder.path().join(format!("{:016x}.seg", places[1].segment));
    // The last block: what stands before it is copied and then given up.
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.write_all_at(b"rot", places[1].place + 2 * BLOCK as u64 + 7).unwrap();
    let mut compactor = Compactor::new(Arc::clone(&segments));
    compactor.copy(places[0], 7, b"label").unwrap();
    assert!(matches!(compactor.copy(places[1], 7, b"label"), Err(crate::Error::Damaged(_))));
    compactor.copy(places[2], 7, b"label").unwrap();
    let moves = compactor.sync().unwrap();
    let [first, third] = moves.as_slice() else { panic!("{moves:?}") };
    assert_eq!(first.to.segment, third.to.segment, "both are in the segment that was synced");
    let copied = segments.reader(first.to.segment).unwrap();
    assert_eq!(copied.metadata().unwrap().len(), third.to.place - HEADER as u64 + third.to.record_octets());
    let mut scan = Scan::new(&copied).unwrap().unwrap();
    for at in [first.to, third.to] {
        let Some(Found::Record { start, header }) = scan.next().unwrap() else { panic!("no record") };
        assert_eq!(appender::located(&header, at.segment, start), at);
    }
    assert!(scan.next().unwrap().is_none());
    assert!(compactor.sync().unwrap().is_empty());
}
