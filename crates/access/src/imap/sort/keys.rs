//! What one message is ordered by, and threaded by.

use mailstore::Summary;
use message::digest::{Address, Digest};
use message::encoding::words;

use super::super::search::{Hit, fold};

/// References of one message that are looked at, the youngest: those of a thread of years.
const REFERENCES_MAX: usize = 100;

/// One message. Texts have their case folded.
#[derive(Debug, Default)]
pub(in crate::imap) struct Sortable {
    pub(in crate::imap) seq: u32,
    pub(in crate::imap) uid: u32,
    pub(super) score: u8,
    pub(super) modseq: u64,
    pub(super) arrival: i64,
    pub(super) octets: u64,
    /// In seconds; the internal date where the letter does not say (RFC 5256 section 2.2).
    pub(in crate::imap) sent: i64,
    /// The base subject.
    pub(in crate::imap) subject: String,
    pub(in crate::imap) is_reply: bool,
    pub(super) cc: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) display_from: String,
    pub(super) display_to: String,
    pub(in crate::imap) id: Option<String>,
    pub(in crate::imap) references: Vec<String>,
}

impl Sortable {
    pub(super) fn of(hit: Hit, summary: &Summary) -> Self {
        let row = &summary.message;
        let mut sortable = Self {
            seq: hit.seq,
            uid: row.uid,
            score: hit.score,
            modseq: row.modseq,
            arrival: row.internal_date.seconds(),
            octets: row.octets,
            sent: row.internal_date.seconds(),
            ..Self::default()
        };
        // What cannot be read has no subject, no sender, and no thread.
        if let Ok(digest) = &summary.digest {
            sortable.read(digest);
        }
        sortable
    }

    fn read(&mut self, digest: &Digest) {
        if let Some(sent) = digest.sent() {
            self.sent = sent.at.seconds();
        }
        self.subject = fold(digest.base_subject());
        self.is_reply = digest.is_reply();
        if let Some(envelope) = digest.envelope() {
            (self.from, self.display_from) = first(&envelope.from);
            (self.to, self.display_to) = first(&envelope.to);
            self.cc = first(&envelope.cc).0;
        }
        let header = digest.fields();
        let ids = |name: &str| header.get(name).map(|field| ids(&field.text())).unwrap_or_default();
        self.id = ids("message-id").into_iter().next();
        self.references = ids("references");
        if self.references.is_empty() {
            // Only the first of In-Reply-To (RFC 5256 section 3).
            self.references.extend(ids("in-reply-to").into_iter().next());
        }
        let old = self.references.len().saturating_sub(REFERENCES_MAX);
        self.references.drain(..old);
    }
}

/// The first mailbox (a group's name, where one comes first), and what is shown of it: its name, or else its address (RFC
/// 5957 section 3).
fn first(addresses: &[Address<'_>]) -> (String, String) {
    let Some(address) = addresses.first() else { return Default::default() };
    let mailbox = fold(address.mailbox.unwrap_or_default());
    let name = address.name.map(|name| fold(&words::decode(name.as_bytes()))).filter(|name| !name.trim().is_empty());
    let shown = name.unwrap_or_else(|| match address.host {
        Some(host) => fold(&format!("{}@{host}", address.mailbox.unwrap_or_default())),
        None => mailbox.clone(),
    });
    (mailbox, shown)
}

/// The ids in angle brackets; what stands between them does not count.
fn ids(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((id, behind)) = behind.split_once('>') else { break };
        let id: String = id.split_whitespace().collect();
        if !id.is_empty() {
            found.push(id);
        }
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_thread() {
        assert_eq!(ids("<a@b> (said) <c@d><e\r\n f@g> <h"), ["a@b", "c@d", "ef@g"]);
        assert!(ids("").is_empty() && ids("<>").is_empty());
    }

    #[test]
    fn who_comes_first() {
        let anna =
            Address { name: Some("=?utf-8?q?=C3=84nna?="), mailbox: Some("Anna"), host: Some("a.test"), route: None };
        assert_eq!(first(&[anna]), ("anna".to_owned(), "änna".to_owned()));
        let plain = Address { name: None, ..anna };
        assert_eq!(first(&[plain]), ("anna".to_owned(), "anna@a.test".to_owned()));
        assert_eq!(first(&[]), (String::new(), String::new()));
    }
}
