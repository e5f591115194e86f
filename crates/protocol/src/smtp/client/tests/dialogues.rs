//! What the client says to servers of many kinds.

use super::*;

fn smtp() -> Config {
    Config::new("athens.test")
}

fn one(recipients: &[&str], body: &'static str) -> Sender {
    Sender::new(smtp(), &[(letter(recipients), &[body])])
}

#[test]
fn an_old_server() {
    let sender = talk(
        one(&["x@y", "no@y"], ".dot\nlast"),
        "S: 220 hello
         C: EHLO athens.test
         S: 502 what
         C: HELO athens.test
         S: 250 hello
         C: MAIL FROM:<a@b>
         S: 250 ok
         C: RCPT TO:<x@y>
         S: 250 ok
         C: RCPT TO:<no@y>
         S: 550-no such
         S: 550 user
         C: DATA
         S: 354 go
         C: ..dot
         C: last
         C: .
         S: 250 taken
         C: QUIT
         S: 221 bye",
    );
    assert!(sender.closed && sender.lost.is_none());
    assert_eq!(sender.fates(), ["250 taken", "550 no such user"]);
}

/// What was refused without end is refused; who was not answered is asked for elsewhere.
#[test]
fn a_refusal_without_end() {
    let mut script = "S: 220 hello
         C: EHLO athens.test
         S: 250 hello
         C: MAIL FROM:<a@b>
         S: 250 ok
         C: RCPT TO:<no@y>"
        .to_owned();
    (0..=crate::smtp::limits::REPLY_LINES_MAX).for_each(|_| script.push_str("\n         S: 550-5.1.1 nobody"));
    let sender = talk(one(&["no@y", "x@y"], "text"), &script);
    assert_eq!(sender.lost.as_ref().map(|(_, problem)| problem), Some(&Problem::Malformed("a reply without end")));
    let fates = sender.fates();
    assert!(fates[0].starts_with("550 5.1.1 nobody"), "{fates:?}");
    assert!(fates[1].starts_with("451 4.5.0"), "{fates:?}");
}

#[test]
fn a_pipelining_server() {
    let letters: [(Envelope, &[&str]); 2] =
        [(letter(&["x@y", "no@y"]), &["one\r\n"]), (letter(&["z@y"]), &["t", "wo"])];
    let sender = talk(
        Sender::new(smtp(), &letters),
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250-PIPELINING
         S: 250-SIZE 100
         S: 250 ENHANCEDSTATUSCODES
         C: MAIL FROM:<a@b> SIZE=5
         C: RCPT TO:<x@y>
         C: RCPT TO:<no@y>
         C: DATA
         S: 250 2.1.0 ok
         S: 250 2.1.5 ok
         S: 550 5.1.1 no
         S: 354 go
         C: one
         C: .
         S: 250 2.0.0 taken
         C: MAIL FROM:<a@b> SIZE=3
         C: RCPT TO:<z@y>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 452 4.3.1 full
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(sender.fates(), ["250 2.0.0 taken", "550 5.1.1 no", "452 4.3.1 full"]);
    assert_eq!((sender.reports[0].phase, sender.reports[1].phase), (Phase::BodyEnd, Phase::Data));
}

#[test]
fn all_recipients_refused() {
    // The server says 354 all the same: an empty body ends it, and what it answers does not matter.
    let letters: [(Envelope, &[&str]); 2] = [(letter(&["no@y"]), &["x"]), (letter(&["z@y"]), &["x"])];
    let sender = talk(
        Sender::new(smtp(), &letters),
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250 PIPELINING
         C: MAIL FROM:<a@b>
         C: RCPT TO:<no@y>
         C: DATA
         S: 250 ok
         S: 550 no
         S: 354 go
         C: .
         S: 554 no recipients
         C: MAIL FROM:<a@b>
         C: RCPT TO:<z@y>
         C: DATA
         S: 451 not now
         S: 503 what
         S: 503 what
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(sender.fates(), ["550 no", "451 not now"]);
    // Without pipelining nothing goes out in vain, and RSET clears the table.
    let sender = talk(
        Sender::new(smtp(), &letters),
        "S: 220 hello
         C: EHLO athens.test
         S: 250 hello
         C: MAIL FROM:<a@b>
         S: 250 ok
         C: RCPT TO:<no@y>
         S: 550 no
         C: RSET
         S: 250 ok
         C: MAIL FROM:<a@b>
         S: 550 no
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(sender.fates(), ["550 no", "550 no"]);
}

#[test]
fn a_chunking_server() {
    let letters: [(Envelope, &[&str]); 1] = [(letter(&["x@y"]), &["o\nne\r", "\n.two\n", "three"])];
    let sender = talk(
        Sender::new(smtp(), &letters),
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250-CHUNKING
         S: 250 PIPELINING
         C: MAIL FROM:<a@b>
         C: RCPT TO:<x@y>
         S: 250 ok
         S: 250 ok
         C: BDAT 5
         C: o
         C: neBDAT 8
         C: 
         C: .two
         S: 250 ok
         C: BDAT 5 LAST
         C: three
         S: 250 ok
         S: 250 taken
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(sender.fates(), ["250 taken"]);
}

#[test]
fn a_refused_chunk() {
    let letters: [(Envelope, &[&str]); 2] = [(letter(&["x@y"]), &["a", "b", "c", "d"]), (letter(&["x@y"]), &["z"])];
    let sender = talk(
        Sender::new(smtp(), &letters),
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250 CHUNKING
         C: MAIL FROM:<a@b>
         S: 250 ok
         C: RCPT TO:<x@y>
         S: 250 ok
         C: BDAT 1
         C: a
         S: 552 too much
         C: RSET
         S: 250 ok
         C: MAIL FROM:<a@b>
         S: 421 enough",
    );
    assert_eq!(sender.fates(), ["552 too much", "421 enough"]);
    assert!(sender.closed);
    assert_eq!(sender.reports[1].problem, Some(Problem::Refused(Reply::plain(421, "enough"))));
}

#[test]
fn what_the_peer_cannot_take_is_not_sent() {
    let unicode = Envelope { smtputf8: true, ..letter(&["x@y"]) };
    let binary = Envelope { body: envelope::BodyType::BinaryMime, ..letter(&["x@y"]) };
    let secret = Envelope { require_tls: envelope::RequireTls::Demanded, ..letter(&["x@y"]) };
    let sender = talk(
        Sender::new(
            smtp(),
            &[(unicode, &["x"]), (binary, &["x"]), (secret, &["x"]), (letter(&["x@y"]), &["much too long"])],
        ),
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250 SIZE 10
         C: QUIT
         S: 221 bye",
    );
    let codes: Vec<String> = sender.fates().iter().map(|fate| fate[..9].to_owned()).collect();
    assert_eq!(codes, ["550 5.6.7", "554 5.6.3", "550 5.7.3", "552 5.3.4"]);
}

#[test]
fn parameters_go_to_whom_they_mean_something() {
    let mut envelope = Envelope { smtputf8: true, body: envelope::BodyType::EightBitMime, ..letter(&["x@y", "z@y"]) };
    envelope.require_tls = envelope::RequireTls::Demanded;
    envelope.ret = Some(envelope::Return::Headers);
    envelope.envelope_id = Some("Q+2B1".into());
    envelope.recipients[0].notify = Some(envelope::Notify { success: true, failure: true, delay: false });
    envelope.recipients[0].original = Some("rfc822;x@y".into());
    envelope.recipients[1].notify = Some(envelope::Notify { success: false, failure: false, delay: false });
    talk(
        Sender::new(smtp(), &[(envelope, &["x"])]),
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250-DSN
         S: 250-8BITMIME
         S: 250-REQUIRETLS
         S: 250-SMTPUTF8
         S: 250 PIPELINING
         C: MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=Q+2B1
         C: RCPT TO:<x@y> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y
         C: RCPT TO:<z@y> NOTIFY=NEVER
         C: DATA",
    );
}

#[test]
fn lmtp() {
    let config = Config { lmtp: true, ..smtp() };
    let sender = talk(
        Sender::new(config, &[(letter(&["x@y", "no@y", "z@y"]), &["x"])]),
        "S: 220 hello
         C: LHLO athens.test
         S: 250-hello
         S: 250 PIPELINING
         C: MAIL FROM:<a@b>
         C: RCPT TO:<x@y>
         C: RCPT TO:<no@y>
         C: RCPT TO:<z@y>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 550 no
         S: 250 ok
         S: 354 go
         C: x
         C: .
         S: 250 taken
         S: 452 full
         C: QUIT
         S: 221 bye",
    );
    assert_eq!(sender.fates(), ["250 taken", "550 no", "452 full"]);
}

#[test]
fn starttls_forgets_what_was_said_before() {
    let mut sender = one(&["x@y"], "x");
    sender.wants_tls = true;
    talk(
        sender,
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250-PIPELINING
         S: 250 STARTTLS
         C: STARTTLS
         S: 220 go
         C: EHLO athens.test
         S: 250 hello
         C: MAIL FROM:<a@b>
         S: 250 ok
         C: RCPT TO:<x@y>",
    );
    let mut sender = one(&["x@y"], "x");
    sender.wants_tls = true;
    sender.hear(b"220 hello\r\n250-hello\r\n250 STARTTLS\r\n");
    sender.hear(b"220 go\r\n250 injected\r\n");
    assert_eq!(sender.lost.map(|(phase, _)| phase), Some(Phase::StartTls));
}

#[test]
fn connections_that_break() {
    for (said, phase) in [
        ("554 not you\r\n", Phase::Greeting),
        ("hello\r\n", Phase::Greeting),
        ("220 a\nb\r\n", Phase::Greeting),
        ("220 hello\r\n421 busy\r\n", Phase::Hello),
        ("220 hello\r\n500 no\r\n500 no\r\n", Phase::Hello),
        ("220 hello\r\n250 hello\r\n421 busy\r\n", Phase::Mail),
        ("220 hello\r\n250 hello\r\n250 ok\r\n25\r\n", Phase::Recipient),
        ("220 hello\r\n250 hello\r\n250 ok\r\n250 ok\r\n354 go\r\n421 busy\r\n", Phase::BodyEnd),
        ("220 hello\r\n250 hello\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n451 what\r\n", Phase::Quit),
    ] {
        let mut sender = one(&["x@y"], "x");
        for line in said.split_inclusive("\r\n") {
            sender.hear(line.as_bytes());
        }
        assert!(sender.closed, "{said:?}");
        match phase {
            Phase::Quit => assert_eq!(sender.fates(), ["250 ok"]),
            _ => assert_eq!(sender.lost.as_ref().map(|(at, _)| *at), Some(phase), "{said:?}"),
        }
        if phase >= Phase::Mail && phase < Phase::Quit {
            assert!(sender.reports[0].recipients[0].is_transient(), "{said:?}");
            assert_eq!(sender.reports[0].phase, phase, "{said:?}");
        }
    }
}

#[test]
fn every_phase_has_its_patience() {
    let patience = Patience::default();
    for (said, waits) in [
        ("", patience.greeting),
        ("220 hello\r\n", patience.command),
        ("220 hello\r\n250 hello\r\n", patience.command),
        ("220 hello\r\n250 hello\r\n250 ok\r\n250 ok\r\n", patience.data),
        ("220 hello\r\n250 hello\r\n250 ok\r\n250 ok\r\n354 go\r\n", patience.body_end),
    ] {
        let mut sender = one(&["x@y"], "x");
        for line in said.split_inclusive("\r\n") {
            sender.hear(line.as_bytes());
        }
        let deadline = sender.client.deadline().expect("waits");
        assert!(deadline <= Instant::now() + waits, "{said:?}");
        assert!(deadline > Instant::now() + waits - std::time::Duration::from_secs(30), "{said:?}");
        sender.client.timeout(deadline);
        sender.pump();
        assert!(sender.closed && sender.lost.is_some_and(|(_, problem)| problem == Problem::Timeout), "{said:?}");
    }
}

#[test]
fn who_is_given_up_has_not_answered_in_time() {
    let mut sender = one(&["x@y", "z@y"], "x");
    for line in ["220 hello\r\n", "250 hello\r\n", "250 ok\r\n", "550 nobody\r\n"] {
        sender.hear(line.as_bytes());
    }
    sender.client.give_up(Instant::now());
    sender.pump();
    let report = &sender.reports[0];
    assert_eq!((report.problem.as_ref(), report.phase), (Some(&Problem::Timeout), Phase::Recipient));
    assert_eq!((report.decided[0], report.decided[1]), (true, false));
    assert!(sender.closed);
}

#[test]
fn a_peer_that_talks_without_end() {
    let mut sender = one(&["x@y"], "x");
    for _ in 0..100_000 {
        sender.client.receive(Instant::now(), b"220-more and more and more\r\n");
    }
    sender.pump();
    assert!(sender.closed && sender.lost.is_some());
}

/// A yes where the letter has not been sent is no yes: the letter stays ours.
#[test]
fn a_yes_before_the_letter_is_none() {
    let sender = talk(
        one(&["x@y"], "text"),
        "S: 220 hello
         C: EHLO athens.test
         S: 250 hello
         C: MAIL FROM:<a@b>
         S: 250 ok
         C: RCPT TO:<x@y>
         S: 250 ok
         C: DATA
         S: 250 ok",
    );
    assert!(sender.fates()[0].starts_with("451 4.5.0 the server answered out of turn: 250 ok"), "{:?}", sender.fates());
    // A reply too many: the second 250 of RCPT is taken for that of DATA.
    let sender = talk(
        one(&["x@y"], "text"),
        "S: 220 hello
         C: EHLO athens.test
         S: 250-hello
         S: 250 PIPELINING
         C: MAIL FROM:<a@b>
         C: RCPT TO:<x@y>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 250 ok
         S: 354 go",
    );
    assert!(sender.fates()[0].starts_with("451 4.5.0 the server answered out of turn: 250 ok"), "{:?}", sender.fates());
}
