//! Records of bodies on disk: any bytes are answered, and a record that was changed is found or has changed nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage::record::{Header, Table, TableBuilder, decode_segment};

fuzz_target!(|data: &[u8]| {
    let _ = decode_segment(data);
    let _ = Header::decode(data, 7);
    let Some((change, octets)) = data.split_first_chunk::<4>() else { return };
    let mut builder = TableBuilder::default();
    builder.add(5, octets);
    let (header, mut table) = builder.finish(5, 0, b"");
    assert_eq!(Header::decode(&header.encode(7), 7), Ok(header));
    let mut payload = octets.to_vec();
    let at = u16::from_le_bytes([change[0], change[1]]) as usize;
    for bytes in [&mut payload, &mut table] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= change[2];
        }
    }
    let mut out = Vec::new();
    let read = Table::decode(5, header.octets, header.stored, header.table_crc, &table)
        .and_then(|table| table.unpack(0, &payload, &mut out));
    assert!(read.is_err() || out == octets);
    // What packed bytes do that nobody packed: the checksum is right, the frame is not.
    let mut builder = TableBuilder::default();
    builder.add_block(5, usize::from(change[3]) * 256 + octets.len(), octets);
    let (header, table) = builder.finish(5, 0, b"");
    if let Ok(table) = Table::decode(5, header.octets, header.stored, header.table_crc, &table) {
        let _ = table.unpack(0, octets, &mut Vec::new());
    }
});
