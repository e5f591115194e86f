//! A line of a message's text for its reader (RFC 8970): decoded, on one line, without what he wrote himself before.

use crate::limits::{PREVIEW_CHARS_MAX, PREVIEW_SOURCE_OCTETS_MAX};
use crate::mime::{Part, PartId, Structure};

use super::html;

/// The preview, out of the beginning of the message; empty when there is no text in it.
pub(super) fn preview(start: &[u8], structure: &Structure) -> String {
    let Some(part) = text_part(structure) else { return String::new() };
    let end = part.body.end.min(part.body.start.saturating_add(PREVIEW_SOURCE_OCTETS_MAX));
    let octets = start.get(part.body.start..end.min(start.len())).unwrap_or_default();
    let mut decoded = part.content.encoding.decode(octets);
    if octets.len() < part.body.len() {
        // Cut where no character is: behind an ASCII octet.
        let end = decoded.iter().rposition(u8::is_ascii).map_or(0, |at| at + 1);
        decoded.to_mut().truncate(end);
    }
    let label = part.content.content_type.charset().unwrap_or_default();
    let text = crate::encoding::charset::decode(label, &decoded);
    if part.content.content_type.subtype == "html" {
        let mut words = String::new();
        html::words(&text, &mut words, PREVIEW_CHARS_MAX * 8);
        return one_line(&words);
    }
    let said = one_line_of(text.lines().take_while(|line| *line != "-- ").filter(|line| !line.starts_with('>')));
    // Nothing but quotes: better these than nothing.
    if said.is_empty() { one_line(&text) } else { said }
}

/// The first text that is no attachment; a plain one rather than an HTML one.
fn text_part(structure: &Structure) -> Option<&Part> {
    let shown = |part: &&Part| part.is_text() && !part.content.is_attachment() && !in_message(structure, part);
    let plain = |part: &&Part| part.content.content_type.subtype != "html";
    let texts = || structure.parts().iter().filter(shown);
    texts().find(plain).or_else(|| texts().next())
}

/// Whether it stands in a message within the message: that is another letter.
fn in_message(structure: &Structure, part: &Part) -> bool {
    let mut at: Option<PartId> = part.parent;
    while let Some(parent) = at.and_then(|id| structure.part(id)) {
        if parent.kind == crate::mime::Kind::Message {
            return true;
        }
        at = parent.parent;
    }
    false
}

fn one_line(text: &str) -> String {
    one_line_of(text.lines())
}

/// The words with one blank between them.
fn one_line_of<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    let mut chars = 0;
    for word in lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || c.is_control())) {
        let seen = |c: &char| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        let mut word = word.chars().filter(seen).peekable();
        if word.peek().is_none() {
            continue;
        }
        if chars > 0 {
            out.push(' ');
            chars += 1;
        }
        for c in word {
            if chars >= PREVIEW_CHARS_MAX {
                out.truncate(out.trim_end().len());
                return out;
            }
            out.push(c);
            chars += 1;
        }
    }
    out.truncate(out.trim_end().len());
    out
}
