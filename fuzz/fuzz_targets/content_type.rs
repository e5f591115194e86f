//! Content-Type, Content-Disposition and their parameters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::build::FieldWriter;
use message::header::Header;
use message::mime::{ContentType, Disposition};

fuzz_target!(|data: &[u8]| {
    let read = ContentType::parse(data);
    Disposition::parse(data);
    let mut fields = FieldWriter::new();
    fields.parameters("Content-Type", &read.to_string(), &read.parameters);
    let written = fields.into_string();
    assert!(written.is_ascii() && written.split("\r\n").all(|line| line.len() <= 998));
    let header = Header::parse(written.as_bytes());
    let again = ContentType::parse(header.get("content-type").map_or(&b""[..], |field| field.raw()));
    assert_eq!((&again.kind, &again.subtype), (&read.kind, &read.subtype));
});
