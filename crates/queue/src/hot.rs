//! The statements that are asked all the time, on a reader, and the index by which each of them goes: none may look at
//! more rows than it answers, however long the backlog. A test asks the engine for its plans.
//!
//! `parked IS NOT NULL` stands beside `parked = $1` so that every engine sees that the partial index holds the answer.

macro_rules! seen_columns {
    () => {
        "mail_id, number, due_at, parked, wake_at, destination, address, lane, asked, accepted_at, delay_told, wish"
    };
}

/// What is due in a bucket: `bucket, now, limit`.
pub(crate) const LOOK_AT_DUE: &str = concat!(
    "SELECT ",
    seen_columns!(),
    " FROM queue_recipient WHERE held = 0 AND parked IS NULL AND bucket = $1 AND due_at <= $2 \
     ORDER BY due_at, mail_id, number LIMIT $3"
);

/// What must be decided about: `bucket, now, limit`.
pub(crate) const LOOK_AT_OVERDUE: &str = concat!(
    "SELECT ",
    seen_columns!(),
    " FROM queue_recipient WHERE held = 0 AND parked IS NOT NULL AND bucket = $1 AND wake_at <= $2 \
     ORDER BY wake_at, mail_id, number LIMIT $3"
);

/// The first lane from one on: `queue, lane`.
pub(crate) const NEXT_LANE: &str = "SELECT lane FROM queue_recipient WHERE held = 0 AND parked IS NOT NULL AND parked = $1 \
                    AND lane >= $2 ORDER BY lane LIMIT 1";

/// The beginning of a lane: `queue, lane, limit`.
pub(crate) const ROWS_OF_LANE: &str = concat!(
    "SELECT ",
    seen_columns!(),
    " FROM queue_recipient WHERE held = 0 AND parked IS NOT NULL AND parked = $1 AND lane = $2 \
     ORDER BY due_at, mail_id, number LIMIT $3"
);

/// The next queue: `queue`.
pub(crate) const NEXT_PARKED: &str = "SELECT parked FROM queue_recipient WHERE held = 0 AND parked IS NOT NULL AND parked > $1 \
                    ORDER BY parked LIMIT 1";

/// The beginning of a queue: `queue, limit`.
pub(crate) const PARKED_IN: &str = "SELECT mail_id, number FROM queue_recipient WHERE held = 0 AND parked IS NOT NULL AND parked = $1 \
                    ORDER BY lane, due_at, mail_id, number LIMIT $2";

/// The due index behind a row: `bucket, due_at, mail_id, number, limit`.
pub(crate) const LOOK_AHEAD: &str = "SELECT due_at, mail_id, number, attempts, claimed_by FROM queue_recipient \
                   WHERE held = 0 AND parked IS NULL AND bucket = $1 AND (due_at, mail_id, number) > ($2, $3, $4) \
                   ORDER BY due_at, mail_id, number LIMIT $5";

/// What is due later than: `bucket, due_at, limit`.
pub(crate) const DUE_FAR_AHEAD: &str = "SELECT mail_id, number, due_at, claimed_by FROM queue_recipient \
                   WHERE held = 0 AND parked IS NULL AND bucket = $1 AND due_at > $2 ORDER BY due_at LIMIT $3";

/// What is decided about later than: `bucket, wake_at, limit`.
pub(crate) const WAKE_FAR_AHEAD: &str = "SELECT mail_id, number FROM queue_recipient \
                    WHERE held = 0 AND parked IS NOT NULL AND bucket = $1 AND wake_at > $2 ORDER BY wake_at LIMIT $3";

/// What a node has claimed: `bucket, node, limit`.
pub(crate) const CLAIMED_BY: &str = "SELECT mail_id, number FROM queue_recipient \
                   WHERE held = 0 AND parked IS NULL AND bucket = $1 AND claimed_by = $2 LIMIT $3";

/// What the operator has suspended: `limit`.
pub(crate) const SUSPENDED: &str = "SELECT destination, reason, suspended_at, suspended_by FROM queue_site WHERE suspended = 1 \
                   ORDER BY destination LIMIT $1";

/// What is known of a destination, and of a domain.
pub(crate) const STANDING: &str = concat!(
    "SELECT ",
    "destination, suspended, reason, rest_until, rested_at, failures, since, last_reply, suspended_at, suspended_by",
    " FROM queue_site WHERE destination IN ($1, $2)"
);

/// Where that goes which is in no destination's own queue: `bucket, limit`.
pub(crate) const UNPARKED: &str = "SELECT destination FROM queue_recipient WHERE held = 0 AND parked IS NULL AND bucket = $1 \
                   ORDER BY due_at LIMIT $2";

/// Rests that nobody has touched since a moment: `rest_until, limit`.
pub(crate) const RESTS_FORGOTTEN: &str =
    "SELECT destination FROM queue_site WHERE suspended = 0 AND rest_until < $1 LIMIT $2";

#[cfg(test)]
mod tests {
    use storage::{Store, Value};

    use super::*;

    /// The text, how many parameters it has, and what its plan must say.
    const PLANS: &[(&str, usize, &str)] = &[
        (LOOK_AT_DUE, 3, "INDEX queue_due (bucket=? AND due_at<?)"),
        (LOOK_AT_OVERDUE, 3, "INDEX queue_wake (bucket=? AND wake_at<?)"),
        (NEXT_LANE, 2, "COVERING INDEX queue_parked (parked=? AND lane>?)"),
        (ROWS_OF_LANE, 3, "INDEX queue_parked (parked=? AND lane=?)"),
        (NEXT_PARKED, 1, "COVERING INDEX queue_parked (parked>?)"),
        (PARKED_IN, 2, "COVERING INDEX queue_parked (parked=?)"),
        (LOOK_AHEAD, 5, "INDEX queue_due (bucket=? AND (due_at,mail_id,number)>(?,?,?))"),
        (DUE_FAR_AHEAD, 3, "COVERING INDEX queue_due (bucket=? AND due_at>?)"),
        (WAKE_FAR_AHEAD, 3, "INDEX queue_wake (bucket=? AND wake_at>?)"),
        (CLAIMED_BY, 3, "COVERING INDEX queue_due (bucket=?)"),
        (UNPARKED, 2, "INDEX queue_due (bucket=?)"),
        (SUSPENDED, 1, "INDEX queue_site_suspended"),
        (RESTS_FORGOTTEN, 2, "INDEX queue_site_rest (rest_until<?)"),
        (STANDING, 2, "PRIMARY KEY (destination=?)"),
    ];

    #[tokio::test]
    async fn none_looks_at_more_rows_than_it_answers() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_embedded(folder.path(), &[crate::MIGRATIONS]).await.unwrap();
        for (sql, count, wanted) in PLANS {
            let text: &'static str = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
            let plan = store.read(move |q| q.query(text, &vec![Value::Int(1); *count])).await.unwrap();
            let steps: Vec<&str> = plan.iter().map(|row| row.text(3).unwrap()).collect();
            assert!(steps.len() == 1 && steps[0].contains(wanted), "{sql}: {steps:?}");
        }
    }
}
