//! What every door here needs: the records, the journal, and the settings; and who stands at the door.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use directory::{ClearText, Directory, SignInGuard};
use envelope::SessionId;
use journal::{Entry, Event, Journal, Service};
use mailstore::Mailstore;
use net::{Conversation, ServerTls, Shutdown, Stream, clock};
use protocol::Session;

/// What an operator sets for the readers' doors.
#[derive(Clone)]
pub struct Settings {
    /// Our name, in the greetings.
    pub hostname: String,
    /// Largest message that a reader may append, in octets.
    pub message_octets_max: u64,
    /// Messages that one IMAP command may be about (MESSAGELIMIT, RFC 9738): it is carried out on the newest of them.
    pub message_limit: Option<u32>,
    /// Messages that one COPY may bring (SAVELIMIT, RFC 9738).
    pub save_limit: Option<u32>,
    /// How often a client is told that its command goes on (RFC 9585).
    pub progress_every: Duration,
    /// Our certificates. None: no encryption is offered.
    pub tls: Option<ServerTls>,
    /// From where people may sign in with a password on a channel that is not encrypted.
    pub cleartext_sign_in: ClearText,
    /// Who counts failed sign-ins: one for all doors of a process.
    pub sign_ins: Arc<SignInGuard>,
}

impl Settings {
    /// Defaults, under this name.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            message_octets_max: 50 * 1024 * 1024,
            message_limit: None,
            save_limit: Some(crate::limits::SAVED_MESSAGES_MAX),
            progress_every: crate::limits::PROGRESS_EVERY,
            tls: None,
            cleartext_sign_in: ClearText::Never,
            sign_ins: SignInGuard::new(),
        }
    }
}

/// Shared by all doors of one post office.
pub struct Context {
    /// Who is who.
    pub directory: Directory,
    /// The mailboxes.
    pub mailstore: Mailstore,
    /// The operator's record.
    pub journal: Arc<dyn Journal>,
    /// What the operator set.
    pub settings: Settings,
    /// The end of work.
    pub shutdown: Shutdown,
}

impl Context {
    /// Puts the parts together.
    pub fn new(
        directory: Directory,
        mailstore: Mailstore,
        journal: Arc<dyn Journal>,
        settings: Settings,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        Arc::new(Self { directory, mailstore, journal, settings, shutdown })
    }

    /// Writes into the journal.
    pub fn record(&self, session: Option<SessionId>, event: Event) {
        self.journal.record(Entry { at: clock::now(), session, mail: None, event });
    }

    /// TLS from the start, for a door that has it; why not, when it does not come to stand.
    pub(crate) async fn secure(&self, visitor: &Visitor, stream: Stream) -> Result<Stream, String> {
        let secured = match &self.settings.tls {
            Some(tls) => stream.accept_tls(tls).await.map_err(|gone| gone.to_string()),
            None => Err("no certificate".to_owned()),
        };
        secured.inspect_err(|reason| {
            self.record(Some(visitor.session), Event::TlsFailed { reason: reason.clone() });
        })
    }

    /// Writes down, once, that the connection is encrypted.
    pub(crate) fn note_tls<S: Session>(&self, visitor: &Visitor, line: &mut Conversation<S>) {
        if let Some(tls) = line.newly_secured() {
            let event = Event::Secured { version: tls.version.clone(), cipher: tls.cipher.clone() };
            self.record(Some(visitor.session), event);
        }
    }

    /// Writes a fault of ours into the journal.
    pub fn fault(&self, session: SessionId, place: &str, reason: &dyn std::fmt::Display) {
        self.record(Some(session), Event::Fault { place: place.to_owned(), reason: reason.to_string() });
    }
}

/// Who stands at the door.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    /// Which door.
    pub service: Service,
    /// The connection's name in the journal.
    pub session: SessionId,
    /// From where.
    pub peer: SocketAddr,
}
