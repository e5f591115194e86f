//! The answer for people: one line for each question, in the order in which a letter meets them.

use std::fmt::Write as _;

use directory::{Senders, Step};
use envelope::{Address, Outcome};
use mhs::mta::outbound::{Place, Rate};
use mhs::route::Useless;

use super::hop::{Hop, Host, Route};
use super::report::Report;
use crate::cli::output::{clean, count};
use crate::cli::table::wrap;

/// Columns of the labels.
const LABEL: usize = 10;

/// The whole answer.
pub(super) fn write(report: &Report, colours: bool, screen: Option<usize>) -> String {
    let mut page = Page { out: String::new(), colours, screen };
    let from = if report.from.is_empty() { "<>" } else { &report.from };
    page.head(&format!("{} from {from}", report.address));
    page.line("who", &report.who);
    for step in &report.way {
        page.line("address", step);
    }
    if let Some(refused) = &report.refused {
        page.line("refused", refused);
    }
    for mailbox in &report.mailboxes {
        page.line("mailbox", mailbox);
    }
    for hop in &report.next_hops {
        page.hop(hop, report.address != hop.recipient);
    }
    for note in &report.notes {
        page.line("note", note);
    }
    page.out
}

struct Page {
    out: String,
    colours: bool,
    screen: Option<usize>,
}

impl Page {
    fn head(&mut self, text: &str) {
        let (on, off) = if self.colours { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(self.out, "{on}{}{off}", clean(text));
    }

    fn line(&mut self, label: &str, text: &str) {
        let (on, off) = if self.colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(self.out, "  {on}{label:<LABEL$}{off}{}", self.wrapped(text));
    }

    /// In lines that the screen has room for, under each other.
    fn wrapped(&self, text: &str) -> String {
        let margin = LABEL + 2;
        let room = self.screen.map_or(usize::MAX, |screen| screen.saturating_sub(margin).max(LABEL));
        wrap(&clean(text), room).join(&format!("\n{:margin$}", ""))
    }

    fn hop(&mut self, hop: &Hop, is_another: bool) {
        if is_another {
            self.out.push('\n');
            self.head(&format!("on to {}", hop.recipient));
        }
        if let Some(sender) = &hop.sender {
            self.line("sent as", if sender.is_empty() { "<>" } else { sender });
        }
        match &hop.route {
            Some(Route { number, line, to }) => {
                self.line("route", &format!("{to} ([[route]] number {number}, line {line})"))
            }
            None => self.line("route", "none is for it: by MX"),
        }
        self.line("next hop", &hop.destination);
        self.line("hosts", &hop.found);
        for text in hosts(&hop.hosts) {
            self.line("", &text);
        }
        self.tls(&hop.hosts);
        if let Some(user) = &hop.user {
            self.line("sign in", &format!("as {user}"));
        }
        if hop.first.is_some() {
            self.limits(hop);
        }
        let waiting = match (hop.waiting, hop.waiting_is_exact) {
            (0, true) => "nothing waits".to_owned(),
            (0, false) => "the queue is long".to_owned(),
            (1, true) => "1 recipient waits".to_owned(),
            (waiting, true) => format!("{} wait", count(waiting, "recipient")),
            (waiting, false) => format!("{} or more wait", count(waiting, "recipient")),
        };
        if hop.in_the_way.is_empty() {
            self.line("now", &format!("{waiting}, nothing is in the way"));
        }
        for text in &hop.in_the_way {
            self.line("now", &format!("{waiting}; {text}"));
        }
        match (&hop.nowhere, &hop.first) {
            (Some(nowhere), _) if hop.in_the_way.is_empty() => self.line("so", nowhere),
            (Some(nowhere), _) => self.line("so", &format!("it would wait; then, as things are now: {nowhere}")),
            (None, Some(first)) if hop.in_the_way.is_empty() => self.line("so", &format!("tried first: {first}")),
            (None, Some(first)) => self.line("so", &format!("it would wait; then tried first: {first}")),
            (None, None) => {}
        }
    }

    fn limits(&mut self, hop: &Hop) {
        let rate =
            hop.rate.as_ref().map_or_else(|| "as fast as it takes them".to_owned(), |rate| format!("{rate} at most"));
        self.line("limits", &format!("{} at once, {rate}", count(hop.connections as u64, "connection")));
        if !hop.source.is_empty() {
            self.line("source", &hop.source.join(", "));
        }
    }

    /// One line where all hosts are met alike.
    fn tls(&mut self, hosts: &[Host]) {
        let mut said: Vec<(&str, &str)> = Vec::new();
        for host in hosts {
            if let Some(tls) = &host.tls {
                said.push((&host.name, tls));
            }
        }
        match said.as_slice() {
            [] => {}
            [(_, first), rest @ ..] if rest.iter().all(|(_, tls)| tls == first) => self.line("TLS", first),
            all => all.iter().for_each(|(name, tls)| self.line("TLS", &format!("{name}: {tls}"))),
        }
    }
}

/// Preference, name and addresses in columns.
fn hosts(hosts: &[Host]) -> Vec<String> {
    let width = hosts.iter().map(|host| host.name.chars().count()).max().unwrap_or(0);
    let line = |host: &Host| {
        let preference = host.preference.map_or_else(String::new, |preference| format!("{preference:>5}  "));
        let places = host.addresses.iter().filter(|place| **place != host.name).cloned().collect::<Vec<_>>().join(" ");
        let useless = host.useless.as_ref().map(|why| format!("not tried: {why}"));
        let rest: Vec<String> = [Some(places).filter(|text| !text.is_empty()), useless].into_iter().flatten().collect();
        format!("{preference}{:<width$}  {}", host.name, rest.join("  ")).trim_end().to_owned()
    };
    hosts.iter().map(line).collect()
}

/// Where a host is reached.
pub(super) fn place(place: &Place) -> String {
    place.to_string()
}

/// Why a host is of no use.
pub(super) fn useless(why: &Useless) -> String {
    match why {
        Useless::Us => "it is this host itself".to_owned(),
        Useless::Nobodys(address) => format!("no mail host of others is at {address}"),
        Useless::BehindUs => "it is preferred no more than this host, and could send the mail back".to_owned(),
        Useless::IsAddress => "an MX must be a name, and this is an address".to_owned(),
        Useless::NoAddress => "it has no address".to_owned(),
        Useless::OtherFamily => "it has no address of the family that `outbound.prefer` allows".to_owned(),
        Useless::NullMx => "it takes no mail (null MX)".to_owned(),
        Useless::Dns(error) => error.to_string(),
        Useless::NotAsked => "there are enough before it".to_owned(),
    }
}

/// What becomes of a letter that goes nowhere.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(reply) => format!("it would go back to its sender: {reply}"),
        Outcome::Deferred(reply) => format!("it would wait: {reply}"),
        Outcome::Delivered(reply) => reply.to_string(),
    }
}

/// `100 letters an hour`.
pub(super) fn rate(rate: &Rate) -> String {
    let per = match rate.per.as_secs() {
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        3600 => "an hour".to_owned(),
        86_400 => "a day".to_owned(),
        seconds if seconds % 60 == 0 => format!("in {} minutes", seconds / 60),
        seconds => format!("in {seconds} seconds"),
    };
    format!("{} {per}", count(u64::from(rate.letters), "letter"))
}

/// One step from an address to those who get its letters.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::Moved { from, to, follows: true } => format!("{from} has moved, and letters follow to {to}"),
        Step::Moved { from, to, follows: false } => format!("{from} has moved; senders are told to write to {to}"),
        Step::Alias { source, to, owner, senders } => {
            let to = addresses(to);
            let who = match senders {
                Senders::Anybody => String::new(),
                Senders::Local => "; only our own people may write to it".to_owned(),
                Senders::Members => "; only its members may write to it".to_owned(),
            };
            let kind = match (source.strip_prefix('@'), owner) {
                (Some(domain), _) => {
                    return format!("nobody else at {domain} has it: the catch-all leads to {to}{who}");
                }
                (None, Some(owner)) => format!("a group, which {owner} owns"),
                (None, None) => "an alias".to_owned(),
            };
            format!("{source} is {kind}: it leads to {to}{who}")
        }
        Step::Account { address, forwards, .. } if forwards.is_empty() => format!("{address} is an account here"),
        Step::Account { address, forwards, keeps } => {
            let copy = if *keeps { "and keeps a copy" } else { "and keeps none" };
            format!("{address} is an account here, which forwards to {} {copy}", addresses(forwards))
        }
        Step::Role { address, to } => format!("{address} always exists: {to} reads its letters"),
        Step::Nobody(address) => format!("nobody has {address}, though something leads there"),
    }
}

fn addresses(all: &[Address]) -> String {
    all.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(preference: u16, name: &str, useless: Option<&str>) -> Host {
        let (addresses, tls) = (vec!["192.0.2.1:25".to_owned()], Some("encrypted".to_owned()));
        let useless = useless.map(str::to_owned);
        Host {
            preference: Some(preference),
            name: name.to_owned(),
            addresses,
            tls: tls.filter(|_| useless.is_none()),
            useless,
        }
    }

    #[test]
    fn a_page_for_people() {
        let hop = Hop {
            recipient: "kostas@patras.test".to_owned(),
            sender: None,
            destination: "patras.test".to_owned(),
            route: None,
            found: "the MX records of patras.test".to_owned(),
            hosts: vec![host(10, "mx.patras.test", None), host(20, "us.test", Some("it is this host itself"))],
            nowhere: None,
            first: Some("mx.patras.test at 192.0.2.1:25".to_owned()),
            user: None,
            source: vec![],
            connections: 10,
            rate: None,
            waiting: 1,
            waiting_is_exact: true,
            in_the_way: vec!["suspended: they asked\x1b[2J".to_owned()],
        };
        let mut report = Report {
            address: "kostas@patras.test".to_owned(),
            from: String::new(),
            who: "whoever signs in may".to_owned(),
            way: vec![],
            refused: None,
            mailboxes: vec![],
            next_hops: vec![hop],
            notes: vec![],
        };
        let wanted = "\
kostas@patras.test from <>
  who       whoever signs in may
  route     none is for it: by MX
  next hop  patras.test
  hosts     the MX records of patras.test
               10  mx.patras.test  192.0.2.1:25
               20  us.test         192.0.2.1:25  not tried: it is this host itself
  TLS       encrypted
  limits    10 connections at once, as fast as it takes them
  now       1 recipient waits; suspended: they asked\u{fffd}[2J
  so        it would wait; then tried first: mx.patras.test at 192.0.2.1:25
";
        assert_eq!(write(&report, false, None), wanted);
        assert_eq!(write(&report, false, Some(90)), wanted);
        let narrow = write(&report, false, Some(60));
        assert!(
            narrow.contains("mx.patras.test  192.0.2.1:25\n") && narrow.lines().all(|line| line.chars().count() <= 60),
            "{narrow}"
        );
        report.next_hops[0].nowhere = Some("it would go back to its sender: 550 5.1.2 no".to_owned());
        let nowhere = write(&report, false, None);
        assert!(
            nowhere.ends_with("it would wait; then, as things are now: it would go back to its sender: 550 5.1.2 no\n")
        );
        assert!(write(&report, true, None).starts_with("\x1b[1mkostas@patras.test from <>\x1b[0m\n"));
    }

    #[test]
    fn lines_have_what_there_is_room_for() {
        for (text, room, wanted) in [
            ("one two three", 7, &["one two", "three"][..]),
            ("one two three", 80, &["one two three"]),
            ("  10  a b", 6, &["  10", "a b"]),
            ("longerthanthis a", 5, &["longerthanthis", "a"]),
            ("κώστας και", 6, &["κώστας", "και"]),
            ("", 5, &[""]),
        ] {
            assert_eq!(wrap(text, room), wanted, "{text}");
        }
    }

    #[test]
    fn rates_in_words() {
        let rate = |letters, seconds| super::rate(&Rate { letters, per: std::time::Duration::from_secs(seconds) });
        assert_eq!(rate(100, 3600), "100 letters an hour");
        assert_eq!(rate(1, 600), "1 letter in 10 minutes");
        assert_eq!(rate(5, 7), "5 letters in 7 seconds");
    }

    #[test]
    fn steps_in_words() {
        let address = |text: &str| Address::parse(text).unwrap();
        let (anna, boss) = (address("anna@a.test"), address("boss@b.test"));
        let alias = |source: &str, owner, senders| Step::Alias {
            source: source.to_owned(),
            to: vec![anna.clone(), boss.clone()],
            owner,
            senders,
        };
        for (one, wanted) in [
            (
                alias("all@a.test", None, Senders::Anybody),
                "all@a.test is an alias: it leads to anna@a.test, boss@b.test",
            ),
            (
                alias("all@a.test", Some(anna.clone()), Senders::Members),
                "all@a.test is a group, which anna@a.test owns: it leads to anna@a.test, boss@b.test; only its members \
                 may write to it",
            ),
            (
                alias("@a.test", None, Senders::Anybody),
                "nobody else at a.test has it: the catch-all leads to anna@a.test, boss@b.test",
            ),
            (Step::Account { address: anna.clone(), forwards: vec![], keeps: false }, "anna@a.test is an account here"),
            (
                Step::Account { address: anna.clone(), forwards: vec![boss.clone()], keeps: true },
                "anna@a.test is an account here, which forwards to boss@b.test and keeps a copy",
            ),
            (
                Step::Moved { from: anna.clone(), to: boss.clone(), follows: true },
                "anna@a.test has moved, and letters follow to boss@b.test",
            ),
            (Step::Role { address: boss, to: anna }, "boss@b.test always exists: anna@a.test reads its letters"),
        ] {
            assert_eq!(step(&one), wanted);
        }
    }
}
