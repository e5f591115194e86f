//! The record of TLS-RPT, and reports in whatever they come: JSON, gzip, a letter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth::tlspolicy::tlsrpt::{Record, pack, unpack};

fuzz_target!(|data: &[u8]| {
    let _ = Record::parse(data);
    let Ok(report) = unpack(data) else { return };
    let Ok(packed) = pack(&report) else { return };
    assert_eq!(unpack(&packed).ok(), Some(report));
});
