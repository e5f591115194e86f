//! `-bs`: SMTP on stdin and stdout, as mail libraries speak it to a sendmail (Symfony Mailer by default, Pine). Each letter
//! goes into the drop box; its 250 means that it is safe there.

use std::io::{BufRead, Write};
use std::time::Instant;

use envelope::{ForwardPath, MailId, Reply, ReversePath};
use protocol::smtp::grammar::Recipient;
use protocol::smtp::server::{BareLineEnds, Config, Event, Server};
use protocol::{Session, Step};

use super::{Failed, exit, no_box};
use crate::dropbox::{Deposit, DropFolder, Form, file_name, letter_id, limits};
use crate::privileges;

/// What was said of the letter under way.
#[derive(Default)]
struct Envelope {
    form: Form,
    deposit: Option<(MailId, Deposit)>,
    /// Writing failed; the letter is read to its end all the same.
    trouble: Option<std::io::Error>,
}

/// Line ends of programs that write text: where the first line ends with LF alone, all that do get their CR. Who begins
/// with CRLF is taken at his word.
#[derive(Default)]
struct LineEnds {
    is_text: Option<bool>,
    is_behind_cr: bool,
}

impl LineEnds {
    fn made_right(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut right = Vec::with_capacity(bytes.len() + bytes.len() / 32);
        for &octet in bytes {
            if octet == b'\n' {
                let is_bare = !self.is_behind_cr;
                if is_bare && *self.is_text.get_or_insert(is_bare) {
                    right.push(b'\r');
                }
                self.is_text.get_or_insert(is_bare);
            }
            self.is_behind_cr = octet == b'\r';
            right.push(octet);
        }
        right
    }
}

/// Talks until the other side has enough.
///
/// # Errors
/// No folder, nobody to talk with; or we have broken the talk off, with what we said last.
pub(super) fn talk(folder: &DropFolder, mut input: impl BufRead, mut output: impl Write) -> Result<(), Failed> {
    let notice = folder.notice();
    if !folder.exists() {
        return Err(no_box(folder, &std::io::ErrorKind::NotFound.into()));
    }
    let config = Config {
        bare_line_ends: BareLineEnds::Normalise,
        message_octets_max: notice.map_or(limits::LETTER_OCTETS, |notice| notice.octets_max),
        ..Config::new("localhost")
    };
    let mut server = Server::new(config.shared(), Instant::now());
    let mut envelope = Envelope::default();
    let failed = |error: std::io::Error| Failed::new(exit::IO, format!("talking on stdin and stdout: {error}"));
    let (mut line_ends, mut last, mut is_over) = (LineEnds::default(), String::new(), false);
    loop {
        match server.next() {
            Step::Send(bytes) => {
                output.write_all(&bytes).and_then(|()| output.flush()).map_err(failed)?;
                last = String::from_utf8_lossy(&bytes).lines().last().unwrap_or_default().to_owned();
            }
            Step::Event(event) => envelope.answer(event, &mut server, folder),
            Step::NeedInput => {
                let bytes = input.fill_buf().map_err(failed)?;
                let count = bytes.len();
                if count == 0 {
                    is_over = true;
                    server.end_of_input();
                } else {
                    server.receive(Instant::now(), &line_ends.made_right(bytes));
                }
                input.consume(count);
            }
            Step::Close if !is_over && !last.starts_with("221") => {
                return Err(Failed::new(exit::DATA, format!("the session was broken off: {last}")));
            }
            Step::Close | Step::StartTls => return Ok(()),
        }
    }
}

impl Envelope {
    fn answer(&mut self, event: Event, server: &mut Server, folder: &DropFolder) {
        match event {
            Event::Connect => server.accept_connection(),
            Event::Hello(_) => server.accept_hello(),
            Event::Mail(mail) => {
                let sender = match mail.reverse_path {
                    ReversePath::Null => String::new(),
                    ReversePath::Address(address) => address.to_string(),
                };
                let (ret, envelope_id) = (mail.ret, mail.envelope_id);
                let form = Form { sender: Some(sender), ret, envelope_id, ..Form::default() };
                *self = Self { form, ..Self::default() };
                server.accept_mail();
            }
            Event::Recipient(recipient) => {
                self.add(recipient);
                server.accept_recipient();
            }
            Event::Data => self.begin(server, folder),
            Event::Body(piece) => {
                if let Some((_, deposit)) = &mut self.deposit
                    && let Err(error) = deposit.write_all(&piece)
                {
                    self.trouble = Some(error);
                    self.deposit = None;
                }
            }
            Event::BodyEnd { .. } => self.end(server),
            Event::BodyRefused(_) | Event::Reset => *self = Self::default(),
            Event::Verify(_) => server.answer(&Reply::new(252, (2, 1, 5), "it will be tried")),
            Event::Expand(_) => server.answer(&Reply::new(502, (5, 5, 1), "not here")),
            Event::Authenticate(_) | Event::SignInFailed { .. } => {
                server.refuse(&Reply::new(502, (5, 5, 1), "there is no need to"));
            }
        }
    }

    fn add(&mut self, recipient: Recipient) {
        let name = match recipient.forward_path {
            ForwardPath::Address(address) => address.to_string(),
            ForwardPath::Postmaster => "postmaster".to_owned(),
        };
        self.form.recipients.push(name);
        // One wish for all of them: whoever wants to be told of one is told of all.
        self.form.notify = self.form.notify.or(recipient.notify);
    }

    fn begin(&mut self, server: &mut Server, folder: &DropFolder) {
        let name = file_name();
        let deposit = folder.deposit(name).and_then(|mut deposit| {
            deposit.write_all(&self.form.encode())?;
            Ok(deposit)
        });
        match deposit {
            Ok(deposit) => {
                self.deposit = Some((name, deposit));
                server.accept_data();
            }
            Err(error) => server.refuse(&trouble(&error)),
        }
    }

    fn end(&mut self, server: &mut Server) {
        let Self { deposit, trouble: found, .. } = std::mem::take(self);
        let ended = match (deposit, found) {
            (Some((name, deposit)), None) => deposit.finish().map(|()| name),
            (_, Some(error)) => Err(error),
            (None, None) => Err(std::io::ErrorKind::NotFound.into()),
        };
        match ended {
            Ok(name) => server.accept_message(&format!("handed in as {}", letter_id(name, privileges::own_uid()))),
            Err(error) => server.refuse(&trouble(&error)),
        }
    }
}

fn trouble(error: &std::io::Error) -> Reply {
    Reply::new(451, (4, 3, 0), format!("the letter cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_speaks_to_it() {
        let house = tempfile::tempdir().unwrap();
        let folder = DropFolder::at(house.path());
        let said = "EHLO [127.0.0.1]\r\nMAIL FROM:<shop@athens.test> RET=HDRS\r\nRCPT TO:<kostas@patras.test> \
                    NOTIFY=FAILURE\r\nRCPT TO:<maria@patras.test>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n\
                    MAIL FROM:<>\r\nRSET\r\nQUIT\r\n";
        let mut heard = Vec::new();
        talk(&folder, said.as_bytes(), &mut heard).unwrap();
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.starts_with("220 ") && heard.contains(" handed in as ") && heard.contains("\r\n221 "), "{heard}");
        let files: Vec<_> = std::fs::read_dir(house.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "the letter that was taken back left nothing");
        let text = std::fs::read_to_string(&files[0]).unwrap();
        let wanted = "angelia-drop 1\nsender shop@athens.test\nrecipient kostas@patras.test\nrecipient maria@patras.test\n\
                      notify failure\nreturn hdrs\n\nSubject: x\r\n\r\n.dot\r\n";
        assert_eq!(text, wanted);
        let nowhere = talk(&DropFolder::at(&house.path().join("none")), &b""[..], Vec::new()).unwrap_err();
        assert_eq!(nowhere.code, exit::TEMPORARY);
    }
    #[test]
    fn text_with_lf_is_taken_and_a_broken_talk_is_a_failure() {
        let house = tempfile::tempdir().unwrap();
        let folder = DropFolder::at(house.path());
        let said = "EHLO x\nMAIL FROM:<shop@athens.test>\nRCPT TO:<kostas@patras.test>\nDATA\nSubject: x\n\nhello\r\n.\n\
                    QUIT\n";
        let mut heard = Vec::new();
        // Octet by octet, so that a CR and its LF come apart.
        talk(&folder, std::io::BufReader::with_capacity(1, said.as_bytes()), &mut heard).unwrap();
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.contains(" handed in as ") && heard.contains("\r\n221 "), "{heard}");
        let files: Vec<_> = std::fs::read_dir(house.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert!(files.len() == 1 && text.ends_with("\n\nSubject: x\r\n\r\nhello\r\n"), "{text:?}");
        // Who began with CRLF and goes on with LF is no program that writes text.
        let broken = talk(&folder, &b"EHLO x\r\nNOOP\nNOOP\r\n"[..], Vec::new()).unwrap_err();
        assert_eq!(broken.code, exit::DATA);
        assert!(broken.text.contains("521"), "{}", broken.text);
        assert!(talk(&folder, &b"EHLO x\r\n"[..], Vec::new()).is_ok(), "the other side may just go");
    }
}
