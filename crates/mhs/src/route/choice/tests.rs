//! Tables: what was heard, and what comes of it.

use std::sync::Arc;

use envelope::Host as HostName;

use super::*;
use crate::mta::outbound::Place;
use crate::route::{Endpoint, Options, Protocol};

fn hop(to: To, key: &str) -> NextHop {
    let route = (to != To::Mx).then_some(0);
    NextHop {
        key: key.to_owned(),
        host: HostName::parse(key).ok(),
        to: to.into(),
        options: Arc::new(Options::default()),
        route,
    }
}

fn relay() -> NextHop {
    let endpoint = Endpoint::Tcp { host: HostName::parse("relay.test").unwrap(), port: None };
    hop(To::Hosts { protocol: Protocol::Smtp, endpoints: vec![endpoint] }, "smtp:relay.test")
}

fn candidate(name: &str, addresses: usize, useless: Option<Useless>) -> Candidate {
    let place = |last: usize| Place::Tcp(format!("192.0.2.{last}:25").parse().unwrap());
    let places = (1..=addresses).map(place).collect();
    Candidate { rank: 0, preference: Some(10), name: name.to_owned(), mx_of: None, places, useless }
}

fn code(answer: Answer) -> String {
    match answer {
        Answer::Hosts(hosts) => {
            hosts.iter().map(|host| format!("{} {}", host.name, host.place)).collect::<Vec<_>>().join(", ")
        }
        Answer::Nowhere(outcome) => outcome.reply().to_string(),
    }
}

#[test]
fn what_a_strangers_dns_says() {
    let trouble = |error| Heard::Trouble(error);
    let temporary = || DnsError::Temporary("timed out".into());
    for (heard, candidates, wanted) in [
        (Heard::Exchanges, vec![candidate("mx.test", 1, None)], "mx.test 192.0.2.1:25"),
        (Heard::Malformed, vec![], "501 5.1.3"),
        (Heard::NullMx, vec![], "556 5.1.10 a.test takes no mail"),
        (trouble(DnsError::NoSuchName), vec![], "550 5.1.2 there is no domain a.test"),
        (trouble(DnsError::Unusable("x".into())), vec![], "451 4.4.4 the DNS entries of a.test are of no use: x"),
        (trouble(DnsError::NoHostName), vec![], "550 5.4.4 the MX records of a.test say what no host can be called"),
        (trouble(temporary()), vec![], "451 4.4.3 no answer about a.test"),
        (Heard::Implicit, vec![candidate("a.test", 0, Some(Useless::NoAddress))], "550 5.4.4 a.test has neither"),
        (Heard::Implicit, vec![candidate("a.test", 1, Some(Useless::Us))], "554 5.4.6"),
        (
            Heard::Implicit,
            vec![candidate("a.test", 0, Some(Useless::Nobodys([127, 0, 0, 1].into())))],
            "550 5.4.4 no mail for a.test can be brought to 127.0.0.1, the address that the DNS has for it",
        ),
        (
            Heard::Exchanges,
            vec![candidate("mx.test", 0, Some(Useless::Nobodys([169, 254, 0, 1].into())))],
            "550 5.4.4 no mail for a.test can be brought to 169.254.0.1, the address that the DNS has for its mail host mx.test",
        ),
        (
            Heard::Exchanges,
            vec![candidate("mx1.test", 0, Some(Useless::NoAddress)), candidate("mx2.test", 1, None)],
            "mx2.test 192.0.2.1:25",
        ),
        (Heard::Exchanges, vec![candidate("mx.test", 0, Some(Useless::NoAddress))], "550 5.4.4 no mail host of a.test"),
        (
            Heard::Exchanges,
            vec![candidate("us.test", 1, Some(Useless::Us)), candidate("mx.test", 0, Some(Useless::Dns(temporary())))],
            "451 4.4.3 the address of mx.test",
        ),
        (
            Heard::Exchanges,
            vec![candidate("us.test", 1, Some(Useless::Us)), candidate("mx.test", 1, Some(Useless::BehindUs))],
            "554 5.4.6 mail for a.test loops back",
        ),
        (
            Heard::Exchanges,
            vec![candidate("192.0.2.1", 0, Some(Useless::IsAddress))],
            "550 5.4.4 the MX of a.test says 192.0.2.1",
        ),
        (
            Heard::Exchanges,
            vec![candidate("mx.test", 1, Some(Useless::OtherFamily))],
            "451 4.4.4 mx.test has addresses",
        ),
    ] {
        let survey = Survey { heard, candidates };
        let found = code(choose(&hop(To::Mx, "a.test"), &survey));
        assert!(found.starts_with(wanted), "{survey:?}: {found}");
    }
}

#[test]
fn what_comes_of_an_operators_slip_is_never_final() {
    for (useless, wanted) in [
        (
            Useless::Dns(DnsError::NoHostName),
            "451 4.3.5 the route that this host has for the mail leads nowhere: the MX records of relay.test say what",
        ),
        (
            Useless::Dns(DnsError::NoSuchName),
            "451 4.3.5 the route that this host has for the mail leads nowhere: there is no host relay.test",
        ),
        (
            Useless::Dns(DnsError::Temporary("x".into())),
            "451 4.4.3 the address of relay.test, to which the route leads: no answer from the DNS: x",
        ),
        (
            Useless::Us,
            "451 4.3.5 the route that this host has for the mail leads nowhere: relay.test is this host itself",
        ),
        (Useless::NoAddress, "451 4.3.5"),
        (Useless::OtherFamily, "451 4.3.5"),
        (Useless::NullMx, "451 4.3.5"),
    ] {
        let survey = Survey { heard: Heard::Named, candidates: vec![candidate("relay.test", 1, Some(useless))] };
        let found = code(choose(&relay(), &survey));
        assert!(found.starts_with(wanted), "{found}");
    }
}

#[test]
fn a_refusal_is_final_and_many_addresses_are_bounded() {
    let reject = hop(To::parse(["reject:5.1.6 moved away"]).unwrap(), "reject:5.1.6 moved away");
    let survey = Survey { heard: Heard::Refused, candidates: vec![] };
    assert_eq!(code(choose(&reject, &survey)), "550 5.1.6 moved away");
    let survey = Survey { heard: Heard::Exchanges, candidates: vec![candidate("mx.test", 200, None)] };
    let Answer::Hosts(hosts) = choose(&hop(To::Mx, "a.test"), &survey) else { panic!() };
    assert_eq!(hosts.len(), OUTBOUND_HOSTS_MAX);
}
