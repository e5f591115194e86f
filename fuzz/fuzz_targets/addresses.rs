//! Address fields: what was read can be written, and reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::address;
use message::build::FieldWriter;
use message::header::Header;

fuzz_target!(|data: &[u8]| {
    let entries = address::parse(data);
    let mailboxes: Vec<_> = entries.iter().flat_map(address::Entry::mailboxes).collect();
    let mut fields = FieldWriter::utf8();
    fields.addresses("To", &entries);
    let written = fields.into_string();
    // Nothing in the field ends it.
    assert!(Header::parse(written.as_bytes()).fields().count() <= 1);
    assert!(written.split("\r\n").all(|line| line.len() <= 998));
    for mailbox in mailboxes {
        if let Some(address) = mailbox.address() {
            assert_eq!(message::address::mailboxes(address.to_string().as_bytes())[0].address(), Some(address));
        }
    }
});
