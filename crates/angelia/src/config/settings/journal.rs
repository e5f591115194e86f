//! How the journal is told.

use super::reader::Reader;

/// How the journal looks on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalFormat {
    /// As suits what stderr is.
    Auto,
    /// Whole lines.
    Text,
    /// One object a line.
    Json,
    /// Nothing.
    Off,
}

impl Reader<'_> {
    pub(super) fn journal_format(&mut self) -> JournalFormat {
        match self.choice("journal.format") {
            Some("text") => JournalFormat::Text,
            Some("json") => JournalFormat::Json,
            Some("off") => JournalFormat::Off,
            _ => JournalFormat::Auto,
        }
    }
}
