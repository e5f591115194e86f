//! Addresses that stand for foreign senders: nothing made elsewhere is believed, and what is rewritten comes back.
#![no_main]

use directory::srs::Key;
use envelope::{Address, Domain, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(address) = Address::parse(text) else { return };
    let key = Key::derive(&[7; 32]);
    let now = Timestamp(1_700_000_000_000);
    assert!(!matches!(key.original(address.local(), now), Some(Ok(_))), "made elsewhere");
    let Ok(domain) = Domain::parse("athens.test") else { return };
    if let Some(ours) = key.rewrite(&address, &domain, now) {
        assert!(matches!(key.original(ours.local(), now), Some(Ok(_))));
    }
});
