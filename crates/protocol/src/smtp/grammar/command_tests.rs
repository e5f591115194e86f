//! Commands, right and wrong.

use envelope::{Address, BodyType, ForwardPath, Notify, Return, ReversePath};

use super::*;

fn mail(line: &str) -> Result<Mail, Fault> {
    match parse(line.as_bytes())? {
        Command::Mail(mail) => Ok(mail),
        other => panic!("{other:?}"),
    }
}

fn recipient(line: &str) -> Result<Recipient, Fault> {
    match parse(line.as_bytes())? {
        Command::Recipient(arguments) => arguments.parse(false),
        other => panic!("{other:?}"),
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

#[test]
fn verbs() {
    assert_eq!(parse(b"DATA"), Ok(Command::Data));
    assert_eq!(parse(b"data  "), Ok(Command::Data));
    assert_eq!(parse(b"rSeT"), Ok(Command::Reset));
    assert_eq!(parse(b"NOOP some words"), Ok(Command::Noop));
    assert_eq!(parse(b"VRFY anna"), Ok(Command::Verify("anna")));
    assert_eq!(parse(b"BDAT 86 LAST"), Ok(Command::Bdat { octets: 86, last: true }));
    assert_eq!(parse(b"bdat 0 last"), Ok(Command::Bdat { octets: 0, last: true }));
    assert_eq!(parse(b"BDAT 5"), Ok(Command::Bdat { octets: 5, last: false }));
    assert_eq!(
        parse(b"AUTH PLAIN dGVzdA=="),
        Ok(Command::Auth { mechanism: "PLAIN", initial_response: Some("dGVzdA==") })
    );
    for bad in ["", " ", "DAT", "DATAX", "MAILFROM:<a@b>", "X"] {
        assert_eq!(parse(bad.as_bytes()), Err(Fault::Unknown), "{bad:?}");
    }
    for bad in ["DATA x", "QUIT x", "RSET x", "STARTTLS x", "VRFY", "EHLO", "EHLO a b", "BDAT", "BDAT -1", "BDAT 1 X"] {
        assert!(matches!(parse(bad.as_bytes()), Err(Fault::Syntax(_))), "{bad:?}");
    }
    for bad in [b"NOOP \0".as_slice(), b"NOOP \xff", b"NOOP \x7f", b"NOOP\tx"] {
        assert_eq!(parse(bad), Err(Fault::Characters), "{bad:?}");
    }
}

#[test]
fn greetings_take_what_the_world_sends() {
    for (name, well_formed) in [("a.test", true), ("[192.0.2.1]", true), ("my laptop's", false), ("192.0.2.1", true)] {
        match parse(format!("EHLO {name}").as_bytes()) {
            Ok(Command::Hello(hello)) => assert_eq!(hello.host.is_some(), well_formed, "{name}"),
            other => assert!(name.contains(' '), "{other:?}"),
        }
    }
}

#[test]
fn senders() {
    assert_eq!(mail("MAIL FROM:<>"), Ok(Mail::new(ReversePath::Null)));
    assert_eq!(mail("mail from: <a@b>").map(|m| m.reverse_path), Ok(ReversePath::Address(address("a@b"))));
    assert_eq!(
        mail("MAIL FROM:<@x,@y:a@b> SIZE=5 BODY=8bitmime RET=HDRS ENVID=QQ+2B314 AUTH=a+2Bb@c SMTPUTF8 RequireTLS"),
        Ok(Mail {
            reverse_path: ReversePath::Address(address("a@b")),
            size: Some(5),
            body: BodyType::EightBitMime,
            smtputf8: true,
            ret: Some(Return::Headers),
            envelope_id: Some("QQ+2B314".to_owned()),
            auth: Some("a+b@c".to_owned()),
            require_tls: true,
        })
    );
    for (line, fault) in [
        ("MAIL", Fault::Syntax("MAIL FROM:<address>")),
        ("MAIL TO:<a@b>", Fault::Syntax("MAIL FROM:<address>")),
        ("MAIL FROM:a@b", Fault::ReversePath),
        ("MAIL FROM:<a@b", Fault::ReversePath),
        ("MAIL FROM:<a>", Fault::ReversePath),
        ("MAIL FROM:<a b@c>", Fault::ReversePath),
        ("MAIL FROM:<a@b>SIZE=1", Fault::ReversePath),
        ("MAIL FROM:<a@b> SIZE=1 SIZE=2", Fault::Parameter("SIZE")),
        ("MAIL FROM:<a@b> SIZE=x", Fault::Parameter("SIZE")),
        ("MAIL FROM:<a@b> SIZE", Fault::Parameter("SIZE")),
        ("MAIL FROM:<a@b> BODY=9BIT", Fault::Parameter("BODY")),
        ("MAIL FROM:<a@b> SMTPUTF8=1", Fault::Parameter("SMTPUTF8")),
        ("MAIL FROM:<a@b> RET=ALL", Fault::Parameter("RET")),
        ("MAIL FROM:<a@b> ENVID=+2", Fault::Parameter("ENVID")),
        ("MAIL FROM:<a@b> NOTIFY=NEVER", Fault::UnknownParameter),
        ("MAIL FROM:<ά@b>", Fault::NeedsSmtputf8),
    ] {
        assert_eq!(mail(line), Err(fault), "{line}");
    }
}

#[test]
fn recipients() {
    assert_eq!(recipient("RCPT TO:<postMASTER>").map(|r| r.forward_path), Ok(ForwardPath::Postmaster));
    let both = Notify { success: true, failure: true, delay: false };
    assert_eq!(
        recipient("rcpt to:<\"a b\"@c> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+20b@c"),
        Ok(Recipient {
            forward_path: ForwardPath::Address(address("\"a b\"@c")),
            notify: Some(both),
            original: Some("rfc822;a+20b@c".to_owned()),
        })
    );
    for (line, fault) in [
        ("RCPT TO:<>", Fault::ForwardPath),
        ("RCPT TO:<a@b> SIZE=1", Fault::UnknownParameter),
        ("RCPT TO:<a@b> NOTIFY=NEVER,DELAY", Fault::Parameter("NOTIFY")),
        ("RCPT TO:<a@b> NOTIFY=", Fault::Parameter("NOTIFY")),
        ("RCPT TO:<a@b> ORCPT=a@b", Fault::Parameter("ORCPT")),
        ("RCPT TO:<a@b> ORCPT=rfc822;a+0Ab@c", Fault::Parameter("ORCPT")),
        ("RCPT TO:<a@b> ORCPT=;x", Fault::Parameter("ORCPT")),
        ("RCPT TO:<ά@b>", Fault::NeedsSmtputf8),
    ] {
        assert_eq!(recipient(line), Err(fault), "{line}");
    }
}
