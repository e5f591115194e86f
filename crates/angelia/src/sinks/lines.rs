//! The sink that writes a line on stderr for each entry, on a thread of its own: a terminal that was stopped, or a full
//! pipe, holds up nobody else.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use journal::{Entry, Event};

use super::limits::WAITING_MAX;
use super::line::{Format, Line};

/// How long a line waits for company: under load hundreds then share one write, and nobody who watches sees it.
const COMPANY_PATIENCE: Duration = Duration::from_millis(10);

/// How long the end of the program waits for a reader of stderr who does not read.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Octets of lines in one write.
const WRITE_OCTETS: usize = 64 * 1024;

enum Message {
    Entry(Arc<Entry>),
    Stop,
}

/// The way in.
pub(super) struct Sender(SyncSender<Message>);

impl Sender {
    /// False when there is no room.
    pub(super) fn offer(&self, entry: Arc<Entry>) -> bool {
        self.0.try_send(Message::Entry(entry)).is_ok()
    }
}

/// The running sink.
pub(super) struct Lines {
    sender: SyncSender<Message>,
    ended: Receiver<()>,
}

impl Format {
    /// What suits stderr as it is: colours only on a terminal, and only where `NO_COLOR` is not set.
    pub(crate) fn for_stderr() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Text;
        }
        Self::Terminal { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }
}

impl Lines {
    pub(super) fn start(format: Format, lost: Arc<AtomicU64>) -> anyhow::Result<(Self, Sender)> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let (tell_end, ended) = sync_channel(1);
        let body = move || {
            write_all(&receiver, format, &lost);
            let _ = tell_end.try_send(());
        };
        thread::Builder::new().name("journal-lines".to_owned()).spawn(body).context("a thread for the journal")?;
        Ok((Self { sender: sender.clone(), ended }, Sender(sender)))
    }

    pub(super) async fn stop(self) {
        let wait = move || {
            if self.sender.try_send(Message::Stop).is_ok() {
                let _ = self.ended.recv_timeout(END_PATIENCE);
            }
        };
        let _ = tokio::task::spawn_blocking(wait).await;
    }
}

fn write_all(receiver: &Receiver<Message>, format: Format, lost: &AtomicU64) {
    let mut text = String::new();
    while let Ok(first) = receiver.recv() {
        if matches!(first, Message::Entry(_)) {
            thread::sleep(COMPANY_PATIENCE);
        }
        let mut stop = false;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Entry(entry) => text.push_str(&Line(&entry).render(format)),
                Message::Stop => stop = true,
            }
            if text.len() >= WRITE_OCTETS {
                write(&mut text, format, lost);
            }
            next = receiver.try_recv().ok();
        }
        write(&mut text, format, lost);
        if stop {
            return;
        }
    }
}

fn write(text: &mut String, format: Format, lost: &AtomicU64) {
    if let Some(notice) = loss(lost) {
        text.push_str(&Line(&notice).render(format));
    }
    // A closed stderr is no reason to stop the mail.
    let _ = std::io::stderr().write_all(text.as_bytes());
    text.clear();
}

/// An entry about the entries that found no room since the last time.
pub(super) fn loss(lost: &AtomicU64) -> Option<Entry> {
    let count = lost.swap(0, Ordering::Relaxed);
    (count > 0).then(|| Entry {
        at: net::clock::now(),
        session: None,
        mail: None,
        event: Event::Fault {
            place: "journal".to_owned(),
            reason: format!("{count} entries were lost: more came than could be written, or the disk had no room"),
        },
    })
}
