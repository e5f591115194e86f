//! What every service here needs: the store and the records on it, the journal, and the settings.

use std::sync::Arc;

use directory::{ClearText, Directory, DomainSet, SignInGuard, TrustedNetworks};
use envelope::{Domain, MailId, SessionId};
use journal::{Entry, Event, Journal};
use mailstore::Mailstore;
use net::{ServerTls, Shutdown, clock};
use queue::Queue;
use storage::Store;

use crate::bounce::DoubleBounce;
use crate::limits::{
    NOTICES_ASTRAY_MAX, NOTICES_ASTRAY_OF_ONE, NOTICES_ASTRAY_WINDOW, RETURNING_MAX, RETURNING_TO_ONE, RETURNING_WINDOW,
};
use crate::mda::Full;
use crate::mta::inbound::Vrfy;
use crate::ration::Ration;
use crate::route::Table;

/// What an operator sets for the services.
#[derive(Clone)]
pub struct Settings {
    /// Our name: in the greeting, in EHLO, in Received.
    pub hostname: Domain,
    /// Largest letter in octets.
    pub message_octets_max: u64,
    /// Recipients of one transaction.
    pub recipients_max: usize,
    /// Networks whose hosts may relay without signing in.
    pub trusted: TrustedNetworks,
    /// Domains whose mail is taken from anybody and carried on.
    pub relay_domains: DomainSet,
    /// The operator's routes: one that refuses mail does so before it is taken.
    pub routes: Arc<Table>,
    /// What VRFY answers.
    pub vrfy: Vrfy,
    /// Whether EXPN shows groups to our own people.
    pub expn: bool,
    /// Networks whose hosts may bring mail by LMTP; programs of this machine may in any case.
    pub lmtp_networks: TrustedNetworks,
    /// Our certificates. None: STARTTLS is not offered, and nobody can sign in.
    pub tls: Option<ServerTls>,
    /// From where people may sign in with a password on a channel that is not encrypted.
    pub cleartext_sign_in: ClearText,
    /// Who counts failed sign-ins: one for all doors of a process.
    pub sign_ins: Arc<SignInGuard>,
    /// What a sender is told when a mailbox is full.
    pub full: Full,
    /// What becomes of a notice of ours that cannot be delivered.
    pub double_bounce: DoubleBounce,
}

impl Settings {
    /// Defaults, under this name.
    pub fn new(hostname: Domain) -> Self {
        Self {
            hostname,
            message_octets_max: protocol::smtp::limits::MESSAGE_OCTETS_MAX,
            recipients_max: protocol::smtp::limits::RECIPIENTS_MAX,
            trusted: TrustedNetworks::default(),
            relay_domains: DomainSet::default(),
            routes: Arc::default(),
            vrfy: Vrfy::default(),
            expn: false,
            lmtp_networks: TrustedNetworks::default(),
            tls: None,
            cleartext_sign_in: ClearText::Never,
            sign_ins: SignInGuard::new(),
            full: Full::default(),
            double_bounce: DoubleBounce::default(),
        }
    }
}

/// Shared by all services of one post office.
pub struct Context {
    /// The one door to the disk.
    pub store: Store,
    /// Who is who.
    pub directory: Directory,
    /// The mailboxes.
    pub mailstore: Mailstore,
    /// Mail in transit.
    pub queue: Queue,
    /// The operator's record.
    pub journal: Arc<dyn Journal>,
    /// What the operator set.
    pub settings: Settings,
    /// The end of work.
    pub shutdown: Shutdown,
    /// Notices that nobody has the address for.
    pub(crate) astray: Ration,
    /// Notices that come back to senders through addresses of ours that stand for them.
    pub(crate) returning: Ration,
}

impl Context {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        directory: Directory,
        mailstore: Mailstore,
        queue: Queue,
        journal: Arc<dyn Journal>,
        settings: Settings,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        let astray = Ration::new(NOTICES_ASTRAY_OF_ONE, NOTICES_ASTRAY_MAX, NOTICES_ASTRAY_WINDOW);
        let returning = Ration::new(RETURNING_TO_ONE, RETURNING_MAX, RETURNING_WINDOW);
        Arc::new(Self { store, directory, mailstore, queue, journal, settings, shutdown, astray, returning })
    }

    /// Writes into the journal.
    pub fn record(&self, session: Option<SessionId>, mail: Option<MailId>, event: Event) {
        self.journal.record(Entry { at: clock::now(), session, mail, event });
    }

    /// Writes a fault of ours into the journal.
    pub fn fault(&self, session: Option<SessionId>, mail: Option<MailId>, place: &str, reason: &dyn std::fmt::Display) {
        self.record(session, mail, Event::Fault { place: place.to_owned(), reason: reason.to_string() });
    }
}
