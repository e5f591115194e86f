//! A next hop that speaks TLS, or not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) connections: usize,
    /// MAIL, as it was said over TLS.
    pub(crate) senders: Vec<String>,
    /// Letters that came encrypted.
    pub(crate) encrypted: Vec<String>,
    /// Letters that came in the clear.
    pub(crate) clear: Vec<String>,
}

pub(crate) struct SecuredPeer {
    pub(crate) heard: Arc<Mutex<Heard>>,
    listening: JoinHandle<()>,
}

impl Drop for SecuredPeer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl SecuredPeer {
    /// Without an acceptor it offers no STARTTLS.
    pub(crate) async fn start(at: SocketAddr, acceptor: Option<TlsAcceptor>) -> Self {
        Self::offering(at, acceptor, "").await
    }

    /// With this line more in its answer to EHLO over TLS, such as `250-REQUIRETLS\r\n`.
    pub(crate) async fn offering(at: SocketAddr, acceptor: Option<TlsAcceptor>, line: &'static str) -> Self {
        let listener = bind(at).await;
        let heard = Arc::<Mutex<Heard>>::default();
        let here = heard.clone();
        let listening = tokio::spawn(async move {
            let mut talks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                here.lock().unwrap().connections += 1;
                let (acceptor, heard) = (acceptor.clone(), here.clone());
                talks.spawn(async move {
                    let clear =
                        talk(BufReader::new(stream), acceptor.is_some().then_some("250-STARTTLS\r\n"), true, &heard)
                            .await;
                    if let (Some(stream), Some(acceptor)) = (clear, acceptor)
                        && let Ok(stream) = acceptor.accept(stream.into_inner()).await
                    {
                        talk(BufReader::new(stream), Some(line), false, &heard).await;
                    }
                });
            }
        });
        Self { heard, listening }
    }

    pub(crate) fn letters(&self) -> (usize, usize) {
        let heard = self.heard.lock().unwrap();
        (heard.encrypted.len(), heard.clear.len())
    }
}

/// The peer that stood there before may not be gone yet.
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

/// Until the end, or until STARTTLS, which hands the stream back.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    offers: Option<&str>,
    greets: bool,
    heard: &Mutex<Heard>,
) -> Option<BufReader<S>> {
    if greets {
        stream.write_all(b"220 peer\r\n").await.ok()?;
    }
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
        let verb = line.trim_end().split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => {
                let answer = format!("250-peer\r\n{}250 8BITMIME\r\n", offers.unwrap_or_default());
                stream.write_all(answer.as_bytes()).await.ok()?;
                continue;
            }
            "MAIL" if !greets => {
                heard.lock().unwrap().senders.push(line.trim_end().to_owned());
                "250 fine\r\n"
            }
            "STARTTLS" => {
                stream.write_all(b"220 go\r\n").await.ok()?;
                return Some(stream);
            }
            "DATA" => {
                stream.write_all(b"354 go\r\n").await.ok()?;
                let mut letter = String::new();
                while !letter.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut letter).await.ok().filter(|count| *count > 0)?;
                }
                letter.truncate(letter.len() - 3);
                let mut heard = heard.lock().unwrap();
                if greets {
                    heard.clear.push(letter)
                } else {
                    heard.encrypted.push(letter)
                }
                "250 2.0.0 taken\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}
