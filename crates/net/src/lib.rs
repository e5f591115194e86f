//! The ground where the program meets the world: listeners, TLS, DNS, the clock, the end of work, and the one driver
//! that pumps a [`protocol::Session`] over a stream.
//!
//! Knows no policy and no disk (but for certificate files). Whom to let in, and what to answer, is decided above.

pub mod clock;
mod drive;
pub mod limits;
mod listener;
mod shutdown;
mod stream;
mod tls;

pub use drive::{Conversation, Gone, Upgrade};
pub use listener::{BindError, Connections, Door, Incoming, Listener, Refused};
pub use shutdown::{Busy, Shutdown};
pub use stream::{ConnectError, Stream};
pub use tls::{CertificateError, CertificateFiles, ClientTls, Roots, ServerTls, Verdict};
