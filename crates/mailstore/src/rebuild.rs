//! Mailboxes out of the bodies alone, when the database is lost: every letter goes back into its mailbox where that
//! still stands, else into the INBOX, unread. What had been deleted comes back; nothing is lost that is on disk. So it is
//! for a database that was lost; beside one that stands, [`Older::Leave`] keeps a removed account's letters from whoever
//! has its address now.
//! A letter that had recipients elsewhere is handed to the caller's [`Transit`], in the same transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use directory::Directory;
use envelope::{AccountId, Address, MailId, Timestamp};
use storage::{BodyId, Salvaged, StagedBody, Store, Transaction};

use crate::{Delivery, Error, Label, Leg, Mailstore, deliver};

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
    /// Letters that [`Older::Leave`] left, whether they stand there already or not.
    pub older: u64,
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

/// What becomes of a letter that arrived before the account was made that has its address now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// It goes into that account: all accounts were made anew, after a loss.
    Bring,
    /// It stays where it is: it was somebody else's, whose account was removed. What a reader put there with a date of
    /// his own is judged by that date.
    Leave,
}

/// A letter that had recipients elsewhere. Whether it has gone out to them, nothing on disk says.
#[derive(Debug)]
pub struct InTransit<'a> {
    /// Its id: the letter's own, or one that follows from it.
    pub mail: MailId,
    /// Its bytes, kept with one reference for the queue.
    pub body: BodyId,
    /// How many.
    pub octets: u64,
    /// What is known of the letter.
    pub label: &'a Label,
    /// Whom it is for, and who sends it on.
    pub leg: &'a Leg,
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
    older: Older,
) -> Result<Rebuilt, Error> {
    let mut rebuilt = Rebuilt::default();
    let since = match older {
        Older::Bring => None,
        Older::Leave => Some(ages(directory).await?),
    };
    let house = House { mailstore, directory, store, transit, since };
    let mut salvage = store.salvage().await?;
    while let Some(found) = salvage.next().await {
        match found {
            Ok(found) => bring_back(&house, &found, &mut rebuilt).await?,
            Err(storage::Error::Damaged(what)) => rebuilt.damaged.push(what),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(rebuilt)
}

/// Where letters come from and go to.
struct House<'a> {
    mailstore: &'a Mailstore,
    directory: &'a Directory,
    store: &'a Store,
    transit: &'a Transit,
    /// When each account was made, if that matters.
    since: Option<HashMap<AccountId, Timestamp>>,
}

impl House<'_> {
    /// Whether a letter of this date may be this account's. One that was made a moment ago is not known: it is newer.
    fn may_have(&self, account: AccountId, arrived: Timestamp) -> bool {
        self.since.as_ref().is_none_or(|since| since.get(&account).is_some_and(|since| *since <= arrived))
    }
}

/// When each account was made.
async fn ages(directory: &Directory) -> Result<HashMap<AccountId, Timestamp>, Error> {
    let accounts = directory.accounts(None).await.map_err(|error| Error::Directory(Box::new(error)))?;
    Ok(accounts.iter().map(|account| (account.id, account.added)).collect())
}

async fn bring_back(house: &House<'_>, found: &Salvaged, rebuilt: &mut Rebuilt) -> Result<(), Error> {
    let House { mailstore, directory, store, transit, .. } = *house;
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
    let on_its_way = !known && !label.legs.is_empty();
    let mut targets: Vec<(AccountId, Option<String>)> = Vec::new();
    for (address, mailbox) in &label.accounts {
        match account(directory, address).await? {
            Some(id) if house.may_have(id, label.internal_date) => targets.push((id, mailbox.clone())),
            Some(_) => rebuilt.older += 1,
            None => {
                rebuilt.unknown.insert(address.clone());
            }
        }
    }
    if targets.is_empty() && !on_its_way {
        rebuilt.others += u64::from(label.accounts.is_empty() && label.legs.is_empty());
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
    let copies = targets.len() + if transit.is_some() { label.legs.len() } else { 0 };
    let body = tx.keep(staged, u32::try_from(copies).unwrap_or(u32::MAX))?;
    if let Some(transit) = transit {
        for (place, leg) in (0..).zip(&label.legs) {
            transit(tx, &InTransit { mail: mail.branch(place), body, octets: staged.len(), label, leg })?;
        }
    }
    let mut duplicates = Vec::with_capacity(targets.len());
    for (account, mailbox) in targets {
        let delivery = Delivery {
            account: *account,
            mailbox: mailbox.clone(),
            named_by_sender: label.mail.is_some(),
            mail: *mail,
            body,
            octets: staged.len(),
            internal_date: label.internal_date,
            flags: label.flags,
            digest: None,
        };
        duplicates.push(deliver::deliver(tx, &delivery, *now)?.duplicate);
    }
    Ok(duplicates)
}

/// The account that has this address as its own, wherever its letters go now.
async fn account(directory: &Directory, address: &Address) -> Result<Option<AccountId>, Error> {
    match directory.account(address).await {
        Ok(entry) => Ok(entry.map(|entry| entry.id)),
        Err(directory::Error::Unusable { .. }) => Ok(None),
        Err(error) => Err(Error::Directory(Box::new(error))),
    }
}

/// What was appended has no letter's id: its body's name takes the place, so that a second rebuild finds it again.
fn stand_in(staged: &StagedBody) -> MailId {
    let mut bytes = *b"appended........";
    if let Some(end) = bytes.last_chunk_mut::<8>() {
        *end = staged.id().0.to_be_bytes();
    }
    MailId::from_bytes(bytes)
}
