//! LIST and LSUB (RFC 3501 sections 6.3.8 and 6.3.9), with CHILDREN (RFC 3348) and SPECIAL-USE (RFC 6154).

use std::collections::BTreeSet;

use mailstore::{Mailbox, Role};
use protocol::imap::List;
use protocol::imap::encode::{Attribute, Listed, Untagged};

use super::talk::Talk;
use super::trouble::Trouble;

impl Talk {
    pub(super) async fn list(&mut self, query: &List) -> Result<(), Trouble> {
        let account = self.account()?;
        if query.patterns.iter().all(|pattern| pattern.0.is_empty()) {
            // The question for the delimiter.
            let listed = Listed { attributes: &[Attribute::NoSelect], name: "" };
            self.line.session().untagged(&Untagged::List(listed));
            return self.done(true, "LIST").await;
        }
        let patterns = patterns(query);
        for mailbox in account.list().await? {
            if patterns.iter().any(|pattern| matches(pattern, &mailbox.name)) {
                let attributes = attributes(&mailbox);
                let listed = Listed { attributes: &attributes, name: &mailbox.name };
                self.line.session().untagged(&Untagged::List(listed));
                self.relieve().await?;
            }
        }
        self.done(true, "LIST").await
    }

    /// A name below a level where `%` stops is shown by its parent, `\Noselect`, when that is not subscribed itself.
    pub(super) async fn lsub(&mut self, query: &List) -> Result<(), Trouble> {
        let patterns = patterns(query);
        let subscribed = self.account()?.subscriptions().await?;
        let mut parents = BTreeSet::new();
        for name in &subscribed {
            if patterns.iter().any(|pattern| matches(pattern, name)) {
                self.line.session().untagged(&Untagged::Lsub(Listed { attributes: &[], name }));
                continue;
            }
            let above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
            parents.extend(above.filter(|parent| patterns.iter().any(|p| p.contains('%') && matches(p, parent))));
        }
        for name in parents.into_iter().filter(|parent| !subscribed.iter().any(|name| name == parent)) {
            self.line.session().untagged(&Untagged::Lsub(Listed { attributes: &[Attribute::NoSelect], name }));
        }
        self.done(true, "LSUB").await
    }
}

/// Reference and pattern together: there is one namespace, so a reference is a beginning of names.
fn patterns(query: &List) -> Vec<String> {
    query.patterns.iter().map(|pattern| format!("{}{}", query.reference, pattern.0)).collect()
}

fn attributes(mailbox: &Mailbox) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    if !mailbox.selectable {
        attributes.push(Attribute::NoSelect);
    }
    attributes.push(if mailbox.has_children { Attribute::HasChildren } else { Attribute::HasNoChildren });
    attributes.extend(mailbox.role.map(|role| match role {
        Role::Drafts => Attribute::Drafts,
        Role::Sent => Attribute::Sent,
        Role::Junk => Attribute::Junk,
        Role::Trash => Attribute::Trash,
        Role::Archive => Attribute::Archive,
    }));
    attributes
}

/// `*` stands for anything, `%` for anything but a delimiter. INBOX has no case.
///
/// Linear for each wildcard: the last `*` and the last `%` are the only places ever gone back to.
fn matches(pattern: &str, name: &str) -> bool {
    if name == "INBOX" && pattern.eq_ignore_ascii_case("INBOX") {
        return true;
    }
    let pattern = match pattern.get(..5) {
        Some(start) if name.starts_with("INBOX") && start.eq_ignore_ascii_case("INBOX") => {
            ["INBOX", pattern.get(5..).unwrap_or_default()].concat()
        }
        _ => pattern.to_owned(),
    };
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on behind a wildcard when what follows it does not fit: (place behind it, next octet of the name).
    let mut star: Option<(usize, usize)> = None;
    let mut percent: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                p += 1;
                (star, percent) = (Some((p, n)), None);
            }
            (Some(b'%'), _) => {
                p += 1;
                percent = Some((p, n));
            }
            (Some(a), Some(b)) if a == b => (p, n) = (p + 1, n + 1),
            _ => {
                if let Some((behind, from)) = percent
                    && name.get(from).is_some_and(|octet| *octet != b'/')
                {
                    percent = Some((behind, from + 1));
                    (p, n) = (behind, from + 1);
                } else if let Some((behind, from)) = star
                    && from < name.len()
                {
                    (star, percent) = (Some((behind, from + 1)), None);
                    (p, n) = (behind, from + 1);
                } else {
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        for (pattern, name, fits) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("%/%", "a/b", true),
            ("%/%", "a/b/c", false),
            ("a%", "abc", true),
            ("a%c", "abbc", true),
            ("a%c", "ab/c", false),
            ("a*c", "ab/c", true),
            ("a*b*c", "axbybzc", true),
            ("a*b*c", "axbybz", false),
            ("inbox", "INBOX", true),
            ("InBox/%", "INBOX/x", true),
            ("inbox", "inboxes", false),
            ("I%", "INBOX", true),
            ("", "a", false),
            ("a", "a/b", false),
            ("*%", "a/b", true),
            ("%*", "a/b", true),
            ("%b*", "aab/c", true),
            ("*a%b", "x/axa/ayb", true),
            ("Entw%", "Entwürfe", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        // No pattern makes it slow.
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!matches(&"%a".repeat(200), &"a".repeat(199)));
    }
}
