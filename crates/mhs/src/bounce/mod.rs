//! Notices to senders (RFC 3461-3464): what failed, what is late, what arrived.
//!
//! A notice is a letter like any other and goes in through the same acceptance, with the null reverse-path; a letter
//! that has the null reverse-path itself is never answered (RFC 5321 section 6.1). [`Notice::send`] writes it in one
//! transaction with the rows that it is about, so that no sender is told twice, or not at all.

mod astray;
mod double;
mod give_back;
mod letter;
mod unsent;

use std::sync::Arc;

use directory::{Lookup, RelayAllowed, srs};
use envelope::{
    Address, BodyType, EnhancedStatus, MailId, Notify, Recipient, Reply, RequireTls, Return, ReversePath, Timestamp,
};
use journal::{Event, Service};
use mailstore::Placed;
use message::dsn::{self, Action, Reader, RecipientReport, Report, Returned};
use net::clock;
use queue::Mail;
use storage::Transaction;

use crate::Context;
use crate::acceptance::{self, Ready, circle_reply};
use crate::limits::{NOTICE_LETTER_OCTETS, NOTICE_LETTER_OCTETS_MAX};
use crate::msa::post::{self, Post, PostError};
use crate::mta::outbound::Said;

pub use self::double::DoubleBounce;
pub(crate) use self::double::prepare as prepare_double;
pub use self::give_back::{GivenBack, give_back};
use self::letter::Letter;
pub(crate) use self::letter::after_return_path;
pub use self::unsent::{Unsent, unsent};

/// One recipient, and what has become of the letter for him.
#[derive(Debug, Clone)]
pub struct Noticed<'a> {
    /// To whom.
    pub address: &'a Address,
    /// ORCPT=, as on the wire.
    pub original: Option<&'a str>,
    /// What has become of it.
    pub action: Action,
    /// The answer behind it, the peer's or ours.
    pub reply: &'a Reply,
    /// What another server said of it; none when the answer is our own finding.
    pub said: Option<&'a Said>,
    /// For a delay: until when it is tried.
    pub retried_until: Option<Timestamp>,
    /// When it was last tried.
    pub attempted_at: Timestamp,
}

/// A notice that is ready to be sent.
pub struct Notice {
    ready: Arc<Ready>,
    about: MailId,
    event: Event,
}

/// Writes a notice, all but its rows. Where nobody has the reverse-path, it is one to the
/// postmaster about what failed. `None` when nobody is to be told.
pub async fn prepare(
    context: &Context,
    about: &Mail,
    noticed: &[Noticed<'_>],
) -> Result<Option<Notice>, storage::Error> {
    if about.reverse_path == ReversePath::Null || noticed.is_empty() {
        return Ok(None);
    }
    let letter = letter::read(context, about, full_octets_max(about, noticed)).await?;
    prepare_with(context, about, noticed, &letter, Reader::Sender).await
}

/// The same with what is returned of the letter, and who reads it.
async fn prepare_with(
    context: &Context,
    about: &Mail,
    noticed: &[Noticed<'_>],
    letter: &Letter,
    reader: Reader<'_>,
) -> Result<Option<Notice>, storage::Error> {
    let (Some(to), Some(first)) = (about.reverse_path.address(), noticed.first()) else { return Ok(None) };
    let written = named(context, to).await;
    let Some(post) = write(context, about, [to, &written], noticed, letter, reader) else { return Ok(None) };
    let event = Event::Notified {
        to: about.reverse_path.clone(),
        kind: first.action.as_str().to_owned(),
        about: noticed.iter().map(|one| one.address.clone()).collect(),
    };
    let message = post.message.clone();
    match post::prepare(context, post).await {
        Ok((ready, _)) => Ok(Some(Notice { ready: Arc::new(ready), about: about.id, event })),
        Err(PostError::Store(error)) => Err(error),
        Err(PostError::NoRecipients { refused }) => {
            // Our own directory failing is no reason to be silent for ever.
            if refused.iter().any(|(_, reply)| reply.is_transient()) {
                return Err(storage::Error::Unavailable("the sender cannot be looked up now".into()));
            }
            let is_failure = noticed.iter().any(|one| one.action == Action::Failed);
            match refused.first() {
                Some((_, reply)) if is_failure && matches!(reader, Reader::Sender) => {
                    astray::prepare(context, about, to, reply, &message).await
                }
                _ => {
                    context.fault(None, Some(about.id), "notice", &format_args!("nobody has the reverse-path {to}"));
                    Ok(None)
                }
            }
        }
        Err(error) => {
            context.fault(None, Some(about.id), "notice", &error);
            Ok(None)
        }
    }
}

impl Notice {
    /// Writes it together with the rows that it is about, all or nothing.
    pub async fn send<F>(self, context: &Context, rows: F) -> Result<(), storage::Error>
    where
        F: FnMut(&dyn Transaction) -> Result<(), storage::Error> + Clone + Send + 'static,
    {
        let placed = acceptance::write_with(context, &self.ready, rows).await?;
        self.tell(context, &placed);
        Ok(())
    }

    /// Whether it goes to him.
    fn is_to(&self, path: &ReversePath) -> bool {
        matches!(&self.event, Event::Notified { to, .. } if to == path)
    }

    /// Writes its own rows, for a caller who has a transaction, and says [`Notice::tell`] after the commit.
    pub(crate) fn write_in(&self, tx: &dyn Transaction) -> Result<Vec<Option<Placed>>, storage::Error> {
        self.ready.write_in(tx)
    }

    /// Tells the journal and the readers.
    pub(crate) fn tell(&self, context: &Context, placed: &[Option<Placed>]) {
        context.record(None, Some(self.about), self.event.clone());
        self.ready.tell(context, placed);
    }
}

/// The notice about recipients for whom nothing is left of a letter that goes in circles. It is written with the letter's
/// own rows; what it returns comes from memory, since the body cannot be read before.
pub(crate) async fn circles(context: &Context, ready: &Ready) -> Result<Option<Notice>, storage::Error> {
    let letter = ready.letter();
    let wanted = letter.circled.iter().filter(|recipient| recipient.notify.is_none_or(|notify| notify.failure));
    let reply = circle_reply();
    let noticed: Vec<Noticed<'_>> =
        wanted.map(|to| own(&to.address, to.original.as_deref(), Action::Failed, &reply)).collect();
    prepare_with(context, &ready.about(), &noticed, &letter::of_header(&letter.circled_header), Reader::Sender).await
}

/// Tells the sender of recipients who have the letter, in their mailbox or as a group, and for whom he asked to be told
/// (NOTIFY=SUCCESS, RFC 3461 sections 5.2.3 and 5.2.7). The letter is ours already, whatever becomes of this.
pub(crate) async fn delivered(context: &Context, ready: &Ready) {
    let letter = ready.letter();
    let into = |action| letter.told.iter().filter(move |(_, told)| *told == action);
    let (reply, expanded) =
        (Reply::new(250, (2, 1, 5), "delivered"), Reply::new(250, (2, 1, 5), "delivered to several addresses"));
    let wanted = letter.local.iter().filter(|local| local.options.notify.is_some_and(|notify| notify.success));
    let mut delivered: Vec<Noticed<'_>> = wanted
        .map(|local| own(&local.recipient, local.options.original.as_deref(), Action::Delivered, &reply))
        .collect();
    let lists = into(Action::Delivered);
    delivered.extend(lists.map(|(to, action)| own(&to.address, to.original.as_deref(), *action, &reply)));
    let groups = into(Action::Expanded);
    let expanded: Vec<Noticed<'_>> =
        groups.map(|(to, action)| own(&to.address, to.original.as_deref(), *action, &expanded)).collect();
    for noticed in [delivered, expanded] {
        tell_success(context, &ready.about(), &noticed).await;
    }
}

async fn tell_success(context: &Context, about: &Mail, noticed: &[Noticed<'_>]) {
    let told = match prepare(context, about, noticed).await {
        Ok(Some(notice)) => notice.send(context, |_| Ok(())).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        context.fault(None, Some(about.id), "notice", &error);
    }
}

/// What we say ourselves, now.
fn own<'a>(address: &'a Address, original: Option<&'a str>, action: Action, reply: &'a Reply) -> Noticed<'a> {
    Noticed { address, original, action, reply, said: None, retried_until: None, attempted_at: clock::now() }
}

/// The reverse-path as its owner wrote it: of an address that we made for a foreign sender, the sender.
async fn named(context: &Context, to: &Address) -> Address {
    match srs::behind(to) {
        Some(behind) if matches!(context.directory.lookup(to).await, Ok(Lookup::Returning(_))) => behind,
        _ => to.clone(),
    }
}

/// The notice as a letter, to an address, with another one in its header. `None` when we have no name to write it under.
fn write(
    context: &Context,
    about: &Mail,
    [to, written]: [&Address; 2],
    noticed: &[Noticed<'_>],
    letter: &Letter,
    reader: Reader<'_>,
) -> Option<Post> {
    let hostname = &context.settings.hostname;
    let from = Address::parse(&format!("MAILER-DAEMON@{hostname}")).ok()?;
    let recipients: Vec<_> = noticed.iter().map(report).collect();
    let id = MailId::new(clock::now());
    let mark = if matches!(reader, Reader::Postmaster { .. }) { double::MARK } else { "" };
    let message_id = format!("{mark}{id}@{hostname}");
    let seed = id.to_string();
    let report = Report {
        reporting_mta: hostname,
        from: &from,
        to: written,
        message_id: &message_id,
        at: clock::now(),
        seed: &seed,
        envelope_id: about.envelope_id.as_deref(),
        arrival: Some(about.accepted_at),
        subject: letter.subject.as_deref(),
        original_id: letter.message_id.as_deref(),
        reader,
        recipients: &recipients,
        returned: letter.returned,
        body: letter.body_type(about),
        smtputf8: about.smtputf8,
    };
    let message = report.build().around(&letter.octets).into();
    // Nobody is told what became of a notice (RFC 3461 section 6.1).
    let never = Notify { success: false, failure: false, delay: false };
    Some(Post {
        reverse_path: ReversePath::Null,
        recipients: vec![Recipient { address: to.clone(), notify: Some(never), original: None }],
        allowed: RelayAllowed::for_own_notice(),
        service: Service::Outbound,
        message,
        complete: false,
        require_tls: match about.require_tls {
            RequireTls::Demanded => RequireTls::Demanded,
            RequireTls::Unsaid | RequireTls::Waived => RequireTls::Unsaid,
        },
        smtputf8: report.needs_smtputf8(),
    })
}

/// How long a letter is returned whole. RET is for failures only (RFC 3461 section 4.3); a binary letter could not travel
/// in a notice.
fn full_octets_max(about: &Mail, noticed: &[Noticed<'_>]) -> u64 {
    let failed = noticed.iter().any(|one| one.action == Action::Failed);
    match about.ret {
        _ if !failed || about.body_type == BodyType::BinaryMime => 0,
        Some(Return::Headers) => 0,
        // Its notice may come to nothing on a way that is not as safe; so it has little to give away.
        _ if about.require_tls == RequireTls::Demanded => 0,
        Some(Return::Full) => NOTICE_LETTER_OCTETS_MAX,
        None => NOTICE_LETTER_OCTETS,
    }
}

fn report<'a>(one: &Noticed<'a>) -> RecipientReport<'a> {
    let is_trouble = matches!(one.action, Action::Failed | Action::Delayed);
    // Where the answer is the peer's, its own words say it all.
    let is_ours = one.said.is_none_or(|said| said.reply != *one.reply);
    RecipientReport {
        address: one.address,
        original: one.original,
        action: one.action,
        status: status(one.action, one.reply),
        said: one.said.map(|said| dsn::Said { host: &said.host, reply: &said.reply }),
        found: (is_trouble && is_ours).then_some(&one.reply.text),
        last_attempt: Some(one.attempted_at),
        will_retry_until: one.retried_until,
    }
}

/// The code goes with the action (RFC 3464 section 2.3.4), whatever the peer wrote.
fn status(action: Action, reply: &Reply) -> EnhancedStatus {
    let class = match action {
        Action::Failed => 5,
        Action::Delayed => 4,
        Action::Delivered | Action::Relayed | Action::Expanded => 2,
    };
    match reply.enhanced {
        Some(status) => EnhancedStatus { class, ..status },
        None => EnhancedStatus::new(class, 0, 0),
    }
}

impl Letter {
    fn body_type(&self, about: &Mail) -> BodyType {
        match self.returned {
            Returned::Full => about.body_type,
            _ if self.octets.is_ascii() => BodyType::SevenBit,
            _ => BodyType::EightBitMime,
        }
    }
}
