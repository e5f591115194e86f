//! Every key of the configuration file: the one definition. The reader refuses what is not here; `docs/config.md` and
//! `etc/angelia.toml` are written from it, and a test compares them. One file a room of the file; whoever adds a room
//! adds it to [`ROOMS`].

mod dns;
mod doors;
mod drop;
mod forward;
mod journal;
mod limits;
mod lmtp;
mod outbound;
mod queue;
mod quota;
mod relay;
mod route;
mod storage;
mod tls;
mod tlsrpt;
mod top;

use super::kind::Kind;

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// `section.key`, or `key` at the top of the file.
    pub(crate) name: &'static str,
    /// What may stand there.
    pub(crate) kind: Kind,
    /// What holds when the key is not given.
    pub(crate) default: Default,
    /// What it does, in whole sentences.
    pub(crate) doc: &'static str,
}

/// What holds when a key is not given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// There is none: the file must say.
    Required {
        /// For the sample.
        example: &'static str,
    },
    /// This value, written as in the file, and why it is this one.
    Is {
        /// As TOML.
        value: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// Nothing, and what that means.
    Unset {
        /// For the sample.
        example: &'static str,
        /// What happens without it.
        means: &'static str,
    },
}

const fn is(value: &'static str, why: &'static str) -> Default {
    Default::Is { value, why }
}

const fn unset(example: &'static str, means: &'static str) -> Default {
    Default::Unset { example, means }
}

/// In the order of the file.
const ROOMS: &[&[Key]] = &[
    top::KEYS,
    doors::KEYS,
    tls::KEYS,
    relay::KEYS,
    forward::KEYS,
    lmtp::KEYS,
    limits::KEYS,
    quota::KEYS,
    dns::KEYS,
    outbound::KEYS,
    route::KEYS,
    tlsrpt::KEYS,
    queue::KEYS,
    drop::KEYS,
    storage::KEYS,
    journal::KEYS,
];

/// Sections of which there can be several, each written as `[[route]]`.
const LISTS: &[&str] = &["route"];

/// Whether there can be several sections of this name.
pub(crate) fn is_list(section: &str) -> bool {
    LISTS.contains(&section)
}

/// Every key, in the order of the file.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    ROOMS.iter().flat_map(|room| room.iter())
}

/// The key of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name)
}
