//! What was said on a connection, for the operator who asks why a letter waits: each line with the time since the
//! beginning, `C:` ours and `S:` theirs.
//!
//! Bounded: where much was said, the first and the last lines stay. No secret is written down (what AUTH carries is
//! masked), nor the letter itself.

use std::collections::VecDeque;
use std::time::Instant;

use crate::smtp::limits::{DIALOGUE_FIRST_OCTETS, DIALOGUE_LAST_OCTETS, DIALOGUE_LINE_OCTETS};

/// The lines so far.
#[derive(Debug)]
pub(super) struct Dialogue {
    begun: Instant,
    /// Whole lines, until there is no more room.
    first: String,
    is_first_full: bool,
    last: VecDeque<String>,
    last_octets: usize,
    left_out: usize,
}

impl Dialogue {
    pub(super) fn new(now: Instant) -> Self {
        let (first, last) = (String::new(), VecDeque::new());
        Self { begun: now, first, is_first_full: false, last, last_octets: 0, left_out: 0 }
    }

    /// Commands of ours: whole lines.
    pub(super) fn said(&mut self, now: Instant, lines: &[u8]) {
        for line in lines.split_inclusive(|octet| *octet == b'\n') {
            self.push(now, "C:", line);
        }
    }

    /// A line of theirs.
    pub(super) fn heard(&mut self, now: Instant, line: &[u8]) {
        self.push(now, "S:", line);
    }

    /// What happened without a word.
    pub(super) fn note(&mut self, now: Instant, what: &str) {
        self.push(now, "--", what.as_bytes());
    }

    fn push(&mut self, now: Instant, who: &str, line: &[u8]) {
        let seconds = now.saturating_duration_since(self.begun).as_secs_f64();
        let line = line.get(..DIALOGUE_LINE_OCTETS.min(line.len())).unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        let clean: String = text.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let line = format!("{seconds:8.3} {who} {clean}\n");
        self.is_first_full |= self.first.len() + line.len() > DIALOGUE_FIRST_OCTETS;
        if !self.is_first_full {
            self.first.push_str(&line);
            return;
        }
        self.last_octets += line.len();
        self.last.push_back(line);
        while self.last_octets > DIALOGUE_LAST_OCTETS {
            let Some(gone) = self.last.pop_front() else { break };
            self.last_octets -= gone.len();
            self.left_out += 1;
        }
    }

    /// The text: at most 4 KiB.
    pub(super) fn text(&self) -> String {
        let mut text = self.first.clone();
        if self.left_out > 0 {
            text.push_str(&format!("         ({} lines are left out)\n", self.left_out));
        }
        text.extend(self.last.iter().map(String::as_str));
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_have_their_times() {
        let begun = Instant::now();
        let mut dialogue = Dialogue::new(begun);
        dialogue.heard(begun + Duration::from_millis(15), b"220 mx.patras.test\x07 \xff\r\n");
        dialogue.said(begun + Duration::from_secs(62), b"MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n");
        dialogue.note(begun + Duration::from_secs(120), "the server closed the connection");
        let wanted = "   0.015 S: 220 mx.patras.test? \u{fffd}\n  62.000 C: MAIL FROM:<>\n  62.000 C: RCPT TO:<a@b.test>\n \
                      120.000 -- the server closed the connection\n";
        assert_eq!(dialogue.text(), wanted);
    }

    #[test]
    fn however_much_is_said_it_is_bounded() {
        let now = Instant::now();
        let mut dialogue = Dialogue::new(now);
        dialogue.heard(now, b"220 first\r\n");
        for number in 0..20_000 {
            dialogue.said(now, format!("RCPT TO:<{number}@b.test>\r\n").as_bytes());
        }
        dialogue.heard(now, &[b'\xff'; 100_000]);
        dialogue.heard(now, b"451 last\r\n");
        let text = dialogue.text();
        assert!(text.len() <= 4096, "{}", text.len());
        assert!(text.starts_with("   0.000 S: 220 first\n"), "{text}");
        assert!(text.ends_with("S: 451 last\n") && text.contains("lines are left out"), "{text}");
    }
}
