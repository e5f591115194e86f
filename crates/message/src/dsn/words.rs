//! The text for people: what happened, to whom, what the other side said, what to do.

use std::fmt::Write;

use envelope::{Address, Timestamp};

use crate::date::DateTime;

use super::report::printable;
use super::{Action, OriginalRecipient, Reader, RecipientReport, Report, Returned, Said, advice, postmaster};

/// Recipients listed in full; of a thousand failures nobody reads more, and the status part has them all.
const RECIPIENTS_TOLD_MAX: usize = 50;

/// Octets on a line of text.
const COLUMNS: usize = 72;

pub(super) fn subject(report: &Report<'_>) -> &'static str {
    if let Reader::Postmaster { .. } = report.reader {
        return postmaster::SUBJECT;
    }
    match worst(report) {
        Action::Failed => "Your message could not be delivered",
        Action::Delayed => "Your message is delayed",
        Action::Delivered => "Your message has been delivered",
        Action::Relayed | Action::Expanded => "Your message has been passed on",
    }
}

fn worst(report: &Report<'_>) -> Action {
    let order = [Action::Failed, Action::Delayed, Action::Expanded, Action::Relayed, Action::Delivered];
    let has = |action: &Action| report.recipients.iter().any(|recipient| recipient.action == *action);
    order.into_iter().find(has).unwrap_or(Action::Delivered)
}

pub(super) fn text(report: &Report<'_>) -> String {
    if let Reader::Postmaster { about } = report.reader {
        return postmaster::text(report, about);
    }
    let mut out = String::new();
    paragraph(&mut out, "", &format!("This is the mail system of {}.", report.reporting_mta));
    paragraph(&mut out, "", &opening(report));
    if let Some(subject) = report.subject.map(|text| printable(text, true)).filter(|text| !text.trim().is_empty()) {
        let _ = writeln!(out, "    Subject:  {}", subject.trim());
    }
    if let Some(arrival) = report.arrival {
        let _ = writeln!(out, "    Taken in: {}", day(arrival));
    }
    if report.subject.is_some() || report.arrival.is_some() {
        out.push('\n');
    }
    for recipient in report.recipients.iter().take(RECIPIENTS_TOLD_MAX) {
        tell(&mut out, recipient);
    }
    let more = report.recipients.len().saturating_sub(RECIPIENTS_TOLD_MAX);
    if more > 0 {
        paragraph(&mut out, "", &format!("... and {more} more, who are listed in the delivery report below."));
    }
    paragraph(
        &mut out,
        "",
        match report.returned {
            Returned::Full => "Your message is attached, so that nothing of it is lost.",
            Returned::Headers => "The header of your message is attached, so that you can tell which one it was.",
            Returned::Nothing => "",
        },
    );
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn opening(report: &Report<'_>) -> String {
    let below = if report.recipients.len() == 1 { "the address below" } else { "the addresses below" };
    match worst(report) {
        Action::Failed => format!(
            "We are sorry to tell you that a message of yours could not be delivered to {below}. It will not be tried \
             again."
        ),
        Action::Delayed => format!(
            "A message of yours to {below} has not arrived yet. Nothing is lost and you need not do anything: we keep \
             trying, and will tell you if we have to give up. Please do not send it again."
        ),
        Action::Delivered => "You asked to be told: your message has arrived.".to_owned(),
        Action::Relayed | Action::Expanded => {
            "You asked to be told: your message has been passed on. You may hear no more of it, since the next system \
             sends no such notices."
                .to_owned()
        }
    }
}

impl RecipientReport<'_> {
    /// What it means to people, and what they can do.
    pub(super) fn advice(&self) -> (&'static str, &'static str) {
        let (happened, help) = advice::of(self.status, self.said.is_none());
        // The address that failed is not the one that the sender wrote.
        (happened, if help == advice::SPELLING && self.written().is_some() { advice::ASK } else { help })
    }

    /// The address that the sender wrote, where this one has taken its place: a forward, a group, an alias.
    fn written(&self) -> Option<Address> {
        let original = OriginalRecipient::parse(self.original?).ok()?;
        Address::parse(&original.address).ok().filter(|written| written != self.address)
    }

    /// Whoever looks after the system has given it back: X.7.0 of our own, the status of policy (RFC 3463 section 3.8).
    fn is_decision(&self) -> bool {
        self.said.is_none() && (self.status.subject, self.status.detail) == (7, 0)
    }
}

fn tell(out: &mut String, recipient: &RecipientReport<'_>) {
    let _ = match recipient.written() {
        None => writeln!(out, "  To <{}>", recipient.address),
        Some(written) => writeln!(out, "  To <{written}>, whose mail goes on to <{}>", recipient.address),
    };
    let happened = match recipient.action {
        Action::Failed => format!("It could not be delivered. {}", recipient.advice().0),
        Action::Delayed => format!("It is late. {}", recipient.advice().0),
        Action::Delivered => "It is in the mailbox.".to_owned(),
        Action::Relayed => "It was passed on to the next mail system.".to_owned(),
        Action::Expanded => "It was passed on to the addresses behind this one.".to_owned(),
    };
    paragraph(out, "    ", &happened);
    if matches!(recipient.action, Action::Failed | Action::Delayed) {
        reasons(out, recipient);
    }
    match recipient.action {
        Action::Failed => {
            paragraph(out, "    ", &format!("What you can do: {}", recipient.advice().1));
        }
        Action::Delayed => {
            if let Some(until) = recipient.will_retry_until {
                paragraph(out, "    ", &format!("We keep trying until {}.", day(until)));
            }
        }
        _ => {}
    }
}

/// In whose words it is told is never mixed up: what the other side said is quoted, the rest we found out ourselves.
pub(super) fn reasons(out: &mut String, recipient: &RecipientReport<'_>) {
    if let Some(Said { host, reply }) = recipient.said {
        paragraph(out, "    ", &format!("The server {} said:", printable(host, true)));
        paragraph(out, "        ", &printable(&reply.to_string(), true));
    }
    if let Some(found) = recipient.found {
        // A decision is no finding.
        paragraph(out, "    ", if recipient.is_decision() { "They say:" } else { "We found:" });
        paragraph(out, "        ", &printable(found, true));
    }
}

pub(super) fn day(at: Timestamp) -> String {
    DateTime::utc(at).to_rfc5322().replace("+0000", "UTC")
}

/// Adds words, broken into lines, and an empty line.
pub(super) fn paragraph(out: &mut String, indent: &str, words: &str) {
    let mut column = 0;
    for word in words.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            out.push_str(indent);
            column = indent.len();
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    if column > 0 {
        out.push_str("\n\n");
    }
}
