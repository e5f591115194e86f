//! The last word on a letter that demands encryption all the way (REQUIRETLS, RFC 8689 section 4.2.1): when no host of
//! the destination can give it, the letter goes back at once and never in the clear. A host that could not be asked now
//! leaves hope, and the letter waits.

use envelope::{EnhancedStatus, Reply, RequireTls};

use super::{Host, Place};

/// What was found at the hosts so far.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Why a host is not safe enough; the last one's.
    too_weak: Option<Reply>,
    /// A host was of no use for another reason.
    in_doubt: bool,
}

impl Asked {
    /// There was no connection to a host, or none that the letter may take.
    pub(super) fn refused(&mut self, reply: &Reply) {
        match reply.enhanced {
            Some(EnhancedStatus { subject: 7, detail: 30, .. }) => self.lacks(reply.text.clone(), 30),
            Some(EnhancedStatus { subject: 7, detail: 5 | 10, .. }) => self.lacks(reply.text.clone(), 10),
            _ => self.in_doubt = true,
        }
    }

    /// The signed DNS, or the domain's policy, has to be asked again.
    pub(super) fn unknown(&mut self) {
        self.in_doubt = true;
    }

    /// The host encrypts, and promises nothing for the way behind it.
    pub(super) fn not_offered(&mut self, host: &str) -> Reply {
        let text = format!("the letter demands encryption all the way, and {host} does not offer REQUIRETLS");
        self.lacks(text.clone(), 30);
        Reply::new(451, (4, 7, 30), text)
    }

    fn lacks(&mut self, text: String, detail: u16) {
        self.too_weak = Some(Reply::new(550, (5, 7, detail), text));
    }

    /// The final answer, if there is one.
    pub(super) fn last_word(self) -> Option<Reply> {
        self.too_weak.filter(|_| !self.in_doubt)
    }
}

/// Whether a letter with this wish asks the host for REQUIRETLS. Not over a Unix socket: there the letter leaves no
/// machine.
pub(super) fn is_demanded(wish: RequireTls, host: &Host) -> bool {
    wish == RequireTls::Demanded && !matches!(host.place, Place::Unix(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_only_when_nobody_could_take_it() {
        let (weak, lost) = (Reply::new(451, (4, 7, 10), "no TLS"), Reply::new(451, (4, 4, 1), "nobody there"));
        let word = |replies: &[&Reply]| {
            let mut asked = Asked::default();
            replies.iter().for_each(|reply| asked.refused(reply));
            asked.last_word().map(|reply| (reply.code, reply.enhanced.map(|status| (status.subject, status.detail))))
        };
        assert_eq!(word(&[]), None);
        assert_eq!(word(&[&weak]), Some((550, Some((7, 10)))));
        assert_eq!(word(&[&Reply::new(451, (4, 7, 5), "a stranger")]), Some((550, Some((7, 10)))));
        assert_eq!(word(&[&Reply::new(451, (4, 7, 30), "not named")]), Some((550, Some((7, 30)))));
        assert_eq!(word(&[&weak, &lost]), None);
        assert_eq!(word(&[&lost, &weak]), None);
        let mut asked = Asked::default();
        assert!(asked.not_offered("mx.patras.test").is_transient());
        assert_eq!(asked.last_word().map(|reply| reply.code), Some(550));
    }
}
