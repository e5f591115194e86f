//! What one client waits for.

use std::time::Instant;

use anyhow::Result;

use super::client::Client;
use super::fill::{NEEDLE, literal, message};
use super::server::Server;
use super::{Figure, LARGE, OTHER, Options, WORKED};
use crate::figures::median;

/// Gathers figures in milliseconds.
struct Watch {
    figures: Vec<Figure>,
}

impl Watch {
    fn note(&mut self, row: &str, times: Vec<f64>) {
        let value = median(times).unwrap_or_default();
        eprintln!("  {row}: {value:.2} ms");
        self.figures.push(Figure { row: row.to_owned(), value, unit: "ms" });
    }

    /// The same command so many times.
    async fn repeat(&mut self, row: &str, client: &mut Client, times: usize, command: &str) -> Result<()> {
        self.each(row, client, (0..times).map(|_| command.to_owned())).await
    }

    /// One command after the other, one of a kind.
    async fn each(&mut self, row: &str, client: &mut Client, commands: impl Iterator<Item = String>) -> Result<()> {
        let mut times = Vec::new();
        for command in commands {
            let begin = Instant::now();
            client.run(&command).await?;
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        self.note(row, times);
        Ok(())
    }
}

/// All of them, in the order of the table.
pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Figure>> {
    let mut watch = Watch { figures: Vec::new() };
    sign_in(&mut watch, server).await?;
    select(&mut watch, server, WORKED, "").await?;
    reading(&mut watch, server).await?;
    changing(&mut watch, server, options).await?;
    if options.many > 0 {
        let size = format!("{} messages: ", options.many);
        select(&mut watch, server, LARGE, &size).await?;
        large(&mut watch, server, &size).await?;
    }
    Ok(watch.figures)
}

async fn sign_in(watch: &mut Watch, server: &Server) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..50 {
        let begin = Instant::now();
        let mut client = Client::sign_in(server.imap, OTHER).await?;
        client.run("LOGOUT").await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    watch.note("sign in, sign out", times);
    Ok(())
}

async fn select(watch: &mut Watch, server: &Server, account: usize, size: &str) -> Result<()> {
    let mut client = Client::sign_in(server.imap, account).await?;
    watch.repeat(&format!("{size}SELECT, first"), &mut client, 1, "SELECT INBOX").await?;
    watch.repeat(&format!("{size}SELECT, again"), &mut client, 20, "SELECT INBOX").await
}

async fn reading(watch: &mut Watch, server: &Server) -> Result<()> {
    let mut client = Client::select(server.imap, WORKED).await?;
    watch.repeat("FETCH 1:* (FLAGS UID)", &mut client, 9, "FETCH 1:* (FLAGS UID)").await?;
    let hundred = |n: usize, what: &str| format!("FETCH {}:{} {what}", n * 100 + 1, n * 100 + 100);
    watch.repeat("100 ENVELOPEs, cold", &mut client, 1, &hundred(3, "ENVELOPE")).await?;
    watch.repeat("100 ENVELOPEs, warm", &mut client, 30, &hundred(3, "ENVELOPE")).await?;
    watch.repeat("FETCH 1:* ENVELOPE, first", &mut client, 1, "FETCH 1:* ENVELOPE").await?;
    watch.repeat("FETCH 1:* ENVELOPE, again", &mut client, 5, "FETCH 1:* ENVELOPE").await?;
    let list = "FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID References \
                Content-Type)])";
    watch.repeat("FETCH 1:* header fields, first", &mut client, 1, list).await?;
    watch.repeat("FETCH 1:* header fields, again", &mut client, 5, list).await?;
    watch.repeat("FETCH 1:* BODYSTRUCTURE, again", &mut client, 3, "FETCH 1:* BODYSTRUCTURE").await?;
    watch.repeat("100 bodies", &mut client, 30, &hundred(5, "BODY.PEEK[]")).await?;
    watch.each("1 body", &mut client, (1..200).map(|n| format!("FETCH {n} BODY.PEEK[]"))).await?;
    watch.repeat("SEARCH SUBJECT, first", &mut client, 1, "SEARCH SUBJECT \"letter 77\"").await?;
    watch.repeat("SEARCH SUBJECT, again", &mut client, 5, "SEARCH SUBJECT \"letter 88\"").await?;
    watch.repeat("SEARCH BODY", &mut client, 5, &format!("SEARCH BODY \"{NEEDLE}\"")).await?;
    watch.repeat("SEARCH UNSEEN", &mut client, 9, "SEARCH UNSEEN").await
}

async fn changing(watch: &mut Watch, server: &Server, options: &Options) -> Result<()> {
    let mut client = Client::select(server.imap, WORKED).await?;
    watch.each("STORE 1", &mut client, (1..50).map(|n| format!("STORE {n} +FLAGS (\\Flagged)"))).await?;
    let toggled = (0..6).map(|n| format!("STORE 1:* {}FLAGS (\\Answered)", if n % 2 == 0 { "+" } else { "-" }));
    watch.each("STORE 1:*", &mut client, toggled).await?;
    let mut times = Vec::new();
    for number in 0..50 {
        let (size, rest) = literal(&message(number, options.octets));
        let begin = Instant::now();
        client.run_with(&format!("APPEND INBOX {size}"), &rest).await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    watch.note("APPEND", times);
    client.run("CREATE Other").await?;
    watch
        .each("COPY 100", &mut client, (0..9).map(|n| format!("COPY {}:{} Other", n * 100 + 1, n * 100 + 100)))
        .await?;
    let gone = options.letters.min(2300);
    client.run(&format!("STORE 1:{gone} +FLAGS.SILENT (\\Deleted)")).await?;
    watch.repeat(&format!("EXPUNGE {gone}"), &mut client, 1, "EXPUNGE").await
}

async fn large(watch: &mut Watch, server: &Server, size: &str) -> Result<()> {
    let mut client = Client::select(server.imap, LARGE).await?;
    for (what, times) in [("FETCH 1:* (UID FLAGS)", 5), ("FETCH 1:* ENVELOPE", 3)] {
        watch.repeat(&format!("{size}{what}"), &mut client, times, what).await?;
    }
    watch.repeat(&format!("{size}SEARCH BODY"), &mut client, 3, &format!("SEARCH BODY \"{NEEDLE}\"")).await?;
    watch.each(&format!("{size}STORE 1"), &mut client, (1..50).map(|n| format!("STORE {n} +FLAGS (\\Flagged)"))).await
}
