//! The SMTP server session: being laid.

mod event;

pub use event::{Auth, Config, Event, Hello, Mode};

/// One connection of a client.
pub struct Server {}
