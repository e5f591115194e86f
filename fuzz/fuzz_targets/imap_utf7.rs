//! Modified UTF-7: what decodes has one spelling only, unless it held raw UTF-8; nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::imap::utf7;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(name) = utf7::decode(bytes) {
        let wire = utf7::encode(&name);
        assert_eq!(utf7::decode(wire.as_bytes()).as_deref(), Ok(name.as_str()));
        if bytes.is_ascii() {
            assert_eq!(wire.as_bytes(), bytes);
        }
    }
});
