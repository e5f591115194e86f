//! The second step: each value gets its type, or a problem with its line. One file a section that has much to say.

mod dns;
mod doors;
mod drop;
mod journal;
mod lmtp;
mod outbound;
mod queue;
mod quota;
mod reader;
mod route;
mod storage;
mod tls;
mod tlsrpt;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ::queue::Backoff;
use directory::{DomainSet, TrustedNetworks};
use envelope::{Address, Domain};
use mhs::mta::inbound::Vrfy;

pub use self::dns::Dnssec;
pub use self::doors::ListenSettings;
pub use self::drop::DropSettings;
pub use self::journal::JournalFormat;
use self::lmtp::{ForwardSettings, LmtpSettings};
pub use self::outbound::OutboundSettings;
pub use self::quota::QuotaSettings;
pub use self::route::{RouteSettings, table};
pub use self::storage::{Bodies, Engine};
pub use self::tls::TlsSettings;

use self::reader::Reader;
use super::Problem;
use super::raw::Raw;

/// The configuration, right by construction.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our name in the DNS.
    pub hostname: Domain,
    /// Where everything is kept.
    pub data: PathBuf,
    /// Whom to become after binding.
    pub user: Option<String>,
    /// Who reads what is sent to a postmaster.
    pub postmaster: Option<Address>,
    /// The doors.
    pub listen: Vec<ListenSettings>,
    /// Certificates.
    pub tls: TlsSettings,
    /// Whether a password may come in the clear from elsewhere.
    pub signin_without_tls: bool,
    /// Who may send without signing in.
    pub relay_networks: TrustedNetworks,
    /// Whose mail we take from anybody, and carry on.
    pub relay_domains: DomainSet,
    /// What becomes of letters that are sent on.
    pub forward: ForwardSettings,
    /// Mail that another server has received.
    pub lmtp: LmtpSettings,
    /// What VRFY answers.
    pub vrfy: Vrfy,
    /// Whether EXPN answers.
    pub expn: bool,
    /// SIZE, in octets.
    pub message_octets_max: u64,
    /// Recipients of one message.
    pub recipients_max: usize,
    /// Messages that one IMAP command may be about.
    pub imap_messages_max: Option<u32>,
    /// Messages that one COPY of IMAP may bring.
    pub imap_copied_max: u32,
    /// What accounts may hold.
    pub quota: QuotaSettings,
    /// Connections to one group of doors.
    pub connections_max: usize,
    /// Connections from one address.
    pub connections_per_address_max: usize,
    /// The name server, when one is named.
    pub dns_server: Option<SocketAddr>,
    /// How it is known what was signed in the DNS.
    pub dnssec: Dnssec,
    /// How mail goes out.
    pub outbound: OutboundSettings,
    /// Where it goes, in the order of asking.
    pub routes: Vec<RouteSettings>,
    /// From whom reports about TLS are sent; `None` where none are.
    pub tls_reports: Option<Address>,
    /// The queue's patience.
    pub backoff: Backoff,
    /// Letters of this machine's users.
    pub drop: DropSettings,
    /// The store.
    pub storage: Engine,
    /// Octets that stay free on the disk of the data folder.
    pub reserve: u64,
    /// How the journal looks on stderr.
    pub journal_format: JournalFormat,
    /// How long the journal's rows are kept.
    pub journal_days: u32,
}

/// `None` only when there is a problem.
pub(in crate::config) fn build(raw: Raw, folder: &Path, problems: &mut Vec<Problem>) -> Option<Settings> {
    let mut reader = Reader { raw, folder, problems, line: 0 };
    let hostname = reader.hostname();
    let data = reader.path("data");
    let tls = reader.tls(data.as_deref());
    let storage = reader.storage();
    let reserve = reader.size("storage.reserve");
    let listen = reader.doors();
    let backoff = reader.backoff();
    let dns_server = reader.socket_address("dns.server");
    let outbound = reader.outbound(dns_server, &listen);
    let drop = reader.drop_box(data.as_deref());
    Some(Settings {
        user: reader.text("user"),
        postmaster: reader.address("postmaster"),
        listen,
        tls,
        signin_without_tls: reader.bool("signin.without_tls"),
        relay_networks: reader.networks("relay.networks"),
        relay_domains: reader.domains("relay.domains"),
        forward: reader.forward(),
        lmtp: reader.lmtp(),
        vrfy: reader.choice("smtp.vrfy").and_then(|word| word.parse().ok()).unwrap_or_default(),
        expn: reader.choice("smtp.expn") == Some("answer"),
        message_octets_max: reader.size("limits.message_size"),
        recipients_max: reader.count("limits.recipients"),
        imap_messages_max: reader.number_if_set("limits.imap_messages"),
        imap_copied_max: u32::try_from(reader.number("limits.imap_copied")).unwrap_or(u32::MAX),
        quota: reader.quota(),
        connections_max: reader.count("limits.connections"),
        connections_per_address_max: reader.count("limits.connections_per_address"),
        dns_server,
        dnssec: reader.dnssec(dns_server),
        routes: reader.routes(outbound.limits),
        outbound,
        tls_reports: reader.tls_reports(),
        backoff,
        drop,
        journal_format: reader.journal_format(),
        journal_days: u32::try_from(reader.number("journal.days")).unwrap_or(30),
        storage: storage?,
        reserve,
        hostname: hostname?,
        data: data?,
    })
}
