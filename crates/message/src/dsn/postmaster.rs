//! The text for the postmaster: a notification of ours came back, and its reader has to see at once that this is no letter
//! of his own, who has not been told, and of what.

use std::fmt::Write;

use super::report::printable;
use super::words::{day, paragraph, reasons};
use super::{Report, Returned};

/// Lines told of each list; the attached parts have all.
const LINES_MAX: usize = 20;

pub(super) const SUBJECT: &str = "A notice of this mail system could not be delivered";

pub(super) fn text(report: &Report<'_>, about: &[String]) -> String {
    let mut out = String::new();
    let opening = "A notice that this mail system wrote could not be delivered itself, so the one whom it was for has not \
                   been told. It will not be tried again. You are the postmaster here, and nobody else is told.";
    paragraph(&mut out, "", &format!("This is the mail system of {}.", report.reporting_mta));
    paragraph(&mut out, "", opening);
    for recipient in report.recipients.iter().take(LINES_MAX) {
        let _ = writeln!(out, "  The notice was for <{}>", recipient.address);
        paragraph(&mut out, "    ", &format!("It could not be delivered. {}", recipient.advice().0));
        reasons(&mut out, recipient);
    }
    out.push_str("  What the notice was about\n");
    if let Some(subject) = report.subject.map(|text| printable(text, true)).filter(|text| !text.trim().is_empty()) {
        let _ = writeln!(out, "    Subject:  {}", subject.trim());
    }
    if let Some(arrival) = report.arrival {
        let _ = writeln!(out, "    Written:  {}", day(arrival));
    }
    for line in about.iter().take(LINES_MAX) {
        let _ = writeln!(out, "    It told:  {}", printable(line, true).trim());
    }
    let more = about.len().saturating_sub(LINES_MAX);
    if more > 0 {
        let _ = writeln!(out, "    ... and of {more} recipients more.");
    }
    out.push('\n');
    let advice = "What you can do: if somebody here wrote the letter, tell them. If the address above is not theirs, the \
                  letter was written under a false name, and there is nothing to do.";
    paragraph(&mut out, "", advice);
    paragraph(
        &mut out,
        "",
        match report.returned {
            Returned::Full => "The notice is attached, with what it had attached of the letter.",
            Returned::Headers => "The header of the notice is attached.",
            Returned::Nothing => "",
        },
    );
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
