//! Finds the parts of a message that arrives in chunks: one pass, a line at a time, bounded memory. It is the only
//! reader of structure; a message in memory is one chunk.
//!
//! What is wrong is made the best of: a missing end boundary ends where an outer one comes, or at the end; a
//! multipart whose boundary never comes is a leaf; a part without a header (its first line is no field) is all body;
//! what stands behind an end boundary is epilogue.

use crate::Span;
use crate::header::{Header, Line as HeaderLine, classify};
use crate::limits::{BOUNDARY_LINE_OCTETS_MAX, DEPTH_MAX, FACTS_OCTETS_MAX, HEADER_OCTETS_MAX, PARTS_MAX};
use crate::view::Envelope;

use super::boundaries::{Boundaries, Hit};
use super::lines::{Carry, Line};
use super::{Content, ContentType, Kind, Part, PartId, Structure};

/// What to look at, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether the envelopes of the message and of the messages inside of it are read.
    pub envelopes: bool,
    /// Parts, nested ones included.
    pub parts_max: usize,
    /// Nesting.
    pub depth_max: usize,
    /// Octets of one header that are looked into.
    pub header_octets_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { envelopes: true, parts_max: PARTS_MAX, depth_max: DEPTH_MAX, header_octets_max: HEADER_OCTETS_MAX }
    }
}

/// What the next line is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The header of the innermost open part; `first` before its first line.
    Header { first: bool },
    /// A body, a preamble or an epilogue: only boundaries matter.
    Body,
}

/// Reads structure from chunks.
pub struct Scanner {
    options: Options,
    parts: Vec<Part>,
    /// The path of open parts, outermost first.
    open: Vec<Open>,
    boundaries: Boundaries,
    state: State,
    /// The header being gathered, cut at the limit.
    header: Vec<u8>,
    carry: Carry,
    /// Octets of finished lines.
    offset: usize,
    line_ends: usize,
    /// Octets of the last finished line's end.
    last_end_octets: usize,
    facts_octets: usize,
    cut_short: bool,
}

struct Open {
    id: usize,
    /// Line ends before the body.
    line_ends: usize,
}

impl Scanner {
    /// A scanner at the first octet of a message.
    pub fn new(options: Options) -> Self {
        let mut scanner = Self {
            options,
            parts: Vec::new(),
            open: Vec::new(),
            boundaries: Boundaries::default(),
            state: State::Body,
            header: Vec::new(),
            carry: Carry::default(),
            offset: 0,
            line_ends: 0,
            last_end_octets: 0,
            facts_octets: 0,
            cut_short: false,
        };
        scanner.begin_part(0, 0);
        scanner
    }

    /// Takes the next chunk of the message.
    pub fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() {
            if self.state == State::Body && self.boundaries.is_empty() && self.carry.is_empty() {
                // Nothing can come any more but more body.
                self.line_ends += memchr::memchr_iter(b'\n', rest).count();
                self.offset += rest.len();
                return;
            }
            let whole = self.carry.is_empty().then(|| memchr::memchr(b'\n', rest)).flatten();
            if let Some((line, tail)) = whole.and_then(|at| rest.split_at_checked(at + 1)) {
                self.line(Line::whole(line));
                rest = tail;
                continue;
            }
            let kept_max = match self.state {
                State::Header { .. } => self.options.header_octets_max.max(BOUNDARY_LINE_OCTETS_MAX),
                State::Body => BOUNDARY_LINE_OCTETS_MAX,
            };
            let (taken, finished) = self.carry.fill(rest, kept_max);
            rest = rest.get(taken..).unwrap_or_default();
            if finished {
                self.carried_line();
            }
        }
    }

    /// The message has ended.
    pub fn finish(mut self) -> Structure {
        if !self.carry.is_empty() {
            self.carried_line();
        }
        // A header without its empty line; the message that it announces is empty.
        while matches!(self.state, State::Header { .. }) {
            self.enter_body(self.offset, self.line_ends);
        }
        while let Some(open) = self.open.pop() {
            self.close(&open, self.offset, self.line_ends);
        }
        Structure { parts: self.parts, octets: self.offset, cut_short: self.cut_short }
    }

    fn carried_line(&mut self) {
        let mut carry = std::mem::take(&mut self.carry);
        self.line(carry.line());
        carry.clear();
        self.carry = carry;
    }

    fn line(&mut self, line: Line<'_>) {
        let (start, line_ends) = (self.offset, self.line_ends);
        self.offset += line.octets;
        self.line_ends += usize::from(line.end_octets > 0);
        match self.boundary(&line) {
            Some(hit) => self.at_boundary(hit, start, line_ends),
            None => self.plain_line(&line, start, line_ends),
        }
        self.last_end_octets = line.end_octets;
    }

    fn boundary(&self, line: &Line<'_>) -> Option<Hit> {
        let may_be = line.octets <= BOUNDARY_LINE_OCTETS_MAX && line.kept.starts_with(b"--");
        if may_be { self.boundaries.hit(line.content()?) } else { None }
    }

    /// A line that is no boundary; it begins at `start`, with `line_ends` before it.
    fn plain_line(&mut self, line: &Line<'_>, start: usize, line_ends: usize) {
        let State::Header { first } = self.state else { return };
        // A prefix will do, and is the same however the line was cut into chunks.
        let prefix = line.kept.get(..BOUNDARY_LINE_OCTETS_MAX.min(line.kept.len())).unwrap_or_default();
        match classify(prefix) {
            HeaderLine::Blank => self.enter_body(self.offset, self.line_ends),
            HeaderLine::Junk if first && self.stands_in_multipart() => self.enter_body(start, line_ends),
            _ => {
                self.state = State::Header { first: false };
                let room = self.options.header_octets_max.saturating_sub(self.header.len());
                self.header.extend_from_slice(line.kept.get(..room.min(line.kept.len())).unwrap_or_default());
            }
        }
    }

    fn stands_in_multipart(&self) -> bool {
        let parent = self.innermost().and_then(|part| part.parent);
        parent.and_then(|id| self.parts.get(id.0)).is_some_and(|part| part.kind == Kind::Multipart)
    }

    fn innermost(&self) -> Option<&Part> {
        self.open.last().and_then(|open| self.parts.get(open.id))
    }

    fn begin_part(&mut self, start: usize, line_ends: usize) {
        let parent = self.open.last().map(|open| PartId(open.id));
        let id = self.parts.len();
        if let Some(parent) = parent.and_then(|id| self.parts.get_mut(id.0)) {
            parent.children.push(PartId(id));
        }
        self.parts.push(Part {
            parent,
            children: Vec::new(),
            kind: Kind::Leaf,
            header: Span::new(start, start),
            body: Span::new(start, start),
            body_lines: 0,
            content: Content::default(),
            envelope: None,
        });
        self.open.push(Open { id, line_ends });
        self.header.clear();
        self.state = State::Header { first: true };
    }

    /// The innermost part's header ends and its body begins at `at`, with `line_ends` before it.
    fn enter_body(&mut self, at: usize, line_ends: usize) {
        self.state = State::Body;
        let depth = self.open.len();
        let content = self.read_header(at, line_ends);
        let deep = depth >= self.options.depth_max;
        let mut kind = Kind::Leaf;
        if content.content_type.is_multipart() {
            self.cut_short |= deep;
            let boundary = content.content_type.boundary().filter(|_| !deep);
            if boundary.is_some_and(|boundary| self.boundaries.open(boundary, depth.saturating_sub(1))) {
                kind = Kind::Multipart;
            }
        } else if content.content_type.is_message() && content.encoding.is_identity() {
            if deep || self.parts.len() >= self.options.parts_max {
                self.cut_short = true;
            } else {
                kind = Kind::Message;
            }
        }
        self.keep(content, kind);
        if kind == Kind::Message {
            self.begin_part(at, line_ends);
        }
    }

    /// Reads the gathered header of the innermost part, which ends at `end`.
    fn read_header(&mut self, end: usize, line_ends: usize) -> Content {
        let default = self.default_type();
        let is_message = self.is_message();
        let header = Header::parse(&self.header);
        let content = Content::of(&header, default);
        let envelope = (is_message && self.options.envelopes).then(|| Box::new(Envelope::of(&header)));
        if let Some(open) = self.open.last_mut() {
            open.line_ends = line_ends;
            if let Some(part) = self.parts.get_mut(open.id) {
                part.header.end = end;
                part.body = Span::new(end, end);
                let octets = envelope.as_ref().map_or(0, |envelope| envelope.octets());
                if self.facts_octets + octets <= FACTS_OCTETS_MAX {
                    self.facts_octets += octets;
                    part.envelope = envelope;
                }
            }
        }
        content
    }

    /// Keeps what the innermost part's header said, as far as there is room for it.
    fn keep(&mut self, content: Content, kind: Kind) {
        let Some(part) = self.open.last().and_then(|open| self.parts.get_mut(open.id)) else { return };
        part.kind = kind;
        let octets = content.octets();
        if self.facts_octets + octets <= FACTS_OCTETS_MAX {
            self.facts_octets += octets;
            part.content = content;
        } else {
            part.content = content.without_facts();
        }
    }

    fn is_message(&self) -> bool {
        let Some(part) = self.innermost() else { return false };
        part.parent.is_none_or(|id| self.parts.get(id.0).is_some_and(|part| part.kind == Kind::Message))
    }

    /// `multipart/digest` makes messages of its parts (RFC 2046 section 5.1.5).
    fn default_type(&self) -> ContentType {
        let parent = self.innermost().and_then(|part| part.parent).and_then(|id| self.parts.get(id.0));
        match parent {
            Some(part) if part.content.content_type.is("multipart", "digest") => ContentType::new("message", "rfc822"),
            _ => ContentType::default(),
        }
    }

    /// A boundary line that begins at `start`, with `line_ends` before it.
    fn at_boundary(&mut self, hit: Hit, start: usize, line_ends: usize) {
        if matches!(self.state, State::Header { .. }) {
            let end = start.saturating_sub(self.last_end_octets);
            let begin = self.innermost().map_or(end, |part| part.header.start);
            let content = self.read_header(end.max(begin), line_ends);
            self.keep(content, Kind::Leaf);
        }
        self.close_to(hit.depth, start, line_ends);
        self.boundaries.close_below(hit.depth, hit.last);
        self.state = State::Body;
        if hit.last {
            return;
        }
        if self.parts.len() < self.options.parts_max {
            self.begin_part(self.offset, self.line_ends);
        } else {
            self.cut_short = true;
        }
    }

    /// Closes every open part deeper than `depth`, at a boundary line that begins at `start`.
    ///
    /// The line end before the boundary belongs to the boundary, unless it ends a header: then the part's body is
    /// empty and begins behind it, and so far do the parts around it reach.
    fn close_to(&mut self, depth: usize, start: usize, line_ends: usize) {
        let mut end = start.saturating_sub(self.last_end_octets);
        while self.open.len() > depth + 1 {
            let Some(open) = self.open.pop() else { return };
            let begin = self.parts.get(open.id).map_or(end, |part| part.body.start);
            end = end.max(begin);
            let cut = usize::from(end < start && self.last_end_octets > 0);
            self.close(&open, end, line_ends.saturating_sub(cut));
        }
    }

    fn close(&mut self, open: &Open, end: usize, line_ends: usize) {
        let Some(part) = self.parts.get_mut(open.id) else { return };
        part.body.end = end.max(part.body.start);
        part.body_lines = line_ends.saturating_sub(open.line_ends);
        if part.children.is_empty() {
            part.kind = Kind::Leaf;
        }
    }
}
