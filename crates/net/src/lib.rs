//! The ground where the program meets the world: listeners, TLS, DNS, HTTPS, the clock, the end of work, and the one driver
//! that pumps a [`protocol::Session`] over a stream.
//!
//! Knows no policy and no disk (but for certificate files). Whom to let in, and what to answer, is decided above.

pub mod clock;
pub mod dane;
pub mod dns;
mod dnssec;
mod drive;
mod https;
pub mod limits;
mod listener;
mod plain;
mod rate;
mod shutdown;
mod stream;
mod tls;
mod unix;
pub mod wire;

pub use dane::{Dane, Protection, Tlsa};
pub use dns::{DnsError, Exchange, MailHosts, Resolver};
pub use dnssec::SecureResolver;
pub use drive::{Conversation, Gone, Upgrade};
pub use https::{Https, HttpsAnswer, HttpsError};
pub use listener::{BindError, Connections, Door, Incoming, Listener, Place, Refused};
pub use plain::plain;
pub use rate::RateLimiter;
pub use shutdown::{Busy, Shutdown};
pub use stream::{ConnectError, Stream};
pub use tls::{CertificateError, CertificateFiles, ClientTls, Roots, ServerTls, TlsFault, Untrusted, Verdict};
pub use unix::{UnixBindError, UnixListener};
