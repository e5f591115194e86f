//! Certificates, and how people sign in.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "tls.certificate",
        kind: Kind::Paths,
        default: unset(
            "\"/etc/letsencrypt/live/mail.example.org/fullchain.pem\"",
            "A self-signed certificate is made at the first start and kept in `data`. Mail comes in with it; readers are \
             warned by their programs.",
        ),
        doc: "The certificate with its chain, in PEM; a list of them where there are several names. Read again when the \
              file changes.",
    },
    Key {
        name: "tls.key",
        kind: Kind::Paths,
        default: unset(
            "\"/etc/letsencrypt/live/mail.example.org/privkey.pem\"",
            "It belongs to `tls.certificate`: both or none.",
        ),
        doc: "The private key of the certificate, in PEM; as many as certificates, in the same order. A renewed \
              one is read as `user`, so it must be readable by that user.",
    },
    Key {
        name: "tls.authorities",
        kind: Kind::Paths,
        default: unset("\"/etc/angelia/ca.pem\"", "The authorities that this machine believes, and no others."),
        doc: "Further certificate authorities to believe when we are the client, in PEM.",
    },
    Key {
        name: "signin.without_tls",
        kind: Kind::Bool,
        default: is("false", "A password in the clear belongs to everybody on the way."),
        doc: "Whether a password may come over a connection that is not encrypted. On connections from this machine \
              itself it always may.",
    },
];
