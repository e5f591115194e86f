//! Who gets a letter: asks the directory about one recipient, and whether we may carry it on.
//!
//! Nobody relays without [`RelayAllowed`]: for a foreign address, one has to be in hand already.

use directory::{Lookup, RelayAllowed, Target};
use envelope::{AccountId, Address, ForwardPath, Notify, Recipient, Reply};
use protocol::smtp::grammar::encode_xtext;

use crate::Context;

/// A copy for a mailbox here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Whose.
    pub account: AccountId,
    /// The account's own address.
    pub address: Address,
    /// As the sender named it.
    pub recipient: Address,
    /// NOTIFY= and ORCPT=.
    pub options: Options,
    /// Which mailbox, when the address had a detail; INBOX otherwise, and when there is none of that name.
    pub mailbox: Option<String>,
}

/// Where the copies for one recipient go.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Into mailboxes here.
    pub local: Vec<Local>,
    /// Into the queue, each with the permission.
    pub remote: Vec<(Recipient, RelayAllowed)>,
}

/// Why a recipient is not taken, as the reply that says so.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The sender's: nobody has this address.
    #[error("nobody here has this address")]
    Unknown,
    /// The sender's: the domain is not ours, and he may not relay.
    #[error("relay denied: the domain is not ours")]
    RelayDenied,
    /// Ours.
    #[error(transparent)]
    Directory(#[from] directory::Error),
}

impl Refusal {
    /// What the client is told.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Unknown => Reply::new(550, (5, 1, 1), "nobody here has this address"),
            Self::RelayDenied => Reply::new(550, (5, 7, 1), "relay denied: the domain is not ours"),
            Self::Directory(_) => Reply::new(451, (4, 3, 0), "temporary failure, try again later"),
        }
    }
}

/// Where the letter goes for one recipient. `relay` is what allows the sender to reach other domains, if anything.
pub async fn resolve(
    context: &Context,
    path: &ForwardPath,
    options: Options,
    relay: Option<RelayAllowed>,
) -> Result<(Recipient, Ways), Refusal> {
    let (address, lookup) = match path {
        ForwardPath::Address(address) => (address.clone(), context.directory.lookup(address).await?),
        // Without a domain it is ours (RFC 5321 section 4.5.1); under our name it stands in the journal.
        ForwardPath::Postmaster => {
            let named = Address::parse(&format!("postmaster@{}", context.settings.hostname));
            (named.map_err(|_| Refusal::Unknown)?, context.directory.postmaster().await?)
        }
    };
    let recipient = Recipient { address, notify: options.notify, original: options.original };
    let ways = match lookup {
        Lookup::Unknown => return Err(Refusal::Unknown),
        Lookup::Foreign => {
            let for_domain = || RelayAllowed::for_relay_domain(&recipient.address, &context.settings.relay_domains);
            let allowed = relay.or_else(for_domain).ok_or(Refusal::RelayDenied)?;
            Ways { local: Vec::new(), remote: vec![(recipient.clone(), allowed)] }
        }
        Lookup::Local(targets) => ways(&recipient, &targets),
    };
    Ok((recipient, ways))
}

/// What the sender asked for about one recipient (RFC 3461).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// NOTIFY=.
    pub notify: Option<Notify>,
    /// ORCPT=.
    pub original: Option<String>,
}

fn ways(recipient: &Recipient, targets: &[Target]) -> Ways {
    let mut ways = Ways::default();
    for target in targets {
        match target {
            Target::Account { id, address, detail, .. } => ways.local.push(Local {
                account: *id,
                address: address.clone(),
                recipient: recipient.address.clone(),
                options: Options { notify: recipient.notify, original: recipient.original.clone() },
                mailbox: detail.clone(),
            }),
            Target::Remote { address, .. } => {
                // Whoever reads a notice about it knows the address that he wrote to (RFC 3461 section 5.2.7.1).
                let text = recipient.address.to_string();
                let written = || text.is_ascii().then(|| format!("rfc822;{}", encode_xtext(text.as_bytes())));
                let original = recipient.original.clone().or_else(written);
                let next = Recipient { address: address.clone(), notify: recipient.notify, original };
                ways.remote.extend(RelayAllowed::for_alias(target).map(|allowed| (next, allowed)));
            }
        }
    }
    ways
}
