//! The doors: where each service listens.

use super::{Key, is};
use crate::config::kind::Kind;

const LISTEN_WHY: &str = "The port that is registered for it, on every address, IPv4 and IPv6.";

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "smtp.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:25\"]", LISTEN_WHY),
        doc: "Where mail comes in from other servers. Nobody can send mail elsewhere through this door, but for the \
              networks of `relay.networks`. An empty list closes the door.",
    },
    Key {
        name: "smtp.vrfy",
        kind: Kind::Choice(&["252", "answer", "off"]),
        default: is("\"252\"", "Whoever gathers addresses for spam asks so."),
        doc: "What VRFY answers (RFC 5321 section 3.5): `252` to everybody, which says nothing; `answer` tells those who have \
              signed in, and `relay.networks`, whether an address is here, and others 252; `off` refuses the command.",
    },
    Key {
        name: "smtp.expn",
        kind: Kind::Choice(&["off", "answer"]),
        default: is("\"off\"", "Who is on a list is the affair of the list."),
        doc: "Whether EXPN shows where an alias leads, to those who have signed in and to `relay.networks`; others are refused \
              in any case.",
    },
    Key {
        name: "submission.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:587\"]", LISTEN_WHY),
        doc: "Where our own people hand in what they send, after STARTTLS and signing in. An empty list closes it.",
    },
    Key {
        name: "submissions.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:465\"]", LISTEN_WHY),
        doc: "The same over TLS from the first byte, which RFC 8314 prefers. An empty list closes it.",
    },
    Key {
        name: "imap.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:143\"]", LISTEN_WHY),
        doc: "Where mail is read by IMAP, after STARTTLS. An empty list closes it.",
    },
    Key {
        name: "imaps.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:993\"]", LISTEN_WHY),
        doc: "The same over TLS from the first byte. An empty list closes it.",
    },
    Key {
        name: "pop3.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:110\"]", LISTEN_WHY),
        doc: "Where mail is fetched by POP3, after STLS. An empty list closes it.",
    },
    Key {
        name: "pop3s.listen",
        kind: Kind::Addresses,
        default: is("[\"[::]:995\"]", LISTEN_WHY),
        doc: "The same over TLS from the first byte. An empty list closes it.",
    },
];
