//! Every limit of this crate, with its reason beside the number.

use std::time::Duration;

/// Read from a connection at once. One TLS record has 16 KiB, so this is two of them; the buffer stands on the stack
/// of the reading call and costs an idle connection nothing.
pub const READ_OCTETS: usize = 32 * 1024;

/// Output gathered before it must go out. Answers to a pipelined group of commands fit many times over (RFC 2920
/// section 3.2 wants them sent together); what a peer can make us hold is this and one `Send` step.
pub const OUTPUT_OCTETS_MAX: usize = 64 * 1024;

/// How long a peer may take to take one gathered output. RFC 5321 section 4.5.3.2.5 gives a data block three minutes;
/// five is kind to a slow line and still an end.
pub const OUTPUT_PATIENCE: Duration = Duration::from_secs(300);

/// How long a TLS handshake may take. It is two round trips and some arithmetic.
pub const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(30);

/// After our last word we wait this long for the peer to close, so that a reset does not destroy that word under way
/// (RFC 9293 section 3.10.4).
pub const LINGER: Duration = Duration::from_secs(2);

/// Read and thrown away while waiting for the peer to close.
pub const LINGER_OCTETS_MAX: usize = 256 * 1024;

/// Plaintext thrown away that came between STARTTLS and our answer to it. A peer that sends more is cut off.
pub const STARTTLS_RUBBISH_OCTETS_MAX: usize = 256 * 1024;

/// Connections that the kernel holds for us while we do not accept.
pub const BACKLOG: i32 = 1024;

/// Pause after the process has run out of file descriptors: accepting again at once would only spin.
pub const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(100);

/// A peer that fell silent is asked by TCP after this long; IMAP clients in IDLE are silent for half an hour.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(300);

/// Pause between such questions.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// One try of one question to one name server.
pub const DNS_TRY_PATIENCE: Duration = Duration::from_secs(5);

/// Tries after the first; a lost datagram is the usual trouble.
pub const DNS_ATTEMPTS: usize = 2;

/// One question in all, waiting for a turn included.
pub const DNS_PATIENCE: Duration = Duration::from_secs(30);

/// Questions under way at once. More would only wait in the name server.
pub const DNS_LOOKUPS_AT_ONCE_MAX: usize = 128;

/// Answers kept. Some KiB each at the worst, so a few tens of MiB; usually a tenth of that.
pub const DNS_CACHE_ANSWERS_MAX: u64 = 4096;

/// An answer is kept a day at most, whatever it says of itself.
pub const DNS_POSITIVE_TTL_MAX: Duration = Duration::from_secs(86_400);

/// That a name does not exist is believed for a quarter of an hour at most: new domains are in a hurry.
pub const DNS_NEGATIVE_TTL_MAX: Duration = Duration::from_secs(900);

/// MX hosts of one domain. The largest sites have some dozen; a hostile one could have a thousand.
pub const EXCHANGES_MAX: usize = 32;

/// TLSA records of one host that are looked at. One or two are usual, four while keys are rolled.
pub const TLSA_RECORDS_MAX: usize = 32;

/// A whole certificate in a TLSA record; more than that is no certificate that TLS could carry.
pub const TLSA_DATA_OCTETS_MAX: usize = 16 * 1024;

/// Certificates of a server's chain, without its own, that are searched for an authority named by a TLSA record.
/// Public chains have two or three.
pub const CHAIN_CERTIFICATES_MAX: usize = 16;

/// One request over HTTPS in all, from the question for the address to the last octet of the answer. RFC 8461 section 3.3
/// suggests a minute; a letter waits for it, and a policy that is not there within half of one has to be asked for later.
pub const HTTPS_PATIENCE: Duration = Duration::from_secs(30);

/// How long one address of a web server may take to answer.
pub const HTTPS_CONNECT_PATIENCE: Duration = Duration::from_secs(8);

/// Addresses of a web server that are tried.
pub const HTTPS_ADDRESSES_MAX: usize = 3;

/// Octets of an answer's header.
pub const HTTPS_HEADER_OCTETS_MAX: usize = 32 * 1024;

/// Aliases of aliases. Real chains have two or three.
pub const DNS_ALIASES_MAX: usize = 10;

/// Servers of /etc/resolv.conf that are asked; the C library takes as many.
pub const DNS_SERVERS_MAX: usize = 3;

/// The largest answer that comes in a datagram: we say 1232 (RFC 9715), and some do not listen.
pub const DNS_DATAGRAM_OCTETS_MAX: usize = 4096;

/// Signed answers are kept for five minutes at most: a TLSA record that was mended must not keep mail waiting, and the
/// resolver that is asked again stands next to us.
pub const DNS_SIGNED_TTL_MAX: Duration = Duration::from_secs(300);
