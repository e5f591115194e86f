//! Which header fields a digest keeps: those that mail programs ask for when they list messages.

use crate::header::Header;

/// In lower case, sorted. Taken from what Thunderbird, Apple Mail, Outlook, Mutt, K-9, Evolution, Roundcube, Alpine and
/// mbsync ask for, and what SEARCH, SORT and THREAD look at. Long ones that only few ask for (Received, signatures,
/// Autocrypt) are not worth their room.
const KEPT: [&str; 47] = [
    "bcc",
    "cc",
    "content-class",
    "content-description",
    "content-disposition",
    "content-id",
    "content-language",
    "content-location",
    "content-transfer-encoding",
    "content-type",
    "date",
    "delivered-to",
    "disposition-notification-to",
    "from",
    "importance",
    "in-reply-to",
    "lines",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mail-followup-to",
    "mail-reply-to",
    "message-id",
    "mime-version",
    "newsgroups",
    "organization",
    "priority",
    "references",
    "reply-to",
    "return-path",
    "sender",
    "sensitivity",
    "status",
    "subject",
    "to",
    "user-agent",
    "x-draft-info",
    "x-label",
    "x-mailer",
    "x-priority",
    "x-spam-flag",
    "x-universally-unique-identifier",
];

/// Whether fields of this name are kept, whatever its case.
pub fn is_kept(name: &str) -> bool {
    let mut lower = [0; 31];
    let Some(lower) = lower.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    KEPT.binary_search_by(|known| known.as_bytes().cmp(lower)).is_ok()
}

/// The kept fields of a header; `None` when they are more than `octets_max`.
pub(super) fn kept(header: &Header<'_>, octets_max: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(512);
    for field in header.fields().filter(|field| is_kept(field.name())) {
        out.extend_from_slice(field.whole());
        if out.len() > octets_max {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{KEPT, is_kept};

    #[test]
    fn names_are_found_whatever_their_case() {
        assert!(KEPT.is_sorted());
        for name in KEPT {
            assert!(is_kept(name) && is_kept(&name.to_uppercase()), "{name}");
        }
        for name in ["", "received", "subjects", "x-universally-unique-identifiers", "é"] {
            assert!(!is_kept(name), "{name}");
        }
    }
}
