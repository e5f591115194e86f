//! Notices for nobody: the reverse-path is one of ours, and no such address is here. A program under a made-up name, a
//! local user without a mailbox. The postmaster is told instead, as of a notice that another server refused.
//!
//! Whoever may relay can make as many of them as he likes, so that only some within an hour are letters; the journal has
//! the others, each with a line.

use std::pin::Pin;

use envelope::{Address, BodyType, Reply, ReversePath};
use message::dsn::{Action, Reader, Returned};
use net::clock;
use queue::Mail;

use super::letter::{self, Letter};
use super::{DoubleBounce, Notice, double, own, prepare_with};
use crate::Context;
use crate::limits::DOUBLE_BOUNCE_OCTETS_MAX;

/// Writes the letter to the postmaster about a notice for `sender`, whom `reply` says that nobody is. `None` when the
/// journal alone is told.
pub(super) fn prepare<'a>(
    context: &'a Context,
    about: &'a Mail,
    sender: &'a Address,
    reply: &'a Reply,
    notice: &'a [u8],
) -> Pin<Box<dyn Future<Output = Result<Option<Notice>, storage::Error>> + Send + 'a>> {
    Box::pin(async move {
        let postmaster = match context.settings.double_bounce {
            DoubleBounce::Postmaster => double::postmaster(context).await?,
            DoubleBounce::Drop => None,
        };
        let why = match &postmaster {
            None => "nobody else is told",
            Some(_) if context.astray.has_room(sender, clock::instant()) => "",
            Some(_) => "the postmaster had enough such notices within this hour",
        };
        let Some(postmaster) = postmaster.filter(|_| why.is_empty()) else {
            let text = format!("nobody has the reverse-path {sender}, and {why}: {}", double::told(notice).join(", "));
            context.fault(None, Some(about.id), "notice", &text);
            return Ok(None);
        };
        let body_type = if notice.is_ascii() { BodyType::SevenBit } else { BodyType::EightBitMime };
        let reverse_path = ReversePath::Address(postmaster);
        let about = Mail { reverse_path, body_type, envelope_id: None, ..about.clone() };
        let told = double::told(notice);
        let noticed = [own(sender, None, Action::Failed, reply)];
        prepare_with(context, &about, &noticed, &shown(notice), Reader::Postmaster { about: &told }).await
    })
}

/// All of the notice, or its header where it is too long.
fn shown(notice: &[u8]) -> Letter {
    let header = letter::of_header(notice);
    match notice.len() as u64 <= DOUBLE_BOUNCE_OCTETS_MAX {
        true => Letter { returned: Returned::Full, octets: notice.to_vec(), ..header },
        false => header,
    }
}
