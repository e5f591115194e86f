//! Letters of this machine's users.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "drop.path",
        kind: Kind::Path,
        default: unset("\"/var/spool/angelia-drop\"", "The folder `drop` in `data`."),
        doc: "Where `angelia send` (sendmail) puts letters of users who may not write the store. The server makes it, so \
              that all may put files there and nobody may look into it. A folder on a file system of its own, or quotas, \
              keep a user from filling the disk of the store. Who cannot read this file looks for /etc/angelia/drop (a \
              link to the folder), then for /var/lib/angelia/drop.",
    },
    Key {
        name: "drop.users",
        kind: Kind::Users,
        default: is("[\"*\"]", "Whoever may run programs on a mail server may write letters there, as everywhere."),
        doc: "Which users of this machine may hand in letters. Nobody (`[]`) closes the drop box.",
    },
    Key {
        name: "drop.trusted_users",
        kind: Kind::Users,
        default: is(
            "[\"root\", \"www-data\", \"apache\", \"nginx\", \"http\"]",
            "The operator, and web servers, whose applications write for many.",
        ),
        doc: "Which of them may name any sender (`-f`). The others send under their login at one of our domains, or under \
              the addresses of the account that this address leads to; any other sender is replaced by that, and a \
              `From` that is not theirs gets a `Sender` beside it. `[\"*\"]` lets everybody name anybody, as Postfix does.",
    },
];
