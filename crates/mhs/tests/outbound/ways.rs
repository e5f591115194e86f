//! What the DNS and the operator's routes say together of a destination, with a real name server.

use std::sync::Arc;

use envelope::{Address, Domain, Outcome, ReversePath};
use journal::Event;
use mhs::mta::outbound::target::{Found, find};
use mhs::mta::outbound::{Outbound, Settings, Target};
use mhs::route::{Options, Prefer, Route, Table, To};

use crate::peer::{Manner, Peer};
use crate::world::{Wishes, World};

fn route(domain: &str, to: &[&str], options: Options) -> Route {
    let domains = if domain.is_empty() { vec![] } else { vec![domain.parse().unwrap()] };
    let to = To::parse(to.iter().copied()).unwrap();
    Route { domains: directory::DomainSet::new(domains), senders: Vec::new(), to, options }
}

async fn target(world: &World, settings: &Settings, key: &str) -> Target {
    match find(&world.context, settings, key).await {
        Found::Target(target) => target,
        other => panic!("{key}: {other:?}"),
    }
}

/// `mx.patras.test 127.1.2.3`, in the order of trying.
async fn hosts(world: &World, settings: &Settings, key: &str) -> Vec<String> {
    let target = target(world, settings, key).await;
    target.hosts.iter().map(|host| format!("{} {}", host.name, host.place.ip().unwrap())).collect()
}

async fn nowhere(world: &World, key: &str) -> String {
    match find(&world.context, &world.settings, key).await {
        Found::Nowhere(Outcome::Failed(reply)) => format!("never {reply}"),
        Found::Nowhere(Outcome::Deferred(reply)) => format!("later {reply}"),
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mx_must_be_a_name_and_may_be_an_alias() {
    let mx = vec![
        ("text.test.", 10, "192.0.2.1."),
        ("both.test.", 10, "192.0.2.1."),
        ("both.test.", 20, "mx.patras.test."),
        ("alias.test.", 10, "mail.alias.test."),
        ("odd.test.", 10, "[127~0~78~1]."),
        ("odd.test.", 20, "mx\x1b\r.odd.test."),
    ];
    let aliases = vec![("mail.alias.test.", "mx.patras.test."), ("other.test.", "patras.test.")];
    let mx = [mx, vec![("patras.test.", 10, "mx.patras.test.")]].concat();
    let world = World::with(Wishes { mx, aliases, ..Wishes::default() }).await;
    let said = nowhere(&world, "text.test").await;
    assert!(said.starts_with("never 550 5.4.4 the MX of text.test says 192.0.2.1, which is an address"), "{said}");
    let said = nowhere(&world, "odd.test").await;
    assert!(said.starts_with("never 550 5.4.4 the MX records of odd.test say what no host can be called"), "{said}");
    let there = world.at(1).ip();
    for (domain, name) in
        [("both.test", "mx.patras.test"), ("alias.test", "mail.alias.test"), ("other.test", "mx.patras.test")]
    {
        assert_eq!(hosts(&world, &world.settings, domain).await, [format!("{name} {there}")], "{domain}");
        let target = target(&world, &world.settings, domain).await;
        assert_eq!(target.hosts[0].mx_of.as_ref().map(Domain::as_str), Some(domain));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_ends_is_silence() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = format!("smtps://{}", listener.local_addr().unwrap());
    let listening = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    });
    let routes = vec![route("patras.test", &[&way], Options::default())];
    let patience = std::time::Duration::from_millis(300);
    let world = World::with(Wishes { routes, patience, ..Wishes::default() }).await;
    for n in 0..4 {
        world.send(&[&format!("r{n}@patras.test")]).await;
    }
    world
        .until("a rest after the second probe", async || {
            let sites = world.context.queue.sites(10, net::clock::now()).await.unwrap();
            let said = |reply: &str| reply.contains("handshake timed out");
            let mut rests = sites.iter().filter_map(|site| site.rest.as_ref());
            rests.any(|rest| rest.failures >= 2 && rest.last_reply.as_deref().is_some_and(said))
        })
        .await;
    assert!(world.events("tls-failed").len() >= 2);
    listening.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_family_before_the_other_or_alone() {
    let hosts_known = vec![("mx.patras.test.", 1), ("mx.patras.test.", 2), ("old.test.", 3)];
    let wishes = Wishes { hosts: hosts_known, v6: vec!["mx.patras.test."], ..Wishes::default() };
    let world = World::with(wishes).await;
    for (prefer, v6_at, count) in
        [(Prefer::V6, Some(0), 3), (Prefer::V4, Some(1), 3), (Prefer::V6Only, Some(0), 1), (Prefer::V4Only, None, 2)]
    {
        let settings = Settings { prefer, ..world.settings.clone() };
        let found = hosts(&world, &settings, "patras.test").await;
        assert_eq!(found.len(), count, "{prefer:?} {found:?}");
        assert_eq!(found.iter().position(|host| host.ends_with(" ::1")), v6_at, "{prefer:?} {found:?}");
    }
    let settings = Settings { prefer: Prefer::V6Only, ..world.settings.clone() };
    let Found::Nowhere(Outcome::Deferred(reply)) = find(&world.context, &settings, "old.test").await else { panic!() };
    assert!(reply.text.contains("of that family only"), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_host_brings_mail_only_to_those_before_it() {
    let mx = vec![
        ("backup.test.", 5, "mx1.backup.test."),
        ("backup.test.", 10, "mx2.backup.test."),
        ("backup.test.", 20, "mx.athens.test."),
        ("backup.test.", 20, "same.backup.test."),
        ("backup.test.", 30, "mx3.backup.test."),
        ("last.test.", 20, "mx.athens.test."),
        ("last.test.", 30, "mx3.backup.test."),
    ];
    let known =
        vec![("mx1.backup.test.", 1), ("mx2.backup.test.", 2), ("same.backup.test.", 3), ("mx3.backup.test.", 4)];
    let world = World::with(Wishes { mx, hosts: known, ..Wishes::default() }).await;
    let found = hosts(&world, &world.settings, "backup.test").await;
    assert_eq!(found, [1, 2].map(|last| format!("mx{last}.backup.test {}", world.at(last).ip())));
    let said = nowhere(&world, "last.test").await;
    assert!(said.starts_with("never 554 5.4.6 mail for last.test loops back"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_a_route_is_that_host_unless_its_mx_is_wanted() {
    let mx = vec![("relay.test.", 10, "mx.relay.test."), ("none.test.", 0, ".")];
    let known = vec![("relay.test.", 1), ("mx.relay.test.", 2), ("us.test.", 9)];
    let by_mx = Options { mx: true, port: Some(2525), ..Options::default() };
    let routes = vec![
        route("named.test", &["smtp://relay.test", "smtp://mx.relay.test:26"], Options::default()),
        route("mx.test", &["smtp://relay.test"], by_mx.clone()),
        route("null.test", &["smtp://none.test"], by_mx),
        route("slip.test", &["smtp://nobody.test"], Options::default()),
        route("us.test", &["smtp://us.test"], Options::default()),
        route("closed.test", &["reject:5.1.2 closed"], Options::default()),
    ];
    let world = World::with(Wishes { mx, hosts: known, routes, doors: vec![9], ..Wishes::default() }).await;
    let key = |domain: &str| {
        let recipient = Address::parse(&format!("x@{domain}")).unwrap();
        world.settings.routes.destination(&ReversePath::Null, &recipient)
    };
    let named = target(&world, &world.settings, &key("named.test")).await;
    let ports: Vec<String> = named.hosts.iter().map(|host| host.place.to_string()).collect();
    assert_eq!(ports, [format!("{}", world.at(1)), format!("{}:26", world.at(2).ip())]);
    assert!(named.hosts.iter().all(|host| host.mx_of.is_none()));
    let by_mx = target(&world, &world.settings, &key("mx.test")).await;
    assert_eq!((by_mx.hosts.len(), by_mx.hosts[0].name.as_str()), (1, "mx.relay.test"));
    assert_eq!(by_mx.hosts[0].place.to_string(), format!("{}:2525", world.at(2).ip()));
    for (domain, wanted) in [
        ("null.test", "later 451 4.3.5"),
        ("slip.test", "later 451 4.3.5"),
        ("us.test", "later 451 4.3.5"),
        ("closed.test", "never 550 5.1.2 closed"),
    ] {
        let said = nowhere(&world, &key(domain)).await;
        assert!(said.starts_with(wanted), "{domain}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ours_what_is_a_literal_and_what_no_letter_has_any_more() {
    let routes = vec![route("away.test", &["smtp://relay.test"], Options::default())];
    let world = World::with(Wishes { routes, doors: vec![9], ..Wishes::default() }).await;
    let asked = async |key: &str| find(&world.context, &world.settings, key).await;
    assert_eq!(asked("athens.test").await, Found::Local);
    for gone in ["away.test", "smtp:old.test:25", "lmtp:/run/lmtp", "patras.test;@bulk.test"] {
        assert_eq!(asked(gone).await, Found::Changed, "{gone}");
    }
    assert_eq!(hosts(&world, &world.settings, "[192.0.2.7]").await, ["[192.0.2.7] 192.0.2.7"]);
    assert_eq!(hosts(&world, &world.settings, "[IPv6:2001:db8::7]").await, ["[IPv6:2001:db8::7] 2001:db8::7"]);
    let us = format!("[{}]", world.at(9).ip());
    assert!(nowhere(&world, &us).await.starts_with("never 554 5.4.6"));
    assert!(nowhere(&world, "not a domain").await.starts_with("never 501 5.1.3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_take_the_way_that_the_routes_say_also_those_that_waited() {
    let routes = vec![route("relayed.test", &["smtp://relay.test"], Options::default())];
    let known = vec![("relay.test.", 5), ("mx.patras.test.", 1)];
    let mut world = World::with(Wishes { routes, hosts: known, ..Wishes::default() }).await;
    let relay = Peer::start(world.at(5), Manner::default()).await;
    world.send(&["kostas@relayed.test", "eleni@relayed.test"]).await;
    world.until_empty().await;
    assert_eq!(relay.letters()[0].to.len(), 2);
    let [Event::Routed { destination, hosts }] = &world.events("routed")[..] else { panic!() };
    assert_eq!((destination.as_str(), hosts.len()), ("smtp:relay.test", 1));
    // Nobody is at patras; then all mail goes to the smart host, and what waited as well.
    world.send(&["kostas@patras.test"]).await;
    world.until("an attempt in vain", async || !world.queued().await.is_empty() && world.attempts().len() > 2).await;
    assert_eq!(world.queued().await[0].destination, "patras.test");
    world.kill().await;
    let all = vec![route("", &["smtp://relay.test"], Options::default())];
    let settings = Settings { routes: Arc::new(Table::new(all)), ..world.settings.clone() };
    tokio::spawn(Outbound::run(world.context.clone(), settings));
    world.until_empty().await;
    assert_eq!(relay.letters().len(), 2);
    assert_eq!(relay.letters()[1].to, ["RCPT TO:<kostas@patras.test>"]);
}
