//! Letters that the operator gives back to their senders, from another process while the server runs.

use envelope::{Notify, Reply};
use message::dsn::Action;
use net::clock;
use queue::Listed;

use super::{Noticed, own, prepare};
use crate::Context;

/// What has become of rows that were to be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenBack {
    /// The sender is told.
    ToSender,
    /// He does not exist here, and the postmaster is told.
    ToPostmaster,
    /// Nobody is told: there is no sender, he does not want to hear, or the postmaster has heard enough; the journal knows.
    Untold,
    /// Nothing was changed: somebody is at them, or they are gone.
    NotNow,
}

impl GivenBack {
    /// What the sender is told, with the status of a decision (RFC 3463 section 3.8): it was no failure, and the other side
    /// has nothing to do with it.
    pub fn reply(why: &str) -> Reply {
        Reply::new(554, (5, 7, 0), why)
    }
}

/// Takes these rows of one letter out of the queue and tells its sender, in one transaction: each who wanted to hear of
/// failures (RFC 3461 section 4.1), and of a letter that has a sender at all. Changes nothing when
/// one of the rows is being sent, held or not, was claimed by somebody or is gone since it was looked at.
pub async fn give_back(context: &Context, rows: &[Listed], reply: &Reply) -> Result<GivenBack, storage::Error> {
    let Some(first) = rows.first() else { return Ok(GivenBack::Untold) };
    let wanted = rows.iter().filter(|row| row.notify.is_none_or(|notify: Notify| notify.failure));
    let noticed: Vec<Noticed<'_>> =
        wanted.map(|row| own(&row.address, row.original.as_deref(), Action::Failed, reply)).collect();
    let meant: Vec<(i64, i64)> = rows.iter().map(|row| (row.number, row.fence)).collect();
    let (queue, mail) = (context.queue.clone(), first.mail.id);
    let settle = move |tx: &dyn storage::Transaction| match queue.withdraw_in(tx, mail, &meant, clock::now())? {
        true => Ok(()),
        false => Err(storage::Error::Refused("somebody is at it".into())),
    };
    let (told, done) = match prepare(context, &first.mail, &noticed).await? {
        Some(notice) if notice.is_to(&first.mail.reverse_path) => {
            (GivenBack::ToSender, notice.send(context, settle).await)
        }
        Some(notice) => (GivenBack::ToPostmaster, notice.send(context, settle).await),
        None => (GivenBack::Untold, context.store.write(settle).await.map(|_| ())),
    };
    match done {
        Ok(()) => Ok(told),
        Err(storage::Error::Refused(_)) => Ok(GivenBack::NotNow),
        Err(error) => Err(error),
    }
}
