//! Whole SASL exchanges (RFC 4422) with a hostile client: the first octet picks mechanism and channel, each line after
//! it is one message. Nobody may be proved who did not know the key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::Tls;
use protocol::sasl::client::{Client, Scram};
use protocol::sasl::{Exchange, Mechanism, Next, Request, ScramKeys, Secret};

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let tls = Tls { exporter: (choice & 4 != 0).then(|| vec![7; 32]), ..Tls::default() };
    let mechanism = Mechanism::ALL[usize::from(choice & 3)];
    let keys = ScramKeys::invented(b"fuzz", "user", 4096);
    let mut exchange = Exchange::new(mechanism, Some(&tls));
    let mut messages = rest.split(|byte| *byte == b'\n');
    let initial = if choice & 8 != 0 { messages.next() } else { None };
    let mut next = exchange.start(initial);
    for message in messages {
        next = match next {
            Next::Ask(Request::ScramKeys { .. }) => exchange.keys((choice & 16 != 0).then(|| keys.clone())),
            _ => exchange.respond(message),
        };
        assert!(!matches!(next, Next::Ask(Request::Proved { .. })));
    }

    // The same bytes as a hostile server.
    let password = Secret::new(b"password".to_vec());
    let Ok(mut client) = Scram::new("user", &password, Some(&tls), choice & 32 != 0) else { return };
    let _ = client.initial();
    for message in rest.split(|byte| *byte == b'\n').take(4) {
        // A server may make us work up to the limit of rounds; the fuzzer has better things to do.
        if message.windows(3).any(|window| window == b",i=") && message.len() > 60 {
            return;
        }
        let _ = client.respond(message);
        assert!(!client.is_satisfied());
    }
});
