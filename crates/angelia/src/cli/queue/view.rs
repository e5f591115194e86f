//! How rows of the queue look: a line each in `list`, everything in `show`.

use envelope::Timestamp;
use queue::{Listed, Next};
use serde::Serialize;

use crate::cli::output::{self, Json};
use crate::sinks::date_time;

/// Characters of a reply in a line of `list`; `show` has all of it.
const REPLY_CHARS: usize = 60;

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
}

impl Row {
    /// `expires` says when a letter that was accepted then goes back.
    pub(super) fn of(one: &Listed, now: Timestamp, expires: impl Fn(Timestamp) -> Timestamp) -> Self {
        let (state, next) = next(&one.next, now);
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
            expires: (!one.held).then(|| date_time(expires(one.mail.accepted_at))),
            delay_told: one.delay_told,
            last_reply: one.last_reply.clone(),
            dialogue: one.dialogue.clone(),
            age: span(one.mail.accepted_at, now),
        }
    }
}

/// The state in a word, and what happens next in a sentence.
fn next(next: &Next, now: Timestamp) -> (&'static str, String) {
    match next {
        Next::Held { reason: None } => ("held", "nothing until `angelia queue release`".to_owned()),
        Next::Held { reason: Some(reason) } => ("held", format!("nothing until `angelia queue release`: {reason}")),
        Next::Active { .. } => ("active", "it is being tried now".to_owned()),
        Next::Suspended { reason } => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            ("suspended", format!("nothing until `angelia queue resume`{why}"))
        }
        Next::Resting { until, failures } => {
            let text = format!("its destination rests after {failures} failures, tried again {}", when(*until, now));
            ("resting", text)
        }
        Next::Turn => ("waiting", "its turn in the queue of its destination".to_owned()),
        Next::Due { at } => ("waiting", format!("tried {}", when(*at, now))),
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

/// The listing, oldest facts first in a line, the reply last.
pub(super) fn list(json: &Json, rows: &[Row]) -> anyhow::Result<()> {
    output::list(json, &["id", "age", "tried", "state", "from", "to", "last reply"], rows, |row| {
        let reply = row.last_reply.as_deref().unwrap_or_default();
        let mut short: String = reply.chars().take(REPLY_CHARS).collect();
        if short.len() < reply.len() {
            short.push('…');
        }
        let (sender, recipient) = (row.sender.clone(), row.recipient.clone());
        vec![row.id.clone(), row.age.clone(), row.attempts.to_string(), row.state.to_owned(), sender, recipient, short]
    })?;
    if !json.json && !rows.is_empty() {
        let letters: std::collections::HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let states = ["waiting", "active", "resting", "suspended", "held"];
        let count = |state: &&str| rows.iter().filter(|row| row.state == *state).count();
        let states = states.iter().map(|state| (count(state), state)).filter(|(count, _)| *count > 0);
        let states: Vec<String> = states.map(|(count, state)| format!("{count} {state}")).collect();
        eprintln!("{} recipients of {} letters: {}", rows.len(), letters.len(), states.join(", "));
    }
    Ok(())
}

/// One letter, whole.
pub(super) fn show(json: &Json, rows: &[Row]) -> anyhow::Result<()> {
    if json.json {
        return output::print(&(serde_json::to_string_pretty(rows)? + "\n"));
    }
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index == 0 {
            out.push_str(&format!("letter {}\n  from      {}\n", row.id, row.sender));
            out.push_str(&format!("  accepted  {}, {} ago\n  octets    {}\n", row.accepted, row.age, row.octets));
        }
        out.push_str(&format!("\n  to {}\n    state     {}\n    next      {}\n", row.recipient, row.state, row.next));
        if row.via != row.domain {
            out.push_str(&format!("    by        {}\n", row.via));
        }
        out.push_str(&format!("    tried     {} times\n", row.attempts));
        if let Some(expires) = &row.expires {
            let told = if row.delay_told { "; the sender knows of the delay" } else { "" };
            out.push_str(&format!("    expires   {expires}, then it goes back to its sender{told}\n"));
        }
        if let Some(reply) = &row.last_reply {
            out.push_str(&format!("    last      {reply}\n"));
        }
        // Recipients of one attempt share the dialogue.
        let same = rows.get(..index).is_some_and(|before| before.iter().any(|other| other.dialogue == row.dialogue));
        match &row.dialogue {
            Some(_) if same => out.push_str("    dialogue  as above\n"),
            Some(dialogue) => {
                out.push_str("    dialogue  with ");
                for line in dialogue.lines() {
                    let clean: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
                    out.push_str(&format!("{clean}\n      "));
                }
                out.truncate(out.trim_end_matches(' ').len());
            }
            None => {}
        }
    }
    output::print(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_next() {
        let now = Timestamp(1_000_000_000);
        let later = Timestamp(now.0 + 3 * 3_600_000);
        for (what, state, words) in [
            (Next::Held { reason: None }, "held", "queue release"),
            (Next::Held { reason: Some("list gone wild".to_owned()) }, "held", "list gone wild"),
            (Next::Active { until: later }, "active", "now"),
            (Next::Suspended { reason: "maintenance".to_owned() }, "suspended", "queue resume`: maintenance"),
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
}
