//! Mailboxes out of the bodies alone, when the database is lost: every letter goes back into its mailbox where that
//! still stands, else into the INBOX, unread. What had been deleted may come back; nothing is lost that is on disk.
//! A letter that had recipients elsewhere is handed to the caller's [`Transit`], in the same transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use directory::{Directory, Lookup, Target};
use envelope::{AccountId, Address, MailId, Timestamp};
use storage::{BodyId, Salvaged, StagedBody, Store, Transaction};

use crate::{Delivery, Error, Label, Mailstore, deliver};

/// What a rebuild found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Letters put into mailboxes.
    pub delivered: u64,
    /// Letters that stood there already.
    pub present: u64,
    /// Letters with recipients elsewhere, given to the [`Transit`].
    pub in_transit: u64,
    /// Letters with more recipients than their label had room for, and how many: those are not brought back.
    pub cut: Vec<(MailId, usize)>,
    /// Bodies without a label of ours, or whose label names nobody.
    pub others: u64,
    /// Bodies and labels that are damaged, in words.
    pub damaged: Vec<String>,
    /// Addresses without an account. Make the accounts and rebuild once more: what is there is not doubled.
    pub unknown: BTreeSet<Address>,
}

impl Rebuilt {
    /// Whether everything that was found went back to where it belongs.
    pub fn is_whole(&self) -> bool {
        self.cut.is_empty() && self.others == 0 && self.damaged.is_empty() && self.unknown.is_empty()
    }
}

/// A letter that had recipients elsewhere. Whether it has gone out to them, nothing on disk says.
#[derive(Debug)]
pub struct InTransit<'a> {
    /// Its id.
    pub mail: MailId,
    /// Its bytes, kept with one reference for the queue.
    pub body: BodyId,
    /// How many.
    pub octets: u64,
    /// The rest of what is known.
    pub label: &'a Label,
}

/// Takes such a letter, inside the transaction that keeps its body.
pub type Transit = Arc<dyn Fn(&dyn Transaction, &InTransit<'_>) -> Result<(), storage::Error> + Send + Sync>;

/// Puts every letter that the bodies tell of into its mailbox. The accounts must stand in the directory (which was in
/// the lost database too): `Rebuilt::unknown` says which are missing.
pub async fn rebuild(
    mailstore: &Mailstore,
    directory: &Directory,
    store: &Store,
    transit: &Transit,
) -> Result<Rebuilt, Error> {
    let mut rebuilt = Rebuilt::default();
    let mut salvage = store.salvage().await?;
    while let Some(found) = salvage.next().await {
        match found {
            Ok(found) => bring_back((mailstore, directory, store, transit), &found, &mut rebuilt).await?,
            Err(storage::Error::Damaged(what)) => rebuilt.damaged.push(what),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(rebuilt)
}

async fn bring_back(
    (mailstore, directory, store, transit): (&Mailstore, &Directory, &Store, &Transit),
    found: &Salvaged,
    rebuilt: &mut Rebuilt,
) -> Result<(), Error> {
    let Some(label) = Label::decode(&found.label) else {
        rebuilt.others += 1;
        return Ok(());
    };
    let known = match store.open(found.staged.id()).await {
        Ok(_) => true,
        Err(storage::Error::NoBody(_)) => false,
        Err(error) => return Err(error.into()),
    };
    let mail = label.mail.unwrap_or_else(|| stand_in(&found.staged));
    if label.more > 0 {
        rebuilt.cut.push((mail, label.more));
    }
    // Rows that stand tell more than the label does: what was appended has no letter's id to be found by, and what was
    // in the queue has gone out.
    if known && label.mail.is_none() {
        rebuilt.present += 1;
        return Ok(());
    }
    let on_its_way = !known && !label.remote.is_empty();
    let mut targets: Vec<(AccountId, Option<String>)> = Vec::new();
    for (address, mailbox) in &label.accounts {
        match account(directory, address).await? {
            Some(id) => targets.push((id, mailbox.clone())),
            None => {
                rebuilt.unknown.insert(address.clone());
            }
        }
    }
    if targets.is_empty() && !on_its_way {
        rebuilt.others += u64::from(label.accounts.is_empty() && label.remote.is_empty());
        return Ok(());
    }
    targets.sort_unstable();
    rebuilt.in_transit += u64::from(on_its_way);
    let found = Found { staged: found.staged.clone(), mail, label, targets, now: mailstore.now() };
    let transit = on_its_way.then(|| transit.clone());
    let placed = store.write(move |tx| put_back(tx, &found, transit.as_ref()));
    for duplicate in placed.await?.0 {
        if duplicate {
            rebuilt.present += 1;
        } else {
            rebuilt.delivered += 1;
        }
    }
    Ok(())
}

/// A letter and what is to be done with it.
struct Found {
    staged: StagedBody,
    mail: MailId,
    label: Label,
    targets: Vec<(AccountId, Option<String>)>,
    now: Timestamp,
}

fn put_back(tx: &dyn Transaction, found: &Found, transit: Option<&Transit>) -> Result<Vec<bool>, storage::Error> {
    let Found { staged, mail, label, targets, now } = found;
    let copies = targets.len() + usize::from(transit.is_some());
    let body = tx.keep(staged, u32::try_from(copies).unwrap_or(u32::MAX))?;
    if let Some(transit) = transit {
        transit(tx, &InTransit { mail: *mail, body, octets: staged.len(), label })?;
    }
    let mut duplicates = Vec::with_capacity(targets.len());
    for (account, mailbox) in targets {
        let delivery = Delivery {
            account: *account,
            mailbox: mailbox.clone(),
            mail: *mail,
            body,
            octets: staged.len(),
            internal_date: label.internal_date,
            flags: label.flags,
        };
        duplicates.push(deliver::deliver(tx, &delivery, *now)?.duplicate);
    }
    Ok(duplicates)
}

/// The account that has this address as its own.
async fn account(directory: &Directory, address: &Address) -> Result<Option<AccountId>, Error> {
    let targets = match directory.lookup(address).await {
        Ok(Lookup::Local(targets)) => targets,
        Ok(Lookup::Foreign | Lookup::Unknown) => return Ok(None),
        Err(error) => return Err(Error::Directory(Box::new(error))),
    };
    Ok(targets.iter().find_map(|target| match target {
        Target::Account { id, .. } => Some(*id),
        _ => None,
    }))
}

/// What was appended has no letter's id: its body's name takes the place, so that a second rebuild finds it again.
fn stand_in(staged: &StagedBody) -> MailId {
    let mut bytes = *b"appended........";
    if let Some(end) = bytes.last_chunk_mut::<8>() {
        *end = staged.id().0.to_be_bytes();
    }
    MailId::from_bytes(bytes)
}
