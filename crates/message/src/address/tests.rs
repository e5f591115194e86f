//! Address fields in all their forms.

use super::*;

fn show(entries: &[Entry]) -> String {
    let one = |m: &Mailbox| match m.display_name() {
        Some(name) => format!("{name}|{}", m.spec()),
        None => m.spec(),
    };
    let shown: Vec<String> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Mailbox(m) => one(m),
            Entry::Group { name, members } => {
                format!("{name}:{};", members.iter().map(one).collect::<Vec<_>>().join(","))
            }
        })
        .collect();
    shown.join(" / ")
}

#[test]
fn table() {
    for (field, wanted) in [
        ("anna@athens.test", "anna@athens.test"),
        ("Anna <anna@athens.test>", "Anna|anna@athens.test"),
        ("Anna B. Doe <a@b>, c@d", "Anna B. Doe|a@b / c@d"),
        ("\"Doe, Jane\" <j@d>", "Doe, Jane|j@d"),
        ("\"a \\\"b\\\" c\" <\"x y\"@d>", "a \"b\" c|\"x y\"@d"),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|pete@silly.test"),
        ("a@b (Anna (Old) Mailer)", "Anna (Old) Mailer|a@b"),
        ("A Group:Ed <e@x>,j@y,John <jd@one>;", "A Group:Ed|e@x,j@y,John|jd@one;"),
        ("Undisclosed recipients:;", "Undisclosed recipients:;"),
        ("(Empty)(start)Hidden recipients  :(nobody(that I know))  ;, a@b", "Hidden recipients:; / a@b"),
        ("John <@a.test,@b.test:j@c.test>, k@l", "John|j@c.test / k@l"),
        ("Mary Smith <@node.test:mary@x.test>, , jdoe@y . test", "Mary Smith|mary@x.test / jdoe@y.test"),
        ("pete . smith @ silly . test", "pete.smith@silly.test"),
        ("=?utf-8?q?Caf=C3=A9?= <c@d>", "Café|c@d"),
        ("\"=?utf-8?b?zro=?=\" <c@d>", "κ|c@d"),
        ("Κώστας <κώστας@παράδειγμα.test>", "Κώστας|κώστας@παράδειγμα.test"),
        ("a@[192.0.2.1], <b@[IPv6:2001:db8::1]>", "a@[192.0.2.1] / b@[IPv6:2001:db8::1]"),
        ("root", "root"),
        ("a@x; b@y;c@z", "a@x / b@y / c@z"),
        ("a@x <b@y>", "a@x|b@y"),
        ("<a@b", "a@b"),
        ("Anna <a@b, c@d", "Anna|a@b / c@d"),
        ("John Doe", "John Doe|\"\""),
        ("\"open <a@b>", "\"open <a@b>\""),
        ("g: a@b, h: c@d; e@f", "g:a@b,\"h:c\"@d; / e@f"),
        ("<>", ""),
        (" , ,, ", ""),
        ("(only a comment)", ""),
        ("Anna\r\n\t<a@b>,\r\n c@d", "Anna|a@b / c@d"),
    ] {
        assert_eq!(show(&parse(field.as_bytes())), wanted, "{field:?}");
    }
    assert_eq!(show(&parse(b"Caf\xe9 <c@d>")), "Café|c@d");
    let routed = mailboxes(b"<@a.test,@b.test:j@c.test>");
    assert_eq!(routed[0].route.as_deref(), Some("@a.test,@b.test"));
    assert_eq!(routed[0].address().unwrap().to_string(), "j@c.test");
}

#[test]
fn hostile_fields_stay_small_and_quick() {
    for piece in ["(", "\\(", "<", "\"", "a@b,", ":", ";", "g:;", "[", "@", "<@a,", "(\\"] {
        let field = piece.repeat(200_000 / piece.len());
        assert!(parse(field.as_bytes()).len() <= crate::limits::MAILBOXES_MAX + 1);
    }
}
