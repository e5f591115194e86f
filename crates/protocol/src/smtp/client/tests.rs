//! Dialogues with the client session: scripts of what the peer says (`S:`) and what the client must say (`C:`), and the
//! client talking to our own server.

mod dialogues;
mod kept;
mod pair;

use std::time::Instant;

use envelope::{Address, Recipient};

use super::*;

pub(super) fn letter(recipients: &[&str]) -> Envelope {
    let recipient =
        |text: &&str| Recipient { address: Address::parse(text).expect("address"), notify: None, original: None };
    Envelope {
        reverse_path: envelope::ReversePath::Address(Address::parse("a@b").expect("address")),
        recipients: recipients.iter().map(recipient).collect(),
        body: envelope::BodyType::SevenBit,
        smtputf8: false,
        require_tls: envelope::RequireTls::Unsaid,
        ret: None,
        envelope_id: None,
    }
}

/// A client with a service that sends the letters given, each in the pieces given, then quits.
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) out: Vec<u8>,
    pub(super) letters: VecDeque<(Envelope, Vec<&'static str>)>,
    pieces: VecDeque<&'static str>,
    pub(super) reports: Vec<Report>,
    pub(super) lost: Option<(Phase, Problem)>,
    pub(super) closed: bool,
    pub(super) wants_tls: bool,
}

impl Sender {
    pub(super) fn new(config: Config, letters: &[(Envelope, &[&'static str])]) -> Self {
        Self {
            client: Client::new(config, Instant::now()),
            out: Vec::new(),
            letters: letters.iter().map(|(envelope, pieces)| (envelope.clone(), pieces.to_vec())).collect(),
            pieces: VecDeque::new(),
            reports: Vec::new(),
            lost: None,
            closed: false,
            wants_tls: false,
        }
    }

    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.client.receive(Instant::now(), bytes);
        self.pump();
    }

    pub(super) fn pump(&mut self) {
        loop {
            match self.client.next() {
                Step::NeedInput => return,
                Step::Send(bytes) => self.out.extend(bytes),
                Step::StartTls => self.client.tls_started(Tls::default()),
                Step::Event(event) => self.serve(event),
                Step::Close => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    fn serve(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Ready(offered) if self.wants_tls && offered.starttls => self.client.start_tls(now),
            Event::Ready(_) | Event::TlsRefused(_) | Event::SignedIn | Event::SignInRefused(_) => self.next_letter(),
            Event::Done(report) => {
                self.reports.push(report);
                self.next_letter();
            }
            Event::WantBody => {
                let piece = self.pieces.pop_front().unwrap_or_default();
                self.client.body(now, piece.as_bytes(), self.pieces.is_empty());
            }
            Event::Lost { phase, problem } => self.lost = Some((phase, problem)),
        }
    }

    fn next_letter(&mut self) {
        let now = Instant::now();
        match self.letters.pop_front() {
            Some((envelope, pieces)) => {
                let octets = pieces.iter().map(|piece| piece.len() as u64).sum();
                self.pieces = pieces.into();
                self.client.send(now, envelope, Some(octets));
            }
            None => self.client.quit(now),
        }
    }

    /// The replies of the reports, a line a recipient.
    pub(super) fn fates(&self) -> Vec<String> {
        self.reports.iter().flat_map(|report| &report.recipients).map(ToString::to_string).collect()
    }
}

/// Runs a script; `S:` lines in a row arrive in one piece, and the client says exactly the `C:` lines that follow.
pub(super) fn talk(mut sender: Sender, script: &str) -> Sender {
    let mut heard = String::new();
    let mut said: VecDeque<String> = VecDeque::new();
    for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("S:") {
            assert!(said.is_empty(), "the client also said {said:?} before {line:?}");
            heard.push_str(text.strip_prefix(' ').unwrap_or(text));
            heard.push_str("\r\n");
        } else if let Some(text) = line.strip_prefix("C:") {
            if !heard.is_empty() {
                sender.hear(std::mem::take(&mut heard).as_bytes());
                let text = String::from_utf8(std::mem::take(&mut sender.out)).expect("text");
                said = text.split_terminator("\r\n").map(str::to_owned).collect();
            }
            let next = said.pop_front();
            assert_eq!(next.as_deref(), Some(text.strip_prefix(' ').unwrap_or(text)), "and then {said:?}");
        } else {
            panic!("no line of a script: {line:?}");
        }
    }
    assert!(said.is_empty(), "the client also said {said:?}");
    sender.hear(heard.as_bytes());
    assert!(sender.out.is_empty(), "the client also said {:?}", String::from_utf8_lossy(&sender.out));
    sender
}
