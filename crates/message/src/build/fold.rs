//! Folds a field's value: words that may stand on lines of their own (RFC 5322 section 2.2.3).

use crate::encoding::words;
use crate::limits::{LINE_OCTETS_MAX, LINE_OCTETS_WANTED};

/// A word longer than this is encoded, since a line that holds it could pass the hard limit.
pub(super) const WORD_OCTETS_MAX: usize = LINE_OCTETS_MAX - 98;

/// Appends words to a field, starting new lines as they are needed.
pub(super) struct Folder<'a> {
    out: &'a mut String,
    column: usize,
}

impl<'a> Folder<'a> {
    /// Begins a field; characters that no field name has are left out.
    pub(super) fn begin(out: &'a mut String, name: &str) -> Self {
        let before = out.len();
        out.extend(name.chars().filter(|c| c.is_ascii_graphic() && *c != ':'));
        out.push(':');
        let column = out.len() - before;
        Self { out, column }
    }

    /// Octets on the present line.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Adds a word behind `blanks` blanks (at least one), the last of which may become a fold.
    pub(super) fn word(&mut self, blanks: usize, word: &str) {
        for _ in 1..blanks {
            self.out.push(' ');
            self.column += 1;
        }
        // A field's first word stays on the first line where it fits the hard limit: some readers want it there.
        let first = self.out.ends_with(':');
        let fits = self.column + 1 + word.len() <= LINE_OCTETS_WANTED;
        if !(fits || first && self.column + 1 + word.len() <= LINE_OCTETS_WANTED + 2) {
            self.out.push_str("\r\n");
            self.column = 0;
        }
        self.out.push(' ');
        self.out.push_str(word);
        self.column += 1 + word.len();
    }

    /// Adds to the last word.
    pub(super) fn glue(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.len();
    }

    /// Ends the field.
    pub(super) fn end(self) {
        self.out.push_str("\r\n");
    }

    /// Adds free text: plain words as they are, everything from the first to the last word that is not plain as
    /// encoded words. With `utf8` only what would break the line is encoded.
    pub(super) fn text(&mut self, text: &str, utf8: bool) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let fine = |word: &str| {
            word.len() <= WORD_OCTETS_MAX && if utf8 { !word.contains("=?") } else { words::is_plain(word) }
        };
        let pieces: Vec<&str> = text.split(' ').collect();
        let last = pieces.len().saturating_sub(1);
        let odd = |(_, piece): &(usize, &&str)| !fine(piece);
        let mut from = pieces.iter().enumerate().find(odd).map(|(index, _)| index);
        let mut to = pieces.iter().enumerate().rev().find(odd).map(|(index, _)| index);
        // A blank at either end would not come through: it is encoded with the word beside it.
        if text.starts_with(' ') {
            let beside = pieces.iter().position(|piece| !piece.is_empty()).unwrap_or(last);
            (from, to) = (Some(0), to.max(Some(beside)));
        }
        if text.ends_with(' ') {
            let beside = pieces.iter().rposition(|piece| !piece.is_empty()).unwrap_or(0);
            (from, to) = (from.map_or(Some(beside), |from| Some(from.min(beside))), Some(last));
        }
        let (Some(from), Some(to)) = (from, to) else { return self.plain(&pieces) };
        self.plain(pieces.get(..from).unwrap_or_default());
        let encoded = pieces.get(from..=to).unwrap_or_default().join(" ");
        for word in words::encode(&encoded, false, self.column + 1) {
            self.word(1, &word);
        }
        self.plain(pieces.get(to + 1..).unwrap_or_default());
    }

    /// Words that were split at single blanks: an empty one stands for one more blank.
    fn plain(&mut self, pieces: &[&str]) {
        let mut blanks = 1;
        for piece in pieces {
            if piece.is_empty() {
                blanks += 1;
            } else {
                self.word(blanks, piece);
                blanks = 1;
            }
        }
        // Blanks before an encoded part.
        for _ in 1..blanks {
            self.glue(" ");
        }
    }
}
