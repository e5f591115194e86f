//! The operator's hand on domains.

use envelope::{Domain, Timestamp};

use crate::{Directory, Error, moved, resolve};

/// A domain of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainEntry {
    /// Its name.
    pub domain: Domain,
    /// Since when.
    pub added: Timestamp,
    /// How many accounts it has.
    pub accounts: i64,
    /// How many addresses of it are aliases.
    pub aliases: i64,
}

impl Directory {
    /// Takes a domain in.
    pub async fn add_domain(&self, domain: &Domain) -> Result<(), Error> {
        let (domain, now) = (domain.clone(), (self.inner.clock)());
        let change = self.change(move |tx| {
            let added = tx.execute(
                "INSERT INTO directory_domain (domain, added) VALUES ($1, $2) ON CONFLICT (domain) DO NOTHING",
                &[domain.as_str().into(), now.0.into()],
            )?;
            if added == 0 { Err(Error::DomainExists(domain.clone())) } else { Ok(()) }
        });
        change.await
    }

    /// Lets a domain go. It must have neither accounts nor aliases.
    pub async fn remove_domain(&self, domain: &Domain) -> Result<(), Error> {
        let domain = domain.clone();
        let change = self.change(move |tx| {
            let row = tx.query_one(
                "SELECT (SELECT count(*) FROM directory_account WHERE domain = $1),
                        (SELECT count(DISTINCT source) FROM directory_alias WHERE domain = $1)",
                &[domain.as_str().into()],
            )?;
            let (accounts, aliases) = row.map_or(Ok((0, 0)), |row| Ok::<_, Error>((row.int(0)?, row.int(1)?)))?;
            if accounts + aliases > 0 {
                return Err(Error::DomainInUse { domain: domain.clone(), accounts, aliases });
            }
            moved::forget_domain(tx, &domain)?;
            let removed = tx.execute("DELETE FROM directory_domain WHERE domain = $1", &[domain.as_str().into()])?;
            if removed == 0 { Err(Error::NoDomain(domain.clone())) } else { Ok(()) }
        });
        change.await
    }

    /// All of them, by name.
    pub async fn domains(&self) -> Result<Vec<DomainEntry>, Error> {
        let read = self.read(|q, _| {
            let rows = q.query(
                "SELECT d.domain, d.added,
                        (SELECT count(*) FROM directory_account a WHERE a.domain = d.domain),
                        (SELECT count(DISTINCT l.source) FROM directory_alias l WHERE l.domain = d.domain)
                 FROM directory_domain d ORDER BY d.domain",
                &[],
            )?;
            let entry = |row: &storage::Row| {
                Ok(DomainEntry {
                    domain: resolve::domain(row.text(0)?)?,
                    added: Timestamp(row.int(1)?),
                    accounts: row.int(2)?,
                    aliases: row.int(3)?,
                })
            };
            rows.iter().map(entry).collect()
        });
        read.await
    }
}
