//! What another value of which holds after the next start only: SIGHUP does not change it. The one list; `docs/config.md`
//! marks these keys by it, and a reload warns by it.

use super::Settings;

/// Whether two configurations differ in something.
type Differ = fn(&Settings, &Settings) -> bool;

/// Keys and sections.
const OF_A_START: [(&str, Differ); 10] = [
    ("data", |one, other| one.data != other.data),
    ("user", |one, other| one.user != other.user),
    ("postmaster", |one, other| one.postmaster != other.postmaster),
    ("forward", |one, other| one.forward != other.forward),
    ("lmtp.socket", |one, other| one.lmtp.socket != other.lmtp.socket),
    ("quota.storage", |one, other| one.quota.rule.octets != other.quota.rule.octets),
    ("quota.messages", |one, other| one.quota.rule.messages != other.quota.rule.messages),
    ("storage", |one, other| (&one.storage, one.reserve) != (&other.storage, other.reserve)),
    ("journal.format", |one, other| one.journal_format != other.journal_format),
    ("journal.days", |one, other| one.journal_days != other.journal_days),
];

/// Whether another value of this key holds after the next start only.
pub(crate) fn waits_for_start(key: &str) -> bool {
    let section = key.split_once('.').map(|(section, _)| section);
    OF_A_START.iter().any(|(name, _)| *name == key || section == Some(*name))
}

/// Which of these keys and sections would change.
pub(crate) fn waiting_for_start(old: &Settings, new: &Settings) -> Vec<&'static str> {
    OF_A_START.iter().filter(|(_, differ)| differ(old, new)).map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{keys, parse};
    use super::*;

    #[test]
    fn each_is_a_key_and_is_seen_to_change() {
        let of = |line: &str| parse(&format!("hostname = \"a.test\"\n{line}\n"), Path::new("/etc/angelia")).unwrap();
        let old = of("");
        assert!(waiting_for_start(&old, &of("quota.full = \"refuse\"\nsmtp.vrfy = \"off\"")).is_empty());
        let changes = [
            ("data", "data = \"/elsewhere\""),
            ("user", "user = \"mail\""),
            ("postmaster", "postmaster = \"anna@a.test\""),
            ("forward", "forward.srs = false"),
            ("lmtp.socket", "lmtp.socket = \"/run/lmtp\""),
            ("quota.storage", "quota.storage = \"3 MiB\""),
            ("quota.messages", "quota.messages = 3"),
            (
                "storage",
                "storage.engine = \"postgres\"\nstorage.url = \"postgres://localhost/mail\"\nstorage.bodies = \"/bodies\"",
            ),
            ("journal.format", "journal.format = \"off\""),
            ("journal.days", "journal.days = 3"),
        ];
        assert_eq!(changes.map(|(name, _)| name), OF_A_START.map(|(name, _)| name));
        for (name, line) in changes {
            assert_eq!(waiting_for_start(&old, &of(line)), [name], "{line}");
            let marked = keys::all().filter(|key| waits_for_start(key.name));
            assert!(marked.into_iter().any(|key| key.name == name || key.name.starts_with(&format!("{name}."))));
        }
    }
}
