//! What is told, and for how long it is kept.

use super::{Key, is};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "journal.format",
        kind: Kind::Choice(&["auto", "text", "json", "off"]),
        default: is("\"auto\"", "Lines for people, in colours on a terminal."),
        doc: "How each event is written on stderr. The rows for `angelia trace` are written whatever stands here.",
    },
    Key {
        name: "journal.days",
        kind: Kind::Number { min: 1, max: 3650 },
        default: is("30", "Questions about a lost letter come within weeks; addresses are not for keeping for ever."),
        doc: "For so many days `angelia trace` can tell a letter's life.",
    },
];
