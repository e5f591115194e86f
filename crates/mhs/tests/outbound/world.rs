//! One post office at athens.test with its outbound side running, a name server, and a port that all next hops share,
//! each on a loopback address of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use directory::{Directory, RelayAllowed};
use envelope::{Address, Domain, MailId, Recipient, RequireTls, ReversePath};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record};
use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use journal::{Entry, Event, Journal, Service};
use mailstore::{Mailstore, UidSet};
use mhs::msa::post::{self, Post};
use mhs::mta::outbound::tls::Policies;
use mhs::mta::outbound::tls::sts::Sts;
use mhs::mta::outbound::{self, Outbound};
use mhs::route::{Route, Table};
use mhs::tlsrpt::{Collecting, Collector};
use mhs::{Context, Settings};
use net::{Https, Resolver, Roots, Shutdown, clock};
use protocol::sasl::Secret;
use queue::{Backoff, Filter, Listed, Queue};
use storage::Store;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::names::one_port_for_both;

/// Keeps everything that is written into it.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<Entry>>);

impl Journal for Notes {
    fn record(&self, entry: Entry) {
        self.0.lock().unwrap().push(entry);
    }
}

/// What the tests set.
pub(crate) struct Wishes {
    pub(crate) backoff: Backoff,
    pub(crate) patience: Duration,
    /// Name and preference of the mail hosts of a domain; a host `.` is the null MX.
    pub(crate) mx: Vec<(&'static str, u16, &'static str)>,
    /// Hosts with the last octet of their loopback address.
    pub(crate) hosts: Vec<(&'static str, u8)>,
    /// Last octets of the addresses where we take mail in ourselves.
    pub(crate) doors: Vec<u8>,
    /// TXT records; `{port}` in them is the port of all next hops.
    pub(crate) texts: Vec<(&'static str, &'static str)>,
    /// Whom we believe. With it the policies of others are asked for, on the port of all next hops.
    pub(crate) roots: Option<Roots>,
    /// Names that stand for other names.
    pub(crate) aliases: Vec<(&'static str, &'static str)>,
    /// Hosts that have the IPv6 loopback address too.
    pub(crate) v6: Vec<&'static str>,
    /// The DNS may name hosts on loopback.
    pub(crate) loopback: bool,
    /// The operator's routes.
    pub(crate) routes: Vec<Route>,
    /// The longest letter that is taken in; 0 leaves it as it is.
    pub(crate) letter_octets_max: u64,
}

impl Default for Wishes {
    fn default() -> Self {
        let tenth = Duration::from_millis(100);
        Self {
            backoff: Backoff { first: tenth, longest: tenth * 2, ..Backoff::default() },
            patience: Duration::from_secs(30),
            mx: vec![("patras.test.", 10, "mx.patras.test.")],
            hosts: vec![("mx.patras.test.", 1)],
            doors: Vec::new(),
            texts: Vec::new(),
            roots: None,
            aliases: Vec::new(),
            v6: Vec::new(),
            loopback: true,
            routes: Vec::new(),
            letter_octets_max: 0,
        }
    }
}

pub(crate) struct World {
    pub(crate) context: Arc<Context>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) port: u16,
    net: [u8; 2],
    pub(crate) running: Option<JoinHandle<()>>,
    pub(crate) settings: outbound::Settings,
    /// What is counted for TLS reports.
    pub(crate) collecting: Option<tokio::sync::Mutex<Collecting>>,
    _dns: Server<Catalog>,
    _folder: TempDir,
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn name(text: &str) -> Name {
    // What no text of a zone says: a dot within a label, and other octets.
    let label = |label: &str| label.replace('~', ".").into_bytes();
    let odd = || Name::from_labels(text.trim_end_matches('.').split('.').map(label)).unwrap();
    Name::from_ascii(text).unwrap_or_else(|_| odd())
}

/// A port that is free on all of loopback, or was a moment ago.
async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

pub(crate) async fn nameserver(wishes: &Wishes, net: [u8; 2], port: u16) -> (Server<Catalog>, SocketAddr) {
    let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
        InMemoryZoneHandler::empty(name("test."), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(name("ns.test."), name("root.test."), 1, 60, 60, 60, 1);
    zone.upsert_mut(Record::from_rdata(name("test."), 1, RData::SOA(soa)), 0);
    for (domain, preference, host) in &wishes.mx {
        let data = RData::MX(MX::new(*preference, name(host)));
        zone.upsert_mut(Record::from_rdata(name(domain), 1, data), 0);
    }
    for (host, last) in &wishes.hosts {
        let data = RData::A(A(Ipv4Addr::new(127, net[0], net[1], *last)));
        zone.upsert_mut(Record::from_rdata(name(host), 1, data), 0);
    }
    for (owner, text) in &wishes.texts {
        let data = RData::TXT(TXT::new(vec![text.replace("{port}", &port.to_string())]));
        zone.upsert_mut(Record::from_rdata(name(owner), 1, data), 0);
    }
    for (alias, host) in &wishes.aliases {
        zone.upsert_mut(Record::from_rdata(name(alias), 1, RData::CNAME(CNAME(name(host)))), 0);
    }
    for host in &wishes.v6 {
        zone.upsert_mut(Record::from_rdata(name(host), 1, RData::AAAA(AAAA(Ipv6Addr::LOCALHOST))), 0);
    }
    let mut catalog = Catalog::new();
    catalog.upsert(name("test.").into(), vec![Arc::new(zone)]);
    let mut server = Server::new(catalog);
    let (udp, tcp) = one_port_for_both().await;
    let address = udp.local_addr().unwrap();
    server.register_socket(udp);
    server.register_listener(tcp, Duration::from_secs(5), 128);
    (server, address)
}

/// What others demand, asked for at this port.
pub(crate) fn policies(store: &Store, resolver: &Resolver, roots: &Roots, port: u16) -> (Policies, Collecting) {
    let (collector, collecting) = Collector::new(store.clone());
    let https = Https::new(resolver.clone(), roots);
    let sts = Sts::new(store.clone(), resolver.clone(), https, port);
    (Policies::new(store.clone(), sts, collector), collecting)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Wishes::default()).await
    }

    pub(crate) async fn with(wishes: Wishes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let areas = [directory::MIGRATIONS, mailstore::MIGRATIONS, queue::MIGRATIONS, mhs::MIGRATIONS];
        let store = Store::open_embedded(folder.path(), &areas).await.unwrap();
        let trusting = directory::Settings { stale_max: Duration::ZERO, ..directory::Settings::default() };
        let people = Directory::open(store.clone(), trusting, clock::now).await.unwrap();
        people.add_domain(&Domain::parse("athens.test").unwrap()).await.unwrap();
        people.add_account(&address("anna@athens.test"), &Secret::new(b"secret".to_vec())).await.unwrap();
        let notes = Arc::new(Notes::default());
        let (mailstore, queue) = (Mailstore::new(store.clone(), clock::now), Queue::new(store.clone(), "test"));
        let mut settings = Settings::new(Domain::parse("mx.athens.test").unwrap());
        if wishes.letter_octets_max > 0 {
            settings.message_octets_max = wishes.letter_octets_max;
        }
        let context = Context::new(store, people, mailstore, queue, notes.clone(), settings, Shutdown::new());
        // A network of loopback to ourselves, so that tests side by side do not meet.
        let [a, b, ..] = MailId::random().to_bytes();
        let net = [a | 1, b];
        let port = free_port().await;
        let (dns, at) = nameserver(&wishes, net, port).await;
        let resolver = Resolver::named(at).unwrap();
        let roots = wishes.roots.clone().unwrap_or_else(Roots::none);
        let mut settings = outbound::Settings::new("mx.athens.test", resolver.clone(), &roots);
        settings.port = port;
        settings.loopback = wishes.loopback;
        let mut collecting = None;
        if wishes.roots.is_some() {
            let (policies, counted) = policies(&context.store, &resolver, &roots, port);
            settings.policies = Some(policies);
            collecting = Some(tokio::sync::Mutex::new(counted));
        }
        settings.routes = Arc::new(Table::new(wishes.routes));
        settings.backoff = wishes.backoff;
        settings.rest_first = settings.backoff.first / 2;
        settings.rest_longest = settings.backoff.first / 2;
        settings.doors =
            wishes.doors.iter().map(|last| SocketAddr::from(([127, net[0], net[1], *last], settings.port))).collect();
        settings.patience.greeting = wishes.patience;
        settings.patience.command = wishes.patience;
        settings.patience.data = wishes.patience;
        settings.patience.body_end = wishes.patience;
        let running = Some(tokio::spawn(Outbound::run(context.clone(), settings.clone())));
        Self { context, notes, port, net, running, settings, collecting, _dns: dns, _folder: folder }
    }

    /// Ends mail out at once, wherever it is.
    pub(crate) async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        assert!(running.await.is_err_and(|end| end.is_cancelled()));
    }

    /// Where the host with this last octet listens.
    pub(crate) fn at(&self, last: u8) -> SocketAddr {
        let [a, b] = self.net;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, a, b, last)), self.port)
    }

    /// A letter of Anna's.
    pub(crate) async fn send(&self, to: &[&str]) -> MailId {
        let to = to.iter().map(|text| Recipient { address: address(text), notify: None, original: None });
        self.send_as(ReversePath::Address(address("anna@athens.test")), to.collect()).await
    }

    /// The same, with a wish about encryption.
    pub(crate) async fn send_wishing(&self, require_tls: RequireTls, to: &[&str]) -> MailId {
        let to = to.iter().map(|text| Recipient { address: address(text), notify: None, original: None });
        self.post(ReversePath::Address(address("anna@athens.test")), to.collect(), require_tls).await
    }

    pub(crate) async fn send_as(&self, reverse_path: ReversePath, recipients: Vec<Recipient>) -> MailId {
        self.post(reverse_path, recipients, RequireTls::Unsaid).await
    }

    async fn post(&self, reverse_path: ReversePath, recipients: Vec<Recipient>, require_tls: RequireTls) -> MailId {
        let message = "From: anna@athens.test\r\nSubject: Γειά\r\nMessage-ID: <1@athens.test>\r\n\r\n.hello\r\n\r\n";
        let post = Post {
            require_tls,
            reverse_path,
            recipients,
            allowed: RelayAllowed::for_operator(),
            service: Service::Local,
            message: Bytes::from_static(message.as_bytes()),
            complete: true,
            smtputf8: false,
        };
        post::post(&self.context, post).await.unwrap().accepted.id
    }

    pub(crate) async fn queued(&self) -> Vec<Listed> {
        self.context.queue.list(Filter::default(), 1000, clock::now()).await.unwrap()
    }

    /// Waits until the queue is empty.
    pub(crate) async fn until_empty(&self) {
        self.until("an empty queue", async || self.queued().await.is_empty()).await;
    }

    /// Waits for a condition; a minute is no matter of speed but of hope.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        for _ in 0..1200 {
            if condition().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("waited in vain for {what}: {:#?}\n{:#?}", self.queued().await, self.notes.0.lock().unwrap());
    }

    /// Anna's letters.
    pub(crate) async fn letters(&self) -> Vec<String> {
        let who = self.context.directory.open_as_operator(&address("anna@athens.test")).await.unwrap();
        let account = self.context.mailstore.open(&who).await.unwrap();
        let inbox = account.select("INBOX", false).await.unwrap().view.mailbox;
        let mut letters = Vec::new();
        for message in account.messages(inbox, &UidSet::all(), 100).await.unwrap() {
            let bytes = account.body(&message).await.unwrap().read_all(1 << 20).await.unwrap();
            letters.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        letters
    }

    /// The events of one name.
    pub(crate) fn events(&self, name: &str) -> Vec<Event> {
        let notes = self.notes.0.lock().unwrap();
        notes.iter().map(|entry| entry.event.clone()).filter(|event| event.name() == name).collect()
    }

    /// The networks of loopback that are this world's own.
    pub(crate) fn net(&self) -> [u8; 2] {
        self.net
    }

    /// The codes of all attempts, in order.
    pub(crate) fn attempts(&self) -> Vec<String> {
        let reply = |event: &Event| match event {
            Event::Attempt { reply, .. } => {
                format!("{} {}", reply.code, reply.enhanced.map(|code| code.to_string()).unwrap_or_default())
            }
            _ => String::new(),
        };
        self.events("attempt").iter().map(reply).map(|text| text.trim_end().to_owned()).collect()
    }

    /// Bodies that some row still names.
    pub(crate) async fn bodies(&self) -> usize {
        let sql = "SELECT body FROM storage_body WHERE refs > 0";
        self.context.store.read(move |q| q.query(sql, &[])).await.unwrap().len()
    }
}
