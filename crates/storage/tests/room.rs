//! A disk that gets short of room, and one that is full: what comes from outside is refused in time, and what is here can
//! still be written off.
#![allow(unreachable_pub, reason = "modules of checks are shared by test binaries")]

mod conformance;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use conformance::TABLES;
use storage::limits::BALLAST_OCTETS;
use storage::{Error, Options, Reserve, Store};

const RESERVE: u64 = 64 << 20;

/// What is free stands in a file.
fn said(folder: &Path) -> std::io::Result<u64> {
    let text = std::fs::read_to_string(folder.join("free"))?;
    text.parse().map_err(std::io::Error::other)
}

fn say(folder: &Path, free: u64) {
    std::fs::write(folder.join("new"), free.to_string()).unwrap();
    std::fs::rename(folder.join("new"), folder.join("free")).unwrap();
}

async fn open(folder: &Path) -> Result<Store, Error> {
    let reserve = Some(Reserve { octets: RESERVE, free: said });
    let options = Options { reserve, housekeeping: Some(Duration::from_millis(50)), ..Options::default() };
    Store::open_embedded_with(folder, TABLES, options).await
}

/// What was found is believed for a moment, and the house is kept from time to time.
async fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn has_ballast(folder: &Path) -> bool {
    std::fs::metadata(folder.join("store.ballast")).is_ok_and(|found| found.len() == BALLAST_OCTETS)
}

#[tokio::test]
async fn the_last_room_is_for_what_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    // Nobody knows what is free: then nobody is refused.
    store.check_room(u64::MAX).unwrap();
    assert!(!has_ballast(folder.path()));
    say(folder.path(), 3 * RESERVE);
    until(|| store.check_room(2 * RESERVE + 1).is_err()).await;
    store.check_room(2 * RESERVE).unwrap();
    until(|| has_ballast(folder.path())).await;
    let (mut begun, mut whole) = (store.stage_from_outside(), store.stage_from_outside());
    begun.append(Bytes::from_static(b"one")).await.unwrap();
    whole.append(Bytes::from_static(b"two")).await.unwrap();

    say(folder.path(), RESERVE - 1);
    until(|| store.check_room(0).is_err()).await;
    assert!(store.has_half_of_reserve());
    assert!(matches!(begun.append(Bytes::from_static(b"more")).await, Err(Error::Full(_))));
    assert!(matches!(whole.finish(Bytes::new()).await.err(), Some(Error::Full(_))));
    // What is our own goes on.
    conformance::bodies::keep(&store, b"a notice").await;
    say(folder.path(), RESERVE / 2 - 1);
    until(|| !store.has_half_of_reserve()).await;
    conformance::bodies::keep(&store, b"another notice").await;
    assert!(has_ballast(folder.path()));

    say(folder.path(), RESERVE + 1000);
    until(|| store.check_room(0).is_ok()).await;
    let mut stage = store.stage_from_outside();
    stage.append(Bytes::from_static(b"three")).await.unwrap();
    stage.finish(Bytes::new()).await.unwrap();
}

/// As somebody else's files do.
fn fill(folder: &Path) {
    let mut filler = std::fs::File::create(folder.join("filler")).unwrap();
    for octets in [1 << 16, 1 << 12] {
        while std::io::Write::write_all(&mut filler, &vec![1; octets]).is_ok() {}
    }
}

/// Takes `count` rows away, each in a transaction of its own.
async fn drop_some(store: &Store, from: i64, count: i64) {
    for uid in from..from + count {
        const DROP: &str = "DELETE FROM check_letter WHERE account = 1 AND uid = $1";
        let (gone, _) =
            store.write(move |tx| tx.execute(DROP, &[uid.into()])).await.unwrap_or_else(|e| panic!("{uid}: {e}"));
        assert_eq!(gone, 1);
    }
}

async fn dropped_on_a_full_disk(folder: &Path) {
    say(folder, 2 * RESERVE);
    let store = open(folder).await.unwrap();
    let fill_in = |tx: &dyn storage::Transaction| {
        for uid in 0..1000_i64 {
            const ADD: &str = "INSERT INTO check_letter (account, uid, subject) VALUES (1, $1, $2)";
            tx.execute(ADD, &[uid.into(), "s".repeat(1000).into()])?;
        }
        Ok(())
    };
    store.write(fill_in).await.unwrap();
    until(|| has_ballast(folder)).await;
    say(folder, 0);
    fill(folder);
    drop_some(&store, 0, 200).await;
    assert!(!has_ballast(folder));
    store.close().await.unwrap();

    // A start on a full disk: everything is there again before, but no room for the log.
    std::fs::remove_file(folder.join("filler")).unwrap();
    say(folder, 2 * RESERVE);
    let store = open(folder).await.unwrap();
    until(|| has_ballast(folder)).await;
    say(folder, 0);
    store.close().await.unwrap();
    fill(folder);
    let store = open(folder).await.unwrap();
    drop_some(&store, 200, 200).await;
    assert!(!has_ballast(folder));
    let left = store.read(|query| query.query_one("SELECT COUNT(*) FROM check_letter", &[])?.unwrap().int(0));
    assert_eq!(left.await.unwrap(), 600);
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_is_here_is_written_off_though_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: only root may mount a small file system");
        return;
    }
    let path = folder.path().to_owned();
    let outcome = tokio::spawn(async move { dropped_on_a_full_disk(&path).await }).await;
    // Lazily: the store's threads may still close their files.
    assert!(Command::new("umount").arg("-l").arg(folder.path()).status().unwrap().success());
    outcome.unwrap();
}
