//! APPEND and REPLACE, step by step: what the text between two literals says is asked of the service one thing after
//! another, before the octets behind it may come.

use std::collections::VecDeque;

use super::{Awaiting, Event, Server};
use crate::imap::command::{Append, AppendStep, Mailbox, Replaced};
use crate::imap::encode::Code;
use crate::imap::grammar::{self, AppendText, AppendThen, ParseError, Within};
use crate::imap::limits;
use crate::imap::reader::Announced;

/// An APPEND or a REPLACE on its way.
#[derive(Debug)]
pub(super) struct Appending {
    /// Until the first message begins.
    target: Option<(Option<Replaced>, Mailbox)>,
    /// What the service was not asked yet.
    steps: VecDeque<AppendStep>,
    /// The literal behind the steps; `None`: the command ends there.
    announced: Option<Announced>,
    within: Within,
    /// REPLACE takes one message.
    single: bool,
    messages: usize,
    parts: usize,
}

/// A refusal: BAD when it is a mistake, otherwise NO with a code.
struct Refusal {
    code: Option<&'static str>,
    mistake: bool,
    text: &'static str,
}

fn no(code: Option<&'static str>, text: &'static str) -> Refusal {
    Refusal { code, mistake: false, text }
}

impl Server {
    /// A command that is an APPEND or a REPLACE, up to its first literal or as a whole.
    pub(super) fn append_begins(
        &mut self,
        announced: Option<Announced>,
        replaces: Option<Replaced>,
        mailbox: Mailbox,
        text: AppendText,
    ) {
        let single = replaces.is_some();
        let (steps, within) = (VecDeque::new(), Within::default());
        let target = Some((replaces, mailbox));
        let append = Appending { target, steps, announced: None, within, single, messages: 0, parts: 0 };
        self.append = Some(Box::new(append));
        self.append_goes_on(announced, text);
    }

    /// What has come behind a literal.
    pub(super) fn append_goes_on(&mut self, announced: Option<Announced>, text: AppendText) {
        let Some(append) = &mut self.append else { return };
        append.steps = text.steps.into();
        append.announced = announced;
        if let AppendThen::Octets(within) = text.then {
            append.within = within;
        }
        self.next_step();
    }

    /// Asks the service for the next thing; behind the last one, the octets may come.
    pub(super) fn next_step(&mut self) {
        let Some(append) = &mut self.append else { return };
        let Some(step) = append.steps.pop_front() else {
            return match append.announced.take() {
                Some(announced) => self.take_octets(announced),
                None => {
                    self.append = None;
                    self.awaiting = Awaiting::Answer;
                    self.event = Some(Event::AppendEnd);
                }
            };
        };
        if let Err(refusal) = self.judge(&step) {
            return self.refuse_append(&refusal);
        }
        let Some(append) = &mut self.append else { return };
        self.awaiting = Awaiting::AppendGo;
        self.event = Some(match (step, append.target.take()) {
            (AppendStep::Message(message), Some((replaces, mailbox))) => {
                Event::Append(Append { replaces, mailbox, message })
            }
            (AppendStep::Message(message), None) => Event::AppendNext(message),
            (AppendStep::Url(url), _) => Event::AppendUrl(url),
            (AppendStep::Text { octets, .. }, _) => Event::AppendText(octets),
        });
    }

    fn take_octets(&mut self, announced: Announced) {
        self.reader.stream();
        self.awaiting = Awaiting::AppendBody;
        if announced.synchronising {
            self.out.extend_from_slice(b"+ OK\r\n");
        }
    }

    /// Whether the service is asked at all.
    fn judge(&mut self, step: &AppendStep) -> Result<(), Refusal> {
        let Some(append) = &mut self.append else { return Ok(()) };
        let (octets, utf8) = match step {
            AppendStep::Message(message) => {
                append.messages += 1;
                (message.octets, message.utf8)
            }
            AppendStep::Url(_) => {
                append.parts += 1;
                (0, false)
            }
            AppendStep::Text { octets, utf8 } => {
                append.parts += 1;
                (*octets, *utf8)
            }
        };
        if octets > self.config.append_octets_max {
            // RFC 7889 section 4.
            return Err(no(Some("TOOBIG"), "Message is too large"));
        }
        if matches!(step, AppendStep::Message(message) if message.octets == 0 && !message.catenate) {
            return Err(no(None, "A message has one octet at least"));
        }
        if utf8 && !self.enabled.utf8_accept {
            return Err(Refusal { code: None, mistake: true, text: "ENABLE UTF8=ACCEPT first" });
        }
        if append.messages > limits::APPEND_MESSAGES_MAX {
            return Err(no(Some("LIMIT"), "Too many messages at once"));
        }
        if append.parts > limits::CATENATE_PARTS_MAX {
            return Err(no(Some("LIMIT"), "Too many parts"));
        }
        Ok(())
    }

    /// Ends it, all or nothing (RFC 3502 section 6.3.11).
    fn refuse_append(&mut self, refusal: &Refusal) {
        let announced = self.append.take().and_then(|append| append.announced);
        self.awaiting = Awaiting::Command;
        self.event = Some(Event::AppendBroken);
        let code = refusal.code.map(Code::Word);
        match announced {
            Some(announced) if refusal.mistake => self.refuse_literal(announced, "BAD", code, refusal.text),
            Some(announced) => self.refuse_literal(announced, "NO", code, refusal.text),
            None if refusal.mistake => self.mistake(refusal.text),
            None => self.tagged_condition("NO", code.as_ref(), refusal.text),
        }
    }

    /// The service has refused: the announced literal is not wanted.
    pub(super) fn append_refused(&mut self) {
        if let Some(announced) = self.append.take().and_then(|append| append.announced) {
            self.skip_literal(announced);
            self.answered = !announced.synchronising;
        }
    }

    /// The end of the line behind a literal.
    pub(super) fn append_tail(&mut self, line: &[u8]) {
        match self.append_text(line) {
            Some(Ok(text)) if text.then == AppendThen::End => self.append_goes_on(None, text),
            _ => {
                self.append = None;
                self.event = Some(Event::AppendBroken);
                self.mistake("Nothing but another message may follow a message");
            }
        }
    }

    /// A literal is announced behind a literal. False: it makes no sense there.
    pub(super) fn append_announced(&mut self, announced: Announced, so_far: &[u8]) -> bool {
        match self.append_text(so_far) {
            Some(Ok(text)) if text.then == AppendThen::Collect => {
                let fits = self.reader.fits(announced);
                if fits {
                    self.collect(announced);
                }
                fits
            }
            Some(Ok(text)) => {
                self.append_goes_on(Some(announced), text);
                true
            }
            _ => false,
        }
    }

    fn append_text(&self, text: &[u8]) -> Option<Result<AppendText, ParseError>> {
        let append = self.append.as_ref()?;
        Some(grammar::append_next(text, append.within, append.single))
    }

    /// The announced literal becomes part of the text.
    pub(super) fn collect(&mut self, announced: Announced) {
        self.reader.collect();
        if announced.synchronising {
            self.out.extend_from_slice(b"+ OK\r\n");
        }
    }
}
