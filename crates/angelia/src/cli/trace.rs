//! `angelia trace`: the life of a letter, each decision with its reason and its time, as the journal has it.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::bail;
use envelope::Timestamp;
use journal::Entry;

use super::table;
use crate::sinks::{self, Found, describe};

/// Where lines go on.
const BELOW: usize = 17;

/// A screen that is no wider than the columns before has lines of so much.
const LEAST: usize = 32;

/// Tells the life of a letter: what was decided about it, when, why, and on which connection.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  angelia trace '<20261123.1@athens.test>'\n  angelia trace kostas@patras.test\n  \
                  angelia trace 4m2kq0vw8h3e7r5tzy1cxd9b6n --json")]
pub(crate) struct Args {
    /// A Message-ID, an address, a queue id, or the id of a connection.
    #[arg(value_name = "MESSAGE-ID|ADDRESS|QUEUE-ID")]
    subject: String,
    /// At most so many letters, the latest.
    #[arg(long, value_name = "N", default_value_t = 10)]
    letters: usize,
    /// One JSON object, for programs.
    #[arg(long)]
    json: bool,
}

/// Looks it up in the store that the configuration names, also while the server runs.
pub(crate) async fn run(args: Args, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = super::ground(config).await?;
    let found = sinks::search(&ground.store, &args.subject, args.letters).await?;
    if found.letters.is_empty() && found.others.is_empty() {
        bail!(
            "the journal has nothing about {:?}; it is kept for some days only, and is written up to a second late",
            args.subject
        );
    }
    let text = if args.json { json(&found) } else { render(&found, std::io::stdout().is_terminal(), table::screen()) };
    super::output::print(&text)
}

fn json(found: &Found) -> String {
    let letters: Vec<serde_json::Value> = found
        .letters
        .iter()
        .map(|letter| serde_json::json!({ "mail": letter.mail.to_string(), "entries": letter.entries }))
        .collect();
    let value = serde_json::json!({ "letters": letters, "others": found.others, "more": found.more });
    crate::shown::json(&format!("{value:#}\n"))
}

fn render(found: &Found, colours: bool, screen: Option<usize>) -> String {
    let mut out = String::new();
    if found.more > 0 {
        let _ = writeln!(out, "({} earlier letters are not shown: --letters N shows more)\n", found.more);
    }
    for letter in &found.letters {
        let _ = writeln!(out, "Letter {}", letter.mail);
        life(&letter.entries, colours, screen, &mut out);
        out.push('\n');
    }
    if !found.others.is_empty() {
        out.push_str("Beside letters\n");
        life(&found.others, colours, screen, &mut out);
    }
    out
}

/// A line for each entry: the time, how long after the one before, what, and on which connection. On a screen what has no room in it
/// goes on below, beside the time.
fn life(entries: &[Entry], colours: bool, screen: Option<usize>, out: &mut String) {
    let mut before: Option<Timestamp> = None;
    let mut connections = Vec::new();
    for entry in entries {
        let is_new_day = before.is_none_or(|before| date(before) != date(entry.at));
        if is_new_day {
            let _ = writeln!(out, "  {} (UTC)", date(entry.at));
        }
        let pause = before.map(|before| pause(before, entry.at)).unwrap_or_default();
        let (on, off) = if colours { (sinks::colour(entry.event.severity()), "\x1b[0m") } else { ("", "") };
        let connection = entry.session.map(|session| {
            let known = connections.iter().position(|other| *other == session);
            let place = known.unwrap_or_else(|| {
                connections.push(session);
                connections.len() - 1
            });
            format!("#{}", place + 1)
        });
        let (time, connection) = (sinks::time_of_day(entry.at), connection.unwrap_or_default());
        let head = format!("  {time} {pause:>9}  {connection:<3} ");
        let what = format!("{:<15} {}", entry.event.name(), describe(&entry.event));
        let (first, rest) = in_lines(&what, head.chars().count(), screen);
        // Only the name has a colour.
        let name = first.char_indices().nth(15).map_or(first.len(), |(end, _)| end);
        let (name, text) = first.split_at(name);
        let _ = writeln!(out, "{head}{on}{name}{off}{text}");
        for line in rest {
            let _ = writeln!(out, "{:BELOW$}{line}", "");
        }
        before = Some(entry.at);
    }
    for (place, session) in connections.iter().enumerate() {
        let _ = writeln!(out, "  #{} is connection {session}", place + 1);
    }
}

/// What has room behind `before` characters, and the lines below, which stand further to the left.
fn in_lines(text: &str, before: usize, screen: Option<usize>) -> (&str, Vec<&str>) {
    let Some(screen) = screen else { return (text, Vec::new()) };
    let first = table::wrap(text, screen.saturating_sub(before).max(LEAST)).first().copied().unwrap_or_default();
    let rest = text.get(first.len()..).unwrap_or_default().trim_start();
    let rest = if rest.is_empty() { Vec::new() } else { table::wrap(rest, screen.saturating_sub(BELOW).max(LEAST)) };
    (first, rest)
}

fn date(at: Timestamp) -> String {
    sinks::date_time(at).split('T').next().unwrap_or_default().to_owned()
}

fn pause(before: Timestamp, at: Timestamp) -> String {
    let pause = at.since(before);
    match pause.as_millis() {
        0 => String::new(),
        1..1_000 => format!("+{} ms", pause.as_millis()),
        1_000..100_000 => format!("+{:.1} s", pause.as_secs_f64()),
        100_000..6_000_000 => format!("+{} min", pause.as_secs() / 60),
        _ => format!("+{} h", pause.as_secs() / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_the_screen() {
        let text =
            "attempt         kostas@patras.test: 451 4.4.1 nobody of patras.test talks to us, tried again in 5 minutes";
        assert_eq!(in_lines(text, 30, None), (text, Vec::new()));
        let (first, rest) = in_lines(text, 30, Some(80));
        assert_eq!(first, "attempt         kostas@patras.test: 451 4.4.1");
        assert_eq!(rest, ["nobody of patras.test talks to us, tried again in 5 minutes"]);
        for screen in 0..200 {
            let (first, rest) = in_lines(text, 30, Some(screen));
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!([words(first), words(&rest.join(" "))].concat(), words(text));
            assert!(rest.iter().all(|line| BELOW + line.len() <= screen.max(BELOW + LEAST)), "{screen}");
        }
    }
}
