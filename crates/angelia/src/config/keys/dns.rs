//! Whom to ask about names, and what of the answers is believed.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "dns.server",
        kind: Kind::SocketAddress { port: 53 },
        default: unset("\"127.0.0.1:53\"", "The servers that /etc/resolv.conf names."),
        doc: "The name server to ask. Block lists and large amounts of mail need one of your own.",
    },
    Key {
        name: "dns.dnssec",
        kind: Kind::Choice(&["off", "ad", "validate"]),
        default: is(
            "\"off\"",
            "DANE stands and falls with the name server: behind one that drops signatures, no mail would go out at all.",
        ),
        doc: "Whether mail servers are known by what their own signed zones say of them (DANE, RFC 7672). `validate`: we \
              check the signatures ourselves, from the root down; the name server must hand them out, as BIND, Unbound and \
              Knot do. `ad`: the server named by `dns.server` checks them, and we believe its AD bit. Either way mail for \
              domains that sign nothing goes as ever; mail for a domain whose signed answers fail waits until they are \
              mended.",
    },
    Key {
        name: "dns.trusted_ad",
        kind: Kind::Bool,
        default: is("false", "Whoever stands between us and the name server could forge the AD bit."),
        doc: "Believe the AD bit of a name server that is not on this machine, where `dns.dnssec` says `ad`. Only where the way \
              to it is safe.",
    },
    Key {
        name: "dns.trust_anchors",
        kind: Kind::Path,
        default: unset("\"/etc/angelia/root.key\"", "The keys of the root zone that are built in."),
        doc: "Keys of the root zone to believe in place of the built-in ones: DNSKEY records, one a line. For private roots \
              and for tests.",
    },
];
