//! The policies that were fetched, in the store: they outlive a restart, and all nodes share them.

use std::sync::Arc;

use envelope::{Domain, Timestamp};
use mailauth::tlspolicy::sts::Policy;
use storage::{Error, Query, Row, Store, Transaction, Value};

use crate::limits::{STS_POLICIES_MAX, STS_REFRESH_AFTER, STS_REFRESH_PAUSE, STS_UNUSED_MAX, STS_USED_GRAIN};

/// A policy as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The edition, as the record named it when the policy was fetched.
    pub id: String,
    /// When that was.
    pub fetched: Timestamp,
    /// It holds until then.
    pub expires: Timestamp,
    /// The policy.
    pub policy: Arc<Policy>,
}

/// The cache. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    store: Store,
    policies_max: i64,
}

impl Cache {
    /// On a store that was opened with [`crate::MIGRATIONS`].
    pub fn new(store: Store) -> Self {
        Self { store, policies_max: STS_POLICIES_MAX }
    }

    /// With room for so many.
    #[must_use]
    pub fn with_room(mut self, policies_max: i64) -> Self {
        self.policies_max = policies_max;
        self
    }

    /// The policy of a domain, if there is one that holds at `now`. That it was asked for is remembered.
    pub async fn live(&self, domain: &Domain, now: Timestamp) -> Result<Option<Kept>, Error> {
        let name = domain.to_string();
        let found = self.store.read(move |q| read(q, &name)).await?;
        let Some((kept, used)) = found.filter(|(kept, _)| kept.expires > now) else { return Ok(None) };
        if now.since(used) > STS_USED_GRAIN {
            const USED: &str = "UPDATE mhs_sts_policy SET used_at = $2 WHERE domain = $1";
            let name = domain.to_string();
            self.store.write(move |tx| tx.execute(USED, &[name.as_str().into(), now.0.into()])).await?;
        }
        Ok(Some(kept))
    }

    /// Keeps a policy in place of the one before. When there is no room the one that was not asked for longest goes.
    pub async fn put(&self, domain: &Domain, kept: &Kept, file: Vec<u8>, now: Timestamp) -> Result<(), Error> {
        let columns = columns(&domain.to_string(), kept, file);
        let room = self.policies_max;
        let write = move |tx: &dyn Transaction| {
            let seal = storage::seal(&columns);
            let rest = [seal.into(), now.0.into()];
            let parameters: Vec<Value> = columns.iter().cloned().chain(rest).collect();
            if tx.execute(UPDATE, &parameters)? > 0 {
                return Ok(());
            }
            make_room(tx, room)?;
            tx.execute(INSERT, &parameters)?;
            Ok(())
        };
        self.store.write(write).await?;
        Ok(())
    }

    /// Domains whose policy was fetched a day ago or earlier and has been asked for lately, those first that were tried
    /// longest ago; they count as tried from here on.
    pub async fn to_refresh(&self, now: Timestamp, count_max: usize) -> Result<Vec<Domain>, Error> {
        const DUE: &str = "SELECT domain FROM mhs_sts_policy WHERE tried_at < $1 AND fetched_at < $2 AND used_at > $3 \
                           ORDER BY tried_at LIMIT $4";
        const TRIED: &str = "UPDATE mhs_sts_policy SET tried_at = $2 WHERE domain = $1";
        let ago = |duration: std::time::Duration| Value::from(now.0 - duration.as_millis() as i64);
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let parameters = [ago(STS_REFRESH_PAUSE), ago(STS_REFRESH_AFTER), ago(STS_UNUSED_MAX), limit.into()];
        let write = move |tx: &dyn Transaction| {
            let mut domains = Vec::new();
            for row in tx.query(DUE, &parameters)? {
                let name = row.text(0)?;
                tx.execute(TRIED, &[name.into(), now.0.into()])?;
                domains.extend(Domain::parse(name));
            }
            Ok(domains)
        };
        Ok(self.store.write(write).await?.0)
    }

    /// Forgets what has run out.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        const SWEEP: &str = "DELETE FROM mhs_sts_policy WHERE expires_at <= $1";
        Ok(self.store.write(move |tx| tx.execute(SWEEP, &[now.0.into()])).await?.0)
    }
}

const UPDATE: &str = "UPDATE mhs_sts_policy SET id = $2, fetched_at = $3, expires_at = $4, file = $5, seal = $6, \
                      tried_at = $7, used_at = $7 WHERE domain = $1";
const INSERT: &str = "INSERT INTO mhs_sts_policy (domain, id, fetched_at, expires_at, file, seal, tried_at, used_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";

/// In the order of the seal.
fn columns(domain: &str, kept: &Kept, file: Vec<u8>) -> [Value; 5] {
    [domain.into(), kept.id.as_str().into(), kept.fetched.0.into(), kept.expires.0.into(), file.into()]
}

fn make_room(tx: &dyn Transaction, room: i64) -> Result<(), Error> {
    const COUNT: &str = "SELECT count(*) FROM mhs_sts_policy";
    const OLDEST: &str = "SELECT domain FROM mhs_sts_policy ORDER BY used_at LIMIT $1";
    const GO: &str = "DELETE FROM mhs_sts_policy WHERE domain = $1";
    let count = tx.query_one(COUNT, &[])?.map_or(Ok(0), |row| row.int(0))?;
    let over = count + 1 - room;
    if over > 0 {
        for row in tx.query(OLDEST, &[over.into()])? {
            tx.execute(GO, &[row.text(0)?.into()])?;
        }
    }
    Ok(())
}

/// A row that is damaged, or that a later program wrote, is as good as none: the policy is fetched again.
fn read(q: &dyn Query, domain: &str) -> Result<Option<(Kept, Timestamp)>, Error> {
    const READ: &str = "SELECT id, fetched_at, expires_at, file, seal, used_at FROM mhs_sts_policy WHERE domain = $1";
    let Some(row) = q.query_one(READ, &[domain.into()])? else { return Ok(None) };
    let Some(kept) = kept(&row)? else { return Ok(None) };
    let sealed = storage::seal(&columns(domain, &kept, row.blob(3)?.to_vec())) == row.int(4)?;
    Ok(sealed.then_some((kept, Timestamp(row.int(5)?))))
}

fn kept(row: &Row) -> Result<Option<Kept>, Error> {
    let Ok(policy) = Policy::parse(row.blob(3)?) else { return Ok(None) };
    Ok(Some(Kept {
        id: row.text(0)?.to_owned(),
        fetched: Timestamp(row.int(1)?),
        expires: Timestamp(row.int(2)?),
        policy: Arc::new(policy),
    }))
}
