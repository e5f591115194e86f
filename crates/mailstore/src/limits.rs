//! Every number that bounds the Message Store, with its reason.

/// Longest mailbox name, in octets of UTF-8, all levels together. Clients show a line of it; a PostgreSQL index entry
/// holds 2,700 octets.
pub const NAME_OCTETS_MAX: usize = 1000;

/// Deepest nesting of mailboxes. Nobody sorts deeper; bounds the parents that one CREATE makes.
pub const NAME_LEVELS_MAX: usize = 32;

/// Longest keyword, in octets. Clients make words such as `$MDNSent` or `NonJunk`.
pub const KEYWORD_OCTETS_MAX: usize = 255;

/// Different keywords in one mailbox, ever. Each message row can carry all of them as a bitmap of 512 octets.
pub const KEYWORDS_MAX: usize = 4096;

/// Keywords whose bit stands in the `flags` column itself; further ones stand in the bitmap beside it.
pub const KEYWORDS_INLINE: u32 = 54;

/// Rows that one statement batch of a copy, a move or an expunge takes: bounds the memory of one transaction.
pub const ROWS_BATCH: usize = 1000;

/// Tombstone rows kept per mailbox. One row tells of one EXPUNGE. Beyond that the older half is drawn together into
/// one row, which tells an old asker of some UIDs too many (RFC 7162 section 3.2.10 allows it).
pub const TOMBSTONES_MAX: i64 = 200;

/// Ranges of UIDs in one tombstone row: 8 octets each, and values stay under 64 KiB.
pub const TOMBSTONE_RANGES_MAX: usize = 8000;

/// Hints that a slow listener may lag behind before it is told "look again at everything" instead.
pub const FEED_HINTS_MAX: usize = 16;

/// Mailboxes whose view is kept in memory, over all accounts: one SELECT of a mailbox that somebody has just left, or
/// that others have open, costs no scan. The one that was longest unused is let go first; looking for it among so many
/// takes some microseconds.
pub const VIEWS_MAX: usize = 4096;

/// Octets of all kept views together: four million messages at 10 octets each, fewer where each has keywords of its own.
pub const VIEW_OCTETS_MAX: usize = 40_000_000;

/// Messages in one chunk of a view: what is copied when one of them changes, 10 KiB.
pub const CHUNK_ENTRIES: usize = 1024;

/// Neighbouring chunks with so few messages together become one when messages go: so there are always few chunks for
/// the messages, and a chunk is not joined again and again.
pub const CHUNK_JOINED_MAX: usize = CHUNK_ENTRIES / 2;

/// Different flags that a chunk knows before it forgets those that nobody has any more; more than it has messages.
pub const CHUNK_FLAGS_MAX: usize = 2 * CHUNK_ENTRIES;

/// How often other processes' changes are looked for while somebody listens, in milliseconds.
pub const POLL_MILLISECONDS: u64 = 1000;

/// Accounts with listeners that one poll asks about; more take their turn. Bounds the load of 10,000 idle readers.
pub const POLL_ACCOUNTS_MAX: usize = 2000;

/// Longest salvage label, in octets: what `storage` keeps beside a body.
pub const LABEL_OCTETS_MAX: usize = storage::limits::LABEL_MAX;

/// Messages that a letter is tied to, itself included: the first of its thread, the one that it answers, and the youngest
/// others. References of long threads name hundreds; each is a row.
pub const TIES_MAX: usize = 8;

/// Days after which a tie is forgotten: who answers later begins with the first letter of the thread, which calls it by
/// the same name.
pub const TIE_DAYS: i64 = 400;

/// One in so many letters looks for ties to be forgotten.
pub const TIE_SWEEP_LETTERS: i64 = 16;

/// It looks at one of 1,024 pieces of them: at a thousand rows where there are a million. All are looked at within 16,384
/// letters.
pub const TIE_SWEEP_PIECES_BITS: u32 = 10;

/// Messages that are given a thread in one transaction, when somebody asks for those of before: deliveries wait some
/// milliseconds behind it.
pub const THREADS_AT_ONCE: usize = 128;

/// UIDs, UIDVALIDITY and message counts are 32 bits on the wire (RFC 3501 section 2.3.1.1).
pub const UID_MAX: i64 = u32::MAX as i64;

/// Octets of a long body's beginning that its digest is made of: its header and the text behind it.
pub const DIGEST_START_OCTETS: usize = 256 * 1024;

/// Bodies opened at once to make digests that are missing: short ones are read whole by the look.
pub const DIGESTS_AT_ONCE_MAX: usize = 32;

/// Messages in one segment of the index of texts. So many at least stand behind the last one before the next is
/// written: looking through them takes some 20 ms.
pub const GRAM_SEGMENT_LETTERS: usize = 1024;

/// Octets of messages that make a segment, however few they are: to look through them takes as long.
pub const GRAM_SEGMENT_OCTETS: u64 = 32 * 1024 * 1024;

/// Postings that end a segment early: 4 octets each, so 16 MiB and a letter's more while one is made.
pub const GRAM_POSTINGS_MAX: usize = 4 * 1024 * 1024;

/// A longer message is not indexed: whoever searches looks into it, piece by piece. It is what a search holds of a text
/// at a time, so that both see the very same text.
pub const GRAM_LETTER_OCTETS_MAX: u64 = 256 * 1024;

/// Rows of the index in one transaction: deliveries wait some milliseconds behind it.
pub const GRAM_ROWS_AT_ONCE: usize = 128;

/// Seconds between two looks for what is to be indexed.
pub const GRAM_WAIT_SECONDS: u64 = 5;

/// Mailboxes remembered as touched; with more, all of them are looked at.
pub const GRAM_TOUCHED_MAX: usize = 10_000;

/// Terms asked for one word, spread over it: with each, fifty times fewer messages are left.
pub const GRAM_TERMS_ASKED_MAX: usize = 12;

/// Terms that a word must have for the index to be asked: three octets.
pub const GRAM_TERMS_MIN: usize = 1;

/// Octets of a body that are read when it is opened, at most: one block of the store.
pub const LETTER_READ_OCTETS_MAX: u64 = 64 * 1024;

/// Letters that are indexed before the index rests.
pub const GRAM_LETTERS_AT_ONCE: usize = 32;

/// How many times as long as it worked the index rests: it takes a fifth of a core, which does a thousand letters of 4 KiB
/// a second.
pub const GRAM_REST: u32 = 4;

/// Messages that a mailbox must have for its view to be kept on disk: fewer are read from their rows in less than a
/// millisecond. So many changes at least come before it is written anew.
pub const SNAPSHOT_MESSAGES_MIN: usize = 256;

/// A kept view is written anew after changes of one message in so many: reading those from their rows costs less than
/// the view itself.
pub const SNAPSHOT_CHANGED_SHARE: i64 = 32;

/// Octets of one piece of a kept view, about: only pieces that differ are written.
pub const SNAPSHOT_PIECE_OCTETS: usize = 32 * 1024;

/// A view that would take more is not kept: a million messages take 10 MB at the worst, unless each has many keywords of
/// its own.
pub const SNAPSHOT_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Mailboxes looked at at once for whether their view is to be kept.
pub const SNAPSHOTS_AT_ONCE: usize = 100;
