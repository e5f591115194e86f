//! Letters arrive: whole, once, over few connections.

use std::time::Duration;

use envelope::{Domain, Recipient, ReversePath};
use journal::Event;
use mhs::mta::outbound::Outbound;
use net::Shutdown;

use crate::peer::{Manner, Peer};
use crate::world::{Wishes, World, address};

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_arrives_as_it_is() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner::default()).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    let letters = peer.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].from.starts_with("MAIL FROM:<anna@athens.test>"), "{}", letters[0].from);
    assert_eq!(letters[0].to, ["RCPT TO:<kostas@patras.test>"]);
    assert!(letters[0].text.starts_with("Received: "), "{}", letters[0].text);
    assert!(letters[0].text.ends_with("\r\n\r\n.hello\r\n\r\n"), "{}", letters[0].text);
    assert_eq!(peer.seen.lock().unwrap().commands[0], "EHLO mx.athens.test");
    assert_eq!(world.attempts(), ["250 2.0.0"]);
    let [Event::Routed { destination, hosts }] = &world.events("routed")[..] else { panic!() };
    assert_eq!((destination.as_str(), hosts.len()), ("patras.test", 1));
    assert!(hosts[0].starts_with("mx.patras.test["), "{hosts:?}");
    assert_eq!(world.bodies().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_share_a_transaction_and_letters_a_connection() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner::default()).await;
    world.send(&["a@patras.test", "b@patras.test", "c@patras.test"]).await;
    world.until_empty().await;
    for n in 0..40 {
        world.send(&[&format!("r{n}@patras.test")]).await;
    }
    world.until_empty().await;
    let letters = peer.letters();
    assert_eq!(letters.len(), 41);
    assert_eq!(letters[0].to.len(), 3);
    let seen = peer.seen.lock().unwrap();
    assert!(seen.most <= mhs::limits::OUTBOUND_ATTEMPTS_EACH, "{} at once", seen.most);
    assert!(seen.connections < 41, "{} connections", seen.connections);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_here_and_there_leaves_our_own_field_here() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner::default()).await;
    world.send(&["anna@athens.test", "kostas@patras.test"]).await;
    world.until_empty().await;
    assert!(world.letters().await[0].starts_with("Return-Path: <anna@athens.test>\r\n"));
    assert!(peer.letters()[0].text.starts_with("Received: "));
    assert_eq!(world.bodies().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_was_closed_costs_nothing() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner { letters_max: 1, ..Manner::default() }).await;
    for _ in 0..3 {
        world.send(&["kostas@patras.test"]).await;
        world.until_empty().await;
    }
    assert_eq!(world.attempts(), ["250 2.0.0"; 3]);
    assert_eq!(peer.letters().last().unwrap().connection, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_hand_goes_back_when_the_server_stops() {
    let mut world = World::new().await;
    // A next hop that lets everybody wait for ever.
    let silent = Peer::start(world.at(1), Manner { greeting: |_| "", ..Manner::default() }).await;
    for n in 0..5 {
        world.send(&[&format!("r{n}@patras.test")]).await;
    }
    world.until("a connection", async || silent.seen.lock().unwrap().connections > 0).await;
    world.kill().await;
    drop(silent);
    // The next life of this node takes its letters up at once, however long the lease.
    let peer = Peer::start(world.at(1), Manner::default()).await;
    let running = tokio::spawn(Outbound::run(world.context.clone(), world.settings.clone()));
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 5);
    // In order: it ends by itself, and nothing is lost.
    world.context.shutdown.begin();
    running.await.unwrap();
    world.send(&["late@patras.test"]).await;
    assert_eq!(world.queued().await.len(), 1);
    assert!(Shutdown::clone(&world.context.shutdown).is_draining());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_has_become_ours_is_delivered_here() {
    let wishes = Wishes { mx: vec![("later.test.", 10, "mx.later.test.")], hosts: vec![], ..Wishes::default() };
    let mut world = World::with(wishes).await;
    world.kill().await;
    let to = |text: &str| Recipient { address: address(text), notify: None, original: None };
    let sender = ReversePath::Address(address("anna@athens.test"));
    world.send_as(sender, vec![to("anna@later.test"), to("nobody@later.test")]).await;
    world.context.directory.add_domain(&Domain::parse("later.test").unwrap()).await.unwrap();
    let alias = "anna@later.test".parse::<directory::AliasSource>().unwrap();
    world.context.directory.add_alias(&alias, &[address("anna@athens.test")]).await.unwrap();
    tokio::spawn(Outbound::run(world.context.clone(), world.settings.clone()));
    world.until_empty().await;
    world.until("the letter and the notice", async || world.letters().await.len() == 2).await;
    let letters = world.letters().await;
    assert!(letters.iter().any(|letter| letter.contains("\r\n.hello\r\n") && letter.starts_with("Return-Path: <anna")));
    assert!(letters.iter().any(|letter| letter.contains("Final-Recipient: rfc822; nobody@later.test")));
}

/// A reload in the middle of a letter: the old one waits for the other side's last word, the new one goes on at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_goes_on_over_a_restart() {
    let rate = Some(mhs::mta::outbound::Rate { letters: 1, per: Duration::from_secs(3600) });
    let limits = mhs::mta::outbound::SiteLimits { connections_max: 1, rate };
    let options = mhs::route::Options { limits, ..mhs::route::Options::default() };
    let domains = directory::DomainSet::new(vec!["patras.test".parse().unwrap()]);
    let route = mhs::route::Route { domains, senders: Vec::new(), to: mhs::route::To::Mx, options };
    let mx = vec![("patras.test.", 10, "mx.patras.test."), ("free.test.", 10, "mx.patras.test.")];
    let mut world = World::with(Wishes { mx, routes: vec![route], ..Wishes::default() }).await;
    let peer = Peer::start(world.at(1), Manner::default()).await;
    let has = |name: &str| peer.letters().iter().filter(|letter| letter.to[0].contains(name)).count();
    // Nobody knows what went out before the first start.
    for (round, paced) in [(0, 0), (1, 1), (2, 1)] {
        world.send(&[&format!("a{round}@patras.test")]).await;
        world.until("its turn", async || has("@patras.test") == paced).await;
        world.send(&[&format!("b{round}@free.test")]).await;
        world.until("a letter beside it", async || has("@free.test") == round + 1).await;
        assert_eq!(has("@patras.test"), paced, "round {round}");
        let hours_pass: &[&str] = match round {
            0 => &["UPDATE mhs_pace_owner SET unknown_at = 0", "DELETE FROM mhs_pace"],
            _ => &[],
        };
        restart(&mut world, hours_pass).await;
    }
    // In round 2 the restart knew of the letter of round 1; a crash knows nothing.
    world.kill().await;
    world.running = Some(tokio::spawn(Outbound::run(world.context.clone(), world.settings.clone())));
    world.send(&["last@free.test"]).await;
    world.until("a letter beside it", async || has("@free.test") == 4).await;
    assert_eq!(has("@patras.test"), 1);
}

/// Mail out ends in order and begins again.
async fn restart(world: &mut World, meanwhile: &'static [&'static str]) {
    world.context.shutdown.begin();
    world.running.take().unwrap().await.unwrap();
    for sql in meanwhile {
        world.context.store.write(move |tx| tx.execute(sql, &[])).await.unwrap();
    }
    let own = &*world.context;
    let (queue, store) = (own.queue.clone(), own.store.clone());
    let (people, boxes, journal) = (own.directory.clone(), own.mailstore.clone(), own.journal.clone());
    let next = mhs::Context::new(store, people, boxes, queue, journal, own.settings.clone(), Shutdown::new());
    world.context = next;
    world.running = Some(tokio::spawn(Outbound::run(world.context.clone(), world.settings.clone())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_cuts_nothing_off() {
    let mut world = World::new().await;
    let slow = |count: usize| {
        if count == 0 {
            std::thread::sleep(Duration::from_millis(1500));
        }
        "250 2.0.0 taken"
    };
    let peer = Peer::start(world.at(1), Manner { body: slow, ..Manner::default() }).await;
    world.send(&["first@patras.test"]).await;
    let is_at_data = async || peer.seen.lock().unwrap().commands.iter().any(|line| line == "DATA");
    world.until("the body of the first", is_at_data).await;
    let (old, of_old) = (world.running.take().unwrap(), world.context.shutdown.clone());
    let own = &*world.context;
    let (queue, store) = (own.queue.clone(), own.store.clone());
    let (people, boxes, journal) = (own.directory.clone(), own.mailstore.clone(), own.journal.clone());
    let next = mhs::Context::new(store, people, boxes, queue, journal, own.settings.clone(), Shutdown::new());
    of_old.begin();
    world.running = Some(tokio::spawn(Outbound::take_over(next, world.settings.clone())));
    for n in 0..20 {
        world.send(&[&format!("r{n}@patras.test")]).await;
    }
    old.await.unwrap();
    world.until_empty().await;
    let first: Vec<_> = peer.letters().into_iter().filter(|letter| letter.to[0].contains("first@")).collect();
    assert_eq!((first.len(), peer.letters().len()), (1, 21));
    world.kill().await;
}

/// Whoever has nothing of a letter yet is left at once, and that was no attempt; one that has some of it takes it whole.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_waits_only_for_letters_that_have_begun() {
    let mx = vec![("patras.test.", 10, "mx.patras.test."), ("hang.test.", 10, "mx.hang.test.")];
    let hosts = vec![("mx.patras.test.", 1), ("mx.hang.test.", 2)];
    let mut world = World::with(Wishes { mx, hosts, ..Wishes::default() }).await;
    let slow = |_: usize| {
        std::thread::sleep(Duration::from_millis(1500));
        "250 2.0.0 taken"
    };
    let peer = Peer::start(world.at(1), Manner { body: slow, ..Manner::default() }).await;
    let silent = Peer::start(world.at(2), Manner { greeting: |_| "", ..Manner::default() }).await;
    world.send(&["anna@hang.test"]).await;
    world.send(&["first@patras.test"]).await;
    world.until("the silence", async || silent.seen.lock().unwrap().connections > 0).await;
    let is_at_data = async || peer.seen.lock().unwrap().commands.iter().any(|line| line == "DATA");
    world.until("the body", is_at_data).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.context.shutdown.begin();
    let running = world.running.take().unwrap();
    tokio::time::timeout(Duration::from_secs(8), running).await.expect("nobody waits for the silent one").unwrap();
    assert_eq!(peer.letters().len(), 1);
    let rows = world.queued().await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].attempts == 0 && !rows[0].is_claimed() && rows[0].address == address("anna@hang.test"), "{rows:?}");
}

/// Letters come in all the time while the settings are read anew, again and again: none waits for the end of a lease, and
/// none comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn reloads_lose_no_letter_that_is_handed_over() {
    let mut world = World::new().await;
    let slow = |_: usize| {
        std::thread::sleep(Duration::from_millis(20));
        "250 2.0.0 taken"
    };
    let peer = Peer::start(world.at(1), Manner { body: slow, ..Manner::default() }).await;
    let mut old = (world.running.take().unwrap(), world.context.shutdown.clone());
    let mut ending = Vec::new();
    let write = async {
        for n in 0..120 {
            world.send(&[&format!("r{n}@patras.test")]).await;
        }
    };
    let reload = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(120)).await;
            let own = &*world.context;
            let (queue, store) = (own.queue.clone(), own.store.clone());
            let (people, boxes, journal) = (own.directory.clone(), own.mailstore.clone(), own.journal.clone());
            let next = mhs::Context::new(store, people, boxes, queue, journal, own.settings.clone(), Shutdown::new());
            let signal = next.shutdown.clone();
            old.1.begin();
            let new = (tokio::spawn(Outbound::take_over(next, world.settings.clone())), signal);
            ending.push(std::mem::replace(&mut old, new).0);
        }
    };
    tokio::join!(write, reload);
    world.until_empty().await;
    for task in ending {
        task.await.unwrap();
    }
    let mut to: Vec<String> = peer.letters().into_iter().flat_map(|letter| letter.to).collect();
    assert_eq!(to.len(), 120);
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 120, "each once");
    old.0.abort();
}
