//! What can happen in a post office, as types. Words follow RFC 5598.

use std::net::{IpAddr, SocketAddr};

use envelope::{Address, MailId, Reply, ReversePath};

/// The door an event came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// MX reception, port 25.
    Smtp,
    /// Submission with STARTTLS, port 587.
    Submission,
    /// Submission over implicit TLS, port 465.
    Submissions,
    /// Port 143.
    Imap,
    /// Port 993.
    Imaps,
    /// Port 110.
    Pop3,
    /// Port 995.
    Pop3s,
    /// LMTP, for another server in front of us.
    Lmtp,
    /// The outbound client.
    Outbound,
    /// The command line, on this machine.
    Local,
}

/// How much an operator should care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The ordinary course.
    Info,
    /// Somebody was refused, or something will be tried again.
    Notice,
    /// An operator should look.
    Warning,
    /// Something of ours is broken.
    Error,
}

/// One thing that happened. Its serde form is that of `--json` and of the store: `{"event": "queued", …}`. A later
/// program reads what an earlier one wrote: fields are added with a default, never renamed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The program is ready; `listeners` are its doors.
    Started { version: String, listeners: Vec<(Service, SocketAddr)> },
    /// The program drains and ends.
    Stopping,
    /// The configuration or the certificate was read again.
    Reloaded { what: String },
    /// Somebody connected. Over a Unix socket there are no addresses (`0.0.0.0:0`), but its path.
    Connected {
        service: Service,
        peer: SocketAddr,
        local: SocketAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// The connection ended; `reason` in a few words (`quit`, `idle`, `peer went away`).
    Disconnected { service: Service, reason: String, bytes_in: u64, bytes_out: u64 },
    /// TLS stands on a connection.
    Secured { version: String, cipher: String },
    /// TLS did not come to stand.
    TlsFailed { reason: String },
    /// Somebody signed in.
    SignedIn { service: Service, account: Address, mechanism: String, peer: Option<IpAddr> },
    /// Somebody did not. `user` is what was claimed, cut to 255 characters.
    SignInRefused { service: Service, user: String, mechanism: String, reason: String, peer: Option<IpAddr> },
    /// A command was refused by policy: which (`MAIL`, `RCPT`, `DATA`, `CONNECT`), about whom, and what we answered.
    Rejected { phase: String, subject: String, reply: Reply },
    /// A letter was accepted and is durable.
    Accepted { reverse_path: ReversePath, recipients: Vec<Address>, octets: u64, message_id: String, service: Service },
    /// A user of this machine handed it in. `replaced` is the sender that he asked for and may not use.
    HandedIn {
        login: String,
        uid: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<String>,
    },
    /// A letter stands in a mailbox.
    Delivered { recipient: Address, account: Address, mailbox: String, uid: u32 },
    /// A letter waits in the queue for a recipient.
    Queued { recipient: Address, destination: String },
    /// An address of ours (an alias, a forward) sends a letter on; `letter` came in, and is `carried_as` in the queue.
    SentOn { by: Address, recipient: Address, reverse_path: ReversePath, letter: MailId, carried_as: MailId },
    /// A letter came back to an address of ours that sends it on, and is not sent on again.
    Circle { recipient: Address },
    /// The hosts that DNS named for a destination, in the order of trying.
    Routed { destination: String, hosts: Vec<String> },
    /// One attempt for one recipient, and how it ended.
    Attempt {
        recipient: Address,
        host: String,
        ip: Option<IpAddr>,
        tls: Option<String>,
        outcome: AttemptOutcome,
        reply: Reply,
    },
    /// A bounce or another notice was written about a letter.
    Notified { to: ReversePath, kind: String, about: Vec<Address> },
    /// An operator's hand: `retry`, `hold`, `drop`.
    Operator { action: String, recipient: Option<Address> },
    /// A peer reached a limit.
    Limited { service: Service, limit: String, peer: Option<IpAddr> },
    /// Something of ours failed.
    Fault { place: String, reason: String },
    /// Everything works, and the operator should know something all the same.
    Warning { place: String, reason: String },
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// The next hop took it.
    Delivered,
    /// Later.
    Deferred,
    /// Never.
    Failed,
}

impl Event {
    /// The event's name in logs, in `--json`, and in the store: stable.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopping => "stopping",
            Self::Reloaded { .. } => "reloaded",
            Self::Connected { .. } => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Secured { .. } => "secured",
            Self::TlsFailed { .. } => "tls-failed",
            Self::SignedIn { .. } => "signed-in",
            Self::SignInRefused { .. } => "sign-in-refused",
            Self::Rejected { .. } => "rejected",
            Self::Accepted { .. } => "accepted",
            Self::HandedIn { .. } => "handed-in",
            Self::Delivered { .. } => "delivered",
            Self::Queued { .. } => "queued",
            Self::SentOn { .. } => "sent-on",
            Self::Circle { .. } => "circle",
            Self::Routed { .. } => "routed",
            Self::Attempt { .. } => "attempt",
            Self::Notified { .. } => "notified",
            Self::Operator { .. } => "operator",
            Self::Limited { .. } => "limited",
            Self::Fault { .. } => "fault",
            Self::Warning { .. } => "warning",
        }
    }

    /// How much an operator should care.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Fault { .. } => Severity::Error,
            Self::Circle { .. }
            | Self::SignInRefused { .. }
            | Self::Rejected { .. }
            | Self::Limited { .. }
            | Self::TlsFailed { .. } => Severity::Notice,
            Self::Attempt { outcome: AttemptOutcome::Failed, .. } | Self::Warning { .. } => Severity::Warning,
            Self::Attempt { outcome: AttemptOutcome::Deferred, .. } => Severity::Notice,
            _ => Severity::Info,
        }
    }
}
