//! Where mail goes, and where it cannot go.

use std::sync::Arc;

use envelope::ReversePath;
use mhs::mta::outbound::target::find;
use mhs::mta::outbound::{Found, Settings};
use mhs::route::{Options, Route, Table, To};

use crate::peer::{Manner, Peer};
use crate::world::{Wishes, World, address};

/// One notice with this code for a letter to `domain`.
async fn fails_with(wishes: Wishes, domain: &str, code: &str) {
    let world = World::with(wishes).await;
    let to = format!("kostas@{domain}");
    world.send(&[&to]).await;
    world.until_empty().await;
    let notices = world.letters().await;
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains(&format!("Status: {code}")), "{}", notices[0]);
    assert!(notices[0].contains(&format!("Final-Recipient: rfc822; {to}")), "{}", notices[0]);
    assert_eq!(world.attempts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_mx_takes_no_mail() {
    let wishes = Wishes { mx: vec![("none.test.", 0, ".")], ..Wishes::default() };
    fails_with(wishes, "none.test", "5.1.10").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_such_domain() {
    fails_with(Wishes::default(), "nowhere.test", "5.1.2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_hosts_without_addresses() {
    let wishes = Wishes { mx: vec![("blind.test.", 10, "mx.blind.test.")], ..Wishes::default() };
    fails_with(wishes, "blind.test", "5.4.4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unspecified_address_is_no_mail_host() {
    for literal in ["[0.0.0.0]", "[IPv6:::]", "[IPv6:::ffff:0.0.0.0]"] {
        fails_with(Wishes::default(), literal, "5.4.4").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_has_his_mail_host_on_this_machine() {
    let wishes = || Wishes { loopback: false, ..Wishes::default() };
    for there in ["patras.test", "[127.0.0.1]", "[127.9.9.9]", "[IPv6:::1]", "[169.254.169.254]", "[IPv6:ff02::1]"] {
        fails_with(wishes(), there, "5.4.4").await;
    }
    fails_with(Wishes { mx: vec![], hosts: vec![("plain.test.", 9)], ..wishes() }, "plain.test", "5.4.4").await;
    // What the operator names himself is where he says.
    let world = World::with(wishes()).await;
    let to = To::parse([format!("smtp://{}", world.at(1)).as_str()]).unwrap();
    let domains = directory::DomainSet::new(vec!["patras.test".parse().unwrap()]);
    let routes = Table::new(vec![Route { domains, senders: Vec::new(), to, options: Options::default() }]);
    let key = routes.destination(&ReversePath::Null, &address("kostas@patras.test"));
    let settings = Settings { routes: Arc::new(routes), ..world.settings.clone() };
    let found = find(&world.context, &settings, &key).await;
    assert!(matches!(found, Found::Target(_)), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_would_come_back_to_us() {
    let mx = vec![("loop.test.", 10, "mx.athens.test."), ("loop.test.", 20, "mx.patras.test.")];
    fails_with(Wishes { mx, ..Wishes::default() }, "loop.test", "5.4.6").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_would_come_back_to_us_under_another_name() {
    // The host that is not ours is preferred less.
    let mx = vec![("loop.test.", 10, "alias.loop.test."), ("loop.test.", 20, "mx.patras.test.")];
    let hosts = vec![("alias.loop.test.", 9), ("mx.patras.test.", 1)];
    fails_with(Wishes { mx, hosts, doors: vec![9], ..Wishes::default() }, "loop.test", "5.4.6").await;
    let hosts = vec![("plain.test.", 9)];
    fails_with(Wishes { mx: vec![], hosts, doors: vec![9], ..Wishes::default() }, "plain.test", "5.4.6").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_preferred_to_us_still_get_it() {
    let mx = vec![("both.test.", 10, "mx.patras.test."), ("both.test.", 20, "alias.both.test.")];
    let hosts = vec![("alias.both.test.", 9), ("mx.patras.test.", 1)];
    let world = World::with(Wishes { mx, hosts, doors: vec![9], ..Wishes::default() }).await;
    let peer = Peer::start(world.at(1), Manner::default()).await;
    world.send(&["kostas@both.test"]).await;
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_without_mx_is_its_own_host() {
    let wishes = Wishes { mx: vec![], hosts: vec![("plain.test.", 3)], ..Wishes::default() };
    let world = World::with(wishes).await;
    let peer = Peer::start(world.at(3), Manner::default()).await;
    world.send(&["kostas@plain.test"]).await;
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_literal_needs_no_dns() {
    let world = World::new().await;
    let peer = Peer::start(world.at(4), Manner::default()).await;
    world.send(&[&format!("kostas@[{}]", world.at(4).ip())]).await;
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preferred_host_first_then_the_next() {
    let mx = vec![("patras.test.", 10, "mx1.patras.test."), ("patras.test.", 20, "mx2.patras.test.")];
    let hosts = vec![("mx1.patras.test.", 1), ("mx2.patras.test.", 2)];
    let world = World::with(Wishes { mx, hosts, ..Wishes::default() }).await;
    let second = Peer::start(world.at(2), Manner::default()).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(second.letters().len(), 1);
    let first = Peer::start(world.at(1), Manner::default()).await;
    for _ in 0..3 {
        world.send(&["kostas@patras.test"]).await;
        world.until_empty().await;
    }
    assert_eq!(first.letters().len() + second.letters().len(), 4);
    assert!(world.letters().await.is_empty());
}
