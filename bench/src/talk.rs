//! A connection that speaks lines, as far as the bench needs SMTP and IMAP.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Lines {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Lines {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }

    pub(crate) async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line).await? > 0, "the server closed the connection");
        Ok(line)
    }

    /// One SMTP reply, all its lines, with this code.
    pub(crate) async fn expect(&mut self, code: &str) -> Result<()> {
        loop {
            let line = self.line().await?;
            ensure!(line.starts_with(code), "wanted {code}, got {line:?}");
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    /// An IMAP answer up to its tagged OK.
    pub(crate) async fn tagged(&mut self, tag: &str) -> Result<String> {
        let mut all = String::new();
        loop {
            let line = self.line().await?;
            if let Some(rest) = line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
                ensure!(rest.starts_with("OK"), "IMAP refused: {line:?}");
                return Ok(all);
            }
            all.push_str(&line);
        }
    }
}
