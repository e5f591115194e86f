//! The commands of QUOTA (RFC 9208 section 7).

use super::Result;
use super::input::Input;
use super::mailbox::argument_mailbox;
use crate::imap::command::{Command, SetQuota};
use crate::imap::limits;

/// `getquota = "GETQUOTA" SP quota-root-name`, where `quota-root-name = astring`
pub(super) fn get_quota(input: &mut Input<'_>) -> Result<Command> {
    input.space()?;
    input.astring().map(Command::GetQuota)
}

/// `getquotaroot = "GETQUOTAROOT" SP mailbox`
pub(super) fn get_quota_root(input: &mut Input<'_>) -> Result<Command> {
    argument_mailbox(input).map(Command::GetQuotaRoot)
}

/// `setquota = "SETQUOTA" SP quota-root-name SP "(" [resource-name SP number64 *(SP …)] ")"`
pub(super) fn set_quota(input: &mut Input<'_>) -> Result<Command> {
    input.space()?;
    let root = input.astring()?;
    input.space()?;
    let limits = input.list(limits::QUOTA_RESOURCES_MAX, "resources", |input| {
        let name = input.keyword("a resource")?;
        input.space()?;
        Ok((name, input.number64()?))
    })?;
    Ok(Command::SetQuota(SetQuota { root, limits }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::imap::command::{Command, Mailbox, SetQuota};
    use crate::imap::encode;
    use crate::imap::grammar::{ParseError, command};

    fn parse(text: &str) -> Result<Command, ParseError> {
        command(format!("a1 {text}").as_bytes(), false)
    }

    #[test]
    fn as_clients_write_them() {
        assert_eq!(parse("getquota \"\""), Ok(Command::GetQuota(Vec::new())));
        assert_eq!(parse("GETQUOTA {3}\r\na b"), Ok(Command::GetQuota(b"a b".to_vec())));
        assert_eq!(parse("GETQUOTAROOT inbox"), Ok(Command::GetQuotaRoot(Mailbox::new("INBOX").unwrap())));
        let limits = vec![("STORAGE".to_owned(), 512), ("MESSAGE".to_owned(), 0)];
        let set = SetQuota { root: b"x".to_vec(), limits };
        assert_eq!(parse("SETQUOTA x (storage 512 MESSAGE 0)"), Ok(Command::SetQuota(set)));
        assert_eq!(parse("SETQUOTA x ()"), Ok(Command::SetQuota(SetQuota { root: b"x".to_vec(), limits: vec![] })));
        for bad in [
            "GETQUOTA",
            "GETQUOTAROOT",
            "SETQUOTA x",
            "SETQUOTA x (STORAGE)",
            "SETQUOTA x (STORAGE -1)",
            "GETQUOTA a b",
        ] {
            assert!(matches!(parse(bad), Err(ParseError::Expected(_))), "{bad}");
        }
        let many = "A 1 ".repeat(17);
        assert_eq!(parse(&format!("SETQUOTA x ({})", many.trim())), Err(ParseError::Limit("resources")));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(root in proptest::collection::vec(1..=255u8, 0..20),
                                    limits in proptest::collection::vec(("[A-Z]{1,9}", 0u64..1 << 62), 0..4)) {
            for wanted in [Command::GetQuota(root.clone()), Command::SetQuota(SetQuota { root, limits })] {
                let mut bytes = Vec::new();
                encode::command::command(&mut bytes, "A1", &wanted);
                prop_assert_eq!(command(bytes.strip_suffix(b"\r\n").unwrap(), false), Ok(wanted));
            }
        }
    }
}
