//! Taking a letter in, inside the transaction that accepts it.

use storage::{Error, Transaction};

use crate::rows::{self, Fixed, bucket};
use crate::types::{Mail, NewMail};

/// See [`crate::Queue::accept_in`].
pub(crate) fn accept(tx: &dyn Transaction, new: &NewMail<'_>) -> Result<bool, Error> {
    const MAIL: &str = "INSERT INTO queue_mail (mail_id, body, octets, reverse_path, body_type, smtputf8, ret, \
                        envelope_id, accepted_at, seal, delivered_to, recipients) \
                        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
    let mail = Mail {
        id: new.mail,
        body: new.body,
        octets: new.octets,
        reverse_path: new.reverse_path.clone(),
        body_type: new.body_type,
        smtputf8: new.smtputf8,
        ret: new.ret,
        envelope_id: new.envelope_id.map(str::to_owned),
        accepted_at: new.accepted_at,
        delivered_to: new.delivered_to.cloned(),
    };
    let seal = rows::mail_seal(&mail);
    let count = i64::try_from(new.recipients.len()).unwrap_or(i64::MAX);
    let parameters: Vec<_> =
        rows::mail_columns(&mail).into_iter().chain([seal.into(), rows::delivered_to(&mail), count.into()]).collect();
    if count == 0 || tx.execute(MAIL, &parameters)? == 0 {
        // A repetition: the rows stand, and hold the body that came with them.
        tx.drop_reference(new.body)?;
        return Ok(false);
    }
    for (number, recipient) in (0..).zip(new.recipients) {
        let address = recipient.recipient.address.clone();
        let fixed = Fixed {
            mail: new.mail,
            number,
            destination: address.host().to_string(),
            address,
            notify: recipient.recipient.notify,
            original: recipient.recipient.original.clone(),
        };
        insert(tx, &fixed, new)?;
    }
    Ok(true)
}

fn insert(tx: &dyn Transaction, fixed: &Fixed, new: &NewMail<'_>) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO queue_recipient (mail_id, number, address, destination, notify, original, seal, \
                       bucket, due_at, held, fence, attempts, delay_told) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0)";
    let columns = rows::fixed_columns(fixed);
    let seal = storage::seal(&columns);
    let rest = [seal.into(), bucket(new.mail).into(), new.accepted_at.0.into()];
    let parameters: Vec<_> = columns.into_iter().chain(rest).collect();
    tx.execute(SQL, &parameters)?;
    Ok(())
}
