//! One entry as one line: for a file, for a terminal, or as JSON.

use std::fmt::Write;

use envelope::Timestamp;
use journal::{Entry, Severity};
use message::date::Civil;

use super::describe::describe;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Whole dates, whole ids: to be kept and searched.
    Text,
    /// Aligned, and coloured if so: to be watched.
    Terminal { colours: bool },
    /// One JSON object a line.
    Json,
}

/// An entry that can be written in any format.
pub(crate) struct Line<'a>(pub(crate) &'a Entry);

impl Line<'_> {
    /// With its line end.
    pub(crate) fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Terminal { colours } => self.terminal(colours),
            Format::Json => self.json(),
        }
    }

    fn text(&self) -> String {
        let entry = self.0;
        let mut line = format!("{} {} {}", date_time(entry.at), severity(entry), entry.event.name());
        if let Some(session) = entry.session {
            let _ = write!(line, " session={session}");
        }
        if let Some(mail) = entry.mail {
            let _ = write!(line, " mail={mail}");
        }
        let _ = writeln!(line, ": {}", describe(&entry.event));
        line
    }

    fn terminal(&self, colours: bool) -> String {
        let entry = self.0;
        let (on, off) = if colours { (colour(entry.event.severity()), "\x1b[0m") } else { ("", "") };
        let (dim, plain) = if colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let mut line = format!(
            "{dim}{}{plain} {on}{:<15}{off} {}",
            time_of_day(entry.at),
            entry.event.name(),
            describe(&entry.event)
        );
        if let Some(mail) = entry.mail {
            let _ = write!(line, " {dim}{mail}{plain}");
        }
        line.push('\n');
        line
    }

    fn json(&self) -> String {
        let mut line = crate::shown::json(&serde_json::to_string(self.0).unwrap_or_default());
        line.push('\n');
        line
    }
}

fn severity(entry: &Entry) -> &'static str {
    match entry.event.severity() {
        Severity::Info => "info",
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// The escape sequence that begins the colour of a severity.
pub(crate) fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "\x1b[32m",
        Severity::Notice => "\x1b[33m",
        Severity::Warning => "\x1b[35m",
        Severity::Error => "\x1b[1;31m",
    }
}

/// `2026-11-23T14:05:03.120Z` (RFC 3339).
pub(crate) fn date_time(at: Timestamp) -> String {
    let civil = Civil::of(at.seconds());
    format!("{:04}-{:02}-{:02}T{}Z", civil.year, civil.month, civil.day, time_of_day(at))
}

/// `14:05:03.120`, in UTC.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    let second = at.seconds().rem_euclid(86_400);
    let millis = at.0.rem_euclid(1000);
    format!("{:02}:{:02}:{:02}.{millis:03}", second / 3600, second / 60 % 60, second % 60)
}
