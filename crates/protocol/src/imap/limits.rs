//! The numbers of the IMAP room, each with its reason.

use std::time::Duration;

/// One command with all its literals, APPEND's message apart. RFC 7162 section 4 asks for 8,192 at least; clients
/// that list every UID of a large mailbox send more, and 64 KiB is what other servers have trained them to.
pub const COMMAND_OCTETS_MAX: usize = 64 * 1024;

/// The same before sign-in: a name, a password and a SASL response fit easily, a stranger gets no more memory.
pub const COMMAND_OCTETS_BEFORE_SIGN_IN_MAX: usize = 8 * 1024;

/// What is read and thrown away of one command with its refused non-synchronising literals before the connection is
/// closed instead (RFC 7888 section 4 leaves both open). Enough for a message over the limit.
pub const DRAINED_OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// The same before sign-in, where nobody has anything long to say.
pub const DRAINED_OCTETS_BEFORE_SIGN_IN_MAX: u64 = 64 * 1024;

/// What is thrown away of one line that does not end. A list of UIDs that some program has written reaches some
/// hundred KiB; what goes on longer never was a command.
pub const DRAINED_LINE_OCTETS_MAX: u64 = 1024 * 1024;

/// One piece of an APPEND literal handed to the service: one write's worth for the store.
pub const CHUNK_OCTETS_MAX: usize = 64 * 1024;

/// Nesting of parentheses, NOT and OR in SEARCH. The parser and the evaluator recurse; no person writes 20.
pub const SEARCH_DEPTH_MAX: usize = 32;

/// Keys of one SEARCH. Each may cost a look into every message.
pub const SEARCH_KEYS_MAX: usize = 512;

/// Numbers in `BODY[1.2.3…]`: deeper than the MIME parser goes.
pub const SECTION_DEPTH_MAX: usize = 64;

/// Criteria of one SORT: there are nine.
pub const SORT_CRITERIA_MAX: usize = 32;

/// Data items of one FETCH.
pub const FETCH_ITEMS_MAX: usize = 128;

/// Flags and keywords in one STORE or APPEND.
pub const FLAGS_MAX: usize = 256;

/// A keyword's length: no client writes longer ones, and each is stored.
pub const KEYWORD_OCTETS_MAX: usize = 128;

/// A mailbox name in UTF-8: deep hierarchies fit, and a LIST of a whole account stays sane.
pub const MAILBOX_OCTETS_MAX: usize = 1024;

/// One piece inflated of a deflated connection (RFC 4978): a few commands' worth.
pub const INFLATED_OCTETS_MAX: usize = 16 * 1024;

/// Messages of one APPEND (RFC 3502): they are put into the mailbox by one transaction.
pub const APPEND_MESSAGES_MAX: usize = 500;

/// Messages, texts and URLs of one APPEND between two literals (RFC 4469): each URL is a look into the store.
pub const APPEND_STEPS_MAX: usize = 500;

/// Parts of which the messages of one APPEND are put together (RFC 4469). A letter has tens.
pub const CATENATE_PARTS_MAX: usize = 2000;

/// Fewest messages in a batch of UIDBATCHES (RFC 10022).
pub const UID_BATCH_MIN: u32 = 500;

/// Batches in one answer to UIDBATCHES (RFC 10022): five million messages in the smallest batches, 200 KiB.
pub const UID_BATCHES_MAX: usize = 10_000;

/// Sources of one ESEARCH (RFC 7377), and mailboxes of one source; also tags of one CANCELUPDATE (RFC 5267).
pub const SOURCES_MAX: usize = 500;

/// Patterns of one LIST (RFC 5258): each is held against every mailbox.
pub const LIST_PATTERNS_MAX: usize = 32;

/// Resources in SETQUOTA (RFC 9208): four are known.
pub const QUOTA_RESOURCES_MAX: usize = 16;

/// Pairs in the ID command (RFC 2971 section 3.3).
pub const ID_PAIRS_MAX: usize = 30;

/// A tag: clients use under ten characters, and each answer repeats it.
pub const TAG_OCTETS_MAX: usize = 64;

/// Commands before sign-in: CAPABILITY, ID, STARTTLS and some failed attempts. Then it is no mail client.
pub const COMMANDS_BEFORE_SIGN_IN_MAX: u32 = 50;

/// Commands in a row that could not be understood before the connection is closed.
pub const ERRORS_MAX: u32 = 50;

/// The same before sign-in.
pub const ERRORS_BEFORE_SIGN_IN_MAX: u32 = 10;

/// Refused sign-ins before the connection is closed: a person mistypes thrice.
pub const SIGN_IN_REFUSALS_MAX: u32 = 5;

/// Patience with a signed-in client, IDLE included (RFC 3501 section 5.4: at least 30 minutes).
pub const IDLE_MAX: Duration = Duration::from_secs(30 * 60 + 30);

/// Patience before sign-in, counted from the last whole command, so that single bytes gain no time.
pub const IDLE_BEFORE_SIGN_IN_MAX: Duration = Duration::from_secs(3 * 60);
