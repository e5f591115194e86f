//! How rows of the queue look: a line each in `list`, everything in `show`.

use std::io::IsTerminal as _;

use envelope::Timestamp;
use queue::{Listed, Next, Totals};
use serde::Serialize;
use storage::Body;

use super::suspend;
use crate::cli::output::{self, Column, Json, clean, count, cut, fold, size, spare, whole};
use crate::sinks::date_time;

/// A letter is read in pieces of this size, whatever its own.
const PIECE_OCTETS: u64 = 65_536;

/// Columns of `list`. What is cut on a narrow screen is whole in `show`.
const COLUMNS: [Column; 9] = [
    whole("id"),
    whole("age"),
    spare("size").number(),
    spare("tried").number(),
    whole("state"),
    whole("next"),
    fold("from"),
    cut("to"),
    fold("reason"),
];

/// A row, for programs and for people.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    sender: String,
    recipient: String,
    domain: String,
    via: String,
    octets: u64,
    accepted: String,
    attempts: u32,
    state: &'static str,
    next: String,
    due: String,
    expires: Option<String>,
    delay_told: bool,
    last_reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dialogue: Option<String>,
    #[serde(skip)]
    age: String,
    /// When it goes back to its sender, in words.
    #[serde(skip)]
    expiry: Option<String>,
    /// How long until it is tried.
    #[serde(skip)]
    pause: String,
    /// Why it is still here.
    #[serde(skip)]
    reason: String,
}

impl Row {
    /// `expires` says when a letter that was accepted then goes back.
    pub(super) fn of(one: &Listed, now: Timestamp, expires: impl Fn(Timestamp) -> Timestamp) -> Self {
        let (state, next) = next(&one.next, now);
        // What the operator keeps back is kept until he lets it go.
        let is_kept = matches!(one.next, Next::Held { .. } | Next::Suspended(_));
        let expires = (!is_kept).then(|| expires(one.mail.accepted_at));
        Self {
            id: one.mail.id.to_string(),
            sender: format!("<{}>", one.mail.reverse_path),
            recipient: one.address.to_string(),
            domain: one.address.host().to_string(),
            via: one.destination.clone(),
            octets: one.mail.octets,
            accepted: date_time(one.mail.accepted_at),
            attempts: one.attempts,
            state,
            next,
            due: date_time(one.due),
            expires: expires.map(date_time),
            expiry: expires.map(|at| expiry(&one.next, at, now)),
            delay_told: one.delay_told,
            last_reply: one.last_reply.clone(),
            dialogue: one.dialogue.clone(),
            age: span(one.mail.accepted_at, now),
            pause: pause(&one.next, now),
            reason: reason(one).unwrap_or_default(),
        }
    }
}

/// The state in a word, and what happens next in a sentence.
fn next(next: &Next, now: Timestamp) -> (&'static str, String) {
    match next {
        Next::Held { reason: None } => ("held", "nothing until `angelia queue release`".to_owned()),
        Next::Held { reason: Some(reason) } => ("held", format!("nothing until `angelia queue release`: {reason}")),
        Next::Active { .. } => ("active", "it is being tried now".to_owned()),
        Next::Suspended(one) => ("suspended", format!("nothing: {}", suspend::words(one, now))),
        Next::Resting { until, failures } => {
            let text = format!(
                "its destination rests after {}, tried again {}",
                count(u64::from(*failures), "failure"),
                when(*until, now)
            );
            ("resting", text)
        }
        Next::Turn => ("waiting", "its turn in the queue of its destination".to_owned()),
        Next::Due { at } => ("waiting", format!("tried {}", when(*at, now))),
    }
}

/// When it goes back; or why it has not, though its time is over: it is not given up untried.
fn expiry(next: &Next, at: Timestamp, now: Timestamp) -> String {
    let goes_back = match next {
        _ if now < at => return format!("{}, then it goes back to its sender", date_time(at)),
        Next::Active { .. } => "if the attempt under way fails",
        _ => "if its next attempt fails",
    };
    format!("{}, which is past: it goes back to its sender {goes_back}", date_time(at))
}

/// How long until something happens to it.
fn pause(next: &Next, now: Timestamp) -> String {
    match next {
        Next::Held { .. } | Next::Suspended(_) => "-".to_owned(),
        Next::Active { .. } | Next::Turn => "now".to_owned(),
        Next::Resting { until: at, .. } | Next::Due { at } => until(*at, now),
    }
}

/// `now`, or how long until then.
pub(super) fn until(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "now".to_owned() } else { span(now, at) }
}

/// Why it is still here: what the operator said, or the other side.
fn reason(one: &Listed) -> Option<String> {
    match &one.next {
        Next::Held { reason: Some(reason) } => Some(reason.clone()),
        Next::Suspended(suspension) if !suspension.reason.is_empty() => Some(suspension.reason.clone()),
        _ => one.last_reply.clone(),
    }
}

fn when(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "now".to_owned() } else { format!("in {} ({})", span(now, at), date_time(at)) }
}

/// How long, in one unit.
pub(super) fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.since(from).as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The listing, and how much it is. `is_all` says that nothing else is in the queue.
pub(super) fn list(json: &Json, rows: &[Row], totals: &Totals, is_all: bool) -> anyhow::Result<()> {
    if !json.json && totals.recipients == 0 {
        crate::shown::tell!("{}", if is_all { "the queue is empty" } else { "none" });
        return Ok(());
    }
    // Asked to show none, it only counts.
    if json.json || !rows.is_empty() {
        output::list(json, &COLUMNS, rows, |row| {
            let (age, size) = (row.age.clone(), size(row.octets));
            let (tried, state, next) = (row.attempts.to_string(), row.state.to_owned(), row.pause.clone());
            let sender = row.sender.trim_matches(['<', '>']);
            let sender = if sender.is_empty() { "<>" } else { sender }.to_owned();
            vec![row.id.clone(), age, size, tried, state, next, sender, row.recipient.clone(), row.reason.clone()]
        })?;
    }
    if !json.json {
        crate::shown::tell!("{}", summary(totals, rows.len()));
    }
    Ok(())
}

/// `3 recipients of 2 letters (1.2K): 2 waiting, 1 held`.
fn summary(totals: &Totals, shown: usize) -> String {
    let Totals { waiting, active, resting, suspended, held, .. } = *totals;
    let states =
        [(waiting, "waiting"), (active, "active"), (resting, "resting"), (suspended, "suspended"), (held, "held")];
    let states: Vec<String> =
        states.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}")).collect();
    let (recipients, letters) = (count(totals.recipients, "recipient"), count(totals.letters, "letter"));
    let part = match totals.recipients > shown as u64 {
        true => format!("; the first {shown} are shown (--limit)"),
        false => String::new(),
    };
    format!("{recipients} of {letters} ({}): {}{part}", size(totals.octets), states.join(", "))
}

/// One letter, whole.
pub(super) fn show(json: &Json, rows: &[Row]) -> anyhow::Result<()> {
    if json.json {
        return output::print(&(crate::shown::json(&serde_json::to_string_pretty(rows)?) + "\n"));
    }
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index == 0 {
            out.push_str(&format!("letter {}\n  from      {}\n", row.id, clean(&row.sender)));
            out.push_str(&format!("  accepted  {}, {} ago\n  octets    {}\n", row.accepted, row.age, row.octets));
        }
        let (to, next) = (clean(&row.recipient), clean(&row.next));
        out.push_str(&format!("\n  to {to}\n    state     {}\n    next      {next}\n", row.state));
        if row.via != row.domain {
            out.push_str(&format!("    by        {}\n", row.via));
        }
        out.push_str(&format!("    tried     {}\n", count(u64::from(row.attempts), "time")));
        if let Some(expiry) = &row.expiry {
            let told = if row.delay_told { "; the sender knows of the delay" } else { "" };
            out.push_str(&format!("    expires   {expiry}{told}\n"));
        }
        if let Some(reply) = &row.last_reply {
            out.push_str(&format!("    last      {}\n", clean(reply)));
        }
        // Recipients of one attempt share the dialogue.
        let same = rows.get(..index).is_some_and(|before| before.iter().any(|other| other.dialogue == row.dialogue));
        match &row.dialogue {
            Some(_) if same => out.push_str("    dialogue  as above\n"),
            Some(dialogue) => {
                out.push_str("    dialogue  with ");
                for line in dialogue.lines() {
                    out.push_str(&format!("{}\n      ", clean(line)));
                }
                out.truncate(out.trim_end_matches(' ').len());
            }
            None => {}
        }
    }
    output::print(&out)
}

/// The letter itself, a piece at a time. It may not steer a terminal; what is no terminal gets every octet.
pub(super) async fn letter(body: &Body) -> anyhow::Result<()> {
    let is_screen = std::io::stdout().is_terminal();
    let mut at = 0;
    while at < body.len() {
        let end = body.len().min(at + PIECE_OCTETS);
        let piece = body.read(at..end).await?;
        if is_screen {
            let text = String::from_utf8_lossy(&piece).replace("\r\n", "\n");
            output::print(&text.split('\n').map(clean).collect::<Vec<_>>().join("\n"))?;
        } else {
            output::write(&piece)?;
        }
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use queue::{Scope, Suspension};

    use super::*;

    #[test]
    fn what_happens_next() {
        let now = Timestamp(1_000_000_000);
        let later = Timestamp(now.0 + 3 * 3_600_000);
        let suspension = Suspension {
            scope: Scope::Domain("x.test".to_owned()),
            reason: "maintenance".to_owned(),
            by: Some("eleni".to_owned()),
            since: now,
        };
        for (what, state, words) in [
            (Next::Held { reason: None }, "held", "queue release"),
            (Next::Held { reason: Some("list gone wild".to_owned()) }, "held", "list gone wild"),
            (Next::Active { until: later }, "active", "now"),
            (Next::Suspended(suspension), "suspended", "by eleni: maintenance; `angelia queue resume x.test` ends it"),
            (Next::Resting { until: later, failures: 3 }, "resting", "after 3 failures, tried again in 3h"),
            (Next::Turn, "waiting", "turn"),
            (Next::Due { at: later }, "waiting", "tried in 3h"),
            (Next::Due { at: now }, "waiting", "tried now"),
        ] {
            let (found, text) = next(&what, now);
            assert!(found == state && text.contains(words), "{what:?}: {found}, {text}");
        }
        assert_eq!(span(now, Timestamp(now.0 + 400_000_000)), "4d");
    }

    #[test]
    fn when_it_goes_back() {
        let now = Timestamp(1_000_000_000);
        let (before, after) = (Timestamp(now.0 - 240_000), Timestamp(now.0 + 240_000));
        let active = Next::Active { until: after };
        for (what, at, words) in [
            (&active, after, ", then it goes back to its sender"),
            (&active, before, ", which is past: it goes back to its sender if the attempt under way fails"),
            (&Next::Turn, before, ", which is past: it goes back to its sender if its next attempt fails"),
        ] {
            assert_eq!(expiry(what, at, now), date_time(at) + words);
        }
    }

    #[test]
    fn how_much_it_is() {
        let totals = Totals { recipients: 3, letters: 2, octets: 1200, waiting: 2, held: 1, ..Totals::default() };
        assert_eq!(summary(&totals, 3), "3 recipients of 2 letters (1.2K): 2 waiting, 1 held");
        let text = summary(&totals, 1);
        assert!(text.ends_with("; the first 1 are shown (--limit)"), "{text}");
    }
}
