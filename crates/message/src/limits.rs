//! Every limit of this crate, with its reason. A message beyond a limit is still accepted and its byte ranges stay
//! right; what lies beyond the limit is not looked into.

/// Octets of one header section (of the message or of a part) that are looked into. Real headers with long
/// reference lists and signatures reach 60 KiB; this is the memory a hostile header may hold.
pub const HEADER_OCTETS_MAX: usize = 256 * 1024;

/// Fields of one header section that are indexed. Real ones have under 200; an index entry costs 40 octets.
pub const FIELDS_MAX: usize = 10_000;

/// Parts of one message, nested ones included. A digest of a busy list has some hundred.
pub const PARTS_MAX: usize = 1_000;

/// How deep parts nest. Forwards of forwards reach 20; the bound keeps every walk of the tree off the stack's end.
pub const DEPTH_MAX: usize = 50;

/// Octets of a boundary; a longer one is none. RFC 2046 section 5.1.1 allows 70, some mailers write a few more, and no
/// line of the header could hold more than this.
pub const BOUNDARY_OCTETS_MAX: usize = 900;

/// A line longer than this is no boundary line, whatever it begins with: a boundary, four hyphens, and some padding
/// that a relay may have added. It bounds what is kept of an unfinished line.
pub const BOUNDARY_LINE_OCTETS_MAX: usize = 1_000;

/// Octets of parsed facts (types, parameters, envelopes) kept for one message. Past it, parts keep their ranges,
/// their type, and their encoding only.
pub const FACTS_OCTETS_MAX: usize = 2 * 1024 * 1024;

/// Parameters of one Content-Type or Content-Disposition. A long file name in pieces of 60 octets needs about ten.
pub const PARAMETERS_MAX: usize = 128;

/// Octets of one parameter's value, pieces joined. File systems stop at 255 characters of 4 octets.
pub const PARAMETER_OCTETS_MAX: usize = 8 * 1024;

/// Mailboxes of one address field. A list expanded by hand may have thousands; one costs about 100 octets.
pub const MAILBOXES_MAX: usize = 10_000;

/// How deep comments nest before the rest counts as comment (RFC 5322 section 3.2.2 sets no end).
pub const COMMENT_DEPTH_MAX: usize = 32;

/// Longest line written, without CRLF (RFC 5322 section 2.1.1).
pub const LINE_OCTETS_MAX: usize = 998;

/// The line length that the writer aims at, without CRLF: RFC 5322 section 2.1.1 asks for 78, RFC 2047 section 2 for 76
/// where encoded words stand.
pub const LINE_OCTETS_WANTED: usize = 76;

/// Longest encoded word (RFC 2047 section 2).
pub const ENCODED_WORD_OCTETS_MAX: usize = 75;

/// Octets of a digest's record, at most: a value of the store stays under 64 KiB. It is what the pieces below and a
/// preview come to.
pub const DIGEST_OCTETS_MAX: usize = 62 * 1024;

/// Octets of the envelope in a digest. A list of some hundred recipients fits; the envelope of a longer one is read from
/// the message.
pub const DIGEST_ENVELOPE_OCTETS_MAX: usize = 16 * 1024;

/// Octets of the structure in a digest: some hundred parts.
pub const DIGEST_BODY_OCTETS_MAX: usize = 24 * 1024;

/// Octets of the header fields in a digest, as they stand in the message.
pub const DIGEST_FIELDS_OCTETS_MAX: usize = 16 * 1024;

/// Octets of the base subject in a digest: subjects are sorted by less.
pub const DIGEST_SUBJECT_OCTETS_MAX: usize = 1024;

/// Characters of a preview (RFC 8970 section 3 has no more than 256; 200 is what it recommends).
pub const PREVIEW_CHARS_MAX: usize = 200;

/// Octets of a text part that its preview is made of: plain text has it in its first lines, and HTML behind its styles.
pub const PREVIEW_SOURCE_OCTETS_MAX: usize = 16 * 1024;

/// Octets by which raw header fields grow when they are made encoded words, in all of a letter; what lies behind stays
/// raw. Real letters have a few such fields; a word of one octet becomes one of 22, so that without a bound a letter made
/// of headers would be 20 times as long.
pub const CONVERTED_FIELDS_OCTETS_MAX: usize = 256 * 1024;
