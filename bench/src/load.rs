//! The load: SMTP sessions that send letter after letter, and the count of what arrived.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::AsyncWriteExt;

use crate::figures::share_of;
use crate::subject::{PASSWORD, Store, address};
use crate::table::Row;
use crate::talk::Lines;
use crate::{Inbound, letter, strace};

/// One round against one server.
pub(crate) async fn measure(subject: &mut dyn Store, options: &Inbound, letters: usize, round: usize) -> Result<Row> {
    eprintln!("{}: round {round}, {letters} letters of {} octets …", subject.name(), options.octets);
    // A first few letters, so that both have opened what they open once.
    pour(subject.smtp(), options, options.sessions * 4).await?;
    let warm = options.sessions * 4;
    settle(subject, options, warm).await?;
    let cpu_before = subject.processes().cpu_seconds();
    let begin = Instant::now();
    let mut waits = pour(subject.smtp(), options, letters).await?;
    let accepted_seconds = begin.elapsed().as_secs_f64();
    settle(subject, options, warm + letters).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let tree = subject.processes();
    let cpu = tree.cpu_seconds() - cpu_before;
    waits.sort_unstable();
    let mut row = Row {
        name: subject.name(),
        round,
        rate: letters as f64 / seconds,
        rate_accepted: letters as f64 / accepted_seconds,
        cpu_per_1000: cpu * 1000.0 / letters as f64,
        p50: share_of(&waits, 0.50),
        p99: share_of(&waits, 0.99),
        pss_mib: tree.pss_mib(),
        processes: tree.pids.len(),
        syncs: None,
    };
    if options.syncs && round == 1 {
        let few = 640;
        let strace = strace::Strace::attach(&tree)?;
        pour(subject.smtp(), options, few).await?;
        settle(subject, options, warm + letters + few).await?;
        row.syncs = Some(strace.finish()? as f64 / few as f64);
    }
    Ok(row)
}

async fn pour(smtp: SocketAddr, options: &Inbound, letters: usize) -> Result<Vec<Duration>> {
    let accounts = options.accounts;
    let load = Load { sessions: options.sessions, letters, octets: options.octets };
    load.pour(smtp, move |number| address(number % accounts)).await
}

/// Letters that are handed in.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// SMTP sessions at once.
    pub(crate) sessions: usize,
    pub(crate) letters: usize,
    /// Of one letter, about.
    pub(crate) octets: usize,
}

impl Load {
    /// Sends the letters, each to the recipient of its number; answers how long each transaction took, from MAIL to the
    /// 250 after DATA.
    pub(crate) async fn pour<F>(self, smtp: SocketAddr, to: F) -> Result<Vec<Duration>>
    where
        F: Fn(usize) -> String + Clone + Send + Sync + 'static,
    {
        let counter = Arc::new(AtomicUsize::new(0));
        let mut sessions = Vec::new();
        for _ in 0..self.sessions {
            let (counter, to) = (Arc::clone(&counter), to.clone());
            sessions.push(tokio::spawn(async move { self.session(smtp, &to, &counter).await }));
        }
        let mut waits = Vec::with_capacity(self.letters);
        for session in sessions {
            waits.extend(session.await??);
        }
        Ok(waits)
    }

    async fn session(
        self,
        smtp: SocketAddr,
        to: &impl Fn(usize) -> String,
        counter: &AtomicUsize,
    ) -> Result<Vec<Duration>> {
        let mut peer = Lines::connect(smtp).await?;
        peer.expect("220").await?;
        peer.say("EHLO client.test\r\n").await?;
        peer.expect("250").await?;
        let mut waits = Vec::new();
        loop {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            if number >= self.letters {
                break;
            }
            let data = letter::data(number, self.octets);
            let to = to(number);
            let begin = Instant::now();
            peer.say(&format!("MAIL FROM:<load@client.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n")).await?;
            peer.expect("250").await?;
            peer.expect("250").await?;
            peer.expect("354").await?;
            peer.stream.write_all(&data).await?;
            peer.expect("250").await?;
            waits.push(begin.elapsed());
        }
        peer.say("QUIT\r\n").await?;
        peer.expect("221").await?;
        Ok(waits)
    }
}

/// Waits until the mailboxes hold `letters` in all.
async fn settle(subject: &dyn Store, options: &Inbound, letters: usize) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(600);
    loop {
        let mut found = 0;
        for account in 0..options.accounts {
            found += count(subject.imap(), &address(account)).await?;
        }
        if found == letters {
            return Ok(());
        }
        ensure!(found < letters, "{} letters stand in the mailboxes where {letters} were sent", found);
        if Instant::now() > patience {
            bail!("only {found} of {letters} letters arrived in ten minutes");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Letters in an account's INBOX, by IMAP.
async fn count(imap: SocketAddr, user: &str) -> Result<usize> {
    let mut peer = Lines::connect(imap).await?;
    peer.line().await?;
    peer.say(&format!("a LOGIN {user} {PASSWORD}\r\n")).await?;
    peer.tagged("a").await?;
    peer.say("b STATUS INBOX (MESSAGES)\r\n").await?;
    let answer = peer.tagged("b").await?;
    peer.say("c LOGOUT\r\n").await?;
    let number = answer.split_once("(MESSAGES ").and_then(|(_, rest)| rest.split_once(')')).map(|(n, _)| n.parse());
    Ok(number.with_context(|| format!("no STATUS in {answer:?}"))??)
}
