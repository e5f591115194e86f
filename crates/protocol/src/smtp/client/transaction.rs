//! One letter on its way to the peer: what was said, which answers are due, what each recipient got.

use std::collections::VecDeque;
use std::io::Write;

use envelope::{BodyType, Envelope, Reply, RequireTls};

use super::event::{Config, Extensions, Phase, Problem, Report};
use crate::smtp::encode::{self, Normalizer, Stuffer};

/// Commands on the way at the same time. More could fill both sides' socket buffers, each waiting for the other to
/// read (RFC 2920 section 3.1).
const WINDOW: usize = 100;

/// Chunks on the way at the same time, for the same reason.
const CHUNK_WINDOW: usize = 2;

/// What [`Transaction::advance`] found.
pub(super) enum Progress {
    /// Answers are due, or a piece of the body.
    Waiting,
    /// Every recipient has its reply.
    Done {
        /// The peer still holds the transaction.
        needs_reset: bool,
    },
    /// The peer answered while the body was going out: the connection cannot be brought in step again.
    Broken(Reply),
}

/// An answer that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Reset,
    Mail,
    Recipient(usize),
    Data,
    Chunk,
    /// The reply to the whole body: for all recipients, or for one of them in LMTP.
    Body(Option<usize>),
}

/// How far we are in saying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    Reset,
    Mail,
    Recipient(usize),
    Data,
    /// The body, when the service gives it.
    Body,
    /// Nothing: all is said.
    Nothing,
}

/// How the body travels.
enum Transport {
    Data(Box<Stuffer>),
    Chunks,
}

/// A last word.
#[derive(Clone)]
struct Verdict {
    reply: Reply,
    /// It is the peer's own.
    said: bool,
}

pub(super) struct Transaction {
    envelope: Envelope,
    octets: Option<u64>,
    lmtp: bool,
    pipelining: bool,
    transport: Transport,
    normalizer: Option<Normalizer>,
    say: Say,
    due: VecDeque<Due>,
    /// Refused, for good or for now, or taken: the last word for each recipient.
    verdicts: Vec<Option<Verdict>>,
    /// RCPT was accepted.
    accepted: Vec<bool>,
    mail_taken: bool,
    /// The service was asked for a piece.
    asked: bool,
    /// 354 came although no recipient stands: an empty body is sent, its reply does not matter.
    empty: bool,
    broken: Option<Reply>,
    furthest: Phase,
}

impl Transaction {
    pub(super) fn new(
        envelope: Envelope,
        octets: Option<u64>,
        offered: &Extensions,
        config: &Config,
        reset: bool,
    ) -> Self {
        let recipients = envelope.recipients.len();
        let binary = envelope.body == BodyType::BinaryMime;
        let chunks = offered.chunking && (config.chunking || binary);
        let mut transaction = Self {
            octets,
            lmtp: config.lmtp,
            pipelining: offered.pipelining,
            transport: if chunks { Transport::Chunks } else { Transport::Data(Box::default()) },
            normalizer: (!binary).then(Normalizer::default),
            say: if reset { Say::Reset } else { Say::Mail },
            due: VecDeque::new(),
            verdicts: vec![None; recipients],
            accepted: vec![false; recipients],
            mail_taken: false,
            asked: false,
            empty: false,
            broken: None,
            furthest: Phase::Mail,
            envelope,
        };
        if let Some(reply) = transaction.impossible(offered) {
            transaction.settle(&ours(reply));
            transaction.say = Say::Nothing;
        }
        transaction
    }

    /// What this peer cannot take is not sent to it.
    fn impossible(&self, offered: &Extensions) -> Option<Reply> {
        if self.envelope.smtputf8 && !offered.smtputf8 {
            return Some(Reply::new(550, (5, 6, 7), "the server does not take internationalized mail (SMTPUTF8)"));
        }
        if self.envelope.require_tls == RequireTls::Demanded && !offered.require_tls {
            return Some(Reply::new(550, (5, 7, 30), "the server cannot promise encryption further on (REQUIRETLS)"));
        }
        if self.envelope.body == BodyType::BinaryMime && !(offered.binary_mime && offered.chunking) {
            return Some(Reply::new(554, (5, 6, 3), "the server does not take binary mail (BINARYMIME)"));
        }
        match (self.octets, offered.size) {
            (Some(octets), Some(limit)) if limit > 0 && octets > limit => {
                let text = format!("the letter has {octets} octets, the server takes {limit}");
                Some(Reply::new(552, (5, 3, 4), text))
            }
            _ => None,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.due.front() {
            Some(Due::Reset | Due::Mail) => Phase::Mail,
            Some(Due::Recipient(_)) => Phase::Recipient,
            Some(Due::Data) => Phase::Data,
            Some(Due::Body(_)) => Phase::BodyEnd,
            Some(Due::Chunk) if self.say == Say::Nothing => Phase::BodyEnd,
            Some(Due::Chunk) | None => Phase::Body,
        }
    }

    /// Says what may be said now.
    pub(super) fn advance(&mut self, offered: &Extensions, out: &mut Vec<u8>) -> Progress {
        if let Some(reply) = self.broken.take() {
            return Progress::Broken(reply);
        }
        self.end_empty(out);
        while self.may_say() {
            self.say_next(offered, out);
        }
        if self.due.is_empty() && self.say != Say::Body {
            Progress::Done { needs_reset: self.mail_taken }
        } else {
            Progress::Waiting
        }
    }

    /// Whether the next command may go out before the answers that are due.
    fn may_say(&self) -> bool {
        let window = if self.pipelining { WINDOW } else { 1 };
        match self.say {
            Say::Reset | Say::Mail | Say::Recipient(_) => self.due.len() < window,
            // BDAT asks for no leave, so it waits until a recipient stands; DATA may come before.
            Say::Data if self.pipelining && matches!(self.transport, Transport::Data(_)) => self.due.len() < window,
            Say::Data => self.due.is_empty(),
            Say::Body | Say::Nothing => false,
        }
    }

    fn say_next(&mut self, offered: &Extensions, out: &mut Vec<u8>) {
        match self.say {
            Say::Reset => {
                out.extend_from_slice(b"RSET\r\n");
                self.due.push_back(Due::Reset);
                self.say = Say::Mail;
            }
            Say::Mail => {
                encode::mail(out, &self.envelope, self.octets, offered);
                self.due.push_back(Due::Mail);
                self.say = Say::Recipient(0);
            }
            Say::Recipient(index) => match self.envelope.recipients.get(index) {
                Some(recipient) => {
                    encode::recipient(out, recipient, offered);
                    self.due.push_back(Due::Recipient(index));
                    self.say = Say::Recipient(index + 1);
                }
                None => self.say = Say::Data,
            },
            Say::Data => self.say_data(out),
            Say::Body | Say::Nothing => {}
        }
    }

    fn say_data(&mut self, out: &mut Vec<u8>) {
        let hopeless = self.due.is_empty() && !self.accepted.contains(&true);
        match self.transport {
            _ if hopeless => self.say = Say::Nothing,
            Transport::Data(_) => {
                out.extend_from_slice(b"DATA\r\n");
                self.due.push_back(Due::Data);
                self.say = Say::Nothing;
            }
            Transport::Chunks => self.say = Say::Body,
        }
    }

    pub(super) fn reply(&mut self, reply: Reply) {
        self.furthest = self.furthest.max(self.phase());
        match self.due.pop_front() {
            // RSET cannot be refused; if it is, MAIL will be.
            Some(Due::Reset) => {}
            Some(Due::Mail) if reply.is_positive() => self.mail_taken = true,
            Some(Due::Mail) => self.refuse_mail(&reply),
            Some(Due::Recipient(index)) => self.recipient_reply(index, reply),
            Some(Due::Data) => self.data_reply(&reply),
            Some(Due::Chunk) => self.chunk_reply(&reply),
            Some(Due::Body(which)) => self.body_reply(which, reply),
            // Nothing was asked. Whatever it says, it has not the whole letter.
            None => {
                self.settle(&refusal(&reply));
                self.broken = Some(reply);
            }
        }
    }

    fn refuse_mail(&mut self, reply: &Reply) {
        self.settle(&refusal(reply));
        // What was sent along still gets its answers; without pipelining nothing more is said.
        self.say = Say::Nothing;
    }

    fn recipient_reply(&mut self, index: usize, reply: Reply) {
        if let (true, Some(accepted)) = (reply.is_positive() && self.mail_taken, self.accepted.get_mut(index)) {
            *accepted = true;
        } else if let Some(verdict) = self.verdicts.get_mut(index) {
            verdict.get_or_insert_with(|| refusal(&reply));
        }
    }

    /// RFC 5321 section 4.3.2: 354, or a refusal. Anything else is no word about a letter that was not sent yet.
    fn data_reply(&mut self, reply: &Reply) {
        let wanted = self.accepted.contains(&true);
        match reply.code {
            354 if wanted => self.say = Say::Body,
            354 => {
                self.empty = true;
                self.say = Say::Body;
            }
            _ => {
                self.settle(&refusal(reply));
                if !is_refusal(reply) {
                    self.broken = Some(refusal(reply).reply);
                }
            }
        }
    }

    /// Each BDAT has a reply; the one to LAST is the letter's.
    fn chunk_reply(&mut self, reply: &Reply) {
        if !reply.is_positive() {
            self.settle(&refusal(reply));
            self.say = Say::Nothing;
        }
    }

    fn body_reply(&mut self, which: Option<usize>, reply: Reply) {
        // The transaction is over at the peer, whatever the answer (RFC 5321 section 4.1.1.4).
        self.mail_taken = false;
        let reply = not_3yz(&reply);
        match which {
            None => self.settle(&reply),
            Some(index) => {
                if let Some(verdict) = self.verdicts.get_mut(index) {
                    verdict.get_or_insert(reply);
                }
            }
        }
    }

    /// The last word for everybody who has none.
    fn settle(&mut self, last: &Verdict) {
        for verdict in &mut self.verdicts {
            verdict.get_or_insert_with(|| last.clone());
        }
    }

    fn waits_for_body(&self) -> bool {
        let chunks_under_way = self.due.len();
        let room = match self.transport {
            Transport::Data(_) => chunks_under_way == 0,
            Transport::Chunks => chunks_under_way < if self.pipelining { CHUNK_WINDOW } else { 1 },
        };
        self.say == Say::Body && room
    }

    /// Asks once for each piece.
    pub(super) fn wants_body(&mut self) -> bool {
        let wants = self.waits_for_body() && !self.asked;
        self.asked |= wants;
        wants
    }

    pub(super) fn waits_for_service(&self) -> bool {
        self.asked && self.waits_for_body()
    }

    pub(super) fn body(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        if self.say != Say::Body || !std::mem::take(&mut self.asked) {
            return;
        }
        self.furthest = Phase::Body;
        let normal = self.normal(bytes, last);
        let bytes = normal.as_deref().unwrap_or(bytes);
        match &mut self.transport {
            Transport::Data(stuffer) => {
                out.reserve(bytes.len() + bytes.len() / 64 + 8);
                stuffer.encode(bytes, out);
                if last {
                    stuffer.finish(out);
                }
            }
            Transport::Chunks => {
                if !bytes.is_empty() || last {
                    // Writing to a Vec cannot fail.
                    let _ = write!(out, "BDAT {}{}\r\n", bytes.len(), if last { " LAST" } else { "" });
                    out.extend_from_slice(bytes);
                }
                if !bytes.is_empty() && !last {
                    self.due.push_back(Due::Chunk);
                }
            }
        }
        if last {
            self.body_said();
        }
    }

    /// The piece with its line ends made right, unless they are right already.
    fn normal(&mut self, bytes: &[u8], last: bool) -> Option<Vec<u8>> {
        let normalizer = self.normalizer.as_mut()?;
        if normalizer.would_keep(bytes) {
            return None;
        }
        let mut normal = Vec::with_capacity(bytes.len() + bytes.len() / 32 + 2);
        normalizer.encode(bytes, &mut normal);
        if last {
            normalizer.finish(&mut normal);
        }
        Some(normal)
    }

    fn body_said(&mut self) {
        self.say = Say::Nothing;
        if self.lmtp && !self.empty {
            let accepted = self.accepted.iter().enumerate();
            self.due.extend(accepted.filter(|(_, taken)| **taken).map(|(index, _)| Due::Body(Some(index))));
        } else {
            self.due.push_back(Due::Body(None));
        }
    }

    /// A 354 without recipients wants its end at once (RFC 2920 section 3.1).
    fn end_empty(&mut self, out: &mut Vec<u8>) {
        if self.empty && self.say == Say::Body {
            out.extend_from_slice(b".\r\n");
            self.body_said();
        }
    }

    pub(super) fn report(mut self, problem: Option<Problem>) -> Report {
        let phase = if problem.is_some() { self.furthest.max(self.phase()) } else { self.furthest };
        let last = match &problem {
            Some(Problem::Refused(reply)) => refusal(reply),
            Some(Problem::Closed) => ours(Reply::new(451, (4, 4, 2), "the server closed the connection")),
            Some(Problem::Timeout) => ours(Reply::new(451, (4, 4, 2), "the server did not answer in time")),
            Some(Problem::Malformed(why)) => {
                ours(Reply::new(451, (4, 5, 0), format!("the server's answer is no SMTP: {why}")))
            }
            None => ours(Reply::new(451, (4, 5, 0), "the server gave no answer")),
        };
        let decided = self.verdicts.iter().map(|verdict| problem.is_none() || verdict.is_some()).collect();
        self.settle(&last);
        let (recipients, said) = self.verdicts.into_iter().flatten().map(|last| (last.reply, last.said)).unzip();
        Report { decided, recipients, said, phase, problem }
    }
}

/// A reply that ends something has to be 2yz, 4yz or 5yz; a 3yz out of place is a failure for now.
fn not_3yz(reply: &Reply) -> Verdict {
    if reply.code / 100 == 3 { out_of_turn(reply) } else { theirs(reply) }
}

/// Where nothing but a refusal is left: what is none is for later, and never a yes.
fn refusal(reply: &Reply) -> Verdict {
    if is_refusal(reply) { theirs(reply) } else { out_of_turn(reply) }
}

fn is_refusal(reply: &Reply) -> bool {
    reply.is_transient() || reply.is_permanent()
}

fn out_of_turn(reply: &Reply) -> Verdict {
    ours(Reply::new(451, (4, 5, 0), format!("the server answered out of turn: {reply}")))
}

fn theirs(reply: &Reply) -> Verdict {
    Verdict { reply: reply.clone(), said: true }
}

fn ours(reply: Reply) -> Verdict {
    Verdict { reply, said: false }
}
