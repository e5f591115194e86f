//! The selected mailbox as the client knows it: what it is told, and when, is in [`told`]; which messages a command
//! means, in [`named`].
//!
//! Place n - 1 of `entries` is what the client calls message n; it changes only together with the response that tells
//! so. What others expunge stays in its place, marked in `gone`, until an EXPUNGE response may be sent
//! (RFC 3501 section 7.4.1). The truth is the store's: [`Selected::catch_up`] asks for what happened since our MODSEQ.

mod named;
mod told;

pub(super) use named::Named;

use std::collections::BTreeSet;

use envelope::MailboxId;
use mailstore::{ANSWERED, Account, DELETED, DRAFT, Entries, Entry, FLAGGED, FlagBits, Keywords, SEEN, UidSet};
use protocol::imap::{Enabled, Flag};

/// The selected mailbox.
pub(super) struct Selected {
    pub(super) mailbox: MailboxId,
    /// Opened by EXAMINE.
    pub(super) read_only: bool,
    /// What the client has switched on.
    pub(super) enabled: Enabled,
    /// What `$` stands for (RFC 5182).
    pub(super) saved: UidSet,
    pub(super) uid_validity: u32,
    uid_next: u32,
    modseq: u64,
    keywords: Keywords,
    entries: Entries,
    /// Expunged, and the client has not been told.
    gone: UidSet,
    /// UIDs of messages whose flags somebody else has changed, and the client has not been told.
    untold: BTreeSet<u32>,
    /// Messages from this UID on are `\Recent` here.
    recent_from: u32,
    /// Up to this UID, nobody else will call them so; what came later is claimed when we leave.
    claimed_until: u32,
}

impl Selected {
    pub(super) fn new(found: mailstore::Selected, read_only: bool, enabled: Enabled) -> Self {
        Self {
            mailbox: found.view.mailbox,
            read_only,
            enabled,
            saved: UidSet::EMPTY,
            uid_validity: found.view.uid_validity,
            uid_next: found.view.uid_next,
            modseq: found.view.modseq,
            keywords: found.view.keywords,
            entries: found.view.entries,
            gone: UidSet::EMPTY,
            untold: BTreeSet::new(),
            recent_from: found.recent_from,
            claimed_until: found.recent_until,
        }
    }

    fn all_flags(&self) -> Vec<Flag> {
        let mut flags = vec![Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
        flags.extend(self.keywords.iter().map(|name| Flag::Keyword(name.to_owned())));
        flags
    }

    /// The flags of a message, as they go over the wire.
    pub(super) fn flags(&self, uid: u32, bits: &FlagBits) -> Vec<Flag> {
        let mut flags = Vec::with_capacity(2);
        for (bit, flag) in [
            (ANSWERED, Flag::Answered),
            (FLAGGED, Flag::Flagged),
            (DELETED, Flag::Deleted),
            (SEEN, Flag::Seen),
            (DRAFT, Flag::Draft),
        ] {
            if bits.has(bit) {
                flags.push(flag);
            }
        }
        flags.extend(bits.keywords(&self.keywords).map(|name| Flag::Keyword(name.to_owned())));
        if self.is_recent(uid) && !self.enabled.rev2 {
            flags.push(Flag::Recent);
        }
        flags
    }

    /// Whether the message is `\Recent` in this session.
    pub(super) fn is_recent(&self, uid: u32) -> bool {
        uid >= self.recent_from
    }

    /// Whether the message has this keyword.
    pub(super) fn has_keyword(&self, bits: &FlagBits, name: &str) -> bool {
        bits.keywords(&self.keywords).any(|keyword| keyword.eq_ignore_ascii_case(name))
    }

    /// All messages, in their places.
    pub(super) fn entries(&self) -> Entries {
        self.entries.clone()
    }

    /// The message of this UID.
    pub(super) fn entry(&self, uid: u32) -> Option<Entry> {
        self.entries.find(uid)
    }

    /// The message of this UID, with its sequence number.
    pub(super) fn numbered(&self, uid: u32) -> Option<(u32, Entry)> {
        let place = self.entries.place_of(uid)?;
        Some((named::sequence(place), self.entries.get(place)?))
    }

    /// What is expunged, and the client has not been told.
    pub(super) fn gone(&self) -> &UidSet {
        &self.gone
    }

    /// The MODSEQ up to which the client has heard, or is about to hear.
    pub(super) fn modseq(&self) -> u64 {
        self.modseq
    }

    /// Whether the client has yet to be told of an EXPUNGE.
    pub(super) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Whether the message was expunged behind the client's back.
    pub(super) fn is_gone(&self, uid: u32) -> bool {
        self.gone.contains(uid)
    }

    /// Leaves the mailbox: what this session was the first to see is nobody else's `\Recent`.
    pub(super) async fn leave(&self, account: &Account) {
        if self.read_only || self.entries.last().is_none_or(|entry| entry.uid < self.claimed_until) {
            return;
        }
        if let Err(error) = account.claim_recent(self.mailbox).await {
            tracing::debug!(%error, "recent messages were not claimed");
        }
    }
}
