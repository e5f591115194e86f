//! The vectors of the RFCs, whole exchanges of our two sides with each other, and what hostile clients send.

use proptest::prelude::*;

use super::client::{Client, Login, Plain, Scram, best};
use super::*;

fn tls() -> Tls {
    Tls {
        exporter: Some(b"exported keying material".to_vec()),
        server_end_point: Some(b"hash of the certificate".to_vec()),
        ..Tls::default()
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn password_request(user: &str, password: &str, authorize_as: Option<&str>, mechanism: &'static str) -> Next {
    Next::Ask(Request::Password {
        user: user.to_owned(),
        password: secret(password),
        authorize_as: authorize_as.map(str::to_owned),
        mechanism,
    })
}

fn keys_request(user: &str) -> Next {
    Next::Ask(Request::ScramKeys { user: user.to_owned() })
}

fn proved(user: &str, authorize_as: Option<&str>, mechanism: &'static str) -> Next {
    let authorize_as = authorize_as.map(str::to_owned);
    Next::Ask(Request::Proved { user: user.to_owned(), authorize_as, mechanism })
}

fn challenge(text: &str) -> Next {
    Next::Challenge(text.as_bytes().to_vec())
}

#[test]
fn names_of_mechanisms() {
    for mechanism in Mechanism::ALL {
        assert_eq!(Mechanism::parse(mechanism.name().as_bytes()), Some(mechanism));
        assert_eq!(Mechanism::parse(mechanism.name().to_lowercase().as_bytes()), Some(mechanism));
    }
    for unknown in ["", "PLAI", "PLAINE", "CRAM-MD5", "SCRAM-SHA-1", "PLAIN "] {
        assert_eq!(Mechanism::parse(unknown.as_bytes()), None, "{unknown}");
    }
}

#[test]
fn what_is_offered_depends_on_the_channel() {
    let names = |tls: Option<&Tls>, cleartext| {
        Mechanism::offered(tls, cleartext).map(Mechanism::name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(None, false), "SCRAM-SHA-256");
    assert_eq!(names(None, true), "SCRAM-SHA-256 PLAIN LOGIN");
    assert_eq!(names(Some(&Tls::default()), false), "SCRAM-SHA-256 PLAIN LOGIN");
    assert_eq!(names(Some(&tls()), false), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
}

/// RFC 4616 section 4, and the edges of its grammar.
#[test]
fn plain() {
    let ask = |message: &[u8]| Exchange::new(Mechanism::Plain, None).start(Some(message));
    assert_eq!(ask(b"\0tim\0tanstaaftanstaaf"), password_request("tim", "tanstaaftanstaaf", None, "PLAIN"));
    assert_eq!(ask(b"Ursel\0Kurt\0xipj3plmq"), password_request("Kurt", "xipj3plmq", Some("Ursel"), "PLAIN"));
    assert_eq!(ask(b"Kurt\0Kurt\0x"), password_request("Kurt", "x", None, "PLAIN"));
    assert_eq!(ask("\0κώστας\0ﬁ ½".as_bytes()), password_request("κώστας", "fi 1⁄2", None, "PLAIN"));
    assert_eq!(
        ask(b"\0kurt\0\xff\xfe"),
        Next::Ask(Request::password(b"kurt", b"\xff\xfe", "PLAIN").unwrap()),
        "a password of other octets stays as it is"
    );
    for bad in [&b""[..], b"kurt", b"\0kurt", b"\0kurt\0pass\0", b"\0k\xff\0pass", b"\xff\0kurt\0pass"] {
        assert_eq!(ask(bad), Next::Failed(Reason::Malformed), "{bad:?}");
    }
    for wrong in [&b"\0\0pass"[..], b"\0kurt\0", b"\0ku\x07rt\0pass"] {
        assert_eq!(ask(wrong), Next::Failed(Reason::Credentials), "{wrong:?}");
    }
    assert_eq!(ask(&vec![b'a'; limits::MESSAGE_OCTETS_MAX + 1]), Next::Failed(Reason::Malformed));
    let long = format!("\0kurt\0{}", "a".repeat(limits::PASSWORD_OCTETS_MAX + 1));
    assert_eq!(ask(long.as_bytes()), Next::Failed(Reason::Malformed));
}

#[test]
fn plain_without_an_initial_response() {
    let mut exchange = Exchange::new(Mechanism::Plain, None);
    assert_eq!(exchange.start(None), challenge(""));
    assert_eq!(exchange.respond(b"\0tim\0secret"), password_request("tim", "secret", None, "PLAIN"));
    assert_eq!(exchange.respond(b"\0tim\0secret"), Next::Failed(Reason::Malformed), "it is over");
}

#[test]
fn login() {
    let mut exchange = Exchange::new(Mechanism::Login, None);
    assert_eq!(exchange.start(None), challenge("Username:"));
    assert_eq!(exchange.respond(b"tim"), challenge("Password:"));
    assert_eq!(exchange.respond(b"secret"), password_request("tim", "secret", None, "LOGIN"));

    let mut exchange = Exchange::new(Mechanism::Login, None);
    assert_eq!(exchange.start(Some(b"tim\0")), challenge("Password:"));
    assert_eq!(exchange.respond(b"secret\0"), password_request("tim", "secret", None, "LOGIN"));

    for (user, password) in [(&b""[..], &b"secret"[..]), (b"t\0im", b"secret"), (b"\xff", b"secret"), (b"tim", b"")] {
        let mut exchange = Exchange::new(Mechanism::Login, None);
        assert_eq!(exchange.start(Some(user)), challenge("Password:"), "{user:?}");
        assert_eq!(exchange.respond(password), Next::Failed(Reason::Credentials), "{user:?}");
        assert!(exchange.user().is_some_and(|user| user.is_empty() || user == "tim"));
    }
}

/// RFC 7677 section 3.
const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn rfc_keys() -> ScramKeys {
    ScramKeys::derive(b"pencil", &decode_base64(SALT.as_bytes()).unwrap(), 4096)
}

fn at_client_final() -> Exchange {
    let mut exchange = Exchange::new(Mechanism::ScramSha256, None);
    assert_eq!(exchange.start(Some(CLIENT_FIRST.as_bytes())), keys_request("user"));
    assert_eq!(exchange.keys_with_nonce(Some(rfc_keys()), SERVER_NONCE), challenge(SERVER_FIRST));
    exchange
}

#[test]
fn scram_server_as_in_the_rfc() {
    let mut exchange = at_client_final();
    assert_eq!(exchange.respond(CLIENT_FINAL.as_bytes()), challenge(SERVER_FINAL));
    assert_eq!(exchange.respond(b""), proved("user", None, "SCRAM-SHA-256"));
}

#[test]
fn scram_client_as_in_the_rfc() {
    let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
    let mut client = Scram::with_nonce("user", &secret("pencil"), None, false, nonce).unwrap();
    assert_eq!(client.initial().unwrap(), CLIENT_FIRST.as_bytes());
    assert_eq!(client.respond(SERVER_FIRST.as_bytes()).unwrap(), CLIENT_FINAL.as_bytes());
    assert!(!client.is_satisfied());
    assert_eq!(client.respond(SERVER_FINAL.as_bytes()).unwrap(), b"");
    assert!(client.is_satisfied());
    assert_eq!(client.respond(SERVER_FINAL.as_bytes()), Err(Reason::Malformed));
    assert!(!client.is_satisfied());
}

#[test]
fn scram_client_final_that_is_wrong() {
    let nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let zeros = "p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (message, reason) in [
        (format!("c=biws,{nonce},{zeros}"), Reason::Credentials),
        (format!("c=biws,{nonce},p=AAAA"), Reason::Credentials),
        (format!("c=biws,{nonce},p="), Reason::Credentials),
        (format!("c=biws,{nonce},p=***"), Reason::Malformed),
        (format!("c=biws,{nonce}"), Reason::Malformed),
        (format!("c=eSws,{nonce},{proof}"), Reason::ChannelBinding),
        (format!("c=,{nonce},{proof}"), Reason::ChannelBinding),
        (format!("c=biws,r=rOprNGfwEbeRWgbNEkqO,{proof}"), Reason::Malformed),
        (format!("c=biws,{nonce}x,{proof}"), Reason::Malformed),
        (format!("{nonce},c=biws,{proof}"), Reason::Malformed),
        (format!("c=biws,{nonce},m=x,{proof}"), Reason::Unsupported),
        (format!("c=biws,{nonce},,{proof}"), Reason::Malformed),
        (format!("c=biws,{nonce},{proof},x=y"), Reason::Malformed),
        (format!("c=biws,{nonce},x=y,{proof}"), Reason::Credentials),
        (String::new(), Reason::Malformed),
        ("=".repeat(limits::MESSAGE_OCTETS_MAX + 1), Reason::Malformed),
    ] {
        let mut exchange = at_client_final();
        assert_eq!(exchange.respond(message.as_bytes()), Next::Failed(reason), "{message}");
        assert_eq!(exchange.user(), Some("user"), "for the journal");
        assert_eq!(exchange.respond(CLIENT_FINAL.as_bytes()), Next::Failed(Reason::Malformed), "no second try");
    }
    let mut exchange = at_client_final();
    assert_eq!(exchange.respond(CLIENT_FINAL.as_bytes()), challenge(SERVER_FINAL));
    assert_eq!(exchange.respond(b"x"), Next::Failed(Reason::Malformed), "nothing may follow");
}

#[test]
fn scram_client_first_read() {
    let ask = |message: &str| Exchange::new(Mechanism::ScramSha256, None).start(Some(message.as_bytes()));
    assert_eq!(ask("n,,n=a=2Cb=3Dc,r=x"), keys_request("a,b=c"));
    assert_eq!(ask("y,,n=user,r=x,e=ignored"), keys_request("user"));
    assert_eq!(ask("n,a=boss,n=user,r=x"), keys_request("user"));
    for (message, reason) in [
        ("", Reason::Malformed),
        ("n", Reason::Malformed),
        ("n,", Reason::Malformed),
        ("n,,", Reason::Malformed),
        ("n,,n=user", Reason::Malformed),
        ("n,,n=user,r=", Reason::Malformed),
        ("n,,r=x,n=user", Reason::Malformed),
        ("n,,n=,r=x", Reason::Malformed),
        ("n,,n=us=er,r=x", Reason::Malformed),
        ("n,,n=us=2cer,r=x", Reason::Malformed),
        ("n,,n=us\0er,r=x", Reason::Malformed),
        ("n,,n=user,r=x y", Reason::Malformed),
        ("n,,n=user,r=x,", Reason::Malformed),
        ("n,,m=ext,n=user,r=x", Reason::Unsupported),
        ("n,,n=user,r=x,m=ext", Reason::Unsupported),
        ("n,boss,n=user,r=x", Reason::Malformed),
        ("n,a=,n=user,r=x", Reason::Malformed),
        ("x,,n=user,r=x", Reason::Malformed),
        ("p=tls-exporter,,n=user,r=x", Reason::ChannelBinding),
        ("n,,n=us\u{7}er,r=x", Reason::Credentials),
    ] {
        assert_eq!(ask(message), Next::Failed(reason), "{message:?}");
    }
    let not_text = Exchange::new(Mechanism::ScramSha256, None).start(Some(b"n,,n=\xff,r=x"));
    assert_eq!(not_text, Next::Failed(Reason::Malformed));
    let long = format!("n,,n=user,r={}", "x".repeat(limits::NONCE_OCTETS_MAX + 1));
    assert_eq!(ask(&long), Next::Failed(Reason::Malformed));
}

#[test]
fn channel_binding_judged() {
    use Mechanism::{ScramSha256 as Bare, ScramSha256Plus as Plus};
    let ask = |mechanism, tls: Option<&Tls>, flag: &str| {
        Exchange::new(mechanism, tls).start(Some(format!("{flag},,n=user,r=x").as_bytes()))
    };
    let (bound, unbound) = (tls(), Tls::default());
    let failed = Next::Failed;
    assert_eq!(ask(Bare, Some(&bound), "n"), keys_request("user"));
    assert_eq!(ask(Bare, Some(&bound), "y"), failed(Reason::Downgrade));
    assert_eq!(ask(Bare, Some(&unbound), "y"), keys_request("user"));
    assert_eq!(ask(Bare, Some(&bound), "p=tls-exporter"), failed(Reason::ChannelBinding));
    assert_eq!(ask(Plus, Some(&bound), "p=tls-exporter"), keys_request("user"));
    assert_eq!(ask(Plus, Some(&bound), "p=tls-server-end-point"), keys_request("user"));
    assert_eq!(ask(Plus, Some(&bound), "p=tls-unique"), failed(Reason::Unsupported));
    assert_eq!(ask(Plus, Some(&bound), "n"), failed(Reason::ChannelBinding));
    assert_eq!(ask(Plus, Some(&bound), "y"), failed(Reason::ChannelBinding));
    assert_eq!(ask(Plus, Some(&unbound), "p=tls-exporter"), failed(Reason::Unsupported));
    assert_eq!(ask(Plus, None, "p=tls-exporter"), failed(Reason::Unsupported));
    assert_eq!(Exchange::new(Plus, None).start(None), failed(Reason::Unsupported));
}

/// Runs a client of ours against a server of ours; the last word of the server, and whether the client trusts it.
fn run(client: &mut dyn Client, server_tls: Option<&Tls>, keys: Option<&ScramKeys>) -> (Next, bool) {
    let mut exchange = Exchange::new(client.mechanism(), server_tls);
    let mut next = exchange.start(client.initial().as_deref());
    loop {
        next = match next {
            Next::Challenge(text) => match client.respond(&text) {
                Ok(answer) => exchange.respond(&answer),
                Err(reason) => Next::Failed(reason),
            },
            Next::Ask(Request::ScramKeys { .. }) => exchange.keys(keys.cloned()),
            last => return (last, client.is_satisfied()),
        };
    }
}

#[test]
fn both_sides_together() {
    let keys = ScramKeys::derive("ﬁne pass".as_bytes(), b"salt of sixteen!", 4096);
    let password = secret("fine pass");
    let tls = tls();
    let mut plus = Scram::new("us,er", &password, Some(&tls), true).unwrap();
    assert_eq!(run(&mut plus, Some(&tls), Some(&keys)), (proved("us,er", None, "SCRAM-SHA-256-PLUS"), true));
    let mut bare = Scram::new("user", &password, None, true).unwrap();
    assert_eq!(run(&mut bare, Some(&tls), Some(&keys)), (proved("user", None, "SCRAM-SHA-256"), true));
    let mut plain = Plain::new("user", &password).unwrap();
    assert_eq!(run(&mut plain, Some(&tls), None), (password_request("user", "fine pass", None, "PLAIN"), true));
    let mut login = Login::new("user", &password).unwrap();
    assert_eq!(run(&mut login, Some(&tls), None), (password_request("user", "fine pass", None, "LOGIN"), true));
}

#[test]
fn scram_refuses_who_stands_between() {
    let keys = ScramKeys::derive(b"pass", b"salt", 4096);
    let (ours, theirs) = (tls(), Tls { exporter: Some(b"another".to_vec()), ..tls() });
    let mut client = Scram::new("user", &secret("pass"), Some(&theirs), true).unwrap();
    assert_eq!(run(&mut client, Some(&ours), Some(&keys)), (Next::Failed(Reason::ChannelBinding), false));
    let mut misled = Scram::new("user", &secret("pass"), Some(&ours), false).unwrap();
    assert_eq!(run(&mut misled, Some(&ours), Some(&keys)), (Next::Failed(Reason::Downgrade), false));
    let mut wrong = Scram::new("user", &secret("Pass"), None, false).unwrap();
    assert_eq!(run(&mut wrong, None, Some(&keys)), (Next::Failed(Reason::Credentials), false));
    let mut stranger = Scram::new("nobody", &secret("pass"), None, false).unwrap();
    assert_eq!(run(&mut stranger, None, None), (Next::Failed(Reason::Credentials), false));
}

#[test]
fn invented_keys_are_stable_and_look_true() {
    let salt = |user: &str| {
        let mut exchange = Exchange::new(Mechanism::ScramSha256, None);
        exchange.start(Some(format!("n,,n={user},r=x").as_bytes()));
        let Next::Challenge(text) = exchange.keys(None) else { panic!("no challenge") };
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with(&format!(",i={}", limits::SCRAM_ITERATIONS)), "{text}");
        let (_, salt) = text.split_once(",s=").unwrap();
        assert_eq!(decode_base64(salt.split(',').next().unwrap().as_bytes()).unwrap().len(), limits::SALT_OCTETS);
        salt.to_owned()
    };
    assert_eq!(salt("nobody"), salt("nobody"));
    assert_ne!(salt("nobody"), salt("noone"));
    let (a, b) = (ScramKeys::invented(b"secret", "a", 10_000), ScramKeys::invented(b"other", "a", 10_000));
    assert_eq!(a, ScramKeys::invented(b"secret", "a", 10_000));
    assert_ne!(a.salt, b.salt);
    assert_ne!(a.stored_key, a.server_key);
}

#[test]
fn a_client_trusts_no_server_blindly() {
    let client = || Scram::with_nonce("user", &secret("pencil"), None, false, "abc".to_owned()).unwrap();
    for (server_first, reason) in [
        ("r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", Reason::Unsupported),
        ("r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295", Reason::Unsupported),
        ("r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999999999999", Reason::Malformed),
        ("r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1", Reason::Malformed),
        ("r=abc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", Reason::Malformed),
        ("r=xyzdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", Reason::Malformed),
        ("m=x,r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", Reason::Unsupported),
        ("r=abcdef,s=**,i=4096", Reason::Malformed),
        ("r=abcdef,i=4096", Reason::Malformed),
        ("v=AAAA", Reason::Malformed),
        ("", Reason::Malformed),
    ] {
        let mut client = client();
        client.initial();
        assert_eq!(client.respond(server_first.as_bytes()), Err(reason), "{server_first}");
    }
    for (server_final, reason) in [
        ("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Reason::Credentials),
        ("v=", Reason::Credentials),
        ("e=invalid-proof", Reason::Credentials),
        ("", Reason::Malformed),
    ] {
        let mut client = client();
        client.initial();
        client.respond(b"r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").unwrap();
        assert_eq!(client.respond(server_final.as_bytes()), Err(reason), "{server_final}");
        assert!(!client.is_satisfied());
    }
}

#[test]
fn the_best_mechanism_is_taken() {
    let (tls, plain_tls) = (tls(), Tls::default());
    let pick = |offered: &[Mechanism], tls: Option<&Tls>| {
        best(offered, "user", &secret("pass"), tls).unwrap().map(|client| client.mechanism())
    };
    assert_eq!(pick(&Mechanism::ALL, Some(&tls)), Some(Mechanism::ScramSha256Plus));
    assert_eq!(pick(&Mechanism::ALL, Some(&plain_tls)), Some(Mechanism::ScramSha256));
    assert_eq!(pick(&[Mechanism::Login, Mechanism::Plain], Some(&tls)), Some(Mechanism::Plain));
    assert_eq!(pick(&[Mechanism::Login, Mechanism::Plain], None), None, "no password in clear");
    assert_eq!(pick(&[], Some(&tls)), None);
}

#[test]
fn base64_is_strict() {
    assert_eq!(decode_base64(b"AGEA").unwrap(), b"\0a\0");
    assert_eq!(decode_base64(b"").unwrap(), b"");
    for bad in ["=", "A", "AGE", "AGEA ", " AGEA", "AG\r\nEA", "AGEA====", "AGF_", "*", "YQ=", "YR=="] {
        assert_eq!(decode_base64(bad.as_bytes()), None, "{bad:?}");
    }
    assert_eq!(decode_initial_response(b"=").unwrap(), b"");
    assert_eq!(decode_initial_response(b"YQ==").unwrap(), b"a");
}

#[test]
fn secrets_do_not_print() {
    let printed = format!("{:?} {:?}", Request::password(b"user", b"hunter2", "PLAIN").unwrap(), rfc_keys());
    assert!(printed.contains("user") && !printed.contains("hunter2") && !printed.contains("stored"), "{printed}");
}

proptest! {
    #[test]
    fn nothing_that_is_sent_breaks_it(
        which in 0..4usize,
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        known in any::<bool>(),
    ) {
        let mut exchange = Exchange::new(Mechanism::ALL[which], Some(&tls()));
        let keys = ScramKeys::invented(b"s", "u", 4096);
        let mut next = exchange.start(None);
        for message in &messages {
            next = match next {
                Next::Ask(Request::ScramKeys { .. }) => exchange.keys(known.then(|| keys.clone())),
                _ => exchange.respond(message),
            };
            let proved = matches!(next, Next::Ask(Request::Proved { .. }));
            prop_assert!(!proved);
        }
    }

    #[test]
    fn names_survive_the_wire(name in "[ -~α-ω]{1,40}") {
        prop_assert_eq!(scram::decode_name(&scram::encode_name(&name)).unwrap(), name);
    }
}
