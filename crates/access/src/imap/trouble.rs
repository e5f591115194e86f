//! What can go wrong within a verb, and how the reader is told.

use protocol::imap::Server;
use protocol::imap::encode::Code;

/// Why a verb did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The connection is over.
    #[error(transparent)]
    Gone(#[from] net::Gone),
    /// The mailbox says no, or the store is in trouble.
    #[error(transparent)]
    Mailbox(#[from] mailstore::Error),
    /// The store is in trouble.
    #[error(transparent)]
    Store(#[from] storage::Error),
    /// The store failed where a part of a literal had been sent: nothing can be said any more.
    #[error("a body could not be read to its end: {0}")]
    Torn(storage::Error),
    /// A sequence number that the mailbox does not have: the client's mistake (RFC 3501 section 9, `seq-number`).
    #[error("No such sequence number")]
    Sequence,
    /// A text of a SEARCH that is none in the charset that the client named: the client's mistake.
    #[error("The text is not in the charset named")]
    Charset,
}

impl Trouble {
    /// Whether it is a fault of ours, for the journal.
    pub(super) fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Torn(_)
                | Self::Mailbox(mailstore::Error::Storage(_) | mailstore::Error::Directory(_))
        )
    }

    /// Whether nothing can be answered.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Torn(_))
    }

    /// Ends the command (RFC 5530).
    pub(super) fn answer(&self, session: &mut Server) {
        use mailstore::Error;
        match self {
            Self::Sequence | Self::Charset => session.bad(&self.to_string()),
            Self::Mailbox(error) => {
                let code = match error {
                    Error::NoMailbox => "NONEXISTENT",
                    Error::Exists => "ALREADYEXISTS",
                    Error::Role => "USEATTR",
                    Error::Name(_) | Error::NoSelect | Error::Cannot(_) => "CANNOT",
                    Error::Limit { .. } => "LIMIT",
                    // RFC 5530 section 3.
                    Error::NoMessage => "EXPUNGEISSUED",
                    Error::OverQuota => "OVERQUOTA",
                    Error::Storage(error) => return store_failed(session, error),
                    Error::Directory(_) => "UNAVAILABLE",
                };
                session.no(Some(&Code::Word(code)), &sentence(&error.to_string()));
            }
            Self::Store(error) => store_failed(session, error),
            Self::Gone(_) | Self::Torn(_) => {}
        }
    }
}

fn store_failed(session: &mut Server, error: &storage::Error) {
    match error {
        storage::Error::Damaged(_) => {
            session.no(Some(&Code::Word("CORRUPTION")), "Something stored here is damaged; the operator was told");
        }
        // Not OVERQUOTA: that is the reader's own share, and he would be told to delete (RFC 5530 section 3).
        storage::Error::Full(_) => {
            session
                .no(Some(&Code::Word("UNAVAILABLE")), "The server's disk is full, and nothing was changed; try later");
        }
        _ => session.no(Some(&Code::Word("UNAVAILABLE")), "The store has a problem, try again later"),
    }
}

/// With a capital letter in front.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
