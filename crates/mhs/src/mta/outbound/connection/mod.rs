//! Connections to next hops, and the cache of those that may be used again.
//!
//! A connection is opened ([`open`]), and then takes one letter after the other. Kept idle for some seconds it saves the
//! next letter to the same host all that. It is used again only by letters that would have opened one just like it: the
//! same host and place, from the same address, signed in as the same user, under the same demands on TLS ([`Key`]).

mod open;
mod openings;
mod sign_in;
pub(super) mod silences;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use envelope::SessionId;
use journal::{Event as Happened, Service};
use net::{Conversation, Stream, clock};
use protocol::smtp::client::{Client, Extensions};

use self::openings::{Openings, Waiting};
use super::letter::Converting;
use super::tls::demand::{Demand, Level};
use super::tls::{self, TlsPolicy};
use super::{Host, Place, Settings, Target};
use crate::Context;
use crate::limits::{
    OUTBOUND_BLACK_HOLE_MEMORY, OUTBOUND_BLACK_HOLES_MAX, OUTBOUND_IDLE_EACH, OUTBOUND_IDLE_MAX,
    OUTBOUND_IDLE_PATIENCE, OUTBOUND_MAILS_MAX,
};
use crate::route::Protocol;

/// What makes one connection as good as another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    name: String,
    place: Place,
    protocol: Protocol,
    /// Who is signed in.
    user: Option<String>,
    /// What the operator's word on TLS was.
    tls: TlsPolicy,
    /// What was demanded of it.
    level: Level,
    /// Where it comes from.
    source: Option<IpAddr>,
}

impl Key {
    /// Of the connections that this target's letters may use to this host.
    pub(super) fn of(settings: &Settings, target: &Target, host: &Host, demand: &Demand) -> Self {
        Self {
            name: host.name.clone(),
            place: host.place.clone(),
            protocol: target.protocol,
            user: target.credentials.as_ref().map(|credentials| credentials.user.clone()),
            tls: tls::operator(settings, target, host),
            level: demand.level.clone(),
            source: host.place.ip().and_then(|ip| target.sources.towards(ip)),
        }
    }
}

/// A connection that stands, between transactions.
pub(super) struct Connection {
    pub(super) conversation: Conversation<Client>,
    pub(super) host: Host,
    key: Key,
    pub(super) session: SessionId,
    pub(super) extensions: Extensions,
    /// For the journal.
    pub(super) tls: Option<String>,
    /// Letters that it has taken.
    pub(super) mails: u64,
    /// It comes from the cache: the peer may have closed it meanwhile.
    pub(super) reused: bool,
}

/// The cache. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Connections {
    pub(super) settings: Arc<Settings>,
    /// Memory for letters that go out in 7 bits.
    pub(super) converting: Converting,
    openings: Openings,
    idle: Arc<Mutex<Idle>>,
    /// For an attempt at a destination that has not talked to us lately.
    is_unproven: bool,
}

#[derive(Default)]
struct Idle {
    by_key: HashMap<Key, Vec<(Connection, Instant)>>,
    count: usize,
    /// Places that answered nothing, not even no, and until when they are tried last.
    black_holes: HashMap<Place, Instant>,
    sweeping: bool,
    closed: bool,
}

impl Connections {
    /// An empty one.
    pub fn new(settings: Arc<Settings>) -> Self {
        let (converting, openings, idle) = (Converting::default(), Openings::default(), Arc::default());
        Self { settings, converting, openings, idle, is_unproven: false }
    }

    /// The same, for an attempt: when places are wanted, one at an unproven destination is broken off sooner.
    pub(super) fn towards(self, is_unproven: bool) -> Self {
        Self { is_unproven, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection to the host, if there is one.
    pub(super) fn take(&self, target: &Target, host: &Host, demand: &Demand) -> Option<Connection> {
        let key = Key::of(&self.settings, target, host, demand);
        let mut idle = self.lock();
        let places = idle.by_key.get_mut(&key)?;
        let (mut connection, _) = places.pop()?;
        if places.is_empty() {
            idle.by_key.remove(&key);
        }
        idle.count -= 1;
        connection.reused = true;
        Some(connection)
    }

    /// The hosts in the order of trying: those whose addresses answered nothing of late come last, so that such an
    /// address costs its patience once, not for each connection.
    pub(super) fn in_order<'h>(&self, hosts: &'h [Host]) -> Vec<&'h Host> {
        let now = clock::instant();
        let idle = self.lock();
        let is_silent = |host: &&Host| idle.black_holes.get(&host.place).is_some_and(|until| *until > now);
        let (silent, mut others): (Vec<&Host>, Vec<&Host>) = hosts.iter().partition(is_silent);
        others.extend(silent);
        others
    }

    /// Nothing came back from there.
    pub(super) fn note_black_hole(&self, place: &Place) {
        let now = clock::instant();
        let mut idle = self.lock();
        if idle.black_holes.len() >= OUTBOUND_BLACK_HOLES_MAX {
            idle.black_holes.retain(|_, until| *until > now);
        }
        if idle.black_holes.len() < OUTBOUND_BLACK_HOLES_MAX {
            idle.black_holes.insert(place.clone(), now + OUTBOUND_BLACK_HOLE_MEMORY);
        }
    }

    /// Something did.
    fn forget_black_hole(&self, place: &Place) {
        self.lock().black_holes.remove(place);
    }

    /// So many wait for a place, and there is none: as many that have waited long for a word of the other side give up theirs.
    pub(super) fn make_room(&self, wanted: usize) {
        self.openings.make_room(wanted, clock::instant());
    }

    /// A letter is begun, and the other side has its say until then.
    pub(super) fn wait(&self, since: Instant) -> Waiting {
        self.openings.wait(since, self.is_unproven)
    }

    /// Keeps a connection for the next letter, or says goodbye where that is no use.
    pub(super) fn put(&self, context: &Arc<Journaled>, mut connection: Connection) {
        let mails_max = connection.extensions.mails_max.unwrap_or(u64::MAX).min(OUTBOUND_MAILS_MAX);
        let fit = connection.conversation.session().usable() && connection.mails < mails_max;
        let leftover = if fit { self.keep(context, connection) } else { Some(connection) };
        if let Some(connection) = leftover {
            tokio::spawn(goodbye(Arc::clone(context), connection));
        }
    }

    /// Answers the connection when there is no place for it.
    fn keep(&self, context: &Arc<Journaled>, connection: Connection) -> Option<Connection> {
        let mut idle = self.lock();
        if idle.closed || idle.count >= OUTBOUND_IDLE_MAX {
            return Some(connection);
        }
        let places = idle.by_key.entry(connection.key.clone()).or_default();
        if places.len() >= OUTBOUND_IDLE_EACH {
            return Some(connection);
        }
        places.push((connection, clock::instant() + OUTBOUND_IDLE_PATIENCE));
        idle.count += 1;
        if !std::mem::replace(&mut idle.sweeping, true) {
            tokio::spawn(self.clone().sweep(Arc::clone(context)));
        }
        None
    }

    /// Says goodbye on connections that nobody wanted in time; ends when there is none left.
    async fn sweep(self, context: Arc<Journaled>) {
        loop {
            tokio::time::sleep(OUTBOUND_IDLE_PATIENCE / 4).await;
            let now = clock::instant();
            let (stale, done) = {
                let mut idle = self.lock();
                let stale = idle.remove(|until| until <= now);
                idle.sweeping = idle.count > 0;
                (stale, idle.count == 0)
            };
            for connection in stale {
                tokio::spawn(goodbye(Arc::clone(&context), connection));
            }
            if done {
                return;
            }
        }
    }

    /// Says goodbye on all of them, and keeps none any more.
    pub async fn close(&self) {
        let all = {
            let mut idle = self.lock();
            idle.closed = true;
            idle.remove(|_| true)
        };
        let goodbyes = all.into_iter().map(|mut connection| {
            tokio::spawn(async move {
                connection.conversation.session().quit(clock::instant());
                let _ = tokio::time::timeout(Duration::from_secs(1), connection.conversation.next()).await;
            })
        });
        for goodbye in goodbyes.collect::<Vec<_>>() {
            let _ = goodbye.await;
        }
    }
}

impl Idle {
    fn remove(&mut self, which: impl Fn(Instant) -> bool) -> Vec<Connection> {
        let mut removed = Vec::new();
        for places in self.by_key.values_mut() {
            let (gone, kept) = std::mem::take(places).into_iter().partition(|(_, until)| which(*until));
            *places = kept;
            let gone: Vec<(Connection, Instant)> = gone;
            removed.extend(gone.into_iter().map(|(connection, _)| connection));
        }
        self.by_key.retain(|_, places| !places.is_empty());
        self.count -= removed.len();
        removed
    }
}

/// QUIT, and the end. The reply is courtesy and waited for as long as the session's patience says.
async fn goodbye(context: Arc<Journaled>, mut connection: Connection) {
    connection.conversation.session().quit(clock::instant());
    while let Ok(Some(_)) = connection.conversation.next().await {}
    context.disconnected(connection.session, &connection.conversation, "quit".to_owned());
}

/// What a connection needs of the [`Context`] for longer than a call lasts: the journal.
pub(super) struct Journaled(Arc<dyn journal::Journal>);

impl Journaled {
    pub(super) fn of(context: &Context) -> Arc<Self> {
        Arc::new(Self(Arc::clone(&context.journal)))
    }

    /// For what outlives even the connection.
    fn journal(&self) -> Arc<dyn journal::Journal> {
        Arc::clone(&self.0)
    }

    fn record(&self, session: SessionId, event: Happened) {
        self.0.record(journal::Entry { at: clock::now(), session: Some(session), mail: None, event });
    }

    fn connected(&self, session: SessionId, stream: &Stream) {
        let (service, peer, local) = (Service::Outbound, stream.peer(), stream.local());
        let path = stream.path().map(|path| path.display().to_string());
        self.record(session, Happened::Connected { service, peer, local, path });
    }

    pub(super) fn disconnected(&self, session: SessionId, conversation: &Conversation<Client>, reason: String) {
        let (bytes_in, bytes_out) = (conversation.bytes_in(), conversation.bytes_out());
        self.record(session, Happened::Disconnected { service: Service::Outbound, reason, bytes_in, bytes_out });
    }
}
