//! Letters to the next hop: a willing one, and all kinds of others.

use std::sync::Arc;
use std::time::Duration;

use directory::RelayAllowed;
use envelope::{Outcome, Recipient, ReversePath};
use journal::{Event, Service};
use mhs::msa::post::{Post, post};
use mhs::mta::outbound::tls::TlsPolicy;
use mhs::mta::outbound::{Attempted, Batch, Connections, Host, Leases, Place, Settings, Target, deliver};
use net::{Resolver, Roots, clock};

use crate::office::{Office, address};
use crate::peer::{Peer, willing};

pub(crate) fn settings(tls: TlsPolicy) -> Settings {
    let resolver = Resolver::named("127.0.0.1:9".parse().unwrap()).unwrap();
    Settings { tls, ..Settings::new("athens.test", resolver, &Roots::none()) }
}

pub(crate) fn connections() -> Connections {
    Connections::new(Arc::new(settings(TlsPolicy::Opportunistic)))
}

fn target(hosts: &[std::net::SocketAddr]) -> Target {
    let host = |(number, address): (usize, &std::net::SocketAddr)| Host {
        name: format!("mx{}.patras.test", number + 1),
        place: Place::Tcp(*address),
        mx_of: None,
    };
    Target::plain("patras.test", hosts.iter().enumerate().map(host).collect())
}

/// A free port that nobody listens on.
pub(crate) fn nobody() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A desk with room for everybody.
struct Roomy;

impl queue::Desk for Roomy {
    fn destination(&self, _: &ReversePath, recipient: &envelope::Address) -> String {
        recipient.host().to_string()
    }

    fn room(&self, _: &str, _: queue::Lane, wanted: usize, _: bool) -> usize {
        wanted
    }

    fn hand_over(&self, _: Vec<queue::Claim>, _: std::time::Duration) {}

    fn give_up(&self, _: &str, _: queue::Lane, _: usize) {}

    fn terms(&self) -> queue::Terms {
        queue::Terms { lease: Duration::from_secs(60), patience: queue::Backoff::default() }
    }
}

/// Queues a letter at athens and takes it out again.
pub(crate) async fn batch(athens: &Office, to: &[&str], message: &'static str) -> Batch {
    let recipient = |name: &&str| Recipient { address: address(name), notify: None, original: None };
    let letter = Post {
        reverse_path: ReversePath::Address(address("anna@athens.test")),
        recipients: to.iter().map(recipient).collect(),
        allowed: RelayAllowed::for_operator(),
        service: Service::Local,
        message: message.into(),
        complete: true,
        smtputf8: false,
        require_tls: envelope::RequireTls::Unsaid,
    };
    post(&athens.context, letter).await.unwrap();
    let desk = Arc::new(Roomy);
    athens.context.queue.attach(desk.clone());
    let claims = athens.context.queue.claim_due(clock::now(), 100).await.unwrap().claims;
    athens.context.queue.detach(&desk);
    let recipients = claims.iter().map(|claim| Recipient {
        address: claim.address.clone(),
        notify: claim.notify,
        original: claim.original.clone(),
    });
    Batch { mail: claims[0].mail.clone(), recipients: recipients.collect(), leases: Leases::default() }
}

/// `D250`, `F550`, `L451`: delivered, failed, later, and the code.
pub(crate) fn words(attempted: &Attempted) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Delivered(reply) => format!("D{}", reply.code),
        Outcome::Failed(reply) => format!("F{}", reply.code),
        Outcome::Deferred(reply) => format!("L{}", reply.code),
    };
    attempted.outcomes.iter().map(word).collect()
}

pub(crate) const LETTER: &str = "From: anna@athens.test\r\nSubject: hello\r\n\r\n.dots\r\nHello\r\n";

#[tokio::test]
async fn from_office_to_office() {
    let (athens, other) = (Office::open().await, Office::open().await);
    let connections = connections();
    let target = target(&[nobody(), other.smtp]);
    for number in 1..=3 {
        // The other office has the same domain, so the letter is not "foreign" there; here it is posted as such.
        let batch = Batch {
            recipients: ["kostas@athens.test", "nobody@athens.test"]
                .map(|name| Recipient { address: address(name), notify: None, original: None })
                .to_vec(),
            ..batch(&athens, &["x@patras.test", "anna@athens.test"], LETTER).await
        };
        let attempted = deliver(&athens.context, &connections, &target, &batch).await;
        assert_eq!(words(&attempted), ["D250", "F550"]);
        assert_eq!(attempted.host.as_deref(), Some("mx2.patras.test"));
        assert!(attempted.dsn_offered && attempted.site_down.is_none());
        let letters = other.letters("kostas@athens.test", "INBOX").await;
        assert_eq!(letters.len(), number);
        let letter = &letters[0];
        // Our Return-Path stayed at home; theirs is there once.
        assert_eq!(letter.matches("Return-Path: ").count(), 1, "{letter}");
        assert!(letter.contains("with ESMTPS (TLSv1.3") && letter.ends_with(LETTER), "{letter}");
    }
    // One connection carried them all.
    let connected = other.events("connected");
    assert_eq!(connected.len(), 1, "{connected:?}");
    let attempts = athens.events("attempt");
    let Event::Attempt { host, tls, .. } = &attempts[2] else { unreachable!() };
    assert_eq!(host, "mx2.patras.test");
    assert_eq!(tls.as_deref(), Some("TLSv1.3 TLS_AES_256_GCM_SHA384 unverified"));
    connections.close().await;
    assert!(other.context.shutdown.drained(Duration::from_secs(60)).await);
    let Event::Disconnected { reason, .. } = &other.events("disconnected")[0] else { unreachable!() };
    assert_eq!(reason, "quit");
}

#[tokio::test]
async fn nobody_there() {
    let athens = Office::open().await;
    let batch = batch(&athens, &["x@patras.test", "y@patras.test"], LETTER).await;
    let rude = Peer::start(|_, _| Some("554 go away")).await;
    let attempted = deliver(&athens.context, &connections(), &target(&[nobody(), rude.address]), &batch).await;
    assert_eq!(words(&attempted), ["L451", "L451"]);
    let reply = attempted.site_down.unwrap();
    assert!(reply.text.contains("554 go away"), "{reply}");
    assert!(athens.events("attempt").is_empty(), "the caller tells");
}

#[tokio::test]
async fn the_next_host_is_asked() {
    let athens = Office::open().await;
    let scripts: [fn(usize, &str) -> Option<&'static str>; 6] = [
        |_, _| Some("421 busy"),
        |_, _| None,
        |_, line| if line.starts_with("EHLO") { Some("421 busy") } else { willing(line) },
        |_, line| if line.starts_with("MAIL") { Some("421 busy") } else { willing(line) },
        |_, line| if line == "DATA" { None } else { willing(line) },
        |_, line| if line.starts_with("RCPT") { Some("rubbish") } else { willing(line) },
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let (first, second) = (Peer::start(script).await, Peer::start(|_, line| willing(line)).await);
        let batch = batch(&athens, &["x@patras.test"], LETTER).await;
        let attempted =
            deliver(&athens.context, &connections(), &target(&[first.address, second.address]), &batch).await;
        assert_eq!(words(&attempted), ["D250"], "script {number}");
        let bodies = second.bodies.lock().unwrap().clone();
        assert!(bodies[0].starts_with("Received: from localhost\r\n"), "{bodies:?}");
        assert!(bodies[0].ends_with("\r\n\r\n..dots\r\nHello\r\n"), "{bodies:?}");
    }
}

#[tokio::test]
async fn a_letter_that_may_have_arrived_goes_nowhere_else() {
    let athens = Office::open().await;
    let first = Peer::start(|_, line| if line == "." { None } else { willing(line) }).await;
    let second = Peer::start(|_, line| willing(line)).await;
    let batch = batch(&athens, &["x@patras.test"], LETTER).await;
    let attempted = deliver(&athens.context, &connections(), &target(&[first.address, second.address]), &batch).await;
    assert_eq!(words(&attempted), ["L451"]);
    assert!(attempted.site_down.is_none() && second.heard().is_empty());
}

#[tokio::test]
async fn refusals_are_for_whom_they_are() {
    let athens = Office::open().await;
    let peer = Peer::start(|_, line| match line {
        "RCPT TO:<no@patras.test>" => Some("550 5.1.1 no"),
        "RCPT TO:<later@patras.test>" => Some("450 4.2.1 later"),
        _ => willing(line),
    })
    .await;
    let batch = batch(&athens, &["a@patras.test", "later@patras.test", "no@patras.test"], LETTER).await;
    let attempted = deliver(&athens.context, &connections(), &target(&[peer.address, nobody()]), &batch).await;
    let by_name: Vec<String> =
        batch.recipients.iter().zip(words(&attempted)).map(|(to, word)| format!("{} {word}", to.address)).collect();
    assert!(by_name.contains(&"a@patras.test D250".to_owned()), "{by_name:?}");
    assert!(by_name.contains(&"later@patras.test L450".to_owned()), "{by_name:?}");
    assert!(by_name.contains(&"no@patras.test F550".to_owned()), "{by_name:?}");
    assert_eq!(athens.events("attempt").len(), 3);
}

#[tokio::test]
async fn too_many_at_once_go_in_turns() {
    let athens = Office::open().await;
    let one_by_one = Peer::start(|_, line| match line {
        "RCPT TO:<b@patras.test>" | "RCPT TO:<c@patras.test>" => Some("452 4.5.3 one at a time"),
        _ => willing(line),
    })
    .await;
    let batch = batch(&athens, &["a@patras.test", "b@patras.test"], LETTER).await;
    let attempted = deliver(&athens.context, &connections(), &target(&[one_by_one.address]), &batch).await;
    let mut words = words(&attempted);
    words.sort();
    // The first transaction took one; the second took none, so the rest waits.
    assert_eq!(words, ["D250", "L452"]);
    let mails = one_by_one.heard().iter().filter(|line| line.contains("MAIL")).count();
    assert_eq!(mails, 2);
    // A server that says so beforehand is believed.
    let other = Office::open_with(|settings| settings.recipients_max = 1).await;
    let recipients = ["anna@athens.test", "kostas@athens.test"].map(|name| Recipient {
        address: address(name),
        notify: None,
        original: None,
    });
    let batch = Batch { recipients: recipients.to_vec(), ..batch };
    let attempted = deliver(&athens.context, &connections(), &target(&[other.smtp]), &batch).await;
    assert_eq!(self::words(&attempted), ["D250", "D250"]);
    assert_eq!(other.events("rejected").len(), 0);
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_costs_nothing() {
    let athens = Office::open().await;
    let peer = Peer::start(|number, line| match (number, line) {
        // The first connection ends behind its first letter, without a word.
        (1, line) if line.starts_with("RSET") => None,
        (1, line) if line.starts_with("MAIL FROM:<anna@athens.test>") => Some("250 ok"),
        _ => willing(line),
    })
    .await;
    let connections = connections();
    for _ in 0..2 {
        let batch = batch(&athens, &["x@patras.test"], LETTER).await;
        let attempted = deliver(&athens.context, &connections, &target(&[peer.address]), &batch).await;
        assert_eq!(words(&attempted), ["D250"]);
    }
    assert_eq!(peer.heard().iter().filter(|line| line.contains("EHLO")).count(), 1, "used again");
    let forgetful = Peer::start(|number, line| match (number, line) {
        (1, ".") => Some("250 taken, and 421 follows\r\n421 idle"),
        _ => willing(line),
    })
    .await;
    for _ in 0..2 {
        let batch = batch(&athens, &["x@patras.test"], LETTER).await;
        let attempted = deliver(&athens.context, &connections, &target(&[forgetful.address]), &batch).await;
        assert_eq!(words(&attempted), ["D250"]);
    }
}

#[tokio::test]
async fn tls_where_it_can_be_had() {
    let athens = Office::open().await;
    let script: fn(usize, &str) -> Option<&'static str> = |_, line| match line {
        "EHLO athens.test" => Some("250-hello\r\n250 STARTTLS"),
        "STARTTLS" => Some("220 go, but this peer speaks no TLS"),
        _ => willing(line),
    };
    // A broken handshake: in the clear, on a new connection.
    let broken = Peer::start(script).await;
    let batch = batch(&athens, &["x@patras.test"], LETTER).await;
    let attempted = deliver(&athens.context, &connections(), &target(&[broken.address]), &batch).await;
    assert_eq!(words(&attempted), ["D250"]);
    assert!(broken.heard().contains(&"2 MAIL FROM:<anna@athens.test>".to_owned()), "{:?}", broken.heard());
    // Unless it is required: by a word about this way, since for all mail out it does not bind who is next door.
    let strict = |peer: &Peer| Target { tls: Some(TlsPolicy::Required), ..target(&[peer.address]) };
    let attempted = deliver(&athens.context, &connections(), &strict(&broken), &batch).await;
    assert_eq!(words(&attempted), ["L451"]);
    let plain = Peer::start(|_, line| willing(line)).await;
    let attempted = deliver(&athens.context, &connections(), &strict(&plain), &batch).await;
    assert!(attempted.site_down.unwrap().text.starts_with("TLS is required"));
    assert!(!plain.heard().iter().any(|line| line.contains("MAIL")));
    let required = Connections::new(Arc::new(settings(TlsPolicy::Required)));
    let attempted = deliver(&athens.context, &required, &target(&[plain.address]), &batch).await;
    assert_eq!(words(&attempted), ["D250"]);
    // Never is never.
    let never = Connections::new(Arc::new(settings(TlsPolicy::Never)));
    let attempted = deliver(&athens.context, &never, &target(&[broken.address]), &batch).await;
    assert_eq!(words(&attempted), ["D250"]);
}

#[tokio::test]
async fn smtputf8_only_where_it_is_needed() {
    let athens = Office::open().await;
    let peer = Peer::start(|_, line| willing(line)).await;
    for (message, word) in [(LETTER, "D250"), ("Subject: Γειά\r\n\r\nx\r\n", "F550")] {
        let batch = batch(&athens, &["x@patras.test"], message).await;
        let mail = queue::Mail { smtputf8: true, ..(*batch.mail).clone() };
        let batch = Batch { mail: Arc::new(mail), ..batch };
        let attempted = deliver(&athens.context, &connections(), &target(&[peer.address]), &batch).await;
        assert_eq!(words(&attempted), [word]);
    }
}

/// A lease that ends amid a letter: its last line is not said, no other host is asked, and later no host at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_no_longer_ours_is_broken_off() {
    let athens = Office::open().await;
    let slow = Peer::start(|_, line| {
        if line == "DATA" {
            std::thread::sleep(Duration::from_millis(2500));
        }
        willing(line)
    });
    let (slow, other) = (slow.await, Peer::start(|_, line| willing(line)).await);
    let target = target(&[slow.address, other.address]);
    let leases = Leases::until(clock::instant() + Duration::from_secs(2));
    let batch = Batch { leases, ..batch(&athens, &["x@patras.test"], LETTER).await };
    for _ in 0..2 {
        let attempted = deliver(&athens.context, &connections(), &target, &batch).await;
        assert_eq!(words(&attempted), ["L451"]);
        assert_eq!((attempted.back.as_slice(), attempted.broken), ([true].as_slice(), attempted.host.is_some()));
        assert_eq!(attempted.site_down, None);
    }
    assert_eq!(slow.heard().iter().filter(|line| line.ends_with("DATA")).count(), 1);
    assert!(slow.bodies.lock().unwrap().is_empty() && other.heard().is_empty());
}

/// A lease that ends is no finding: not that no host is safe enough for the letter, while some were not asked, nor that
/// the destination is down.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_says_nothing_of_letter_or_destination() {
    let athens = Office::open().await;
    let weak = Peer::start(|_, line| {
        if line.starts_with("EHLO") {
            std::thread::sleep(Duration::from_millis(2500));
        }
        willing(line)
    });
    let (weak, other) = (weak.await, Peer::start(|_, line| willing(line)).await);
    let soon = || Leases::until(clock::instant() + Duration::from_secs(2));
    let demanding = |batch: Batch| {
        let mail = queue::Mail { require_tls: envelope::RequireTls::Demanded, ..(*batch.mail).clone() };
        Batch { mail: Arc::new(mail), leases: soon(), ..batch }
    };
    let waiting = batch(&athens, &["x@patras.test"], LETTER).await;
    for (hosts, batch) in [
        (vec![weak.address, other.address], demanding(waiting.clone())),
        (vec![weak.address], demanding(waiting.clone())),
        (vec![nobody()], Batch { leases: Leases::until(clock::instant()), ..waiting }),
    ] {
        let attempted = deliver(&athens.context, &connections(), &target(&hosts), &batch).await;
        assert_eq!((words(&attempted), attempted.back), (vec!["L451".to_owned()], vec![true]));
        assert_eq!(attempted.site_down, None);
    }
    assert!(other.heard().is_empty());
}
