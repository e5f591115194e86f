//! The finished tree of parts.

use super::{Kind, Options, Part, PartId, Scanner};

/// A message's parts in the order in which they begin; the first is the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    pub(super) parts: Vec<Part>,
    pub(super) octets: usize,
    pub(super) cut_short: bool,
}

impl Structure {
    /// Reads a message that is in memory, envelopes included.
    pub fn parse(message: &[u8]) -> Self {
        Self::parse_with(message, Options::default())
    }

    /// Reads a message that is in memory.
    pub fn parse_with(message: &[u8], options: Options) -> Self {
        let mut scanner = Scanner::new(options);
        scanner.push(message);
        scanner.finish()
    }

    /// All parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The message itself; `None` never happens for a structure that was parsed.
    pub fn root(&self) -> Option<&Part> {
        self.parts.first()
    }

    /// A part.
    pub fn part(&self, id: PartId) -> Option<&Part> {
        self.parts.get(id.0)
    }

    /// Octets of the message.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Whether a limit on parts or depth was met: some part has not been looked into.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// The part that IMAP calls by these numbers (RFC 3501 section 6.4.5); none for the message itself.
    ///
    /// Every part of a multipart has its number; a message that is no multipart has the part 1, its own body. The
    /// message inside of a `message/rfc822` part is not counted by itself: its parts follow the number of the part
    /// that it stands in. The part's `header` is what IMAP calls `MIME`.
    pub fn by_numbers(&self, numbers: &[u32]) -> Option<PartId> {
        let mut at = PartId(0);
        // Whether `at` is a message whose parts are counted next, rather than a part.
        let mut message = true;
        let mut unopened = false;
        for number in numbers {
            let index = usize::try_from(*number).ok()?.checked_sub(1)?;
            let mut part = self.part(at)?;
            if !message && part.kind == Kind::Message {
                at = *part.children.first()?;
                part = self.part(at)?;
                message = true;
            }
            match part.kind {
                Kind::Multipart => at = *part.children.get(index)?,
                _ if message && index == 0 => {}
                // A message that was not looked into is shown with one part, all of it.
                Kind::Leaf if part.content.content_type.is_message() && index == 0 && !unopened => unopened = true,
                _ => return None,
            }
            message = false;
        }
        (!numbers.is_empty()).then_some(at)
    }

    /// The message inside of a `message/rfc822` part: its `header` and `body` are what IMAP calls `HEADER` and `TEXT`
    /// of that part.
    pub fn message_in(&self, id: PartId) -> Option<&Part> {
        let part = self.part(id).filter(|part| part.kind == Kind::Message)?;
        self.part(*part.children.first()?)
    }
}
