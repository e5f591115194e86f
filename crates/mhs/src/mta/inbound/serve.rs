//! The loop of one connection: takes events from the session and hands each to the file of its phase.

use std::net::IpAddr;
use std::sync::Arc;

use directory::SignedIn;
use envelope::{MailId, Reply, SessionId};
use journal::{Event as Happened, Service};
use net::{Conversation, Gone, Incoming, Upgrade, clock};
use protocol::Session;
use protocol::smtp::server::{Event, Server};

use super::data::Intake;
use super::{Inbound, Policy};
use crate::Context;
use crate::acceptance::Letter;

/// One connection.
pub(crate) struct Visit {
    pub(crate) context: Arc<Context>,
    pub(crate) policy: Policy,
    pub(crate) service: Service,
    pub(crate) id: SessionId,
    pub(crate) conversation: Conversation<Server>,
    pub(crate) peer: IpAddr,
    /// Our address that it came to.
    pub(crate) local: IpAddr,
    /// Who signed in.
    pub(crate) who: Option<SignedIn>,
    /// What MAIL began.
    pub(crate) letter: Option<Letter>,
    /// What DATA began.
    pub(super) intake: Option<Intake>,
}

/// Serves a connection to its end.
pub(super) async fn serve(door: &Inbound, incoming: Incoming) {
    let context = Arc::clone(&door.context);
    let id = SessionId::random();
    let Incoming { stream, peer, local } = incoming;
    context.record(Some(id), None, Happened::Connected { service: door.service, peer, local, path: None });
    let stream = match (&context.settings.tls, door.implicit_tls) {
        (Some(tls), true) => match stream.accept_tls(tls).await {
            Ok(stream) => stream,
            Err(gone) => return tls_failed(door, id, gone.to_string()),
        },
        (None, true) => return tls_failed(door, id, "no certificate".to_owned()),
        (_, false) => stream,
    };
    let mut session = Server::new(Arc::clone(door.config_for(peer.ip())), clock::instant());
    if let Some(tls) = stream.tls() {
        session.tls_started(tls.clone());
    }
    let upgrade = context.settings.tls.clone().map_or(Upgrade::Never, Upgrade::Server);
    let mut visit = Visit {
        conversation: Conversation::new(stream, session, upgrade),
        policy: door.policy,
        service: door.service,
        id,
        peer: peer.ip(),
        local: local.ip(),
        who: None,
        letter: None,
        intake: None,
        context,
    };
    let reason = visit.run().await;
    visit.disconnected(reason);
}

/// It did not come to a word.
fn tls_failed(door: &Inbound, id: SessionId, reason: String) {
    let service = door.service;
    door.context.record(Some(id), None, Happened::TlsFailed { reason: reason.clone() });
    door.context.record(Some(id), None, Happened::Disconnected { service, reason, bytes_in: 0, bytes_out: 0 });
}

impl Visit {
    /// Until the connection ends; says why it did.
    async fn run(&mut self) -> String {
        let shutdown = self.context.shutdown.clone();
        let mut draining = false;
        loop {
            if draining && self.conversation.session().is_idle() {
                self.conversation.session().close("shutting down, try again later");
            }
            let event = tokio::select! {
                event = self.conversation.next() => event,
                () = shutdown.draining(), if !draining => {
                    draining = true;
                    continue;
                }
            };
            match event {
                Ok(Some(event)) => self.serve_event(event).await,
                Ok(None) => return self.session().parting().to_owned(),
                Err(gone) => {
                    match &gone {
                        Gone::Tls(reason) => self.record(Happened::TlsFailed { reason: reason.clone() }),
                        Gone::HandshakeTimedOut => self.record(Happened::TlsFailed { reason: gone.to_string() }),
                        _ => {}
                    }
                    return gone.to_string();
                }
            }
        }
    }

    async fn serve_event(&mut self, event: Event) {
        match event {
            Event::Connect => self.connect(),
            Event::Hello(hello) => self.hello(&hello),
            Event::Mail(mail) => self.mail(mail).await,
            Event::Recipient(recipient) => self.recipient(recipient).await,
            Event::Data => self.data(),
            Event::Body(bytes) => self.body(bytes).await,
            Event::BodyEnd { .. } => self.body_end().await,
            Event::BodyRefused(reply) => self.body_refused(&reply),
            Event::Reset => self.forget(),
            Event::Authenticate(request) => self.sign_in(&request).await,
            Event::SignInFailed { user, mechanism, reason } => {
                self.sign_in_failed(&user, mechanism, reason).await;
            }
            Event::Verify(name) => self.verify(&name).await,
            Event::Expand(name) => self.expand(&name).await,
        }
    }

    /// Whether it came by a Unix socket, and has no address.
    pub(super) fn is_unix(&self) -> bool {
        self.peer.is_unspecified()
    }

    pub(crate) fn session(&mut self) -> &mut Server {
        self.conversation.session()
    }

    /// The transaction is over, one way or the other.
    pub(super) fn forget(&mut self) {
        self.letter = None;
        self.intake = None;
    }

    pub(crate) fn record(&self, event: Happened) {
        self.context.record(Some(self.id), self.mail_id(), event);
    }

    pub(super) fn mail_id(&self) -> Option<MailId> {
        self.letter.as_ref().map(|letter| letter.id)
    }

    /// Says no, and writes down why.
    pub(super) fn reject(&mut self, phase: &str, subject: String, reply: Reply) {
        self.session().refuse(&reply);
        self.record(Happened::Rejected { phase: phase.to_owned(), subject, reply });
    }

    fn disconnected(&self, reason: String) {
        let (bytes_in, bytes_out) = (self.conversation.bytes_in(), self.conversation.bytes_out());
        let event = Happened::Disconnected { service: self.service, reason, bytes_in, bytes_out };
        self.context.record(Some(self.id), None, event);
    }
}
