//! How many letters a second the store makes durable: a body, a mailbox's counter, two rows and a label each.
//!
//! `cargo run --release -p storage --example throughput -- [folder] [octets] [seconds] [postgresql-url]`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::{BodiesConfig, Error, Migrations, Store};

const TABLES: &[Migrations] = &[Migrations {
    area: "throughput",
    steps: &["
        CREATE TABLE t_box (account BIGINT PRIMARY KEY, uidnext BIGINT NOT NULL);
        CREATE TABLE t_letter (account BIGINT NOT NULL, uid BIGINT NOT NULL, body BIGINT NOT NULL,
            octets BIGINT NOT NULL, flags BIGINT NOT NULL, at BIGINT NOT NULL, seal BIGINT NOT NULL,
            PRIMARY KEY (account, uid)) /* clustered */;
        CREATE TABLE t_envelope (account BIGINT NOT NULL, uid BIGINT NOT NULL, envelope BYTEA NOT NULL,
            PRIMARY KEY (account, uid)) /* clustered */;
    "],
}];

const ACCOUNTS: i64 = 100;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("angelia-throughput"), PathBuf::from);
    let octets = arguments.next().and_then(|octets| octets.parse().ok()).unwrap_or(4096);
    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok()).unwrap_or(5);
    let store = match arguments.next() {
        Some(url) => Store::open_cluster(&url, BodiesConfig::Folder(folder), TABLES).await?,
        None => Store::open_embedded(&folder, TABLES).await?,
    };
    store
        .write(|tx| {
            for account in 0..ACCOUNTS {
                let values = [account.into()];
                tx.execute("INSERT INTO t_box (account, uidnext) VALUES ($1, 1) ON CONFLICT DO NOTHING", &values)?;
            }
            Ok(())
        })
        .await?;
    for writers in [1, 16, 64] {
        measure(&store, writers, octets, Duration::from_secs(seconds)).await?;
    }
    Ok(())
}

async fn measure(store: &Store, writers: usize, octets: usize, length: Duration) -> Result<(), Error> {
    let (began, cpu) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let body = Bytes::from(vec![b'a' + (writer % 26) as u8; octets]);
                let mut waits = Vec::new();
                while began.elapsed() < length {
                    let one = Instant::now();
                    deliver(&store, body.clone(), (waits.len() * 31 + writer) as i64 % ACCOUNTS).await?;
                    waits.push(one.elapsed());
                }
                Ok::<_, Error>(waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.map_err(|error| Error::Bug(error.to_string()))??);
    }
    let (took, cpu) = (began.elapsed(), self::cpu() - cpu);
    waits.sort();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default();
    println!(
        "{writers:3} writers: {:7.0} letters/s, {:5.1} us CPU a letter, p50 {:?}, p99 {:?}",
        waits.len() as f64 / took.as_secs_f64(),
        cpu * 1e6 / waits.len() as f64,
        at(50),
        at(99),
    );
    Ok(())
}

async fn deliver(store: &Store, body: Bytes, account: i64) -> Result<(), Error> {
    let octets = body.len() as i64;
    let mut stage = store.stage();
    stage.append(body).await?;
    let staged = stage.finish(Bytes::from_static(&[7; 350])).await?;
    let envelope = vec![9u8; 300];
    store
        .write(move |tx| {
            let body = tx.keep(&staged, 1)?;
            let row = tx.query_one(
                "UPDATE t_box SET uidnext = uidnext + 1 WHERE account = $1 RETURNING uidnext - 1",
                &[account.into()],
            )?;
            let uid = row.ok_or(Error::Refused("no box".to_owned()))?.int(0)?;
            let seal = storage::seal(&[account.into(), uid.into(), body.into(), octets.into()]);
            tx.execute(
                "INSERT INTO t_letter (account, uid, body, octets, flags, at, seal) VALUES ($1, $2, $3, $4, 0, $5, $6)",
                &[account.into(), uid.into(), body.into(), octets.into(), 1.into(), seal.into()],
            )?;
            tx.execute(
                "INSERT INTO t_envelope (account, uid, envelope) VALUES ($1, $2, $3)",
                &[account.into(), uid.into(), envelope.clone().into()],
            )
        })
        .await
        .map(|_| ())
}

/// Seconds of CPU that this process has used, in user and kernel.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // `state` is no number and falls out, so that utime and stime are the 11th and 12th that are left.
    fields.get(10).zip(fields.get(11)).map_or(0.0, |(user, system)| (user + system) / 100.0)
}
