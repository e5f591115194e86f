//! IMAP: [`Door`] lets a connection in, and a [`talk::Talk`] carries out what its reader asks, one file a verb.
//!
//! What a client knows of its mailbox (`selected`) changes only when it is told, so that sequence numbers mean the same
//! on both sides; EXPUNGE is told only where RFC 3501 section 7.4.1 allows it.

mod append;
mod batches;
mod catenate;
mod convert;
mod copy;
mod expunge;
mod fetch;
mod idle;
mod letter;
mod limit;
mod list;
mod mailbox;
mod object_id;
mod progress;
mod quota;
mod replace;
mod search;
mod select;
mod selected;
mod sort;
mod status;
mod store;
mod talk;
mod thread;
mod trouble;

use std::sync::Arc;

use envelope::SessionId;
use journal::{Event, Service};
use net::{Conversation, Incoming, Stream, Upgrade, clock};
use protocol::imap::{Config, Server};

use crate::{Context, Visitor};
use talk::Talk;

/// The door of one listener: `imap` (STARTTLS) or `imaps` (TLS from the start).
pub struct Door {
    context: Arc<Context>,
    /// For those who may sign in only behind TLS, and for the others.
    configs: [Arc<Config>; 2],
    service: Service,
}

impl Door {
    /// Port 143: plain, with STARTTLS when there are certificates.
    pub fn imap(context: Arc<Context>) -> Arc<Self> {
        Self::new(context, Service::Imap)
    }

    /// Port 993: TLS from the start. Without certificates every connection is closed.
    pub fn imaps(context: Arc<Context>) -> Arc<Self> {
        Self::new(context, Service::Imaps)
    }

    fn new(context: Arc<Context>, service: Service) -> Arc<Self> {
        let configs = [false, true].map(|cleartext_sign_in| {
            let mut config = Config::new(context.settings.hostname.clone());
            config.starttls = service == Service::Imap && context.settings.tls.is_some();
            config.cleartext_sign_in = cleartext_sign_in;
            config.append_octets_max = context.settings.message_octets_max;
            config.message_limit = context.settings.message_limit;
            config.save_limit = context.settings.save_limit;
            config.shared()
        });
        Arc::new(Self { context, configs, service })
    }

    /// TLS from the start, where this door has it.
    async fn secure(&self, visitor: &Visitor, stream: Stream) -> Result<Stream, String> {
        if self.service == Service::Imaps { self.context.secure(visitor, stream).await } else { Ok(stream) }
    }

    /// The connection, ready to talk.
    fn begin(&self, visitor: Visitor, stream: Stream) -> Box<Talk> {
        let [secured, clear] = &self.configs;
        let is_clear = self.context.settings.cleartext_sign_in.is_allowed_from(visitor.peer.ip());
        let config = if is_clear { clear } else { secured };
        let upgrade = match &self.context.settings.tls {
            Some(tls) if config.starttls => Upgrade::Server(tls.clone()),
            _ => Upgrade::Never,
        };
        let server = Server::new(Arc::clone(config), stream.tls().cloned(), clock::instant());
        let line = Conversation::new(stream, server, upgrade);
        Box::new(Talk::new(Arc::clone(&self.context), visitor, line))
    }
}

impl net::Door for Door {
    async fn serve(self: Arc<Self>, incoming: Incoming) {
        let (peer, local, service) = (incoming.peer, incoming.local, self.service);
        let visitor = Visitor { service, session: SessionId::random(), peer };
        self.context.record(Some(visitor.session), Event::Connected { service, peer, local, path: None });
        // What a waiting connection holds is counted in thousands: the handshake's needs are given back after it.
        let (reason, bytes_in, bytes_out) = match Box::pin(self.secure(&visitor, incoming.stream)).await {
            Ok(stream) => {
                let mut talk = self.begin(visitor, stream);
                talk.run().await
            }
            Err(reason) => (reason, 0, 0),
        };
        self.context.record(Some(visitor.session), Event::Disconnected { service, reason, bytes_in, bytes_out });
    }
}
