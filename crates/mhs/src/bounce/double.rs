//! Notices of ours that cannot be delivered: the sender of a letter cannot be told, so the postmaster here is.
//!
//! Once, and never in a circle: what is written here is named so that it is known when it fails itself, and then the
//! journal is told and nobody else.

use directory::{Lookup, Target};
use envelope::{Address, MailId, ReversePath};
use queue::Mail;

use message::dsn::{DeliveryStatus, FieldGroup, Reader};
use message::mime::{Part, Structure};

use super::letter::{self, Letter};
use super::{Notice, Noticed, prepare_with};
use crate::Context;
use crate::limits::DOUBLE_BOUNCE_OCTETS_MAX;

/// How the Message-ID of such a letter begins.
pub(super) const MARK: &str = "double-bounce.";

/// What becomes of a notice of ours that cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DoubleBounce {
    /// The postmaster here is told.
    #[default]
    Postmaster,
    /// It is dropped; the journal says so.
    Drop,
}

/// Tells the postmaster of a letter without a sender that has failed, where it is a notice of ours. `None` when nobody is
/// to be told; the journal is told then.
pub(crate) async fn prepare(
    context: &Context,
    about: &Mail,
    noticed: &[Noticed<'_>],
) -> Result<Option<Notice>, storage::Error> {
    let letter = letter::read(context, about, DOUBLE_BOUNCE_OCTETS_MAX).await?;
    let ours = is_ours(&letter, context.settings.hostname.as_str());
    let to = match ours && context.settings.double_bounce == DoubleBounce::Postmaster {
        true => postmaster(context).await?,
        false => None,
    };
    let Some(to) = to else {
        tell_journal(context, about.id, noticed);
        return Ok(None);
    };
    let told = told(&letter.octets);
    let about = Mail { reverse_path: ReversePath::Address(to), ..about.clone() };
    prepare_with(context, &about, noticed, &letter, Reader::Postmaster { about: &told }).await
}

/// What a notice of ours told its reader, a line for each recipient.
pub(super) fn told(notice: &[u8]) -> Vec<String> {
    let structure = Structure::parse(notice);
    let kinds = ["delivery-status", "global-delivery-status"];
    let is_status = |part: &&Part| kinds.iter().any(|kind| part.content.content_type.is("message", kind));
    let Some(part) = structure.parts().iter().find(is_status) else { return Vec::new() };
    let status = DeliveryStatus::parse(part.body.of(notice));
    let line = |group: &FieldGroup| {
        let what = group.get("action").unwrap_or("something happened");
        let code = group.status().map(|code| format!(": {code}")).unwrap_or_default();
        group.final_recipient().map(|to| format!("{what} for <{to}>{code}"))
    };
    status.recipients.iter().filter_map(line).collect()
}

/// A notice that we have written ourselves, and not about another notice.
fn is_ours(letter: &Letter, hostname: &str) -> bool {
    let id = letter.message_id.as_deref().and_then(|id| id.rsplit_once('@'));
    id.is_some_and(|(left, right)| right.eq_ignore_ascii_case(hostname) && !left.starts_with(MARK))
}

/// Somebody who reads the postmaster's mail here; none while nobody does.
pub(super) async fn postmaster(context: &Context) -> Result<Option<Address>, storage::Error> {
    let found = match context.directory.postmaster().await {
        Ok(found) => found,
        Err(error) => return Err(storage::Error::Unavailable(format!("the postmaster cannot be looked up: {error}"))),
    };
    let Lookup::Local(found) = found else { return Ok(None) };
    Ok(found.targets.iter().find_map(|target| match target {
        Target::Account { address, .. } => Some(address.clone()),
        _ => None,
    }))
}

fn tell_journal(context: &Context, about: MailId, noticed: &[Noticed<'_>]) {
    for one in noticed {
        let text = format!("{} cannot be told, and nobody else is: {}", one.address, one.reply);
        context.fault(None, Some(about), "notice", &text);
    }
}

#[cfg(test)]
mod tests {
    use message::dsn::Returned;

    use super::*;

    #[test]
    fn what_a_notice_told() {
        let notice = "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\
            Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.test\r\n\r\n\
            Final-Recipient: rfc822; a@y.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
            Final-Recipient: rfc822; b@y.test\r\n\r\nAction: failed\r\n--b--\r\n";
        assert_eq!(told(notice.as_bytes()), ["failed for <a@y.test>: 5.1.1", "something happened for <b@y.test>"]);
        assert!(told(b"Subject: x\r\n").is_empty() && told(b"").is_empty());
    }

    #[test]
    fn what_is_a_notice_of_ours() {
        for (id, ours) in [
            (Some("7@mx.athens.test"), true),
            (Some("7@MX.Athens.Test"), true),
            (Some("double-bounce.7@mx.athens.test"), false),
            (Some("7@mx.patras.test"), false),
            (Some("mx.athens.test"), false),
            (None, false),
        ] {
            let message_id = id.map(str::to_owned);
            let letter = Letter { returned: Returned::Nothing, octets: Vec::new(), subject: None, message_id };
            assert_eq!(is_ours(&letter, "mx.athens.test"), ours, "{id:?}");
        }
    }
}
