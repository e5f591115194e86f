//! Destinations by the age of what waits for them: where a queue grows old. A table like that of Postfix's `qshape`.

use envelope::Timestamp;
use storage::{Error, Query, Row, Value};

use crate::Queue;
use crate::limits::SITES_MAX;

/// The upper ends of all columns but the last, in minutes.
pub const AGE_MINUTES: [i64; 9] = [5, 10, 20, 40, 80, 160, 320, 640, 1280];

/// Recipients of a destination by the age of their letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ages {
    /// The key of the next hop; `None` for all of them together.
    pub destination: Option<String>,
    /// All.
    pub all: u64,
    /// Younger than each of [`AGE_MINUTES`], and not than the one before; last what is older than all.
    pub by_age: [u64; AGE_MINUTES.len() + 1],
}

macro_rules! younger {
    ($($number:literal),*) => {
        concat!($(", CAST(sum(CASE WHEN accepted_at > $", $number, " THEN 1 ELSE 0 END) AS BIGINT)"),*)
    };
}

impl Queue {
    /// All destinations in one line, then each, those with most first, `count_max` and [`SITES_MAX`] at most: by counting,
    /// for the operator. Empty when nothing is in the queue.
    pub async fn ages(&self, count_max: usize, now: Timestamp) -> Result<Vec<Ages>, crate::Error> {
        let count_max = count_max.min(SITES_MAX);
        Ok(self.inner.store.read(move |q| ages(q, count_max, now)).await?)
    }
}

fn ages(q: &dyn Query, count_max: usize, now: Timestamp) -> Result<Vec<Ages>, Error> {
    const ALL: &str = concat!(
        "SELECT NULL, count(*)",
        younger!("1", "2", "3", "4", "5", "6", "7", "8", "9"),
        " FROM queue_recipient"
    );
    const EACH: &str = concat!(
        "SELECT destination, count(*)",
        younger!("1", "2", "3", "4", "5", "6", "7", "8", "9"),
        " FROM queue_recipient GROUP BY destination ORDER BY 2 DESC, 1 LIMIT $10"
    );
    let bounds = AGE_MINUTES.map(|minutes| Value::from(now.0.saturating_sub(minutes * 60_000)));
    let mut found = Vec::new();
    if let Some(row) = q.query_one(ALL, &bounds)?
        && row.int(1)? > 0
    {
        found.push(read(&row)?);
    }
    let limited: Vec<Value> = bounds.into_iter().chain([(count_max as i64).into()]).collect();
    for row in q.query(EACH, &limited)? {
        found.push(read(&row)?);
    }
    Ok(found)
}

fn read(row: &Row) -> Result<Ages, Error> {
    let number = |column| row.int(column).map(|number| u64::try_from(number).unwrap_or(0));
    let all = number(1)?;
    let (mut by_age, mut before) = ([0; AGE_MINUTES.len() + 1], 0);
    for (column, count) in by_age.iter_mut().enumerate() {
        let younger = if column < AGE_MINUTES.len() { number(column + 2)? } else { all };
        *count = younger.saturating_sub(before);
        before = younger;
    }
    Ok(Ages { destination: row.maybe_text(0)?.map(str::to_owned), all, by_age })
}
