//! Mail out: connections to other mail servers.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "outbound.port",
        kind: Kind::Number { min: 1, max: 65_535 },
        default: is("25", "Where mail servers listen."),
        doc: "The port of other mail servers. Another one is for laboratories only.",
    },
    Key {
        name: "outbound.source",
        kind: Kind::Ip,
        default: unset("\"192.0.2.25\"", "The machine chooses."),
        doc: "The address that our connections to others come from, on a machine that has several. Its PTR should be \
              `hostname`.",
    },
    Key {
        name: "outbound.tls",
        kind: Kind::Choice(&["opportunistic", "required", "never"]),
        default: is(
            "\"opportunistic\"",
            "RFC 7435: better encrypted to a stranger than in the clear, better in the clear than not at all.",
        ),
        doc: "Whether letters travel encrypted: where the other side offers it; always, and else they wait; or never, for \
              laboratories.",
    },
];
