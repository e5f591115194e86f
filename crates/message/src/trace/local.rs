//! The Received field of a letter that a user of this machine handed in: no host and no protocol, but who it was.

use envelope::{Domain, Timestamp};

use crate::date::DateTime;

/// The whole field, folded, with its line end. The login is a name of this machine; whatever in it is no letter, digit or
/// mark of a word is left out, so that it cannot write fields.
pub fn local_received_field(login: &str, uid: u32, by: &Domain, id: &str, at: Timestamp) -> String {
    let fine = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    let mut login: String = login.chars().filter(fine).take(64).collect();
    if login.is_empty() {
        login.push_str("unknown");
    }
    let date = DateTime::utc(at).to_rfc5322();
    format!("Received: from {login} (local user, uid {uid})\r\n\tby {by}\r\n\tid {id};\r\n\t{date}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Hop;

    #[test]
    fn it_says_who_and_nothing_else() {
        let by = Domain::parse("mail.athens.test").expect("domain");
        let field = local_received_field("www-data\r\nX: (y", 33, &by, "4kz3", Timestamp(0));
        let wanted = "Received: from www-dataXy (local user, uid 33)\r\n\tby mail.athens.test\r\n\tid 4kz3;\r\n\t\
                      Thu, 1 Jan 1970 00:00:00 +0000\r\n";
        assert_eq!(field, wanted);
        let hop = Hop::parse(field.trim_start_matches("Received: ").as_bytes());
        assert_eq!(hop.from.as_deref(), Some("www-dataXy (local user, uid 33)"));
        assert_eq!((hop.by.as_deref(), hop.id.as_deref()), (Some("mail.athens.test"), Some("4kz3")));
        assert!(
            local_received_field("\u{3b1}", 1, &by, "x", Timestamp(0)).contains("from unknown (local user, uid 1)")
        );
    }
}
