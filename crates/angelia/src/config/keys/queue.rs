//! The patience of the queue.

use super::{Key, is};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "queue.retry_first",
        kind: Kind::Duration,
        default: is("\"5m\"", "A server that restarts is back by then."),
        doc: "How long a letter waits after its first attempt in vain. Each further wait is twice as long.",
    },
    Key {
        name: "queue.retry_longest",
        kind: Kind::Duration,
        default: is("\"4h\"", "Half a dozen attempts a day, as RFC 5321 section 4.5.4.1 has it."),
        doc: "No wait is longer.",
    },
    Key {
        name: "queue.lifetime",
        kind: Kind::Duration,
        default: is("\"5d\"", "RFC 5321 section 4.5.4.1: at least 4 to 5 days, so that a weekend passes."),
        doc: "A letter that could not be delivered for so long goes back to its sender.",
    },
    Key {
        name: "queue.delay_notice",
        kind: Kind::Duration,
        default: is("\"4h\"", "Long enough that a passing trouble makes no noise."),
        doc: "After so long the sender is told, once, that the letter still waits.",
    },
    Key {
        name: "queue.double_bounce",
        kind: Kind::Choice(&["postmaster", "drop"]),
        default: is("\"postmaster\"", "Somebody should know that a sender could not be told."),
        doc: "What becomes of a notice of ours that cannot be delivered: the postmaster here gets a letter about it, or it is \
              dropped. The journal says so either way.",
    },
    Key {
        name: "queue.rest_first",
        kind: Kind::Duration,
        default: is("\"1m\"", "A server that restarts is back by then; nearly nobody waits for longer than he must."),
        doc: "How long a destination that nobody answered for is left alone. Then one letter asks; each further rest is twice \
              as long.",
    },
    Key {
        name: "queue.rest_longest",
        kind: Kind::Duration,
        default: is("\"1h\"", "One probe an hour costs nothing, and mail flows within an hour when a server is back."),
        doc: "No rest of a destination is longer.",
    },
];
