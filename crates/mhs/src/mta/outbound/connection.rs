//! Connections to next hops, and the cache of those that may be used again.
//!
//! A connection is greeted, encrypted where that can be had, and then takes one letter after the other. Kept idle for
//! some seconds it saves the next letter to the same host all that.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use envelope::{Host as HostName, Reply, SessionId};
use journal::{Event as Happened, Service};
use net::{Conversation, Gone, Stream, Upgrade, clock};
use protocol::smtp::client::{Client, Config, Event, Extensions, Phase};

use super::tls::{self, TlsPolicy};
use super::{Host, Settings, trouble};
use crate::Context;
use crate::limits::{OUTBOUND_IDLE_EACH, OUTBOUND_IDLE_MAX, OUTBOUND_IDLE_PATIENCE, OUTBOUND_MAILS_MAX};

/// A connection that stands, between transactions.
pub(super) struct Connection {
    pub(super) conversation: Conversation<Client>,
    pub(super) host: Host,
    pub(super) session: SessionId,
    pub(super) extensions: Extensions,
    /// For the journal.
    pub(super) tls: Option<String>,
    /// Letters that it has taken.
    pub(super) mails: u64,
    /// It comes from the cache: the peer may have closed it meanwhile.
    pub(super) reused: bool,
}

/// Why there is no connection.
enum Failure {
    /// The handshake failed; in the clear it may work.
    Tls(String),
    Other(Reply),
}

/// The cache. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct Connections {
    pub(super) settings: Arc<Settings>,
    idle: Arc<Mutex<Idle>>,
}

#[derive(Default)]
struct Idle {
    by_host: HashMap<(String, SocketAddr), Vec<(Connection, Instant)>>,
    count: usize,
    sweeping: bool,
    closed: bool,
}

impl Connections {
    /// An empty one.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, idle: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection to the host, if there is one.
    pub(super) fn take(&self, host: &Host) -> Option<Connection> {
        let mut idle = self.lock();
        let key = (host.name.clone(), host.address);
        let places = idle.by_host.get_mut(&key)?;
        let (mut connection, _) = places.pop()?;
        if places.is_empty() {
            idle.by_host.remove(&key);
        }
        idle.count -= 1;
        connection.reused = true;
        Some(connection)
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
        let key = (connection.host.name.clone(), connection.host.address);
        let places = idle.by_host.entry(key).or_default();
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

    /// A connection to the host: a new one.
    pub(super) async fn open(&self, context: &Journaled, host: &Host) -> Result<Connection, Reply> {
        let policy = self.settings.tls;
        match self.establish(context, host, policy != TlsPolicy::Never).await {
            Ok(connection) => Ok(connection),
            Err(Failure::Other(reply)) => Err(reply),
            Err(Failure::Tls(reason)) if policy == TlsPolicy::Opportunistic => {
                match self.establish(context, host, false).await {
                    Ok(connection) => Ok(connection),
                    Err(Failure::Other(reply)) => Err(reply),
                    Err(Failure::Tls(_)) => Err(trouble::gone(&Gone::Tls(reason))),
                }
            }
            Err(Failure::Tls(reason)) => Err(trouble::gone(&Gone::Tls(reason))),
        }
    }

    async fn establish(&self, context: &Journaled, host: &Host, encrypt: bool) -> Result<Connection, Failure> {
        let settings = &self.settings;
        let stream = Stream::connect(host.address, settings.source, settings.connect_patience).await;
        let stream = stream.map_err(|error| Failure::Other(trouble::unreachable(host, &error)))?;
        let session = SessionId::random();
        let (peer, local) = (stream.peer(), stream.local());
        context.record(session, Happened::Connected { service: Service::Outbound, peer, local });
        let config = Config { patience: settings.patience, ..Config::new(settings.hello_name.as_str()) };
        let client = Client::new(config, clock::instant());
        let upgrade = match HostName::parse(&host.name) {
            Ok(name) if encrypt => Upgrade::Client(settings.client_tls.clone(), name),
            _ => Upgrade::Never,
        };
        let encrypt = encrypt && !matches!(upgrade, Upgrade::Never);
        let mut conversation = Conversation::new(stream, client, upgrade);
        match greet(&mut conversation, encrypt, settings.tls).await {
            Ok(extensions) => {
                if let Some(tls) = conversation.tls() {
                    let (version, cipher) = (tls.version.clone(), tls.cipher.clone());
                    context.record(session, Happened::Secured { version, cipher });
                }
                let tls = tls::describe(&conversation);
                let host = host.clone();
                Ok(Connection { conversation, host, session, extensions, tls, mails: 0, reused: false })
            }
            Err(failure) => {
                let reason = match &failure {
                    Failure::Tls(reason) => {
                        context.record(session, Happened::TlsFailed { reason: reason.clone() });
                        reason.clone()
                    }
                    Failure::Other(reply) => reply.to_string(),
                };
                context.disconnected(session, &conversation, reason);
                Err(failure)
            }
        }
    }
}

impl Idle {
    fn remove(&mut self, which: impl Fn(Instant) -> bool) -> Vec<Connection> {
        let mut removed = Vec::new();
        for places in self.by_host.values_mut() {
            let (gone, kept) = std::mem::take(places).into_iter().partition(|(_, until)| which(*until));
            *places = kept;
            let gone: Vec<(Connection, Instant)> = gone;
            removed.extend(gone.into_iter().map(|(connection, _)| connection));
        }
        self.by_host.retain(|_, places| !places.is_empty());
        self.count -= removed.len();
        removed
    }
}

/// Until the peer is ready for a letter, encrypted where that is wanted and can be had.
async fn greet(
    conversation: &mut Conversation<Client>,
    encrypt: bool,
    policy: TlsPolicy,
) -> Result<Extensions, Failure> {
    loop {
        let event = conversation.next().await;
        let session = conversation.session();
        match event {
            Ok(Some(Event::Ready(offered))) if encrypt && session.tls().is_none() && offered.starttls => {
                session.start_tls(clock::instant());
            }
            Ok(Some(Event::Ready(_) | Event::TlsRefused(_))) => {
                if policy == TlsPolicy::Required && session.tls().is_none() {
                    session.quit(clock::instant());
                    let _ = conversation.next().await;
                    return Err(Failure::Other(tls::missing()));
                }
                return Ok(session.extensions().clone());
            }
            Ok(Some(Event::Lost { problem, .. })) => return Err(Failure::Other(trouble::problem(&problem))),
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::Other(trouble::gone(&Gone::Peer))),
            Err(Gone::Tls(reason)) => return Err(Failure::Tls(reason)),
            // Some hang up where they cannot agree.
            Err(gone) if session.phase() == Phase::StartTls => return Err(Failure::Tls(gone.to_string())),
            Err(gone) => return Err(Failure::Other(trouble::gone(&gone))),
        }
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

    fn record(&self, session: SessionId, event: Happened) {
        self.0.record(journal::Entry { at: clock::now(), session: Some(session), mail: None, event });
    }

    pub(super) fn disconnected(&self, session: SessionId, conversation: &Conversation<Client>, reason: String) {
        let (bytes_in, bytes_out) = (conversation.bytes_in(), conversation.bytes_out());
        self.record(session, Happened::Disconnected { service: Service::Outbound, reason, bytes_in, bytes_out });
    }
}
