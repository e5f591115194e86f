//! The whole IMAP session, with a service that agrees to everything: no panic, no endless loop, bounded output, and
//! the same answers however the bytes are cut.
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use protocol::imap::{Command, Config, Event, Server};
use protocol::sasl::{Refusal, Request};
use protocol::{Session, Step};

fn run(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let now = Instant::now();
    let mut config = Config::new("fuzz.test");
    config.cleartext_sign_in = true;
    config.starttls = true;
    let mut server = Server::new(config.shared(), None, now);
    let mut said = Vec::new();
    for piece in pieces {
        server.receive(now, &piece);
        loop {
            match server.next() {
                Step::NeedInput => break,
                Step::Send(bytes) => said.extend(bytes),
                // What is thrown away there depends on what has arrived.
                Step::StartTls => return said,
                Step::Close => return said,
                Step::Event(event) => serve(&mut server, event),
            }
        }
    }
    said
}

fn serve(server: &mut Server, event: Event) {
    match event {
        Event::Authenticate(Request::ScramKeys { .. }) => server.scram_keys(None),
        Event::Authenticate(_) => server.sign_in_accepted(),
        Event::SignInFailed { .. } => server.sign_in_refused(Refusal::Credentials),
        Event::Command(Command::Idle) | Event::AppendChunk(_) | Event::AppendBroken => {}
        Event::Command(Command::Select(_)) => {
            server.set_selected(true);
            server.ok(None, "SELECT done");
        }
        Event::Command(Command::Unauthenticate) => server.unauthenticated(),
        Event::Command(_) | Event::IdleEnd | Event::AppendEnd => server.ok(None, "done"),
        Event::Append(append) if append.message.flags.is_empty() => server.append_go(),
        Event::AppendNext(next) if next.flags.is_empty() => server.append_go(),
        Event::AppendUrl(_) | Event::AppendText(_) => server.append_go(),
        Event::Append(_) | Event::AppendNext(_) => server.no(None, "no"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = [b"s login a b\r\n", bytes].concat();
    let whole = run(std::iter::once(text.clone()));
    // SCRAM invents a nonce for each exchange.
    if !text.to_ascii_uppercase().windows(5).any(|word| word == b"SCRAM") {
        assert_eq!(run(text.chunks(3).map(<[u8]>::to_vec)), whole);
    }
});
