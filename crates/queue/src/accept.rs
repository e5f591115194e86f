//! Taking a letter in, inside the transaction that accepts it.

use std::collections::BTreeMap;
use std::sync::Arc;

use envelope::Timestamp;
use storage::{Error, Transaction, Value};

use crate::prepare::{Begin, Place, Prepared};
use crate::rows::{self, Fixed, bucket};
use crate::site::{self, Standing};
use crate::types::{Claim, Lane, Mail, NewMail, NewRecipient};

/// See [`crate::Queue::accept_in`].
pub(crate) fn accept(tx: &dyn Transaction, new: &NewMail<'_>, prepared: &Prepared) -> Result<bool, Error> {
    if prepared.begins.len() != new.recipients.len() {
        return Err(Error::Bug("a letter has other recipients than it was prepared for".into()));
    }
    let mail = Arc::new(mail(new));
    if !insert_mail(tx, new, &mail)? {
        prepared.lease(leased_before(tx, &mail, new, prepared)?);
        return Ok(false);
    }
    let mut standings = BTreeMap::new();
    let mut leased = Vec::new();
    for ((number, recipient), begin) in (0..).zip(new.recipients).zip(&prepared.begins) {
        let fixed = fixed(new, number, recipient, &begin.destination);
        let birth = birth(tx, &mut standings, begin, prepared, new)?;
        insert(tx, &fixed, new, prepared.lane, &birth)?;
        if birth.fence > 0 {
            leased.push(claim(&mail, fixed, prepared.lane, Timestamp(birth.due_at)));
        }
    }
    prepared.lease(leased);
    Ok(true)
}

/// See [`crate::Queue::find_in`].
pub(crate) fn find(tx: &dyn Transaction, new: &NewMail<'_>, prepared: &Prepared) -> Result<(), Error> {
    prepared.lease(leased_before(tx, &Arc::new(mail(new)), new, prepared)?);
    Ok(())
}

/// See [`crate::Queue::accept_held_in`].
pub(crate) fn accept_held(tx: &dyn Transaction, new: &NewMail<'_>, reason: &str) -> Result<bool, Error> {
    if !insert_mail(tx, new, &mail(new))? {
        return Ok(false);
    }
    let birth = Birth { held: Some(reason.to_owned()), ..Birth::due(new.accepted_at.0) };
    for (number, recipient) in (0..).zip(new.recipients) {
        let destination = recipient.recipient.address.host().to_string();
        insert(tx, &fixed(new, number, recipient, &destination), new, Lane::of(new.reverse_path), &birth)?;
    }
    Ok(true)
}

fn mail(new: &NewMail<'_>) -> Mail {
    Mail {
        id: new.mail,
        body: new.body,
        octets: new.octets,
        reverse_path: new.reverse_path.clone(),
        body_type: new.body_type,
        smtputf8: new.smtputf8,
        ret: new.ret,
        envelope_id: new.envelope_id.map(str::to_owned),
        require_tls: new.require_tls,
        accepted_at: new.accepted_at,
        delivered_to: new.delivered_to.cloned(),
    }
}

/// False when it was there already: a repetition. The rows stand then, and hold the body that came with them.
fn insert_mail(tx: &dyn Transaction, new: &NewMail<'_>, mail: &Mail) -> Result<bool, Error> {
    const MAIL: &str = "INSERT INTO queue_mail (mail_id, body, octets, reverse_path, body_type, smtputf8, ret, \
                        envelope_id, accepted_at, seal, delivered_to, require_tls, recipients) \
                        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";
    let seal = rows::mail_seal(mail);
    let count = i64::try_from(new.recipients.len()).unwrap_or(i64::MAX);
    let rest = [seal.into(), rows::delivered_to(mail), rows::require_tls_number(mail.require_tls).into(), count.into()];
    let parameters: Vec<_> = rows::mail_columns(mail).into_iter().chain(rest).collect();
    if count == 0 || tx.execute(MAIL, &parameters)? == 0 {
        tx.drop_reference(new.body)?;
        return Ok(false);
    }
    Ok(true)
}

fn fixed(new: &NewMail<'_>, number: i64, recipient: &NewRecipient<'_>, destination: &str) -> Fixed {
    Fixed {
        mail: new.mail,
        number,
        destination: destination.to_owned(),
        address: recipient.recipient.address.clone(),
        notify: recipient.recipient.notify,
        original: recipient.recipient.original.clone(),
    }
}

fn claim(mail: &Arc<Mail>, fixed: Fixed, lane: Lane, leased_until: Timestamp) -> Claim {
    Claim {
        mail: mail.clone(),
        number: fixed.number,
        address: fixed.address,
        notify: fixed.notify,
        original: fixed.original,
        destination: fixed.destination,
        lane,
        attempts: 0,
        delay_told: false,
        asked: false,
        overdue: false,
        fence: 1,
        leased_until,
    }
}

/// What a row is born with.
#[derive(Debug, Clone, Default)]
struct Birth {
    due_at: i64,
    parked: Option<String>,
    wake_at: i64,
    claimed_by: Option<String>,
    fence: i64,
    held: Option<String>,
}

impl Birth {
    fn due(due_at: i64) -> Self {
        Self { due_at, ..Self::default() }
    }
}

fn birth(
    tx: &dyn Transaction,
    standings: &mut BTreeMap<(String, String), Standing>,
    begin: &Begin,
    prepared: &Prepared,
    new: &NewMail<'_>,
) -> Result<Birth, Error> {
    let now = prepared.now;
    if begin.held.is_some() {
        return Ok(Birth { held: begin.held.clone(), ..Birth::due(now.0) });
    }
    let Some((_, terms)) = prepared.desk.as_ref().filter(|_| begin.place != Place::Due) else {
        return Ok(Birth::due(now.0));
    };
    // The desk knows its own rests. Those of before it was started, of other nodes, and the operator's word stand here.
    let key = (begin.destination.clone(), begin.domain.clone());
    let standing = match standings.get(&key) {
        Some(standing) => standing,
        None => {
            let standing = site::standing(tx, &begin.destination, &begin.domain)?;
            standings.entry(key).or_insert(standing)
        }
    };
    let waits = standing.waits_in(&begin.destination, &begin.domain, now, false);
    if waits.is_none() && begin.place == Place::HandedOver {
        let (due_at, node) = (now.plus(terms.lease).0, prepared.node.to_string());
        return Ok(Birth { claimed_by: Some(node), fence: 1, ..Birth::due(due_at) });
    }
    let wake_at = terms.patience.wake(new.accepted_at, false, now).0;
    Ok(Birth { parked: Some(waits.unwrap_or_else(|| begin.destination.clone())), wake_at, ..Birth::due(now.0) })
}

fn insert(tx: &dyn Transaction, fixed: &Fixed, new: &NewMail<'_>, lane: Lane, birth: &Birth) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO queue_recipient (mail_id, number, address, destination, notify, original, seal, \
                       bucket, accepted_at, lane, due_at, parked, wake_at, claimed_by, fence, held, hold_reason, \
                       attempts, delay_told) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0, 0)";
    let columns = rows::fixed_columns(fixed);
    let rest: [Value; 11] = [
        storage::seal(&columns).into(),
        bucket(new.mail).into(),
        new.accepted_at.0.into(),
        lane.0.into(),
        birth.due_at.into(),
        birth.parked.clone().into(),
        birth.wake_at.into(),
        birth.claimed_by.clone().into(),
        birth.fence.into(),
        i64::from(birth.held.is_some()).into(),
        birth.held.clone().into(),
    ];
    let parameters: Vec<_> = columns.into_iter().chain(rest).collect();
    tx.execute(SQL, &parameters)?;
    Ok(())
}

/// The letter is there already: an earlier try was committed, and its answer lost. What that one has leased for the desk
/// nobody else can have touched, and is still the desk's.
fn leased_before(
    tx: &dyn Transaction,
    mail: &Arc<Mail>,
    new: &NewMail<'_>,
    prepared: &Prepared,
) -> Result<Vec<Claim>, Error> {
    const SQL: &str = "SELECT number, due_at FROM queue_recipient WHERE mail_id = $1 AND claimed_by = $2 AND fence = 1 \
                       AND due_at > $3 AND held = 0 AND wish = 0 ORDER BY number";
    if !prepared.begins.iter().any(|begin| begin.place == Place::HandedOver) {
        return Ok(Vec::new());
    }
    let parameters = [new.mail.to_bytes().into(), (&*prepared.node).into(), prepared.now.0.into()];
    let mut leased = Vec::new();
    for row in tx.query(SQL, &parameters)? {
        let number = row.int(0)?;
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        if let (Some(recipient), Some(begin)) = (new.recipients.get(place), prepared.begins.get(place))
            && begin.place == Place::HandedOver
        {
            let fixed = fixed(new, number, recipient, &begin.destination);
            leased.push(claim(mail, fixed, prepared.lane, Timestamp(row.int(1)?)));
        }
    }
    Ok(leased)
}
