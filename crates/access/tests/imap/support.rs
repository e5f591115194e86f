//! A post office with one account, and a client that speaks plain IMAP to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{Context, Settings, imap};
use directory::{ClearText, Directory, SignInGuard};
use envelope::{Address, Domain};
use mailstore::Mailstore;
use net::{CertificateFiles, Connections, Listener, ServerTls, Shutdown, clock};
use protocol::sasl::Secret;
use storage::{BodiesConfig, Migrations, Store};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const AREAS: [Migrations; 2] = [directory::MIGRATIONS, mailstore::MIGRATIONS];

/// Stands until it is dropped.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    /// The door with STARTTLS.
    pub(crate) address: SocketAddr,
    /// The door with TLS from the start; closed where there is no certificate.
    pub(crate) tls_address: SocketAddr,
    pub(crate) directory: Directory,
    pub(crate) store: Store,
    pub(crate) mailstore: Mailstore,
    pub(crate) shutdown: Shutdown,
    pub(crate) journal: Arc<Notes>,
}

/// Keeps what was noted.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<journal::Event>>);

impl Notes {
    pub(crate) fn take(&self) -> Vec<journal::Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl journal::Journal for Notes {
    fn record(&self, entry: journal::Entry) {
        assert!(entry.session.is_some());
        self.0.lock().unwrap().push(entry.event);
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // What is free stands in a file, so that a test may say it.
        let free = |folder: &std::path::Path| {
            std::fs::read_to_string(folder.join("free")).map(|free| free.parse().unwrap_or_default())
        };
        let reserve = Some(storage::Reserve { octets: 1000, free });
        let options = storage::Options { reserve, ..storage::Options::default() };
        let store = Store::open_embedded_with(folder.path(), &AREAS, options).await.unwrap();
        Self::on(folder, store, change).await
    }

    /// On a database of PostgreSQL.
    pub(crate) async fn on_cluster(url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bodies = BodiesConfig::Folder(folder.path().to_owned());
        let store = Store::open_cluster(&url, bodies, &AREAS).await.unwrap();
        Self::on(folder, store, |_| ()).await
    }

    async fn on(folder: tempfile::TempDir, store: Store, change: impl FnOnce(&mut Settings)) -> Self {
        let directory = Directory::open(store.clone(), directory::Settings::default(), clock::now).await.unwrap();
        directory.add_domain(&Domain::parse("athens.test").unwrap()).await.unwrap();
        let anna = Address::parse("anna@athens.test").unwrap();
        directory.add_account(&anna, &Secret::new(b"secret".to_vec())).await.unwrap();
        let mailstore = Mailstore::new(store.clone(), clock::now);
        let mut settings = Settings::new("mx.athens.test");
        settings.cleartext_sign_in = ClearText::Loopback;
        settings.sign_ins = SignInGuard::with(100, Duration::ZERO);
        change(&mut settings);
        let shutdown = Shutdown::new();
        let journal = Arc::new(Notes::default());
        let noting = Arc::clone(&journal);
        let context = Context::new(directory.clone(), mailstore.clone(), noting, settings, shutdown.clone());
        let address = open(imap::Door::imap(Arc::clone(&context)), &shutdown);
        let tls_address = open(imap::Door::imaps(Arc::clone(&context)), &shutdown);
        Self { folder, address, tls_address, directory, store, mailstore, shutdown, journal }
    }

    /// With a certificate of its own, in `chain.pem`, and passwords over TLS only.
    pub(crate) async fn with_tls() -> Self {
        let certificates = tempfile::tempdir().unwrap();
        let at = |name: &str| certificates.path().join(name);
        let files = CertificateFiles { chain: at("chain.pem"), key: at("key.pem") };
        files.make_self_signed(&["localhost".to_owned()]).unwrap();
        let tls = ServerTls::open(vec![files]).unwrap();
        let house = Self::with(|settings| {
            settings.tls = Some(tls);
            settings.cleartext_sign_in = ClearText::Never;
        });
        let house = house.await;
        std::fs::copy(at("chain.pem"), house.path("chain.pem")).unwrap();
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A client, signed in.
    pub(crate) async fn client(&self) -> Client {
        let mut client = Client::connect(self.address).await;
        assert!(client.ask("LOGIN anna secret").await.starts_with("OK "));
        client
    }

    /// One more account of the domain.
    pub(crate) async fn add(&self, name: &str) {
        let address = Address::parse(&format!("{name}@athens.test")).unwrap();
        self.directory.add_account(&address, &Secret::new(b"secret".to_vec())).await.unwrap();
    }

    /// A client of another account.
    pub(crate) async fn client_of(&self, name: &str) -> Client {
        let mut client = Client::connect(self.address).await;
        assert!(client.ask(&format!("LOGIN {name} secret")).await.starts_with("OK "));
        client
    }

    /// A client, signed in, INBOX selected.
    pub(crate) async fn reader(&self) -> Client {
        let mut client = self.client().await;
        client.ask("SELECT INBOX").await;
        client
    }
}

/// Lets connections in at a free port.
fn open(door: Arc<imap::Door>, shutdown: &Shutdown) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local();
    tokio::spawn(listener.run(Connections::new(6000, 6000, |_| false), shutdown.clone(), door));
    address
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// One connection.
pub(crate) struct Client {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    tags: u32,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let (from, to) = TcpStream::connect(address).await.unwrap().into_split();
        let mut client = Self { from: BufReader::new(from), to, tags: 0 };
        assert!(client.line().await.starts_with("* OK [CAPABILITY IMAP4rev1 "));
        client
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.to.write_all(bytes.as_ref()).await.unwrap();
    }

    /// One response line with its literals, line ends as LF. Empty at the end of the connection.
    pub(crate) async fn line(&mut self) -> String {
        let read = async {
            let mut line = Vec::new();
            loop {
                self.from.read_until(b'\n', &mut line).await.unwrap();
                let Some(octets) = literal(&line) else { return String::from_utf8_lossy(&line).replace("\r\n", "\n") };
                let start = line.len();
                line.resize(start + octets, 0);
                self.from.read_exact(&mut line[start..]).await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("the server says nothing")
    }

    /// A command and all of its answer; the tagged line is the last and comes without its tag.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.tags += 1;
        let tag = format!("t{} ", self.tags);
        self.send(format!("{tag}{command}\r\n")).await;
        let mut answer = String::new();
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "closed after {command}: {answer}");
            if let Some(last) = line.strip_prefix(&tag) {
                return answer + last;
            }
            answer += &line;
        }
    }

    /// Appends a message; the answer.
    pub(crate) async fn append(&mut self, mailbox: &str, options: &str, message: &str) -> String {
        self.ask(&format!("APPEND {mailbox} {options}{{{}+}}\r\n{message}", message.len())).await
    }

    /// Appends small messages with these subjects to INBOX.
    pub(crate) async fn fill(&mut self, subjects: &[&str]) {
        for subject in subjects {
            let answer = self.append("INBOX", "", &format!("Subject: {subject}\r\n\r\n{subject} text\r\n")).await;
            assert!(answer.contains("OK [APPENDUID "), "{answer}");
        }
    }

    /// What a client says and hears, line by line.
    pub(crate) async fn talks(&mut self, talk: &[(&str, &str)]) {
        for (command, answer) in talk {
            assert_eq!(without_id(&self.ask(command).await), *answer, "after {command}");
        }
    }
}

/// A CREATE's answer without the id that it gives.
fn without_id(answer: &str) -> String {
    match answer.split_once("[MAILBOXID (") {
        Some((before, rest)) => format!("{before}{}", rest.split_once(")] ").map_or(rest, |(_, after)| after)),
        None => answer.to_owned(),
    }
}

fn literal(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_suffix("}\r\n")?.rsplit_once('{')?.1.parse().ok()
}
