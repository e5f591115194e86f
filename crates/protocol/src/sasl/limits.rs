//! Limits of the SASL room, each with its reason.

/// The longest message of either side that we look at, before base64. RFC 4954 section 4 promises clients a line of
/// 12,288 octets of base64, which is this.
pub const MESSAGE_OCTETS_MAX: usize = 9216;

/// The longest user name or authorization identity: an address has 255 + 1 + 255 octets, and SASLprep may make a
/// name longer or shorter.
pub const NAME_OCTETS_MAX: usize = 1024;

/// The longest password. Hashing costs grow with it, and nobody types more.
pub const PASSWORD_OCTETS_MAX: usize = 1024;

/// The longest nonce of a SCRAM peer; RFC 5802 sets none, real ones have 24 to 48 characters.
pub const NONCE_OCTETS_MAX: usize = 512;

/// Random octets of our own nonce: 144 bits, 24 characters in base64.
pub const NONCE_RANDOM_OCTETS: usize = 18;

/// PBKDF2 rounds of the keys that a server makes. RFC 7677 section 4 wants 4,096 at least; a telephone derives 10,000
/// in a few milliseconds, and the password itself is guarded by argon2 as far as we can.
pub const SCRAM_ITERATIONS: u32 = 10_000;

/// The fewest rounds that our client puts up with (RFC 7677 section 4).
pub const CLIENT_ITERATIONS_MIN: u32 = 4096;

/// The most rounds that our client does for a server: about a third of a second. A hostile server could ask for hours.
pub const CLIENT_ITERATIONS_MAX: u32 = 600_000;

/// Octets of a salt that a server makes.
pub const SALT_OCTETS: usize = 16;

/// The longest salt that our client takes from a server.
pub const SALT_OCTETS_MAX: usize = 512;
