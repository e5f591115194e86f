//! Dates: what was read can be written, and reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::date;

fuzz_target!(|data: &[u8]| {
    if let Some(read) = date::parse(data) {
        let local = read.local();
        // Moments at the very ends of the calendar are written as those ends.
        if local.year > 0 && local.year < 9_999 {
            assert_eq!(date::parse(read.to_rfc5322().as_bytes()), Some(read));
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        date::parse_internal(text);
    }
});
