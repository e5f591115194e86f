//! Mailbox names: UTF-8, levels parted by `/`, INBOX in any case written `INBOX` (RFC 3501 section 5.1).

use crate::Error;
use crate::limits::{NAME_LEVELS_MAX, NAME_OCTETS_MAX};

/// The mailbox that every account has.
pub(crate) const INBOX: &str = "INBOX";

/// Brings a name to the form in which it is kept: no `/` at the end, INBOX in capitals.
///
/// Refuses control characters, the wildcards `*` and `%`, empty levels, and what is too long or too deep.
pub(crate) fn canonical(name: &str) -> Result<String, Error> {
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.is_empty() {
        return Err(Error::Name("it is empty"));
    }
    if name.len() > NAME_OCTETS_MAX {
        return Err(Error::Name("it is too long"));
    }
    if name.chars().any(|c| c.is_control() || c == '*' || c == '%' || c == '\u{fffd}') {
        return Err(Error::Name("it holds a character that no mailbox name can hold"));
    }
    let levels = name.split('/').count();
    if levels > NAME_LEVELS_MAX {
        return Err(Error::Name("it has too many levels"));
    }
    if name.split('/').any(str::is_empty) {
        return Err(Error::Name("it has an empty level"));
    }
    let first = name.split('/').next().unwrap_or(name);
    if first.eq_ignore_ascii_case(INBOX) && first != INBOX {
        let rest = name.get(first.len()..).unwrap_or_default();
        return Ok(format!("{INBOX}{rest}"));
    }
    Ok(name.to_owned())
}

/// The names above `name`, the highest first.
pub(crate) fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

/// Whether `name` stands below `parent`.
pub(crate) fn is_below(name: &str, parent: &str) -> bool {
    name.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_each() {
        for (given, kept) in [
            ("inbox", "INBOX"),
            ("InBox/Lists", "INBOX/Lists"),
            ("inboxes", "inboxes"),
            ("Αθήνα/2026/", "Αθήνα/2026"),
            ("a/inbox", "a/inbox"),
        ] {
            assert_eq!(canonical(given).unwrap(), kept);
        }
        for bad in ["", "/", "a//b", "/a", "a*", "a%", "a\r\n", "a\0", &"x".repeat(1001), &"a/".repeat(40)] {
            assert!(canonical(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn family() {
        assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert!(is_below("a/b", "a"));
        assert!(!is_below("ab", "a"));
        assert!(!is_below("a", "a"));
    }
}
