//! POP3: [`Door`] lets a connection in, and a [`talk::Talk`] carries out what its reader asks, one file a verb.
//!
//! The maildrop is INBOX, frozen at sign-in. Several sessions, POP3 and IMAP, share it without a lock: a message that
//! another one removed is answered with `-ERR`, and one that arrives is seen by the next session. QUIT removes exactly
//! what this session marked. Flags are left alone: a program that fetches in the background has read nothing.

mod maildrop;
mod retrieve;
mod sign_in;
mod talk;
mod update;

use std::sync::Arc;

use envelope::SessionId;
use journal::{Event, Service};
use net::{Conversation, Incoming, Upgrade, clock};
use protocol::Session as _;
use protocol::pop3::{Config, Server};

use crate::{Context, Visitor};
use talk::Talk;

/// The door of one listener: `pop3` (STLS) or `pop3s` (TLS from the start).
pub struct Door {
    context: Arc<Context>,
    /// For those who may sign in only behind TLS, and for the others.
    configs: [Arc<Config>; 2],
    service: Service,
}

impl Door {
    /// Port 110: plain, with STLS when there are certificates.
    pub fn pop3(context: Arc<Context>) -> Arc<Self> {
        Self::new(context, Service::Pop3)
    }

    /// Port 995: TLS from the start. Without certificates every connection is closed.
    pub fn pop3s(context: Arc<Context>) -> Arc<Self> {
        Self::new(context, Service::Pop3s)
    }

    fn new(context: Arc<Context>, service: Service) -> Arc<Self> {
        let configs = [false, true].map(|cleartext_allowed| {
            let hostname = context.settings.hostname.clone();
            let stls = service == Service::Pop3 && context.settings.tls.is_some();
            Arc::new(Config { hostname, cleartext_allowed, stls })
        });
        Arc::new(Self { context, configs, service })
    }

    /// The connection from its first to its last octet: why it ended, octets in and out.
    async fn converse(&self, visitor: Visitor, incoming: Incoming) -> (String, u64, u64) {
        let mut stream = incoming.stream;
        if self.service == Service::Pop3s {
            stream = match self.context.secure(&visitor, stream).await {
                Ok(stream) => stream,
                Err(reason) => return (reason, 0, 0),
            };
        }
        let [secured, clear] = &self.configs;
        let is_clear = self.context.settings.cleartext_sign_in.is_allowed_from(visitor.peer.ip());
        let config = if is_clear { clear } else { secured };
        let upgrade = match &self.context.settings.tls {
            Some(tls) if config.stls => Upgrade::Server(tls.clone()),
            _ => Upgrade::Never,
        };
        let mut server = Server::new(Arc::clone(config), clock::instant());
        if let Some(tls) = stream.tls() {
            server.tls_started(tls.clone());
        }
        let line = Conversation::new(stream, server, upgrade);
        Talk::new(Arc::clone(&self.context), visitor, line).run().await
    }
}

impl net::Door for Door {
    async fn serve(self: Arc<Self>, incoming: Incoming) {
        let (peer, local, service) = (incoming.peer, incoming.local, self.service);
        let visitor = Visitor { service, session: SessionId::random(), peer };
        self.context.record(Some(visitor.session), Event::Connected { service, peer, local, path: None });
        let (reason, bytes_in, bytes_out) = Box::pin(self.converse(visitor, incoming)).await;
        self.context.record(Some(visitor.session), Event::Disconnected { service, reason, bytes_in, bytes_out });
    }
}
