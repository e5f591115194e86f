//! Killed at any moment, out of space, with a failing disk: what was answered is there once and whole, nothing is half
//! there.
//!
//! This binary starts itself as a child that writes letters and says on its standard output which were answered.

#![allow(unreachable_pub, reason = "modules of checks are shared by test binaries")]

mod conformance;
mod postgres;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use conformance::{TABLES, octets};
use postgres::Postgres;
use storage::{BodiesConfig, BodyId, Error, Options, Store};

/// Writers in the child: enough that groups form.
const WRITERS: usize = 8;

/// Letter numbers of one round begin at a multiple of this.
const ROUND: i64 = 1_000_000;

// --- the child ---------------------------------------------------------------------------------------------------

/// Not a check: the load, when this binary is started as a child.
#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let Some(folder) = std::env::var_os("ANGELIA_TEST_FOLDER") else { return };
    let first = std::env::var("ANGELIA_TEST_FIRST").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(load(folder.as_ref(), first));
}

async fn open(folder: &Path) -> Result<Store, Error> {
    // Small segments, so that rolling is killed as well.
    let options = Options { segment_octets: 2_000_000, ..Options::default() };
    match std::env::var("ANGELIA_TEST_URL") {
        Ok(url) => Store::open_cluster_with(&url, BodiesConfig::Folder(folder.to_owned()), TABLES, options).await,
        Err(_) => Store::open_embedded_with(folder, TABLES, options).await,
    }
}

async fn load(folder: &Path, first: i64) {
    let store = match open(folder).await {
        Ok(store) => store,
        Err(error) => {
            say(format!("closed {error}\n"));
            return;
        }
    };
    let next = Arc::new(AtomicI64::new(first));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    match deliver(&store, number).await {
                        Ok(()) => say(format!("ok {number}\n")),
                        Err(Error::Full(_)) => say(format!("full {number}\n")),
                        Err(Error::Failed(_)) => say(format!("failed {number}\n")),
                        Err(Error::OutcomeUnknown(_)) => say(format!("unknown {number}\n")),
                        Err(Error::Unavailable(_)) => say(format!("unavailable {number}\n")),
                        Err(error) => say(format!("other {number} {error:?}\n")),
                    }
                }
            })
        })
        .collect();
    // Until it is killed.
    futures_util::future::pending::<()>().await;
    drop(writers);
}

/// One call to the kernel, so that the line is there or not.
fn say(line: String) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("> {line}").as_bytes()).and_then(|()| out.flush());
}

fn body_of(number: i64) -> Vec<u8> {
    let length = match number % 16 {
        3 => 300_000,
        5 => 70_000,
        7 => 0,
        other => 1000 * usize::try_from(other).unwrap(),
    };
    octets(length, number.unsigned_abs())
}

async fn deliver(store: &Store, number: i64) -> Result<(), Error> {
    let mut stage = store.stage();
    stage.append(Bytes::from(body_of(number))).await?;
    let staged = stage.finish(Bytes::from(number.to_string())).await?;
    store
        .write(move |tx| {
            let body = tx.keep(&staged, 1)?;
            tx.execute(
                "INSERT INTO check_letter (account, uid, subject, body) VALUES (1, $1, $2, $3)",
                &[number.into(), number.to_string().into(), body.into()],
            )?;
            // A second row: never one without the other.
            tx.execute(
                "INSERT INTO check_name (name, number) VALUES ($1, $2)",
                &[number.to_string().into(), body.into()],
            )
        })
        .await
        .map(|_| ())
}

// --- the parent --------------------------------------------------------------------------------------------------

struct Load {
    child: Child,
    lines: BufReader<ChildStdout>,
    answered: BTreeSet<i64>,
    others: Vec<String>,
}

impl Load {
    fn start(folder: &Path, url: Option<&str>, round: i64, failpoint: Option<&str>) -> Self {
        Self::with(Command::new(std::env::current_exe().unwrap()), folder, url, round, failpoint)
    }

    fn with(mut command: Command, folder: &Path, url: Option<&str>, round: i64, failpoint: Option<&str>) -> Self {
        command.args(["--exact", "child", "--ignored", "--nocapture", "--quiet"]);
        command.env("ANGELIA_TEST_FOLDER", folder).env("ANGELIA_TEST_FIRST", (round * ROUND).to_string());
        if let Some(url) = url {
            command.env("ANGELIA_TEST_URL", url);
        }
        if let Some(failpoint) = failpoint {
            command.env("ANGELIA_FAILPOINT", failpoint);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, answered: BTreeSet::new(), others: Vec::new() }
    }

    /// Reads a line; false at the end.
    fn step(&mut self) -> bool {
        let mut line = String::new();
        if self.lines.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        // The rest is the test harness's own.
        let Some(line) = line.trim_end().strip_prefix("> ") else { return true };
        match line.strip_prefix("ok ") {
            Some(number) => {
                self.answered.insert(number.parse().unwrap());
            }
            None => self.others.push(line.to_owned()),
        }
        true
    }

    fn others(&self, kind: &str) -> usize {
        self.others.iter().filter(|line| line.starts_with(kind)).count()
    }

    /// SIGKILL, then what was said before.
    fn kill(mut self) -> (BTreeSet<i64>, Vec<String>) {
        self.child.kill().unwrap();
        while self.step() {}
        self.child.wait().unwrap();
        (self.answered, self.others)
    }
}

/// Every answered letter is there with its whole body; every letter that is there is whole.
async fn check(store: &Store, answered: &BTreeSet<i64>) {
    let rows: Vec<(i64, BodyId, i64)> = store
        .read(|q| {
            let rows = q.query(
                "SELECT l.uid, l.body, n.number FROM check_letter l LEFT JOIN check_name n ON n.name = l.subject",
                &[],
            )?;
            rows.iter().map(|row| Ok((row.int(0)?, row.body(1)?, row.int(2)?))).collect()
        })
        .await
        .unwrap();
    let names = store.read(|q| q.query_one("SELECT COUNT(*) FROM check_name", &[])).await.unwrap().unwrap();
    assert_eq!(names.int(0).unwrap(), i64::try_from(rows.len()).unwrap());
    let there: BTreeSet<i64> = rows.iter().map(|row| row.0).collect();
    assert_eq!(there.len(), rows.len());
    let lost: Vec<_> = answered.difference(&there).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    for (number, body, other) in rows {
        assert_eq!(body.0, other);
        let body = store.open(body).await.unwrap().read_all(u64::MAX).await.unwrap();
        assert_eq!(body, body_of(number), "letter {number}");
    }
}

/// Kills so many times, after times that differ, and checks now and then.
async fn killed_at_random(folder: &Path, url: Option<&str>, kills: i64) {
    let mut answered = BTreeSet::new();
    let mut checked = BTreeSet::new();
    for round in 1..=kills {
        let mut load = Load::start(folder, url, round, None);
        // Every other time it has done something for certain, however busy the machine.
        while round % 2 == 0 && load.answered.len() < 1 + round.unsigned_abs() as usize % 9 && load.step() {}
        tokio::time::sleep(Duration::from_millis(15 + (round * 7919 % 97).unsigned_abs())).await;
        let (ok, others) = load.kill();
        let strange: Vec<_> =
            others.iter().filter(|line| line.starts_with("other") || line.starts_with("closed")).collect();
        assert!(strange.is_empty(), "{strange:?}");
        answered.extend(ok);
        if round % 25 == 0 || round == kills {
            check(&open_in_parent(folder, url).await, &answered).await;
            checked.clone_from(&answered);
        }
    }
    assert_eq!(checked, answered);
    assert!(answered.len() >= usize::try_from(kills).unwrap(), "only {} letters", answered.len());
    let verdict = open_in_parent(folder, url).await.verify().await.unwrap();
    assert!(verdict.is_sound(), "{verdict:?}");
    eprintln!("{kills} kills, {} letters answered, {} there", answered.len(), verdict.bodies);
}

async fn open_in_parent(folder: &Path, url: Option<&str>) -> Store {
    match url {
        Some(url) => Store::open_cluster(url, BodiesConfig::Folder(folder.to_owned()), TABLES).await.unwrap(),
        None => Store::open_embedded(folder, TABLES).await.unwrap(),
    }
}

#[tokio::test]
async fn killed_at_random_moments_embedded() {
    let folder = tempfile::tempdir().unwrap();
    killed_at_random(folder.path(), None, 150).await;
}

#[tokio::test]
async fn killed_at_named_places_embedded() {
    let folder = tempfile::tempdir().unwrap();
    killed_at_named_places(folder.path(), None, 20).await;
}

async fn killed_at_named_places(folder: &Path, url: Option<&str>, times: i64) {
    let mut answered = BTreeSet::new();
    let mut round = 0;
    for place in ["after-body-sync", "before-commit", "after-commit"] {
        for count in 1..=times {
            round += 1;
            let failpoint = format!("{place}:{}", 2 * count);
            let mut load = Load::start(folder, url, round, Some(&failpoint));
            while load.step() {}
            assert!(!load.child.wait().unwrap().success(), "{place} was not passed");
            assert!(load.others.is_empty(), "{:?}", load.others);
            answered.extend(load.answered);
        }
        check(&open_in_parent(folder, url).await, &answered).await;
    }
    assert!(answered.len() > usize::try_from(times).unwrap(), "{}", answered.len());
}

#[tokio::test]
async fn killed_on_postgresql_and_postgresql_killed() {
    let Some(mut postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = postgres.database("kills");
    killed_at_random(folder.path(), Some(&url), 50).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), postgres.database("places"));
    killed_at_named_places(folder.path(), Some(&url), 6).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), postgres.database("server"));
    let mut answered = BTreeSet::new();
    for round in 1..=6 {
        let mut load = Load::start(folder.path(), Some(&url), round, None);
        while load.answered.len() < 20 * usize::try_from(round).unwrap() && load.step() {}
        // The server loses its memory; the client lives on, and goes on when the server is back.
        postgres.crash();
        let before = load.answered.len();
        while load.answered.len() < before + 40 && load.step() {}
        let (ok, others) = load.kill();
        assert!(!others.iter().any(|line| line.starts_with("other")), "{others:?}");
        answered.extend(ok);
        check(&open_in_parent(folder.path(), Some(&url)).await, &answered).await;
    }
}

/// A write that fails is told as what it is, the ones before and after it are whole.
#[tokio::test]
async fn faults_of_one_write_cost_that_write_only() {
    for (failpoint, kind) in [
        ("body-write=enospc:5", "full"),
        ("body-write=short:5", "failed"),
        ("body-write=eio:5", "failed"),
        ("spill-write=enospc:2", "full"),
        ("segment-create=enospc:2", "full"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut load = Load::start(folder.path(), None, 1, Some(failpoint));
        while load.others(kind) == 0 && load.step() {
            assert!(load.answered.len() < 100_000, "{failpoint}: no fault");
        }
        let before = load.answered.len();
        while load.answered.len() < before + 100 && load.step() {}
        assert!(load.answered.len() >= before + 100, "{failpoint}: no more after the fault: {:?}", load.others);
        let (answered, others) = load.kill();
        assert!(others.iter().all(|line| line.starts_with(kind)), "{failpoint}: {others:?}");
        assert!(others.len() <= WRITERS, "{failpoint}: {others:?}");
        check(&open_in_parent(folder.path(), None).await, &answered).await;
    }
}

/// A group that finds no room for its log is written once more when the log has been moved into the database.
#[tokio::test]
async fn a_commit_without_room_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::start(folder.path(), None, 1, Some("commit=enospc:5"));
    while load.answered.len() < 1000 && load.step() {}
    let (answered, others) = load.kill();
    assert!(others.is_empty(), "{others:?}");
    assert!(answered.len() >= 1000);
    check(&open_in_parent(folder.path(), None).await, &answered).await;
}

/// After a failed sync nothing is accepted, and nothing that was answered is lost.
#[tokio::test]
async fn a_failed_sync_ends_all_accepting() {
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::start(folder.path(), None, 1, Some("body-sync=eio:20"));
    while load.others("failed") == 0 && load.step() {}
    let before = load.answered.len();
    while load.others("failed") < 1000 * WRITERS && load.step() {}
    // Each writer may have had one body synced before, and its answer on the way.
    assert!(load.answered.len() < before + WRITERS, "{} after {before}", load.answered.len());
    let (answered, others) = load.kill();
    assert!(others.iter().all(|line| line.starts_with("failed")), "{others:?}");
    check(&open_in_parent(folder.path(), None).await, &answered).await;
}

/// The same when what failed is the sync of the database itself, and the log is kept.
#[tokio::test]
async fn a_failed_checkpoint_ends_all_accepting() {
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::start(folder.path(), None, 1, Some("checkpoint=eio"));
    while load.others("failed") < 10 * WRITERS && load.step() {}
    let before = load.answered.len();
    while load.others("failed") < 1000 * WRITERS && load.step() {}
    assert_eq!(load.answered.len(), before);
    let (answered, others) = load.kill();
    assert!(others.iter().all(|line| line.starts_with("failed")), "{others:?}");
    assert!(folder.path().join("store.db-wal").metadata().unwrap().len() > 0);
    check(&open_in_parent(folder.path(), None).await, &answered).await;
}

/// The kernel cuts writes short, then refuses them: as on a full disk, but for any user.
#[tokio::test]
async fn files_that_may_not_grow_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\"").arg(std::env::current_exe().unwrap());
    let mut load = Load::with(shell, folder.path(), None, 1, None);
    while load.others("full") + load.others("failed") < 20 && load.step() {}
    let (answered, others) = load.kill();
    assert!(others.iter().all(|line| line.starts_with("full") || line.starts_with("failed")), "{others:?}");
    assert!(!answered.is_empty());
    let store = open_in_parent(folder.path(), None).await;
    check(&store, &answered).await;
    deliver(&store, 9 * ROUND).await.unwrap();
}

/// A file system that is full, and has room again.
#[tokio::test]
async fn a_full_disk_is_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: only root may mount a small file system");
        return;
    }
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 2_000_000]).unwrap();
    let outcome = tokio::spawn({
        let folder = folder.path().to_owned();
        async move {
            let mut load = Load::start(&folder, None, 1, None);
            while load.others("full") < 30 && load.step() {}
            std::fs::remove_file(ballast).unwrap();
            let before = load.answered.len();
            while load.answered.len() < before + 5 && load.step() {}
            assert!(load.answered.len() >= before + 5, "nothing after room was made: {:?}", load.others);
            let (answered, others) = load.kill();
            assert!(others.iter().all(|line| line.starts_with("full")), "{others:?}");
            check(&open_in_parent(&folder, None).await, &answered).await;
        }
    })
    .await;
    // Lazily: the store's threads may still close their files.
    assert!(Command::new("umount").arg("-l").arg(folder.path()).status().unwrap().success());
    outcome.unwrap();
}
