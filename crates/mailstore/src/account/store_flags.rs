//! STORE.

use envelope::{AccountId, MailboxId};
use storage::Transaction;

use super::Account;
use super::append::{resolve, resolve_known};
use crate::feed::Hint;
use crate::flags::SEEN;
use crate::rows::{self, Booking};
use crate::{Entry, Error, FlagBits, Flags, Inner, StoreMode, Stored, UidSet, View};

impl Account {
    /// STORE. With `unchanged_since`, messages whose MODSEQ is higher are left alone (RFC 7162 section 3.1.3). What
    /// changes nothing writes nothing.
    pub async fn store_flags(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        mode: StoreMode,
        flags: &Flags,
        unchanged_since: Option<u64>,
    ) -> Result<Stored, Error> {
        let (account, uids, flags) = (self.id, uids.clone(), flags.clone());
        let order = Order { account, mailbox, uids, mode, flags, unchanged_since };
        let inner = self.inner.clone();
        let stored = self.write(move |tx| store(tx, &inner, &order)).await?;
        if !stored.changed.is_empty() {
            self.inner.views.stored(account, mailbox.0, &stored);
            self.tell(Hint::Mailbox(mailbox));
        }
        Ok(stored)
    }
}

struct Order {
    account: AccountId,
    mailbox: MailboxId,
    uids: UidSet,
    mode: StoreMode,
    flags: Flags,
    unchanged_since: Option<u64>,
}

/// What is to be done, worked out before anything is written.
#[derive(Default)]
struct Plan {
    changed: Vec<Entry>,
    modified: Vec<u32>,
    unseen: i64,
    /// Runs of UIDs that one statement over the bits does.
    runs: Vec<(u32, u32)>,
    /// Places in `changed` that need their keyword bitmap written.
    single: Vec<usize>,
}

fn store(tx: &dyn Transaction, inner: &Inner, order: &Order) -> Result<Stored, Error> {
    let row = rows::selectable(tx, order.account, order.mailbox)?;
    let mut keywords = rows::keywords(tx, order.account, row.id)?;
    let (mut by, missing) = resolve_known(&keywords, &order.flags);
    if missing && order.mode != StoreMode::Remove {
        // New keywords are numbered under the mailbox's row lock.
        rows::book(tx, order.account, row.id, Booking::default())?.ok_or(Error::NoMailbox)?;
        by = resolve(tx, order.account, row.id, &mut keywords, &order.flags)?;
    }
    // What is kept of this very moment needs no reading.
    let mut plan = match inner.views.current(order.account, &row) {
        Some(view) => plan_of(&view, order, &by),
        None => plan(tx, order, &by)?,
    };
    if plan.changed.is_empty() {
        let modified = plan.modified.into_iter().collect();
        return Ok(Stored { modseq: row.modseq as u64, changed: Vec::new(), modified, keywords });
    }
    let booking = Booking { unseen: plan.unseen, ..Booking::default() };
    let mut booked = rows::book(tx, order.account, row.id, booking)?.ok_or(Error::NoMailbox)?;
    if booked.modseq != row.modseq + 1 {
        // Somebody changed the mailbox before we had its lock (or we did, for a new keyword): plan again, under it.
        let planned = plan.unseen;
        plan = self::plan(tx, order, &by)?;
        let booking = Booking { unseen: plan.unseen - planned, ..Booking::default() };
        booked = rows::book(tx, order.account, row.id, booking)?.ok_or(Error::NoMailbox)?;
    }
    let modified: UidSet = std::mem::take(&mut plan.modified).into_iter().collect();
    write(tx, order, &by, &plan, booked.modseq)?;
    let mut changed = plan.changed;
    for entry in &mut changed {
        entry.modseq = booked.modseq as u64;
    }
    Ok(Stored { modseq: booked.modseq as u64, changed, modified, keywords })
}

fn plan(tx: &dyn Transaction, order: &Order, by: &FlagBits) -> Result<Plan, storage::Error> {
    const SQL: &str = "SELECT uid, modseq, flags, keywords FROM message \
                       WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid";
    let mut plan = Plan::default();
    for (first, last) in order.uids.ranges() {
        let key = [order.account.0.into(), order.mailbox.0.into(), i64::from(*first).into(), i64::from(*last).into()];
        // A run ends at a row that must be left alone or written alone, and at the end of the range.
        let mut running = false;
        tx.query_each(SQL, &key, &mut |row| {
            running = plan.take(rows::read_entry(row)?, order, by, running);
            Ok(true)
        })?;
    }
    Ok(plan)
}

fn plan_of(view: &View, order: &Order, by: &FlagBits) -> Plan {
    let mut plan = Plan::default();
    for (first, last) in order.uids.ranges() {
        let end = last.checked_add(1).map_or(view.entries.len(), |next| view.entries.before(next));
        let mut running = false;
        for entry in view.entries.range(view.entries.before(*first), end) {
            running = plan.take(entry, order, by, running);
        }
    }
    plan
}

impl Plan {
    /// Takes in one row; answers whether the run of UIDs may go on behind it.
    fn take(&mut self, old: Entry, order: &Order, by: &FlagBits, running: bool) -> bool {
        let uid = old.uid;
        if order.unchanged_since.is_some_and(|since| old.modseq > since) {
            self.modified.push(uid);
            return false;
        }
        let new = old.flags.apply(order.mode, by);
        let bitmap = old.flags.more.is_some() || new.more.is_some();
        if new == old.flags {
            return running && !bitmap;
        }
        self.unseen += i64::from(old.flags.has(SEEN)) - i64::from(new.has(SEEN));
        self.changed.push(Entry { uid, modseq: old.modseq, flags: new });
        if bitmap {
            self.single.push(self.changed.len() - 1);
            return false;
        }
        match self.runs.last_mut() {
            Some(run) if running => run.1 = uid,
            _ => self.runs.push((uid, uid)),
        }
        true
    }
}

fn write(tx: &dyn Transaction, order: &Order, by: &FlagBits, plan: &Plan, modseq: i64) -> Result<(), storage::Error> {
    const RUN: &str = "UPDATE message SET flags = (flags & $5) | $6, modseq = $7 \
                       WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 \
                       AND flags <> ((flags & $5) | $6)";
    const SINGLE: &str = "UPDATE message SET flags = $4, keywords = $5, modseq = $6 \
                          WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3";
    let (keep, set) = match order.mode {
        StoreMode::Replace => (0, by.to_column()),
        StoreMode::Add => (-1, by.to_column()),
        StoreMode::Remove => (!by.to_column(), 0),
    };
    for (first, last) in &plan.runs {
        let parameters = [
            order.account.0.into(),
            order.mailbox.0.into(),
            i64::from(*first).into(),
            i64::from(*last).into(),
            keep.into(),
            set.into(),
            modseq.into(),
        ];
        tx.execute(RUN, &parameters)?;
    }
    for entry in plan.single.iter().filter_map(|place| plan.changed.get(*place)) {
        let parameters = [
            order.account.0.into(),
            order.mailbox.0.into(),
            i64::from(entry.uid).into(),
            entry.flags.to_column().into(),
            entry.flags.more.as_deref().into(),
            modseq.into(),
        ];
        tx.execute(SINGLE, &parameters)?;
    }
    Ok(())
}
