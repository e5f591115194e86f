//! LIST, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.

use envelope::{AccountId, MailboxId, Timestamp};
use storage::Transaction;

use super::{Account, purge, transfer};
use crate::feed::Hint;
use crate::name::{self, INBOX, canonical, is_below, parents};
use crate::rows::{self, INBOX_ID, MailboxRow};
use crate::{Error, Mailbox, Role, UidSet};

impl Account {
    /// All mailboxes, INBOX and what stands below it first, then in the order of their names, children behind their parents.
    pub async fn list(&self) -> Result<Vec<Mailbox>, Error> {
        let account = self.id;
        let found = self.inner.store.read(move |q| Ok((rows::all(q, account)?, subscriptions(q, account)?)));
        let (rows, mut subscribed) = found.await?;
        subscribed.sort_unstable();
        let mut list: Vec<Mailbox> = rows.into_iter().map(|row| line(row, &subscribed)).collect();
        // No name holds a control character, so children stand right behind their parents.
        let of_inbox = |name: &str| name == INBOX || is_below(name, INBOX);
        list.sort_by_cached_key(|mailbox| (!of_inbox(&mailbox.name), mailbox.name.replace('/', "\0")));
        let with_children: Vec<bool> =
            list.windows(2).map(|pair| matches!(pair, [parent, next] if is_below(&next.name, &parent.name))).collect();
        for (mailbox, has_children) in list.iter_mut().zip(with_children) {
            mailbox.has_children = has_children;
        }
        Ok(list)
    }

    /// Names subscribed to, whether or not such a mailbox stands (RFC 3501 section 6.3.9).
    pub async fn subscriptions(&self) -> Result<Vec<String>, Error> {
        let account = self.id;
        let mut names = self.inner.store.read(move |q| subscriptions(q, account)).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// CREATE: makes missing parents too.
    pub async fn create(&self, name: &str) -> Result<MailboxId, Error> {
        self.create_with(name, None).await
    }

    /// CREATE of a mailbox for this role (CREATE-SPECIAL-USE, RFC 6154), which no other mailbox may have.
    pub async fn create_for(&self, name: &str, role: Role) -> Result<MailboxId, Error> {
        self.create_with(name, Some(role)).await
    }

    async fn create_with(&self, name: &str, role: Option<Role>) -> Result<MailboxId, Error> {
        let (account, name, now) = (self.id, canonical(name)?, (self.inner.clock)());
        let id = self.write(move |tx| {
            let id = create(tx, account, &name, now)?;
            if let Some(role) = role {
                give_role(tx, account, id, role)?;
            }
            Ok(id)
        });
        let id = id.await?;
        self.tell(Hint::List);
        Ok(MailboxId(id))
    }

    /// DELETE: the messages go; a mailbox with children stays as `\Noselect` (RFC 3501 section 6.3.4).
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let (account, now) = (self.id, (self.inner.clock)());
        let name = canonical(name).map_err(|_| Error::NoMailbox)?;
        let gone = self.write(move |tx| delete(tx, account, &name, now)).await?;
        self.tell(Hint::List);
        purge::purge(&self.inner, account, gone).await
    }

    /// RENAME: children follow; renaming INBOX moves its messages and leaves it empty (RFC 3501 section 6.3.5).
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let (account, now) = (self.id, (self.inner.clock)());
        let from = canonical(from).map_err(|_| Error::NoMailbox)?;
        let to = canonical(to)?;
        self.write(move |tx| rename(tx, account, &from, &to, now)).await?;
        self.tell(Hint::List);
        Ok(())
    }

    /// SUBSCRIBE; the mailbox need not exist.
    pub async fn subscribe(&self, name: &str) -> Result<(), Error> {
        let (account, name) = (self.id, canonical(name)?);
        self.write(move |tx| {
            rows::list_changed(tx, account)?;
            rows::subscribe(tx, account, &name)?;
            Ok(())
        })
        .await
    }

    /// UNSUBSCRIBE.
    pub async fn unsubscribe(&self, name: &str) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM subscription WHERE account_id = $1 AND name = $2";
        let (account, name) = (self.id, name::canonical(name)?);
        self.write(move |tx| {
            rows::list_changed(tx, account)?;
            tx.execute(SQL, &[account.0.into(), name.as_str().into()])?;
            Ok(())
        })
        .await
    }
}

fn line(row: MailboxRow, subscribed: &[String]) -> Mailbox {
    Mailbox {
        id: MailboxId(row.id),
        subscribed: subscribed.binary_search(&row.name).is_ok(),
        name: row.name,
        selectable: row.selectable,
        has_children: false,
        role: row.role,
    }
}

fn subscriptions(q: &dyn storage::Query, account: AccountId) -> Result<Vec<String>, storage::Error> {
    const SQL: &str = "SELECT name FROM subscription WHERE account_id = $1";
    q.query(SQL, &[account.0.into()])?.iter().map(|row| row.text(0).map(str::to_owned)).collect()
}

/// Fresh keys: the first mailbox key and the first UIDVALIDITY of `count`. Neither ever comes again, and UIDVALIDITY
/// never falls behind the clock, so that it also grows over a loss of the database.
fn fresh(tx: &dyn Transaction, account: AccountId, count: i64, now: Timestamp) -> Result<(i64, i64), storage::Error> {
    const SQL: &str = "UPDATE mail_account SET mailbox_next = mailbox_next + $2, list_version = list_version + 1, \
                       uidvalidity_last = CASE WHEN uidvalidity_last < $3 THEN $3 ELSE uidvalidity_last END + $2 \
                       WHERE account_id = $1 AND mailbox_next > 0 RETURNING mailbox_next, uidvalidity_last";
    let row = tx.query_one(SQL, &[account.0.into(), count.into(), now.seconds().into()])?;
    let row = row.ok_or_else(|| storage::Error::Refused(format!("account {} has been removed", account.0)))?;
    Ok((row.int(0)? - count, row.int(1)? - count + 1))
}

fn create(tx: &dyn Transaction, account: AccountId, name: &str, now: Timestamp) -> Result<i64, Error> {
    const SELECTABLE: &str = "UPDATE mailbox SET selectable = 1 WHERE account_id = $1 AND mailbox_id = $2";
    rows::list_changed(tx, account)?;
    if let Some(row) = rows::by_name(tx, account, name)? {
        if row.selectable {
            return Err(Error::Exists);
        }
        // The name stood for its children; it has a UIDVALIDITY of its own since.
        tx.execute(SELECTABLE, &[account.0.into(), row.id.into()])?;
        return Ok(row.id);
    }
    make_parents(tx, account, name, now)?;
    let role = rows::free_role(tx, account, name)?;
    let (id, uid_validity) = fresh(tx, account, 1, now)?;
    rows::insert_mailbox(tx, account, id, name, role, uid_validity)?;
    Ok(id)
}

/// A mailbox just made gets this role.
fn give_role(tx: &dyn Transaction, account: AccountId, id: i64, role: Role) -> Result<(), Error> {
    const SQL: &str = "UPDATE mailbox SET role = $3 WHERE account_id = $1 AND mailbox_id = $2";
    if rows::all(tx, account)?.iter().any(|row| row.role == Some(role) && row.id != id) {
        return Err(Error::Role);
    }
    tx.execute(SQL, &[account.0.into(), id.into(), (role as i64).into()])?;
    Ok(())
}

fn make_parents(tx: &dyn Transaction, account: AccountId, name: &str, now: Timestamp) -> Result<(), Error> {
    for parent in parents(name) {
        if rows::by_name(tx, account, parent)?.is_none() {
            let (id, uid_validity) = fresh(tx, account, 1, now)?;
            rows::insert_mailbox(tx, account, id, parent, None, uid_validity)?;
        }
    }
    Ok(())
}

/// Answers the key of what is to be emptied.
fn delete(tx: &dyn Transaction, account: AccountId, name: &str, now: Timestamp) -> Result<i64, Error> {
    const NO_SELECT: &str = "UPDATE mailbox SET selectable = 0 WHERE account_id = $1 AND mailbox_id = $2";
    rows::list_changed(tx, account)?;
    let row = rows::by_name(tx, account, name)?.ok_or(Error::NoMailbox)?;
    if row.id == INBOX_ID {
        return Err(Error::Cannot("INBOX cannot be deleted"));
    }
    let has_children = rows::all(tx, account)?.iter().any(|other| is_below(&other.name, name));
    if has_children && !row.selectable {
        return Err(Error::NoSelect);
    }
    purge::retire(tx, account, row.id)?;
    if has_children {
        let (id, uid_validity) = fresh(tx, account, 1, now)?;
        rows::insert_mailbox(tx, account, id, name, None, uid_validity)?;
        tx.execute(NO_SELECT, &[account.0.into(), id.into()])?;
    }
    Ok(row.id)
}

fn rename(tx: &dyn Transaction, account: AccountId, from: &str, to: &str, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE mailbox SET name = $3 WHERE account_id = $1 AND mailbox_id = $2";
    rows::list_changed(tx, account)?;
    let row = rows::by_name(tx, account, from)?.ok_or(Error::NoMailbox)?;
    if rows::by_name(tx, account, to)?.is_some() {
        return Err(Error::Exists);
    }
    if row.id == INBOX_ID {
        create(tx, account, to, now)?;
        let target = rows::selectable_named(tx, account, to)?;
        let target = transfer::Target { row: &target, now };
        transfer::transfer(tx, account, &row, &UidSet::all(), &target, true)?;
        return Ok(());
    }
    if is_below(to, from) {
        return Err(Error::Cannot("a mailbox cannot be moved below itself"));
    }
    make_parents(tx, account, to, now)?;
    for child in rows::all(tx, account)?.iter().filter(|other| other.id == row.id || is_below(&other.name, from)) {
        let moved = format!("{to}{}", child.name.strip_prefix(from).unwrap_or_default());
        // The children's new names must hold to the limits as well.
        let moved = canonical(&moved)?;
        if child.id != row.id && rows::by_name(tx, account, &moved)?.is_some() {
            return Err(Error::Exists);
        }
        tx.execute(SQL, &[account.0.into(), child.id.into(), moved.into()])?;
    }
    Ok(())
}
