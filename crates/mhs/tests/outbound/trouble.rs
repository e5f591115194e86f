//! Next hops that are down, busy, slow or rude.

use std::time::Duration;

use journal::Event;
use queue::Filter;

use crate::peer::{Manner, Peer};
use crate::world::{Wishes, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down_is_tried_again() {
    let world = World::new().await;
    world.send(&["kostas@patras.test", "maria@patras.test"]).await;
    world.until("two refused attempts each", async || world.attempts().len() >= 4).await;
    assert!(world.attempts().iter().all(|code| code == "451 4.4.1"), "{:?}", world.attempts());
    let waiting = world.queued().await;
    assert_eq!(waiting.len(), 2);
    assert!(waiting[0].last_reply.as_deref().unwrap().contains("refused"), "{waiting:?}");
    let peer = Peer::start(world.at(1), Manner::default()).await;
    world.until_empty().await;
    assert_eq!(peer.letters().iter().map(|letter| letter.to.len()).sum::<usize>(), 2);
    assert!(world.letters().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_host_is_tried_again() {
    let world = World::new().await;
    let greeting = |number| if number < 3 { "421 4.3.2 too busy" } else { "220 peer" };
    let peer = Peer::start(world.at(1), Manner { greeting, ..Manner::default() }).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(world.attempts(), ["421 4.3.2", "421 4.3.2", "250 2.0.0"]);
    assert_eq!(peer.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_refuses_everybody_today_is_tried_again() {
    let world = World::new().await;
    let greeting = |number| if number < 2 { "554 go away" } else { "220 peer" };
    let peer = Peer::start(world.at(1), Manner { greeting, ..Manner::default() }).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 1);
    assert!(world.letters().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greylisting_host_gets_it_later() {
    let world = World::new().await;
    let recipient = |_: &str, times| if times == 0 { "450 4.7.1 greylisted" } else { "250 2.1.5 fine" };
    let peer = Peer::start(world.at(1), Manner { recipient, ..Manner::default() }).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(world.attempts(), ["450 4.7.1", "250 2.0.0"]);
    assert_eq!(peer.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_has_a_fate_of_his_own() {
    let world = World::new().await;
    let recipient = |to: &str, times| match (to.split('@').next(), times) {
        (Some("nobody"), _) => "550 5.1.1 no such user",
        (Some("later"), 0) => "451 4.2.1 mailbox busy",
        _ => "250 2.1.5 fine",
    };
    let peer = Peer::start(world.at(1), Manner { recipient, ..Manner::default() }).await;
    world.send(&["kostas@patras.test", "nobody@patras.test", "later@patras.test"]).await;
    world.until_empty().await;
    let letters = peer.letters();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].to, ["RCPT TO:<kostas@patras.test>"]);
    assert_eq!(letters[1].to, ["RCPT TO:<later@patras.test>"]);
    let notices = world.letters().await;
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains("Final-Recipient: rfc822; nobody@patras.test"), "{}", notices[0]);
    assert!(notices[0].contains("Status: 5.1.1") && notices[0].contains("no such user"), "{}", notices[0]);
    assert!(!notices[0].contains("kostas@") && !notices[0].contains("later@"), "{}", notices[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_in_the_body_is_no_delivery() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner { drops_on: 1, ..Manner::default() }).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(world.attempts(), ["451 4.4.2", "250 2.0.0"]);
    assert_eq!(peer.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_is_left_and_another_one_tried() {
    let wishes = Wishes {
        patience: Duration::from_millis(300),
        mx: vec![("patras.test.", 10, "mx1.patras.test."), ("patras.test.", 20, "mx2.patras.test.")],
        hosts: vec![("mx1.patras.test.", 1), ("mx2.patras.test.", 2)],
        ..Wishes::default()
    };
    let world = World::with(wishes).await;
    let silent = Peer::start(world.at(1), Manner { greeting: |_| "", ..Manner::default() }).await;
    let second = Peer::start(world.at(2), Manner::default()).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(silent.seen.lock().unwrap().connections, 1);
    assert_eq!(second.letters().len(), 1);
    assert_eq!(world.attempts().last().unwrap(), "250 2.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_silent_is_asked_by_one_letter_at_a_time() {
    for verb in ["MAIL", "RCPT", "DATA"] {
        let world = World::with(Wishes { patience: Duration::from_millis(300), ..Wishes::default() }).await;
        let manner = Manner { silent_at: verb, extensions: &["8BITMIME"], ..Manner::default() };
        let peer = Peer::start(world.at(1), manner).await;
        for n in 0..6 {
            world.send(&[&format!("r{n}@patras.test")]).await;
        }
        let names = format!("did not answer {verb} in time");
        world
            .until("a rest after the second probe", async || {
                let sites = world.context.queue.sites(10, net::clock::now()).await.unwrap();
                let said = |rest: &queue::Rest| rest.last_reply.as_deref().is_some_and(|reply| reply.contains(&names));
                sites.iter().filter_map(|site| site.rest.as_ref()).any(|rest| rest.failures >= 2 && said(rest))
            })
            .await;
        {
            let mut seen = peer.seen.lock().unwrap();
            assert_eq!(seen.most, 1, "{verb}");
            seen.is_well = true;
        }
        world.until_empty().await;
        assert_eq!(peer.letters().len(), 6, "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_silent_is_left_for_another_host() {
    let wishes = Wishes {
        patience: Duration::from_millis(300),
        mx: vec![("patras.test.", 10, "mx1.patras.test."), ("patras.test.", 20, "mx2.patras.test.")],
        hosts: vec![("mx1.patras.test.", 1), ("mx2.patras.test.", 2)],
        ..Wishes::default()
    };
    let world = World::with(wishes).await;
    let silent = Peer::start(world.at(1), Manner { silent_at: "MAIL", ..Manner::default() }).await;
    let second = Peer::start(world.at(2), Manner::default()).await;
    for n in 0..4 {
        world.send(&[&format!("r{n}@patras.test")]).await;
        world.until_empty().await;
    }
    assert_eq!(silent.seen.lock().unwrap().connections, 1, "it is remembered");
    assert_eq!(second.letters().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_letter_is_refused_after_its_last_octet() {
    let world = World::new().await;
    let body = |_| "554 5.6.0 this is spam";
    let _peer = Peer::start(world.at(1), Manner { body, ..Manner::default() }).await;
    world.send(&["kostas@patras.test", "maria@patras.test"]).await;
    world.until_empty().await;
    let notices = world.letters().await;
    assert_eq!(notices.len(), 1, "one notice for both");
    assert!(notices[0].contains("kostas@patras.test") && notices[0].contains("maria@patras.test"));
    assert!(notices[0].contains("Status: 5.6.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_that_fails_is_done_without() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner { extensions: &["STARTTLS"], ..Manner::default() }).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(peer.letters()[0].connection, 2);
    assert_eq!(world.events("tls-failed").len(), 1);
    let [Event::Attempt { tls: None, .. }] = &world.events("attempt")[..] else { panic!() };
}

#[tokio::test(flavor = "multi_thread")]
async fn many_recipients_for_a_host_that_takes_few() {
    let world = World::new().await;
    let extensions = &["PIPELINING", "LIMITS RCPTMAX=7"];
    let peer = Peer::start(world.at(1), Manner { extensions, ..Manner::default() }).await;
    let to: Vec<String> = (0..20).map(|n| format!("r{n}@patras.test")).collect();
    world.send(&to.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.until_empty().await;
    let counts: Vec<usize> = peer.letters().iter().map(|letter| letter.to.len()).collect();
    assert_eq!(counts, [7, 7, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_holds_and_releases() {
    let world = World::new().await;
    let mail = world.send(&["kostas@patras.test"]).await;
    world.until("an attempt", async || !world.attempts().is_empty()).await;
    let queue = &world.context.queue;
    let filter = Filter { mail: Some(mail), ..Filter::default() };
    world.until("the row back", async || !world.queued().await[0].is_claimed()).await;
    queue.hold(filter.clone(), None, net::clock::now()).await.unwrap();
    let peer = Peer::start(world.at(1), Manner::default()).await;
    assert_eq!(world.queued().await.len(), 1);
    queue.release(filter, net::clock::now()).await.unwrap();
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_is_obeyed_though_a_host_was_down() {
    let minutes = Duration::from_secs(600);
    let backoff = queue::Backoff { first: minutes, longest: minutes, ..queue::Backoff::default() };
    let world = World::with(Wishes { backoff, ..Wishes::default() }).await;
    world.send(&["kostas@patras.test"]).await;
    world.until("a refused attempt", async || world.queued().await[0].attempts == 1).await;
    // A new letter is not tried now, and nobody pretends that it was.
    world.send(&["maria@patras.test"]).await;
    world.until("it waits", async || world.queued().await.iter().all(|row| !row.is_claimed())).await;
    let mut attempts: Vec<u32> = world.queued().await.iter().map(|row| row.attempts).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [0, 1]);
    assert!(world.queued().await.iter().any(|row| row.attempts == 0 && row.last_reply.is_none()));
    assert_eq!(world.attempts().len(), 1);
    // The host is back, and the operator knows it.
    let peer = Peer::start(world.at(1), Manner::default()).await;
    assert_eq!(world.context.queue.retry(Filter::default(), net::clock::now()).await.unwrap().len(), 2);
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 2);
}
