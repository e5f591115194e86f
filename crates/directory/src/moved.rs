//! Moved users (RFC 5321 section 3.4): an address of ours whose owner is to be found elsewhere. Letters to it are carried
//! on (251), or refused with the new address in the answer (551).

use envelope::{Address, Domain};
use storage::{Query, Transaction};

use crate::accounts::require_domain;
use crate::aliases::{AliasSource, target_form};
use crate::{Directory, Error, names, schema};

/// Somebody who moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedEntry {
    /// Where he was.
    pub from: Address,
    /// Where he is.
    pub to: Address,
    /// Whether letters are carried on.
    pub forwards: bool,
}

impl Directory {
    /// Somebody moved. His old address may still be an account: its letters stay, and no more come. A new address in a
    /// domain of ours must be somebody.
    pub async fn set_moved(&self, from: &Address, to: &Address, forwards: bool) -> Result<(), Error> {
        let (from, domain) = names::usable(from)?;
        let (domain, to, settings) = (domain.clone(), to.clone(), self.inner.settings.clone());
        let change = self.change(move |tx| {
            require_domain(tx, &domain)?;
            let to = target_form(tx, &settings, &AliasSource::Address(from.clone()), &to)?;
            if to == from {
                return Err(Error::MovedToItself(from.clone()));
            }
            tx.execute(
                "INSERT INTO directory_moved (address, domain, target, forwards) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (address) DO UPDATE SET target = excluded.target, forwards = excluded.forwards",
                &[from.to_string().into(), domain.as_str().into(), to.to_string().into(), i64::from(forwards).into()],
            )?;
            Ok(())
        });
        change.await
    }

    /// He is back, or his old address is nobody's any more.
    pub async fn unset_moved(&self, from: &Address) -> Result<(), Error> {
        let (from, _) = names::usable(from)?;
        let change = self.change(move |tx| {
            let removed = tx.execute("DELETE FROM directory_moved WHERE address = $1", &[from.to_string().into()])?;
            if removed == 0 { Err(Error::NotMoved(from.clone())) } else { Ok(()) }
        });
        change.await
    }

    /// Who moved, of a domain or of all, by address.
    pub async fn moved(&self, domain: Option<&Domain>) -> Result<Vec<MovedEntry>, Error> {
        let domain = domain.cloned();
        let read = self.read(move |q, _| {
            if let Some(domain) = &domain {
                require_domain(q, domain)?;
            }
            let rows = q.query(
                "SELECT address, target, forwards FROM directory_moved
                 WHERE ($1 = '' OR domain = $1) ORDER BY domain, address",
                &[domain.as_ref().map_or("", Domain::as_str).into()],
            )?;
            let entry = |row: &storage::Row| {
                let (from, to) = (schema::address(row, 0)?, schema::address(row, 1)?);
                Ok(MovedEntry { from, to, forwards: row.int(2)? != 0 })
            };
            rows.iter().map(entry).collect()
        });
        read.await
    }
}

/// Where somebody went, and whether letters follow him.
pub(crate) fn read_moved(q: &dyn Query, address: &Address) -> Result<Option<(Address, bool)>, storage::Error> {
    let row =
        q.query_one("SELECT target, forwards FROM directory_moved WHERE address = $1", &[address.to_string().into()])?;
    row.map(|row| Ok((schema::address(&row, 0)?, row.int(1)? != 0))).transpose()
}

/// Nobody moved from here: the address may become an account's or an alias'.
pub(crate) fn require_not_moved(q: &dyn Query, address: &Address) -> Result<(), Error> {
    match read_moved(q, address)? {
        Some((to, _)) => Err(Error::HasMoved { from: address.clone(), to }),
        None => Ok(()),
    }
}

/// A domain is going.
pub(crate) fn forget_domain(tx: &dyn Transaction, domain: &Domain) -> Result<(), storage::Error> {
    tx.execute("DELETE FROM directory_moved WHERE domain = $1", &[domain.as_str().into()])?;
    Ok(())
}
