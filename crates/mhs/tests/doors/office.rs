//! A post office for tests: a store in a throw-away folder, anna and kostas at athens.test, and the three doors on
//! free ports.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use directory::{AliasSource, Directory};
use envelope::{Address, Domain};
use journal::{Entry, Event, Journal};
use mailstore::{Mailstore, UidSet};
use mhs::mta::inbound::Inbound;
use mhs::{Context, Settings};
use net::{CertificateFiles, Connections, Listener, ServerTls, Shutdown, clock};
use protocol::sasl::Secret;
use queue::Queue;
use storage::{Options, Reserve, Store};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Keeps everything that is written into it.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<Entry>>);

impl Journal for Notes {
    fn record(&self, entry: Entry) {
        self.0.lock().unwrap().push(entry);
    }
}

pub(crate) struct Office {
    pub(crate) context: Arc<Context>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) smtp: SocketAddr,
    pub(crate) submission: SocketAddr,
    pub(crate) submissions: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    _folder: Option<TempDir>,
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(set: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut office = Self::open_in(folder.path(), set).await;
        office._folder = Some(folder);
        office
    }

    /// In a folder where there may be one already.
    pub(crate) async fn open_in(folder: &Path, set: impl FnOnce(&mut Settings)) -> Self {
        let areas = [directory::MIGRATIONS, mailstore::MIGRATIONS, queue::MIGRATIONS];
        // What is free stands in a file, so that a test may say it.
        let free =
            |folder: &Path| std::fs::read_to_string(folder.join("free")).map(|free| free.parse().unwrap_or_default());
        let reserve = Some(Reserve { octets: 1000, free });
        let options = Options { reserve, ..Options::default() };
        let store = Store::open_embedded_with(folder, &areas, options).await.unwrap();
        let people = Directory::open(store.clone(), directory::Settings::default(), clock::now).await.unwrap();
        if people.domains().await.unwrap().is_empty() {
            found(&people).await;
        }
        let files = CertificateFiles { chain: folder.join("chain.pem"), key: folder.join("key.pem") };
        if !files.exist() {
            files.make_self_signed(&["mx.athens.test".to_owned()]).unwrap();
        }
        let mut settings = Settings::new(Domain::parse("mx.athens.test").unwrap());
        settings.tls = Some(ServerTls::open(vec![files]).unwrap());
        set(&mut settings);
        let notes = Arc::new(Notes::default());
        let (mailstore, queue) = (Mailstore::new(store.clone(), clock::now), Queue::new(store.clone(), "test"));
        let shutdown = Shutdown::new();
        let context = Context::new(store, people, mailstore, queue, notes.clone(), settings, shutdown);
        Self {
            smtp: listen(&context, Inbound::reception(&context)),
            submission: listen(&context, Inbound::submission(&context)),
            submissions: listen(&context, Inbound::submissions(&context)),
            lmtp: listen(&context, Inbound::lmtp(&context)),
            context,
            notes,
            _folder: None,
        }
    }

    /// The letters of an INBOX, or of another mailbox.
    pub(crate) async fn letters(&self, who: &str, mailbox: &str) -> Vec<String> {
        let who = self.context.directory.open_as_operator(&address(who)).await.unwrap();
        let account = self.context.mailstore.open(&who).await.unwrap();
        let selected = account.select(mailbox, false).await.unwrap();
        let uids: UidSet = selected.view.entries.iter().map(|entry| entry.uid).collect();
        let mut letters = Vec::new();
        for message in account.messages(selected.view.mailbox, &uids, 100).await.unwrap() {
            let body = account.body(&message).await.unwrap();
            assert_eq!(body.len(), message.octets);
            let bytes = body.read_all(100 * 1024 * 1024).await.unwrap();
            letters.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        letters
    }

    /// The names of everything that the journal has heard.
    pub(crate) fn heard(&self) -> Vec<&'static str> {
        self.notes.0.lock().unwrap().iter().map(|entry| entry.event.name()).collect()
    }

    /// The events of one name.
    pub(crate) fn events(&self, name: &str) -> Vec<Event> {
        let notes = self.notes.0.lock().unwrap();
        notes.iter().map(|entry| entry.event.clone()).filter(|event| event.name() == name).collect()
    }
}

async fn found(people: &Directory) {
    people.add_domain(&Domain::parse("athens.test").unwrap()).await.unwrap();
    let accounts = ["anna@athens.test", "kostas@athens.test"];
    for name in accounts {
        people.add_account(&address(name), &Secret::new(b"secret".to_vec())).await.unwrap();
    }
    let alias = "both@athens.test".parse::<AliasSource>().unwrap();
    people.add_alias(&alias, &accounts.map(address)).await.unwrap();
}

fn listen(context: &Arc<Context>, door: Arc<Inbound>) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let local = listener.local();
    tokio::spawn(listener.run(Connections::new(100, 100, |_| false), context.shutdown.clone(), door));
    local
}

/// A client that speaks in the clear, as a person at a terminal would.
pub(crate) struct Terminal {
    stream: BufReader<TcpStream>,
}

impl Terminal {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        let mut terminal = Self { stream: BufReader::new(stream) };
        let greeting = terminal.reply().await;
        assert!(greeting.starts_with("220 mx.athens.test ESMTP") || greeting.starts_with("220 mx.athens.test LMTP"));
        terminal
    }

    /// Says one thing and takes every line of the reply.
    pub(crate) async fn ask_all(&mut self, text: &str) -> Vec<String> {
        self.say(&format!("{text}\r\n")).await;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            lines.push(line.trim_end().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return lines;
            }
        }
    }

    /// Says one thing and takes the last line of the reply.
    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.say(&format!("{text}\r\n")).await;
        self.reply().await
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// The last line of a reply; empty when the connection is closed.
    pub(crate) async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    /// A transaction up to 354.
    pub(crate) async fn begin(&mut self, from: &str, to: &[&str]) {
        assert!(self.ask("EHLO client.test").await.starts_with("250"));
        assert!(self.ask(&format!("MAIL FROM:<{from}>")).await.starts_with("250 2.1.0"));
        for to in to {
            assert!(self.ask(&format!("RCPT TO:<{to}>")).await.starts_with("250 2.1.5"), "{to}");
        }
        assert!(self.ask("DATA").await.starts_with("354"));
    }
}
