//! A whole POP3 session (RFC 1939) with a hostile client: whatever is said and however it is cut, no panic, bounded
//! memory, every message ended once, and nothing deleted that was not marked.
#![no_main]

use std::sync::Arc;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use protocol::pop3::{Config, Event, Maildrop, Message, Server};
use protocol::sasl::{Refusal, Request};
use protocol::{Session, Step, Tls};

const MESSAGE: &[u8] = b"Subject: .\r\n\r\n.\r\n..\n.\r\n\r.\r\nend";

fuzz_target!(|data: &[u8]| {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let config = Config { hostname: "fuzz.test".to_owned(), cleartext_allowed: choice & 1 != 0, stls: choice & 2 != 0 };
    let now = Instant::now();
    let mut server = Server::new(Arc::new(config), now);
    drive(&mut server, now);
    if choice & 4 != 0 && choice & 1 != 0 {
        server.receive(now, b"USER a\r\nPASS b\r\n");
        drive(&mut server, now);
    }
    while let Some((size, tail)) = rest.split_first() {
        let (chunk, tail) = tail.split_at(usize::from(*size).min(tail.len()));
        server.receive(now, chunk);
        if !drive(&mut server, now) {
            return;
        }
        rest = tail;
    }
    server.end_of_input();
    assert!(!drive(&mut server, now));
});

/// Serves until the session wants input; false when it has closed.
fn drive(server: &mut Server, now: Instant) -> bool {
    loop {
        match server.next() {
            Step::NeedInput => return true,
            Step::Close => return false,
            Step::StartTls => server.tls_started(Tls { exporter: Some(vec![1; 32]), ..Tls::default() }),
            Step::Send(bytes) => assert!(!bytes.is_empty() && bytes.len() < 64 * 1024),
            Step::Event(Event::Authenticate(Request::ScramKeys { .. })) => server.scram_keys(None),
            Step::Event(Event::Authenticate(Request::Password { password, .. })) if password.expose() == b"b" => {
                let messages = (1..=300).map(|uid| Message { uid, octets: u64::from(uid) }).collect();
                server.sign_in_accepted(Maildrop { uid_validity: 1, messages });
            }
            Step::Event(Event::Authenticate(_) | Event::SignInFailed { .. }) => server.sign_in_refused(Refusal::Credentials),
            Step::Event(Event::Retrieve { number, uid, octets }) => {
                assert!(number == uid && octets == u64::from(uid) && (1..=300).contains(&number));
                server.message_begin(octets);
                let _ = MESSAGE
                    .chunks(1 + MESSAGE.len() % usize::try_from(number).unwrap_or(1))
                    .all(|chunk| server.message_chunk(chunk));
                server.message_end(now);
            }
            Step::Event(Event::Update { deleted }) => {
                assert!(
                    !deleted.is_empty() && deleted.is_sorted() && deleted.iter().all(|uid| (1..=300).contains(uid))
                );
                server.update_done();
            }
        }
    }
}
