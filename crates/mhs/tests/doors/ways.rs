//! Other ways than to the MX: a smart host that wants to know who we are, stores that speak LMTP, and where connections
//! come from.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use envelope::{Domain, Outcome, Recipient};
use journal::Event;
use mhs::limits::{OUTBOUND_OPENING_EACH, OUTBOUND_OPENING_PATIENCE};
use mhs::mta::outbound::tls::TlsPolicy;
use mhs::mta::outbound::{Batch, Connections, Host, Place, Settings, Target, deliver};
use mhs::route::{Credentials, Options, Protocol, Route, Sources, Table, To};
use net::{Resolver, Roots};

use crate::office::{Office, Terminal, address};
use crate::outbound::{LETTER, batch, connections, settings, words};
use crate::peer::{Peer, willing};
use crate::web::{Authority, Like};

/// One that believes the certificate of the office in this folder.
fn trusting(folder: &Path) -> Connections {
    let roots = Roots::none().with_file(&folder.join("chain.pem")).unwrap();
    let resolver = Resolver::named("127.0.0.1:9".parse().unwrap()).unwrap();
    Connections::new(Arc::new(Settings::new("patras.test", resolver, &roots)))
}

fn host(name: &str, place: Place) -> Host {
    Host { name: name.to_owned(), place, mx_of: None }
}

fn smart_host(name: &str, at: SocketAddr, protocol: Protocol, user: &str, password_file: PathBuf) -> Target {
    Target {
        protocol,
        credentials: Some(Credentials { user: user.to_owned(), password_file }),
        ..Target::plain("smtp:relay.test:587", vec![host(name, Place::Tcp(at))])
    }
}

fn lmtp(hosts: Vec<Host>) -> Target {
    Target { protocol: Protocol::Lmtp, ..Target::plain("lmtp:store.test", hosts) }
}

/// To a mailbox that the smart host has, so that it is seen to arrive.
async fn to_anna(from: &Office) -> Batch {
    let anna = Recipient { address: address("anna@athens.test"), notify: None, original: None };
    Batch { recipients: vec![anna], ..batch(from, &["x@patras.test"], LETTER).await }
}

#[tokio::test]
async fn a_smart_host_lets_us_in_by_name_and_password() {
    let folder = tempfile::tempdir().unwrap();
    let (athens, relay) = (Office::open().await, Office::open_in(folder.path(), |_| {}).await);
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\nnot this line\n").unwrap();
    let connections = trusting(folder.path());
    for (number, (at, protocol)) in
        [(relay.submission, Protocol::Smtp), (relay.submissions, Protocol::Smtps)].into_iter().enumerate()
    {
        let target = smart_host("mx.athens.test", at, protocol, "anna@athens.test", password.clone());
        for again in 1..=2 {
            let attempted = deliver(&athens.context, &connections, &target, &to_anna(&athens).await).await;
            assert_eq!(words(&attempted), ["D250"], "{attempted:?}");
            assert_eq!(relay.letters("anna@athens.test", "INBOX").await.len(), 2 * number + again);
        }
        let signed_in = relay.events("signed-in");
        assert_eq!(signed_in.len(), number + 1, "the second letter needs no new connection: {signed_in:?}");
        let Event::SignedIn { mechanism, .. } = &signed_in[number] else { unreachable!() };
        assert_eq!(mechanism, "SCRAM-SHA-256-PLUS");
        let attempts = athens.events("attempt");
        let Some(Event::Attempt { tls, .. }) = attempts.last() else { unreachable!() };
        assert!(tls.as_ref().is_some_and(|tls| tls.contains(" verified")), "{tls:?}");
    }
    // Nobody else's letters go on a connection that anna signed in on.
    let other = smart_host("mx.athens.test", relay.submission, Protocol::Smtp, "kostas@athens.test", password);
    assert_eq!(relay.events("connected").len(), 2);
    deliver(&athens.context, &connections, &other, &to_anna(&athens).await).await;
    assert_eq!(relay.events("connected").len(), 3);
}

#[tokio::test]
async fn a_smart_host_that_is_another_or_does_not_know_us_costs_no_letter() {
    let folder = tempfile::tempdir().unwrap();
    let (athens, relay) = (Office::open().await, Office::open_in(folder.path(), |_| {}).await);
    let (right, wrong, none) = (folder.path().join("right"), folder.path().join("wrong"), folder.path().join("none"));
    std::fs::write(&right, "secret").unwrap();
    std::fs::write(&wrong, "guess").unwrap();
    let connections = trusting(folder.path());
    let plain = Peer::start(|_, line| willing(line)).await;
    let anna = "anna@athens.test";
    for (target, status, wanted) in [
        (
            smart_host("mx.athens.test", relay.submission, Protocol::Smtp, anna, wrong),
            "4.7.0",
            "our relay could not be used",
        ),
        (
            smart_host("mx.athens.test", relay.submission, Protocol::Smtp, anna, none),
            "4.7.0",
            "our relay could not be used",
        ),
        // A certificate for another name: the password stays at home.
        (smart_host("other.test", relay.submission, Protocol::Smtp, anna, right.clone()), "4.7.5", "other.test"),
        (smart_host("other.test", relay.submissions, Protocol::Smtps, anna, right.clone()), "4.7.5", "other.test"),
        (smart_host("plain.test", plain.address, Protocol::Smtp, anna, right.clone()), "4.7.10", "TLS is required"),
    ] {
        let attempted = deliver(&athens.context, &connections, &target, &to_anna(&athens).await).await;
        let reply = attempted.site_down.unwrap();
        assert_eq!(reply.enhanced.unwrap().to_string(), status, "{reply}");
        assert!(reply.text.contains(wanted) && reply.is_transient(), "{reply}");
        assert!(!reply.text.contains("secret") && !reply.text.contains("guess"), "{reply}");
    }
    assert!(!plain.heard().iter().any(|line| line.contains("AUTH")), "{:?}", plain.heard());
    let refused = athens.events("sign-in-refused");
    assert_eq!(refused.len(), 2, "{refused:?}");
    for (refused, wanted) in refused.iter().zip(["535 5.7.8", "cannot be read"]) {
        let Event::SignInRefused { reason, .. } = refused else { unreachable!() };
        assert!(reason.contains(wanted), "{reason}");
    }
    assert!(relay.letters(anna, "INBOX").await.is_empty());
}

#[tokio::test]
async fn a_password_is_shown_only_to_whom_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let athens = Office::open().await;
    let password = folder.path().join("password");
    std::fs::write(&password, "secret").unwrap();
    // It wants the password itself, in the clear. An operator who allows that still gives it to nobody.
    let greedy = Peer::start(|_, line| match line.get(..4).unwrap_or(line) {
        "EHLO" => Some("250-hello\r\n250 AUTH PLAIN LOGIN"),
        _ => willing(line),
    })
    .await;
    for tls in [TlsPolicy::Opportunistic, TlsPolicy::Never] {
        let target = smart_host("greedy.test", greedy.address, Protocol::Smtp, "anna", password.clone());
        let target = Target { tls: Some(tls), ..target };
        let attempted = deliver(&athens.context, &connections(), &target, &to_anna(&athens).await).await;
        let reply = attempted.site_down.unwrap();
        assert_eq!(reply.to_string(), "451 4.7.0 our relay could not be used");
        let dialogue = attempted.dialogue.unwrap();
        assert!(dialogue.contains("over verified TLS only"), "{dialogue}");
    }
    assert!(!greedy.heard().iter().any(|line| line.contains("AUTH")), "{:?}", greedy.heard());
}

/// Says what it heard, as some do who want to be of help.
fn chatty(_: usize, line: &str) -> Option<&'static str> {
    match line {
        line if line.starts_with("EHLO") => Some("250-hello\r\n250 AUTH PLAIN"),
        line if line.starts_with("AUTH") => {
            Some("535 5.7.8 you said AUTH PLAIN AHJlbGF5dXNlcgBzZXNhbWUgb3Blbg== and that is :relayuser:sesame open")
        }
        _ => willing(line),
    }
}

#[tokio::test]
async fn a_relay_that_repeats_our_password_tells_it_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let athens = Office::open().await;
    let password = folder.path().join("password");
    std::fs::write(&password, "sesame open").unwrap();
    let peer = Peer::start_secured(Authority::new().acceptor(&["relay.test"], Like::Right), chatty).await;
    let target = smart_host("relay.test", peer.address, Protocol::Smtps, "relayuser", password);
    let target = Target { tls: Some(TlsPolicy::Required), ..target };
    let attempted = deliver(&athens.context, &connections(), &target, &to_anna(&athens).await).await;
    assert!(peer.heard().iter().any(|line| line.contains("AUTH PLAIN AHJlbGF5")), "{:?}", peer.heard());
    let [Outcome::Deferred(reply)] = attempted.outcomes.as_slice() else { panic!("{attempted:?}") };
    assert_eq!(reply.to_string(), "451 4.7.0 our relay could not be used");
    assert_eq!(attempted.said, [None]);
    assert!(attempted.dialogue.as_ref().unwrap().contains("S: 535 5.7.8 (masked)"), "{attempted:?}");
    let all = format!("{attempted:?} {:?}", athens.events("sign-in-refused"));
    let all = all + &format!("{:?} {:?}", athens.events("disconnected"), athens.events("attempt"));
    assert!(all.contains("SignInRefused") && all.contains("535 5.7.8"), "{all}");
    for secret in ["sesame", "AHJlbGF5", "c2VzYW1l"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}

/// A store that takes some.
fn store(_: usize, line: &str) -> Option<&'static str> {
    match line {
        "RCPT TO:<nobody@patras.test>" => Some("550 5.1.1 nobody"),
        "." => Some("250 2.0.0 taken\r\n552 5.2.2 the mailbox is full\r\n451 4.3.0 in a while"),
        line if line.starts_with("EHLO") => Some("500 5.5.1 this is LMTP"),
        _ => willing(line),
    }
}

#[tokio::test]
async fn a_store_answers_for_each_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lmtp");
    let athens = Office::open().await;
    let (by_tcp, by_socket) = (Peer::start(store).await, Peer::start_at(&socket, store).await);
    let to = ["a@patras.test", "b@patras.test", "c@patras.test", "nobody@patras.test"];
    let in_order = to.map(|name| Recipient { address: address(name), notify: None, original: None });
    let connections = connections();
    for (peer, place) in [(&by_tcp, Place::Tcp(by_tcp.address)), (&by_socket, Place::Unix(socket.clone()))] {
        let target = lmtp(vec![host("store.test", place)]);
        for number in 1..=2 {
            let batch = Batch { recipients: in_order.to_vec(), ..batch(&athens, &to, LETTER).await };
            let attempted = deliver(&athens.context, &connections, &target, &batch).await;
            assert_eq!(words(&attempted), ["D250", "F552", "L451", "F550"], "{attempted:?}");
            assert_eq!(peer.bodies.lock().unwrap().len(), number);
        }
        // One connection for both letters.
        assert_eq!(peer.heard().iter().filter(|line| line.contains("LHLO athens.test")).count(), 1);
    }
    let events = athens.events("connected");
    let Some(Event::Connected { path, .. }) = events.last() else { unreachable!() };
    assert_eq!(path.as_deref(), socket.to_str());
    let attempts = athens.events("attempt");
    let Some(Event::Attempt { host, ip, .. }) = attempts.last() else { unreachable!() };
    assert_eq!((host.as_str(), *ip), ("store.test", None));
}

#[tokio::test]
async fn a_store_that_goes_away_answers_for_whom_it_did() {
    let athens = Office::open().await;
    let peer = Peer::start(|_, line| match line {
        "." => Some("250 2.0.0 taken\r\n421 4.3.2 going down"),
        _ => willing(line),
    })
    .await;
    let to = ["a@patras.test", "b@patras.test"];
    let in_order = to.map(|name| Recipient { address: address(name), notify: None, original: None });
    let batch = Batch { recipients: in_order.to_vec(), ..batch(&athens, &to, LETTER).await };
    let other = Peer::start(|_, line| willing(line)).await;
    let hosts = [&peer, &other].map(|peer| host("store.test", Place::Tcp(peer.address)));
    let attempted = deliver(&athens.context, &connections(), &lmtp(hosts.to_vec()), &batch).await;
    // The second may have it: nobody else is asked.
    assert_eq!(words(&attempted), ["D250", "L421"]);
    assert!(other.heard().is_empty());
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let athens = Office::open().await;
    let target = lmtp(vec![host("/run/lmtp", Place::Unix(folder.path().join("lmtp")))]);
    let attempted =
        deliver(&athens.context, &connections(), &target, &batch(&athens, &["x@patras.test"], LETTER).await).await;
    let reply = attempted.site_down.unwrap();
    // Where it is on this machine is for the journal, not for the sender.
    assert!(reply.to_string().starts_with("451 4.4.1 no connection to localhost: "), "{reply}");
    assert!(reply.text.contains("No such file"), "{reply}");
}

#[tokio::test]
async fn connections_come_from_the_address_that_the_route_names() {
    let athens = Office::open().await;
    let peer = Peer::start(|_, line| willing(line)).await;
    let connections = connections();
    let hosts = vec![host("mx.patras.test", Place::Tcp(peer.address))];
    for source in ["127.0.0.9", "127.0.0.10", "::1"] {
        let sources = Sources::new([source.parse().unwrap()]).unwrap();
        let target = Target { sources, ..Target::plain("patras.test", hosts.clone()) };
        for _ in 0..2 {
            let batch = batch(&athens, &["x@patras.test"], LETTER).await;
            assert_eq!(words(&deliver(&athens.context, &connections, &target, &batch).await), ["D250"]);
        }
    }
    let from: Vec<String> = athens
        .events("connected")
        .iter()
        .map(|event| match event {
            Event::Connected { local, .. } => local.ip().to_string(),
            _ => String::new(),
        })
        .collect();
    // For the other family the machine chooses; each is used again by its own route only.
    assert_eq!(from, ["127.0.0.9", "127.0.0.10", "127.0.0.1"]);
}

#[tokio::test]
async fn an_address_that_answers_nothing_is_tried_last_the_next_time() {
    let athens = Office::open().await;
    let peer = Peer::start(|_, line| willing(line)).await;
    // An address of documentation: nobody ever answers there; where the network says so at once, the next one is asked all the same.
    let black_hole: SocketAddr = "192.0.2.1:25".parse().unwrap();
    let hosts = vec![host("dark.test", Place::Tcp(black_hole)), host("mx.test", Place::Tcp(peer.address))];
    let own = Settings { connect_patience: std::time::Duration::from_millis(200), ..settings(TlsPolicy::Never) };
    let connections = Connections::new(Arc::new(own));
    for tls in [TlsPolicy::Never, TlsPolicy::Opportunistic] {
        let target = Target { tls: Some(tls), ..Target::plain("patras.test", hosts.clone()) };
        let batch = batch(&athens, &["x@patras.test"], LETTER).await;
        let attempted = deliver(&athens.context, &connections, &target, &batch).await;
        assert_eq!((words(&attempted), attempted.host.as_deref()), (vec!["D250".to_owned()], Some("mx.test")));
    }
}

#[tokio::test]
async fn a_backup_host_takes_mail_for_its_domains_and_no_others() {
    let athens = Office::open_with(|settings| {
        let domains = ["backup.test", ".below.test"].map(|text| text.parse().unwrap());
        settings.relay_domains = directory::DomainSet::new(domains.to_vec());
        let closed = Route {
            domains: directory::DomainSet::new(vec!["closed.below.test".parse().unwrap()]),
            senders: Vec::new(),
            to: To::parse(["reject:5.1.2 closed for good"]).unwrap(),
            options: Options::default(),
        };
        settings.routes = Arc::new(Table::new(vec![closed]));
    })
    .await;
    let mut stranger = Terminal::connect(athens.smtp).await;
    assert!(stranger.ask("EHLO client.test").await.starts_with("250"));
    assert!(stranger.ask("MAIL FROM:<x@else.test>").await.starts_with("250"));
    for (to, wanted) in [
        ("anybody@backup.test", "250 2.1.5"),
        ("anybody@a.below.test", "250 2.1.5"),
        ("anybody@closed.below.test", "550 5.1.2 closed for good"),
        ("anybody@below.test", "550 5.7.1"),
        ("anybody@else.test", "550 5.7.1"),
        ("anybody@[192.0.2.9]", "550 5.7.1"),
        ("nobody@athens.test", "550 5.1.1"),
    ] {
        let reply = stranger.ask(&format!("RCPT TO:<{to}>")).await;
        assert!(reply.starts_with(wanted), "{to}: {reply}");
    }
    assert!(stranger.ask("DATA").await.starts_with("354"));
    assert!(stranger.ask("Subject: x\r\n\r\nx\r\n.").await.starts_with("250"));
    let queued: Vec<_> = athens.events("queued");
    assert_eq!(queued.len(), 2, "{queued:?}");
}

/// Any number of domains may lead to one address that accepts connections and says nothing: some wait for it, the others
/// go on without, and another address has its letter meanwhile.
#[tokio::test]
async fn an_address_that_says_nothing_has_only_so_many_waiting() {
    let athens = Arc::new(Office::open().await);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let connections = connections();
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..OUTBOUND_OPENING_EACH + 5 {
        let (athens, connections, ended) = (athens.clone(), connections.clone(), ended.clone());
        let domain = format!("hole{number}.test");
        let mx_of = Some(Domain::parse(&domain).unwrap());
        let target = Target::plain(domain, vec![Host { mx_of, ..host("hole.test", Place::Tcp(at)) }]);
        let letter = batch(&athens, &["x@patras.test"], LETTER).await;
        attempts.spawn(async move {
            let attempted = deliver(&athens.context, &connections, &target, &letter).await;
            ended.send(attempted.site_down.unwrap()).unwrap();
        });
    }
    let good = Peer::start(|_, line| willing(line)).await;
    let patras = Target::plain("patras.test", vec![host("patras.test", Place::Tcp(good.address))]);
    let letter = batch(&athens, &["x@patras.test"], LETTER).await;
    assert_eq!(words(&deliver(&athens.context, &connections, &patras, &letter).await), ["D250"]);
    for _ in 0..5 {
        let reply = tokio::time::timeout(OUTBOUND_OPENING_PATIENCE * 3, ends.recv()).await.unwrap().unwrap();
        assert_eq!((reply.code, reply.enhanced.unwrap().to_string().as_str()), (451, "4.4.1"), "{reply}");
    }
    assert!(ends.try_recv().is_err(), "the others have five minutes, while nobody wants their places");
}
