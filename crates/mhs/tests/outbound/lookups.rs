//! Name servers that answer one question and leave the others open.

use std::time::Duration;

use envelope::Host;
use mhs::route::survey::Asker;
use mhs::route::{Answer, Candidate, Heard, NextHop, Options, Ourselves, Prefer, To, Useless, choose, survey};
use net::{DnsError, Resolver};

use crate::names::Rude;

/// 20 MX hosts, `a` to `t` below the domain, and not a word on where they are.
fn hosts_without_end(question: &[u8]) -> Vec<u8> {
    let mut end = 12;
    while question[end] > 0 {
        end += usize::from(question[end]) + 1;
    }
    let is_mx = question[end + 1..end + 3] == [0, 15];
    if !is_mx {
        return Vec::new();
    }
    let mut answer = [&question[..2], &[0x81, 0x80, 0, 1, 0, 20, 0, 0, 0, 0], &question[12..end + 5]].concat();
    for (letter, preference) in (b'a'..=b't').zip(1..) {
        // The name of the question, MX, IN, a minute, 6 octets.
        answer.extend([0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 6, 0, preference, 1, letter, 0xc0, 12]);
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_no_name_server_knows_are_asked_for_so_long_at_most() {
    let names = Rude::start(hosts_without_end).await;
    let resolver = Resolver::named(names.at).unwrap();
    let asker = Asker {
        resolver: &resolver,
        prefer: Prefer::default(),
        ourselves: &Ourselves::default(),
        port: 25,
        loopback: false,
        patience: Duration::from_millis(500),
        thorough: false,
    };
    let key = "patras.test".to_owned();
    let host = Host::parse(&key).ok();
    let hop = NextHop { key, host, to: To::Mx.into(), options: Options::default().into(), route: None };
    // One that no name server answers takes longer than this by itself.
    let asking = tokio::time::timeout(net::limits::DNS_TRY_PATIENCE, survey(&asker, &hop));
    let survey = asking.await.expect("an end");
    assert_eq!((&survey.heard, survey.candidates.len()), (&Heard::Exchanges, 20));
    let count = |which: fn(&Useless) -> bool| {
        let useless = |one: &&Candidate| one.useless.as_ref().is_some_and(which);
        survey.candidates.iter().filter(useless).count()
    };
    assert_eq!(
        count(|why| matches!(why, Useless::Dns(DnsError::Temporary(_) | DnsError::Silent(_)))),
        10,
        "{survey:?}"
    );
    assert_eq!(count(|why| *why == Useless::NotAsked), 10, "{survey:?}");
    // Nobody has said that they are not there: the letter waits.
    let Answer::Nowhere(outcome) = choose(&hop, &survey) else { panic!("{survey:?}") };
    let said = outcome.reply().to_string();
    assert!(said.starts_with("451 4.4.3 the address of a.patras.test"), "{said}");
}
