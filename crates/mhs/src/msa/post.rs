//! Letters that are submitted without a connection: by a command on this machine, and by ourselves.
//!
//! They take the same way as all others, [`crate::acceptance`]; what stands in place of the sign-in is the
//! [`RelayAllowed`] that the caller has.

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{ForwardPath, Recipient, Reply, RequireTls, ReversePath};
use journal::Service;
use message::header::Header;
use message::trace::{self, Received, With};
use net::clock;
use protocol::smtp::encode::Normalizer;

use super::{complete, strip};
use crate::Context;
use crate::acceptance::{self, Accepted, Letter, Ready};
use crate::recipients::{self, Asking, Options};
use crate::require_tls;

/// A letter and its envelope.
#[derive(Debug, Clone)]
pub struct Post {
    /// From whom; null for a notice of ours.
    pub reverse_path: ReversePath,
    /// To whom.
    pub recipients: Vec<Recipient>,
    /// Why it may go anywhere.
    pub allowed: RelayAllowed,
    /// [`Service::Local`] for a command, [`Service::Outbound`] for a notice.
    pub service: Service,
    /// Header and body. Line ends are made right.
    pub message: Bytes,
    /// Add Received and what the header lacks, leave out Bcc, mind the limit of a letter. A notice of ours is whole as it
    /// is, and as long.
    pub complete: bool,
    /// REQUIRETLS: a notice about a letter that travelled under it does so too (RFC 8689 section 5).
    pub require_tls: RequireTls,
    /// SMTPUTF8 is needed: an address or the header is not ASCII.
    pub smtputf8: bool,
}

/// Why a letter is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The sender's: no recipient is left.
    #[error("nobody can get it: {}", refused.iter().map(|(to, why)| format!("{to}: {why}")).collect::<Vec<_>>().join("; "))]
    NoRecipients {
        /// Each with what is wrong about it.
        refused: Vec<(envelope::Address, Reply)>,
    },
    /// The sender's: over the limit. A notice of ours never is.
    #[error("the letter has {octets} octets, {octets_max} are allowed")]
    TooLong {
        /// Its size.
        octets: u64,
        /// The limit.
        octets_max: u64,
    },
    /// The sender's, or a loop's: too many Received fields.
    #[error("the letter goes in circles")]
    Loop,
    /// Ours.
    #[error(transparent)]
    Store(#[from] storage::Error),
}

/// A letter that was taken.
#[derive(Debug)]
pub struct Posted {
    /// The proof, and the letter's name.
    pub accepted: Accepted,
    /// Recipients that do not exist; the others get it.
    pub refused: Vec<(envelope::Address, Reply)>,
}

/// Takes responsibility for a letter.
pub async fn post(context: &Context, post: Post) -> Result<Posted, PostError> {
    let (ready, refused) = prepare(context, post).await?;
    let accepted = acceptance::accept(context, ready).await?;
    Ok(Posted { accepted, refused })
}

/// Does all but the rows, for a caller who writes them in a transaction of his own by [`Ready::write_in`] and then calls
/// [`Ready::tell`].
pub async fn prepare(context: &Context, post: Post) -> Result<(Ready, Vec<(envelope::Address, Reply)>), PostError> {
    let octets_max = context.settings.message_octets_max;
    let octets = post.message.len() as u64;
    // A notice has limits of its own, and is longer than the letter that it returns: for want of room in it nobody goes
    // without a word.
    if post.complete && octets > octets_max {
        return Err(PostError::TooLong { octets, octets_max });
    }
    let mut letter = Letter::new(post.service, None, post.reverse_path.clone(), clock::now());
    letter.smtputf8 = post.smtputf8;
    letter.require_tls = post.require_tls;
    letter.body = body_type(&post.message);
    let refused = add_recipients(context, &mut letter, &post).await;
    if letter.has_no_recipients() {
        return Err(PostError::NoRecipients { refused });
    }
    let mut message = normal(post.message.clone());
    let prefix = prefix(context, &mut letter, &post, &message)?;
    let mut stage = context.store.stage();
    stage.append(prefix.into()).await?;
    if post.complete
        && let Some((header, text)) = strip::hidden_fields_of(&message)
    {
        stage.append(header.into()).await?;
        message = message.slice(text..);
    }
    stage.append(message).await?;
    Ok((letter.ready(context, stage).await?, refused))
}

async fn add_recipients(context: &Context, letter: &mut Letter, post: &Post) -> Vec<(envelope::Address, Reply)> {
    let mut refused = Vec::new();
    for recipient in &post.recipients {
        let asking = Asking { sender: &post.reverse_path, relay: Some(post.allowed), local: None, local_only: false };
        let options = Options { notify: recipient.notify, original: recipient.original.clone() };
        let path = ForwardPath::Address(recipient.address.clone());
        match recipients::resolve(context, &path, options, asking).await {
            Ok((recipient, ways)) => {
                if !letter.add(&recipient, ways) {
                    refused.push((recipient.address, Reply::new(452, (4, 5, 3), "too many recipients")));
                }
            }
            Err(refusal) => {
                if let recipients::Refusal::Directory(error) = &refusal {
                    context.fault(None, Some(letter.id), "directory", error);
                }
                refused.push((recipient.address.clone(), refusal.reply()));
            }
        }
    }
    refused
}

fn body_type(message: &[u8]) -> envelope::BodyType {
    if message.is_ascii() { envelope::BodyType::SevenBit } else { envelope::BodyType::EightBitMime }
}

/// Every line ends with CRLF.
fn normal(message: Bytes) -> Bytes {
    let mut normalizer = Normalizer::default();
    if normalizer.would_keep(&message) {
        return message;
    }
    let mut out = Vec::with_capacity(message.len() + message.len() / 32);
    normalizer.encode(&message, &mut out);
    normalizer.finish(&mut out);
    out.into()
}

/// What goes in front.
fn prefix(context: &Context, letter: &mut Letter, post: &Post, message: &[u8]) -> Result<String, PostError> {
    let header = Header::parse(message);
    if trace::hops(&header) > crate::limits::HOPS_MAX {
        return Err(PostError::Loop);
    }
    letter.break_circles(&header);
    if letter.has_no_recipients() {
        return Err(PostError::Loop);
    }
    let field = header.get("message-id").map(|field| field.text()).unwrap_or_default();
    letter.message_id = field.trim().chars().take(crate::limits::JOURNAL_TEXT_MAX).collect();
    letter.require_tls = require_tls::wish(letter.require_tls, &header);
    let mut prefix = letter.return_path();
    if post.complete {
        prefix.push_str(&received(context, letter));
        prefix.push_str(&complete::missing_fields(letter, &header, None, &context.settings.hostname));
    }
    Ok(prefix)
}

fn received(context: &Context, letter: &Letter) -> String {
    Received {
        helo: "localhost",
        peer: None,
        peer_name: None,
        by: &context.settings.hostname,
        with: With { smtputf8: letter.smtputf8, extended: true, ..With::default() },
        tls: None,
        id: &letter.id.to_string(),
        recipient: None,
        at: letter.arrived,
    }
    .field()
}
