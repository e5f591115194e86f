//! Whom to ask about names.

use super::{Key, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[Key {
    name: "dns.server",
    kind: Kind::SocketAddress { port: 53 },
    default: unset("\"127.0.0.1:53\"", "The servers that /etc/resolv.conf names."),
    doc: "The name server to ask. Block lists and large amounts of mail need one of your own.",
}];
