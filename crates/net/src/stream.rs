//! A connection's bytes: plain TCP, or TLS on either side of it; or a Unix socket, to a program on this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use envelope::Host;
use protocol::Tls;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::drive::Gone;
use crate::limits::{HANDSHAKE_PATIENCE, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL};
use crate::tls::{ClientTls, Handshake, ServerTls, Verdict};

/// A connection, with what is known of it.
pub struct Stream {
    transport: Transport,
    peer: SocketAddr,
    local: SocketAddr,
    /// Of a Unix socket.
    path: Option<Box<Path>>,
    tls: Option<Box<Tls>>,
    verdict: Option<Box<Verdict>>,
}

pub(crate) enum Transport {
    Plain(TcpStream),
    Unix(UnixStream),
    Server(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    Client(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    /// The transport was taken for a handshake that has not ended, or that failed.
    Taken,
}

/// Why a connection to a host did not come to stand.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answered in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The network or the peer said no.
    #[error("{}", crate::plain(.0))]
    Io(#[from] io::Error),
}

impl Stream {
    /// Takes an established TCP connection.
    pub fn plain(tcp: TcpStream) -> io::Result<Self> {
        let (peer, local) = (canonical(tcp.peer_addr()?), canonical(tcp.local_addr()?));
        // A connection that cannot be tuned still carries mail.
        let _ = tcp.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
        let _ = SockRef::from(&tcp).set_tcp_keepalive(&keepalive);
        Ok(Self { transport: Transport::Plain(tcp), peer, local, path: None, tls: None, verdict: None })
    }

    /// Connects to `address`, from `source` when the operator named an address to send from.
    pub async fn connect(
        address: SocketAddr,
        source: Option<IpAddr>,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let connecting = tokio::time::timeout(patience, socket.connect(address)).await;
        let tcp = connecting.map_err(|_| ConnectError::TimedOut(patience))??;
        Ok(Self::plain(tcp)?)
    }

    /// Takes a connection over a Unix socket; `path` is where the socket stands.
    pub fn unix(stream: UnixStream, path: PathBuf) -> Self {
        let path = Some(path.into_boxed_path());
        Self { transport: Transport::Unix(stream), peer: NOWHERE, local: NOWHERE, path, tls: None, verdict: None }
    }

    /// Connects to a Unix socket.
    pub async fn connect_unix(path: &Path, patience: Duration) -> Result<Self, ConnectError> {
        let connecting = tokio::time::timeout(patience, UnixStream::connect(path)).await;
        let stream = connecting.map_err(|_| ConnectError::TimedOut(patience))??;
        Ok(Self::unix(stream, path.to_owned()))
    }

    /// Where the Unix socket stands that this connection goes over, if it does.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The other side's address; over a Unix socket `0.0.0.0:0`, which is none. An IPv4 peer of a dual-stack socket has its IPv4 address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Our address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// What is known of the encrypted channel, if there is one.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }

    /// What verification says of the server's certificate, on a client's encrypted channel.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_deref()
    }

    /// Says these bytes if the socket takes them at once, and closes.
    pub(crate) fn close_with(self, line: &[u8]) {
        if let Transport::Plain(tcp) = &self.transport
            && !line.is_empty()
            && tcp.try_write(line).is_ok()
        {
            // Closing in two steps, so that the line goes out before a reset that unread bytes may cause.
            let _ = SockRef::from(tcp).shutdown(std::net::Shutdown::Write);
        }
    }

    /// Begins TLS at once, as the server of an implicit-TLS port does (RFC 8314 section 3).
    pub async fn accept_tls(self, tls: &ServerTls) -> Result<Self, Gone> {
        self.finish(|stream| stream.begin_accept(tls)).await
    }

    /// Begins TLS at once, as the client of an implicit-TLS port.
    pub async fn connect_tls(self, tls: &ClientTls, name: &Host) -> Result<Self, Gone> {
        self.finish(|stream| stream.begin_connect(tls, name)).await
    }

    async fn finish(mut self, begin: impl FnOnce(&mut Self) -> Result<Handshake, Gone>) -> Result<Self, Gone> {
        let mut handshake = begin(&mut self)?;
        let shake = std::future::poll_fn(|cx| self.poll_handshake(&mut handshake, cx));
        tokio::time::timeout(HANDSHAKE_PATIENCE, shake).await.map_err(|_| Gone::HandshakeTimedOut)??;
        Ok(self)
    }

    pub(crate) fn begin_accept(&mut self, tls: &ServerTls) -> Result<Handshake, Gone> {
        Ok(tls.accept(self.take_plain()?))
    }

    pub(crate) fn begin_connect(&mut self, tls: &ClientTls, name: &Host) -> Result<Handshake, Gone> {
        tls.connect(self.take_plain()?, name)
    }

    /// On success the stream is an encrypted one.
    pub(crate) fn poll_handshake(&mut self, handshake: &mut Handshake, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let done = std::task::ready!(handshake.poll(cx))?;
        self.transport = done.transport;
        self.tls = Some(Box::new(done.tls));
        self.verdict = done.verdict.map(Box::new);
        Poll::Ready(Ok(()))
    }

    fn take_plain(&mut self) -> Result<TcpStream, Gone> {
        match std::mem::replace(&mut self.transport, Transport::Taken) {
            Transport::Plain(tcp) => Ok(tcp),
            Transport::Unix(unix) => {
                self.transport = Transport::Unix(unix);
                Err(Gone::Tls("there is no TLS over a socket in the file system".into()))
            }
            other => {
                self.transport = other;
                Err(Gone::Tls("TLS stands already".into()))
            }
        }
    }
}

/// The address of who has none.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// `::ffff:192.0.2.1` is 192.0.2.1 to everyone above.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn taken() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection is in a handshake")
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Server(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Client(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Taken => Poll::Ready(Err(taken())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Server(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Client(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Taken => Poll::Ready(Err(taken())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Server(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Client(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Taken => Poll::Ready(Err(taken())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Server(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Client(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Taken => Poll::Ready(Err(taken())),
        }
    }
}
