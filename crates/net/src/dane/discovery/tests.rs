//! The rules by tables: a small DNS in which each name says of itself how it was signed.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::tlsa::{CertUsage, Matching, Selector};
use hickory_proto::rr::rdata::{A, MX};

use super::*;

/// How a name's records are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Signed,
    Unsigned,
    Bogus,
    Silent,
}

use How::{Bogus, Signed, Silent, Unsigned};

#[derive(Default)]
struct Dns {
    records: HashMap<(String, RecordType), (How, Vec<RData>)>,
    aliases: HashMap<String, (How, String)>,
}

impl Dns {
    fn mx(mut self, name: &str, how: How, hosts: &[&str]) -> Self {
        let records = hosts.iter().map(|host| RData::MX(MX::new(10, Name::from_ascii(host).unwrap())));
        self.records.insert((name.into(), RecordType::MX), (how, records.collect()));
        self
    }

    fn a(mut self, name: &str, how: How) -> Self {
        let a = RData::A(A(Ipv4Addr::LOCALHOST));
        self.records.insert((name.into(), RecordType::A), (how, vec![a]));
        self.records.entry((name.into(), RecordType::AAAA)).or_insert((how, Vec::new()));
        self
    }

    fn tlsa(mut self, name: &str, how: How, count: usize) -> Self {
        let one = RData::TLSA(TLSA::new(CertUsage::DaneEe, Selector::Spki, Matching::Sha256, vec![1; 32]));
        self.records.insert((format!("_25._tcp.{name}"), RecordType::TLSA), (how, vec![one; count]));
        self
    }

    fn alias(mut self, name: &str, how: How, target: &str) -> Self {
        self.aliases.insert(name.into(), (how, target.into()));
        self
    }
}

impl Source for Dns {
    async fn find(&self, name: &str, kind: RecordType) -> Result<Found, DnsError> {
        let fate = |how: How| match how {
            Signed => Ok(true),
            Unsigned => Ok(false),
            Bogus => Err(DnsError::Bogus(name.to_owned())),
            Silent => Err(DnsError::Temporary(name.to_owned())),
        };
        let mut end = name.to_owned();
        let (mut secure, mut starts_secure) = (true, None);
        while let Some((how, target)) = self.aliases.get(&end) {
            secure &= fate(*how)?;
            starts_secure.get_or_insert(secure);
            end.clone_from(target);
        }
        let (how, records) = self.records.get(&(end.clone(), kind)).cloned().unwrap_or((Signed, Vec::new()));
        secure &= fate(how)?;
        Ok(Found {
            records,
            is_alias: end != name,
            starts_secure: *starts_secure.get_or_insert(secure),
            name: Name::from_ascii(format!("{end}.")).unwrap(),
            secure,
        })
    }
}

/// What becomes of mx.athens.test as a host of athens.test: the base domain and the names, or what stands against it.
async fn outcome(dns: &Dns, next_hop: Option<&str>, host: &str) -> String {
    let domain = |text: &str| Domain::parse(text).unwrap();
    let next_hop = next_hop.map(domain);
    match protection(dns, next_hop.as_ref(), &domain(host), 25).await {
        Ok(Protection { named_securely: false, dane: None }) => "insecure".to_owned(),
        Ok(Protection { named_securely: false, dane: Some(_) }) => "nonsense".to_owned(),
        Ok(Protection { dane: None, .. }) => "no DANE".to_owned(),
        Ok(Protection { dane: Some(dane), .. }) => {
            let names: Vec<_> = dane.names.iter().map(Domain::as_str).collect();
            format!("{} for {}", dane.base, names.join(" "))
        }
        Err(DnsError::Bogus(_)) => "bogus".to_owned(),
        Err(_) => "later".to_owned(),
    }
}

fn good() -> Dns {
    Dns::default().mx("athens.test", Signed, &["mx.athens.test."]).a("mx.athens.test", Signed)
}

fn aliased(alias: How, end: How) -> Dns {
    let dns = Dns::default().mx("athens.test", Signed, &["mx.athens.test."]);
    dns.alias("mx.athens.test", alias, "host.provider.test").a("host.provider.test", end)
}

#[tokio::test]
async fn a_mail_host_of_a_domain() {
    let tlsa = |how: How, count: usize| good().tlsa("mx.athens.test", how, count);
    for (what, dns, expected) in [
        ("all is signed", tlsa(Signed, 1), "mx.athens.test for mx.athens.test athens.test"),
        ("no record", good(), "no DANE"),
        ("none, signed", tlsa(Signed, 0), "no DANE"),
        ("a record nobody signed", tlsa(Unsigned, 1), "no DANE"),
        ("a forged record", tlsa(Bogus, 1), "bogus"),
        ("no answer about it", tlsa(Silent, 1), "later"),
        ("unsigned MX", tlsa(Signed, 1).mx("athens.test", Unsigned, &["mx.athens.test."]), "insecure"),
        ("forged MX", tlsa(Signed, 1).mx("athens.test", Bogus, &["mx.athens.test."]), "bogus"),
        ("no MX to be had", tlsa(Signed, 1).mx("athens.test", Silent, &[]), "later"),
        ("another host is signed", tlsa(Signed, 1).mx("athens.test", Signed, &["other.test."]), "bogus"),
        ("unsigned host: not asked", tlsa(Silent, 1).a("mx.athens.test", Unsigned), "no DANE"),
        ("forged address", tlsa(Signed, 1).a("mx.athens.test", Bogus), "bogus"),
        ("no address to be had", tlsa(Signed, 1).a("mx.athens.test", Silent), "later"),
    ] {
        assert_eq!(outcome(&dns, Some("athens.test"), "mx.athens.test").await, expected, "{what}");
    }
    let nowhere = Dns::default().mx("athens.test", Signed, &["mx.athens.test."]);
    assert_eq!(outcome(&nowhere, Some("athens.test"), "mx.athens.test").await, "bogus");
}

#[tokio::test]
async fn a_mail_host_under_another_name() {
    let ends = |dns: Dns| dns.tlsa("host.provider.test", Signed, 1);
    let own = |dns: Dns| dns.tlsa("mx.athens.test", Signed, 1);
    let end = "host.provider.test for host.provider.test athens.test";
    let first = "mx.athens.test for mx.athens.test athens.test";
    for (what, dns, expected) in [
        ("its end", ends(aliased(Signed, Signed)), end),
        ("its end before itself", own(ends(aliased(Signed, Signed))), end),
        ("only itself", own(aliased(Signed, Signed)), first),
        ("its end fails", own(aliased(Signed, Signed)).tlsa("host.provider.test", Silent, 1), "later"),
        ("an end in an unsigned zone", own(ends(aliased(Signed, Unsigned))), first),
        ("an unsigned alias", own(ends(aliased(Unsigned, Signed))), "no DANE"),
        ("a forged alias", own(ends(aliased(Bogus, Signed))), "bogus"),
        ("a forged end", own(ends(aliased(Signed, Bogus))), "bogus"),
    ] {
        assert_eq!(outcome(&dns, Some("athens.test"), "mx.athens.test").await, expected, "{what}");
    }
}

#[tokio::test]
async fn hosts_without_mx() {
    let implicit = Dns::default().a("athens.test", Signed).tlsa("athens.test", Signed, 1);
    assert_eq!(outcome(&implicit, Some("athens.test"), "athens.test").await, "athens.test for athens.test");
    assert_eq!(outcome(&implicit, Some("athens.test"), "other.test").await, "bogus");
    // A smart host: whoever named it is us, and no MX is asked for.
    let named = aliased(Signed, Signed).mx("mx.athens.test", Silent, &[]).tlsa("mx.athens.test", Signed, 1);
    let expected = "mx.athens.test for mx.athens.test host.provider.test";
    assert_eq!(outcome(&named, None, "mx.athens.test").await, expected);
    // The domain itself is an alias: a certificate may be for where it leads.
    let moved = good().tlsa("mx.athens.test", Signed, 1).alias("old.test", Signed, "athens.test");
    let expected = "mx.athens.test for mx.athens.test old.test athens.test";
    assert_eq!(outcome(&moved, Some("old.test"), "mx.athens.test").await, expected);
}

#[tokio::test]
async fn one_family_of_addresses_is_enough() {
    let mut dns = good().tlsa("mx.athens.test", Signed, 1);
    dns.records.insert(("mx.athens.test".into(), RecordType::AAAA), (Silent, Vec::new()));
    let expected = "mx.athens.test for mx.athens.test athens.test";
    assert_eq!(outcome(&dns, Some("athens.test"), "mx.athens.test").await, expected);
}

#[tokio::test]
async fn records_are_bounded() {
    let dns = good().tlsa("mx.athens.test", Signed, 3 * TLSA_RECORDS_MAX);
    let (domain, host) = (Domain::parse("athens.test").unwrap(), Domain::parse("mx.athens.test").unwrap());
    let found = protection(&dns, Some(&domain), &host, 25).await.unwrap();
    assert_eq!(found.dane.unwrap().records.len(), TLSA_RECORDS_MAX);
}
