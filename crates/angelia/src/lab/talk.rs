//! A dialogue line by line, and one side of it: the lab's mail client, over a real socket and real TLS.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use envelope::Host;
use net::{ClientTls, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a server may take to answer; it is on this machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Octets of one answer. The lab reads its own small letters.
const ANSWER_OCTETS_MAX: usize = 1024 * 1024;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Client,
    Server,
    /// Nobody: what happened on the line.
    Note,
}

/// One line of a dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) who: Who,
    pub(super) text: String,
}

impl Said {
    pub(super) fn new(who: Who, text: &str) -> Self {
        Self { who, text: text.trim_end_matches(['\r', '\n']).to_owned() }
    }

    pub(super) fn note(text: &str) -> Self {
        Self::new(Who::Note, text)
    }
}

/// A connection to a server, and all that was said on it.
pub(super) struct Talk {
    stream: Stream,
    heard: Vec<u8>,
    pub(super) said: Vec<Said>,
}

impl Talk {
    /// Connects.
    pub(super) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream =
            Stream::connect(address, None, PATIENCE).await.with_context(|| format!("connecting to {address}"))?;
        Ok(Self { stream, heard: Vec::new(), said: Vec::new() })
    }

    /// Begins TLS, now, and believes only a certificate for `name`.
    pub(super) async fn encrypt(mut self, tls: &ClientTls, name: &Host) -> anyhow::Result<Self> {
        if !self.heard.is_empty() {
            bail!("the server spoke before TLS stood");
        }
        self.stream = self.stream.connect_tls(tls, name).await.with_context(|| format!("TLS with {name}"))?;
        let facts = self.stream.tls().map(|tls| format!("{}, {}", tls.version, tls.cipher)).unwrap_or_default();
        self.said.push(Said::note(&format!("TLS: {facts}; the certificate is good for {name}")));
        Ok(self)
    }

    /// Says one or several lines; each ends with CRLF on the wire.
    pub(super) async fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.said.extend(text.lines().map(|line| Said::new(Who::Client, line)));
        self.send(text).await
    }

    /// Says something that is shown otherwise than it is: passwords are not for screens.
    pub(super) async fn say_hidden(&mut self, text: &str, shown: &str) -> anyhow::Result<()> {
        self.said.push(Said::new(Who::Client, shown));
        self.send(text).await
    }

    async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        let wire: String = text.lines().flat_map(|line| [line, "\r\n"]).collect();
        let work = async {
            self.stream.write_all(wire.as_bytes()).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(PATIENCE, work).await.context("the server takes nothing")?.context("writing")
    }

    /// Whether a line has come already, together with the last one.
    pub(super) fn has_line(&self) -> bool {
        self.line_end().is_some()
    }

    fn line_end(&self) -> Option<usize> {
        self.heard.windows(2).position(|pair| pair == b"\r\n")
    }

    /// The next line, without its end.
    pub(super) async fn hear(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(end) = self.line_end() {
                let line: Vec<u8> = self.heard.drain(..end + 2).take(end).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                self.said.push(Said::new(Who::Server, &line));
                return Ok(line);
            }
            let mut chunk = [0; 8192];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await;
            let count = read.context("the server says nothing")?.context("reading")?;
            if count == 0 {
                bail!("the server closed the connection");
            }
            self.heard.extend(chunk.iter().take(count));
            if self.heard.len() > ANSWER_OCTETS_MAX {
                bail!("the server says too much");
            }
        }
    }

    /// Lines until one that `is_last`, all of them.
    pub(super) async fn hear_until(&mut self, is_last: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.hear().await?;
            let last = is_last(&line);
            lines.push(line);
            if last {
                return Ok(lines);
            }
            if lines.len() > ANSWER_OCTETS_MAX / 64 {
                bail!("the server says too much");
            }
        }
    }
}
