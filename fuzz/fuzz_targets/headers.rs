//! Header sections: fields lie in order inside the section; a collector finds the same end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::header::{Header, HeaderCollector, Progress};
use message::{trace, view};

fuzz_target!(|data: &[u8]| {
    let header = Header::parse(data);
    let mut end = 0;
    for field in header.fields() {
        assert!(field.span().start >= end && field.span().contains(field.value_span()));
        end = field.span().end;
        let _ = (field.text(), field.plain().len());
        trace::Hop::parse(field.raw());
        trace::message_ids(field.raw());
    }
    assert!(end <= header.span().end);
    view::Envelope::of(&header);
    let mut collector = HeaderCollector::new(data.len());
    let mut taken = 0;
    for chunk in data.chunks(7) {
        match collector.push(chunk) {
            Progress::More => taken += chunk.len(),
            Progress::Done { taken: last } => {
                taken += last;
                break;
            }
            Progress::TooLong => panic!("no limit was set"),
        }
    }
    assert_eq!(taken, header.span().end);
    assert_eq!(collector.is_complete(), header.is_complete());
});
