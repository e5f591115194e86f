//! What an account may hold: the operator's word about it, or else the rule for all. How much it does hold, `mailstore`
//! knows.

use envelope::{AccountId, Address};
use storage::{Query, Transaction};

use crate::{Directory, Error, accounts, names};

/// How much an account may hold. `None`: as much as it likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Octets of all its messages together.
    pub octets: Option<u64>,
    /// Its messages.
    pub messages: Option<u64>,
}

impl Quota {
    /// No limit at all.
    pub const UNLIMITED: Quota = Quota { octets: None, messages: None };

    /// Whether there is no limit at all.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::UNLIMITED
    }

    /// Whether so much is more than it allows.
    pub fn is_exceeded_by(&self, octets: u64, messages: u64) -> bool {
        self.octets.is_some_and(|most| octets > most) || self.messages.is_some_and(|most| messages > most)
    }
}

/// The operator's word about one limit of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The rule for all.
    Default,
    /// None.
    Unlimited,
    /// So much.
    At(u64),
}

/// How the table has [`Limit::Unlimited`]; [`Limit::Default`] is NULL.
const UNLIMITED: i64 = -1;

impl Limit {
    fn column(self) -> Option<i64> {
        match self {
            Self::Default => None,
            Self::Unlimited => Some(UNLIMITED),
            Self::At(most) => Some(i64::try_from(most).unwrap_or(i64::MAX)),
        }
    }
}

/// A column, where `rule` holds unless it says more.
fn limit(column: Option<i64>, rule: Option<u64>) -> Option<u64> {
    // A negative number is no limit.
    column.map_or(rule, |most| u64::try_from(most).ok())
}

/// What an account may hold, in a view of whoever asks; `rule` holds where the operator said nothing.
pub fn quota_in(q: &dyn Query, account: AccountId, rule: Quota) -> Result<Quota, storage::Error> {
    const SQL: &str = "SELECT octets, messages FROM directory_quota WHERE account_id = $1";
    let row = q.query_one(SQL, &[account.0.into()])?;
    row.map_or(Ok(rule), |row| of_columns(row.maybe_int(0)?, row.maybe_int(1)?, rule))
}

/// The same from the columns.
pub(crate) fn of_columns(octets: Option<i64>, messages: Option<i64>, rule: Quota) -> Result<Quota, storage::Error> {
    Ok(Quota { octets: limit(octets, rule.octets), messages: limit(messages, rule.messages) })
}

/// The account is going.
pub(crate) fn forget_account(tx: &dyn Transaction, account: AccountId) -> Result<(), storage::Error> {
    tx.execute("DELETE FROM directory_quota WHERE account_id = $1", &[account.0.into()])?;
    Ok(())
}

impl Directory {
    /// Sets limits of an account; `None` leaves one as it is.
    pub async fn set_quota(
        &self,
        address: &Address,
        octets: Option<Limit>,
        messages: Option<Limit>,
    ) -> Result<(), Error> {
        let (address, _) = names::usable(address)?;
        let change = self.change(move |tx| {
            let id = accounts::id_of(tx, &address)?.ok_or_else(|| Error::NoAccount(address.clone()))?;
            tx.execute("INSERT INTO directory_quota (account_id) VALUES ($1) ON CONFLICT DO NOTHING", &[id.0.into()])?;
            if let Some(limit) = octets {
                let sql = "UPDATE directory_quota SET octets = $2 WHERE account_id = $1";
                tx.execute(sql, &[id.0.into(), limit.column().into()])?;
            }
            if let Some(limit) = messages {
                let sql = "UPDATE directory_quota SET messages = $2 WHERE account_id = $1";
                tx.execute(sql, &[id.0.into(), limit.column().into()])?;
            }
            Ok(())
        });
        change.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much() {
        let quota = Quota { octets: Some(100), messages: None };
        assert!(!quota.is_exceeded_by(100, u64::MAX) && quota.is_exceeded_by(101, 0));
        let quota = Quota { octets: None, messages: Some(0) };
        assert!(quota.is_exceeded_by(0, 1) && !quota.is_exceeded_by(u64::MAX, 0));
        assert!(!Quota::UNLIMITED.is_exceeded_by(u64::MAX, u64::MAX) && Quota::UNLIMITED.is_unlimited());
    }

    #[test]
    fn the_account_before_the_rule() {
        let rule = Quota { octets: Some(5), messages: Some(6) };
        assert_eq!(of_columns(None, None, rule).unwrap(), rule);
        let own = of_columns(Limit::Unlimited.column(), Limit::At(u64::MAX).column(), rule).unwrap();
        assert_eq!(own, Quota { octets: None, messages: Some(i64::MAX as u64) });
        assert_eq!(of_columns(Limit::At(0).column(), Limit::Default.column(), rule).unwrap().octets, Some(0));
    }
}
