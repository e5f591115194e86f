//! Every limit of the SMTP room, with its reason.

use std::time::Duration;

/// A command line with its CRLF. RFC 5321 section 4.5.3.1.4 promises 512; SIZE, DSN, AUTH= and SMTPUTF8 each add to
/// it, and 4,096 holds a MAIL with all of them at their own limits.
pub const COMMAND_OCTETS_MAX: usize = 4096;

/// An AUTH line with its CRLF (RFC 4954 section 4): 12,288 octets of base64.
pub const SASL_OCTETS_MAX: usize = 12_290;

/// A reply line that we read. RFC 5321 section 4.5.3.1.5 promises 512; servers with long explanations exist.
pub const REPLY_LINE_OCTETS_MAX: usize = 4096;

/// Lines of one reply that we read: an EHLO answer has 20 to 30, nobody needs more than this.
pub const REPLY_LINES_MAX: usize = 128;

/// Octets of one reply's text that we keep: it goes into the queue, the journal and the bounce; the rest is cut.
pub const REPLY_TEXT_OCTETS_MAX: usize = 2048;

/// Queued replies are handed out at the latest when they are this long, so that pipelining costs no memory.
pub const OUT_OCTETS_MAX: usize = 16 * 1024;

/// Recipients of one transaction (RFC 5321 section 4.5.3.1.8 wants 100 at least); the sender sends the rest in another.
pub const RECIPIENTS_MAX: usize = 1000;

/// What is thrown away of a line over its limit before the connection is closed: no client sends such a line, and one
/// that never ends would hold the connection for ever.
pub const DROPPED_OCTETS_MAX: usize = 64 * 1024;

/// Errors before 421, counted anew with each accepted letter: a list with some dead addresses passes, a harvest does not.
pub const ERRORS_MAX: u32 = 50;

/// Commands that bring no letter nearer (NOOP, RSET, VRFY, HELP, EHLO, refused MAIL), counted anew with each accepted letter.
pub const IDLE_COMMANDS_MAX: u32 = 100;

/// Letters of one connection; the sender opens another one, and load balancing gets its turn.
pub const MAILS_MAX: u32 = 10_000;

/// Failed sign-ins of one connection: three typing errors and some agent's habit of trying every mechanism.
pub const SIGN_INS_MAX: u32 = 5;

/// Octets of a refused body that are read for the sake of a proper reply. Whoever sends more is cut off.
pub const DRAIN_OCTETS_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// A letter, unless the operator says otherwise: 50 MiB.
pub const MESSAGE_OCTETS_MAX: u64 = 50 * 1024 * 1024;

/// Parameters of one MAIL or RCPT. We know six.
pub const PARAMETERS_MAX: usize = 16;

/// ENVID and the address of ORCPT (RFC 3461 sections 4.4 and 4.2).
pub const ENVELOPE_ID_OCTETS_MAX: usize = 100;
/// RFC 3461 section 4.2.
pub const ORIGINAL_RECIPIENT_OCTETS_MAX: usize = 500;

/// How long the server waits for a command (RFC 5321 section 4.5.3.2.7: 5 minutes at least).
pub const SERVER_COMMAND: Duration = Duration::from_secs(300);
/// How long the server waits for the next piece of a body (RFC 5321 section 4.5.3.2.5 gives the client 3 minutes a block).
pub const SERVER_BODY: Duration = Duration::from_secs(300);

/// The client's patience, phase by phase, is RFC 5321 section 4.5.3.2. Greeting (4.5.3.2.1).
pub const CLIENT_GREETING: Duration = Duration::from_secs(300);
/// MAIL (4.5.3.2.2), RCPT (4.5.3.2.3), and the verbs that have no number of their own.
pub const CLIENT_COMMAND: Duration = Duration::from_secs(300);
/// DATA until 354 (4.5.3.2.4).
pub const CLIENT_DATA: Duration = Duration::from_secs(120);
/// A block of the body (4.5.3.2.5).
pub const CLIENT_BLOCK: Duration = Duration::from_secs(180);
/// The reply to the end of the body (4.5.3.2.6): the peer may think long before it takes responsibility.
pub const CLIENT_BODY_END: Duration = Duration::from_secs(600);
/// QUIT: courtesy only.
pub const CLIENT_QUIT: Duration = Duration::from_secs(5);

/// What is kept of a dialogue for the operator: its beginning (greeting, EHLO, STARTTLS), and …
pub const DIALOGUE_FIRST_OCTETS: usize = 1850;
/// … its end, where the trouble is. Together with the line between them and the name of the
/// host under 4 KiB, since it stands in a row of the queue.
pub const DIALOGUE_LAST_OCTETS: usize = 1850;
/// Of one line: as long as a reply line may be (RFC 5321 section 4.5.3.1.5). Broken UTF-8 may triple it.
pub const DIALOGUE_LINE_OCTETS: usize = 512;
