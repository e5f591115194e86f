//! The order of commands, one after the other and pipelined.

use super::*;

#[test]
fn a_letter() {
    let door = talk(
        plain(),
        "S: 220 mx.test ESMTP
         C: EHLO client.test
         S: 250-mx.test
         S: 250-PIPELINING
         S: 250-8BITMIME
         S: 250-ENHANCEDSTATUSCODES
         S: 250-DSN
         S: 250-HELP
         S: 250-SIZE 52428800
         S: 250-SMTPUTF8
         S: 250-CHUNKING
         S: 250-BINARYMIME
         S: 250 LIMITS RCPTMAX=1000 MAILMAX=10000
         C: MAIL FROM:<anna@athens.test> SIZE=100 BODY=8BITMIME
         S: 250 2.1.0
         C: RCPT TO:<kostas@patras.test>
         S: 250 2.1.5
         C: DATA
         S: 354 
         C: Subject: hello
         C: 
         C: ..dots
         C: .
         S: 250 2.0.0 taken
         C: QUIT
         S: 221 2.0.0",
    );
    assert!(door.closed);
    assert_eq!(
        door.seen,
        [
            "hello client.test",
            "mail <anna@athens.test> Some(100) EightBitMime",
            "rcpt kostas@patras.test",
            "data",
            "body \"Subject: hello\\r\\n\\r\\n.dots\\r\\n\"",
        ]
    );
}

#[test]
fn pipelined_commands_are_answered_in_one_piece() {
    let mut door = Door::open(plain());
    door.heard();
    door.say(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<no@b>\r\nRCPT TO:<x@b>\r\nDATA\r\n");
    let mut sends = Vec::new();
    door.say(b"hello\r\n.\r\nMAIL FROM:<>\r\n");
    sends.extend(lines(&door.heard()));
    let codes: Vec<&str> = sends.iter().map(|line| &line[..9]).collect();
    assert_eq!(
        codes[codes.len() - 6..],
        ["250 2.1.0", "550 5.1.1", "250 2.1.5", "354 go on", "250 2.0.0", "250 2.1.0"]
    );

    // All answers to one group leave in one Send.
    let mut server = Server::new(plain().shared(), Instant::now());
    let mut steps = Vec::new();
    server.receive(Instant::now(), b"HELO a\r\nNOOP\r\nRSET\r\nHELP\r\nQUIT\r\n");
    loop {
        match server.next() {
            Step::Event(Event::Connect) => server.accept_connection(),
            Step::Event(Event::Hello(_)) => server.accept_hello(),
            Step::Close => break,
            step => steps.push(step),
        }
    }
    assert_eq!(steps.len(), 1, "{steps:?}");
}

#[test]
fn commands_out_of_order() {
    let door = talk(
        plain(),
        "S: 220
         C: MAIL FROM:<a@b>
         S: 503 5.5.1
         C: RCPT TO:<a@b>
         S: 503 5.5.1
         C: DATA
         S: 503 5.5.1
         C: HELO client.test
         S: 250 mx.test
         C: RCPT TO:<a@b>
         S: 503 5.5.1
         C: MAIL FROM:<a@b>
         S: 250
         C: MAIL FROM:<a@b>
         S: 503 5.5.1
         C: DATA
         S: 503 5.5.1 no valid
         C: RCPT TO:<a@b>
         S: 250
         C: RSET
         S: 250
         C: DATA
         S: 503 5.5.1
         C: LHLO x
         S: 500 5.5.1
         C: AUTH PLAIN
         S: 502 5.5.1
         C: STARTTLS
         S: 502 5.5.1
         C: XYZZY
         S: 500 5.5.1
         C: MAIL FROM:a@b
         S: 501 5.1.7
         C: MAIL FROM:<a@b> FOO=BAR
         S: 555 5.5.4
         C: MAIL FROM:<a@b> REQUIRETLS
         S: 555 5.5.4
         C: VRFY anna
         S: 252 2.1.5 perhaps anna
         C: EXPN all
         S: 252
         C: NOOP whatever
         S: 250 2.0.0
         C: HELP
         S: 214-2.0.0
         S: 214 2.0.0",
    );
    assert_eq!(door.seen, ["hello client.test", "mail <a@b> None SevenBit", "rcpt a@b", "reset"]);
}

#[test]
fn refusals_of_the_service() {
    talk(
        plain(),
        "S: 220
         C: HELO a
         S: 250
         C: MAIL FROM:<no@b>
         S: 550 5.1.1
         C: RCPT TO:<a@b>
         S: 503
         C: MAIL FROM:<a@b>
         S: 250
         C: RCPT TO:<no@b>
         S: 550
         C: RCPT TO:<later@b>
         S: 451 4.3.0
         C: DATA
         S: 503
         C: RCPT TO:<Postmaster>
         S: 250
         C: DATA
         S: 354
         C: .
         S: 250",
    );
    let mut server = Server::new(plain().shared(), Instant::now());
    assert_eq!(server.next(), Step::Event(Event::Connect));
    server.refuse(&Reply::new(554, (5, 7, 1), "not you"));
    assert_eq!(server.next(), Step::Send(b"554 5.7.1 not you\r\n".to_vec()));
    assert_eq!(server.next(), Step::Close);
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let door = talk(
        Config { mode: Mode::Lmtp, chunking: false, ..plain() },
        "S: 220 mx.test LMTP
         C: EHLO a
         S: 500
         C: LHLO a
         S: 250-
         S: 250-
         S: 250-
         S: 250-
         S: 250-
         S: 250-
         S: 250-
         S: 250-
         S: 250 LIMITS
         C: MAIL FROM:<a@b>
         C: RCPT TO:<one@b>
         C: RCPT TO:<no@b>
         C: RCPT TO:<full@b>
         C: DATA
         S: 250
         S: 250
         S: 550
         S: 250
         S: 354
         C: x
         C: .
         S: 250 2.0.0 taken for one@b
         S: 452 4.2.2
         C: QUIT
         S: 221",
    );
    assert!(door.closed);
}

#[test]
fn smtputf8_addresses() {
    let door = talk(
        plain(),
        "S: 220
         C: HELO a
         S: 250
         C: MAIL FROM:<άννα@athens.test>
         S: 553 5.6.7
         C: MAIL FROM:<a@b>
         S: 250
         C: RCPT TO:<κώστας@patras.test>
         S: 553 5.6.7
         C: RSET
         S: 250
         C: MAIL FROM:<άννα@athens.test> SMTPUTF8
         S: 250
         C: RCPT TO:<κώστας@πάτρα.test>
         S: 250",
    );
    assert_eq!(door.seen.last().map(String::as_str), Some("rcpt κώστας@xn--hxak7bfo.test"));
}

#[test]
fn patience_ends_in_421() {
    let start = Instant::now();
    let mut server = Server::new(plain().shared(), start);
    assert_eq!(server.next(), Step::Event(Event::Connect));
    assert_eq!(server.deadline(), None, "the service owes an answer");
    server.accept_connection();
    assert!(matches!(server.next(), Step::Send(_)));
    let deadline = server.deadline().expect("waits for a command");
    assert_eq!(deadline, start + plain().command_patience);
    // A command that comes in drops wins no time.
    server.receive(start + std::time::Duration::from_secs(200), b"NO");
    assert_eq!(server.next(), Step::NeedInput);
    assert_eq!(server.deadline(), Some(deadline));
    server.timeout(deadline);
    let Step::Send(bytes) = server.next() else { panic!("no goodbye") };
    assert!(bytes.starts_with(b"421 4.4.2"));
    assert_eq!(server.next(), Step::Close);
}

#[test]
fn the_peer_goes_away() {
    let mut door = Door::open(plain());
    door.say(b"HELO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\nhalf a letter\r\n");
    door.server.end_of_input();
    door.pump();
    assert!(door.closed);
    assert!(!door.seen.iter().any(|seen| seen.starts_with("body")));
}

#[test]
fn shutting_down() {
    let mut door = Door::open(plain());
    door.heard();
    assert!(door.server.is_idle());
    door.say(b"HELO a\r\nMAIL FROM:<>\r\n");
    assert!(!door.server.is_idle());
    door.server.close("shutting down");
    door.pump();
    assert!(door.closed && door.heard().ends_with("421 4.3.2 shutting down\r\n"));
}

#[test]
fn help_names_what_this_door_has() {
    let words = |door: &mut Door| {
        door.heard();
        door.say(b"HELP\r\n");
        let heard = lines(&door.heard());
        heard[0].strip_prefix("214-2.0.0 ").map(str::to_owned).unwrap()
    };
    let all = "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY EXPN HELP";
    assert_eq!(words(&mut Door::open(plain())), format!("{all} QUIT"));
    let lmtp = Config { mode: Mode::Lmtp, chunking: false, ..plain() };
    assert_eq!(words(&mut Door::open(lmtp)), "LHLO MAIL RCPT DATA RSET NOOP VRFY EXPN HELP QUIT");
    let mut door = Door::open(submission());
    assert_eq!(words(&mut door), format!("{all} STARTTLS QUIT"));
    door.say(b"EHLO a\r\nSTARTTLS\r\n");
    assert_eq!(words(&mut door), format!("{all} AUTH QUIT"));
}
