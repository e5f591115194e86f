//! What an enhanced status code (RFC 3463) means to the person who wrote the letter, and what they can do.

use envelope::EnhancedStatus;

/// One row: subject, detail, what it means, what to do.
type Row = (u16, u16, &'static str, &'static str);

pub(super) const SPELLING: &str = "Look for a slip in the address, and ask the person for the right one if you can.";
pub(super) const ASK: &str = "Ask the person in another way to look into it, for instance by telephone.";
const LATER: &str = "Send it again later.";
const SMALLER: &str = "Send it in smaller pieces, or put the large files somewhere and send a link to them.";
const POSTMASTER: &str = "Show this message to whoever looks after your mail: they can find out more.";

const ROWS: &[Row] = &[
    (1, 1, "There is no such mailbox.", SPELLING),
    (1, 2, "There is no such domain, or it takes no mail.", SPELLING),
    (1, 3, "The address is not well formed.", SPELLING),
    (1, 4, "The address fits more than one mailbox.", SPELLING),
    (1, 6, "The mailbox has moved away and left no new address.", ASK),
    (1, 7, "The other side did not accept your address as the sender.", POSTMASTER),
    (1, 8, "The other side could not find the domain of your address.", POSTMASTER),
    (1, 10, "The domain declares that it takes no mail at all.", SPELLING),
    (2, 1, "The mailbox is switched off.", ASK),
    (2, 2, "The mailbox is full.", "Try again in a few days, or tell the person that their mailbox is full."),
    (2, 3, "The message is larger than the mailbox takes.", SMALLER),
    (3, 1, "The mail system of the other side is full.", LATER),
    (3, 2, "The mail system of the other side takes no mail at present.", LATER),
    (3, 4, "The message is larger than the other side takes.", SMALLER),
    (4, 0, "The network between here and there did not work.", LATER),
    (4, 1, "The mail system of the other side did not answer.", LATER),
    (4, 2, "The connection to the other side broke off.", LATER),
    (4, 3, "The name of the other side's mail system could not be looked up.", LATER),
    (4, 4, "No way to the other side could be found.", SPELLING),
    (4, 6, "The message went in circles.", POSTMASTER),
    (4, 7, "The time to deliver it ran out.", LATER),
    (
        6,
        7,
        "The other side cannot handle international addresses.",
        "Write to an address in plain letters, if they have one.",
    ),
    (7, 1, "The other side refuses to take this message from you.", ASK),
    (7, 5, "There is no connection to the other side that is safe enough.", POSTMASTER),
    (7, 8, "The mail system that carries our mail on did not let us sign in.", POSTMASTER),
    (7, 10, "The other side offers no encryption that is safe enough.", POSTMASTER),
    (7, 23, "The other side could not verify that it came from your domain.", POSTMASTER),
    (7, 26, "The other side could not verify that it came from your domain.", POSTMASTER),
    (
        7,
        30,
        "You asked for encryption all the way, and the other side does not promise it.",
        "Send it without that demand, if it does no harm when others can read it.",
    ),
];

/// For codes without a row: by subject.
const SUBJECTS: &[Row] = &[
    (1, 0, "Something is wrong with the address.", SPELLING),
    (2, 0, "The mailbox does not take the message.", ASK),
    (3, 0, "The mail system of the other side does not take the message.", LATER),
    (4, 0, "The network between here and there did not work.", LATER),
    (5, 0, "The two mail systems did not understand each other.", POSTMASTER),
    (6, 0, "The other side cannot handle what the message contains.", "Send it in another form."),
    (7, 0, "The other side refuses the message by a rule of theirs.", ASK),
];

/// For codes that mean something else where nobody but ourselves has said it.
const OURS: &[Row] = &[
    (3, 0, "Our own mail system is in trouble.", POSTMASTER),
    (3, 2, "Our own mail system does not send it at present.", POSTMASTER),
    (7, 0, "Whoever looks after our mail system has decided that it is not sent, and given it back.", POSTMASTER),
];

/// What happened, and what to do about it. `ours`: no other mail system has said so.
pub(super) fn of(status: EnhancedStatus, ours: bool) -> (&'static str, &'static str) {
    let own = OURS.iter().filter(|_| ours);
    let exact = own.chain(ROWS).find(|row| (row.0, row.1) == (status.subject, status.detail));
    let row = exact.or_else(|| SUBJECTS.iter().find(|row| row.0 == status.subject));
    row.map_or(("The other side gave no clear reason.", ASK), |row| (row.2, row.3))
}
