//! Servers that take every letter and keep none. As cheap as can be, since they share the machine with what is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::host;

/// All of them, on one port.
pub(super) struct Sinks {
    port: u16,
    arrived: Arc<AtomicUsize>,
}

impl Sinks {
    /// Opens `count` sinks, and `hanging` servers that never say a word.
    pub(super) async fn start(count: usize, hanging: usize) -> Result<Self> {
        let arrived = Arc::new(AtomicUsize::new(0));
        let mut port = 0;
        for number in 0..count + hanging {
            let listener = TcpListener::bind((host(number), port)).await.context("a sink finds no place")?;
            port = listener.local_addr()?.port();
            tokio::spawn(accept(listener, Arc::clone(&arrived), number >= count));
        }
        Ok(Self { port, arrived })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Letters so far.
    pub(super) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Until so many letters have arrived.
    pub(super) async fn wait(&self, letters: usize) -> Result<()> {
        let (mut last, mut moved) = (self.arrived(), Instant::now());
        loop {
            let arrived = self.arrived();
            if arrived >= letters {
                ensure!(arrived == letters, "{arrived} letters arrived where {letters} were sent");
                return Ok(());
            }
            if arrived != last {
                (last, moved) = (arrived, Instant::now());
            }
            ensure!(moved.elapsed() < Duration::from_secs(120), "only {arrived} of {letters} letters arrived");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn accept(listener: TcpListener, arrived: Arc<AtomicUsize>, hangs: bool) {
    let mut silent = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        if hangs {
            silent.push(stream);
            continue;
        }
        let arrived = Arc::clone(&arrived);
        tokio::spawn(async move {
            // A relay that hangs up in the middle is its own business; what did not arrive is not counted.
            let _ = talk(stream, &arrived).await;
        });
    }
}

/// A sink's side of SMTP: commands by their first letters, bodies by their end.
async fn talk(mut stream: TcpStream, arrived: &AtomicUsize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let mut buffer = vec![0; 128 * 1024];
    let (mut filled, mut answers) = (0, Vec::new());
    let mut in_body = false;
    loop {
        let Some(free) = buffer.get_mut(filled..) else { return Ok(()) };
        let read = stream.read(free).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut taken = 0;
        loop {
            let rest = buffer.get(taken..filled).unwrap_or_default();
            if in_body {
                let Some(end) = end_of_body(rest) else {
                    // All but what may be the beginning of the end.
                    taken += rest.len().saturating_sub(4);
                    break;
                };
                taken += end;
                in_body = false;
                arrived.fetch_add(1, Ordering::Relaxed);
                answers.extend_from_slice(b"250 2.0.0 taken\r\n");
                continue;
            }
            let Some(end) = rest.iter().position(|octet| *octet == b'\n') else { break };
            taken += end + 1;
            answers.extend_from_slice(match rest.get(..4).unwrap_or_default() {
                b"EHLO" => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
                b"DATA" => {
                    in_body = true;
                    b"354 go on\r\n"
                }
                b"QUIT" => b"221 2.0.0 bye\r\n",
                _ => b"250 2.0.0 ok\r\n",
            });
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
            answers.clear();
        }
    }
}

/// Where a body ends that ends in these octets.
fn end_of_body(octets: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n.\r\n";
    octets.windows(END.len()).position(|window| window == END).map(|at| at + END.len())
}
