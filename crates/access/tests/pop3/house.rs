//! A post office with two POP3 doors on the loopback, and a client for dialogues.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{Context, Settings};
use bytes::Bytes;
use directory::{ClearText, Directory, SignInGuard, SignedIn};
use envelope::{Address, Domain, MailId};
use journal::{Entry, Event, Journal};
use mailstore::{Delivery, Mailstore};
use net::{CertificateFiles, Connections, Listener, ServerTls, Shutdown, clock};
use protocol::sasl::Secret;
use storage::{BodyId, Store};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub(crate) const PASSWORD: &str = "open sesame";

/// Keeps what was recorded.
#[derive(Default)]
pub(crate) struct Record(Mutex<Vec<Event>>);

impl Journal for Record {
    fn record(&self, entry: Entry) {
        self.0.lock().unwrap().push(entry.event);
    }
}

pub(crate) struct House {
    pub(crate) folder: TempDir,
    store: Store,
    pub(crate) mailstore: Mailstore,
    pub(crate) anna: SignedIn,
    pub(crate) record: Arc<Record>,
    pub(crate) shutdown: Shutdown,
    /// Port of the door with STLS.
    pub(crate) port: u16,
    /// Port of the door with TLS from the start.
    pub(crate) tls_port: u16,
}

impl House {
    /// With `anna@athens.test`. The first door takes passwords without TLS.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let areas = [directory::MIGRATIONS, mailstore::MIGRATIONS];
        let store = Store::open_embedded(&folder.path().join("store"), &areas).await.unwrap();
        let directory = Directory::open(store.clone(), directory::Settings::default(), clock::now).await.unwrap();
        directory.add_domain(&Domain::parse("athens.test").unwrap()).await.unwrap();
        let address = Address::parse("anna@athens.test").unwrap();
        directory.add_account(&address, &Secret::new(PASSWORD.into())).await.unwrap();
        let anna = directory.open_as_operator(&address).await.unwrap();
        let mailstore = Mailstore::new(store.clone(), clock::now);

        let files = CertificateFiles { chain: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        files.make_self_signed(&["localhost".to_owned()]).unwrap();
        let mut settings = Settings::new("pop.athens.test");
        settings.tls = Some(ServerTls::open(vec![files]).unwrap());
        settings.cleartext_sign_in = ClearText::Loopback;
        settings.sign_ins = SignInGuard::with(100, Duration::ZERO);
        let (record, shutdown) = (Arc::new(Record::default()), Shutdown::new());
        let journal = Arc::<Record>::clone(&record);
        let context = Context::new(directory, mailstore.clone(), journal, settings, shutdown.clone());

        let mut ports = [0; 2];
        for (port, door) in ports
            .iter_mut()
            .zip([access::pop3::Door::pop3(Arc::clone(&context)), access::pop3::Door::pop3s(Arc::clone(&context))])
        {
            let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            *port = listener.local().port();
            let places = Connections::new(100, 100, |_| false);
            tokio::spawn(listener.run(places, shutdown.clone(), door));
        }
        Self { folder, store, mailstore, anna, record, shutdown, port: ports[0], tls_port: ports[1] }
    }

    /// Puts a letter into INBOX, as reception does.
    pub(crate) async fn deliver(&self, text: impl Into<Bytes>) {
        let text = text.into();
        let octets = text.len() as u64;
        let mut stage = self.store.stage();
        stage.append(text).await.unwrap();
        let staged = stage.finish(Bytes::new()).await.unwrap();
        let (mailstore, account, mail) = (self.mailstore.clone(), self.anna.account(), MailId::random());
        let write = self.store.write(move |tx| {
            let body: BodyId = tx.keep(&staged, 1)?;
            let internal_date = clock::now();
            mailstore.deliver_in(
                tx,
                &Delivery {
                    account,
                    mailbox: None,
                    named_by_sender: false,
                    mail,
                    body,
                    octets,
                    internal_date,
                    flags: 0,
                    digest: None,
                },
            )
        });
        let (placed, _) = write.await.unwrap();
        self.mailstore.announce(&[placed]);
    }

    /// How many letters stand in INBOX.
    pub(crate) async fn count(&self) -> u32 {
        self.mailstore.open(&self.anna).await.unwrap().status("INBOX").await.unwrap().messages
    }

    /// A connection that has heard the greeting.
    pub(crate) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut client = Client { stream: BufReader::new(stream) };
        assert_eq!(client.line().await, "+OK pop.athens.test POP3 server ready");
        client
    }

    /// One that is signed in.
    pub(crate) async fn open(&self) -> Client {
        let mut client = self.connect().await;
        assert_eq!(client.ask("USER anna@athens.test").await, "+OK send the password");
        assert!(client.ask(&format!("PASS {PASSWORD}")).await.starts_with("+OK "));
        client
    }

    /// What was recorded, in one line each, once the door has recorded the end of `connections`.
    pub(crate) async fn events(&self, connections: usize) -> Vec<String> {
        loop {
            let lines: Vec<String> = self.record.0.lock().unwrap().iter().map(describe).collect();
            if lines.iter().filter(|line| line.starts_with("disconnected")).count() >= connections {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn describe(event: &Event) -> String {
    let name = event.name();
    match event {
        Event::SignedIn { service, account, mechanism, .. } => format!("{name} {service:?} {account} {mechanism}"),
        Event::SignInRefused { user, mechanism, reason, .. } => format!("{name} {user} {mechanism}: {reason}"),
        Event::Disconnected { service, reason, .. } => format!("{name} {service:?} {reason}"),
        Event::Secured { version, .. } => format!("{name} {version}"),
        Event::Fault { place, reason } => format!("{name} {place}: {reason}"),
        _ => name.to_owned(),
    }
}

/// A client in clear.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next line, without its CRLF; empty at the end of the connection too.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.strip_suffix("\r\n").unwrap_or(&line).to_owned()
    }

    /// Says a command, and returns the first line of the answer.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n")).await;
        self.line().await
    }

    /// The lines up to the dot, dots taken off.
    pub(crate) async fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            match line.strip_prefix('.') {
                Some("") => return lines,
                Some(rest) => lines.push(rest.to_owned()),
                None => lines.push(line),
            }
        }
    }

    /// Whatever comes until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).await.unwrap();
        rest
    }
}
