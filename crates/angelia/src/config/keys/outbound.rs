//! Mail out: connections to other mail servers.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "outbound.port",
        kind: Kind::Number { min: 1, max: 65_535 },
        default: is("25", "Where mail servers listen."),
        doc: "The port of other mail servers: of MX hosts, and of `smtp://` routes that name none. Another one is for \
              laboratories only; where we listen says `smtp.listen`.",
    },
    Key {
        name: "outbound.allow_loopback",
        kind: Kind::Bool,
        default: unset(
            "true",
            "Only in a laboratory: where `outbound.port` is not 25, `dns.server` names a port that is not 53, or all doors \
             are on loopback.",
        ),
        doc: "Bring mail to hosts on loopback (127.0.0.0/8, ::1) where the DNS names them, or an address literal does. \
              Nobody else's mail host is on this machine. A route of yours that names a host needs no leave. Unspecified, link-local, multicast and \
              broadcast addresses are never used.",
    },
    Key {
        name: "outbound.source",
        kind: Kind::Ips,
        default: unset("[\"192.0.2.25\", \"2001:db8::25\"]", "The machine chooses."),
        doc: "The address that our connections to others come from, on a machine that has several: one, or one of each \
              family. Its PTR should be `hostname`. For a family that is not named the machine chooses.",
    },
    Key {
        name: "outbound.prefer",
        kind: Kind::Choice(&["ipv6", "ipv4", "ipv6-only", "ipv4-only"]),
        default: is("\"ipv6\"", "RFC 6724; where IPv6 leads nowhere the next address is tried within seconds."),
        doc: "Which addresses of a host are tried first; the families take turns. Or which alone: then hosts that have none \
              of these are not reached.",
    },
    Key {
        name: "outbound.hello_name",
        kind: Kind::Domain,
        default: unset("\"out.example.org\"", "`hostname`."),
        doc: "How we name ourselves to other mail servers, where connections come from an address with a name of its own.",
    },
    Key {
        name: "outbound.tls",
        kind: Kind::Choice(&["opportunistic", "required", "verify", "never"]),
        default: is(
            "\"opportunistic\"",
            "RFC 7435: better encrypted to a stranger than in the clear, better in the clear than not at all.",
        ),
        doc: "Whether letters travel encrypted: where the other side offers it; always, and else they wait; always, and \
              only to hosts whose certificate verifies for their name; or never, for laboratories. A domain that demands \
              more by MTA-STS or DANE gets more; `never` alone asks neither. A socket, and a host on loopback that a route \
              names, are asked for no more than they offer, unless `route.tls` says so: nothing leaves the machine.",
    },
    Key {
        name: "outbound.connections",
        kind: Kind::Number { min: 1, max: 1000 },
        default: is("20", "As Postfix; more than most strangers put up with."),
        doc: "Connections at once to one destination, at most, where its route says nothing else. It begins with one, and has \
              more as it answers.",
    },
    Key {
        name: "outbound.rate",
        kind: Kind::Rate,
        default: unset("\"600/m\"", "As many as the other side takes."),
        doc: "Letters to one destination in a time, at most, where its route says nothing else. A letter for several \
              recipients counts once.",
    },
];
