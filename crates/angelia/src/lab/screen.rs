//! What the person at the keyboard sees: steps with their dialogues. Colours only on a terminal, and none where
//! `NO_COLOR` is set; with `--json`, one object a line instead.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use serde_json::{Value, json};

use super::talk::{Said, Who};

/// Where the text goes.
pub(super) struct Screen {
    look: Look,
    /// A person reads, not a program: sentences are broken into lines.
    is_terminal: bool,
    /// The step under way.
    step: Option<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Colours,
    Json,
}

struct Step {
    number: usize,
    title: String,
    begun: Instant,
    /// For JSON.
    said: Vec<Value>,
}

/// Columns that are used where the lab chooses: terminals have 80 or more. What was said on a wire is not cut.
const COLUMNS: usize = 79;
/// Where a sentence goes on in its second line: behind the time.
const HANGING: usize = 16;

impl Screen {
    pub(super) fn new(as_json: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let look = match (as_json, has_colours) {
            (true, _) => Look::Json,
            (false, true) => Look::Colours,
            (false, false) => Look::Plain,
        };
        Self { look, is_terminal, step: None }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.end_step();
        let number = self.step.as_ref().map_or(0, |step| step.number) + 1;
        if self.look != Look::Json {
            let ruler = "─".repeat(COLUMNS.saturating_sub(title.chars().count() + 6));
            let (on, off) = self.paint("\x1b[1;36m");
            self.print(&format!("\n{on}── {number} {title} {ruler}{off}\n"));
        }
        self.step = Some(Step { number, title: title.to_owned(), begun: Instant::now(), said: Vec::new() });
    }

    /// The last step is over.
    pub(super) fn end_step(&mut self) {
        let Some(step) = &mut self.step else { return };
        if self.look == Look::Json && !step.title.is_empty() {
            let millis = u64::try_from(step.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let line = json!({ "step": step.number, "title": step.title, "millis": millis, "said": step.said });
            step.title.clear();
            self.print(&crate::shown::json(&format!("{line}\n")));
        }
    }

    /// A sentence of the story.
    pub(super) fn tell(&mut self, text: &str) {
        if let (Look::Json, Some(step)) = (self.look, &mut self.step) {
            step.said.push(json!({ "who": "lab", "text": text }));
        } else if self.look != Look::Json {
            let text = envelope::shown_lines(text).into_owned();
            let lines = if self.is_terminal { broken(&text) } else { text };
            self.print(&format!("  {lines}\n"));
        }
    }

    /// What was said on a connection.
    pub(super) fn dialogue(&mut self, said: &[Said]) {
        for line in said {
            let (mark, colour, name) = match line.who {
                Who::Client => ("C:", "\x1b[33m", "client"),
                Who::Server => ("S:", "\x1b[32m", "server"),
                Who::Note => ("--", "\x1b[2m", "note"),
            };
            if let (Look::Json, Some(step)) = (self.look, &mut self.step) {
                step.said.push(json!({ "who": name, "text": line.text }));
                continue;
            }
            let (on, off) = self.paint(colour);
            let text = clean(&line.text);
            let gap = if text.is_empty() { "" } else { " " };
            self.print(&format!("    {on}{mark}{gap}{text}{off}\n"));
        }
    }

    /// Something for people only, outside of the steps.
    pub(super) fn aside(&self, text: &str) {
        if self.look != Look::Json {
            self.print(text);
        }
    }

    /// Something for programs only.
    pub(super) fn fact(&self, fact: &Value) {
        if self.look == Look::Json {
            self.print(&crate::shown::json(&format!("{fact}\n")));
        }
    }

    /// Escape sequences around a text of this colour.
    pub(super) fn paint(&self, colour: &'static str) -> (&'static str, &'static str) {
        if self.look == Look::Colours { (colour, "\x1b[0m") } else { ("", "") }
    }

    fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A reader who went away does not stop the post.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// A sentence between the margins. A word that is too long stays whole: it may be copied.
fn broken(text: &str) -> String {
    let (mut lines, mut column) = (String::new(), 2);
    for word in text.split_inclusive(' ') {
        if column + word.trim_end().chars().count() > COLUMNS && column > HANGING {
            lines.truncate(lines.trim_end().len());
            lines.push_str(&format!("\n{:HANGING$}", ""));
            column = HANGING;
        }
        lines.push_str(word);
        column += word.chars().count();
    }
    lines
}

/// What was said may not steer the terminal.
fn clean(text: &str) -> String {
    envelope::shown(&text.replace('\t', " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{broken, clean};

    #[test]
    fn a_long_sentence_goes_on_behind_the_time() {
        let text = format!("  10:00:00.000  accepted: {} {} end", "a".repeat(40), "b".repeat(30));
        let lines = format!("  10:00:00.000  accepted: {}\n{:16}{} end", "a".repeat(40), "", "b".repeat(30));
        assert_eq!(broken(&text), lines);
        assert_eq!(broken(&"c".repeat(200)), "c".repeat(200));
        assert_eq!(broken("(empty)"), "(empty)");
    }

    #[test]
    fn what_was_said_does_not_steer_the_terminal() {
        assert_eq!(clean("a\tb\x1b[1mc\u{202e}"), "a b\u{fffd}[1mc\u{fffd}");
    }
}
