//! Mailboxes out of the bodies alone, when the database is lost: every letter goes back into its mailbox where that
//! still stands, else into the INBOX, unread. What had been deleted may come back; nothing is lost that is on disk.

use std::collections::BTreeSet;

use directory::{Directory, Lookup, Target};
use envelope::{AccountId, Address, MailId, Timestamp};
use storage::{Salvaged, Store};

use crate::{Delivery, Error, Label, Mailstore, deliver};

/// What a rebuild found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Letters put into mailboxes.
    pub delivered: u64,
    /// Letters that stood there already.
    pub present: u64,
    /// Bodies without a label of ours, or that never were for a mailbox here.
    pub others: u64,
    /// Bodies and labels that are damaged, in words.
    pub damaged: Vec<String>,
    /// Addresses without an account. Make the accounts and rebuild once more: what is there is not doubled.
    pub unknown: BTreeSet<Address>,
}

/// Puts every letter that the bodies tell of into its mailbox. The accounts must stand in the directory (which was in
/// the lost database too): `Rebuilt::unknown` says which are missing.
pub async fn rebuild(mailstore: &Mailstore, directory: &Directory, store: &Store) -> Result<Rebuilt, Error> {
    let mut rebuilt = Rebuilt::default();
    let mut salvage = store.salvage().await?;
    while let Some(found) = salvage.next().await {
        match found {
            Ok(found) => bring_back(mailstore, directory, store, &found, &mut rebuilt).await?,
            Err(storage::Error::Damaged(what)) => rebuilt.damaged.push(what),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(rebuilt)
}

async fn bring_back(
    mailstore: &Mailstore,
    directory: &Directory,
    store: &Store,
    found: &Salvaged,
    rebuilt: &mut Rebuilt,
) -> Result<(), Error> {
    let Some(label) = Label::decode(&found.label) else {
        rebuilt.others += 1;
        return Ok(());
    };
    let mut targets: Vec<(AccountId, Option<String>)> = Vec::new();
    for (address, mailbox) in &label.accounts {
        match account(directory, address).await? {
            Some(id) => targets.push((id, mailbox.clone())),
            None => {
                rebuilt.unknown.insert(address.clone());
            }
        }
    }
    if targets.is_empty() {
        rebuilt.others += u64::from(label.accounts.is_empty());
        return Ok(());
    }
    targets.sort_unstable();
    let (staged, now) = (found.staged.clone(), mailstore.now());
    let mail = label.mail.unwrap_or_else(|| stand_in(&found.staged));
    let placed = store.write(move |tx| put_back(tx, &staged, mail, &label, &targets, now));
    for duplicate in placed.await?.0 {
        if duplicate {
            rebuilt.present += 1;
        } else {
            rebuilt.delivered += 1;
        }
    }
    Ok(())
}

fn put_back(
    tx: &dyn storage::Transaction,
    staged: &storage::StagedBody,
    mail: MailId,
    label: &Label,
    targets: &[(AccountId, Option<String>)],
    now: Timestamp,
) -> Result<Vec<bool>, storage::Error> {
    let body = tx.keep(staged, u32::try_from(targets.len()).unwrap_or(u32::MAX))?;
    let mut duplicates = Vec::with_capacity(targets.len());
    for (account, mailbox) in targets {
        let delivery = Delivery {
            account: *account,
            mailbox: mailbox.clone(),
            mail,
            body,
            octets: staged.len(),
            internal_date: label.internal_date,
            flags: label.flags,
        };
        duplicates.push(deliver::deliver(tx, &delivery, now)?.duplicate);
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
fn stand_in(staged: &storage::StagedBody) -> MailId {
    let mut bytes = *b"appended........";
    if let Some(end) = bytes.last_chunk_mut::<8>() {
        *end = staged.id().0.to_be_bytes();
    }
    MailId::from_bytes(bytes)
}
