//! A store with the tables.

use std::sync::Arc;

use directory::Directory;
use envelope::{Domain, Timestamp};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record};
use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use journal::{Entry, Journal};
use mailstore::Mailstore;
use mhs::{Context, Settings};
use net::{Resolver, Shutdown, clock};
use queue::Queue;
use storage::{BodiesConfig, Migrations, Store};
use tempfile::TempDir;

use crate::postgres::Postgres;

const TABLES: &[Migrations] = &[directory::MIGRATIONS, mailstore::MIGRATIONS, queue::MIGRATIONS, mhs::MIGRATIONS];

/// 2023-11-14, a day after 1970 like any other.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub const DAY: u64 = 86_400;

pub struct House {
    _folder: TempDir,
    pub store: Store,
}

/// Keeps nothing.
struct Deaf;

impl Journal for Deaf {
    fn record(&self, _entry: Entry) {}
}

/// A name server that knows of nothing below `test.`.
pub async fn nameserver() -> (Server<Catalog>, Resolver) {
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
        InMemoryZoneHandler::empty(name("test."), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(name("ns.test."), name("root.test."), 1, 60, 60, 60, 60);
    zone.upsert_mut(Record::from_rdata(name("test."), 60, RData::SOA(soa)), 0);
    let mut catalog = Catalog::new();
    catalog.upsert(name("test.").into(), vec![Arc::new(zone)]);
    let mut server = Server::new(catalog);
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let resolver = Resolver::named(udp.local_addr().unwrap()).unwrap();
    server.register_socket(udp);
    (server, resolver)
}

pub fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

pub fn at(seconds: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(seconds))
}

impl House {
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
        Self { _folder: folder, store }
    }

    /// What services need, on the same store.
    pub async fn context(&self) -> Arc<Context> {
        let store = self.store.clone();
        let people = Directory::open(store.clone(), directory::Settings::default(), clock::now).await.unwrap();
        let (mailstore, queue) = (Mailstore::new(store.clone(), clock::now), Queue::new(store.clone(), "test"));
        let settings = Settings::new(domain("mx.athens.test"));
        Context::new(store, people, mailstore, queue, Arc::new(Deaf), settings, Shutdown::new())
    }

    pub async fn cluster(postgres: &Postgres, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bodies = BodiesConfig::Folder(folder.path().to_owned());
        let store = Store::open_cluster(&postgres.database(name), bodies, TABLES).await.unwrap();
        Self { _folder: folder, store }
    }
}
