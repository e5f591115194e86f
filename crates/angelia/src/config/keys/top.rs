//! At the top of the file: who we are, and where everything is kept.

use super::{Default, Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "hostname",
        kind: Kind::Domain,
        default: Default::Required { example: "\"mail.example.org\"" },
        doc: "The name of this machine in the DNS. It stands in greetings, in EHLO and in Received, and in the \
              certificate that is made when none is given. Its address should lead back to it (PTR), else others refuse \
              our mail.",
    },
    Key {
        name: "data",
        kind: Kind::Path,
        default: is("\"/var/lib/angelia\"", "Where programs keep what must last."),
        doc: "The folder of everything that must outlive a restart: the store, the letters, the certificate made by \
              ourselves. A relative path starts at the folder of this file.",
    },
    Key {
        name: "user",
        kind: Kind::Text,
        default: unset("\"angelia\"", "The program keeps the user that it was started as."),
        doc: "Started as root, the program binds its ports and then becomes this user for good. The data folder must \
              belong to it.",
    },
    Key {
        name: "postmaster",
        kind: Kind::Address,
        default: unset("\"anna@example.org\"", "The oldest account of each domain."),
        doc: "Who reads what is sent to `postmaster`, `abuse` and `mailer-daemon` of a domain, or of \
              `hostname`, that has no account or alias of that name. RFC 5321 section 4.5.1 wants it read.",
    },
];
