//! FETCH of what lists of messages show: out of digests, without a body.

use mailstore::{Account, Summary, UidSet};
use message::digest::{self, Digest};
use protocol::imap::encode::FetchLine;
use protocol::imap::{FetchItem, SectionText};

use super::super::convert;
use super::super::talk::Talk;
use super::super::trouble::Trouble;
use super::{Outcome, Plan, Source, item};

/// Whether digests answer this item, but for messages that are out of the ordinary.
pub(super) fn is_listed(item: &FetchItem) -> bool {
    match item {
        FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure | FetchItem::Preview => true,
        FetchItem::Section { section, peek: true, .. } if section.part.is_empty() => match &section.text {
            SectionText::HeaderFields { not: false, names } => names.iter().all(|name| digest::is_kept(name)),
            _ => false,
        },
        _ => false,
    }
}

/// Whether this digest answers all of the items.
fn answers(digest: &Digest, items: &[FetchItem]) -> bool {
    items.iter().all(|item| match item {
        FetchItem::Envelope => digest.envelope().is_some(),
        FetchItem::Body | FetchItem::BodyStructure => digest.body().is_some(),
        FetchItem::Section { section, .. } => match &section.text {
            SectionText::HeaderFields { not: false, names } => digest.answers(names.iter().map(String::as_str)),
            _ => false,
        },
        _ => true,
    })
}

impl Talk {
    /// PREVIEW of a message that is shown out of its body; empty where it cannot be made.
    pub(super) async fn preview(&mut self, uid: u32) -> Result<String, Trouble> {
        let (account, mailbox) = (self.account()?, self.selected()?.mailbox);
        let found = account.summaries(mailbox, &[uid].into_iter().collect(), 1).await?;
        let digest = found.into_iter().next().and_then(|summary| summary.digest.ok());
        Ok(digest.map(|digest| digest.preview().to_owned()).unwrap_or_default())
    }

    /// One batch of messages: pairs of number and UID.
    pub(super) async fn fetch_listed(
        &mut self,
        account: &Account,
        batch: &[(u32, u32)],
        uids: &UidSet,
        plan: &Plan<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let mailbox = self.selected()?.mailbox;
        let found = account.summaries(mailbox, uids, batch.len()).await?;
        outcome.gone |= found.len() < batch.len();
        for Summary { message, digest } in found {
            let Some(wanted) = self.wanted(batch, &message, &UidSet::EMPTY) else { continue };
            match digest {
                Ok(digest) if answers(&digest, plan.items) => {
                    self.show(&message, wanted, &mut Source::Digest(Box::new(digest)), plan).await?;
                    self.relieve().await?;
                }
                _ => {
                    let body = account.body(&message).await;
                    self.fetch_one(&message, Some(body), wanted, plan, outcome).await?;
                }
            }
        }
        Ok(())
    }
}

/// One item of a message whose digest answers it.
pub(super) fn show(out: &mut Vec<u8>, line: &mut FetchLine, wanted: &FetchItem, digest: &Digest) {
    match wanted {
        FetchItem::Envelope => {
            let envelope = digest.envelope().unwrap_or_default();
            line.envelope(out, &convert::kept_envelope(&envelope));
        }
        FetchItem::Preview => line.preview(out, digest.preview()),
        FetchItem::Body | FetchItem::BodyStructure => {
            if let Some(body) = digest.body() {
                line.body_structure(out, &convert::kept_body(&body), *wanted == FetchItem::BodyStructure);
            }
        }
        FetchItem::Section { section, partial, .. } => {
            let SectionText::HeaderFields { names, .. } = &section.text else { return };
            let header = digest.fields();
            let mut bytes = Vec::with_capacity(256);
            for field in header.fields().filter(|field| names.iter().any(|name| field.is(name))) {
                bytes.extend_from_slice(field.whole());
            }
            bytes.extend_from_slice(b"\r\n");
            item::gathered(out, line, section, *partial, &bytes);
        }
        _ => {}
    }
}
