//! Doors: bound sockets, and the loop that lets connections in.
//!
//! How many come in, in all and from one address, is limited here, before a byte is spent on them. Whoever is refused
//! gets the protocol's own busy line where that can be said in the clear, so that a mail server tries again later
//! instead of guessing.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::limits::{BACKLOG, DESCRIPTOR_PAUSE};
use crate::shutdown::Shutdown;
use crate::stream::Stream;

/// An address cannot be listened on: the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct BindError {
    /// Which one.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

/// A bound socket.
pub struct Listener {
    socket: std::net::TcpListener,
    local: SocketAddr,
}

/// A connection that was let in.
pub struct Incoming {
    /// Its bytes.
    pub stream: Stream,
    /// The other side's address.
    pub peer: SocketAddr,
    /// Our address.
    pub local: SocketAddr,
}

/// Why a connection was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// All places are taken.
    TooMany,
    /// This address has its share already.
    TooManyFromHere,
    /// The program drains.
    Draining,
}

/// What stands behind a listener.
pub trait Door: Send + Sync + 'static {
    /// What a refused peer is told, with its CRLF; empty where nothing can be said (implicit TLS). Nothing, unless the
    /// door that stands at the listener itself has words for it.
    fn busy_line(&self) -> &[u8] {
        b""
    }

    /// Somebody was refused; for the journal of the door that stands at the listener itself.
    fn refused(&self, _peer: SocketAddr, _why: Refused) {}

    /// Serves one connection to its end.
    fn serve(self: Arc<Self>, incoming: Incoming) -> impl Future<Output = ()> + Send;
}

impl Listener {
    /// Binds. `[::]:25` takes IPv4 as well; where the machine has no IPv6, it is `0.0.0.0:25`.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |error| BindError { address, error };
        let socket = match bind_socket(address) {
            Err(error) if is_v6_missing(&error) && address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                bind_socket(SocketAddr::new([0, 0, 0, 0].into(), address.port()))
            }
            other => other,
        };
        let socket = socket.map_err(failed)?;
        let local = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, local })
    }

    /// The address that it is bound to; with port 0 asked for, the one that was given.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Lets connections in until the program drains. Each is served in a task of its own, which the drain waits for.
    pub async fn run<D: Door>(self, places: Arc<Connections>, shutdown: Shutdown, door: Arc<D>) -> io::Result<()> {
        let listener = TcpListener::from_std(self.socket)?;
        let mut trouble_told = false;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.draining() => return Ok(()),
            };
            let tcp = match accepted {
                Ok((tcp, _)) => {
                    trouble_told = false;
                    tcp
                }
                Err(error) => {
                    wait_after(&error, &mut trouble_told).await;
                    continue;
                }
            };
            let Ok(stream) = Stream::plain(tcp) else { continue };
            let (peer, local) = (stream.peer(), stream.local());
            match places.take(peer.ip()) {
                Err(why) => turn_away(stream, &*door, why),
                Ok(place) => {
                    let busy = shutdown.busy();
                    let door = Arc::clone(&door);
                    let shutdown = shutdown.clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = door.serve(Incoming { stream, peer, local }) => {}
                            () = shutdown.is_cut_off() => {}
                        }
                        drop((place, busy));
                    });
                }
            }
        }
    }
}

fn bind_socket(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The kernel was built or booted without IPv6.
fn is_v6_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

/// A connection that ended before we took it is its own affair; a process without descriptors or memory has to wait
/// for some of its connections to end.
async fn wait_after(error: &io::Error, told: &mut bool) {
    if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)) {
        if !std::mem::replace(told, true) {
            tracing::warn!(%error, "cannot accept connections");
        }
        tokio::time::sleep(DESCRIPTOR_PAUSE).await;
    }
}

/// Says the busy line, if the socket takes it at once, and closes.
fn turn_away<D: Door>(stream: Stream, door: &D, why: Refused) {
    let peer = stream.peer();
    stream.close_with(door.busy_line());
    door.refused(peer, why);
}

/// The places of one or several listeners: how many connections there may be, in all and from one address. Memory is
/// bounded by the number of places.
pub struct Connections {
    total_max: AtomicUsize,
    per_address_max: AtomicUsize,
    exempt: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    /// The most there were since somebody asked.
    peak: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One taken place; free again when dropped.
pub struct Place {
    places: Arc<Connections>,
    key: IpAddr,
}

impl Connections {
    /// `exempt` names the addresses that the second limit does not bind (a proxy, a monitor, the machine itself).
    pub fn new(
        total_max: usize,
        per_address_max: usize,
        exempt: impl Fn(IpAddr) -> bool + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (total_max, per_address_max) = (AtomicUsize::new(total_max), AtomicUsize::new(per_address_max));
        Arc::new(Self { total_max, per_address_max, exempt: Box::new(exempt), taken: Mutex::default() })
    }

    /// Other limits, for whoever comes from now on.
    pub fn set_limits(&self, total_max: usize, per_address_max: usize) {
        self.total_max.store(total_max, Ordering::Relaxed);
        self.per_address_max.store(per_address_max, Ordering::Relaxed);
    }

    /// Takes a place.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Refused> {
        let exempt = (self.exempt)(peer);
        self.take_as(peer, exempt)
    }

    /// The same for somebody whom the limit of one address does not bind.
    pub(crate) fn take_unlimited(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Refused> {
        self.take_as(peer, true)
    }

    fn take_as(self: &Arc<Self>, peer: IpAddr, exempt: bool) -> Result<Place, Refused> {
        let key = network(peer);
        let per_address_max = if exempt { usize::MAX } else { self.per_address_max.load(Ordering::Relaxed) };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.total_max.load(Ordering::Relaxed) {
            return Err(Refused::TooMany);
        }
        let count = taken.by_address.get(&key).copied().unwrap_or(0);
        if count >= per_address_max {
            return Err(Refused::TooManyFromHere);
        }
        taken.by_address.insert(key, count + 1);
        taken.total += 1;
        taken.peak = taken.peak.max(taken.total);
        Ok(Place { places: Arc::clone(self), key })
    }

    /// How many were taken at most since the last call of this.
    pub fn take_peak(&self) -> usize {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let now = taken.total;
        std::mem::replace(&mut taken.peak, now)
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        if let Some(count) = taken.by_address.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.key);
            }
        }
    }
}

/// One IPv4 address, or one IPv6 network of 64 bits, which is what one customer has.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}
