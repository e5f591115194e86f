//! TLS reports on their way: by mail through our own queue, and over HTTPS.

use std::sync::Arc;
use std::time::Duration;

use envelope::{Domain, Timestamp};
use mailauth::limits::REPORT_PERIOD;
use mailauth::tlspolicy::tlsrpt::{Policy, PolicyKind, Report, unpack};
use mhs::tlsrpt::{Collector, Reporter, Reporting, Session, collected, day_of};
use net::{Https, clock};

use crate::secured_peer::SecuredPeer;
use crate::web::{Authority, Like, Web, answer};
use crate::world::{Wishes, World, address};

const HOUR: Duration = Duration::from_secs(3600);

struct Day {
    world: World,
    web: Web,
    reporter: Reporter,
    /// When it is counted, and the midnight after it.
    day: i64,
    midnight: Timestamp,
}

/// A domain with three sessions yesterday, that wants to hear of them.
async fn day(rua: &'static str, send: bool) -> Day {
    let authority = Authority::new();
    let world = World::with(Wishes {
        hosts: vec![("mx.patras.test.", 1), ("reports.patras.test.", 7)],
        texts: vec![("_smtp._tls.patras.test.", rua)],
        roots: Some(authority.roots()),
        ..Wishes::default()
    })
    .await;
    let web = Web::start(
        world.at(7),
        authority.acceptor(&["reports.patras.test"], Like::Right),
        answer("201 Created", "text/plain", ""),
    )
    .await;
    let https = Https::new(world.settings.resolver.clone(), &authority.roots());
    let reporting = send.then(|| Reporting { contact: address("anna@athens.test") });
    let reporter = Reporter::new(world.context.clone(), reporting, world.settings.resolver.clone(), https);
    let at = Timestamp(clock::now().0 - REPORT_PERIOD.as_millis() as i64);
    let (collector, mut collecting) = Collector::new(world.context.store.clone());
    for name in ["patras.test", "patras.test", "patras.test", "corinth.test"] {
        let policy = Policy {
            policy_type: PolicyKind::NoPolicyFound,
            policy_string: Vec::new(),
            policy_domain: name.to_owned(),
            mx_host: Vec::new(),
        };
        let domain = Domain::parse(name).unwrap();
        collector.note(Session { at, domain, policy: Arc::new(policy), failure: None });
    }
    collecting.count(&mut Vec::new()).await;
    let day = day_of(at);
    Day { world, web, reporter, day, midnight: Timestamp::from_seconds((day + 1) * 86_400) }
}

fn check(report: &Report) {
    assert_eq!((report.organization_name.as_str(), report.contact_info.as_str()), ("athens.test", "anna@athens.test"));
    assert_eq!(report.date_range.end_datetime.0.seconds() - report.date_range.start_datetime.0.seconds(), 86_399);
    let [result] = &report.policies[..] else { panic!("{report:?}") };
    assert_eq!(
        (result.policy.policy_domain.as_str(), result.summary.total_successful_session_count),
        ("patras.test", 3)
    );
}

impl Day {
    async fn left(&self) -> Vec<String> {
        let left = collected(&self.world.context.store, self.day, None).await.unwrap();
        left.into_iter().map(|one| one.domain).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_goes_to_every_place() {
    let rua = "v=TLSRPTv1; rua=mailto:tls@patras.test,https://reports.patras.test:{port}/v1";
    let day = day(rua, true).await;
    let peer = SecuredPeer::start(day.world.at(1), None).await;
    // The first look gives each its moment, which comes within four hours.
    assert_eq!(day.reporter.round(day.midnight).await.unwrap(), 0);
    assert_eq!(day.left().await, ["corinth.test", "patras.test"]);
    assert_eq!(day.reporter.round(day.midnight.plus(HOUR * 4)).await.unwrap(), 1);
    // Nobody at corinth.test asks for reports.
    assert!(day.left().await.is_empty());
    assert_eq!(day.reporter.round(day.midnight.plus(HOUR * 6)).await.unwrap(), 0);
    day.world.until_empty().await;
    let letter = peer.heard.lock().unwrap().clear[0].clone();
    check(&unpack(letter.as_bytes()).unwrap());
    assert!(letter.contains("\r\nTLS-Report-Domain: patras.test\r\n"), "{letter}");
    assert!(letter.contains("\r\nTLS-Required: No\r\n"), "{letter}");
    let (head, body) = day.web.requests.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1 HTTP/1.1\r\n"), "{head}");
    assert_eq!(unpack(&body).unwrap(), unpack(letter.as_bytes()).unwrap());
    // The session of the report itself is the reason for no other report.
    day.world.collecting.as_ref().unwrap().lock().await.count(&mut Vec::new()).await;
    assert!(collected(&day.world.context.store, day_of(clock::now()), None).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_does_not_take_it_is_asked_again() {
    let rua = "v=TLSRPTv1; rua=https://reports.patras.test:{port}/,mailto:tls@patras.test";
    let day = day(rua, true).await;
    let peer = SecuredPeer::start(day.world.at(1), None).await;
    day.web.say(answer("503 Busy", "text/plain", ""));
    day.reporter.round(day.midnight).await.unwrap();
    assert_eq!(day.reporter.round(day.midnight.plus(HOUR * 4)).await.unwrap(), 1);
    assert_eq!(day.left().await, ["patras.test"]);
    // Not before an hour has passed, and then only the place that lacks it.
    day.web.say(answer("200 OK", "text/plain", ""));
    assert_eq!(day.reporter.round(day.midnight.plus(HOUR * 4 + HOUR / 2)).await.unwrap(), 0);
    assert_eq!(day.reporter.round(day.midnight.plus(HOUR * 5)).await.unwrap(), 1);
    assert!(day.left().await.is_empty());
    day.world.until_empty().await;
    assert_eq!((peer.letters(), day.web.asked()), ((0, 1), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_is_forgotten_in_the_end() {
    let day = day("v=TLSRPTv1; rua=https://reports.patras.test:{port}/", true).await;
    day.web.say(answer("500 No", "text/plain", ""));
    for hour in 0..48 {
        assert_eq!(day.reporter.round(day.midnight.plus(HOUR * hour)).await.unwrap(), 0);
    }
    assert!(day.web.asked() > 20, "{}", day.web.asked());
    day.reporter.round(day.midnight.plus(HOUR * 49)).await.unwrap();
    assert!(day.left().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_turned_reports_off_sends_none() {
    let day = day("v=TLSRPTv1; rua=https://reports.patras.test:{port}/", false).await;
    assert_eq!(day.reporter.round(day.midnight.plus(HOUR * 5)).await.unwrap(), 0);
    assert_eq!((day.web.asked(), day.left().await.len()), (0, 2));
}
