//! Opening a connection: TCP or a Unix socket, the greeting, TLS as demanded, and signing in where the route wants it.

use std::net::IpAddr;
use std::time::Instant;

use envelope::{Host as HostName, SessionId};
use journal::{Event as Happened, Service};
use net::{ClientTls, ConnectError, Conversation, Gone, Stream, TlsFault, Untrusted, Upgrade, clock};
use protocol::smtp::client::{Client, Config, Event, Extensions, Phase};

use super::openings::Opening;
use super::{Connection, Connections, Journaled, Key, sign_in};
use crate::limits::OUTBOUND_CONNECT_PATIENCE_OTHERS;
use crate::mta::outbound::tls;
use crate::mta::outbound::tls::demand::{Count, Demand, Level, trouble_of};
use crate::mta::outbound::tls::policies::Went;
use crate::mta::outbound::tls::sts::Trouble;
use crate::mta::outbound::trouble::{self, Useless};
use crate::mta::outbound::{Host, Place, Target};
use crate::route::Protocol;

/// Why there is no connection.
pub(super) enum Failure {
    /// TLS is not as it should be; in the clear it may work.
    Tls(Untrusted),
    Other(Useless),
}

impl Connections {
    /// A connection to the host: a new one. `is_last`: there is no other host to try after it. `since`: when the attempt
    /// began.
    pub(in crate::mta::outbound) async fn open(
        &self,
        context: &Journaled,
        target: &Target,
        host: &Host,
        demand: &Demand,
        is_last: bool,
        since: Instant,
    ) -> Result<Connection, Useless> {
        let stranger = host.mx_of.as_ref().and_then(|_| host.place.ip());
        let Some(opening) = self.openings.begin(stranger, since, self.is_unproven).await else {
            return Err(trouble::busy(host));
        };
        let key = Key::of(&self.settings, target, host, demand);
        let way = Way { target, host, demand, key, is_last, opening };
        let in_vain = match self.establish(context, &way, demand.level != Level::Never).await {
            Ok(connection) => {
                let trouble = |count: &Count| {
                    count.judge(connection.conversation.tls().is_some(), connection.conversation.verdict())
                };
                self.went(&way, Some(connection.conversation.local().ip()), trouble);
                self.remember(context, &connection);
                return Ok(connection);
            }
            Err(Failure::Other(useless)) => return Err(useless),
            Err(Failure::Tls(why)) => why,
        };
        self.went(&way, way.key.source, |_| Some(trouble_of(&in_vain)));
        if demand.level == Level::Opportunistic && target.protocol != Protocol::Smtps {
            match self.establish(context, &way, false).await {
                Ok(connection) => {
                    self.remember(context, &connection);
                    return Ok(connection);
                }
                Err(Failure::Other(useless)) => return Err(useless),
                Err(Failure::Tls(_)) => {}
            }
        }
        Err(Useless::found(demand.unmet(host.public_name(), &in_vain)))
    }

    /// Counts the session for a report, where it is counted.
    fn went(&self, way: &Way<'_>, from: Option<IpAddr>, trouble: impl FnOnce(&Count) -> Option<Trouble>) {
        if let (Some(policies), Some(count)) = (&self.settings.policies, &way.demand.count) {
            policies.count(count, Went { host: way.host, from, trouble: trouble(count) });
        }
    }

    /// Notices a downgrade.
    fn remember(&self, context: &Journaled, connection: &Connection) {
        let host = &connection.host;
        if let (Some(policies), true, Some(_)) = (&self.settings.policies, host.mx_of.is_some(), host.place.ip()) {
            policies.remember(context.journal(), host, tls::protected(&connection.conversation));
        }
    }

    async fn establish(&self, context: &Journaled, way: &Way<'_>, encrypt: bool) -> Result<Connection, Failure> {
        let (target, host) = (way.target, way.host);
        let stream = self.stream(way).await.map_err(Failure::Other)?;
        let session = SessionId::random();
        context.connected(session, &stream);
        let beginning = way.opening.unless_broken_off(self.conversation(way, stream, encrypt)).await;
        let mut conversation = match beginning.unwrap_or(Err(Gone::HandshakeTimedOut)) {
            Ok(conversation) => conversation,
            Err(gone) => {
                if matches!(gone, Gone::HandshakeTimedOut) {
                    self.note_black_hole(&host.place);
                }
                let reason = gone.to_string();
                context.record(session, Happened::TlsFailed { reason: reason.clone() });
                let (bytes_in, bytes_out, service) = (0, 0, Service::Outbound);
                let event = Happened::Disconnected { service, reason, bytes_in, bytes_out };
                context.record(session, event);
                return Err(Failure::Tls(untrusted(gone)));
            }
        };
        let greeting = greet(&mut conversation, encrypt, way.demand.level.is_demanding());
        let mut outcome = match way.opening.unless_broken_off(greeting).await {
            Some(outcome) => outcome,
            None => {
                self.note_black_hole(&host.place);
                Err(Failure::Other(trouble::silent(host)))
            }
        };
        if let (Ok(_), Some(credentials)) = (&outcome, &target.credentials) {
            let signing_in = sign_in::sign_in(context, session, &mut conversation, credentials, way.key.tls);
            let signed_in = way.opening.unless_broken_off(signing_in).await.unwrap_or_else(|| {
                self.note_black_hole(&host.place);
                Err(trouble::silent(host))
            });
            outcome = signed_in.map(|()| conversation.session().extensions().clone()).map_err(Failure::Other);
        }
        match outcome {
            Ok(extensions) => {
                if let Some(tls) = conversation.tls() {
                    let (version, cipher) = (tls.version.clone(), tls.cipher.clone());
                    context.record(session, Happened::Secured { version, cipher });
                }
                let tls = tls::describe(&conversation, way.demand);
                let (host, key) = (host.clone(), way.key.clone());
                Ok(Connection { conversation, host, key, session, extensions, tls, mails: 0, reused: false })
            }
            Err(failure) => {
                let reason = match &failure {
                    Failure::Tls(why) => {
                        let reason = why.reason.clone();
                        context.record(session, Happened::TlsFailed { reason: reason.clone() });
                        reason
                    }
                    Failure::Other(useless) => useless.reply.to_string(),
                };
                context.disconnected(session, &conversation, reason);
                Err(failure)
            }
        }
    }

    /// The bytes' way there. An address that answers nothing is remembered.
    async fn stream(&self, way: &Way<'_>) -> Result<Stream, Useless> {
        let settings = &self.settings;
        let patience = match way.is_last {
            true => settings.connect_patience,
            false => settings.connect_patience.min(OUTBOUND_CONNECT_PATIENCE_OTHERS),
        };
        let connecting = async {
            match &way.host.place {
                Place::Tcp(address) => Stream::connect(*address, way.key.source, patience).await,
                Place::Unix(path) => Stream::connect_unix(path, patience).await,
            }
        };
        let Some(connected) = way.opening.unless_broken_off(connecting).await else {
            self.note_black_hole(&way.host.place);
            return Err(trouble::silent(way.host));
        };
        match &connected {
            Err(ConnectError::TimedOut(_)) => self.note_black_hole(&way.host.place),
            _ => self.forget_black_hole(&way.host.place),
        }
        connected.map_err(|error| trouble::unreachable(way.host, &error))
    }

    /// The session on it; encrypted already where the protocol begins so.
    async fn conversation(&self, way: &Way<'_>, stream: Stream, encrypt: bool) -> Result<Conversation<Client>, Gone> {
        let settings = &self.settings;
        let lmtp = way.target.protocol == Protocol::Lmtp;
        let config = Config { lmtp, patience: settings.patience, ..Config::new(settings.hello_name.as_str()) };
        let mut client = Client::new(config, clock::instant());
        let client_tls = match &way.demand.level {
            Level::Dane(dane) => ClientTls::dane(dane).map_err(Gone::Untrusted)?,
            Level::Verified => settings.verifying_tls.clone(),
            Level::Encrypted | Level::Opportunistic | Level::Never => settings.client_tls.clone(),
        };
        let name = HostName::parse(&way.host.name);
        if way.target.protocol == Protocol::Smtps {
            let name = name.map_err(|_| Gone::Tls(format!("{} is no name for a certificate", way.host.name)))?;
            let shaking = tokio::time::timeout(settings.patience.command, stream.connect_tls(&client_tls, &name));
            let stream = shaking.await.unwrap_or(Err(Gone::HandshakeTimedOut))?;
            stream.tls().cloned().into_iter().for_each(|tls| client.implicit_tls(tls));
            return Ok(Conversation::new(stream, client, Upgrade::Never));
        }
        let upgrade = match name {
            Ok(name) if encrypt => Upgrade::Client(client_tls, name),
            _ => Upgrade::Never,
        };
        Ok(Conversation::new(stream, client, upgrade))
    }
}

/// What is opened.
struct Way<'a> {
    target: &'a Target,
    host: &'a Host,
    demand: &'a Demand,
    key: Key,
    is_last: bool,
    opening: Opening,
}

/// Until the peer is ready for a letter, encrypted where that is wanted and can be had.
async fn greet(conversation: &mut Conversation<Client>, encrypt: bool, demanded: bool) -> Result<Extensions, Failure> {
    loop {
        let event = conversation.next().await;
        let session = conversation.session();
        match event {
            Ok(Some(Event::Ready(offered))) if encrypt && session.tls().is_none() && offered.starttls => {
                session.start_tls(clock::instant());
            }
            Ok(Some(Event::Ready(_) | Event::TlsRefused(_))) => {
                if demanded && session.tls().is_none() {
                    session.quit(clock::instant());
                    let _ = conversation.next().await;
                    return Err(Failure::Tls(missing()));
                }
                return Ok(session.extensions().clone());
            }
            Ok(Some(Event::Lost { problem, .. })) => return Err(Failure::Other(trouble::problem(&problem))),
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::Other(trouble::gone(&Gone::Peer))),
            Err(gone @ (Gone::Tls(_) | Gone::HandshakeTimedOut | Gone::Untrusted(_))) => {
                return Err(Failure::Tls(untrusted(gone)));
            }
            // Some hang up where they cannot agree.
            Err(gone) if session.phase() == Phase::StartTls => return Err(Failure::Tls(untrusted(gone))),
            Err(gone) => return Err(Failure::Other(trouble::gone(&gone))),
        }
    }
}

/// The kind of a failure, and its reason without the word TLS before it, which who tells of it says himself.
fn untrusted(gone: Gone) -> Untrusted {
    match gone {
        Gone::Untrusted(why) => why,
        Gone::Tls(reason) => Untrusted { fault: TlsFault::Broken, reason },
        Gone::HandshakeTimedOut => Untrusted { fault: TlsFault::Broken, reason: "handshake timed out".to_owned() },
        gone => Untrusted { fault: TlsFault::Broken, reason: gone.to_string() },
    }
}

/// A host that offers no TLS where it is demanded (RFC 3207 section 4.1).
fn missing() -> Untrusted {
    Untrusted { fault: TlsFault::StartTlsNotSupported, reason: "the server offers no STARTTLS".to_owned() }
}
