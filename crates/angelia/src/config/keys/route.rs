//! Routes: where mail goes, for whom it is or from whom it comes.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "route.domain",
        kind: Kind::Domains,
        default: unset("[\"example.net\", \".example.net\"]", "Mail for every domain, and for address literals too."),
        doc: "The route is for mail to these domains. `.example.net` (or `*.example.net`) is every domain below example.net, \
              but not itself. Mail for domains of our own never takes a route.",
    },
    Key {
        name: "route.sender",
        kind: Kind::Senders,
        default: unset("\"@news.example.org\"", "Mail from everybody."),
        doc: "The route is for mail with these reverse-paths (MAIL FROM): an address, everybody at a domain, or `<>` for \
              notices, which have none. With `domain` as well, both must be so.",
    },
    Key {
        name: "route.to",
        kind: Kind::Ways,
        default: super::Default::Required { example: "\"smtp://relay.example.net:587\"" },
        doc: "Where such mail goes. `mx`: to the MX hosts of the recipient's domain, as without a route, but with what else \
              stands in this one. `smtp://`: to this host, at `outbound.port` (25) if none is named; `smtps://`: the same \
              with TLS from the first byte, port 465; `lmtp://` and `lmtp:/path`: to a message store, over TCP (port 24) or a Unix socket. \
              Several hosts, as a list, are tried in their order. `reject:`: it is refused with this text, which may \
              begin with a code as in \"reject:5.1.6 moved away\".",
    },
    Key {
        name: "route.mx",
        kind: Kind::Bool,
        default: is("false", "Who names a host means that host."),
        doc: "Whether the hosts of `to` are domains whose MX is looked up.",
    },
    Key {
        name: "route.port",
        kind: Kind::Number { min: 1, max: 65_535 },
        default: unset(
            "587",
            "That of the protocol: 465 for `smtps`, 24 for `lmtp`, `outbound.port` for `smtp` and `mx`.",
        ),
        doc: "The port where `to` names none.",
    },
    Key {
        name: "route.user",
        kind: Kind::Text,
        default: unset("\"anna@example.org\"", "Nobody signs in."),
        doc: "Sign in at the next hop under this name, by SCRAM-SHA-256 or, where `tls` is `verify`, `dane` or `required`, \
              PLAIN or LOGIN. Needs `password_file`.",
    },
    Key {
        name: "route.password_file",
        kind: Kind::Path,
        default: unset("\"/etc/angelia/relay.password\"", "It belongs to `user`: both or none."),
        doc: "The file whose first line is the password. It is read at each signing in, as `user` of the top of this file, so \
              it must be readable by that user, and should be by nobody else.",
    },
    Key {
        name: "route.tls",
        kind: Kind::Choice(&["opportunistic", "required", "verify", "dane", "never"]),
        default: unset("\"verify\"", "`verify` where somebody signs in, else what `outbound.tls` says."),
        doc: "Whether mail travels encrypted on this route: where it is offered; always; always and only to a server whose \
              certificate is one for the host's name; always and only to a server that its TLSA records name; or never. \
              What cannot be had is waited for. A password goes over `required` without asking whose certificate it is.",
    },
    Key {
        name: "route.source",
        kind: Kind::Ips,
        default: unset("[\"192.0.2.26\", \"2001:db8::26\"]", "What `outbound.source` says."),
        doc: "The address that connections on this route come from: one, or one of each family.",
    },
    Key {
        name: "route.connections",
        kind: Kind::Number { min: 1, max: 1000 },
        default: unset("2", "What `outbound.connections` says."),
        doc: "Connections at once to each destination of this route, at most. Named hosts are one destination together.",
    },
    Key {
        name: "route.rate",
        kind: Kind::Rate,
        default: unset("\"100/h\"", "What `outbound.rate` says."),
        doc: "Letters to each destination of this route in a time, at most. A letter for several recipients counts once.",
    },
];
