//! The order of those who may demand, as a table.

use std::time::Duration;

use net::Tlsa;

use super::*;

fn dane(usage: u8) -> Arc<Dane> {
    let base = Domain::parse("mx.patras.test").unwrap();
    let record = Tlsa { usage, selector: 1, matching: 1, data: vec![7; 32] };
    Arc::new(Dane { base: base.clone(), names: vec![base], records: vec![record] })
}

fn sts(mode: Mode, pattern: &str) -> Arc<Policy> {
    let text = format!("version: STSv1\nmode: {}\nmx: {pattern}\nmax_age: 86400\n", mode.as_str());
    let policy = Policy::parse(text.as_bytes()).unwrap();
    assert_eq!(policy.max_age, Duration::from_secs(86_400));
    Arc::new(policy)
}

fn name(demand: &Result<Demand, Refusal>) -> String {
    match demand {
        Err(refusal) => format!("refused {}", refusal.reply.enhanced.unwrap()),
        Ok(demand) => {
            let level = match demand.level {
                Level::Never => "never",
                Level::Opportunistic => "opportunistic",
                Level::Encrypted => "encrypted",
                Level::Verified => "verified",
                Level::Dane(_) => "dane",
            };
            let counted = demand.count.as_ref().map_or("-", |count| count.policy.policy_type.as_str());
            let trouble = demand.count.as_ref().and_then(|count| count.trouble.as_ref());
            format!("{level} {counted} {}", trouble.map_or("", |trouble| trouble.result.as_str())).trim_end().to_owned()
        }
    }
}

const HOST: &str = "mx.patras.test";

#[test]
fn who_may_demand_and_in_which_order() {
    use RequireTls::{Demanded, Unsaid, Waived};
    use TlsPolicy::{Dane as MustDane, Never, Opportunistic, Required, Verify};
    let enforce = || Some(sts(Mode::Enforce, "*.patras.test"));
    let foreign = || Some(sts(Mode::Enforce, "*.corinth.test"));
    let testing = || Some(sts(Mode::Testing, "mx.patras.test"));
    let testing_foreign = || Some(sts(Mode::Testing, "mx.corinth.test"));
    let (fits, unusable) = (|| Some(dane(3)), || Some(dane(1)));
    for (operator, wish, dane, sts, secure, expected) in [
        (Opportunistic, Unsaid, None, None, false, "opportunistic no-policy-found"),
        (Required, Unsaid, None, None, false, "encrypted no-policy-found"),
        (Verify, Unsaid, None, None, false, "verified no-policy-found"),
        (Never, Unsaid, fits(), enforce(), true, "never -"),
        // MTA-STS adds to what the operator says.
        (Opportunistic, Unsaid, None, enforce(), false, "verified sts"),
        (Required, Unsaid, None, enforce(), false, "verified sts"),
        (Opportunistic, Unsaid, None, foreign(), false, "refused 4.7.5"),
        (Opportunistic, Unsaid, None, testing(), false, "opportunistic sts"),
        (Opportunistic, Unsaid, None, testing_foreign(), false, "opportunistic sts validation-failure"),
        // DANE goes before it, and records that nobody can use still demand encryption.
        (Opportunistic, Unsaid, fits(), foreign(), true, "dane tlsa"),
        (Verify, Unsaid, fits(), None, true, "dane tlsa"),
        (Opportunistic, Unsaid, unusable(), None, true, "encrypted tlsa tlsa-invalid"),
        (Opportunistic, Unsaid, unusable(), enforce(), true, "verified tlsa tlsa-invalid"),
        (MustDane, Unsaid, fits(), None, true, "dane tlsa"),
        (MustDane, Unsaid, None, enforce(), false, "refused 4.7.5"),
        (MustDane, Unsaid, unusable(), None, true, "refused 4.7.5"),
        // A letter that would rather arrive, and one that would rather not.
        (Opportunistic, Waived, fits(), enforce(), true, "opportunistic -"),
        (Opportunistic, Waived, None, foreign(), false, "opportunistic -"),
        (Required, Waived, None, foreign(), false, "encrypted -"),
        (MustDane, Waived, fits(), None, true, "dane -"),
        (Opportunistic, Demanded, None, None, false, "refused 4.7.30"),
        (Opportunistic, Demanded, None, None, true, "verified no-policy-found"),
        (Opportunistic, Demanded, None, testing(), false, "verified sts"),
        (Opportunistic, Demanded, fits(), None, true, "dane tlsa"),
        (Never, Demanded, None, None, true, "refused 4.7.30"),
    ] {
        let domain = Domain::parse("patras.test").unwrap();
        let label = format!("{operator:?} {wish:?} {} {} {secure}", dane.is_some(), sts.is_some());
        let asked = Asked {
            host: HOST,
            operator,
            wish,
            domain: Some(&domain),
            named_securely: secure,
            dane,
            sts,
            trouble: None,
        };
        assert_eq!(name(&decide(asked)), expected, "{label}");
    }
}

#[test]
fn a_host_that_the_operator_named() {
    let of = |operator, wish| {
        let asked = Asked {
            host: HOST,
            operator,
            wish,
            domain: None,
            named_securely: false,
            dane: None,
            sts: None,
            trouble: None,
        };
        name(&decide(asked))
    };
    assert_eq!(of(TlsPolicy::Opportunistic, RequireTls::Unsaid), "opportunistic -");
    assert_eq!(of(TlsPolicy::Required, RequireTls::Demanded), "verified -");
}

#[test]
fn what_a_report_says() {
    let domain = Domain::parse("patras.test").unwrap();
    let count = |sts: Option<Arc<Policy>>, dane: Option<Arc<Dane>>, trouble: Option<Trouble>| {
        let (operator, wish) = (TlsPolicy::Opportunistic, RequireTls::Unsaid);
        let asked =
            Asked { host: HOST, operator, wish, domain: Some(&domain), named_securely: true, dane, sts, trouble };
        asked.count().unwrap()
    };
    let expired = Verdict::Unverified(Untrusted { fault: TlsFault::CertificateExpired, reason: "old".to_owned() });
    let fetch = Trouble { result: ResultType::StsPolicyFetchError, reason: "status 404".to_owned() };
    for (count, encrypted, verdict, expected) in [
        (count(None, None, None), true, Some(&expired), None),
        (count(None, None, None), false, None, Some("starttls-not-supported")),
        (count(None, None, Some(fetch)), true, Some(&Verdict::Verified), Some("sts-policy-fetch-error")),
        (count(Some(sts(Mode::Testing, HOST)), None, None), true, Some(&expired), Some("certificate-expired")),
        (count(Some(sts(Mode::Testing, HOST)), None, None), true, Some(&Verdict::Verified), None),
        (count(Some(sts(Mode::Testing, HOST)), None, None), false, None, Some("starttls-not-supported")),
        (
            count(Some(sts(Mode::Testing, "x.test")), None, None),
            true,
            Some(&Verdict::Verified),
            Some("validation-failure"),
        ),
        (count(None, Some(dane(3)), None), true, Some(&Verdict::Dane), None),
        (count(None, Some(dane(0)), None), true, Some(&expired), Some("tlsa-invalid")),
    ] {
        let judged = count.judge(encrypted, verdict);
        assert_eq!(judged.as_ref().map(|trouble| trouble.result.as_str()), expected, "{:?} {verdict:?}", count.policy);
    }
}
