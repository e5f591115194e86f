//! The cluster engine: the conformance suite on a real PostgreSQL, and what only it does.
#![allow(unreachable_pub, reason = "modules of checks are shared by test binaries")]

mod bucket;
mod conformance;
mod postgres;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use conformance::TABLES;
use postgres::Postgres;
use storage::{BodiesConfig, Error, Migrations, Options, Store};

/// One server for all checks of this file: starting it costs more than any of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite_and_more_on_postgresql() {
    let Some(mut postgres) = Postgres::start() else { return };
    // First: a server that starts after a crash syncs all files of all databases there are.
    a_server_that_went_away_is_found_again(&mut postgres).await;
    for (name, statement_cache) in [("cached", true), ("uncached", false)] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { statement_cache, connections: 6, ..Options::default() };
        let bodies = BodiesConfig::Folder(folder.path().to_owned());
        let url = postgres.database(name);
        let store = Store::open_cluster_with(&url, bodies, TABLES, options).await.unwrap();
        conformance::rows::all(&store).await;
        conformance::bodies::all(&store).await;
    }
    bodies_in_an_object_store(&postgres).await;
    bodies_in_a_bucket(&postgres).await;
    bodies_are_kept_up(&postgres).await;
    tables_are_brought_up_by_one_of_many(&postgres).await;
    a_conflict_is_run_again(&postgres).await;
    a_race_for_a_key_is_decided(&postgres).await;
    a_lost_answer_to_commit_is_an_unknown_outcome(&postgres).await;
}

async fn open(url: &str, folder: &tempfile::TempDir, tables: &[Migrations]) -> Result<Store, Error> {
    Store::open_cluster(url, BodiesConfig::Folder(folder.path().to_owned()), tables).await
}

async fn bodies_in_an_object_store(postgres: &Postgres) {
    let objects = Arc::new(object_store::memory::InMemory::new());
    let bodies = || BodiesConfig::Objects(Arc::<object_store::memory::InMemory>::clone(&objects), "mail".to_owned());
    objects_do_as_they_should(postgres, "objects", &bodies).await;
    let url = postgres.database("objects_upkeep");
    let store = Store::open_cluster_with(&url, bodies(), TABLES, conformance::upkeep::options()).await.unwrap();
    let before = count(&objects).await;
    assert!(store.keep_house().await.unwrap().foreign);
    assert_eq!(count(&objects).await, before);
    store.adopt_bodies().await.unwrap();
    store.keep_house().await.unwrap();
    assert_eq!(count(&objects).await, 0);
    let kept = conformance::bodies::keep(&store, b"kept").await;
    let dead = conformance::bodies::keep(&store, b"dead").await;
    store.write(move |tx| tx.drop_reference(dead)).await.unwrap();
    conformance::bodies::stage(&store, b"never kept").await;
    assert_eq!(count(&objects).await, 3);
    let done = store.keep_house().await.unwrap();
    assert_eq!((done.bodies_freed, done.orphans_removed), (1, 1));
    assert_eq!(count(&objects).await, 1);
    damage_in_an_object_is_found(&store, &objects, kept).await;
}

async fn count(objects: &object_store::memory::InMemory) -> usize {
    use object_store::ObjectStore as _;
    // Beside the bodies stands whose they are.
    futures_util::StreamExt::count(objects.list(None)).await - 1
}

async fn damage_in_an_object_is_found(store: &Store, objects: &object_store::memory::InMemory, body: storage::BodyId) {
    use object_store::ObjectStoreExt as _;
    assert!(store.verify().await.unwrap().is_sound());
    let path = object_store::path::Path::from(format!("mail/{:016x}", body.0));
    let mut bytes = objects.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
    bytes[1] ^= 1;
    objects.put(&path, bytes.into()).await.unwrap();
    assert!(matches!(store.open(body).await, Err(Error::Damaged(_))));
    assert_eq!(store.verify().await.unwrap().damage.len(), 1);
    objects.delete(&path).await.unwrap();
    assert!(matches!(store.open(body).await, Err(Error::Damaged(why)) if why.contains("missing")));
}

/// The suite, long bodies in parts, and a salvage.
async fn objects_do_as_they_should(postgres: &Postgres, name: &str, bodies: &dyn Fn() -> BodiesConfig) {
    let store = Store::open_cluster(&postgres.database(name), bodies(), TABLES).await.unwrap();
    conformance::bodies::all(&store).await;
    let long = conformance::octets(13_000_000, 4);
    let id = conformance::bodies::keep(&store, &long).await;
    assert_eq!(store.open(id).await.unwrap().read_all(u64::MAX).await.unwrap(), long);
    let mut left = store.stage();
    left.append(long.into()).await.unwrap();
    drop(left);
    // A new database, and a bucket that holds more than it knows.
    let url = postgres.database(&format!("{name}_lost"));
    let store = Store::open_cluster_with(&url, bodies(), TABLES, conformance::upkeep::options()).await.unwrap();
    assert!(store.keep_house().await.unwrap().foreign);
    store.adopt_bodies().await.unwrap();
    assert!(store.keep_house().await.unwrap().orphans_removed > 0);
    let filled = conformance::upkeep::fill(&store).await;
    let url = postgres.database(&format!("{name}_found"));
    let store = Store::open_cluster_with(&url, bodies(), TABLES, conformance::upkeep::options()).await.unwrap();
    conformance::upkeep::a_lost_database_is_rebuilt(&store, &filled).await;
    let url = postgres.database(&format!("{name}_empty"));
    let store = Store::open_cluster_with(&url, bodies(), TABLES, conformance::upkeep::options()).await.unwrap();
    store.keep_house().await.unwrap();
}

async fn bodies_in_a_bucket(postgres: &Postgres) {
    let Some(bucket) = bucket::Server::start() else { return };
    objects_do_as_they_should(postgres, "bucket", &|| BodiesConfig::S3(bucket.bucket())).await;
}

async fn bodies_are_kept_up(postgres: &Postgres) {
    let folder = tempfile::tempdir().unwrap();
    let bodies = || BodiesConfig::Folder(folder.path().to_owned());
    let options = conformance::upkeep::options;
    let url = postgres.database("upkeep");
    let store = Store::open_cluster_with(&url, bodies(), TABLES, options()).await.unwrap();
    conformance::upkeep::all(&store, folder.path()).await;
    drop(store);
    let folder = tempfile::tempdir().unwrap();
    let bodies = || BodiesConfig::Folder(folder.path().to_owned());
    let first = postgres.database("first");
    let store = Store::open_cluster_with(&first, bodies(), TABLES, options()).await.unwrap();
    let filled = conformance::upkeep::fill(&store).await;
    let second = postgres.database("second");
    let store = Store::open_cluster_with(&second, bodies(), TABLES, options()).await.unwrap();
    conformance::upkeep::a_lost_database_is_rebuilt(&store, &filled).await;
}

async fn tables_are_brought_up_by_one_of_many(postgres: &Postgres) {
    let folder = tempfile::tempdir().unwrap();
    let url = postgres.database("many");
    let (one, two, three) =
        tokio::join!(open(&url, &folder, TABLES), open(&url, &folder, TABLES), open(&url, &folder, TABLES));
    one.unwrap();
    two.unwrap();
    let id = conformance::bodies::keep(&three.unwrap(), b"kept").await;
    let again = open(&url, &folder, TABLES).await.unwrap();
    assert_eq!(again.open(id).await.unwrap().read_all(9).await.unwrap(), "kept");
    let older = [Migrations { area: "check", steps: &TABLES[0].steps[..1] }];
    let error = open(&url, &folder, &older).await.err().unwrap();
    assert!(matches!(error, Error::Newer { found: 2, known: 1, .. }), "{error}");
}

/// Two closures lock two rows in opposite order: the server breaks the knot, and both happen in the end.
async fn a_conflict_is_run_again(postgres: &Postgres) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&postgres.database("conflict"), &folder, TABLES).await.unwrap();
    store.write(|tx| tx.execute("INSERT INTO check_box (account, uidnext) VALUES (1, 0), (2, 0)", &[])).await.unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let meet = Arc::new(std::sync::Barrier::new(2));
    let both = [(1i64, 2i64), (2, 1)].map(|(first, second)| {
        let (store, runs, meet) = (store.clone(), Arc::clone(&runs), Arc::clone(&meet));
        tokio::spawn(async move {
            store
                .write(move |tx| {
                    const ADD: &str = "UPDATE check_box SET uidnext = uidnext + 1 WHERE account = $1";
                    tx.execute(ADD, &[first.into()])?;
                    if runs.fetch_add(1, Ordering::Relaxed) < 2 {
                        meet.wait();
                    }
                    tx.execute(ADD, &[second.into()])
                })
                .await
                .unwrap();
        })
    });
    for one in both {
        one.await.unwrap();
    }
    assert!(runs.load(Ordering::Relaxed) > 2, "they did not meet");
    let sum = store.read(|q| q.query_one("SELECT SUM(uidnext) FROM check_box", &[])).await.unwrap().unwrap();
    assert_eq!(sum.int(0).unwrap(), 4);
}

/// "Look, then insert": the one who comes second is run again, and sees the row.
async fn a_race_for_a_key_is_decided(postgres: &Postgres) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&postgres.database("race"), &folder, TABLES).await.unwrap();
    let tasks: Vec<_> = (0..8i64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let (made, _) = store
                    .write(move |tx| {
                        if tx.query_one("SELECT number FROM check_name WHERE name = 'one'", &[])?.is_some() {
                            return Ok(false);
                        }
                        tx.execute("INSERT INTO check_name (name, number) VALUES ('one', $1)", &[number.into()])?;
                        Ok(true)
                    })
                    .await
                    .unwrap();
                made
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += u32::from(task.await.unwrap());
    }
    assert_eq!(made, 1);
}

/// The server commits, and its answer is lost on the way: that is neither a yes nor a no.
async fn a_lost_answer_to_commit_is_an_unknown_outcome(postgres: &Postgres) {
    let folder = tempfile::tempdir().unwrap();
    postgres.database("lost");
    let proxy = Proxy::start(postgres.folder());
    let url = format!("host={} user=postgres dbname=lost sslmode=disable", proxy.folder.path().display());
    let store = open(&url, &folder, TABLES).await.unwrap();
    const INSERT: &str = "INSERT INTO check_name (name, number) VALUES ($1, 1)";
    store.write(|tx| tx.execute(INSERT, &["whole".into()])).await.unwrap();
    proxy.cut.store(true, Ordering::Relaxed);
    let outcome = store.write(|tx| tx.execute(INSERT, &["unknown".into()])).await;
    assert!(matches!(outcome, Err(Error::OutcomeUnknown(_))), "{outcome:?}");
    proxy.cut.store(false, Ordering::Relaxed);
    // It did happen; who asks again with the same name finds out.
    let again = store.write(|tx| tx.execute(INSERT, &["unknown".into()])).await;
    assert!(matches!(again, Err(Error::Constraint(_))), "{again:?}");
}

/// A socket in front of the server's. With `cut`, a connection ends when a COMMIT was passed on.
struct Proxy {
    folder: tempfile::TempDir,
    cut: Arc<std::sync::atomic::AtomicBool>,
}

impl Proxy {
    fn start(server: &std::path::Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cut = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let listener = tokio::net::UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let (server, cutting) = (server.join(".s.PGSQL.5432"), Arc::clone(&cut));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = tokio::net::UnixStream::connect(&server).await.unwrap();
                tokio::spawn(Self::pass(client, server, Arc::clone(&cutting)));
            }
        });
        Self { folder, cut }
    }

    async fn pass(
        client: tokio::net::UnixStream,
        server: tokio::net::UnixStream,
        cut: Arc<std::sync::atomic::AtomicBool>,
    ) -> std::io::Result<()> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let length = from_client.read(&mut bytes).await?;
            let cuts = cut.load(Ordering::Relaxed) && bytes[..length].windows(7).any(|seven| seven == b"COMMIT\0");
            if cuts {
                back.abort();
            }
            to_server.write_all(&bytes[..length]).await?;
            if length == 0 || cuts {
                return to_server.shutdown().await;
            }
        }
    }
}

async fn a_server_that_went_away_is_found_again(postgres: &mut Postgres) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&postgres.database("away"), &folder, TABLES).await.unwrap();
    let id = conformance::bodies::keep(&store, b"before").await;
    postgres.crash();
    assert_eq!(store.open(id).await.unwrap().read_all(9).await.unwrap(), "before");
    postgres.crash();
    conformance::bodies::keep(&store, b"after").await;
}

#[tokio::test]
async fn a_wrong_url_is_the_operators_fault() {
    let folder = tempfile::tempdir().unwrap();
    let error = open("no url at all", &folder, TABLES).await.err().unwrap();
    assert!(matches!(error, Error::Settings(_)), "{error}");
    let nobody = format!("host={} user=nobody dbname=nothing", folder.path().display());
    let error = open(&nobody, &folder, TABLES).await.err().unwrap();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}
