//! Reports about TLS.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "tlsrpt.send",
        kind: Kind::Bool,
        default: is(
            "false",
            "RFC 8460 section 3 wants mailed reports signed with DKIM, which is not built yet: whoever gets them throws \
             them away. Reports over HTTPS need none.",
        ),
        doc: "Whether domains that ask for it (`_smtp._tls` in the DNS) are told each day how TLS with their mail hosts \
              went. It is counted in any case: `angelia tlsrpt list` shows it.",
    },
    Key {
        name: "tlsrpt.contact",
        kind: Kind::Address,
        default: unset("\"postmaster@example.org\"", "No reports are sent; `tlsrpt.send` needs it."),
        doc: "The address that our reports come from, and that others may write to about them. Its domain stands for us.",
    },
];
