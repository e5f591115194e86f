//! What every door here needs: the records, the journal, and the settings; and who stands at the door.

use std::net::SocketAddr;
use std::sync::Arc;

use directory::Directory;
use envelope::SessionId;
use journal::{Entry, Event, Journal, Service};
use mailstore::Mailstore;
use net::{RateLimiter, ServerTls, Shutdown, Stream, clock};

use crate::limits;

/// What an operator sets for the readers' doors.
#[derive(Clone)]
pub struct Settings {
    /// Our name, in the greetings.
    pub hostname: String,
    /// Largest message that a reader may append, in octets.
    pub message_octets_max: u64,
    /// Our certificates. None: no encryption is offered.
    pub tls: Option<ServerTls>,
    /// Let people sign in with a password on a channel that is not encrypted. For loopback only.
    pub cleartext_sign_in: bool,
    /// How long a refused sign-in waits for its answer; [`limits::SIGN_IN_DELAY`] but in tests.
    pub sign_in_delay: std::time::Duration,
    /// Failed sign-ins that one address has at once; [`limits::SIGN_IN_FAILURE_BURST`] but in tests.
    pub sign_in_failures_max: u32,
}

impl Settings {
    /// Defaults, under this name.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            message_octets_max: 50 * 1024 * 1024,
            tls: None,
            cleartext_sign_in: false,
            sign_in_delay: limits::SIGN_IN_DELAY,
            sign_in_failures_max: limits::SIGN_IN_FAILURE_BURST,
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
    pub(crate) sign_in_failures: RateLimiter,
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
        let (burst, interval) = (settings.sign_in_failures_max, limits::SIGN_IN_FAILURE_INTERVAL);
        let sign_in_failures = RateLimiter::new(burst, interval, limits::SIGN_IN_ADDRESSES, clock::instant());
        Arc::new(Self { directory, mailstore, journal, settings, shutdown, sign_in_failures })
    }

    /// Writes into the journal.
    pub fn record(&self, session: Option<SessionId>, event: Event) {
        self.journal.record(Entry { at: clock::now(), session, mail: None, event });
    }

    /// TLS from the start, for a door that has it; why not, when it does not come to stand.
    pub(crate) async fn secure(&self, visitor: &Visitor, stream: Stream) -> Result<Stream, String> {
        let Some(tls) = &self.settings.tls else { return Err("no certificate".to_owned()) };
        stream.accept_tls(tls).await.map_err(|gone| {
            self.record(Some(visitor.session), Event::TlsFailed { reason: gone.to_string() });
            gone.to_string()
        })
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
