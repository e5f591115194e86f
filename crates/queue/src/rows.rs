//! Rows as structs, sealed on the way in and checked on the way out.

use envelope::{Address, BodyType, MailId, Notify, RequireTls, Return, ReversePath, Timestamp};
use storage::{BodyId, Error, Query, Row, Value};

use crate::limits::DUE_BUCKETS;
use crate::listed::Wish;
use crate::types::{Lane, Mail};

/// A row does not say what it should.
pub(crate) fn damaged(mail: MailId) -> Error {
    Error::Damaged(format!("a row of letter {mail} in the queue"))
}

pub(crate) fn mail_id(row: &Row, column: usize) -> Result<MailId, Error> {
    let bytes = row.blob(column)?.try_into().map_err(|_| Error::Damaged("a letter's id in the queue".into()))?;
    Ok(MailId::from_bytes(bytes))
}

/// Which part of the due index a letter stands in.
pub(crate) fn bucket(mail: MailId) -> i64 {
    let [.., last] = mail.to_bytes();
    i64::from(last) % DUE_BUCKETS
}

pub(crate) const MAIL: &str = "SELECT mail_id, body, octets, reverse_path, body_type, smtputf8, ret, envelope_id, \
                               accepted_at, seal, delivered_to, require_tls FROM queue_mail WHERE mail_id = $1";

/// What never changes, in the order of its seal.
pub(crate) fn mail_columns(mail: &Mail) -> [Value; 9] {
    [
        mail.id.to_bytes().into(),
        mail.body.into(),
        (mail.octets as i64).into(),
        mail.reverse_path.to_string().into(),
        body_type_number(mail.body_type).into(),
        i64::from(mail.smtputf8).into(),
        mail.ret.map(|ret| i64::from(ret == Return::Full)).into(),
        mail.envelope_id.clone().into(),
        mail.accepted_at.0.into(),
    ]
}

pub(crate) fn delivered_to(mail: &Mail) -> Value {
    mail.delivered_to.as_ref().map(Address::to_string).into()
}

pub(crate) fn require_tls_number(require_tls: RequireTls) -> i64 {
    match require_tls {
        RequireTls::Unsaid => 0,
        RequireTls::Demanded => 1,
        RequireTls::Waived => 2,
    }
}

fn require_tls(number: i64) -> Option<RequireTls> {
    [RequireTls::Unsaid, RequireTls::Demanded, RequireTls::Waived].into_iter().nth(usize::try_from(number).ok()?)
}

/// Over [`mail_columns`], and over who sent the letter on, and what was said of encryption, where there is something.
pub(crate) fn mail_seal(mail: &Mail) -> i64 {
    let more = mail.delivered_to.is_some().then(|| delivered_to(mail));
    let tls = (mail.require_tls != RequireTls::Unsaid).then(|| require_tls_number(mail.require_tls).into());
    let columns: Vec<Value> = mail_columns(mail).into_iter().chain(more).chain(tls).collect();
    storage::seal(&columns)
}

/// Reads a letter; `None` when it is gone.
pub(crate) fn read_mail(q: &dyn Query, id: MailId) -> Result<Option<Mail>, Error> {
    let Some(row) = q.query_one(MAIL, &[id.to_bytes().into()])? else { return Ok(None) };
    let reverse_path = match row.text(3)? {
        "" => ReversePath::Null,
        text => ReversePath::Address(Address::parse(text).map_err(|_| damaged(id))?),
    };
    let mail = Mail {
        id,
        body: BodyId(row.int(1)?),
        octets: row.int(2)? as u64,
        reverse_path,
        body_type: body_type(row.int(4)?).ok_or_else(|| damaged(id))?,
        smtputf8: row.int(5)? != 0,
        ret: row.maybe_int(6)?.map(|full| if full == 0 { Return::Headers } else { Return::Full }),
        envelope_id: row.maybe_text(7)?.map(str::to_owned),
        require_tls: require_tls(row.int(11)?).ok_or_else(|| damaged(id))?,
        accepted_at: Timestamp(row.int(8)?),
        delivered_to: match row.maybe_text(10)? {
            Some(text) => Some(Address::parse(text).map_err(|_| damaged(id))?),
            None => None,
        },
    };
    if mail_seal(&mail) != row.int(9)? {
        return Err(damaged(id));
    }
    Ok(Some(mail))
}

fn body_type_number(body_type: BodyType) -> i64 {
    match body_type {
        BodyType::SevenBit => 0,
        BodyType::EightBitMime => 1,
        BodyType::BinaryMime => 2,
    }
}

fn body_type(number: i64) -> Option<BodyType> {
    [BodyType::SevenBit, BodyType::EightBitMime, BodyType::BinaryMime].into_iter().nth(usize::try_from(number).ok()?)
}

/// What never changes of a recipient.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) mail: MailId,
    pub(crate) number: i64,
    pub(crate) address: Address,
    pub(crate) destination: String,
    pub(crate) notify: Option<Notify>,
    pub(crate) original: Option<String>,
}

/// In the order of its seal.
pub(crate) fn fixed_columns(fixed: &Fixed) -> [Value; 6] {
    [
        fixed.mail.to_bytes().into(),
        fixed.number.into(),
        fixed.address.to_string().into(),
        fixed.destination.as_str().into(),
        fixed.notify.map(notify_number).into(),
        fixed.original.clone().into(),
    ]
}

macro_rules! recipient_columns {
    () => {
        "mail_id, number, address, destination, notify, original, seal, fence, attempts, delay_told, held, claimed_by, \
         due_at, last_reply, lane, parked, hold_reason, wish"
    };
}
pub(crate) use recipient_columns;

/// A row of `queue_recipient`, as [`recipient_columns`] has it.
#[derive(Debug, Clone)]
pub(crate) struct RecipientRow {
    pub(crate) fixed: Fixed,
    pub(crate) fence: i64,
    pub(crate) attempts: u32,
    pub(crate) delay_told: bool,
    pub(crate) held: bool,
    pub(crate) claimed_by: Option<String>,
    pub(crate) due: Timestamp,
    pub(crate) last_reply: Option<String>,
    pub(crate) lane: Lane,
    /// The queue it is parked in.
    pub(crate) parked: Option<String>,
    pub(crate) hold_reason: Option<String>,
    pub(crate) wish: Option<Wish>,
}

impl RecipientRow {
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        let mail = mail_id(row, 0)?;
        let fixed = Fixed {
            mail,
            number: row.int(1)?,
            address: Address::parse(row.text(2)?).map_err(|_| damaged(mail))?,
            destination: row.text(3)?.to_owned(),
            notify: row.maybe_int(4)?.map(notify_from),
            original: row.maybe_text(5)?.map(str::to_owned),
        };
        if storage::seal(&fixed_columns(&fixed)) != row.int(6)? {
            return Err(damaged(mail));
        }
        Ok(Self {
            fixed,
            fence: row.int(7)?,
            attempts: u32::try_from(row.int(8)?).unwrap_or(u32::MAX),
            delay_told: row.int(9)? != 0,
            held: row.int(10)? != 0,
            claimed_by: row.maybe_text(11)?.map(str::to_owned),
            due: Timestamp(row.int(12)?),
            last_reply: row.maybe_text(13)?.map(str::to_owned),
            lane: Lane(row.int(14)?),
            parked: row.maybe_text(15)?.map(str::to_owned),
            hold_reason: row.maybe_text(16)?.map(str::to_owned),
            wish: wish_from(row.int(17)?),
        })
    }
}

fn notify_number(notify: Notify) -> i64 {
    i64::from(notify.success) | i64::from(notify.failure) << 1 | i64::from(notify.delay) << 2
}

fn notify_from(number: i64) -> Notify {
    Notify { success: number & 1 != 0, failure: number & 2 != 0, delay: number & 4 != 0 }
}

pub(crate) fn wish_number(wish: Option<Wish>) -> i64 {
    match wish {
        None => 0,
        Some(Wish::Hold) => 1,
        Some(Wish::Drop) => 2,
    }
}

/// What is unknown, a newer program has written: held, nothing is lost.
pub(crate) fn wish_from(number: i64) -> Option<Wish> {
    match number {
        0 => None,
        2 => Some(Wish::Drop),
        _ => Some(Wish::Hold),
    }
}
