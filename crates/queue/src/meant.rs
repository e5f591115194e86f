//! Which rows an operator means, and what he is told of each.

use std::collections::BTreeMap;

use directory::srs;
use envelope::{Address, MailId, ReversePath, Timestamp};
use storage::{Error, Query};

use crate::limits::OPERATOR_BATCH;
use crate::listed::{Filter, Listed, Next, Wish};
use crate::rows::{self, RecipientRow, recipient_columns};
use crate::site::{self, Standing};
use crate::types::Mail;

/// A place in the walk over all rows, letter after letter: behind this recipient of this letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(MailId, i64);

impl Place {
    /// Before everything.
    pub fn start() -> Self {
        Self(MailId::from_bytes([0; 16]), -1)
    }
}

/// One page of rows behind `after`, those that are meant, and where the next page begins, if there is one.
pub(crate) fn page(
    q: &dyn Query,
    filter: &Filter,
    now: Timestamp,
    after: Place,
) -> Result<(Vec<Listed>, Option<Place>), Error> {
    let (rows, next) = rows_behind(q, filter, after)?;
    let mut listed: Vec<Listed> = Vec::new();
    let mut standings = BTreeMap::new();
    for row in rows.into_iter().filter(|row| filter.means_row(row)) {
        let known = listed.last().map(|listed| &listed.mail).filter(|mail| mail.id == row.fixed.mail).cloned();
        let mail = match known {
            Some(mail) => mail,
            None => match rows::read_mail(q, row.fixed.mail) {
                Ok(Some(mail)) => mail,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(%error, "a damaged row in the queue");
                    continue;
                }
            },
        };
        if !filter.means_mail(&mail) {
            continue;
        }
        let standing = standing(q, &mut standings, &row)?;
        if filter.means_standing(standing, now) {
            let mut line = line(mail, row, standing, now);
            // Four thousand octets a row: for who asks about one letter.
            line.dialogue = if filter.mail.is_some() { dialogue(q, &line)? } else { None };
            listed.push(line);
        }
    }
    Ok((listed, next))
}

fn rows_behind(q: &dyn Query, filter: &Filter, after: Place) -> Result<(Vec<RecipientRow>, Option<Place>), Error> {
    const ALL: &str = concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM queue_recipient WHERE (mail_id, number) > ($1, $2) ORDER BY mail_id, number LIMIT $3"
    );
    const ONE: &str = concat!(
        "SELECT ",
        recipient_columns!(),
        " FROM queue_recipient WHERE mail_id = $1 AND number > $2 ORDER BY number LIMIT $3"
    );
    let (sql, from) = match filter.mail {
        Some(mail) => (ONE, mail),
        None => (ALL, after.0),
    };
    let parameters = [from.to_bytes().into(), after.1.into(), (OPERATOR_BATCH as i64).into()];
    let mut rows = Vec::new();
    let mut last = None;
    let mut count = 0;
    q.query_each(sql, &parameters, &mut |row| {
        count += 1;
        last = Some(Place(rows::mail_id(row, 0)?, row.int(1)?));
        match RecipientRow::read(row) {
            Ok(row) => rows.push(row),
            Err(error) => tracing::error!(%error, "a damaged row in the queue"),
        }
        Ok(true)
    })?;
    Ok((rows, last.filter(|_| count == OPERATOR_BATCH)))
}

fn dialogue(q: &dyn Query, line: &Listed) -> Result<Option<String>, Error> {
    const SQL: &str = "SELECT dialogue FROM queue_recipient WHERE mail_id = $1 AND number = $2";
    let row = q.query_one(SQL, &[line.mail.id.to_bytes().into(), line.number.into()])?;
    row.map_or(Ok(None), |row| Ok(row.maybe_text(0)?.map(str::to_owned)))
}

fn standing<'a>(
    q: &dyn Query,
    known: &'a mut BTreeMap<(String, String), Standing>,
    row: &RecipientRow,
) -> Result<&'a Standing, Error> {
    use std::collections::btree_map::Entry;
    let (destination, domain) = (&row.fixed.destination, row.fixed.address.host().to_string());
    Ok(match known.entry((destination.clone(), domain.clone())) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => place.insert(site::standing(q, destination, &domain)?),
    })
}

impl Filter {
    fn means_row(&self, row: &RecipientRow) -> bool {
        let (address, destination) = (&row.fixed.address, &row.fixed.destination);
        self.mail.is_none_or(|mail| mail == row.fixed.mail)
            && is(self.domain.as_ref(), || address.host().to_string())
            && is(self.destination.as_ref(), || destination.clone())
            && is(self.recipient.as_ref(), || address.to_string())
            && self.held.is_none_or(|held| held == (row.held || row.wish == Some(Wish::Hold)))
            && self.reason.as_ref().is_none_or(|wanted| {
                [&row.last_reply, &row.hold_reason].into_iter().flatten().any(|text| contains(text, wanted))
            })
    }

    fn means_mail(&self, mail: &Mail) -> bool {
        self.sender.as_ref().is_none_or(|sender| is_sender(sender, &mail.reverse_path))
            && self.accepted_before.is_none_or(|before| mail.accepted_at < before)
            && self.accepted_after.is_none_or(|after| mail.accepted_at >= after)
            && self.octets_min.is_none_or(|octets| mail.octets >= octets)
    }

    fn means_standing(&self, standing: &Standing, now: Timestamp) -> bool {
        let rests = standing.rest.as_ref().is_some_and(|rest| rest.holds(now));
        let suspended = standing.suspended.is_some() || standing.domain_suspended.is_some();
        self.resting.is_none_or(|wanted| wanted == rests) && self.suspended.is_none_or(|wanted| wanted == suspended)
    }
}

fn is(wanted: Option<&String>, found: impl FnOnce() -> String) -> bool {
    wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&found()))
}

fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(&wanted.to_lowercase())
}

/// The sender as the next hop hears him, or who is behind him where the letter was forwarded.
fn is_sender(wanted: &str, found: &ReversePath) -> bool {
    let is = |from: &Address| match wanted.strip_prefix('@') {
        Some(domain) => domain.eq_ignore_ascii_case(&from.host().to_string()),
        None => wanted.eq_ignore_ascii_case(&from.to_string()),
    };
    match found.address() {
        Some(from) => is(from) || srs::behind(from).is_some_and(|behind| is(&behind)),
        None => wanted.is_empty(),
    }
}

fn line(mail: Mail, row: RecipientRow, standing: &Standing, now: Timestamp) -> Listed {
    Listed {
        mail,
        number: row.fixed.number,
        next: next(&row, standing, now),
        address: row.fixed.address,
        destination: row.fixed.destination,
        held: row.held,
        claimed_by: row.claimed_by,
        wish: row.wish,
        hold_reason: row.hold_reason,
        attempts: row.attempts,
        due: row.due,
        last_reply: row.last_reply,
        dialogue: None,
        delay_told: row.delay_told,
        notify: row.fixed.notify,
        original: row.fixed.original,
        fence: row.fence,
    }
}

fn next(row: &RecipientRow, standing: &Standing, now: Timestamp) -> Next {
    if row.held {
        return Next::Held { reason: row.hold_reason.clone() };
    }
    if row.claimed_by.is_some() && now < row.due {
        return Next::Active { until: row.due };
    }
    if let Some(suspension) = standing.domain_suspended.as_ref().or(standing.suspended.as_ref()) {
        return Next::Suspended(suspension.clone());
    }
    match &standing.rest {
        // A letter whose own patience is longer than the rest waits for that.
        Some(rest) if rest.holds(now) && (row.parked.is_some() || row.due <= rest.until) => {
            Next::Resting { until: rest.until, failures: rest.failures }
        }
        _ if row.parked.is_some() => Next::Turn,
        _ => Next::Due { at: row.due },
    }
}
