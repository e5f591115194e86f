//! The operator's hand on accounts and their passwords.

use envelope::{AccountId, Address, Domain, Timestamp};
use protocol::sasl::Secret;
use storage::{Query, Transaction};

use crate::schema::{AccountRow, INSERT_ACCOUNT, STATE, UPDATE_ACCOUNT};
use crate::{Directory, Error, Quota, forwards, groups, moved, names, quota, resolve, schema};

/// An account as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEntry {
    /// Its number: never given twice.
    pub id: AccountId,
    /// Its address, in canonical form.
    pub address: Address,
    /// Since when.
    pub added: Timestamp,
    /// What it may hold.
    pub quota: Quota,
}

impl Directory {
    /// Makes an account. Its domain must be one of ours.
    pub async fn add_account(&self, address: &Address, password: &Secret) -> Result<AccountId, Error> {
        let (address, domain) = names::usable(address)?;
        let domain = domain.clone();
        // Told at once, before the cost of a hash.
        let (asked, asked_domain) = (address.clone(), domain.clone());
        self.read(move |q, _| free(q, &asked, &asked_domain)).await?;
        let credentials = self.inner.passwords.make(password).await?;
        let now = (self.inner.clock)();
        let change = self.change(move |tx| {
            free(tx, &address, &domain)?;
            let account = AccountRow {
                id: next_id(tx)?,
                address: address.clone(),
                password: credentials.password.clone(),
                scram: credentials.scram.clone(),
                credential_version: 1,
                added: now,
            };
            tx.execute(INSERT_ACCOUNT, &account.parameters())?;
            Ok(account.id)
        });
        change.await
    }

    /// Gives an account another password. Who is signed in stays so; the next sign-in needs the new one.
    pub async fn set_password(&self, address: &Address, password: &Secret) -> Result<(), Error> {
        let (address, _) = names::usable(address)?;
        let asked = address.clone();
        self.read(move |q, _| existing(q, &asked)).await?;
        let credentials = self.inner.passwords.make(password).await?;
        let change = self.change(move |tx| {
            let mut account = existing(tx, &address)?;
            account.password = credentials.password.clone();
            account.scram = credentials.scram.clone();
            account.credential_version += 1;
            tx.execute(UPDATE_ACCOUNT, &account.parameters())?;
            Ok(())
        });
        change.await
    }

    /// Removes an account, and its address from the aliases that lead to it. `also` removes in the same transaction
    /// what other areas keep for it (its mailboxes); it may run more than once.
    pub async fn remove_account<F>(&self, address: &Address, mut also: F) -> Result<AccountId, Error>
    where
        F: FnMut(&dyn Transaction, AccountId) -> Result<(), storage::Error> + Send + 'static,
    {
        let (address, _) = names::usable(address)?;
        let change = self.change(move |tx| {
            let id = id_of(tx, &address)?.ok_or_else(|| Error::NoAccount(address.clone()))?;
            also(tx, id)?;
            tx.execute("DELETE FROM directory_account WHERE account_id = $1", &[id.0.into()])?;
            tx.execute("DELETE FROM directory_alias WHERE target = $1", &[address.to_string().into()])?;
            forwards::forget_account(tx, id, &address)?;
            quota::forget_account(tx, id)?;
            groups::sweep(tx)?;
            Ok(id)
        });
        change.await
    }

    /// The account that has this address as its own; aliases are not asked.
    pub async fn account(&self, address: &Address) -> Result<Option<AccountEntry>, Error> {
        let (address, _) = names::usable(address)?;
        let read = self.read(move |q, settings| {
            let Some(row) = AccountRow::find(q, &address)? else { return Ok(None) };
            let quota = quota::quota_in(q, row.id, settings.quota)?;
            Ok(Some(AccountEntry { id: row.id, address: row.address, added: row.added, quota }))
        });
        read.await
    }

    /// The accounts of a domain, or all, by address.
    pub async fn accounts(&self, domain: Option<&Domain>) -> Result<Vec<AccountEntry>, Error> {
        let domain = domain.cloned();
        let read = self.read(move |q, settings| {
            if let Some(domain) = &domain {
                require_domain(q, domain)?;
            }
            let rows = q.query(
                "SELECT a.account_id, a.address, a.added, l.octets, l.messages FROM directory_account a
                 LEFT JOIN directory_quota l ON l.account_id = a.account_id
                 WHERE ($1 = '' OR a.domain = $1) ORDER BY a.domain, a.address",
                &[domain.as_ref().map_or("", Domain::as_str).into()],
            )?;
            let entry = |row: &storage::Row| {
                let (id, address) = (AccountId(row.int(0)?), schema::address(row, 1)?);
                let quota = quota::of_columns(row.maybe_int(3)?, row.maybe_int(4)?, settings.quota)?;
                Ok(AccountEntry { id, address, added: Timestamp(row.int(2)?), quota })
            };
            rows.iter().map(entry).collect()
        });
        read.await
    }
}

/// The domain is ours, or the error that says so.
pub(crate) fn require_domain(q: &dyn Query, domain: &Domain) -> Result<(), Error> {
    if resolve::is_local(q, domain)? { Ok(()) } else { Err(Error::NoDomain(domain.clone())) }
}

/// An account may be made under this address.
fn free(q: &dyn Query, address: &Address, domain: &Domain) -> Result<(), Error> {
    require_domain(q, domain)?;
    if id_of(q, address)?.is_some() {
        return Err(Error::AccountExists(address.clone()));
    }
    moved::require_not_moved(q, address)?;
    let alias = q.query_one("SELECT source FROM directory_alias WHERE source = $1", &[address.to_string().into()])?;
    if alias.is_some() { Err(Error::IsAlias(address.clone())) } else { Ok(()) }
}

pub(crate) fn id_of(q: &dyn Query, address: &Address) -> Result<Option<AccountId>, storage::Error> {
    let row =
        q.query_one("SELECT account_id FROM directory_account WHERE address = $1", &[address.to_string().into()])?;
    row.map(|row| row.int(0).map(AccountId)).transpose()
}

fn existing(q: &dyn Query, address: &Address) -> Result<AccountRow, Error> {
    AccountRow::find(q, address)?.ok_or_else(|| Error::NoAccount(address.clone()))
}

/// Counts up and never down: a removed account's number must not come back to somebody who would find old mail.
fn next_id(tx: &dyn Transaction) -> Result<AccountId, storage::Error> {
    let rows = tx.query(
        "UPDATE directory_state SET next_account = next_account + 1 WHERE id = $1 RETURNING next_account - 1",
        &[STATE.into()],
    )?;
    let row = rows.first().ok_or_else(|| storage::Error::Damaged("directory_state has no row".to_owned()))?;
    Ok(AccountId(row.int(0)?))
}
