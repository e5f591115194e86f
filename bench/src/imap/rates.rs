//! What many clients get done in a second, and what those that wait cost.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::client::Client;
use super::fill::{literal, message};
use super::server::Server;
use super::{Figure, OTHER, Options, WORKED};
use crate::subject::{PASSWORD, address};

/// How long each is measured.
const SECONDS: u64 = 3;

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Figure>> {
    let (imap, pop3, octets) = (server.imap, server.pop3, options.octets);
    let per_second = |row: &str, value: f64| {
        eprintln!("  {row}: {value:.0} a second");
        Figure { row: row.to_owned(), value, unit: "a second" }
    };
    let mut figures = Vec::new();
    let fetching = rate(10, move |count, until| async move {
        let mut client = Client::select(imap, WORKED).await?;
        let mut n = 0;
        while Instant::now() < until {
            n = (n * 31 + 7) % 5000;
            client.run(&format!("FETCH {} BODY.PEEK[]", n + 1)).await?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    figures.push(per_second("10 clients FETCH a body", fetching.await?));
    let appending = rate(32, move |count, until| async move {
        let mut client = Client::sign_in(imap, OTHER).await?;
        let (size, rest) = literal(&message(7, octets));
        while Instant::now() < until {
            client.run_with(&format!("APPEND INBOX {size}"), &rest).await?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    figures.push(per_second("32 clients APPEND", appending.await?));
    let entering = rate(16, move |count, until| async move {
        while Instant::now() < until {
            Client::sign_in(imap, OTHER).await?.run("LOGOUT").await?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    figures.push(per_second("16 clients sign in", entering.await?));
    let popping = rate(1, move |count, until| async move {
        let mut client = Client::connect(pop3).await?;
        client.pop(&format!("USER {}", address(WORKED)), false).await?;
        client.pop(&format!("PASS {PASSWORD}"), false).await?;
        let mut n = 0;
        while Instant::now() < until {
            n = (n + 1) % 5000;
            client.pop(&format!("RETR {}", n + 1), true).await?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        client.pop("QUIT", false).await.map(|_| ())
    });
    figures.push(per_second("POP3 RETR", popping.await?));
    let value = waiting(server, options).await?;
    eprintln!("  a waiting connection: {value:.1} KiB");
    figures.push(Figure { row: "a connection in IDLE".to_owned(), value, unit: "KiB" });
    Ok(figures)
}

/// So many clients at once, until the time is over: what they counted, a second.
async fn rate<W, F>(clients: usize, work: W) -> Result<f64>
where
    W: Fn(Arc<AtomicUsize>, Instant) -> F,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let until = begin + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..clients).map(|_| tokio::spawn(work(Arc::clone(&count), until))).collect();
    for task in tasks {
        task.await??;
    }
    Ok(count.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
}

/// KiB for each connection that sits in IDLE on INBOX.
async fn waiting(server: &Server, options: &Options) -> Result<f64> {
    // The first ones bring what all share.
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(idle(server).await?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = server.processes().pss_mib();
    for _ in 0..options.idle {
        clients.push(idle(server).await?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let more = server.processes().pss_mib() - before;
    drop(clients);
    Ok(more * 1024.0 / options.idle.max(1) as f64)
}

async fn idle(server: &Server) -> Result<Client> {
    let mut client = Client::select(server.imap, WORKED).await?;
    client.idle().await?;
    Ok(client)
}
