//! Where a command ends: the bounded reader of lines and literals.
//!
//! IMAP's commands are lines that may be interrupted by literals (RFC 3501 section 4.3, RFC 7888). Small literals are
//! collected with their command; the message of an APPEND is handed out in pieces; what is refused or too long is
//! thrown away while it arrives. Whatever the peer sends, no more is held than one command's limit and the bytes of
//! one read. A line ends with CRLF; a lone LF is taken for one, as other servers do: nothing hangs on it here.

use memchr::memchr;

use super::limits;

/// What the session sees.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole command, literals in place, last line end cut off. After a streamed literal: the rest of its line.
    Line(Vec<u8>),
    /// The line so far ends in a literal's announcement (with it, without CRLF, it is in [`Reader::so_far`]): the
    /// session decides by [`Reader::collect`], [`Reader::stream`], [`Reader::discard`] or [`Reader::forget`].
    Announced(Announced),
    /// A piece of a streamed literal.
    Chunk(Vec<u8>),
    /// The streamed literal is complete; the rest of its line follows.
    StreamEnd,
    /// The command was over the limit, or was discarded, and has been thrown away up to its end. These are the first
    /// octets of it, for the tag.
    Dropped(Vec<u8>),
    /// More was thrown away than patience allows. The last item.
    Flood,
}

/// `{octets}` or `{octets+}` at a line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// How many octets follow.
    pub octets: u64,
    /// The client waits for our `+` before it sends them.
    pub synchronising: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Collecting a line into the command.
    Line,
    /// An announcement waits for the session's decision.
    Deciding(Announced),
    /// Collecting a literal into the command; octets missing.
    Literal(u64),
    /// Handing a literal out; octets missing.
    Stream(u64),
    /// Throwing a line away.
    DropLine,
    /// Throwing a literal away; octets missing.
    DropLiteral(u64),
    /// Patience has ended; nothing more comes out.
    Flooded,
}

/// Octets kept of a dropped line's end: `{`, 20 digits, `+`, `}`, CR.
const TAIL_OCTETS: usize = 24;

/// Collects bytes, hands out [`Item`]s.
#[derive(Debug)]
pub struct Reader {
    input: Vec<u8>,
    start: usize,
    command: Vec<u8>,
    /// Where in the command its line goes on behind the last literal.
    line_from: usize,
    command_octets_max: usize,
    drained_octets_max: u64,
    mode: Mode,
    /// Thrown away of this command.
    dropped: u64,
    /// Thrown away of this line of it.
    line_dropped: u64,
    /// The end of the line being dropped: whether it announces a literal.
    tail: Vec<u8>,
}

impl Reader {
    /// A reader that holds no more than `command_octets_max` of one command.
    pub fn new(command_octets_max: usize) -> Self {
        Self {
            input: Vec::new(),
            start: 0,
            command: Vec::new(),
            line_from: 0,
            command_octets_max,
            drained_octets_max: limits::DRAINED_OCTETS_MAX,
            mode: Mode::Line,
            dropped: 0,
            line_dropped: 0,
            tail: Vec::new(),
        }
    }

    /// Sets the limit for the commands to come.
    pub fn set_command_octets_max(&mut self, octets_max: usize) {
        self.command_octets_max = octets_max;
    }

    /// Sets how much of one command is thrown away before [`Item::Flood`].
    pub fn set_drained_octets_max(&mut self, octets_max: u64) {
        self.drained_octets_max = octets_max;
    }

    /// Adds bytes of the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// What has arrived and was not looked at, taken out (COMPRESS).
    pub fn take_rest(&mut self) -> Vec<u8> {
        self.take(self.rest().len())
    }

    /// Throws away everything that has arrived (STARTTLS).
    pub fn clear(&mut self) {
        self.release();
        self.mode = Mode::Line;
    }

    /// Gives memory back when nothing waits: an idle connection should cost little.
    fn release(&mut self) {
        self.input = Vec::new();
        self.start = 0;
        self.command = Vec::new();
        self.tail = Vec::new();
        self.dropped = 0;
    }

    /// Whether a message literal is on its way through.
    pub fn is_streaming(&self) -> bool {
        matches!(self.mode, Mode::Stream(_))
    }

    /// The command up to the announced literal.
    pub fn so_far(&self) -> &[u8] {
        &self.command
    }

    fn announced(&self) -> Option<Announced> {
        if let Mode::Deciding(announced) = self.mode { Some(announced) } else { None }
    }

    /// Whether the announced literal fits into the command's limit.
    pub fn fits(&self, announced: Announced) -> bool {
        usize::try_from(announced.octets)
            .is_ok_and(|octets| octets <= self.command_octets_max.saturating_sub(self.command.len()))
    }

    /// The announced literal becomes part of the command. If it does not fit, it is discarded.
    pub fn collect(&mut self) {
        if let Some(announced) = self.announced() {
            if !self.fits(announced) {
                return self.discard();
            }
            self.command.extend_from_slice(b"\r\n");
            self.mode = Mode::Literal(announced.octets);
        }
    }

    /// The announced literal is handed out in pieces.
    pub fn stream(&mut self) {
        if let Some(announced) = self.announced() {
            self.command.clear();
            self.mode = Mode::Stream(announced.octets);
        }
    }

    /// The announced literal is on its way (non-synchronising) but not wanted: it and the rest of the command are
    /// thrown away, then [`Item::Dropped`] follows.
    pub fn discard(&mut self) {
        if let Some(announced) = self.announced() {
            self.mode = Mode::DropLiteral(announced.octets);
            self.command.truncate(limits::TAG_OCTETS_MAX + 1);
        }
    }

    /// What is still missing of a streamed literal is thrown away, then the rest of its command.
    pub fn discard_stream(&mut self) {
        match self.mode {
            Mode::Stream(octets) => self.mode = Mode::DropLiteral(octets),
            _ => self.mode = Mode::DropLine,
        }
    }

    /// The announced literal will not come (synchronising, and refused): the command is over.
    pub fn forget(&mut self) {
        self.command.clear();
        self.mode = Mode::Line;
    }

    fn rest(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.rest().get(..count).unwrap_or_default().to_vec();
        self.consume(count);
        taken
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.input.len());
        if self.start == self.input.len() {
            self.start = 0;
            self.input.clear();
            // An idle connection holds next to nothing.
            if self.input.capacity() > 512 {
                self.input = Vec::new();
            }
        }
    }

    /// The next item, when it is there. `None`: more bytes are needed, or a decision.
    pub fn next_item(&mut self) -> Option<Item> {
        loop {
            if self.dropped > self.drained_octets_max || self.line_dropped > limits::DRAINED_LINE_OCTETS_MAX {
                self.release();
                self.mode = Mode::Flooded;
                return Some(Item::Flood);
            }
            match self.mode {
                Mode::Line => match self.read_line()? {
                    Some(item) => return Some(item),
                    None => continue,
                },
                Mode::Deciding(_) => return None,
                Mode::Flooded => {
                    self.release();
                    return None;
                }
                Mode::Literal(missing) => self.read_literal(missing)?,
                Mode::Stream(0) => {
                    self.mode = Mode::Line;
                    return Some(Item::StreamEnd);
                }
                Mode::Stream(missing) => return self.read_stream(missing),
                Mode::DropLine => {
                    if let Some(item) = self.drop_line()? {
                        return Some(item);
                    }
                }
                Mode::DropLiteral(missing) => self.drop_literal(missing)?,
            }
        }
    }

    /// `None`: no line end yet. `Some(None)`: look again.
    fn read_line(&mut self) -> Option<Option<Item>> {
        if self.command.is_empty() {
            self.line_from = 0;
        }
        let room = (self.command_octets_max + 2).saturating_sub(self.command.len());
        let found = memchr(b'\n', self.rest());
        let count = found.map_or(self.rest().len(), |place| place + 1);
        if count > room {
            let from = self.command.len().saturating_sub(TAIL_OCTETS);
            self.tail = self.command.get(from..).unwrap_or_default().to_vec();
            self.command.extend_from_slice(self.input.get(self.start..self.start + room).unwrap_or_default());
            self.command.truncate(limits::TAG_OCTETS_MAX + 1);
            self.mode = Mode::DropLine;
            return Some(None);
        }
        let piece = self.take(count);
        if count == 0 {
            return None;
        }
        self.command.extend_from_slice(&piece);
        found?;
        self.command.pop();
        if self.command.len() > self.line_from && self.command.last() == Some(&b'\r') {
            self.command.pop();
        }
        // What a literal holds announces nothing.
        if let Some(announced) = announcement(self.command.get(self.line_from..).unwrap_or_default()) {
            self.mode = Mode::Deciding(announced);
            return Some(Some(Item::Announced(announced)));
        }
        Some(Some(Item::Line(std::mem::take(&mut self.command))))
    }

    fn read_literal(&mut self, missing: u64) -> Option<()> {
        let count = self.rest().len().min(usize::try_from(missing).unwrap_or(usize::MAX));
        let piece = self.take(count);
        self.command.extend_from_slice(&piece);
        let missing = missing - count as u64;
        self.mode = if missing == 0 { Mode::Line } else { Mode::Literal(missing) };
        if missing == 0 {
            self.line_from = self.command.len();
        }
        (missing == 0).then_some(())
    }

    fn read_stream(&mut self, missing: u64) -> Option<Item> {
        let count = usize::try_from(missing).unwrap_or(usize::MAX).min(limits::CHUNK_OCTETS_MAX).min(self.rest().len());
        if count == 0 {
            return None;
        }
        self.mode = Mode::Stream(missing - count as u64);
        Some(Item::Chunk(self.take(count)))
    }

    /// `None`: no line end yet. `Some(None)`: look again.
    fn drop_line(&mut self) -> Option<Option<Item>> {
        let found = memchr(b'\n', self.rest());
        let count = found.unwrap_or(self.rest().len());
        let from = count.saturating_sub(TAIL_OCTETS);
        let last = self.rest().get(from..count).unwrap_or_default().to_vec();
        self.tail.extend_from_slice(&last);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_OCTETS));
        self.consume(count + usize::from(found.is_some()));
        self.dropped += count as u64;
        self.line_dropped += count as u64;
        if self.dropped > self.drained_octets_max || self.line_dropped > limits::DRAINED_LINE_OCTETS_MAX {
            return Some(None);
        }
        found?;
        self.line_dropped = 0;
        let tail = std::mem::take(&mut self.tail);
        match announcement(tail.strip_suffix(b"\r").unwrap_or(&tail)) {
            Some(Announced { octets, synchronising: false }) => {
                self.mode = Mode::DropLiteral(octets);
                Some(None)
            }
            _ => {
                self.mode = Mode::Line;
                self.dropped = 0;
                Some(Some(Item::Dropped(std::mem::take(&mut self.command))))
            }
        }
    }

    fn drop_literal(&mut self, missing: u64) -> Option<()> {
        if missing > self.drained_octets_max {
            self.dropped = self.drained_octets_max.saturating_add(1);
            return Some(());
        }
        let count = self.rest().len().min(usize::try_from(missing).unwrap_or(usize::MAX));
        self.consume(count);
        self.dropped += count as u64;
        let missing = missing - count as u64;
        self.mode = if missing == 0 { Mode::DropLine } else { Mode::DropLiteral(missing) };
        (missing == 0 || self.dropped > self.drained_octets_max).then_some(())
    }
}

/// The announcement that a line ends with: `{digits}` or `{digits+}`.
fn announcement(line: &[u8]) -> Option<Announced> {
    let inner = line.strip_suffix(b"}")?;
    let (inner, synchronising) = match inner.strip_suffix(b"+") {
        Some(inner) => (inner, false),
        None => (inner, true),
    };
    let open = inner.iter().rposition(|b| *b == b'{')?;
    let digits = inner.get(open + 1..)?;
    if digits.is_empty() || digits.len() > 20 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A number too large for us is still an announcement: of more than anybody accepts.
    let octets = std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
    Some(Announced { octets, synchronising })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Collects what fits, streams what follows "STREAM", discards the rest when it comes unasked.
    fn items(chunks: &[&[u8]], max: usize) -> Vec<Item> {
        let mut reader = Reader::new(max);
        let mut out: Vec<Item> = Vec::new();
        for chunk in chunks {
            reader.push(chunk);
            while let Some(item) = reader.next_item() {
                if let Item::Announced(announced) = item {
                    if reader.so_far().starts_with(b"STREAM") {
                        reader.stream();
                    } else if reader.fits(announced) {
                        reader.collect();
                    } else if announced.synchronising {
                        reader.forget();
                    } else {
                        reader.discard();
                    }
                }
                match (out.last_mut(), item) {
                    (Some(Item::Chunk(all)), Item::Chunk(more)) => all.extend(more),
                    (_, item) => out.push(item),
                }
                assert!(reader.command.len() <= max + 2);
            }
        }
        out
    }

    fn announced(octets: u64, synchronising: bool) -> Item {
        Item::Announced(Announced { octets, synchronising })
    }

    fn line(text: &str) -> Item {
        Item::Line(text.as_bytes().to_vec())
    }

    #[test]
    fn commands_and_literals() {
        assert_eq!(items(&[b"a noop\r\nb noop\n"], 100), [line("a noop"), line("b noop")]);
        assert_eq!(
            items(&[b"a {3}\r\nx\ny {2+}\r\n{}\r\nb\r\n"], 100),
            [announced(3, true), announced(2, false), line("a {3}\r\nx\ny {2+}\r\n{}"), line("b")]
        );
        // What stands in a literal announces none.
        assert_eq!(items(&[b"a {3}\r\n{5}\r\nb\r\n"], 100), [announced(3, true), line("a {3}\r\n{5}"), line("b")]);
        assert_eq!(items(&[b"a {2}\r\nx\r\nb\n"], 100), [announced(2, true), line("a {2}\r\nx\r"), line("b")]);
        assert_eq!(items(&[b"a {0}\r\n\r\n"], 100), [announced(0, true), line("a {0}\r\n")]);
        for none in ["a {}", "a {-1}", "a {1", "a 1}", "a {1++}", "a {x}", "a {111111111111111111111}"] {
            assert_eq!(items(&[none.as_bytes(), b"\r\n"], 100), [line(none)], "{none}");
        }
        assert_eq!(items(&[b"a {99999999999999999999}\r\n"], 100), [announced(u64::MAX, true)]);
    }

    #[test]
    fn a_streamed_literal() {
        assert_eq!(
            items(&[b"STREAM {5}\r\nab", b"cde \r\nb\r\n"], 100),
            [announced(5, true), Item::Chunk(b"abcde".to_vec()), Item::StreamEnd, line(" "), line("b")]
        );
        assert_eq!(items(&[b"STREAM {0+}\r\n\r\n"], 100), [announced(0, false), Item::StreamEnd, line("")]);
    }

    #[test]
    fn too_much() {
        let dropped = |text: &str| Item::Dropped(text.as_bytes().to_vec());
        assert_eq!(items(&[b"a 0123456789\r\nb\r\n"], 10), [dropped("a 0123456789"), line("b")]);
        assert_eq!(
            items(&[b"a {20+}\r\n01234567890123456789 {3+}\r\nxyz\r\nb\r\n"], 10),
            [announced(20, false), dropped("a {20+}"), line("b")]
        );
        assert_eq!(items(&[b"a {20}\r\nb\r\n"], 10), [announced(20, true), line("b")]);
        // An overlong line may announce, too.
        assert_eq!(items(&[b"a 0123456789 {3+}\r\nxyz\r\nb\r\n"], 10), [dropped("a 0123456789"), line("b")]);
        assert_eq!(items(&[b"a 0123456789 {3}\r\nb\r\n"], 10), [dropped("a 0123456789"), line("b")]);
        assert_eq!(items(&[b"a {99999999999}\r\nb\r\n"], 20), [announced(99_999_999_999, true), line("b")]);
        assert_eq!(items(&[b"a {99999999999+}\r\nb\r\n"], 20), [announced(99_999_999_999, false), Item::Flood]);
    }

    #[test]
    fn an_endless_line_costs_no_memory() {
        let mut reader = Reader::new(1000);
        let mut flooded = false;
        for _ in 0..(limits::DRAINED_LINE_OCTETS_MAX / 65_536 + 2) {
            reader.push(&[b'x'; 65_536]);
            flooded |= reader.next_item() == Some(Item::Flood);
            assert!(reader.input.len() <= 65_536 && reader.command.len() <= 1002);
        }
        assert!(flooded);
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            text in proptest::collection::vec(prop_oneof![
                Just("a x".to_owned()), Just("\r\n".to_owned()), Just("{3}\r\n".to_owned()), Just("{4+}\r\n".to_owned()),
                Just("\r\nSTREAM {5}\r\n".to_owned()), "[ -~\\r\\n]{0,12}", Just("{40+}\r\n".to_owned())
            ], 0..20),
            cut in 1usize..9,
        ) {
            let text = text.concat();
            let whole = items(&[text.as_bytes()], 30);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            prop_assert_eq!(items(&pieces, 30), whole);
        }
    }
}
