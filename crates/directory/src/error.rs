//! What can go wrong in the directory, in words that an operator can act upon.

use envelope::{Address, Domain};

use crate::AliasSource;

/// By whose fault: the operator's (most), or the store's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The domain is not one of ours.
    #[error("there is no domain {0} here: add it with `angelia domain add {0}`")]
    NoDomain(Domain),
    /// The domain is one of ours already.
    #[error("the domain {0} is here already")]
    DomainExists(Domain),
    /// A domain goes only when it is empty.
    #[error(
        "the domain {domain} still has {accounts} accounts and {aliases} aliases: remove them first \
         (`angelia account list {domain}`, `angelia alias list {domain}`)"
    )]
    DomainInUse {
        /// Which.
        domain: Domain,
        /// Accounts in it.
        accounts: i64,
        /// Addresses of aliases in it.
        aliases: i64,
    },
    /// An address literal, or a local part that no account or alias can have.
    #[error("{address} cannot be an address here: {why}")]
    Unusable {
        /// Which.
        address: Address,
        /// Why not.
        why: &'static str,
    },
    /// Nobody has this address.
    #[error("there is no account {0} here: add it with `angelia account add {0}`")]
    NoAccount(Address),
    /// Somebody has it already.
    #[error("the account {0} is here already: change its password with `angelia account password {0}`")]
    AccountExists(Address),
    /// An alias has the address that an account should get.
    #[error("{0} is an alias: remove it first with `angelia alias remove {0}`")]
    IsAlias(Address),
    /// There is no such alias.
    #[error("there is no alias {0} here (`angelia alias list` shows all)")]
    NoAlias(AliasSource),
    /// The alias does not lead there.
    #[error("the alias {source_address} does not lead to {target}")]
    NoAliasTarget {
        /// Whose target.
        source_address: AliasSource,
        /// Which.
        target: Address,
    },
    /// An alias to an address in a domain of ours that nobody has.
    #[error("{0} is in a domain of ours, but neither an account nor an alias: add it first")]
    NoTarget(Address),
    /// Over [`crate::limits::ALIAS_TARGETS_MAX`].
    #[error("an alias leads to {max} addresses at most", max = crate::limits::ALIAS_TARGETS_MAX)]
    TooManyTargets,
    /// Over [`crate::limits::FORWARD_TARGETS_MAX`].
    #[error(
        "letters are forwarded to {max} addresses at most: make a group for more (`angelia alias add`)",
        max = crate::limits::FORWARD_TARGETS_MAX
    )]
    TooManyForwards,
    /// An account among its own targets.
    #[error("{0} cannot forward to itself: say --keep if a copy is to stay there")]
    ForwardToItself(Address),
    /// From an address to the same.
    #[error("{0} cannot have moved to itself")]
    MovedToItself(Address),
    /// Nobody moved from there.
    #[error("nobody has moved from {0} (`angelia account moved` shows who has)")]
    NotMoved(Address),
    /// Somebody moved from the address that an account or an alias should get.
    #[error("{from} has moved to {to}: say first `angelia account moved {from} --off`")]
    HasMoved {
        /// Where he was.
        from: Address,
        /// Where he is.
        to: Address,
    },
    /// Only an address may be a group.
    #[error("{0} is no group: an owner, and who may write, are for an address, not for a whole domain")]
    NoGroup(AliasSource),
    /// Over [`crate::limits::EXPANSION_MAX`].
    #[error("the aliases behind {0} lead to more than {max} addresses", max = crate::limits::EXPANSION_MAX)]
    Expansion(Address),
    /// Empty, too long, or holding what no client can send.
    #[error("this password cannot be used: it is empty, longer than 1,024 octets, or holds a NUL")]
    Password,
    /// Too many passwords are being checked or made.
    #[error("too many passwords are being checked at the moment: try again in a few seconds")]
    Busy,
    /// Ours: a computation failed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    /// The store's.
    #[error(transparent)]
    Store(#[from] storage::Error),
}
