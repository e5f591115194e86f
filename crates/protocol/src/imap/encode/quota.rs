//! The answers of QUOTA (RFC 9208 section 4.2).

use super::{list, mailbox, mailbox_in_utf8, number, string};

/// One resource of a quota root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaResource {
    /// `STORAGE` (in units of 1,024 octets) or `MESSAGE`.
    pub name: &'static str,
    /// How much of it is used.
    pub usage: u64,
    /// How much may be.
    pub limit: u64,
}

/// `QUOTA root (name usage limit …)`
pub(super) fn quota(out: &mut Vec<u8>, root: &str, resources: &[QuotaResource]) {
    out.extend_from_slice(b"QUOTA ");
    string(out, root.as_bytes());
    out.push(b' ');
    list(out, resources, |out, one| {
        out.extend_from_slice(one.name.as_bytes());
        for value in [one.usage, one.limit] {
            out.push(b' ');
            number(out, value);
        }
    });
}

/// `QUOTAROOT mailbox *(SP root)`
pub(super) fn quota_root(out: &mut Vec<u8>, name: &str, root: Option<&str>, utf8: bool) {
    out.extend_from_slice(b"QUOTAROOT ");
    if utf8 {
        mailbox_in_utf8(out, name)
    } else {
        mailbox(out, name)
    }
    if let Some(root) = root {
        out.push(b' ');
        string(out, root.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::encode::Untagged;

    #[test]
    fn answers() {
        let resources = [
            QuotaResource { name: "STORAGE", usage: 10, limit: 512 },
            QuotaResource { name: "MESSAGE", usage: 0, limit: 7 },
        ];
        for (answer, wanted) in [
            (Untagged::Quota { root: "", resources: &resources }, "* QUOTA \"\" (STORAGE 10 512 MESSAGE 0 7)\r\n"),
            (Untagged::QuotaRoot { mailbox: "Entwürfe", root: Some("") }, "* QUOTAROOT \"Entw&APw-rfe\" \"\"\r\n"),
            (Untagged::QuotaRoot { mailbox: "INBOX", root: None }, "* QUOTAROOT INBOX\r\n"),
        ] {
            let mut out = Vec::new();
            answer.encode(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
