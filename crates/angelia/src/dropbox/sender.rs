//! Who a user of this machine is, and under which addresses he writes.
//!
//! Postfix lets everybody name any sender by `-f`; whoever gets into one web application then sends in the name of the
//! whole company. Here the envelope's sender is one that the user has: his login at one of our domains, or an address of
//! the account that this leads to. Programs that write for others (`drop.trusted_users`: a web server, a list manager)
//! may name anybody. For all others, an address that is not theirs is replaced by their own, and the journal says so;
//! where a field of the header names a writer or sender who is not them, Sender tells who it was.

use directory::{Directory, Lookup};
use envelope::{Address, AddressError, Domain, Host, LocalPart, ReversePath};
use message::address::mailboxes;
use message::header::Header;
use mhs::msa::hand_in::LocalUser;

use super::submit::Rules;
use crate::privileges::User;

/// Fields that say who wrote it, or sent it, or sent it once more (RFC 5322 sections 3.6.2 and 3.6.6).
const WHO: [&str; 4] = ["from", "sender", "resent-from", "resent-sender"];

/// Everybody.
const ALL: &str = "*";

/// What the user may call himself.
pub(super) struct Decided {
    /// The envelope's sender.
    pub(super) reverse_path: ReversePath,
    /// What he asked for in vain.
    pub(super) replaced: Option<String>,
    /// For the field Sender.
    pub(super) sender: Option<Address>,
}

/// The user of this number. His address is at `home`, the domain of names without one.
pub(super) fn user(uid: u32, home: &Domain) -> Result<LocalUser, AddressError> {
    let login = User::name_of(uid).ok().flatten().unwrap_or_else(|| format!("uid{uid}"));
    let local = LocalPart::from_unquoted(&login).or_else(|_| LocalPart::parse(&format!("uid{uid}")));
    let address = local.map(|local| Address::new(local, Host::Name(home.clone())))?;
    Ok(LocalUser { uid, login, address })
}

/// Whether the user is in the list.
pub(super) fn is_named(user: &LocalUser, list: &[String]) -> bool {
    list.iter().any(|name| name == ALL || *name == user.login)
}

/// Decides. `asked` is what `-f` said, made whole; the header's From is asked too.
pub(super) async fn decide(
    directory: &Directory,
    rules: &Rules,
    user: &LocalUser,
    asked: Option<ReversePath>,
    header: &[u8],
) -> Result<Decided, directory::Error> {
    let own = || ReversePath::Address(user.address.clone());
    let is_trusted = is_named(user, &rules.trusted) || user.uid == rules.own_uid || user.uid == 0;
    if is_trusted {
        return Ok(Decided { reverse_path: asked.unwrap_or_else(own), replaced: None, sender: None });
    }
    let (reverse_path, replaced) = match asked {
        None => (own(), None),
        // Programs that answer letters by themselves, which must not be answered.
        Some(ReversePath::Null) => (ReversePath::Null, None),
        Some(ReversePath::Address(address)) if owns(directory, user, &address).await? => {
            (ReversePath::Address(address), None)
        }
        Some(ReversePath::Address(address)) => (own(), Some(address.to_string())),
    };
    let mut sender = None;
    let given = Header::parse(header);
    for field in WHO.iter().flat_map(|name| given.get_all(name)) {
        // One that names nobody names nobody of his.
        let named = mailboxes(&field.value());
        let mut is_his = !named.is_empty();
        for mailbox in named {
            is_his = match mailbox.address() {
                Some(address) => owns(directory, user, &address).await?,
                None => false,
            };
            if !is_his {
                break;
            }
        }
        if !is_his {
            sender = Some(user.address.clone());
        }
    }
    Ok(Decided { reverse_path, replaced, sender })
}

/// His login at one of our domains, or an address of the account that his own address leads to: that account's, or an
/// alias of it. A catch-all leads everybody's login to one account, and makes him nobody.
async fn owns(directory: &Directory, user: &LocalUser, address: &Address) -> Result<bool, directory::Error> {
    if *address == user.address {
        return Ok(true);
    }
    let same_name = address.local() == user.address.local();
    if same_name
        && let Some(domain) = address.host().name()
        && directory.is_local(domain).await?
    {
        return Ok(true);
    }
    let (his, named) = (directory.lookup(&user.address).await?, directory.lookup(address).await?);
    let accounts = |lookup: Lookup| -> Vec<_> {
        let Lookup::Local(reached) = lookup else { return Vec::new() };
        reached.holders.into_iter().map(|(account, _)| account).collect()
    };
    let his = accounts(his);
    // An alias of many is not one person's to write under.
    Ok(his.len() == 1 && accounts(named) == his)
}
