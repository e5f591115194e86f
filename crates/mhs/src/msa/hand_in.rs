//! Letters that users of this machine hand in, without a connection: `angelia send`, by the drop box or straight.
//!
//! Who may call himself what has been decided by the caller, who knows the machine's users; here the letter becomes one
//! of ours: Received names the user, what the header lacks is added, what is not the writer's to say is left out, line
//! ends are made right. The body passes as a stream, whatever its size.

use std::sync::Arc;

use directory::RelayAllowed;
use envelope::{Address, BodyType, ForwardPath, MailId, Recipient, Reply, Return, ReversePath, Timestamp};
use journal::Service;
use mailstore::Placed;
use message::address::{Entry, Mailbox};
use message::build::FieldWriter;
use message::header::Header;
use message::trace;
use protocol::smtp::encode::Normalizer;
use storage::{Stage, Transaction};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::post::PostError;
use super::{complete, strip};
use crate::acceptance::{Letter, Ready};
use crate::limits::{HEADER_OCTETS_MAX, HOPS_MAX, JOURNAL_TEXT_MAX};
use crate::recipients::{self, Asking, Options, Remote, Ways};
use crate::require_tls;
use crate::{Context, bounce};

/// Octets of the body that are in memory at once.
const PIECE_OCTETS: usize = 64 * 1024;

/// A user of this machine, as the system knows him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalUser {
    /// The number, which nobody can forge.
    pub uid: u32,
    /// The name; `uid1234` where the number has none.
    pub login: String,
    /// The address that he writes under where he does not say.
    pub address: Address,
}

/// A letter and its envelope, all but the body.
#[derive(Debug, Clone)]
pub struct HandIn {
    /// Its name here, which makes accepting it idempotent.
    pub mail: MailId,
    /// Whose it is.
    pub user: LocalUser,
    /// The envelope's sender, which the user may use.
    pub reverse_path: ReversePath,
    /// To whom.
    pub recipients: Vec<Recipient>,
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID=, in xtext.
    pub envelope_id: Option<String>,
    /// The header, with the empty line at its end. Line ends are made right.
    pub header: Vec<u8>,
    /// The name for From, where the letter has none.
    pub name: Option<String>,
    /// Write this address into Sender, since From is not the user's (RFC 5322 section 3.6.2).
    pub sender: Option<Address>,
    /// Now.
    pub at: Timestamp,
    /// Nobody waits for an answer: recipients that do not exist go into the queue, whose next attempt tells the sender.
    pub bounce_refused: bool,
    /// The same for some of them, once somebody gets the letter; while nobody does, the answer says so.
    pub bounce_some: bool,
}

/// A letter that is on disk, but for its rows.
pub struct Prepared {
    /// For [`accept_once`].
    pub ready: Ready,
    /// Recipients that do not exist and that nobody else will tell of.
    pub refused: Vec<(Address, Reply)>,
    /// Those that do not exist and of which the sender is told by the queue ([`HandIn::bounce_some`]).
    pub bounced: Vec<(Address, Reply)>,
}

/// Does all but the rows.
///
/// # Errors
/// What is wrong with the letter ([`PostError::NoRecipients`], [`PostError::TooLong`], [`PostError::Loop`]), or the store.
/// A body that cannot be read is [`storage::Error::Unavailable`]: to be tried again.
pub async fn prepare(
    context: &Context,
    hand_in: HandIn,
    body: &mut (dyn AsyncRead + Unpin + Send),
) -> Result<Prepared, PostError> {
    let mut letter = Letter::new(Service::Local, None, hand_in.reverse_path.clone(), hand_in.at);
    (letter.id, letter.ret, letter.envelope_id) = (hand_in.mail, hand_in.ret, hand_in.envelope_id.clone());
    let named = hand_in.recipients.iter().any(|one| one.address.needs_smtputf8());
    letter.smtputf8 = named || !hand_in.header.is_ascii();
    let (refused, bounced) = add_recipients(context, &mut letter, &hand_in).await?;
    if letter.has_no_recipients() {
        return Err(PostError::NoRecipients { refused });
    }
    let header = header(context, &mut letter, &hand_in)?;
    let octets_max = context.settings.message_octets_max;
    let mut stage = context.store.stage_from_outside();
    let is_ascii = header.is_ascii();
    stage.append(header.into()).await?;
    let is_ascii = is_ascii & append_body(&mut stage, body, octets_max).await?;
    letter.body = if is_ascii { BodyType::SevenBit } else { BodyType::EightBitMime };
    Ok(Prepared { ready: letter.ready(context, stage).await?, refused, bounced })
}

/// Recipients with what is said about them.
type Answers = Vec<(Address, Reply)>;

/// Answers who is refused, and who is in the queue for no other end than to bounce.
async fn add_recipients(
    context: &Context,
    letter: &mut Letter,
    hand_in: &HandIn,
) -> Result<(Answers, Answers), PostError> {
    let allowed = RelayAllowed::for_operator();
    let to_bounce = |recipient: &Recipient| {
        let remote = vec![Remote { recipient: recipient.clone(), allowed, onward: None }];
        (recipient.clone(), Ways { remote, ..Ways::default() })
    };
    let (mut refused, mut unknown, mut bounced) = (Vec::new(), Vec::new(), Vec::new());
    for recipient in &hand_in.recipients {
        let options = Options { notify: recipient.notify, original: recipient.original.clone() };
        let path = ForwardPath::Address(recipient.address.clone());
        let asking = Asking { sender: &hand_in.reverse_path, relay: Some(allowed), local: None, local_only: false };
        let (recipient, ways) = match recipients::resolve(context, &path, options, asking).await {
            Ok(found) => found,
            // Ours: the whole letter waits.
            Err(recipients::Refusal::Directory(error)) if hand_in.bounce_refused => {
                return Err(storage::Error::Unavailable(error.to_string()).into());
            }
            Err(_) if hand_in.bounce_refused => to_bounce(recipient),
            Err(refusal) => {
                unknown.push((recipient, refusal.reply()));
                continue;
            }
        };
        if !letter.add(&recipient, ways) {
            refused.push((recipient.address, Reply::new(452, (4, 5, 3), "too many recipients")));
        }
    }
    let does_bounce = hand_in.bounce_some && !letter.has_no_recipients();
    for (recipient, reply) in unknown {
        let (queued, ways) = to_bounce(recipient);
        let list = if does_bounce && letter.add(&queued, ways) { &mut bounced } else { &mut refused };
        list.push((recipient.address.clone(), reply));
    }
    Ok((refused, bounced))
}

/// The whole header: what is ours in front, then what the letter had and keeps.
fn header(context: &Context, letter: &mut Letter, hand_in: &HandIn) -> Result<Vec<u8>, PostError> {
    if hand_in.header.len() > HEADER_OCTETS_MAX {
        let (octets, octets_max) = (hand_in.header.len() as u64, HEADER_OCTETS_MAX as u64);
        return Err(PostError::TooLong { octets, octets_max });
    }
    let given = Header::parse(&hand_in.header);
    if trace::hops(&given) > HOPS_MAX {
        return Err(PostError::Loop);
    }
    letter.require_tls = require_tls::wish(letter.require_tls, &given);
    letter.break_circles(&given);
    if letter.has_no_recipients() {
        return Err(PostError::Loop);
    }
    let (user, hostname) = (&hand_in.user, &context.settings.hostname);
    let mut fields = FieldWriter::new();
    if given.get("from").is_none() {
        let address = hand_in.reverse_path.address().unwrap_or(&user.address);
        fields.addresses("From", &[Entry::Mailbox(Mailbox::named(hand_in.name.as_deref(), address))]);
    }
    if let Some(sender) = &hand_in.sender {
        fields.addresses("Sender", &[Entry::Mailbox(Mailbox::named(None, sender))]);
    }
    let kept = hand_in.sender.as_ref().and_then(|_| strip::sender_fields(&hand_in.header));
    let mut own = fields.into_string().into_bytes();
    let mut normalizer = Normalizer::default();
    normalizer.encode(kept.as_deref().unwrap_or(&hand_in.header), &mut own);
    normalizer.finish(&mut own);
    let own = strip::hidden_fields(&own).unwrap_or(own);
    let given = Header::parse(&own);
    let id = given.get("message-id").map(|field| field.text()).unwrap_or_default();
    letter.message_id = id.trim().chars().take(JOURNAL_TEXT_MAX).collect();
    let mut whole = letter.return_path();
    let id = letter.id.to_string();
    whole.push_str(&trace::local_received_field(&user.login, user.uid, hostname, &id, letter.arrived));
    whole.push_str(&complete::missing_fields(letter, &given, None, hostname));
    let mut whole = whole.into_bytes();
    whole.extend_from_slice(&own);
    Ok(whole)
}

/// Answers whether all of it is ASCII.
async fn append_body(
    stage: &mut Stage,
    body: &mut (dyn AsyncRead + Unpin + Send),
    octets_max: u64,
) -> Result<bool, PostError> {
    let (mut normalizer, mut is_ascii) = (Normalizer::default(), true);
    loop {
        let mut piece = vec![0; PIECE_OCTETS];
        let read = body.read(&mut piece).await;
        let count = read.map_err(|error| storage::Error::Unavailable(format!("reading the letter: {error}")))?;
        piece.truncate(count);
        let mut normal = Vec::with_capacity(count + count / 32 + 2);
        normalizer.encode(&piece, &mut normal);
        if count == 0 {
            normalizer.finish(&mut normal);
        }
        is_ascii &= normal.is_ascii();
        stage.append(normal.into()).await?;
        let octets = stage.len();
        if octets > octets_max {
            return Err(PostError::TooLong { octets, octets_max });
        }
        if count == 0 {
            return Ok(is_ascii);
        }
    }
}

/// Writes the rows of a letter, if `first` says so in the same transaction: it remembers that the letter has been taken,
/// and says false when it had been. Then this answers false, and nothing is written.
pub async fn accept_once<F>(context: &Context, ready: impl Into<Arc<Ready>>, first: F) -> Result<bool, storage::Error>
where
    F: FnMut(&dyn Transaction) -> Result<bool, storage::Error> + Clone + Send + 'static,
{
    let ready = ready.into();
    let write = || {
        let (ready, mut first) = (Arc::clone(&ready), first.clone());
        context.store.write(move |tx| if first(tx)? { ready.write_in(tx).map(Some) } else { Ok(None) })
    };
    let placed = match write().await {
        Err(storage::Error::OutcomeUnknown(_)) => again(context, &ready, first).await?,
        other => other?.0,
    };
    let Some(placed) = placed else { return Ok(false) };
    ready.tell(context, &placed);
    bounce::delivered(context, &ready).await;
    Ok(true)
}

/// The same once more, when the answer to the first try was lost. `first` says false of what that one took, too: it is
/// told from what had been taken before by its body, which is there then.
async fn again<F>(context: &Context, ready: &Arc<Ready>, mut first: F) -> Result<Placements, storage::Error>
where
    F: FnMut(&dyn Transaction) -> Result<bool, storage::Error> + Send + 'static,
{
    let ready = Arc::clone(ready);
    let write = context.store.write(move |tx| {
        let is_first = first(tx)?;
        match ready.write_or_find(tx)? {
            (_, true) if !is_first => Err(storage::Error::Refused("it had been taken before".into())),
            (placed, _) => Ok(placed),
        }
    });
    match write.await {
        Ok((placed, _)) => Ok(Some(placed)),
        Err(storage::Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a letter has come to stand, if it was taken.
type Placements = Option<Vec<Option<Placed>>>;
