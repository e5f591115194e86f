//! The driver, TLS and the listener over real sockets, with a small protocol of the test's own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use envelope::{Domain, Host};
use net::{
    CertificateFiles, ClientTls, Connections, Conversation, Dane, Door, Gone, Incoming, Listener, Refused, Roots,
    ServerTls, Shutdown, Stream, TlsFault, Tlsa, Upgrade, Verdict,
};
use protocol::lines::{Line, Lines};
use protocol::{Session, Step, Tls};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// `ECHO x` is an event, `TLS` begins TLS, `BIG n` sends n octets, `QUIT` closes. Both sides speak it.
struct Toy {
    lines: Lines,
    out: Vec<Vec<u8>>,
    close: bool,
    start_tls: bool,
    tls: Option<Tls>,
    patience: Option<Duration>,
    heard: Instant,
    busy: bool,
    ended: bool,
}

impl Toy {
    fn new() -> Self {
        let heard = net::clock::instant();
        Self {
            lines: Lines::new(1000),
            out: Vec::new(),
            close: false,
            start_tls: false,
            tls: None,
            patience: None,
            heard,
            busy: false,
            ended: false,
        }
    }

    fn say(&mut self, text: &str) {
        self.out.push(format!("{text}\r\n").into_bytes());
    }

    fn answered(&mut self) {
        self.busy = false;
    }
}

impl Session for Toy {
    type Event = String;

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.heard = now;
        self.lines.push(bytes);
    }

    fn end_of_input(&mut self) {
        self.ended = true;
        self.close = true;
    }

    fn deadline(&self) -> Option<Instant> {
        self.patience.filter(|_| !self.busy).map(|patience| self.heard + patience)
    }

    fn timeout(&mut self, _now: Instant) {
        self.say("421 too slow");
        self.close = true;
    }

    fn tls_started(&mut self, tls: Tls) {
        self.tls = Some(tls);
    }

    fn next(&mut self) -> Step<String> {
        loop {
            if !self.out.is_empty() {
                return Step::Send(self.out.remove(0));
            }
            if std::mem::take(&mut self.start_tls) {
                return Step::StartTls;
            }
            if self.close {
                return Step::Close;
            }
            if self.busy {
                return Step::NeedInput;
            }
            let Some(Line::Whole(line)) = self.lines.next_line() else { return Step::NeedInput };
            let line = String::from_utf8(line).unwrap();
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("TLS", _) => {
                    self.say("220 go on");
                    self.lines.clear();
                    self.start_tls = true;
                }
                ("220", _) => {
                    self.lines.clear();
                    self.start_tls = true;
                }
                ("BIG", count) => {
                    let count = count.parse().unwrap();
                    self.out.push(vec![b'x'; count]);
                }
                ("QUIT", _) => {
                    self.say("221 bye");
                    self.close = true;
                }
                _ => {
                    self.busy = true;
                    return Step::Event(line);
                }
            }
        }
    }
}

async fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (Stream::plain(server).unwrap(), client)
}

fn certificate(names: &[&str]) -> (tempfile::TempDir, CertificateFiles) {
    let dir = tempfile::tempdir().unwrap();
    let files = CertificateFiles { chain: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    files.make_self_signed(&names).unwrap();
    (dir, files)
}

/// Answers every event with itself.
async fn echo(mut conversation: Conversation<Toy>) -> (Result<(), Gone>, Conversation<Toy>) {
    loop {
        match conversation.next().await {
            Ok(Some(event)) => {
                conversation.session().say(&event);
                conversation.session().answered();
            }
            Ok(None) => return (Ok(()), conversation),
            Err(gone) => return (Err(gone), conversation),
        }
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_pipelined_group_is_answered_in_order_and_closed() {
    let (stream, mut client) = pair().await;
    let server = tokio::spawn(echo(Conversation::new(stream, Toy::new(), Upgrade::Never)));
    client.write_all(b"one\r\ntwo\r\nthree\r\nQUIT\r\nfour\r\n").await.unwrap();
    assert_eq!(read_all(&mut client).await, "one\r\ntwo\r\nthree\r\n221 bye\r\n");
    drop(client);
    let (outcome, mut conversation) = server.await.unwrap();
    outcome.unwrap();
    assert_eq!((conversation.bytes_in(), conversation.bytes_out()), (29, 26));
    assert!(conversation.next().await.unwrap().is_none(), "over is over");
}

#[tokio::test]
async fn dropping_a_call_loses_nothing() {
    let (stream, mut client) = pair().await;
    let mut conversation = Conversation::new(stream, Toy::new(), Upgrade::Never);
    let writer = tokio::spawn(async move {
        for byte in b"hello\r\nworld\r\nQUIT\r\n" {
            client.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        read_all(&mut client).await
    });
    let mut heard = Vec::new();
    loop {
        tokio::select! {
            biased;
            outcome = conversation.next() => match outcome.unwrap() {
                Some(event) => {
                    conversation.session().say(&event);
                    conversation.session().answered();
                    heard.push(event);
                }
                None => break,
            },
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(heard, ["hello", "world"]);
    assert_eq!(writer.await.unwrap(), "hello\r\nworld\r\n221 bye\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_told_and_closed() {
    let (stream, mut client) = pair().await;
    let mut toy = Toy::new();
    toy.patience = Some(Duration::from_secs(60));
    let server = tokio::spawn(echo(Conversation::new(stream, toy, Upgrade::Never)));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(40)).await;
        client.write_all(b"here\r\n").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
    }
    let before = net::clock::instant();
    assert_eq!(read_all(&mut client).await, "421 too slow\r\n");
    assert_eq!((net::clock::instant() - before).as_secs(), 60);
    drop(client);
    let (outcome, conversation) = server.await.unwrap();
    assert!(outcome.is_ok() && conversation.timed_out());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_cut_off() {
    let (stream, mut client) = pair().await;
    let server = tokio::spawn(echo(Conversation::new(stream, Toy::new(), Upgrade::Never)));
    client.write_all(b"BIG 40000000\r\n").await.unwrap();
    let (outcome, conversation) = server.await.unwrap();
    assert!(matches!(outcome, Err(Gone::Stalled)), "{outcome:?}");
    assert!(conversation.bytes_out() < 40_000_000);
}

#[tokio::test]
async fn a_peer_that_goes_away_ends_the_session() {
    let (stream, client) = pair().await;
    drop(client);
    let (outcome, mut conversation) = echo(Conversation::new(stream, Toy::new(), Upgrade::Never)).await;
    assert!(outcome.is_ok());
    assert!(conversation.session().ended);
}

#[tokio::test]
async fn a_flush_sends_what_stands_before_an_event_and_keeps_the_event() {
    let (stream, mut client) = pair().await;
    let mut conversation = Conversation::new(stream, Toy::new(), Upgrade::Never);
    client.write_all(b"one\r\n").await.unwrap();
    assert_eq!(conversation.next().await.unwrap().as_deref(), Some("one"));
    for _ in 0..3 {
        conversation.session().say("part");
        conversation.flush().await.unwrap();
    }
    let mut parts = [0; 18];
    client.read_exact(&mut parts).await.unwrap();
    assert_eq!(&parts, b"part\r\npart\r\npart\r\n");
    client.write_all(b"two\r\n").await.unwrap();
    conversation.session().answered();
    assert_eq!(conversation.next().await.unwrap().as_deref(), Some("two"));
}

fn server_tls(names: &[&str]) -> (tempfile::TempDir, CertificateFiles, ServerTls) {
    let (dir, files) = certificate(names);
    let tls = ServerTls::open(vec![files.clone()]).unwrap();
    (dir, files, tls)
}

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

/// A client that has said `TLS` and is past the handshake, or not.
async fn start_tls(server: &ServerTls, client: &ClientTls, name: &str) -> Result<Conversation<Toy>, Gone> {
    let (stream, tcp) = pair().await;
    tokio::spawn(echo(Conversation::new(stream, Toy::new(), Upgrade::Server(server.clone()))));
    let upgrade = Upgrade::Client(client.clone(), host(name));
    let mut conversation = Conversation::new(Stream::plain(tcp).unwrap(), Toy::new(), upgrade);
    conversation.session().say("TLS");
    conversation.flush().await?;
    let hello = async {
        while conversation.session().tls.is_none() {
            // The handshake happens inside; it yields no event, so the call is dropped now and then.
            let _ = tokio::time::timeout(Duration::from_millis(5), conversation.next()).await.unwrap_or(Ok(None))?;
        }
        Ok::<_, Gone>(())
    };
    hello.await?;
    Ok(conversation)
}

#[tokio::test]
async fn tls_on_both_sides() {
    let (_dir, files, server) = server_tls(&["mail.athens.test"]);
    let client = ClientTls::opportunistic(&Roots::none());
    let mut conversation = start_tls(&server, &client, "mail.athens.test").await.unwrap();
    conversation.session().say("secret");
    assert_eq!(conversation.next().await.unwrap().as_deref(), Some("secret"));
    let tls = conversation.tls().unwrap().clone();
    assert_eq!(tls.version, "TLSv1.3");
    assert!(tls.cipher.starts_with("TLS_"), "{}", tls.cipher);
    assert_eq!(tls.exporter.unwrap().len(), 32);
    assert_eq!(tls.server_end_point.unwrap().len(), 32);
    assert!(matches!(conversation.verdict(), Some(Verdict::Unverified(_))));

    let believing = Roots::none().with_file(&files.chain).unwrap();
    let conversation = start_tls(&server, &ClientTls::opportunistic(&believing), "mail.athens.test").await.unwrap();
    assert_eq!(conversation.verdict(), Some(&Verdict::Verified));
    let conversation = start_tls(&server, &ClientTls::opportunistic(&believing), "other.test").await.unwrap();
    assert!(matches!(conversation.verdict(), Some(Verdict::Unverified(_))));
    start_tls(&server, &ClientTls::verifying(&believing), "mail.athens.test").await.unwrap();
    let refused = start_tls(&server, &ClientTls::verifying(&believing), "other.test").await;
    assert_eq!(fault(refused), Some(TlsFault::CertificateHostMismatch));
    let (_other_dir, other) = certificate(&["mail.athens.test"]);
    let other = ClientTls::verifying(&Roots::none().with_file(&other.chain).unwrap());
    let stranger = start_tls(&server, &other, "mail.athens.test").await;
    assert_eq!(fault(stranger), Some(TlsFault::CertificateNotTrusted));
}

fn fault(outcome: Result<Conversation<Toy>, Gone>) -> Option<TlsFault> {
    match outcome {
        Err(Gone::Untrusted(untrusted)) => Some(untrusted.fault),
        _ => None,
    }
}

fn dane(base: &str, usage: u8, data: Vec<u8>) -> Dane {
    let base = Domain::parse(base).unwrap();
    Dane { names: vec![base.clone()], base, records: vec![Tlsa { usage, selector: 0, matching: 0, data }] }
}

/// The host's name is the TLSA base domain's affair; what we call the host does not count.
#[tokio::test]
async fn known_by_its_records() {
    let (_dir, files, _) = server_tls(&["mail.athens.test"]);
    let (_dir2, decoy, _) = server_tls(&["decoy.athens.test"]);
    let shown = CertificateDer::from_pem_file(&files.chain).unwrap().to_vec();
    // The decoy is what is shown to those who ask for no name or another one.
    let server = ServerTls::open(vec![decoy, files]).unwrap();
    let client = ClientTls::dane(&dane("mail.athens.test", 3, shown.clone())).unwrap();
    let mut conversation = start_tls(&server, &client, "alias.test").await.unwrap();
    conversation.session().say("secret");
    assert_eq!(conversation.next().await.unwrap().as_deref(), Some("secret"));
    assert_eq!(conversation.verdict(), Some(&Verdict::Dane));

    let elsewhere = ClientTls::dane(&dane("decoy.athens.test", 3, shown.clone())).unwrap();
    assert_eq!(fault(start_tls(&server, &elsewhere, "mail.athens.test").await), Some(TlsFault::Validation));
    let unusable = ClientTls::dane(&dane("mail.athens.test", 1, shown)).unwrap();
    assert_eq!(fault(start_tls(&server, &unusable, "mail.athens.test").await), Some(TlsFault::TlsaInvalid));
}

#[tokio::test]
async fn both_sides_have_the_same_binding() {
    let (_dir, _files, server) = server_tls(&["a.test"]);
    let (stream, tcp) = pair().await;
    let client = ClientTls::opportunistic(&Roots::none());
    let name = host("a.test");
    let (ours, theirs) =
        tokio::join!(stream.accept_tls(&server), Stream::plain(tcp).unwrap().connect_tls(&client, &name));
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    let (ours, theirs) = (ours.tls().unwrap(), theirs.tls().unwrap());
    assert_eq!(ours.exporter, theirs.exporter);
    assert_eq!(ours.server_end_point, theirs.server_end_point);
    assert_eq!(ours.server_name.as_deref(), Some("a.test"));
}

#[tokio::test]
async fn plaintext_behind_starttls_is_thrown_away() {
    let (_dir, _files, server) = server_tls(&["a.test"]);
    let (stream, mut tcp) = pair().await;
    // In the command's own segment, and in one more that is in the kernel already when the server reads.
    tcp.write_all(b"TLS\r\ninjected one\r\n").await.unwrap();
    tcp.write_all(b"injected two\r\n").await.unwrap();
    let server = tokio::spawn(echo(Conversation::new(stream, Toy::new(), Upgrade::Server(server))));
    let mut go_on = [0; 11];
    tcp.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"220 go on\r\n");
    let client = ClientTls::opportunistic(&Roots::none());
    let mut stream = Stream::plain(tcp).unwrap().connect_tls(&client, &host("a.test")).await.unwrap();
    stream.write_all(b"over tls\r\nQUIT\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "over tls\r\n221 bye\r\n", "and the close was in order");
    drop(stream);
    server.await.unwrap().0.unwrap();
}

#[tokio::test]
async fn rubbish_in_place_of_a_handshake() {
    let (_dir, _files, server) = server_tls(&["a.test"]);
    let (stream, mut tcp) = pair().await;
    let server = tokio::spawn(echo(Conversation::new(stream, Toy::new(), Upgrade::Server(server))));
    tcp.write_all(b"TLS\r\n").await.unwrap();
    let mut go_on = [0; 11];
    tcp.read_exact(&mut go_on).await.unwrap();
    tcp.write_all(b"EHLO me\r\n").await.unwrap();
    let (outcome, _) = server.await.unwrap();
    assert!(matches!(outcome, Err(Gone::Tls(_))), "{outcome:?}");
}

#[tokio::test]
async fn certificates_by_name_and_read_again() {
    let (_first_dir, first) = certificate(&["first.test"]);
    let (_second_dir, second) = certificate(&["second.test", "*.second.test"]);
    let server = ServerTls::open(vec![first.clone(), second.clone()]).unwrap();
    let roots = Roots::none().with_file(&first.chain).unwrap().with_file(&second.chain).unwrap();
    let client = ClientTls::verifying(&roots);
    for good in ["first.test", "second.test", "imap.second.test"] {
        start_tls(&server, &client, good).await.unwrap();
    }
    assert!(start_tls(&server, &client, "third.test").await.is_err());
    assert!(!server.reload().unwrap(), "nothing has changed");
    std::fs::remove_file(&first.key).unwrap();
    assert!(server.reload().is_err(), "the key is missing");
    start_tls(&server, &client, "first.test").await.unwrap();
    std::fs::remove_file(&first.chain).unwrap();
    first.make_self_signed(&["third.test".to_owned()]).unwrap();
    assert!(server.reload().unwrap());
    let client = ClientTls::verifying(&Roots::none().with_file(&first.chain).unwrap());
    start_tls(&server, &client, "third.test").await.unwrap();
    assert_eq!(server.describe()[0].0, ["third.test"]);
}

#[test]
fn a_private_key_is_private_and_nothing_is_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, files) = certificate(&["a.test"]);
    assert_eq!(std::fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(files.exist());
    assert!(files.make_self_signed(&["b.test".to_owned()]).is_err());
    // An end between the two files: the key stays, and the certificate is made for it.
    let key = std::fs::read(&files.key).unwrap();
    std::fs::remove_file(&files.chain).unwrap();
    files.make_self_signed(&["b.test".to_owned()]).unwrap();
    assert_eq!(std::fs::read(&files.key).unwrap(), key);
    ServerTls::open(vec![files.clone()]).unwrap();
    let error = ServerTls::open(vec![CertificateFiles { chain: files.key.clone(), key: files.key.clone() }]);
    let text = error.err().unwrap().to_string();
    assert!(text.contains("key.pem: no certificate in this file"), "{text}");
}

#[derive(Default)]
struct Hall {
    refused: Mutex<Vec<Refused>>,
}

impl Door for Hall {
    fn busy_line(&self) -> &[u8] {
        b"421 busy\r\n"
    }

    fn refused(&self, _peer: SocketAddr, why: Refused) {
        self.refused.lock().unwrap().push(why);
    }

    async fn serve(self: Arc<Self>, incoming: Incoming) {
        let _ = echo(Conversation::new(incoming.stream, Toy::new(), Upgrade::Never)).await;
    }
}

async fn says(stream: &mut TcpStream, text: &str) -> String {
    let _ = stream.write_all(format!("{text}\r\n").as_bytes()).await;
    let mut answer = [0; 100];
    let count = stream.read(&mut answer).await.unwrap_or(0);
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[tokio::test]
async fn a_listener_keeps_its_limits_and_drains() {
    let listener = Listener::bind("[::]:0".parse().unwrap()).unwrap();
    let port = listener.local().port();
    let hall = Arc::new(Hall::default());
    let places = Connections::new(3, 2, |peer| peer.is_ipv6());
    let shutdown = Shutdown::new();
    let running = tokio::spawn(listener.run(Arc::clone(&places), shutdown.clone(), Arc::clone(&hall)));

    let v4 = SocketAddr::from(([127, 0, 0, 1], port));
    let mut first = TcpStream::connect(v4).await.unwrap();
    assert_eq!(says(&mut first, "a").await, "a\r\n");
    let mut second = TcpStream::connect(v4).await.unwrap();
    assert_eq!(says(&mut second, "b").await, "b\r\n");
    assert_eq!(read_all(&mut TcpStream::connect(v4).await.unwrap()).await, "421 busy\r\n");
    let other = SocketAddr::from(([127, 0, 0, 2], 0));
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(other).unwrap();
    let mut third = socket.connect(v4).await.unwrap();
    assert_eq!(says(&mut third, "c").await, "c\r\n");
    assert_eq!(read_all(&mut TcpStream::connect(v4).await.unwrap()).await, "421 busy\r\n");
    assert_eq!(*hall.refused.lock().unwrap(), [Refused::TooManyFromHere, Refused::TooMany]);

    drop(second);
    while places.taken() == 3 {
        tokio::task::yield_now().await;
    }
    let mut again = TcpStream::connect(v4).await.unwrap();
    assert_eq!(says(&mut again, "d").await, "d\r\n");

    shutdown.begin();
    running.await.unwrap().unwrap();
    assert_eq!(says(&mut first, "still here").await, "still here\r\n", "what has begun goes on");
    assert!(TcpStream::connect(v4).await.is_err(), "and nothing new begins");
    drop((third, again));
    assert!(!shutdown.drained(Duration::from_millis(10)).await);
    shutdown.cut_off();
    assert!(shutdown.drained(Duration::from_secs(30)).await, "even who stays is gone");
    drop(first);
    assert_eq!(places.taken(), 0);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = Listener::bind(first.local()).err().unwrap();
    assert!(error.to_string().contains(&first.local().to_string()), "{error}");
}
