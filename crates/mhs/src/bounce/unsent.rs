//! A letter that was handed in on this machine and cannot be taken at all: its writer has long gone on, so he is told by
//! a notice with the letter's header.

use envelope::{Address, BodyType, MailId, Notify, Recipient, Reply, RequireTls, ReversePath, Timestamp};
use journal::Service;
use message::dsn::{Action, Reader, RecipientReport, Report, Returned};
use message::header::Header;
use net::clock;

use super::status;
use crate::Context;
use crate::acceptance::Ready;
use crate::limits::UNSENT_HEADER_OCTETS_MAX;
use crate::msa::post::{self, Post, PostError};
use directory::RelayAllowed;

/// The letter.
#[derive(Debug)]
pub struct Unsent<'a> {
    /// Whom to tell.
    pub to: &'a Address,
    /// Its header, or the beginning of it.
    pub header: &'a [u8],
    /// To whom it was to go.
    pub recipients: &'a [Address],
    /// What is wrong.
    pub reply: &'a Reply,
    /// When it was handed in.
    pub arrived: Timestamp,
}

/// Writes the notice, all but its rows ([`crate::msa::hand_in::accept_once`]). `None` when nobody can be told.
pub async fn unsent(context: &Context, letter: &Unsent<'_>) -> Result<Option<Ready>, storage::Error> {
    let hostname = &context.settings.hostname;
    let Ok(from) = Address::parse(&format!("MAILER-DAEMON@{hostname}")) else { return Ok(None) };
    let header = Header::parse(beginning(letter.header));
    let subject = header.get("subject").map(|field| field.text());
    let (whom, now) = ([letter.to.clone()], clock::now());
    let recipients: Vec<RecipientReport<'_>> = if letter.recipients.is_empty() { &whom } else { letter.recipients }
        .iter()
        .map(|address| RecipientReport {
            address,
            original: None,
            action: Action::Failed,
            status: status(Action::Failed, letter.reply),
            said: None,
            found: Some(&letter.reply.text),
            last_attempt: Some(now),
            will_retry_until: None,
        })
        .collect();
    let id = MailId::new(now);
    let (message_id, seed) = (format!("{id}@{hostname}"), id.to_string());
    let is_ascii = header.bytes().is_ascii();
    let report = Report {
        reporting_mta: hostname,
        from: &from,
        to: letter.to,
        message_id: &message_id,
        at: now,
        seed: &seed,
        envelope_id: None,
        arrival: Some(letter.arrived),
        subject: subject.as_deref(),
        original_id: None,
        reader: Reader::Sender,
        recipients: &recipients,
        returned: Returned::Headers,
        body: if is_ascii { BodyType::SevenBit } else { BodyType::EightBitMime },
        smtputf8: false,
    };
    let never = Notify { success: false, failure: false, delay: false };
    let post = Post {
        reverse_path: ReversePath::Null,
        recipients: vec![Recipient { address: letter.to.clone(), notify: Some(never), original: None }],
        allowed: RelayAllowed::for_own_notice(),
        service: Service::Outbound,
        message: report.build().around(header.bytes()).into(),
        complete: false,
        require_tls: RequireTls::Unsaid,
        smtputf8: report.needs_smtputf8(),
    };
    match post::prepare(context, post).await {
        Ok((ready, _)) => Ok(Some(ready)),
        Err(PostError::Store(error)) => Err(error),
        Err(PostError::NoRecipients { refused }) if refused.iter().any(|(_, reply)| reply.is_transient()) => {
            Err(storage::Error::Unavailable("the sender cannot be looked up now".into()))
        }
        Err(_) => Ok(None),
    }
}

/// As much of a header as tells which letter it was: the notice has to be a small letter itself.
fn beginning(header: &[u8]) -> &[u8] {
    let part = header.get(..UNSENT_HEADER_OCTETS_MAX).unwrap_or(header);
    let is_cut = part.len() < header.len();
    let end = part.iter().rposition(|octet| *octet == b'\n').filter(|_| is_cut).map_or(part.len(), |end| end + 1);
    part.get(..end).unwrap_or(part)
}
