//! What accounts may hold.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "quota.storage",
        kind: Kind::Size { least: 1 << 20, said: "1 MiB" },
        default: unset("\"10 GiB\"", "As much as the disk holds."),
        doc: "What the letters of one account may measure together, where `angelia account quota` says nothing else of it. A \
              copy counts like its original. IMAP refuses with OVERQUOTA what would be more.",
    },
    Key {
        name: "quota.messages",
        kind: Kind::Number { min: 1, max: 1_000_000_000 },
        default: unset("100000", "As many as come."),
        doc: "How many letters one account may hold, in the same way.",
    },
    Key {
        name: "quota.full",
        kind: Kind::Choice(&["later", "refuse"]),
        default: is("\"later\"", "A reader who cleans up within days misses nothing."),
        doc: "What a sender hears whose recipient is full: `later` (452 4.2.2) lets his server try again for days, `refuse` (552 \
              5.2.2) tells him at once. A letter that no empty mailbox could hold is refused in any case. It is asked at RCPT, \
              with the size that the sender says, and again at the end of the letter. A letter for several by an alias or a \
              group comes in as long as one of them has room. Notices, and letters of this machine's own programs, always \
              come in, so that an account may hold somewhat more than it should.",
    },
];
