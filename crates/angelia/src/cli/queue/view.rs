//! How rows of the queue look: a line each in `list`, everything in `show`.

use std::io::IsTerminal as _;

use envelope::Timestamp;
use queue::{Listed, Next, Totals, Wish};
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
    /// Who is behind the sender of a letter that was forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded_for: Option<String>,
    recipient: String,
    domain: String,
    via: String,
    octets: u64,
    accepted: String,
    attempts: u32,
    state: &'static str,
    /// Who has it in hand, or had it when his lease ran out.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<String>,
    /// What the operator wants of it unless it is delivered just now: hold or drop.
    #[serde(skip_serializing_if = "Option::is_none")]
    wish: Option<&'static str>,
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
        let (state, next) = next(one, now);
        let behind = one.mail.reverse_path.address().and_then(directory::srs::behind);
        // What the operator keeps back is kept until he lets it go.
        let is_kept = matches!(one.next, Next::Held { .. } | Next::Suspended(_));
        let expires = (!is_kept).then(|| expires(one.mail.accepted_at));
        Self {
            id: one.mail.id.to_string(),
            sender: format!("<{}>", one.mail.reverse_path),
            forwarded_for: behind.map(|behind| format!("<{behind}>")),
            recipient: one.address.to_string(),
            domain: one.address.host().to_string(),
            via: one.destination.clone(),
            octets: one.mail.octets,
            accepted: date_time(one.mail.accepted_at),
            attempts: one.attempts,
            state,
            claimed_by: one.claimed_by.clone(),
            wish: one.wish.map(|wish| if wish == Wish::Hold { "hold" } else { "drop" }),
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
fn next(one: &Listed, now: Timestamp) -> (&'static str, String) {
    let by = one.claimed_by.as_deref().unwrap_or_default();
    let (state, text) = match &one.next {
        Next::Held { reason: None } => ("held", "nothing until `angelia queue release`".to_owned()),
        Next::Held { reason: Some(reason) } => ("held", format!("nothing until `angelia queue release`: {reason}")),
        Next::Active { until } => {
            let (left, at) = (span(now, *until), date_time(*until));
            let text =
                format!("being sent by {by}; it has {left} (until {at}) to say how it went, or to ask for longer");
            let then = wish(one).map(|what| format!("; if it is not delivered, it is {what} then"));
            return ("active", text + &then.unwrap_or_default());
        }
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
        // Whoever had it is gone.
        Next::Due { at } if one.is_claimed() => ("waiting", format!("tried again {}", when(*at, now))),
        Next::Due { at } => ("waiting", format!("tried {}", when(*at, now))),
    };
    if !one.is_claimed() || one.held {
        return (state, text);
    }
    let text = wish(one).map_or(text, |what| format!("it is {what} now"));
    (state, format!("was being sent by {by}, which did not say how it went; {text}"))
}

/// What the operator has said while it was being sent: `held (asking the owner)`, `dropped`.
fn wish(one: &Listed) -> Option<String> {
    let what = match one.wish? {
        Wish::Hold => "held",
        Wish::Drop => "dropped",
    };
    Some(match &one.hold_reason {
        Some(why) => format!("{what} ({why})"),
        None => what.to_owned(),
    })
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
        _ => match wish(one) {
            Some(what) => Some(format!("if it is not delivered, it is {what}")),
            None => one.last_reply.clone(),
        },
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
            let behind = row.forwarded_for.as_ref().map(|behind| format!(" for {behind}")).unwrap_or_default();
            out.push_str(&format!("letter {}\n  from      {}\n", row.id, clean(&(row.sender.clone() + &behind))));
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

    fn listed(next: Next) -> Listed {
        let mail = queue::Mail {
            id: envelope::MailId::from_bytes([7; 16]),
            body: storage::BodyId(1),
            octets: 8,
            reverse_path: envelope::ReversePath::Null,
            body_type: envelope::BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            require_tls: envelope::RequireTls::Unsaid,
            accepted_at: Timestamp(0),
            delivered_to: None,
        };
        Listed {
            mail,
            number: 0,
            address: envelope::Address::parse("kostas@x.test").unwrap(),
            destination: "x.test".to_owned(),
            held: matches!(next, Next::Held { .. }),
            claimed_by: None,
            wish: None,
            hold_reason: None,
            attempts: 0,
            due: Timestamp(0),
            last_reply: Some("451 not now".to_owned()),
            dialogue: None,
            next,
            delay_told: false,
            notify: None,
            original: None,
            fence: 1,
        }
    }

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
            (Next::Suspended(suspension), "suspended", "by eleni: maintenance; `angelia queue resume x.test` ends it"),
            (Next::Resting { until: later, failures: 3 }, "resting", "after 3 failures, tried again in 3h"),
            (Next::Turn, "waiting", "turn"),
            (Next::Due { at: later }, "waiting", "tried in 3h"),
            (Next::Due { at: now }, "waiting", "tried now"),
        ] {
            let (found, text) = next(&listed(what.clone()), now);
            assert!(found == state && text.contains(words), "{what:?}: {found}, {text}");
        }
        assert_eq!(span(now, Timestamp(now.0 + 400_000_000)), "4d");
    }

    #[test]
    fn what_is_being_sent() {
        let now = Timestamp(1_000_000_000);
        let until = Timestamp(now.0 + 14 * 60_000);
        let at = date_time(until);
        let sent = |next, wish, why: Option<&str>| {
            let (claimed_by, hold_reason) = (Some("one".to_owned()), why.map(str::to_owned));
            Listed { claimed_by, wish, hold_reason, ..listed(next) }
        };
        let active = Next::Active { until };
        let text = format!("being sent by one; it has 14m (until {at}) to say how it went, or to ask for longer");
        assert_eq!(next(&sent(active.clone(), None, None), now), ("active", text.clone()));
        let held = sent(active.clone(), Some(Wish::Hold), Some("asking"));
        let then = "; if it is not delivered, it is held (asking) then";
        assert_eq!(next(&held, now), ("active", text.clone() + then));
        assert_eq!(reason(&held).as_deref(), Some("if it is not delivered, it is held (asking)"));
        let dropped = sent(active, Some(Wish::Drop), None);
        assert_eq!(next(&dropped, now), ("active", text + "; if it is not delivered, it is dropped then"));
        // Its lease has run out.
        let due = Next::Due { at: now };
        let lost = "was being sent by one, which did not say how it went; ";
        for (row, words) in [
            (sent(due.clone(), None, None), "tried again now"),
            (sent(due, Some(Wish::Drop), None), "it is dropped now"),
            (sent(Next::Turn, None, None), "its turn in the queue of its destination"),
        ] {
            assert_eq!(next(&row, now), ("waiting", format!("{lost}{words}")));
        }
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
