//! LIST and LSUB (RFC 3501 sections 6.3.8 and 6.3.9), with CHILDREN (RFC 3348), LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819)
//! and SPECIAL-USE (RFC 6154).

mod pattern;

use std::collections::BTreeSet;
use std::ops::Bound;

use mailstore::{Mailbox, Role};
use protocol::imap::encode::{Attribute, Listed, Untagged};
use protocol::imap::{List, ListSelect, SpecialUse};

use super::talk::Talk;
use super::trouble::Trouble;
use pattern::matches;

/// One line to be told.
struct Line {
    name: String,
    attributes: Vec<Attribute>,
    subscribed_below: bool,
    /// It is there, was chosen itself, and can be opened: STATUS may follow.
    has_status: bool,
}

impl Talk {
    pub(super) async fn list(&mut self, query: &List) -> Result<(), Trouble> {
        let account = self.account()?;
        if !query.extended && query.patterns.iter().all(|pattern| pattern.0.is_empty()) {
            // The question for the delimiter.
            let listed = Listed { attributes: &[Attribute::NoSelect], name: "", subscribed_below: false };
            self.line.session().untagged(&Untagged::List(listed));
            return self.done(true, "LIST").await;
        }
        let mailboxes = account.list().await?;
        let subscribed = if query.select.subscribed { account.subscriptions().await? } else { Vec::new() };
        for line in lines(query, mailboxes, &subscribed) {
            let (attributes, name) = (&line.attributes, line.name.as_str());
            let listed = Listed { attributes, name, subscribed_below: line.subscribed_below };
            self.line.session().untagged(&Untagged::List(listed));
            if line.has_status && !query.returns.status.is_empty() {
                match self.show_status(name, &query.returns.status).await {
                    // Deleted in this very moment.
                    Ok(()) | Err(Trouble::Mailbox(mailstore::Error::NoMailbox | mailstore::Error::NoSelect)) => {}
                    Err(trouble) => return Err(trouble),
                }
            }
            self.relieve().await?;
        }
        self.done(true, "LIST").await
    }

    /// The LIST response that comes with SELECT in IMAP4rev2 (RFC 9051 section 6.3.2).
    pub(super) async fn show_listed(&mut self, name: &str) -> Result<(), Trouble> {
        let mailboxes = self.account()?.list().await?;
        if let Some(mailbox) = mailboxes.iter().find(|mailbox| mailbox.name == name) {
            let attributes = attributes(mailbox);
            let listed = Listed { attributes: &attributes, name, subscribed_below: false };
            self.line.session().untagged(&Untagged::List(listed));
        }
        Ok(())
    }

    /// A name below a level where `%` stops is shown by its parent, `\Noselect`, when that is not subscribed itself.
    pub(super) async fn lsub(&mut self, query: &List) -> Result<(), Trouble> {
        let patterns = patterns(query);
        let subscribed = self.account()?.subscriptions().await?;
        let mut parents = BTreeSet::new();
        for name in &subscribed {
            if patterns.iter().any(|pattern| matches(pattern, name)) {
                self.line.session().untagged(&Untagged::Lsub(Listed {
                    attributes: &[],
                    name,
                    subscribed_below: false,
                }));
                continue;
            }
            let above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
            parents.extend(above.filter(|parent| patterns.iter().any(|p| p.contains('%') && matches(p, parent))));
        }
        for name in parents.into_iter().filter(|parent| !subscribed.iter().any(|name| name == parent)) {
            let listed = Listed { attributes: &[Attribute::NoSelect], name, subscribed_below: false };
            self.line.session().untagged(&Untagged::Lsub(listed));
        }
        self.done(true, "LSUB").await
    }
}

/// Reference and pattern together: there is one namespace, so a reference is a beginning of names.
fn patterns(query: &List) -> Vec<String> {
    query.patterns.iter().map(|pattern| format!("{}{}", query.reference, pattern.0)).collect()
}

/// What LIST tells, in the order of the mailboxes; names that no mailbox has come last. `subscribed` is sorted.
fn lines(query: &List, mailboxes: Vec<Mailbox>, subscribed: &[String]) -> Vec<Line> {
    let patterns = patterns(query);
    let fits = |name: &str| patterns.iter().any(|pattern| matches(pattern, name));
    let with_role: Vec<String> = mailboxes.iter().filter(|m| m.role.is_some()).map(|m| m.name.clone()).collect();
    let with_role: BTreeSet<&str> = with_role.iter().map(String::as_str).collect();
    let subscribed: BTreeSet<&str> = subscribed.iter().map(String::as_str).collect();
    let known: BTreeSet<String> = mailboxes.iter().map(|mailbox| mailbox.name.clone()).collect();
    let mut lines = Vec::new();
    for mailbox in mailboxes.into_iter().filter(|mailbox| fits(&mailbox.name)) {
        let chosen =
            (!query.select.subscribed || mailbox.subscribed) && (!query.select.special_use || mailbox.role.is_some());
        let below = query.select.recursive && chosen_below(query.select, &mailbox.name, &subscribed, &with_role);
        if chosen || below {
            let mut attributes = attributes(&mailbox);
            if mailbox.subscribed && (query.returns.subscribed || query.select.subscribed) {
                attributes.push(Attribute::Subscribed);
            }
            let subscribed_below = below && query.select.subscribed;
            let has_status = chosen && mailbox.selectable;
            lines.push(Line { name: mailbox.name, attributes, subscribed_below, has_status });
        }
    }
    if query.select.subscribed && !query.select.special_use {
        lines.extend(without_mailbox(query.select, &subscribed, &known, fits));
    }
    lines
}

/// Subscribed names that no mailbox has and, where they are asked for, the names above these.
fn without_mailbox(
    select: ListSelect,
    subscribed: &BTreeSet<&str>,
    known: &BTreeSet<String>,
    fits: impl Fn(&str) -> bool,
) -> Vec<Line> {
    let missing = subscribed.iter().copied().filter(|name| !known.contains(*name));
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for name in missing {
        names.insert(name);
        if select.recursive {
            let above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
            names.extend(above.filter(|above| !known.contains(*above)));
        }
    }
    let line = |name: &str| {
        let mut attributes = vec![Attribute::NonExistent];
        attributes.extend(subscribed.contains(name).then_some(Attribute::Subscribed));
        let subscribed_below = select.recursive && any_below(subscribed, name);
        Line { name: name.to_owned(), attributes, subscribed_below, has_status: false }
    };
    names.into_iter().filter(|name| fits(name)).map(line).collect()
}

/// Whether something below the name would be chosen (RFC 5258 section 3.5).
fn chosen_below(select: ListSelect, name: &str, subscribed: &BTreeSet<&str>, with_role: &BTreeSet<&str>) -> bool {
    match (select.subscribed, select.special_use) {
        (true, false) => any_below(subscribed, name),
        (false, true) => any_below(with_role, name),
        (true, true) => any_below(&subscribed.intersection(with_role).copied().collect(), name),
        (false, false) => false,
    }
}

fn any_below(names: &BTreeSet<&str>, parent: &str) -> bool {
    let start = format!("{parent}/");
    names
        .range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded))
        .next()
        .is_some_and(|name| name.starts_with(&start))
}

fn attributes(mailbox: &Mailbox) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    if !mailbox.selectable {
        attributes.push(Attribute::NoSelect);
    }
    attributes.push(if mailbox.has_children { Attribute::HasChildren } else { Attribute::HasNoChildren });
    attributes.extend(mailbox.role.map(|role| Attribute::Use(use_of(role))));
    attributes
}

fn use_of(role: Role) -> SpecialUse {
    match role {
        Role::Drafts => SpecialUse::Drafts,
        Role::Sent => SpecialUse::Sent,
        Role::Junk => SpecialUse::Junk,
        Role::Trash => SpecialUse::Trash,
        Role::Archive => SpecialUse::Archive,
    }
}
