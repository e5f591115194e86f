//! LMTP: what another server has received for us (RFC 2033).

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use journal::Event;
use mhs::mta::inbound::Inbound;
use net::{Connections, Door, Incoming, Listener, UnixListener};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::office::{Office, Terminal, address};

#[tokio::test]
async fn each_recipient_has_his_own_reply() {
    let office = Office::open().await;
    let directory = &office.context.directory;
    directory.add_alias(&"out@athens.test".parse().unwrap(), &[address("o@far.test")]).await.unwrap();
    let mut client = Terminal::connect(office.lmtp).await;
    assert!(client.ask("EHLO front.test").await.starts_with("500 5.5.1"), "LMTP says LHLO");
    assert!(client.ask("LHLO front.test").await.starts_with("250"));
    assert!(client.ask("MAIL FROM:<joe@patras.test>").await.starts_with("250"));
    for (to, answer) in [
        ("anna@athens.test", "250"),
        ("out@athens.test", "250"),
        ("nobody@athens.test", "550 5.1.1"),
        ("somebody@far.test", "550 5.7.1"),
        ("kostas@athens.test", "250"),
    ] {
        let reply = client.ask(&format!("RCPT TO:<{to}>")).await;
        assert!(reply.starts_with(answer), "{to}: {reply}");
    }
    assert!(client.ask("DATA").await.starts_with("354"));
    client.say("Delivered-To: out@athens.test\r\nSubject: s\r\n\r\ntext\r\n").await;
    let replies = [client.ask(".").await, client.reply().await, client.reply().await];
    assert!(replies[0].starts_with("250 2.1.5") && replies[2].starts_with("250 2.1.5"), "{replies:?}");
    assert!(replies[1].starts_with("554 5.4.6"), "the circle of one does not concern the others: {replies:?}");
    for who in ["anna@athens.test", "kostas@athens.test"] {
        let letters = office.letters(who, "INBOX").await;
        assert!(letters[0].starts_with("Return-Path: <joe@patras.test>\r\n"), "{letters:?}");
        assert!(letters[0].contains("with LMTP\r\n"), "{letters:?}");
    }
    assert!(office.events("notified").is_empty(), "the server in front tells");
    // With nothing left for anybody, each is told.
    assert!(client.ask("MAIL FROM:<joe@patras.test>").await.starts_with("250"));
    assert!(client.ask("RCPT TO:<out@athens.test>").await.starts_with("250"));
    assert!(client.ask("DATA").await.starts_with("354"));
    client.say("Delivered-To: out@athens.test\r\n\r\n").await;
    assert!(client.ask(".").await.starts_with("554 5.4.6"));
    assert!(client.ask("QUIT").await.starts_with("221"));
}

#[tokio::test]
async fn forwards_go_out_from_there_as_from_anywhere() {
    let office = Office::open().await;
    office.context.directory.set_forward(&address("anna@athens.test"), &[address("a@far.test")], true).await.unwrap();
    let mut client = Terminal::connect(office.lmtp).await;
    assert!(client.ask("LHLO front.test").await.starts_with("250"));
    assert!(client.ask("MAIL FROM:<joe@patras.test>").await.starts_with("250"));
    assert!(client.ask("RCPT TO:<anna@athens.test>").await.starts_with("250"));
    assert!(client.ask("DATA").await.starts_with("354"));
    assert!(client.ask(".").await.starts_with("250"));
    let rows = office.context.queue.list(queue::Filter::default(), 10, net::clock::now()).await.unwrap();
    assert!(rows[0].mail.reverse_path.to_string().starts_with("SRS0="), "{rows:?}");
    assert_eq!(office.letters("anna@athens.test", "INBOX").await.len(), 1);
}

#[tokio::test]
async fn by_a_unix_socket() {
    let office = Office::open().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp");
    // What a program that was killed left behind is replaced; what answers, or is no socket, is not.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = UnixListener::bind(&path, 0o600).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let error = UnixListener::bind(&path, 0o600).err().unwrap().to_string();
    assert!(error.contains("another program listens"), "{error}");
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let error = UnixListener::bind(&file, 0o600).err().unwrap().to_string();
    assert!(error.contains("something else"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");

    let shutdown = office.context.shutdown.clone();
    let places = Connections::new(10, 1, |_| false);
    let running = tokio::spawn(listener.run(places, shutdown.clone(), Inbound::lmtp(&office.context)));
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(UnixStream::connect(&path).await.unwrap());
    }
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let talk = "LHLO front.test\r\nMAIL FROM:<joe@patras.test>\r\nRCPT TO:<anna@athens.test>\r\nDATA\r\nSubject: s\r\n\r\n.\r\nQUIT\r\n";
    stream.write_all(talk.as_bytes()).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert!(heard.starts_with("220 mx.athens.test LMTP") && heard.contains("\r\n250 2.1.5"), "{heard}");
    let letters = office.letters("anna@athens.test", "INBOX").await;
    assert!(letters[0].contains("Received: from front.test\r\n\tby mx.athens.test with LMTP"), "{letters:?}");
    drop(others);
    shutdown.begin();
    running.await.unwrap().unwrap();
    assert!(!path.exists(), "the socket goes with the server");
}

/// A door that takes whoever comes for somebody at another address: on one machine all come from loopback.
struct From(IpAddr, Arc<Inbound>);

impl Door for From {
    async fn serve(self: Arc<Self>, incoming: Incoming) {
        let peer = SocketAddr::new(self.0, incoming.peer.port());
        Arc::clone(&self.1).serve(Incoming { peer, ..incoming }).await;
    }
}

#[tokio::test]
async fn only_those_who_are_named_come_in() {
    let office = Office::open_with(|settings| {
        settings.lmtp_networks = directory::TrustedNetworks::parse(["192.0.2.0/24", "2001:db8::/48"]).unwrap();
    });
    let office = office.await;
    let mut client = Terminal::connect(office.lmtp).await;
    assert!(client.ask("LHLO front.test").await.starts_with("250"), "loopback comes in, whatever is named");
    for (peer, comes_in) in [
        ("192.0.2.9", true),
        ("::ffff:192.0.2.9", true),
        ("2001:db8::9", true),
        ("192.0.3.9", false),
        ("::ffff:192.0.3.9", false),
        ("2001:db8:1::9", false),
        ("10.0.0.1", false),
    ] {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local();
        let door = Arc::new(From(peer.parse().unwrap(), Inbound::lmtp(&office.context)));
        tokio::spawn(listener.run(Connections::new(9, 9, |_| false), office.context.shutdown.clone(), door));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"LHLO front.test\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n").await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        match comes_in {
            true => assert!(heard.starts_with("220 ") && heard.contains("\r\n250 2.1.0"), "{peer}: {heard}"),
            false => assert!(heard.starts_with("554 5.7.1") && !heard.contains("250"), "{peer}: {heard}"),
        }
    }
    let refused = office.events("rejected");
    let Event::Rejected { phase, subject, .. } = &refused[0] else { unreachable!() };
    assert_eq!((refused.len(), phase.as_str(), subject.as_str()), (4, "CONNECT", "[192.0.3.9]"));
}
