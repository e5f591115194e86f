//! Our client and our server talk to each other, whatever the body and however the wire cuts it.

use super::*;
use crate::smtp::server::{self, Server};
use proptest::prelude::*;

/// A server that takes everything.
struct Peer {
    server: Server,
    body: Vec<u8>,
    said: Vec<u8>,
}

impl Peer {
    fn new(config: server::Config) -> Self {
        let mut peer =
            Self { server: Server::new(config.shared(), Instant::now()), body: Vec::new(), said: Vec::new() };
        peer.pump();
        peer
    }

    fn pump(&mut self) {
        loop {
            match self.server.next() {
                Step::Send(bytes) => self.said.extend(bytes),
                Step::Event(server::Event::Connect) => self.server.accept_connection(),
                Step::Event(server::Event::Hello(_)) => self.server.accept_hello(),
                Step::Event(server::Event::Mail(_)) => self.server.accept_mail(),
                Step::Event(server::Event::Recipient(_)) => self.server.accept_recipient(),
                Step::Event(server::Event::Data) => self.server.accept_data(),
                Step::Event(server::Event::Body(piece)) => self.body.extend(piece),
                Step::Event(server::Event::BodyEnd { .. }) => self.server.accept_message("taken"),
                Step::NeedInput | Step::Close => return,
                step => panic!("{step:?}"),
            }
        }
    }
}

/// Runs both until the client has closed; answers what each recipient got, and the letter as the server got it.
fn deliver(config: server::Config, client: Config, pieces: &[&'static str], cut: usize) -> (Vec<String>, Vec<u8>) {
    let mut peer = Peer::new(config);
    let mut sender = Sender::new(client, &[(letter(&["x@y", "z@y"]), pieces)]);
    while !sender.closed {
        let said = std::mem::take(&mut peer.said);
        assert!(!said.is_empty(), "nobody says anything");
        for part in said.chunks(cut) {
            sender.hear(part);
        }
        for part in std::mem::take(&mut sender.out).chunks(cut) {
            peer.server.receive(Instant::now(), part);
            peer.pump();
        }
    }
    (sender.fates(), peer.body)
}

const PIECES: [&str; 10] = ["a", "\r\n", ".", "\r", "\n", ".\r\n", "..", "bc\r\n.d", "\r\n.\r\n", ""];

/// What the letter becomes: every line end a CRLF, and one at its end where it went by DATA.
fn normal(pieces: &[&str], data: bool) -> String {
    let mut text = pieces.concat().replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    if data && !text.is_empty() && !text.ends_with("\r\n") {
        text.push_str("\r\n");
    }
    text
}

proptest! {
    #[test]
    fn letters_arrive(
        picks in proptest::collection::vec(0usize..10, 1..12),
        cut in 1usize..50,
        chunking: bool,
        lmtp: bool,
    ) {
        let pieces: Vec<&'static str> = picks.into_iter().map(|pick| PIECES[pick]).collect();
        let mode = if lmtp { server::Mode::Lmtp } else { server::Mode::Smtp };
        let config = server::Config { mode, chunking, ..server::Config::new("mx.test") };
        let client = Config { lmtp, ..Config::new("athens.test") };
        let (fates, body) = deliver(config, client, &pieces, cut);
        prop_assert_eq!(fates, ["250 2.0.0 taken", "250 2.0.0 taken"]);
        prop_assert_eq!(String::from_utf8_lossy(&body), normal(&pieces, !chunking));
    }

    #[test]
    fn nothing_panics(
        pieces in proptest::collection::vec("(220|250|354|421|550|334)[ -][a-zA-Z0-9 =.]{0,9}\r\n|[^a]{0,5}", 0..30),
    ) {
        let mut sender = Sender::new(Config::new("a"), &[(letter(&["x@y"]), &["x"])]);
        for piece in pieces {
            sender.hear(piece.as_bytes());
        }
        sender.client.end_of_input();
        sender.pump();
        prop_assert!(sender.closed);
    }
}
