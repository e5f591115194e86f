//! The embedded engine: the conformance suite, and what only it does.
#![allow(unreachable_pub, reason = "modules of checks are shared by test binaries")]

mod conformance;

use conformance::TABLES;
use storage::{Error, Migrations, Options, Store};

#[tokio::test(flavor = "multi_thread")]
async fn rows() {
    let folder = tempfile::tempdir().unwrap();
    conformance::rows::all(&Store::open_embedded(folder.path(), TABLES).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies() {
    let folder = tempfile::tempdir().unwrap();
    conformance::bodies::all(&Store::open_embedded(folder.path(), TABLES).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_with_little_memory_and_small_segments() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { segment_octets: 100_000, bodies_in_memory_octets: 100_000, readers: 2, ..Options::default() };
    let store = Store::open_embedded_with(folder.path(), TABLES, options).await.unwrap();
    conformance::bodies::all(&store).await;
}

/// What was written a moment ago is read without the disk, and memory is bounded: the oldest of them are not.
#[tokio::test(flavor = "multi_thread")]
async fn recent_bodies_stay_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { recent_octets: 100_000, ..Options::default() };
    let store = Store::open_embedded_with(folder.path(), TABLES, options).await.unwrap();
    let first = conformance::bodies::keep(&store, b"the first").await;
    let long = conformance::octets(100_000, 5);
    let several_blocks = conformance::bodies::keep(&store, &long).await;
    let mut later = Vec::new();
    for seed in 0..20 {
        let octets = conformance::octets(9_000, seed);
        later.push((conformance::bodies::keep(&store, &octets).await, octets));
    }
    assert_eq!(store.open(several_blocks).await.unwrap().read_all(100_000).await.unwrap(), long);
    for entry in std::fs::read_dir(folder.path().join("bodies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(40).unwrap();
        }
    }
    let (last, octets) = later.last().unwrap();
    let body = store.open(*last).await.unwrap();
    assert_eq!(body.len(), 9_000);
    assert_eq!(body.read(100..200).await.unwrap(), octets[100..200]);
    for gone in [first, several_blocks, later[0].0] {
        assert!(matches!(store.open(gone).await.err().unwrap(), Error::Damaged(_)));
    }
    let there = later.iter().rev().take(10);
    for (id, octets) in there {
        assert_eq!(store.open(*id).await.unwrap().read_all(9_000).await.unwrap(), *octets);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opens_again_with_all_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    let id = conformance::bodies::keep(&store, b"kept").await;
    drop(store);
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    assert_eq!(store.open(id).await.unwrap().read_all(10).await.unwrap(), "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_brought_up_and_a_newer_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let steps = TABLES[0].steps;
    let old = [Migrations { area: "check", steps: &steps[..1] }];
    let store = Store::open_embedded(folder.path(), &old).await.unwrap();
    assert!(store.read(|q| q.query("SELECT name FROM check_name", &[])).await.is_err());
    drop(store);
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    assert!(store.read(|q| q.query("SELECT name FROM check_name", &[])).await.unwrap().is_empty());
    drop(store);
    let error = Store::open_embedded(folder.path(), &old).await.err().unwrap();
    assert!(matches!(&error, Error::Newer { area, found: 2, known: 1 } if area == "check"), "{error}");
    assert!(error.to_string().contains("newer program"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_folder_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) =
        tokio::join!(Store::open_embedded(folder.path(), TABLES), Store::open_embedded(folder.path(), TABLES));
    let (one, two) = (one.unwrap(), two.unwrap());
    let before = one.foreign_version().await.unwrap();
    conformance::bodies::keep(&one, b"own").await;
    assert_eq!(one.foreign_version().await.unwrap(), before);
    let id = conformance::bodies::keep(&two, b"other").await;
    assert_ne!(one.foreign_version().await.unwrap(), before);
    assert_eq!(one.open(id).await.unwrap().read_all(10).await.unwrap(), "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded_with(folder.path(), TABLES, conformance::upkeep::options()).await.unwrap();
    conformance::upkeep::all(&store, &folder.path().join("bodies")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_rebuilt_from_the_segments() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    let filled = conformance::upkeep::fill(&store).await;
    store.close().await.unwrap();
    assert!(matches!(store.write(|tx| tx.execute("DELETE FROM check_name", &[])).await, Err(Error::Failed(_))));
    assert!(matches!(store.read(|q| q.query("SELECT 1", &[])).await, Err(Error::Failed(_))));
    assert!(!folder.path().join("store.db-wal").exists(), "the last one to close moves the log into the database");
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    conformance::upkeep::a_lost_database_is_rebuilt(&store, &filled).await;
}

/// Housekeeping that waits for nothing, but for orphans as long as a server does.
fn options_of_a_server() -> Options {
    Options { orphan_grace: Options::default().orphan_grace, ..conformance::upkeep::options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn housekeeping_leaves_the_bodies_of_a_lost_database_alone() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open_embedded_with(folder.path(), TABLES, conformance::upkeep::options());
    let store = open().await.unwrap();
    assert!(!store.are_bodies_foreign().await.unwrap());
    let filled = conformance::upkeep::fill(&store).await;
    store.close().await.unwrap();
    std::fs::remove_file(folder.path().join("store.db")).unwrap();
    for _ in 0..2 {
        let store = open().await.unwrap();
        assert!(store.are_bodies_foreign().await.unwrap());
        assert!(store.keep_house().await.unwrap().foreign);
        // A letter that comes in meanwhile changes nothing.
        let own = conformance::bodies::keep(&store, b"since").await;
        store.write(move |tx| tx.drop_reference(own)).await.unwrap();
        assert!(store.keep_house().await.unwrap().foreign);
        store.close().await.unwrap();
    }
    let store = open().await.unwrap();
    conformance::upkeep::salvage_all(&store, &filled).await;
    store.adopt_bodies().await.unwrap();
    assert!(!store.are_bodies_foreign().await.unwrap());
    for _ in 0..3 {
        assert!(!store.keep_house().await.unwrap().foreign);
    }
    for (id, octets) in &filled {
        assert_eq!(store.open(*id).await.unwrap().read_all(u64::MAX).await.unwrap(), octets);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_put_back_costs_no_body() {
    let folder = tempfile::tempdir().unwrap();
    let open = |options| Store::open_embedded_with(folder.path(), TABLES, options);
    let (database, copy) = (folder.path().join("store.db"), folder.path().join("copy"));
    let store = open(options_of_a_server()).await.unwrap();
    conformance::bodies::keep(&store, b"before the copy").await;
    store.close().await.unwrap();
    std::fs::copy(&database, &copy).unwrap();
    let store = open(options_of_a_server()).await.unwrap();
    let filled = conformance::upkeep::fill(&store).await;
    store.close().await.unwrap();
    drop(store);
    std::fs::rename(&copy, &database).unwrap();
    let store = open(options_of_a_server()).await.unwrap();
    assert!(!store.are_bodies_foreign().await.unwrap());
    for _ in 0..20 {
        let done = store.keep_house().await.unwrap();
        assert_eq!((done.foreign, done.segments_removed), (false, 0));
        // The threads of the store that was dropped let go of its segments in their own time.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    conformance::upkeep::salvage_all(&store, &filled).await;
    for _ in 0..3 {
        store.keep_house().await.unwrap();
    }
    for (id, octets) in &filled {
        assert_eq!(store.open(*id).await.unwrap().read_all(u64::MAX).await.unwrap(), octets);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_freed_does_not_wait_as_long_as_an_orphan() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded_with(folder.path(), TABLES, options_of_a_server()).await.unwrap();
    conformance::upkeep::dead_space_comes_back(&store, &folder.path().join("bodies")).await;
}

/// The scan takes damage at the end of a segment for what a crash cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_whose_last_header_is_damaged_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded_with(folder.path(), TABLES, conformance::upkeep::options()).await.unwrap();
    let octets = conformance::octets(300_000, 3);
    let id = conformance::bodies::keep(&store, &octets).await;
    store.close().await.unwrap();
    drop(store);
    for entry in std::fs::read_dir(folder.path().join("bodies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            // The first header behind the segment's own of 32 octets.
            use std::os::unix::fs::FileExt as _;
            let at = 32 + 9;
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().write_all_at(b"rot", at).unwrap();
        }
    }
    let store = Store::open_embedded_with(folder.path(), TABLES, conformance::upkeep::options()).await.unwrap();
    let mut noticed = 0;
    // The threads of the store that was dropped let go of the segment in their own time.
    for _ in 0..2000 {
        let done = store.keep_house().await.unwrap();
        assert_eq!(done.segments_removed, 0);
        noticed += done.damaged;
        if noticed > 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(noticed > 1);
    assert_eq!(store.open(id).await.unwrap().read_all(u64::MAX).await.unwrap(), octets);
}

/// A folder in a segment's place: it can be opened and locked, and not be read.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_segment_or_row_concerns_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = folder.path().join("bodies");
    std::fs::create_dir_all(bodies.join("0000000000000001.seg")).unwrap();
    let store = Store::open_embedded_with(folder.path(), TABLES, conformance::upkeep::options()).await.unwrap();
    store.adopt_bodies().await.unwrap();
    let odd = conformance::bodies::keep(&store, b"odd").await;
    let spoil = "UPDATE storage_body SET octets = -1, refs = 0, dead_since = 1 WHERE body = $1";
    store.write(move |tx| tx.execute(spoil, &[odd.into()])).await.unwrap();
    let dead = conformance::bodies::keep(&store, b"dead").await;
    store.write(move |tx| tx.drop_reference(dead)).await.unwrap();
    let done = store.keep_house().await.unwrap();
    assert_eq!((done.bodies_freed, done.damaged, done.failed), (1, 1, 1));
}

/// A row that its index does not know.
#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_database_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    let insert = |tx: &dyn storage::Transaction| {
        (0..500).try_for_each(|name| {
            let name = format!("a name that will be another {name}");
            tx.execute("INSERT INTO check_name (name, number) VALUES ($1, 1)", &[name.into()]).map(|_| ())
        })
    };
    store.write(insert).await.unwrap();
    assert!(store.verify().await.unwrap().is_sound());
    store.close().await.unwrap();
    let path = folder.path().join("store.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = b"a name that will be another 7";
    let at = bytes.windows(needle.len()).rposition(|window| window == needle).unwrap();
    bytes[at] = b'z';
    std::fs::write(&path, bytes).unwrap();
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    let verdict = store.verify().await.unwrap();
    assert!(verdict.damage.iter().any(|complaint| complaint.contains("the database")), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time_keeps_house() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded_with(folder.path(), TABLES, conformance::upkeep::options()).await.unwrap();
    let lock = std::fs::File::create(folder.path().join("bodies/housekeeping.lock")).unwrap();
    lock.lock().unwrap();
    assert!(store.keep_house().await.unwrap().elsewhere);
    drop(lock);
    assert!(!store.keep_house().await.unwrap().elsewhere);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_vanished_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    let id = conformance::bodies::keep(&store, b"kept").await;
    drop(store);
    std::fs::remove_dir_all(folder.path().join("bodies")).unwrap();
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    let error = store.open(id).await.err().unwrap();
    assert!(matches!(&error, Error::Damaged(why) if why.contains("missing")), "{error}");
}

/// Each start begins a segment: many short ones become one.
#[tokio::test(flavor = "multi_thread")]
async fn small_segments_are_brought_together() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = folder.path().join("bodies");
    let segments = || std::fs::read_dir(&bodies).unwrap().count() - 2;
    let mut ids = Vec::new();
    let options = Options { segment_octets: 200_000, ..conformance::upkeep::options() };
    for _ in 0..12 {
        let store = Store::open_embedded_with(folder.path(), TABLES, options.clone()).await.unwrap();
        ids.push(conformance::bodies::keep(&store, b"one of many").await);
    }
    let store = Store::open_embedded_with(folder.path(), TABLES, options).await.unwrap();
    // The threads of the stores that were dropped let go of their segments in their own time.
    for _ in 0..2000 {
        store.keep_house().await.unwrap();
        if segments() <= 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(segments() <= 3, "{} segments", segments());
    for id in ids {
        assert_eq!(store.open(id).await.unwrap().read_all(99).await.unwrap(), "one of many");
    }
    assert!(store.verify().await.unwrap().is_sound());
}

/// A body of 128 MiB is written and read with a few of them in memory.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_whatever_the_size() {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: u64 = 2048;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
    let chunk = bytes::Bytes::from(conformance::octets(CHUNK, 1));
    let before = memory_peak_kib();
    let mut stage = store.stage();
    for _ in 0..CHUNKS {
        stage.append(chunk.clone()).await.unwrap();
    }
    let staged = stage.finish(bytes::Bytes::new()).await.unwrap();
    let (id, _) = store.write(move |tx| tx.keep(&staged, 1)).await.unwrap();
    let body = store.open(id).await.unwrap();
    assert_eq!(body.len(), CHUNKS * CHUNK as u64);
    let mut at = 0;
    while at < body.len() {
        let read = body.read(at..u64::MAX).await.unwrap();
        assert!(read.chunks(CHUNK).all(|read| read == chunk));
        at += read.len() as u64;
    }
    let grown = memory_peak_kib() - before;
    assert!(grown < 48 * 1024, "{grown} KiB");
}

fn memory_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
