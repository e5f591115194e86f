//! Text of others, made safe to be shown: on a terminal, in a line of a log, in a notice.

use std::borrow::Cow;

/// Whether a character steers what shows it instead of being shown: controls (C0, DEL, C1), ends of lines, and what turns
/// the direction of writing (UAX #9), by which a text reads as another than it is.
pub fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text with a `U+FFFD` in place of each character that steers.
pub fn shown(text: &str) -> Cow<'_, str> {
    replace(text, steers)
}

/// The same for a text of several lines: line feeds and tabs stay.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    replace(text, |c| steers(c) && c != '\n' && c != '\t')
}

fn replace(text: &str, what: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&what) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if what(c) { '\u{fffd}' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers() {
        for c in ('\0'..'\u{20}').chain('\u{7f}'..'\u{a0}').chain("\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".chars()) {
            assert_eq!(shown(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        for c in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            assert_eq!(shown_lines(&format!("a{c}\tb\n")), "a\u{fffd}\tb\n", "{c:?}");
        }
        for text in ["", "plain", "κώστας שלום", "a\u{200d}b"] {
            assert!(matches!(shown(text), Cow::Borrowed(same) if same == text));
        }
    }
}
