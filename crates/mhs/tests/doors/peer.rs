//! A mail server that follows a script: what it says to each command on each of its connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

/// Connection (from 1) and line (`""` for the greeting, `.` for a body's end) to what is said; `None` hangs up.
type Script = fn(usize, &str) -> Option<&'static str>;

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Every command with the number of its connection.
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
    pub(crate) bodies: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self { address: listener.local_addr().unwrap(), heard: Arc::default(), bodies: Arc::default() };
        let (heard, bodies) = (peer.heard.clone(), peer.bodies.clone());
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                tokio::spawn(serve(number, stream, script, heard.clone(), bodies.clone()));
            }
        });
        peer
    }

    /// The same over TLS from the first octet.
    pub(crate) async fn start_secured(acceptor: TlsAcceptor, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self { address: listener.local_addr().unwrap(), heard: Arc::default(), bodies: Arc::default() };
        let (heard, bodies) = (peer.heard.clone(), peer.bodies.clone());
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(serve(number, stream, script, heard.clone(), bodies.clone()));
                }
            }
        });
        peer
    }

    /// The same at a Unix socket.
    pub(crate) async fn start_at(path: &std::path::Path, script: Script) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let peer = Self { address, heard: Arc::default(), bodies: Arc::default() };
        let (heard, bodies) = (peer.heard.clone(), peer.bodies.clone());
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                tokio::spawn(serve(number, stream, script, heard.clone(), bodies.clone()));
            }
        });
        peer
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(
    number: usize,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    script: Script,
    heard: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let Some(greeting) = script(number, "") else { return };
    stream.get_mut().write_all(format!("{greeting}\r\n").as_bytes()).await.unwrap();
    let mut body: Option<String> = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        match &mut body {
            Some(text) if line != ".\r\n" => {
                text.push_str(&line);
                continue;
            }
            Some(text) => bodies.lock().unwrap().push(std::mem::take(text)),
            None => heard.lock().unwrap().push(format!("{number} {}", line.trim_end())),
        }
        body = None;
        let Some(said) = script(number, line.trim_end()) else { return };
        if said.starts_with("354") {
            body = Some(String::new());
        }
        if stream.get_mut().write_all(format!("{said}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What a server without any wishes says.
pub(crate) fn willing(line: &str) -> Option<&'static str> {
    Some(match line.get(..4).unwrap_or(line) {
        "" => "220 hello",
        "EHLO" | "LHLO" => "250-hello\r\n250 PIPELINING",
        "DATA" => "354 go",
        "." => "250 2.0.0 taken",
        "QUIT" => "221 bye",
        _ => "250 ok",
    })
}
