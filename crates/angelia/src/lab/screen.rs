//! What the person at the keyboard sees: steps with their dialogues. Colours only on a terminal, and none where
//! `NO_COLOR` is set; with `--json`, one object a line instead.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use serde_json::{Value, json};

use super::talk::{Said, Who};

/// Where the text goes.
pub(super) struct Screen {
    look: Look,
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

/// The ruler's width; most terminals have 80 or more.
const RULER: usize = 96;

impl Screen {
    pub(super) fn new(as_json: bool) -> Self {
        let has_colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let look = match (as_json, has_colours) {
            (true, _) => Look::Json,
            (false, true) => Look::Colours,
            (false, false) => Look::Plain,
        };
        Self { look, step: None }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.end_step();
        let number = self.step.as_ref().map_or(0, |step| step.number) + 1;
        if self.look != Look::Json {
            let ruler = "─".repeat(RULER.saturating_sub(title.chars().count() + 6));
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
            self.print(&format!("{line}\n"));
        }
    }

    /// A sentence of the story.
    pub(super) fn tell(&mut self, text: &str) {
        if let (Look::Json, Some(step)) = (self.look, &mut self.step) {
            step.said.push(json!({ "who": "lab", "text": text }));
        } else if self.look != Look::Json {
            self.print(&format!("  {text}\n"));
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
            self.print(&format!("{fact}\n"));
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

/// What was said may not steer the terminal.
fn clean(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}
