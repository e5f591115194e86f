//! Dialogues with the server session: a service with simple rules, scripts of what the client says (`C:`) and how the
//! server's lines begin (`S:`).

mod bodies;
mod dialogues;
mod hostile;
mod signing_in;

use std::time::Instant;

use envelope::{ForwardPath, Reply};

use super::*;
use crate::sasl::{Refusal, Request, ScramKeys};

/// A session and a service that takes everything, but: recipients `no…` are refused, `later…` are put off; sender
/// `no…` is refused; sign-in is `anna` with `secret`.
pub(super) struct Door {
    pub(super) server: Server,
    pub(super) out: Vec<u8>,
    /// What the service saw, bodies joined.
    pub(super) seen: Vec<String>,
    pub(super) body: Vec<u8>,
    pub(super) closed: bool,
    recipients: Vec<String>,
}

impl Door {
    pub(super) fn open(config: Config) -> Self {
        let server = Server::new(config.shared(), Instant::now());
        let mut door =
            Self { server, out: Vec::new(), seen: Vec::new(), body: Vec::new(), closed: false, recipients: Vec::new() };
        door.pump();
        door
    }

    pub(super) fn say(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.server.receive(Instant::now(), bytes);
            self.pump();
        }
    }

    /// Everything that the server said since the last call.
    pub(super) fn heard(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.out)).expect("replies are text")
    }

    fn pump(&mut self) {
        loop {
            match self.server.next() {
                Step::NeedInput => return,
                Step::Send(bytes) => self.out.extend(bytes),
                Step::StartTls => {
                    self.seen.push("tls".into());
                    self.server.tls_started(Tls { exporter: Some(vec![7; 32]), ..Tls::default() });
                }
                Step::Event(event) => self.serve(event),
                Step::Close => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    fn serve(&mut self, event: Event) {
        let no = Reply::new(550, (5, 1, 1), "no");
        match event {
            Event::Connect => self.server.accept_connection(),
            Event::Hello(hello) => {
                self.seen.push(format!("hello {}", hello.name));
                self.server.accept_hello();
            }
            Event::Mail(mail) => {
                self.seen.push(format!("mail {:?} {:?} {:?}", mail.reverse_path, mail.size, mail.body));
                self.recipients.clear();
                match mail.reverse_path.to_string().starts_with("no") {
                    true => self.server.refuse(&no),
                    false => self.server.accept_mail(),
                }
            }
            Event::Recipient(recipient) => self.recipient(&recipient.forward_path),
            Event::Data => {
                self.body.clear();
                self.seen.push("data".into());
                self.server.accept_data();
            }
            Event::Body(piece) => self.body.extend(piece),
            Event::BodyEnd { octets } => self.body_end(octets),
            Event::BodyRefused(_) => self.seen.push("body refused".into()),
            Event::Reset => self.seen.push("reset".into()),
            Event::Authenticate(request) => self.authenticate(&request),
            Event::SignInFailed { user, .. } => {
                self.seen.push(format!("failed {user}"));
                self.server.sign_in_refused(Refusal::Credentials);
            }
            Event::Verify(name) | Event::Expand(name) => {
                self.server.answer(&Reply::new(252, (2, 1, 5), format!("perhaps {name}")));
            }
        }
    }

    fn recipient(&mut self, path: &ForwardPath) {
        self.seen.push(format!("rcpt {path}"));
        let text = path.to_string();
        if text.starts_with("no") {
            self.server.refuse(&Reply::new(550, (5, 1, 1), "no such user"));
        } else if text.starts_with("later") {
            self.server.refuse(&Reply::new(451, (4, 3, 0), "later"));
        } else {
            self.recipients.push(text);
            self.server.accept_recipient();
        }
    }

    fn body_end(&mut self, octets: u64) {
        assert_eq!(octets, self.body.len() as u64);
        self.seen.push(format!("body {:?}", String::from_utf8_lossy(&self.body)));
        if self.server.is_lmtp() {
            let reply = |to: &String| match to.starts_with("full") {
                true => Reply::new(452, (4, 2, 2), "mailbox full"),
                false => Reply::new(250, (2, 0, 0), format!("taken for {to}")),
            };
            self.server.answer_each(&self.recipients.iter().map(reply).collect::<Vec<_>>());
        } else {
            self.server.accept_message("taken");
        }
    }

    fn authenticate(&mut self, request: &Request) {
        let user = request.user();
        let fine = match request {
            Request::ScramKeys { .. } => {
                let keys = ScramKeys::derive(b"secret", b"salt salt salt s", 4096);
                return self.server.scram_keys((user == "anna").then_some(keys));
            }
            Request::Password { password, .. } => user == "anna" && password.expose() == b"secret",
            Request::Proved { .. } => user == "anna",
        };
        self.seen.push(format!("sign-in {user} {fine}"));
        match fine {
            true => self.server.sign_in_accepted(),
            false => self.server.sign_in_refused(Refusal::Credentials),
        }
    }
}

/// Runs a script. A run of `C:` lines arrives in one piece; what the server answers must be exactly the `S:` lines
/// that follow, each of which gives the beginning of a line.
pub(super) fn talk(config: Config, script: &str) -> Door {
    let mut door = Door::open(config);
    let mut said = String::new();
    let mut heard: Vec<String> = lines(&door.heard());
    for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("C:") {
            assert!(heard.is_empty(), "the server also said {heard:#?} before {line:?}");
            said.push_str(text.strip_prefix(' ').unwrap_or(text));
            said.push_str("\r\n");
        } else if let Some(text) = line.strip_prefix("S: ") {
            if !said.is_empty() {
                door.say(std::mem::take(&mut said).as_bytes());
                heard = lines(&door.heard());
            }
            assert!(!heard.is_empty(), "the server said nothing, wanted {line:?}");
            let next = heard.remove(0);
            assert!(next.starts_with(text), "wanted {line:?}, got {next:?} and {heard:#?}");
        } else {
            panic!("no line of a script: {line:?}");
        }
    }
    door.say(said.as_bytes());
    heard.extend(lines(&door.heard()));
    assert!(heard.is_empty(), "the server also said {heard:#?}");
    door
}

fn lines(text: &str) -> Vec<String> {
    assert!(text.is_empty() || text.ends_with("\r\n"));
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

pub(super) fn plain() -> Config {
    Config::new("mx.test")
}

pub(super) fn submission() -> Config {
    Config { starttls: true, auth: Auth { enabled: true, before_tls: false, required: true }, ..plain() }
}
