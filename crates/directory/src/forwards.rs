//! Forwarding: an account whose letters go on to other addresses, with a copy kept or not.

use envelope::{AccountId, Address, Domain, ReversePath};
use storage::{Query, Transaction};

use crate::accounts::{id_of, require_domain};
use crate::aliases::{AliasSource, target_form};
use crate::limits::FORWARD_TARGETS_MAX;
use crate::{Directory, Error, names, schema};

/// Where the letters of one account go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardEntry {
    /// The account's address.
    pub account: Address,
    /// Where to, in order of their texts.
    pub targets: Vec<Address>,
    /// Whether a copy stays in its mailbox.
    pub keeps: bool,
}

impl Directory {
    /// Lets the letters of an account go on to these addresses, and to no others; with none, they stay with it. A
    /// target in a domain of ours must be somebody.
    pub async fn set_forward(&self, account: &Address, targets: &[Address], keeps: bool) -> Result<(), Error> {
        let (account, _) = names::usable(account)?;
        let (targets, settings) = (targets.to_vec(), self.inner.settings.clone());
        let change = self.change(move |tx| {
            let id = id_of(tx, &account)?.ok_or_else(|| Error::NoAccount(account.clone()))?;
            tx.execute("DELETE FROM directory_forward WHERE account_id = $1", &[id.0.into()])?;
            let itself = AliasSource::Address(account.clone());
            let mut forms = Vec::new();
            for target in &targets {
                let form = target_form(tx, &settings, &itself, target)?;
                if form == account {
                    return Err(Error::ForwardToItself(account.clone()));
                }
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
            if forms.len() > FORWARD_TARGETS_MAX {
                return Err(Error::TooManyForwards);
            }
            for form in forms {
                tx.execute(
                    "INSERT INTO directory_forward (account_id, target, keeps) VALUES ($1, $2, $3)",
                    &[id.0.into(), form.to_string().into(), i64::from(keeps).into()],
                )?;
            }
            Ok(())
        });
        change.await
    }

    /// The accounts of a domain, or all, whose letters go on.
    pub async fn forwards(&self, domain: Option<&Domain>) -> Result<Vec<ForwardEntry>, Error> {
        let domain = domain.cloned();
        let read = self.read(move |q, _| {
            if let Some(domain) = &domain {
                require_domain(q, domain)?;
            }
            let rows = q.query(
                "SELECT a.address, f.target, f.keeps
                 FROM directory_forward f JOIN directory_account a ON a.account_id = f.account_id
                 WHERE ($1 = '' OR a.domain = $1) ORDER BY a.domain, a.address, f.target",
                &[domain.as_ref().map_or("", Domain::as_str).into()],
            )?;
            let mut entries: Vec<ForwardEntry> = Vec::new();
            for row in &rows {
                let (account, target) = (schema::address(row, 0)?, schema::address(row, 1)?);
                match entries.last_mut() {
                    Some(last) if last.account == account => last.targets.push(target),
                    _ => entries.push(ForwardEntry { account, targets: vec![target], keeps: row.int(2)? != 0 }),
                }
            }
            Ok(entries)
        });
        read.await
    }

    /// The reverse-path of a letter that `by`, an address of ours, sends on to somebody else's domain: that of the
    /// group's owner if it has one, and where it is not of a domain of ours, one of ours that stands for it
    /// ([`crate::srs`]). A null one stays null: nothing is ever answered to it.
    pub async fn onward_path(
        &self,
        path: &ReversePath,
        owner: Option<&Address>,
        by: &Address,
    ) -> Result<ReversePath, Error> {
        let ReversePath::Address(sender) = path else { return Ok(ReversePath::Null) };
        let sender = owner.unwrap_or(sender);
        let unchanged = ReversePath::Address(sender.clone());
        if !self.inner.settings.srs {
            return Ok(unchanged);
        }
        if let Some(domain) = sender.host().name()
            && self.is_local(domain).await?
        {
            return Ok(unchanged);
        }
        let domain = match (&self.inner.settings.srs_domain, by.host().name()) {
            (Some(domain), _) => domain,
            (None, Some(domain)) if self.is_local(domain).await? => domain,
            _ => return Ok(unchanged),
        };
        let ours = self.inner.srs.rewrite(sender, domain, (self.inner.clock)());
        Ok(ours.map_or(unchanged, ReversePath::Address))
    }
}

/// Where the letters of an account go, and whether it keeps a copy; nowhere when it does not forward. Last text first,
/// as the walk takes them.
pub(crate) fn read_forward(q: &dyn Query, id: AccountId) -> Result<(Vec<Address>, bool), storage::Error> {
    let rows = q.query(
        "SELECT target, keeps FROM directory_forward WHERE account_id = $1 ORDER BY target DESC",
        &[id.0.into()],
    )?;
    let keeps = rows.first().map_or(Ok(1), |row| row.int(1))? != 0;
    let targets: Result<Vec<Address>, storage::Error> = rows.iter().map(|row| schema::address(row, 0)).collect();
    Ok((targets?, keeps))
}

/// An account is going: it forwards nothing any more, and nobody forwards to it.
pub(crate) fn forget_account(tx: &dyn Transaction, id: AccountId, address: &Address) -> Result<(), storage::Error> {
    tx.execute("DELETE FROM directory_forward WHERE account_id = $1", &[id.0.into()])?;
    tx.execute("DELETE FROM directory_forward WHERE target = $1", &[address.to_string().into()])?;
    Ok(())
}
