//! The resolver against a real name server on loopback, and against some that are of no use.

mod names;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use envelope::Domain;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record};
use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use net::{DnsError, MailHosts, Resolver};

use names::{Rude, Says, one_port_for_both};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn mx(owner: &str, preference: u16, host: &str) -> (String, RData) {
    (owner.to_owned(), RData::MX(MX::new(preference, name(host))))
}

fn v4(owner: &str, last: u8) -> (String, RData) {
    (owner.to_owned(), RData::A(A(Ipv4Addr::new(192, 0, 2, last))))
}

fn zone(origin: &str, records: Vec<(String, RData)>) -> InMemoryZoneHandler<TokioRuntimeProvider> {
    let mut zone = InMemoryZoneHandler::empty(name(origin), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(name("ns.test."), name("root.test."), 1, 60, 60, 60, 60);
    zone.upsert_mut(Record::from_rdata(name(origin), 60, RData::SOA(soa)), 0);
    for (owner, data) in records {
        zone.upsert_mut(Record::from_rdata(name(&owner), 60, data), 0);
    }
    zone
}

/// A name server for `test.` and for the reverse of 192.0.2.0/24; everything else it refuses.
async fn server() -> (Server<Catalog>, SocketAddr) {
    let mut records = vec![
        mx("order.test.", 20, "c.order.test."),
        mx("order.test.", 10, "a.order.test."),
        mx("order.test.", 10, "b.order.test."),
        mx("order.test.", 30, "a.order.test."),
        mx("null.test.", 0, "."),
        mx("mixed.test.", 0, "."),
        mx("mixed.test.", 5, "a.order.test."),
        v4("a.order.test.", 1),
        v4("a.order.test.", 2),
        v4("plain.test.", 3),
        ("a.order.test.".into(), RData::AAAA(AAAA(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)))),
        ("alias.test.".into(), RData::CNAME(CNAME(name("order.test.")))),
        ("broken.test.".into(), RData::CNAME(CNAME(name("nowhere.test.")))),
        ("text.test.".into(), RData::TXT(TXT::new(vec!["v=spf1 ".into(), "-all".into()]))),
    ];
    records.extend((0..60).map(|i| mx("many.test.", 10, &format!("mx{i}.many.test."))));
    let reverse = vec![("7.2.0.192.in-addr.arpa.".to_owned(), RData::PTR(PTR(name("mail.plain.test."))))];
    let mut catalog = Catalog::new();
    catalog.upsert(name("test.").into(), vec![Arc::new(zone("test.", records))]);
    catalog.upsert(name("2.0.192.in-addr.arpa.").into(), vec![Arc::new(zone("2.0.192.in-addr.arpa.", reverse))]);
    let mut server = Server::new(catalog);
    let (udp, tcp) = one_port_for_both().await;
    let address = udp.local_addr().unwrap();
    server.register_socket(udp);
    server.register_listener(tcp, Duration::from_secs(5), 128);
    (server, address)
}

async fn hosts(resolver: &Resolver, text: &str) -> Vec<(u16, String)> {
    match resolver.mx(&domain(text)).await.unwrap() {
        MailHosts::Exchanges(all) => all.iter().map(|one| (one.preference, one.host.to_string())).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn where_mail_goes() {
    let (_server, address) = server().await;
    let resolver = Resolver::named(address).unwrap();
    let mut found = hosts(&resolver, "order.test").await;
    found[..2].sort();
    let wanted = [(10, "a.order.test"), (10, "b.order.test"), (20, "c.order.test")];
    assert_eq!(found, wanted.map(|(preference, host)| (preference, host.to_owned())));
    assert_eq!(hosts(&resolver, "alias.test").await.len(), 3, "a CNAME is followed");
    assert_eq!(hosts(&resolver, "mixed.test").await, [(5, "a.order.test".to_owned())]);
    assert_eq!(resolver.mx(&domain("null.test")).await, Ok(MailHosts::Null));
    assert_eq!(resolver.mx(&domain("plain.test")).await, Ok(MailHosts::Implicit(domain("plain.test"))));
    assert_eq!(resolver.mx(&domain("nowhere.test")).await, Err(DnsError::NoSuchName));
    assert_eq!(resolver.mx(&domain("broken.test")).await, Err(DnsError::NoSuchName));
    assert!(matches!(resolver.mx(&domain("example.org")).await, Err(DnsError::Temporary(_))));
    assert_eq!(hosts(&resolver, "many.test").await.len(), net::limits::EXCHANGES_MAX, "a long answer comes by TCP");
}

#[tokio::test]
async fn equals_take_turns() {
    let (_server, address) = server().await;
    let resolver = Resolver::named(address).unwrap();
    let mut firsts = std::collections::HashSet::new();
    for _ in 0..200 {
        firsts.insert(hosts(&resolver, "order.test").await.remove(0).1);
    }
    assert_eq!(firsts.len(), 2);
}

#[tokio::test]
async fn addresses_texts_and_names() {
    let (_server, address) = server().await;
    let resolver = Resolver::named(address).unwrap();
    let mut found = resolver.addresses(&domain("a.order.test")).await.unwrap();
    assert!(found[0].is_ipv6());
    found.sort();
    let v4 = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
    assert_eq!(found[..2], [v4(1), v4(2)]);
    assert_eq!(resolver.addresses(&domain("plain.test")).await.unwrap(), [v4(3)]);
    assert_eq!(resolver.addresses(&domain("text.test")).await, Ok(Vec::new()));
    assert_eq!(resolver.addresses(&domain("nowhere.test")).await, Err(DnsError::NoSuchName));
    assert_eq!(resolver.txt(&domain("text.test")).await.unwrap(), [b"v=spf1 -all".to_vec()]);
    assert_eq!(resolver.txt(&domain("plain.test")).await, Ok(Vec::new()));
    assert_eq!(resolver.ptr(v4(7)).await.unwrap(), [domain("mail.plain.test")]);
    assert_eq!(resolver.ptr(v4(8)).await, Ok(Vec::new()));
}

#[tokio::test]
async fn answers_are_kept() {
    let (mut server, address) = server().await;
    let resolver = Resolver::named(address).unwrap();
    assert_eq!(resolver.mx(&domain("null.test")).await, Ok(MailHosts::Null));
    server.shutdown_gracefully().await.unwrap();
    drop(server);
    assert_eq!(resolver.mx(&domain("null.test")).await, Ok(MailHosts::Null));
}

/// An OPT record (EDNS) without options, the last of a question.
const EDNS_OCTETS: usize = 11;

/// Whoever answers with nothing that can be used has not said that there is no such domain, nor that it has no MX: its mail
/// waits. And the answer comes in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_of_no_use_has_said_nothing() {
    let truncated = |question: &[u8]| {
        let mut answer = question.to_vec();
        // QR and TC: it is an answer, and the rest comes by TCP, where nobody listens.
        answer[2] |= 0x82;
        answer
    };
    let referral = |question: &[u8]| {
        let end = question.len() - usize::from(question[11] > 0) * EDNS_OCTETS;
        let mut answer = question[..end].to_vec();
        // QR, neither AA nor RA, no answer, one name server of the root in the authority section.
        answer[2] = 0x80;
        answer[3] = 0;
        answer[9] = 1;
        answer[11] = 0;
        // The root, NS, IN, an hour, four octets: "ns.".
        answer.extend([0, 0, 2, 0, 1, 0, 0, 14, 16, 0, 4, 2, b'n', b's', 0]);
        answer
    };
    let manners: [(&str, Says); 6] = [
        ("silent", |_| Vec::new()),
        ("rubbish", |_| b"rubbish".to_vec()),
        ("rubbish under the right number", |question| [&question[..2], &[0xff; 40]].concat()),
        ("the question as it came", <[u8]>::to_vec),
        ("truncated", truncated),
        ("a referral", referral),
    ];
    let mut asking = tokio::task::JoinSet::new();
    for (manner, says) in manners {
        asking.spawn(async move {
            let server = Rude::start(says).await;
            let resolver = Resolver::named(server.at).unwrap();
            let (there, within) = (domain("patras.test"), 2 * net::limits::DNS_PATIENCE);
            let mx = tokio::time::timeout(within, resolver.mx(&there));
            let addresses = tokio::time::timeout(within, resolver.addresses(&there));
            let (mx, addresses) = tokio::join!(mx, addresses);
            let waits = |error: &DnsError| matches!(error, DnsError::Temporary(_) | DnsError::Silent(_));
            assert!(matches!(&mx, Ok(Err(error)) if waits(error)), "{manner}: {mx:?}");
            assert!(matches!(&addresses, Ok(Err(error)) if waits(error)), "{manner}: {addresses:?}");
            let is_silent = matches!(&mx, Ok(Err(DnsError::Silent(_))));
            assert!(is_silent || manner != "silent", "{mx:?}");
            assert!(!is_silent || manner != "a referral", "{mx:?}");
            assert_eq!(format!("{mx:?}{addresses:?}").contains("recurse"), manner == "a referral", "{manner}: {mx:?}");
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
}
