//! The counters of TLS sessions.

use std::sync::Arc;
use std::time::Duration;

use envelope::{Address, Timestamp};
use mailauth::tlspolicy::tlsrpt::{FailureDetails, Policy, PolicyKind, ResultType, Summary};
use mhs::tlsrpt::{Collector, Reporter, Reporting, Session, collected, day_of};
use net::{Https, Roots};

use crate::house::{DAY, House, NOW, at, domain, nameserver};

fn policy(name: &str) -> Arc<Policy> {
    Arc::new(Policy {
        policy_type: PolicyKind::Sts,
        policy_string: vec!["version: STSv1".into(), "mode: testing".into()],
        policy_domain: name.to_owned(),
        mx_host: vec![format!("*.{name}")],
    })
}

fn failure(result_type: ResultType, host: &str) -> FailureDetails {
    FailureDetails {
        result_type,
        sending_mta_ip: Some("192.0.2.1".to_owned()),
        receiving_mx_hostname: Some(host.to_owned()),
        receiving_mx_helo: None,
        receiving_ip: None,
        failed_session_count: 0,
        additional_information: None,
        failure_reason_code: None,
    }
}

fn session(when: Timestamp, name: &str, failure: Option<FailureDetails>) -> Session {
    Session { at: when, domain: domain(name), policy: policy(name), failure }
}

/// Counts them, in two batches.
async fn count(house: &House, sessions: Vec<Session>) {
    let (collector, mut collecting) = Collector::new(house.store.clone());
    let half = sessions.len() / 2;
    for (index, session) in sessions.into_iter().enumerate() {
        if index == half {
            collecting.count(&mut Vec::new()).await;
        }
        collector.note(session);
    }
    collecting.count(&mut Vec::new()).await;
}

fn summary(fine: u64, failed: u64) -> Summary {
    Summary { total_successful_session_count: fine, total_failure_session_count: failed }
}

pub async fn sessions_become_counters(house: House) {
    let expired = || Some(failure(ResultType::CertificateExpired, "mx1.patras.test"));
    let clear = || Some(failure(ResultType::StarttlsNotSupported, "mx2.patras.test"));
    let of = |failure| session(NOW, "patras.test", failure);
    count(&house, vec![of(None), of(expired()), of(None), of(clear()), of(expired()), of(None), of(expired())]).await;
    let all = collected(&house.store, day_of(NOW), None).await.unwrap();
    assert_eq!(all.len(), 1);
    let [result] = &all[0].results[..] else { panic!("{all:?}") };
    assert_eq!((&result.policy, result.summary), (&*policy("patras.test"), summary(3, 4)));
    let details: Vec<_> =
        result.failure_details.iter().map(|one| (&one.result_type, one.failed_session_count)).collect();
    assert_eq!(details, [(&ResultType::CertificateExpired, 3), (&ResultType::StarttlsNotSupported, 1)]);
}

pub async fn failures_without_end_are_still_counted(house: House) {
    let host = |number: u64| failure(ResultType::ValidationFailure, &format!("mx{number}.patras.test"));
    count(&house, (0..300).map(|number| session(NOW, "patras.test", Some(host(number)))).collect()).await;
    let all = collected(&house.store, day_of(NOW), Some(domain("patras.test"))).await.unwrap();
    assert_eq!(all[0].results[0].summary, summary(0, 300));
    assert_eq!(all[0].results[0].failure_details.len() as i64, mhs::limits::TLSRPT_FAILURES_MAX);
}

pub async fn days_and_domains_stand_apart(house: House) {
    let sessions = vec![
        session(NOW, "patras.test", None),
        session(at(DAY), "patras.test", None),
        session(at(DAY), "patras.test", None),
        session(at(DAY), "corinth.test", None),
    ];
    count(&house, sessions).await;
    let names = |all: Vec<mhs::tlsrpt::Collected>| all.into_iter().map(|one| one.domain).collect::<Vec<_>>();
    assert_eq!(names(collected(&house.store, day_of(NOW), None).await.unwrap()), ["patras.test"]);
    let next = day_of(at(DAY));
    assert_eq!(names(collected(&house.store, next, None).await.unwrap()), ["corinth.test", "patras.test"]);
    let one = collected(&house.store, next, Some(domain("patras.test"))).await.unwrap();
    assert_eq!(one[0].results[0].summary, summary(2, 0));
    assert!(collected(&house.store, next, Some(domain("athens.test"))).await.unwrap().is_empty());
}

pub async fn a_report_that_nobody_wants_is_gone_in_time(house: House) {
    let names: Vec<String> = (0..3).map(|number| format!("d{number}.test")).collect();
    count(&house, names.iter().map(|name| session(NOW, name, None)).collect()).await;
    let (_dns, resolver) = nameserver().await;
    let https = Https::new(resolver.clone(), &Roots::none());
    let reporting = Reporting { contact: Address::parse("tls@athens.test").unwrap() };
    let reporter = Reporter::new(house.context().await, Some(reporting), resolver, https);
    let left = async || collected(&house.store, day_of(NOW), None).await.unwrap().len();
    let midnight = Timestamp::from_seconds((day_of(NOW) + 1) * DAY as i64);
    // Not on its own day; then each gets its moment, and that comes within four hours.
    for (when, expected) in [(NOW, 3), (midnight, 3), (midnight.plus(Duration::from_secs(4 * 3600)), 0)] {
        assert_eq!(reporter.round(when).await.unwrap(), 0);
        assert_eq!(left().await, expected, "{when:?}");
    }
    count(&house, vec![session(NOW, "late.test", None)]).await;
    reporter.round(at(4 * DAY)).await.unwrap();
    assert_eq!(left().await, 0);
}
