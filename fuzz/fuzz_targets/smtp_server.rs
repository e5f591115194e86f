//! A whole SMTP server session against a client that sends anything, with a service that answers anything. However the
//! bytes are cut, replies are lines with codes, pieces are bounded, and the session never waits for nobody.
#![no_main]

use std::time::Instant;

use envelope::Reply;
use libfuzzer_sys::fuzz_target;
use protocol::sasl::Refusal;
use protocol::smtp::server::{Auth, Config, Event, Mode, Server};
use protocol::{Session, Step, Tls};

/// The service's whims, one byte each.
struct Whims<'a>(std::slice::Iter<'a, u8>);

impl Whims<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }
}

fn serve(server: &mut Server, event: Event, whim: u8) {
    let no = Reply::new(if whim & 2 == 0 { 550 } else { 451 }, (5, 0, 0), "no\nnever");
    let refuse = whim & 7 == 7;
    match event {
        Event::Body(piece) => assert!(!piece.is_empty()),
        Event::BodyRefused(_) | Event::Reset => {}
        Event::Authenticate(_) if whim & 8 == 8 => server.scram_keys(None),
        Event::SignInFailed { .. } => server.sign_in_refused(Refusal::Credentials),
        Event::Authenticate(_) if refuse => server.sign_in_refused(Refusal::Credentials),
        Event::Authenticate(_) => server.sign_in_accepted(),
        Event::Verify(_) | Event::Expand(_) => server.answer(&no),
        _ if refuse => server.refuse(&no),
        Event::Connect => server.accept_connection(),
        Event::Hello(_) => server.accept_hello(),
        Event::Mail(_) => server.accept_mail(),
        Event::Recipient(_) => server.accept_recipient(),
        Event::Data => server.accept_data(),
        Event::BodyEnd { .. } if whim & 16 == 16 => server.answer_each(&[no]),
        Event::BodyEnd { .. } => server.accept_message("taken"),
    }
}

fuzz_target!(|data: &[u8]| {
    let (head, wire) = data.split_at(data.len().min(32));
    let mut whims = Whims(head.iter());
    let setup = whims.next();
    let config = Config {
        mode: if setup & 1 == 0 { Mode::Smtp } else { Mode::Lmtp },
        starttls: setup & 2 == 0,
        auth: Auth { enabled: setup & 4 == 0, before_tls: setup & 8 == 0, required: setup & 16 == 16 },
        message_octets_max: 200,
        recipients_max: 3,
        ..Config::new("mx.test")
    };
    let mut server = Server::new(config.shared(), Instant::now());
    let step = usize::from(whims.next()).max(1);
    for part in wire.chunks(step) {
        server.receive(Instant::now(), part);
        loop {
            match server.next() {
                Step::NeedInput => break,
                Step::Send(bytes) => assert!(bytes.ends_with(b"\r\n") && bytes.len() < 32 * 1024),
                Step::StartTls => server.tls_started(Tls { exporter: Some(vec![1; 32]), ..Tls::default() }),
                Step::Event(event) => serve(&mut server, event, whims.next()),
                Step::Close => return,
            }
        }
        assert!(server.deadline().is_some(), "waits for a service that owes nothing");
    }
});
