//! An IMAP (and POP3) client that does nothing but wait for the end of an answer.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::subject::{PASSWORD, address};

/// One connection.
pub(super) struct Client {
    stream: TcpStream,
    /// What has come of the current answer.
    answer: Vec<u8>,
    tag: usize,
}

impl Client {
    /// Connects and reads the greeting.
    pub(super) async fn connect(door: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(door).await.with_context(|| format!("connecting to {door}"))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, answer: Vec::with_capacity(1 << 16), tag: 0 };
        client.until(|answer| answer.ends_with(b"\r\n")).await?;
        Ok(client)
    }

    /// Connects and signs in.
    pub(super) async fn sign_in(door: SocketAddr, account: usize) -> Result<Self> {
        let mut client = Self::connect(door).await?;
        client.run(&format!("LOGIN {} {PASSWORD}", address(account))).await?;
        Ok(client)
    }

    /// Signs in and opens INBOX.
    pub(super) async fn select(door: SocketAddr, account: usize) -> Result<Self> {
        let mut client = Self::sign_in(door, account).await?;
        client.run("SELECT INBOX").await?;
        Ok(client)
    }

    /// A command and its whole answer, which must be OK.
    pub(super) async fn run(&mut self, command: &str) -> Result<&[u8]> {
        self.run_with(command, &[]).await
    }

    /// A command with what follows it on the wire before its answer can come.
    pub(super) async fn run_with(&mut self, command: &str, rest: &[u8]) -> Result<&[u8]> {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        let mut out = format!("{tag}{command}\r\n").into_bytes();
        out.extend_from_slice(rest);
        self.answer.clear();
        // The answer may begin before all is written.
        let (mut read, mut write) = self.stream.split();
        let writing = async { write.write_all(&out).await };
        let reading = async {
            loop {
                if read.read_buf(&mut self.answer).await? == 0 {
                    bail!("the server closed the connection after {command:?}");
                }
                if let Some(line) = last_line(&self.answer).filter(|line| line.starts_with(tag.as_bytes())) {
                    let line = String::from_utf8_lossy(line).into_owned();
                    ensure!(line[tag.len()..].starts_with("OK"), "{command:.60}: {line}");
                    return Ok(());
                }
            }
        };
        let (written, answered) = tokio::join!(writing, reading);
        written?;
        answered?;
        Ok(&self.answer)
    }

    /// Begins IDLE and leaves it at that.
    pub(super) async fn idle(&mut self) -> Result<()> {
        self.stream.write_all(b"i IDLE\r\n").await?;
        self.until(|answer| answer.starts_with(b"+")).await
    }

    /// A line of POP3 and its answer, one line or several.
    pub(super) async fn pop(&mut self, line: &str, several: bool) -> Result<&[u8]> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        let end: &[u8] = if several { b"\r\n.\r\n" } else { b"\r\n" };
        self.until(|answer| answer.ends_with(end)).await?;
        ensure!(self.answer.starts_with(b"+OK"), "{line}: {:?}", String::from_utf8_lossy(&self.answer));
        Ok(&self.answer)
    }

    async fn until(&mut self, done: impl Fn(&[u8]) -> bool) -> Result<()> {
        self.answer.clear();
        while !done(&self.answer) {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the server closed the connection");
        }
        Ok(())
    }
}

/// The last line, when it is whole.
fn last_line(answer: &[u8]) -> Option<&[u8]> {
    let body = answer.strip_suffix(b"\r\n")?;
    let from = body.len().saturating_sub(1000);
    let start = body[from..].iter().rposition(|octet| *octet == b'\n').map_or(from, |at| from + at + 1);
    Some(&body[start..])
}
