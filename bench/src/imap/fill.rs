//! Fills a mailbox by APPEND, many at once, and several messages in one command where the server can (RFC 3502).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;

use super::client::Client;
use super::server::Server;
use crate::letter;

/// Connections at once, and messages in one command.
const CONNECTIONS: usize = 16;
const AT_ONCE: usize = 100;

/// What SEARCH BODY looks for: one message in a thousand has it.
pub(super) const NEEDLE: &str = "needle in the haystack";

/// A message of about `octets`.
pub(super) fn message(number: usize, octets: usize) -> Vec<u8> {
    let mut text = letter::data(number, octets);
    text.truncate(text.len() - 3);
    if number % 1000 == 500 {
        text.extend_from_slice(format!("There is a {NEEDLE}.\r\n").as_bytes());
    }
    text
}

/// The end of an APPEND of one message.
pub(super) fn literal(message: &[u8]) -> (String, Vec<u8>) {
    let mut rest = message.to_vec();
    rest.extend_from_slice(b"\r\n");
    (format!("{{{}+}}", message.len()), rest)
}

/// Puts `count` messages into the account's INBOX.
pub(super) async fn fill(server: &Server, account: usize, count: usize, octets: usize) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let several = server.has("MULTIAPPEND").await?;
    let at_once = if several { AT_ONCE } else { 1 };
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (next, door) = (Arc::clone(&next), server.imap);
        tasks.push(tokio::spawn(async move {
            let mut client = Client::sign_in(door, account).await?;
            loop {
                let first = next.fetch_add(at_once, Ordering::Relaxed);
                if first >= count {
                    return anyhow::Ok(());
                }
                let mut command = String::new();
                let mut rest = Vec::new();
                for number in first..(first + at_once).min(count) {
                    let text = message(number, octets);
                    let size = format!("{{{}+}}", text.len());
                    if command.is_empty() {
                        command = format!("APPEND INBOX {size}");
                    } else {
                        rest.extend_from_slice(format!(" {size}\r\n").as_bytes());
                    }
                    rest.extend_from_slice(&text);
                }
                rest.extend_from_slice(b"\r\n");
                client.run_with(&command, &rest).await?;
            }
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}
