//! Letters that an alias, a group or an account sends on.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "forward.srs",
        kind: Kind::Bool,
        default: is("true", "Without it, those who check SPF refuse what is forwarded."),
        doc: "A letter from elsewhere that an alias or a forward carries elsewhere goes out under an address of ours that \
              stands for its sender (SRS), and notices that come back to it are carried to him. Our own senders keep their \
              addresses. Addresses that are out already work for 21 days, whatever this says.",
    },
    Key {
        name: "forward.srs_domain",
        kind: Kind::Domain,
        default: unset("\"fwd.example.org\"", "The domain of the alias or account that sends the letter on."),
        doc: "The domain of such addresses. Its mail must come here (MX), and its SPF record must name this server.",
    },
];
