//! xtext, ORCPT and delivery status, read from anybody and put into a notice.
#![no_main]

use envelope::{Address, BodyType, Domain, EnhancedStatus, Reply, Timestamp};
use libfuzzer_sys::fuzz_target;
use message::dsn::{Action, DeliveryStatus, OriginalRecipient, Reader, RecipientReport, Report, Returned, Said, xtext};
use message::mime::Structure;

fuzz_target!(|data: &[u8]| {
    assert_eq!(xtext::decode(&xtext::encode(data)).as_deref(), Ok(data));
    DeliveryStatus::parse(data);
    let text = String::from_utf8_lossy(data);
    let _ = (OriginalRecipient::parse(&text), xtext::decode_unitext(&text));
    let (Ok(host), Ok(address)) = (Domain::parse("a.test"), Address::parse("b@a.test")) else { return };
    let reply = Reply::plain(550, text.as_ref());
    let recipient = RecipientReport {
        address: &address,
        original: Some(&text),
        action: Action::Failed,
        status: EnhancedStatus::new(5, 0, 0),
        said: Some(Said { host: &text, reply: &reply }),
        found: Some(&text),
        last_attempt: None,
        will_retry_until: None,
    };
    let about = [text.to_string()];
    let mut report = Report {
        reporting_mta: &host,
        from: &address,
        to: &address,
        message_id: &text,
        at: Timestamp(0),
        seed: "seed",
        envelope_id: Some(&text),
        arrival: None,
        subject: Some(&text),
        original_id: Some(&text),
        reader: Reader::Sender,
        recipients: &[recipient],
        returned: Returned::Headers,
        body: BodyType::SevenBit,
        smtputf8: false,
    };
    for reader in [Reader::Sender, Reader::Postmaster { about: &about }] {
        report.reader = reader;
        let notice = report.build().around(b"Subject: x\r\n");
        assert_eq!(Structure::parse(&notice).parts().len(), 4);
        assert!(notice.is_ascii() && notice.split(|b| *b == b'\n').all(|line| line.len() <= 999));
    }
});
