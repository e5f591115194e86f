//! A next hop that does what it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A letter as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The MAIL command.
    pub(crate) from: String,
    /// The RCPT commands that were accepted.
    pub(crate) to: Vec<String>,
    /// The letter, dots unstuffed.
    pub(crate) text: String,
    /// On which connection, from 1.
    pub(crate) connection: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) standing: usize,
    pub(crate) most: usize,
    pub(crate) letters: Vec<Received>,
    /// How often each recipient was named.
    named: HashMap<String, usize>,
    pub(crate) commands: Vec<String>,
    pub(crate) is_well: bool,
}

/// How it behaves.
pub(crate) struct Manner {
    /// By the number of the connection, from 1. An empty one is never said.
    pub(crate) greeting: fn(usize) -> &'static str,
    /// The verb that is not answered, nor anything after it, until [`Seen::is_well`].
    pub(crate) silent_at: &'static str,
    pub(crate) extensions: &'static [&'static str],
    /// By the recipient and how often it was named before.
    pub(crate) recipient: fn(&str, usize) -> &'static str,
    /// Goes away in the middle of the body, on this connection.
    pub(crate) drops_on: usize,
    /// After the body, by the number of letters so far.
    pub(crate) body: fn(usize) -> &'static str,
    /// Goes away after this many letters on one connection, without a word.
    pub(crate) letters_max: usize,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            greeting: |_| "220 peer",
            silent_at: "",
            extensions: &["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"],
            recipient: |_, _| "250 2.1.5 fine",
            drops_on: 0,
            body: |_| "250 2.0.0 taken",
            letters_max: usize::MAX,
        }
    }
}

pub(crate) struct Peer {
    pub(crate) seen: Arc<Mutex<Seen>>,
    listening: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The peer that stood there before may not be gone yet: its task ends in its own time.
async fn bind(at: SocketAddr) -> TcpListener {
    for _ in 0..500 {
        match TcpListener::bind(at).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            other => return other.unwrap(),
        }
    }
    panic!("{at} stays in use");
}

impl Peer {
    pub(crate) async fn start(at: SocketAddr, manner: Manner) -> Self {
        let listener = bind(at).await;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (manner, here) = (Arc::new(manner), seen.clone());
        let listening = tokio::spawn(async move {
            let mut talks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut seen = here.lock().unwrap();
                    seen.connections += 1;
                    seen.standing += 1;
                    seen.most = seen.most.max(seen.standing);
                    seen.connections
                };
                let (manner, seen) = (manner.clone(), here.clone());
                talks.spawn(async move {
                    // A connection that breaks is part of the play.
                    let _ = talk(stream, &manner, &seen, number).await;
                    seen.lock().unwrap().standing -= 1;
                });
            }
        });
        Self { seen, listening }
    }

    pub(crate) fn letters(&self) -> Vec<Received> {
        self.seen.lock().unwrap().letters.clone()
    }
}

async fn talk(stream: TcpStream, manner: &Manner, seen: &Mutex<Seen>, number: usize) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let greeting = (manner.greeting)(number);
    if greeting.is_empty() {
        // Nothing is ever said; the other side goes away some time.
        let mut nothing = String::new();
        stream.read_line(&mut nothing).await?;
        return Ok(());
    }
    say(&mut stream, greeting).await?;
    let (mut from, mut to, mut letters) = (String::new(), Vec::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || letters >= manner.letters_max {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        seen.lock().unwrap().commands.push(line.clone());
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        if verb == manner.silent_at && !seen.lock().unwrap().is_well {
            // The other side goes away some time.
            while stream.read_line(&mut String::new()).await? > 0 {}
            return Ok(());
        }
        match verb.as_str() {
            "EHLO" => {
                let mut lines: Vec<&str> = vec!["peer"];
                lines.extend(manner.extensions);
                let (last, first) = lines.split_last().unwrap();
                for line in first {
                    say(&mut stream, &format!("250-{line}")).await?;
                }
                say(&mut stream, &format!("250 {last}")).await?;
            }
            "STARTTLS" => {
                say(&mut stream, "220 go ahead").await?;
                // Whatever is said to it, the answer is no TLS.
                stream.fill_buf().await?;
                say(&mut stream, "rubbish").await?;
                return Ok(());
            }
            "MAIL" => {
                (from, to) = (line, Vec::new());
                say(&mut stream, "250 2.1.0 fine").await?;
            }
            "RCPT" => {
                let answer = recipient(&line, manner, seen);
                if answer.starts_with('2') {
                    to.push(line);
                }
                say(&mut stream, answer).await?;
            }
            "DATA" if to.is_empty() => say(&mut stream, "554 5.5.1 no valid recipients").await?,
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let Some(text) = body(&mut stream, manner.drops_on == number).await? else { return Ok(()) };
                let count = seen.lock().unwrap().letters.len();
                let answer = (manner.body)(count);
                if answer.starts_with('2') {
                    let letter = Received { from: from.clone(), to: std::mem::take(&mut to), text, connection: number };
                    seen.lock().unwrap().letters.push(letter);
                }
                letters += 1;
                say(&mut stream, answer).await?;
            }
            "QUIT" => return say(&mut stream, "221 2.0.0 bye").await,
            _ => say(&mut stream, "250 2.0.0 fine").await?,
        }
    }
}

fn recipient(line: &str, manner: &Manner, seen: &Mutex<Seen>) -> &'static str {
    let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    let mut seen = seen.lock().unwrap();
    let times = seen.named.entry(address.clone()).or_default();
    *times += 1;
    (manner.recipient)(&address, *times - 1)
}

/// Until the dot, or `None` when it goes away before.
async fn body(stream: &mut BufReader<TcpStream>, drops: bool) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || drops {
            return Ok(None);
        }
        if line == ".\r\n" {
            return Ok(Some(text));
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}
