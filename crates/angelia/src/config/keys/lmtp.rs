//! LMTP: mail that another server has received for us.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "lmtp.listen",
        kind: Kind::Addresses,
        default: is("[]", "Most servers receive their mail themselves."),
        doc: "Where a Postfix or Exim in front of us brings mail for our addresses by LMTP (RFC 2033). Nothing is relayed \
              there. Besides programs of this machine only `lmtp.networks` may come in.",
    },
    Key {
        name: "lmtp.networks",
        kind: Kind::Networks,
        default: is("[]", "Whoever may bring mail there is believed about its sender."),
        doc: "Addresses and networks that may bring mail to `lmtp.listen`, beside this machine.",
    },
    Key {
        name: "lmtp.socket",
        kind: Kind::Path,
        default: unset("\"/run/angelia/lmtp\"", "There is none."),
        doc: "The same on a Unix socket, for a server on this machine: whoever may open it may bring mail. Its folder must \
              be there; where `user` is given, it must belong to root or to that user. A new path holds after the next start.",
    },
    Key {
        name: "lmtp.socket_mode",
        kind: Kind::Text,
        default: is("\"0660\"", "The owner and the group: put the server in front into the group."),
        doc: "Who may open the socket, as `chmod` writes it.",
    },
];
