//! Limits of a POP3 session, each with its reason.

use std::time::Duration;

/// The longest line of a client, with its CRLF. RFC 2449 section 4 has 255 for a command; a SASL response may be as
/// long as in SMTP (RFC 4954 section 4: 12,288 octets), and so may an initial response.
pub const LINE_OCTETS_MAX: usize = 12_290;

/// What is thrown away of a line over that limit before the connection is closed: no client sends such a line, and one
/// that never ends would hold the connection for ever.
pub const DROPPED_OCTETS_MAX: usize = 64 * 1024;

/// The inactivity timer: RFC 1939 section 3 wants ten minutes at least.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How long a client may take until it has signed in, all in all. The same ten minutes, but not begun anew by each
/// command: a stranger does not hold a connection by saying CAPA.
pub const SIGN_IN_PATIENCE: Duration = Duration::from_secs(600);

/// Sign-ins that may fail on one connection. A person mistypes twice; a guesser has to connect again, and connections
/// are counted.
pub const SIGN_INS_FAILED_MAX: u32 = 3;

/// Answers of `-ERR` to one connection. A client with a list of messages that another one deleted makes some; a
/// program that speaks another protocol makes nothing else.
pub const ERRORS_MAX: u32 = 100;

/// As long as nobody has signed in, this many `-ERR` are enough.
pub const ERRORS_MAX_BEFORE_SIGN_IN: u32 = 10;

/// Output is handed to the driver in pieces of about this size, so that the list of a large maildrop is never in
/// memory at once.
pub const OUT_OCTETS: usize = 16 * 1024;
