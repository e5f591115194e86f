//! HTTPS against a real server with a certificate of an authority of the test's own.

mod web;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use envelope::Domain;
use hickory_proto::rr::rdata::{A, SOA};
use hickory_proto::rr::{Name, RData, Record};
use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use net::{Https, HttpsAnswer, HttpsError, Resolver};
use tokio::net::{TcpListener, UdpSocket};
use web::{Authority, Like, Web, answer};

const HOST: &str = "mta-sts.patras.test";

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

/// A name server that has one host, at loopback.
async fn nameserver() -> (Server<Catalog>, Resolver) {
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
        InMemoryZoneHandler::empty(name("test."), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(name("ns.test."), name("root.test."), 1, 60, 60, 60, 60);
    zone.upsert_mut(Record::from_rdata(name("test."), 60, RData::SOA(soa)), 0);
    zone.upsert_mut(Record::from_rdata(name(&format!("{HOST}.")), 60, RData::A(A(Ipv4Addr::LOCALHOST))), 0);
    let mut catalog = Catalog::new();
    catalog.upsert(name("test.").into(), vec![Arc::new(zone)]);
    let mut server = Server::new(catalog);
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let resolver = Resolver::named(udp.local_addr().unwrap()).unwrap();
    server.register_socket(udp);
    (server, resolver)
}

struct World {
    _dns: Server<Catalog>,
    web: Web,
    https: Https,
}

async fn world(names: &[&str], like: Like, says: Vec<u8>) -> World {
    let (dns, resolver) = nameserver().await;
    let authority = Authority::new();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let web = Web::start(any, authority.acceptor(names, like), says).await;
    World { _dns: dns, web, https: Https::new(resolver, &authority.roots()) }
}

impl World {
    async fn get(&self) -> Result<HttpsAnswer, HttpsError> {
        self.https.get(&domain(HOST), self.web.at.port(), "/.well-known/mta-sts.txt", 100).await
    }
}

#[tokio::test]
async fn a_text_is_fetched() {
    let world = world(&[HOST], Like::Right, answer("200 OK", "Text/Plain; charset=utf-8", "version: STSv1\n")).await;
    let fetched = world.get().await.unwrap();
    let expected = HttpsAnswer { status: 200, media_type: "text/plain".into(), body: "version: STSv1\n".into() };
    assert_eq!(fetched, expected);
    let (head, _) = world.web.requests.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {HOST}:{}\r\n", world.web.at.port())), "{head}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let says = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec();
    let world = world(&[HOST], Like::Right, says).await;
    assert_eq!(world.get().await.unwrap().status, 302);
    assert_eq!(world.web.asked(), 1);
}

#[tokio::test]
async fn only_its_own_certificate_will_do() {
    for (names, like) in [
        (&["patras.test"][..], Like::Right),
        (&["*.mta-sts.patras.test"], Like::Right),
        (&[HOST], Like::Expired),
        (&[HOST], Like::SelfSigned),
    ] {
        let world = world(names, like, answer("200 OK", "text/plain", "x")).await;
        let refused = world.get().await;
        assert!(matches!(refused, Err(HttpsError::Untrusted(_))), "{names:?} {like:?} {refused:?}");
        assert_eq!(world.web.asked(), 0, "{names:?} {like:?}");
    }
    let world = world(&["*.patras.test"], Like::Right, answer("200 OK", "text/plain", "x")).await;
    assert_eq!(world.get().await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_too_long_or_broken_is_cut_off() {
    let long = "x".repeat(101);
    let chunk = format!("40\r\n{}\r\n", "y".repeat(64));
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    for (says, too_long) in [
        (answer("200 OK", "text/plain", &long), true),
        (chunked.into_bytes(), true),
        (b"220 mail.test ESMTP\r\n".to_vec(), false),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort".to_vec(), false),
        (format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "z".repeat(64 * 1024)).into_bytes(), false),
        (Vec::new(), false),
    ] {
        let world = world(&[HOST], Like::Right, says).await;
        let refused = world.get().await.unwrap_err();
        assert_eq!(matches!(refused, HttpsError::TooLong(100)), too_long, "{refused:?}");
        assert!(too_long || matches!(refused, HttpsError::Http(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn nobody_there() {
    let world = world(&[HOST], Like::Right, Vec::new()).await;
    let port = world.web.at.port();
    let https = world.https.clone();
    let unknown = https.get(&domain("nowhere.test"), port, "/", 100).await;
    assert!(matches!(unknown, Err(HttpsError::Dns(_))), "{unknown:?}");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let closed = https.get(&domain(HOST), free, "/", 100).await;
    assert!(matches!(closed, Err(HttpsError::Connect(_))), "{closed:?}");
}

#[tokio::test]
async fn a_report_is_handed_in() {
    let world = world(&[HOST], Like::Right, answer("201 Created", "text/plain", "thanks")).await;
    let content = ("application/tlsrpt+gzip", Bytes::from_static(b"\x1f\x8bxyz"));
    let answer = world.https.post(&domain(HOST), world.web.at.port(), "/v1?x=1", content, 1000).await.unwrap();
    assert_eq!(answer.status, 201);
    let (head, body) = world.web.requests.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/tlsrpt+gzip\r\n") && head.contains("content-length: 5\r\n"),
        "{head}"
    );
    assert_eq!(body, b"\x1f\x8bxyz");
}
