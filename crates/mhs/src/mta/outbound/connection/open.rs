//! Opening a connection: TCP or a Unix socket, the greeting, TLS as demanded, and signing in where the route wants it.

use envelope::{Host as HostName, Reply, SessionId};
use journal::{Event as Happened, Service};
use net::{ConnectError, Conversation, Gone, Stream, Upgrade, clock};
use protocol::smtp::client::{Client, Config, Event, Extensions, Phase};

use super::{Connection, Connections, Journaled, Key, sign_in};
use crate::limits::OUTBOUND_CONNECT_PATIENCE_OTHERS;
use crate::mta::outbound::tls::{self, TlsPolicy};
use crate::mta::outbound::{Host, Place, Target, trouble};
use crate::route::Protocol;

/// Why there is no connection.
pub(super) enum Failure {
    /// The handshake failed; in the clear it may work.
    Tls(String),
    Other(Reply),
}

impl Connections {
    /// A connection to the host: a new one. `is_last`: there is no other host to try after it.
    pub(in crate::mta::outbound) async fn open(
        &self,
        context: &Journaled,
        target: &Target,
        host: &Host,
        is_last: bool,
    ) -> Result<Connection, Reply> {
        let way = Way { target, host, key: Key::of(&self.settings, target, host), is_last };
        let policy = way.key.tls;
        match self.establish(context, &way, policy != TlsPolicy::Never).await {
            Ok(connection) => Ok(connection),
            Err(Failure::Other(reply)) => Err(reply),
            Err(Failure::Tls(reason)) if policy == TlsPolicy::Opportunistic && target.protocol != Protocol::Smtps => {
                match self.establish(context, &way, false).await {
                    Ok(connection) => Ok(connection),
                    Err(Failure::Other(reply)) => Err(reply),
                    Err(Failure::Tls(_)) => Err(trouble::gone(&Gone::Tls(reason))),
                }
            }
            Err(Failure::Tls(reason)) => Err(trouble::gone(&Gone::Tls(reason))),
        }
    }

    async fn establish(&self, context: &Journaled, way: &Way<'_>, encrypt: bool) -> Result<Connection, Failure> {
        let (target, host) = (way.target, way.host);
        let stream = self.stream(way).await.map_err(Failure::Other)?;
        let session = SessionId::random();
        context.connected(session, &stream);
        let mut conversation = match self.conversation(way, stream, encrypt).await {
            Ok(conversation) => conversation,
            Err(gone) => {
                let reason = gone.to_string();
                context.record(session, Happened::TlsFailed { reason: reason.clone() });
                let (bytes_in, bytes_out, service) = (0, 0, Service::Outbound);
                let event = Happened::Disconnected { service, reason: reason.clone(), bytes_in, bytes_out };
                context.record(session, event);
                return Err(Failure::Tls(reason));
            }
        };
        let mut outcome = greet(&mut conversation, encrypt, way.key.tls).await;
        if let (Ok(_), Some(credentials)) = (&outcome, &target.credentials) {
            let signed_in = sign_in::sign_in(context, session, &mut conversation, credentials, way.key.tls).await;
            outcome = signed_in.map(|()| conversation.session().extensions().clone()).map_err(Failure::Other);
        }
        match outcome {
            Ok(extensions) => {
                if let Some(tls) = conversation.tls() {
                    let (version, cipher) = (tls.version.clone(), tls.cipher.clone());
                    context.record(session, Happened::Secured { version, cipher });
                }
                let tls = tls::describe(&conversation);
                let (host, key) = (host.clone(), way.key.clone());
                Ok(Connection { conversation, host, key, session, extensions, tls, mails: 0, reused: false })
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

    /// The bytes' way there. An address that answers nothing is remembered.
    async fn stream(&self, way: &Way<'_>) -> Result<Stream, Reply> {
        let settings = &self.settings;
        let patience = match way.is_last {
            true => settings.connect_patience,
            false => settings.connect_patience.min(OUTBOUND_CONNECT_PATIENCE_OTHERS),
        };
        let connected = match &way.host.place {
            Place::Tcp(address) => Stream::connect(*address, way.key.source, patience).await,
            Place::Unix(path) => Stream::connect_unix(path, patience).await,
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
        let client_tls = match way.key.tls {
            TlsPolicy::Verify | TlsPolicy::Dane => &settings.verifying_tls,
            TlsPolicy::Opportunistic | TlsPolicy::Required | TlsPolicy::Never => &settings.client_tls,
        };
        let name = HostName::parse(&way.host.name);
        if way.target.protocol == Protocol::Smtps {
            let name = name.map_err(|_| Gone::Tls(format!("{} is no name for a certificate", way.host.name)))?;
            let stream = stream.connect_tls(client_tls, &name).await?;
            stream.tls().cloned().into_iter().for_each(|tls| client.implicit_tls(tls));
            return Ok(Conversation::new(stream, client, Upgrade::Never));
        }
        let upgrade = match name {
            Ok(name) if encrypt => Upgrade::Client(client_tls.clone(), name),
            _ => Upgrade::Never,
        };
        Ok(Conversation::new(stream, client, upgrade))
    }
}

/// What is opened.
struct Way<'a> {
    target: &'a Target,
    host: &'a Host,
    key: Key,
    is_last: bool,
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
                let demanded = matches!(policy, TlsPolicy::Required | TlsPolicy::Verify | TlsPolicy::Dane);
                if demanded && session.tls().is_none() {
                    session.quit(clock::instant());
                    let _ = conversation.next().await;
                    return Err(Failure::Other(tls::missing()));
                }
                return Ok(session.extensions().clone());
            }
            Ok(Some(Event::Lost { problem, .. })) => return Err(Failure::Other(trouble::problem(&problem))),
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::Other(trouble::gone(&Gone::Peer))),
            Err(gone @ (Gone::Tls(_) | Gone::Untrusted(_))) => return Err(Failure::Tls(reason(&gone))),
            // Some hang up where they cannot agree.
            Err(gone) if session.phase() == Phase::StartTls => return Err(Failure::Tls(gone.to_string())),
            Err(gone) => return Err(Failure::Other(trouble::gone(&gone))),
        }
    }
}

/// Without the word TLS before it, which who tells of it says himself.
fn reason(gone: &Gone) -> String {
    match gone {
        Gone::Tls(reason) => reason.clone(),
        gone => gone.to_string(),
    }
}
