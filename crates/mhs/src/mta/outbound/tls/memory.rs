//! What a host was once able to do. One that offered TLS, or a certificate that verified, and does not any more, has a
//! new operator, a fault, or somebody between us and it; without a policy the letter goes all the same, so at least the
//! journal says it.

use std::time::Duration;

use envelope::Timestamp;
use message::date::DateTime;
use storage::{Error, Store, Transaction};

use crate::limits::{TLS_HOST_FORGOTTEN, TLS_HOST_GRAIN, TLS_HOSTS_MAX};

/// How well a connection was protected. The later one is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protected {
    /// Not at all.
    Clear,
    /// Encrypted with whoever was there.
    Encrypted,
    /// Encrypted with the host that was meant.
    Verified,
}

/// The memory. Cheap to clone.
#[derive(Clone)]
pub struct Memory(Store);

impl Memory {
    /// On a store that was opened with [`crate::MIGRATIONS`].
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Remembers how a connection to the host was protected. Answers words for the journal when it was better before;
    /// they come once, until it is better again.
    pub async fn note(&self, host: &str, now: Protected, at: Timestamp) -> Result<Option<String>, Error> {
        const LOOK: &str = "SELECT level, seen_at FROM mhs_tls_host WHERE host = $1";
        const PUT: &str = "INSERT INTO mhs_tls_host (host, level, seen_at) VALUES ($1, $2, $3) \
                           ON CONFLICT (host) DO UPDATE SET level = excluded.level, seen_at = excluded.seen_at";
        let name = host.to_owned();
        let look = self.0.read(move |q| q.query_one(LOOK, &[name.as_str().into()]));
        let before = look.await?.map(|row| Ok::<_, Error>((row.int(0)?, Timestamp(row.int(1)?)))).transpose()?;
        let is_news = before.is_none_or(|(level, seen)| level != now.number() || at.since(seen) > TLS_HOST_GRAIN);
        // In the clear and never otherwise is what needs no remembering.
        if is_news && (before.is_some() || now != Protected::Clear) {
            let name = host.to_owned();
            let write =
                move |tx: &dyn Transaction| tx.execute(PUT, &[name.as_str().into(), now.number().into(), at.0.into()]);
            self.0.write(write).await?;
        }
        Ok(before.filter(|(level, _)| *level > now.number()).map(|(level, seen)| words(host, level, seen, now)))
    }

    /// Forgets hosts that have not been seen for long, and those seen longest ago where there are too many.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        const OLD: &str = "DELETE FROM mhs_tls_host WHERE seen_at < $1";
        const COUNT: &str = "SELECT count(*) FROM mhs_tls_host";
        const LAST: &str = "SELECT host FROM mhs_tls_host ORDER BY seen_at LIMIT $1";
        const GO: &str = "DELETE FROM mhs_tls_host WHERE host = $1";
        let old = now.0 - Duration::as_millis(&TLS_HOST_FORGOTTEN) as i64;
        let write = move |tx: &dyn Transaction| {
            let mut gone = tx.execute(OLD, &[old.into()])?;
            let over = tx.query_one(COUNT, &[])?.map_or(Ok(0), |row| row.int(0))? - TLS_HOSTS_MAX;
            if over > 0 {
                for row in tx.query(LAST, &[over.into()])? {
                    gone += tx.execute(GO, &[row.text(0)?.into()])?;
                }
            }
            Ok(gone)
        };
        Ok(self.0.write(write).await?.0)
    }
}

impl Protected {
    fn number(self) -> i64 {
        self as i64
    }
}

fn words(host: &str, level: i64, seen: Timestamp, now: Protected) -> String {
    let before = if level == Protected::Verified.number() { "had a certificate that verified" } else { "offered TLS" };
    let now = match now {
        Protected::Clear => "is now met in the clear",
        _ => "now has one that does not",
    };
    format!(
        "{host} {before} on {} and {now}; without a policy of its domain letters go to it all the same",
        DateTime::utc(seen).to_rfc5322()
    )
}
