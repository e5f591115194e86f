//! The record and the policy of MTA-STS: what is read is read again when it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth::tlspolicy::sts::{Policy, Record};

fuzz_target!(|data: &[u8]| {
    if let Ok(policy) = Policy::parse(data) {
        assert_eq!(Policy::parse(policy.lines().join("\r\n").as_bytes()), Ok(policy));
    }
    if let Ok(record) = Record::parse(data) {
        assert_eq!(Record::parse(format!("v=STSv1; id={};", record.id).as_bytes()), Ok(record));
    }
});
