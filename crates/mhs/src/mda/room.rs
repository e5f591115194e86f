//! Whether there is room for a letter: asked at RCPT, with the size that the sender said, and once more when the letter is
//! whole. In between nothing is held, so that letters that come at the same moment may all find the last room.
//!
//! A letter for several, by an alias or a group, comes in as long as one of them has room: it then goes to all of them, since
//! half a delivery would be told to nobody. Notices, and letters of this machine's own programs, always come in.

use envelope::Reply;

use crate::Context;
use crate::recipients::Local;

/// What a sender is told when the mailbox of his recipient is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Full {
    /// 452: his server tries again, for days mostly, and tells him when that was in vain.
    #[default]
    Later,
    /// 552: he hears it at once.
    Refuse,
}

/// Why a letter of so many octets cannot come in for these, none of whom has room; `None` when it can.
pub(crate) async fn refusal<'a>(
    context: &Context,
    locals: impl IntoIterator<Item = &'a Local>,
    octets: u64,
) -> Result<Option<Reply>, mailstore::Error> {
    let mut never = true;
    let mut any = false;
    for local in locals {
        if local.quota.is_unlimited() {
            return Ok(None);
        }
        any = true;
        let usage = context.mailstore.usage(local.account).await?;
        if !usage.is_over_with(&local.quota, octets, 1) {
            return Ok(None);
        }
        never &= local.quota.is_exceeded_by(octets, 1);
    }
    Ok(any.then(|| match context.settings.full {
        Full::Later if !never => Reply::new(452, (4, 2, 2), "the mailbox is full, try again later"),
        _ => Reply::new(552, (5, 2, 2), "the mailbox is full"),
    }))
}
