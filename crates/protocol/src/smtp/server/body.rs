//! The body of a letter: behind DATA (RFC 5321 section 4.1.1.4), or in chunks behind BDAT (RFC 3030).
//!
//! Its octets are copied once, from the driver's buffer into the chunk that the service gets. A body that is refused is
//! still read to its end, without being kept, so that the client learns why.

use super::transaction::BodyFault;
use super::unstuff::Unstuffer;
use super::{Event, Question, Server, State};
use crate::lines::Lines;
use crate::smtp::limits::{DRAIN_OCTETS_MAX, SASL_OCTETS_MAX};
use crate::smtp::line_ends;
use envelope::Reply;

/// A body behind DATA that is being read.
#[derive(Debug)]
pub(super) struct DataBody {
    unstuffer: Unstuffer,
    /// Read, and not handed out yet.
    piece: Vec<u8>,
    ended: bool,
}

impl DataBody {
    pub(super) fn new() -> Self {
        Self { unstuffer: Unstuffer::new(), piece: Vec::new(), ended: false }
    }
}

/// The octets behind one BDAT.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Octets of it that are to come.
    pub(super) left: u64,
    /// All of it, for the reply.
    pub(super) octets: u64,
    pub(super) last: bool,
    /// The answer is given already, and the octets are thrown away.
    pub(super) refusal: Option<Reply>,
    pub(super) piece: Vec<u8>,
}

impl Server {
    /// Takes octets of the body; answers how many were part of it.
    pub(super) fn take_body(&mut self, bytes: &[u8]) -> usize {
        let (taken, drained) = match &mut self.state {
            State::Data(body) if !body.ended => {
                let before = body.piece.len();
                let (taken, ended) = body.unstuffer.feed(bytes, &mut body.piece);
                body.ended = ended;
                let normal = self.transaction.as_mut().is_some_and(|one| one.normalise(&mut body.piece, before, ended));
                let bare = !normal && body.unstuffer.saw_bare();
                let octets = (body.piece.len() - before) as u64;
                let fault = self.count_body(octets, bare);
                (taken, fault)
            }
            State::Chunk(chunk) => {
                let room = usize::try_from(chunk.left).unwrap_or(usize::MAX);
                let (part, _) = bytes.split_at(bytes.len().min(room));
                chunk.left -= part.len() as u64;
                if chunk.refusal.is_some() {
                    (part.len(), true)
                } else {
                    let before = chunk.piece.len();
                    chunk.piece.extend_from_slice(part);
                    let normal =
                        self.transaction.as_mut().is_some_and(|one| one.normalise(&mut chunk.piece, before, false));
                    let octets = (chunk.piece.len() - before) as u64;
                    let bare = !normal && self.chunk_is_bare(part);
                    let fault = self.count_body(octets, bare);
                    (part.len(), fault)
                }
            }
            _ => (0, false),
        };
        if drained {
            self.drain(taken);
        }
        taken
    }

    /// Adds to the body's length; answers whether the body is refused.
    fn count_body(&mut self, octets: u64, bare: bool) -> bool {
        let octets_max = self.config.message_octets_max;
        let Some(transaction) = &mut self.transaction else { return true };
        transaction.octets = transaction.octets.saturating_add(octets);
        if transaction.fault.is_some() {
            return true;
        }
        transaction.fault = match () {
            () if transaction.octets > octets_max => Some(BodyFault::TooLong { octets_max }),
            () if bare => Some(BodyFault::BareLineEnd),
            () => return false,
        };
        if let Some(fault) = transaction.fault {
            self.events.push_back(Event::BodyRefused(fault.reply()));
        }
        true
    }

    /// Only BINARYMIME has line ends of its own. Both sides of a cut between chunks count.
    fn chunk_is_bare(&mut self, part: &[u8]) -> bool {
        let Some(transaction) = self.transaction.as_mut().filter(|transaction| !transaction.binary) else {
            return false;
        };
        let bare = line_ends::are_bare(transaction.previous, part);
        transaction.previous = part.last().copied().unwrap_or(transaction.previous);
        bare
    }

    /// Throws away what was read of a refused body, and ends the session of whoever will not stop.
    fn drain(&mut self, octets: usize) {
        match &mut self.state {
            State::Data(body) => body.piece.clear(),
            State::Chunk(chunk) => chunk.piece.clear(),
            _ => {}
        }
        self.tally.drained = self.tally.drained.saturating_add(octets as u64);
        if self.tally.drained > DRAIN_OCTETS_MAX {
            self.say(&Reply::new(421, (4, 7, 0), "the letter was refused long ago"));
        }
    }

    /// Moves what was pipelined behind the command into the body.
    fn take_body_from_input(&mut self) {
        if self.input.is_empty() {
            return;
        }
        // Lent out, not copied: a thousand small chunks in one packet would copy what follows a thousand times.
        let mut input = std::mem::replace(&mut self.input, Lines::new(SASL_OCTETS_MAX));
        let taken = self.take_body(input.rest());
        input.consume(taken);
        self.input = input;
    }

    /// One step of the body behind DATA.
    pub(super) fn read_data(&mut self) -> Option<()> {
        self.take_body_from_input();
        let State::Data(body) = &mut self.state else { return Some(()) };
        if !body.piece.is_empty() {
            self.events.push_back(Event::Body(std::mem::take(&mut body.piece)));
            return Some(());
        }
        if !body.ended {
            return (!self.events.is_empty()).then_some(());
        }
        self.body_ended();
        Some(())
    }

    /// One step of a chunk.
    pub(super) fn read_chunk(&mut self) -> Option<()> {
        self.take_body_from_input();
        self.end_last_line();
        let State::Chunk(chunk) = &mut self.state else { return Some(()) };
        if !chunk.piece.is_empty() {
            self.events.push_back(Event::Body(std::mem::take(&mut chunk.piece)));
            return Some(());
        }
        if chunk.left > 0 {
            return (!self.events.is_empty()).then_some(());
        }
        let (octets, last) = (chunk.octets, chunk.last);
        let refusal = chunk.refusal.take();
        self.chunk_ended(octets, last, refusal);
        Some(())
    }

    /// A CR at the very end of the last chunk ends its line, where line ends are made right.
    fn end_last_line(&mut self) {
        let (State::Chunk(chunk), Some(transaction)) = (&mut self.state, &mut self.transaction) else { return };
        if !chunk.last || chunk.left > 0 || chunk.refusal.is_some() {
            return;
        }
        let before = chunk.piece.len();
        transaction.normalise(&mut chunk.piece, before, true);
        let octets = (chunk.piece.len() - before) as u64;
        if octets > 0 && self.count_body(octets, false) {
            self.drain(0);
        }
    }

    fn chunk_ended(&mut self, octets: u64, last: bool, refusal: Option<Reply>) {
        self.await_command();
        if let Some(reply) = refusal {
            return self.say(&reply);
        }
        let Some(transaction) = &mut self.transaction else { return };
        if last && transaction.fault.is_none() && !transaction.binary && transaction.previous == b'\r' {
            transaction.fault = Some(BodyFault::BareLineEnd);
            self.events.push_back(Event::BodyRefused(BodyFault::BareLineEnd.reply()));
        }
        match self.transaction.as_ref().and_then(|transaction| transaction.fault) {
            None if !last => self.say(&Reply::new(250, (2, 0, 0), format!("{octets} octets"))),
            // What follows in chunks finds no transaction (RFC 3030 section 2).
            Some(fault) if !last => {
                self.transaction = None;
                self.say(&fault.reply());
            }
            _ => self.body_ended(),
        }
    }

    fn body_ended(&mut self) {
        self.since = self.now;
        let Some(transaction) = &self.transaction else { return self.await_command() };
        match transaction.fault {
            None => {
                self.events.push_back(Event::BodyEnd { octets: transaction.octets });
                self.state = State::Answer(Question::BodyEnd);
            }
            Some(fault) => {
                self.state = State::Command;
                self.say_final(&fault.reply());
            }
        }
    }
}
