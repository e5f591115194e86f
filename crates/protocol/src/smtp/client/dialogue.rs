//! What was said on a connection, for the operator who asks why a letter waits: each line with the time since the
//! beginning, `C:` ours and `S:` theirs.
//!
//! Bounded: where much was said, the first and the last lines stay. No secret is written down (what AUTH carries is
//! masked), nor the letter itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::smtp::limits::{DIALOGUE_FIRST_OCTETS, DIALOGUE_LAST_OCTETS, DIALOGUE_LINE_OCTETS};

/// The lines so far, as they came: they become text when somebody asks, which is seldom.
#[derive(Debug)]
pub(super) struct Dialogue {
    begun: Instant,
    /// Until there is no more room.
    first: Vec<Line>,
    first_octets: usize,
    is_first_full: bool,
    last: VecDeque<Line>,
    last_octets: usize,
    left_out: usize,
}

/// One line.
#[derive(Debug)]
struct Line {
    after: Duration,
    who: &'static str,
    octets: Vec<u8>,
}

/// What stands before and behind the octets of a line.
const AROUND_OCTETS: usize = "   0.000 S: \n".len();

impl Line {
    fn cost(&self) -> usize {
        self.octets.len() + AROUND_OCTETS
    }

    fn text(&self) -> String {
        let seconds = self.after.as_secs_f64();
        let text = String::from_utf8_lossy(&self.octets);
        let clean: String = text.trim_end().chars().map(|c| if envelope::steers(c) { '?' } else { c }).collect();
        format!("{seconds:8.3} {} {clean}\n", self.who)
    }
}

impl Dialogue {
    pub(super) fn new(now: Instant) -> Self {
        let (first, last) = (Vec::new(), VecDeque::new());
        Self { begun: now, first, first_octets: 0, is_first_full: false, last, last_octets: 0, left_out: 0 }
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

    fn push(&mut self, now: Instant, who: &'static str, line: &[u8]) {
        let octets = line.get(..DIALOGUE_LINE_OCTETS.min(line.len())).unwrap_or(line).trim_ascii_end().to_vec();
        let line = Line { after: now.saturating_duration_since(self.begun), who, octets };
        self.is_first_full |= self.first_octets + line.cost() > DIALOGUE_FIRST_OCTETS;
        if !self.is_first_full {
            self.first_octets += line.cost();
            self.first.push(line);
            return;
        }
        self.last_octets += line.cost();
        self.last.push_back(line);
        while self.last_octets > DIALOGUE_LAST_OCTETS {
            let Some(gone) = self.last.pop_front() else { break };
            self.last_octets -= gone.cost();
            self.left_out += 1;
        }
    }

    /// The text: at most 4 KiB, though octets that are no UTF-8 take three times their room.
    pub(super) fn text(&self) -> String {
        let mut left_out = self.left_out;
        let mut first = String::new();
        for line in self.first.iter().map(Line::text) {
            if first.len() + line.len() > DIALOGUE_FIRST_OCTETS {
                left_out += 1;
            } else {
                first.push_str(&line);
            }
        }
        let mut last = VecDeque::new();
        let mut octets = 0;
        for line in self.last.iter().rev().map(Line::text) {
            octets += line.len();
            if octets > DIALOGUE_LAST_OCTETS {
                left_out += 1;
            } else {
                last.push_front(line);
            }
        }
        if left_out > 0 {
            first.push_str(&format!("         ({left_out} lines are left out)\n"));
        }
        first.extend(last);
        first
    }
}

#[cfg(test)]
mod tests {
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
