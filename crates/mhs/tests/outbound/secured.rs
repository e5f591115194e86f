//! MTA-STS against real servers, good and bad, and what is noticed where nobody demands anything.

use std::sync::Arc;

use envelope::{Domain, Timestamp};
use journal::Event;
use mailauth::tlspolicy::sts::{Mode, Policy};
use mailauth::tlspolicy::tlsrpt::{PolicyKind, PolicyResult};
use mhs::mta::outbound::tls::policies::explain;
use mhs::mta::outbound::tls::sts::{Cache, Kept, Sts};
use mhs::mta::outbound::{Found, Outbound, target};
use mhs::tlsrpt::{collected, day_of};
use net::{Https, Resolver, clock};

use crate::secured_peer::SecuredPeer;
use crate::web::{Authority, Like, Web, answer};
use crate::world::{Wishes, World, nameserver, policies};

const WEB: &str = "mta-sts.patras.test";

pub(crate) fn policy(mode: &str, mx: &str) -> String {
    format!("version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 604800\r\n")
}

pub(crate) fn wishes(authority: &Authority) -> Wishes {
    Wishes {
        mx: vec![("patras.test.", 10, "mx.patras.test."), ("patras.test.", 20, "mx2.patras.test.")],
        hosts: vec![("mx.patras.test.", 1), ("mx2.patras.test.", 2), ("mta-sts.patras.test.", 7)],
        texts: vec![("_mta-sts.patras.test.", "v=STSv1; id=1;")],
        roots: Some(authority.roots()),
        ..Wishes::default()
    }
}

/// A domain that says this of itself.
pub(crate) async fn town(authority: &Authority, says: Vec<u8>) -> (World, Web) {
    let world = World::with(wishes(authority)).await;
    let web = Web::start(world.at(7), authority.acceptor(&[WEB], Like::Right), says).await;
    (world, web)
}

impl World {
    /// What a report about patras.test would say now.
    async fn counted(&self) -> Vec<PolicyResult> {
        self.collecting.as_ref().unwrap().lock().await.count(&mut Vec::new()).await;
        let mut all = collected(&self.context.store, day_of(clock::now()), None).await.unwrap();
        all.pop().map(|one| one.results).unwrap_or_default()
    }

    /// How well the host could once be talked to.
    async fn remembered(&self) -> Option<i64> {
        let sql = "SELECT level FROM mhs_tls_host WHERE host = 'mx.patras.test'";
        let row = self.context.store.read(move |q| q.query_one(sql, &[])).await.unwrap();
        row.map(|row| row.int(0).unwrap())
    }

    async fn until_attempt(&self) -> String {
        self.until("an attempt", async || !self.events("attempt").is_empty()).await;
        format!("{:?}", self.events("attempt"))
    }
}

fn failures(results: &[PolicyResult]) -> Vec<String> {
    let all = results.iter().flat_map(|result| &result.failure_details);
    all.map(|failure| failure.result_type.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforced_policy_is_enforced() {
    let authority = Authority::new();
    for (name, like, offers, words, result) in [
        ("mail.corinth.test", Like::Right, true, "TLS with mx.patras.test failed", "certificate-host-mismatch"),
        ("mx.patras.test", Like::Expired, true, "TLS with mx.patras.test failed", "certificate-expired"),
        ("mx.patras.test", Like::SelfSigned, true, "TLS with mx.patras.test failed", "certificate-not-trusted"),
        ("mx.patras.test", Like::Right, false, "the server offers none", "starttls-not-supported"),
    ] {
        let says = answer("200 OK", "text/plain", &policy("enforce", "mx.patras.test"));
        let (world, _web) = town(&authority, says).await;
        let acceptor = offers.then(|| authority.acceptor(&[name], like));
        let peer = SecuredPeer::start(world.at(1), acceptor).await;
        world.send(&["kostas@patras.test"]).await;
        let told = world.until_attempt().await;
        assert!(told.contains(words), "{name} {like:?}: {told}");
        assert!(told.contains("the MTA-STS policy of patras.test demands it"), "{name} {like:?}: {told}");
        assert_eq!(peer.letters(), (0, 0), "{name} {like:?}");
        assert_eq!(world.queued().await.len(), 1, "{name} {like:?}");
        let counted = world.counted().await;
        assert_eq!(counted[0].policy.policy_type, PolicyKind::Sts);
        assert!(failures(&counted).contains(&result.to_owned()), "{name} {like:?}: {counted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_passes_gets_the_letter() {
    let authority = Authority::new();
    let says = answer("200 OK", "text/plain", &policy("enforce", "mx2.patras.test"));
    let (world, web) = town(&authority, says).await;
    // The preferred host is not named by the policy, whatever certificate it has.
    let first = SecuredPeer::start(world.at(1), Some(authority.acceptor(&["mx.patras.test"], Like::Right))).await;
    let second = SecuredPeer::start(world.at(2), Some(authority.acceptor(&["mx2.patras.test"], Like::Right))).await;
    for _ in 0..2 {
        world.send(&["kostas@patras.test"]).await;
        world.until_empty().await;
    }
    assert_eq!((first.heard.lock().unwrap().connections, second.letters()), (0, (2, 0)));
    let told = format!("{:?}", world.events("attempt"));
    assert!(told.contains("TLSv1.3 TLS_AES_256_GCM_SHA384 verified by sts"), "{told}");
    // Fetched once for both.
    assert_eq!(web.asked(), 1);
    let counted = world.counted().await;
    assert_eq!(counted[0].summary.total_successful_session_count, 1, "{counted:?}");
    assert_eq!(counted[0].policy.mx_host, ["mx2.patras.test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn testing_only_tells() {
    let authority = Authority::new();
    let (world, _web) = town(&authority, answer("200 OK", "text/plain", &policy("testing", "*.patras.test"))).await;
    let peer = SecuredPeer::start(world.at(1), Some(authority.acceptor(&["x.test"], Like::SelfSigned))).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(peer.letters(), (1, 0));
    assert_eq!(failures(&world.counted().await), ["certificate-not-trusted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_cannot_be_had_is_none() {
    let authority = Authority::new();
    for (says, like, result) in [
        (answer("404 Not Found", "text/plain", ""), Like::Right, "sts-policy-fetch-error"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Like::Right,
            "sts-policy-fetch-error",
        ),
        (answer("200 OK", "text/html", &policy("enforce", "x.test")), Like::Right, "sts-policy-invalid"),
        (answer("200 OK", "text/plain", "mode: enforce"), Like::Right, "sts-policy-invalid"),
        (answer("200 OK", "text/plain", &policy("enforce", "x.test")), Like::Expired, "sts-webpki-invalid"),
    ] {
        let world = World::with(wishes(&authority)).await;
        let _web = Web::start(world.at(7), authority.acceptor(&[WEB], like), says).await;
        let peer = SecuredPeer::start(world.at(1), None).await;
        world.send(&["kostas@patras.test"]).await;
        world.until_empty().await;
        assert_eq!(peer.letters(), (0, 1), "{result}");
        assert_eq!(failures(&world.counted().await), [result]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_blocks_dns_and_web_does_not_turn_a_policy_off() {
    let authority = Authority::new();
    let (mut world, web) = town(&authority, answer("200 OK", "text/plain", &policy("enforce", "mx.patras.test"))).await;
    let good = SecuredPeer::start(world.at(1), Some(authority.acceptor(&["mx.patras.test"], Like::Right))).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(good.letters(), (1, 0));
    // The attacker takes the host's place, the web server's, and says that there is no record.
    world.kill().await;
    drop((good, web));
    let peer = SecuredPeer::start(world.at(1), None).await;
    let forged = Wishes { texts: Vec::new(), ..wishes(&authority) };
    let (_dns, at) = nameserver(&forged, world.net(), world.port).await;
    let (blind, _counted) =
        policies(&world.context.store, &Resolver::named(at).unwrap(), &authority.roots(), world.port);
    world.settings.policies = Some(blind);
    world.running = Some(tokio::spawn(Outbound::run(world.context.clone(), world.settings.clone())));
    let before = world.events("attempt").len();
    world.send(&["kostas@patras.test"]).await;
    world.until("an attempt", async || world.events("attempt").len() > before).await;
    assert_eq!(peer.letters(), (0, 0));
    assert_eq!(world.queued().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_edition_is_fetched_and_a_withdrawn_policy_is_gone() {
    let authority = Authority::new();
    let (mut world, web) =
        town(&authority, answer("200 OK", "text/plain", &policy("enforce", "mx.corinth.test"))).await;
    let peer = SecuredPeer::start(world.at(1), None).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_attempt().await;
    assert_eq!(peer.letters(), (0, 0));
    world.kill().await;
    web.say(answer("200 OK", "text/plain", "version: STSv1\nmode: none\nmax_age: 86400\n"));
    let edition = Wishes { texts: vec![("_mta-sts.patras.test.", "v=STSv1; id=2;")], ..wishes(&authority) };
    let (_dns, at) = nameserver(&edition, world.net(), world.port).await;
    let (fresh, _counted) =
        policies(&world.context.store, &Resolver::named(at).unwrap(), &authority.roots(), world.port);
    world.settings.policies = Some(fresh);
    world.running = Some(tokio::spawn(Outbound::run(world.context.clone(), world.settings.clone())));
    world.until_empty().await;
    assert_eq!(peer.letters(), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_fetched_anew_before_it_runs_out() {
    let authority = Authority::new();
    let (world, web) = town(&authority, answer("500 No", "text/plain", "")).await;
    let cache = Cache::new(world.context.store.clone());
    let ago = Timestamp(clock::now().0 - 2 * 86_400_000);
    let file = policy("enforce", "mx.corinth.test");
    let kept = Policy::parse(file.as_bytes()).unwrap();
    let kept = Kept { id: "0".into(), fetched: ago, expires: ago.plus(kept.max_age), policy: Arc::new(kept) };
    let patras = Domain::parse("patras.test").unwrap();
    cache.put(&patras, &kept, file.into_bytes(), ago).await.unwrap();
    let https = Https::new(world.settings.resolver.clone(), &authority.roots());
    let sts = Sts::new(world.context.store.clone(), world.settings.resolver.clone(), https, world.port);
    // In vain: what was there stays.
    assert_eq!((sts.refresh().await.unwrap(), web.asked()), (0, 1));
    assert_eq!(cache.live(&patras, clock::now()).await.unwrap(), Some(kept.clone()));
    // It was tried a moment ago.
    assert_eq!((sts.refresh().await.unwrap(), web.asked()), (0, 1));
    cache.put(&patras, &kept, policy("enforce", "mx.corinth.test").into_bytes(), ago).await.unwrap();
    web.say(answer("200 OK", "text/plain", &policy("testing", "mx.patras.test")));
    assert_eq!((sts.refresh().await.unwrap(), web.asked()), (1, 2));
    let live = cache.live(&patras, clock::now()).await.unwrap().unwrap();
    assert_eq!((live.id.as_str(), live.policy.mode, live.expires > kept.expires), ("1", Mode::Testing, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_asks_is_told() {
    let authority = Authority::new();
    let (world, web) = town(&authority, answer("200 OK", "text/plain", &policy("enforce", "mx.patras.test"))).await;
    let Found::Target(target) = target::find(&world.context, &world.settings, "patras.test").await else { panic!() };
    let mut told = Vec::new();
    for host in &target.hosts {
        told.push(explain(&world.settings, &target, host).await.map_err(|reply| reply.to_string()));
    }
    let fine = "encrypted, with a certificate that verifies for the name; the MTA-STS policy of patras.test demands it";
    let not = "451 4.7.5 the MTA-STS policy of patras.test does not name mx2.patras.test as a mail host of it";
    assert_eq!(told, [Ok(fine.to_owned()), Err(not.to_owned())]);
    assert_eq!(web.asked(), 1);
    // Nobody was talked to, so nothing is counted.
    assert!(world.counted().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_is_noticed() {
    let authority = Authority::new();
    let world = World::with(Wishes { texts: Vec::new(), ..wishes(&authority) }).await;
    let acceptor = || Some(authority.acceptor(&["mx.patras.test"], Like::Right));
    for (acceptor, warnings) in [(acceptor(), 0), (None, 1), (None, 1), (acceptor(), 1), (None, 2)] {
        let is_secured = acceptor.is_some();
        let _peer = SecuredPeer::start(world.at(1), acceptor).await;
        world.send(&["kostas@patras.test"]).await;
        world.until_empty().await;
        // It is remembered in its own time.
        world.until("a memory", async || world.remembered().await == Some(if is_secured { 2 } else { 0 })).await;
        world.until("the warnings", async || world.events("warning").len() >= warnings).await;
    }
    let told = world.events("warning");
    assert_eq!(told.len(), 2, "{told:?}");
    let Event::Warning { place, reason } = &told[0] else { panic!() };
    assert_eq!(place, "tls downgrade");
    assert!(reason.starts_with("mx.patras.test had a certificate that verified"), "{reason}");
    assert!(reason.contains("is now met in the clear"), "{reason}");
    // No policy, but a report tells all the same.
    let counted = world.counted().await;
    assert_eq!(counted[0].policy.policy_type, PolicyKind::NoPolicyFound);
    assert_eq!(failures(&counted), ["starttls-not-supported"]);
}
