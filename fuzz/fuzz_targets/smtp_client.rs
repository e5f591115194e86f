//! A whole SMTP client session against a server that says anything: it ends, it answers for every recipient, and no
//! CR or LF of the letter stands alone on the wire.
#![no_main]

use std::time::Instant;

use envelope::{Address, BodyType, Envelope, Recipient, RequireTls, ReversePath};
use libfuzzer_sys::fuzz_target;
use protocol::smtp::client::{Client, Config, Event};
use protocol::{Session, Step, Tls};

fn letter() -> Envelope {
    let recipient = |text| Recipient { address: Address::parse(text).unwrap(), notify: None, original: None };
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: vec![recipient("a@b.test"), recipient("c@d.test")],
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        require_tls: RequireTls::Unsaid,
    }
}

/// Serves events until the session wants input or has closed.
fn pump(client: &mut Client, body: &[u8], letters: &mut u32, pieces: &mut u32) -> bool {
    let now = Instant::now();
    loop {
        match client.next() {
            Step::NeedInput => return false,
            Step::Close => return true,
            Step::Send(bytes) => {
                for (index, byte) in bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'\r' | b'\n')) {
                    let fine = match byte {
                        b'\r' => bytes.get(index + 1) == Some(&b'\n'),
                        _ => index > 0 && bytes.get(index - 1) == Some(&b'\r'),
                    };
                    assert!(fine, "{bytes:?}");
                }
            }
            Step::StartTls => client.tls_started(Tls::default()),
            Step::Event(Event::Ready(offered)) if offered.starttls && client.tls().is_none() => client.start_tls(now),
            Step::Event(Event::WantBody) => {
                *pieces += 1;
                client.body(now, body, *pieces % 3 == 0);
            }
            Step::Event(Event::Done(report)) => {
                assert_eq!(report.recipients.len(), 2);
                assert!(report.recipients.iter().all(|reply| reply.code / 100 != 3));
                *letters += 1;
                if client.usable() {
                    if *letters < 5 { client.send(now, letter(), None) } else { client.quit(now) }
                }
            }
            Step::Event(Event::Lost { .. }) => {}
            Step::Event(_) => client.send(now, letter(), None),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (setup, rest) = data.split_at(data.len().min(2));
    let (body, wire) = rest.split_at(rest.len().min(usize::from(setup.first().copied().unwrap_or(0))));
    let mut client = Client::new(Config::new("athens.test"), Instant::now());
    let (mut letters, mut pieces) = (0, 0);
    for part in wire.chunks(usize::from(setup.get(1).copied().unwrap_or(0)).max(1)) {
        client.receive(Instant::now(), part);
        if pump(&mut client, body, &mut letters, &mut pieces) {
            return;
        }
        assert!(client.deadline().is_some(), "waits for a service that owes nothing");
    }
    client.end_of_input();
    assert!(pump(&mut client, body, &mut letters, &mut pieces));
});
