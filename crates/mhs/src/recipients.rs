//! Who gets a letter: asks the directory about one recipient, and whether we may carry it on, and under whose address.
//!
//! Nobody relays without [`RelayAllowed`]: for a foreign address, one has to be in hand already, or an alias, a forward
//! or a notice on its way back gives it.

use std::net::IpAddr;

use directory::srs::SrsError;
use directory::{Gate, Lookup, Quota, Reached, RelayAllowed, Senders, Target};
use envelope::{AccountId, Address, ForwardPath, Host, Notify, Recipient, Reply, ReversePath};
use message::dsn::Action;
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
    /// The owner of the group that led there, who stands in Return-Path.
    pub owner: Option<Address>,
    /// What the account may hold.
    pub quota: Quota,
}

/// A copy for the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The next one to have it.
    pub recipient: Recipient,
    /// The permission.
    pub allowed: RelayAllowed,
    /// How it goes on, when an address of ours sends it.
    pub onward: Option<Onward>,
}

/// What is different about a letter that an address of ours sends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Onward {
    /// The address of ours: the last alias, account or old address on the way.
    pub by: Address,
    /// MAIL FROM of the copy.
    pub reverse_path: ReversePath,
    /// A group with an owner sends it: a new submission, for which what the sender asked to be told does not hold (RFC
    /// 3461 section 5.2.7.1).
    pub is_list: bool,
}

/// Where the copies for one recipient go.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Into mailboxes here.
    pub local: Vec<Local>,
    /// Into the queue.
    pub remote: Vec<Remote>,
    /// What the sender is told at once, when he asked for it (NOTIFY=SUCCESS): a group is where his letter ends, or is
    /// expanded.
    pub told: Option<Action>,
    /// Where the recipient is now, when he moved and the letter follows (RFC 5321 section 3.4).
    pub moved_to: Option<Address>,
    /// Whom the address of ours stands for, in lower case: it brings notices back to him, however it is written.
    pub returning: Option<Address>,
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
    /// The sender's: the recipient is to be found elsewhere.
    #[error("user not local; please try <{0}>")]
    Moved(Address),
    /// The sender's: it looks like an address that stands for somebody, and brings nothing back.
    #[error("nobody here has this address: {0}")]
    NotReturning(#[from] SrsError),
    /// The sender's: such an address takes notices only.
    #[error("this address only takes notices about letters that were forwarded, with the null reverse-path")]
    NoticesOnly,
    /// The sender's: the group is not for him.
    #[error("only {} may write to {}", whom(*senders), group)]
    Closed {
        /// The group.
        group: Address,
        /// For whom it is.
        senders: Senders,
    },
    /// The operator's: a route refuses such mail.
    #[error("{0}")]
    Route(Reply),
    /// Ours.
    #[error(transparent)]
    Directory(#[from] directory::Error),
}

fn whom(senders: Senders) -> &'static str {
    match senders {
        Senders::Anybody => "everybody",
        Senders::Local => "our own people, signed in,",
        Senders::Members => "its members (ours: signed in)",
    }
}

impl Refusal {
    /// What the client is told.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Unknown | Self::NotReturning(_) => Reply::new(550, (5, 1, 1), self.to_string()),
            Self::RelayDenied | Self::NoticesOnly | Self::Closed { .. } => Reply::new(550, (5, 7, 1), self.to_string()),
            Self::Route(reply) => reply.clone(),
            Self::Moved(_) => Reply::new(551, (5, 1, 6), self.to_string()),
            Self::Directory(_) => Reply::new(451, (4, 3, 0), "temporary failure, try again later"),
        }
    }
}

/// Who asks, and with what right.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// MAIL FROM.
    pub sender: &'a ReversePath,
    /// What allows him to reach other domains, if anything does: he is one of ours then.
    pub relay: Option<RelayAllowed>,
    /// Our address that he came to.
    pub local: Option<IpAddr>,
    /// Only addresses of ours: another server stands before us, and relaying is its affair.
    pub local_only: bool,
}

/// Where the letter goes for one recipient.
pub async fn resolve(
    context: &Context,
    path: &ForwardPath,
    options: Options,
    asking: Asking<'_>,
) -> Result<(Recipient, Ways), Refusal> {
    let (address, lookup) = look_up(context, path, asking.local).await?;
    let recipient = Recipient { address, notify: options.notify, original: options.original };
    let ways = match lookup {
        Lookup::Unknown => return Err(Refusal::Unknown),
        Lookup::Moved(to) => return Err(Refusal::Moved(to)),
        Lookup::NotReturning(error) => return Err(error.into()),
        Lookup::Returning(returning) => {
            if asking.sender != &ReversePath::Null {
                return Err(Refusal::NoticesOnly);
            }
            let allowed = RelayAllowed::for_returning(&returning);
            return Box::pin(returning_to(context, recipient, returning.to(), allowed)).await;
        }
        Lookup::Foreign if asking.local_only => return Err(Refusal::RelayDenied),
        Lookup::Foreign => {
            let for_domain = || RelayAllowed::for_relay_domain(&recipient.address, &context.settings.relay_domains);
            let allowed = asking.relay.or_else(for_domain).ok_or(Refusal::RelayDenied)?;
            if let Some(reply) = context.settings.routes.refusal(asking.sender, &recipient.address) {
                return Err(Refusal::Route(reply.clone()));
            }
            let remote = Remote { recipient: recipient.clone(), allowed, onward: None };
            Ways { remote: vec![remote], ..Ways::default() }
        }
        Lookup::Local(found) => {
            check_gate(context, found.gate.as_deref(), asking).await?;
            ways(context, &recipient, found, asking.sender).await?
        }
    };
    Ok((recipient, ways))
}

/// Without a domain, and under an address of ours in brackets, it is our postmaster (RFC 5321 sections 4.1.3 and 4.5.1);
/// under our name he stands in the journal. The roles of our hostname are his too where that is no domain of ours, since
/// our notices come from there and somebody may answer them (RFC 3464 section 2).
async fn look_up(context: &Context, path: &ForwardPath, local: Option<IpAddr>) -> Result<(Address, Lookup), Refusal> {
    let directory = &context.directory;
    match path {
        ForwardPath::Address(address) => match address.host() {
            Host::Literal(ip) if Some(ip.to_canonical()) == local.map(|local| local.to_canonical()) => {
                if !address.local().as_str().eq_ignore_ascii_case("postmaster") {
                    return Err(Refusal::Unknown);
                }
                Ok((address.clone(), directory.postmaster().await?))
            }
            host => {
                let found = directory.lookup(address).await?;
                let is_own_name = host.name() == Some(&context.settings.hostname);
                if found == Lookup::Foreign && is_own_name && directory::is_role(address.local()) {
                    return Ok((address.clone(), directory.postmaster().await?));
                }
                Ok((address.clone(), found))
            }
        },
        ForwardPath::Postmaster => {
            let named = Address::parse(&format!("postmaster@{}", context.settings.hostname));
            Ok((named.map_err(|_| Refusal::Unknown)?, directory.postmaster().await?))
        }
    }
}

async fn check_gate(context: &Context, gate: Option<&Gate>, asking: Asking<'_>) -> Result<(), Refusal> {
    let Some(gate) = gate else { return Ok(()) };
    if context.directory.may_write_to(gate, asking.sender, asking.relay.is_some()).await? {
        return Ok(());
    }
    Err(Refusal::Closed { group: gate.group.clone(), senders: gate.senders })
}

/// A notice comes back to the sender whom our address stands for.
async fn returning_to(
    context: &Context,
    recipient: Recipient,
    to: &Address,
    allowed: RelayAllowed,
) -> Result<(Recipient, Ways), Refusal> {
    let options = Options { notify: recipient.notify, original: recipient.original };
    let path = ForwardPath::Address(to.clone());
    let asking = Asking { sender: &ReversePath::Null, relay: Some(allowed), local: None, local_only: false };
    let (_, mut ways) = resolve(context, &path, options.clone(), asking).await?;
    ways.returning = Some(Address::parse(&to.to_string().to_lowercase()).unwrap_or_else(|_| to.clone()));
    Ok((Recipient { address: recipient.address, notify: options.notify, original: options.original }, ways))
}

/// What the sender asked for about one recipient (RFC 3461).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// NOTIFY=.
    pub notify: Option<Notify>,
    /// ORCPT=.
    pub original: Option<String>,
}

/// The copies, each with what its reader's server and its sender are told (RFC 3461 section 5.2.7): one goes on as if it
/// were sent there; where there are several, the sender is told of the expansion and not of each; a group with an owner
/// is where the sender's letter ends.
async fn ways(
    context: &Context,
    recipient: &Recipient,
    found: Reached,
    sender: &ReversePath,
) -> Result<Ways, directory::Error> {
    let mut ways = Ways { moved_to: found.moved_to, ..Ways::default() };
    let expansion = Expansion::of(recipient, &found.targets);
    ways.told = expansion.told();
    for target in found.targets {
        let allowed = RelayAllowed::for_alias(&target);
        match target {
            Target::Account { id, address, detail, owner, quota, .. } => ways.local.push(Local {
                account: id,
                options: expansion.options(recipient, owner.is_some(), Some(&address)),
                address,
                recipient: recipient.address.clone(),
                mailbox: detail,
                owner,
                quota,
            }),
            Target::Remote { address, by, owner, .. } => {
                let Some(allowed) = allowed else { continue };
                let reverse_path = context.directory.onward_path(sender, owner.as_ref(), &by).await?;
                let is_list = owner.is_some();
                let Options { notify, original } = expansion.options(recipient, is_list, None);
                ways.remote.push(Remote {
                    recipient: Recipient { address, notify, original },
                    allowed,
                    onward: Some(Onward { by, reverse_path, is_list }),
                });
            }
        }
    }
    Ok(ways)
}

/// How one recipient becomes several.
struct Expansion {
    wants_success: bool,
    is_list: bool,
    copies: usize,
    /// The recipient's own mailbox is among them.
    has_own: bool,
}

impl Expansion {
    fn of(recipient: &Recipient, targets: &[Target]) -> Self {
        let own = |target: &Target| matches!(target, Target::Account { address, .. } if is_own(recipient, address));
        let owner = |target: &Target| match target {
            Target::Account { owner, .. } | Target::Remote { owner, .. } => owner.is_some(),
        };
        Self {
            wants_success: recipient.notify.is_some_and(|notify| notify.success),
            is_list: targets.iter().any(owner),
            copies: targets.len(),
            has_own: targets.iter().any(own),
        }
    }

    fn told(&self) -> Option<Action> {
        match self {
            Self { wants_success: false, .. } => None,
            Self { is_list: true, .. } => Some(Action::Delivered),
            Self { copies: 2.., has_own: false, .. } => Some(Action::Expanded),
            _ => None,
        }
    }

    fn options(&self, recipient: &Recipient, is_list: bool, account: Option<&Address>) -> Options {
        if is_list {
            return Options::default();
        }
        let stays = self.copies == 1 || account.is_some_and(|account| is_own(recipient, account));
        let success = |notify: Notify| Notify { success: notify.success && stays && !self.is_list, ..notify };
        // Whoever reads a notice about it knows the address that he wrote to (RFC 3461 section 5.2.7.1).
        let text = recipient.address.to_string();
        let written = || text.is_ascii().then(|| format!("rfc822;{}", encode_xtext(text.as_bytes())));
        let original = match account {
            Some(_) => recipient.original.clone(),
            None => recipient.original.clone().or_else(written),
        };
        Options { notify: recipient.notify.map(success), original }
    }
}

/// Whether an account is the one that the sender wrote to, with whatever detail.
fn is_own(recipient: &Recipient, account: &Address) -> bool {
    let (asked, own) = (recipient.address.local().as_str(), account.local().as_str());
    let is_prefix = asked.get(..own.len()).is_some_and(|base| base.eq_ignore_ascii_case(own));
    let ends = asked.get(own.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('+'));
    recipient.address.host() == account.host() && is_prefix && ends
}
