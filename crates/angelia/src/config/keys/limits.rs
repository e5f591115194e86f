//! How much is taken in.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "limits.message_size",
        kind: Kind::Size { least: 64 << 10, said: "64 KiB" },
        default: is("\"50 MiB\"", "Twice what the largest providers take, with room for base64."),
        doc: "The largest message that is taken in, as SIZE tells the sender. RFC 5321 section 4.5.3.1.7 wants 64 KiB \
              taken by everybody.",
    },
    Key {
        name: "limits.recipients",
        kind: Kind::Number { min: 1, max: 100_000 },
        default: is("1000", "RFC 5321 section 4.5.3.1.8 asks for 100 at least; lists send in hundreds."),
        doc: "Recipients of one message. The sender is told to send the rest again.",
    },
    Key {
        name: "limits.imap_messages",
        kind: Kind::Number { min: 1000, max: 4_000_000_000 },
        default: unset(
            "100000",
            "There is no limit: programs that do not know of one would take a part of a mailbox for all of it.",
        ),
        doc: "Messages that one IMAP command may be about, as MESSAGELIMIT tells (RFC 9738). It is carried out on the newest \
              of them, and says so; COPY, SORT and THREAD of more are refused.",
    },
    Key {
        name: "limits.imap_copied",
        kind: Kind::Number { min: 1000, max: 4_000_000_000 },
        default: is("1000000", "One transaction, and no person has more in a mailbox."),
        doc: "Messages that one COPY of IMAP may bring, as SAVELIMIT tells where `limits.imap_messages` is not set (RFC 9738). \
              Of more, none is copied.",
    },
    Key {
        name: "limits.connections",
        kind: Kind::Number { min: 1, max: 1_000_000 },
        default: is("5000", "Some ten KiB each, so fifty MiB when all are taken."),
        doc: "Connections at once, to each of: smtp, submission with submissions, imap with imaps, pop3 with pop3s. So a \
              flood at one door leaves the others open.",
    },
    Key {
        name: "limits.connections_per_address",
        kind: Kind::Number { min: 1, max: 1_000_000 },
        default: is("100", "An office behind one address, each with several programs."),
        doc: "Of these, connections from one address (IPv6: one network of 64 bits). This machine and the networks of \
              `relay.networks` are not bound by it.",
    },
];
