//! Letters that the operator gives back to their senders, from another process while the server runs.

use envelope::{MailId, Notify, Reply};
use message::dsn::Action;
use queue::{Listed, Settlement, Verdict};

use super::{Noticed, own, prepare};
use crate::Context;

/// Takes these rows of one letter out of the queue and tells its sender, in one transaction: each who wanted to hear of
/// failures (RFC 3461 section 4.1), and of a letter that has a sender at all. Answers false, and has changed nothing, when
/// one of the rows was claimed by somebody or is gone since it was looked at.
pub async fn give_back(context: &Context, rows: &[Listed], reply: &Reply) -> Result<bool, storage::Error> {
    let Some(first) = rows.first() else { return Ok(true) };
    let wanted = rows.iter().filter(|row| row.notify.is_none_or(|notify: Notify| notify.failure));
    let noticed: Vec<Noticed<'_>> =
        wanted.map(|row| own(&row.address, row.original.as_deref(), Action::Failed, reply)).collect();
    let ends: Vec<Settlement> = rows.iter().map(|row| end(first.mail.id, row)).collect();
    let queue = context.queue.clone();
    let settle = move |tx: &dyn storage::Transaction| match queue.settle_in(tx, &ends)?.contains(&false) {
        true => Err(storage::Error::Refused("somebody is at it".into())),
        false => Ok(()),
    };
    let done = match prepare(context, &first.mail, &noticed).await? {
        Some(notice) => notice.send(context, settle).await,
        None => context.store.write(settle).await.map(|_| ()),
    };
    match done {
        Ok(()) => Ok(true),
        Err(storage::Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn end(mail: MailId, row: &Listed) -> Settlement {
    Settlement { mail, number: row.number, fence: row.fence, verdict: Verdict::Done }
}
