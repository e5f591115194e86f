//! Tables: routes, letters and keys.

use super::*;
use crate::route::{Credentials, Protocol};

fn route(domains: &[&str], senders: &[&str], to: &str) -> Route {
    Route {
        domains: DomainSet::new(domains.iter().map(|text| text.parse().unwrap()).collect()),
        senders: senders.iter().map(|text| text.parse().unwrap()).collect(),
        to: To::parse([to]).unwrap(),
        options: Options::default(),
    }
}

fn as_user(user: &str, route: Route) -> Route {
    let credentials = Credentials { user: user.to_owned(), password_file: "/etc/secret".into() };
    Route { options: Options { credentials: Some(credentials), ..route.options.clone() }, ..route }
}

fn from(text: &str) -> ReversePath {
    if text.is_empty() { ReversePath::Null } else { ReversePath::Address(Address::parse(text).unwrap()) }
}

fn to(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[test]
fn without_routes_mail_goes_to_the_domain_of_its_recipient() {
    let table = Table::new(vec![]);
    for (recipient, key) in [
        ("x@Patras.test", "patras.test"),
        ("x@[192.0.2.1]", "[192.0.2.1]"),
        ("x@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
    ] {
        assert_eq!(table.destination(&from("a@b.test"), &to(recipient)), key);
        let hop = table.find(key).unwrap();
        assert_eq!((hop.host.unwrap().to_string().as_str(), &*hop.to, hop.route), (key, &To::Mx, None));
    }
    assert!(table.find("not a domain").unwrap().host.is_none());
    assert_eq!(table.find("smtp:relay.test:587"), None);
}

#[test]
fn the_first_that_matches_wins() {
    let table = Table::new(vec![
        route(&["exact.test"], &[], "lmtp:/run/lmtp"),
        route(&[".exact.test"], &[], "lmtp://inner.test"),
        route(&["away.test"], &[], "reject:5.1.6 gone"),
        route(&[], &["@bulk.test"], "smtp://bulk.relay.test:2525"),
        route(&[], &["Boss@own.test"], "mx"),
        route(&[], &["<>"], "smtp://notices.test"),
        route(&["direct.test"], &[], "mx"),
        route(&[], &[], "smtp://relay.test:587"),
    ]);
    let refusal = |recipient: &str| table.refusal(&from("a@own.test"), &to(recipient)).map(ToString::to_string);
    assert_eq!(refusal("x@away.test").as_deref(), Some("550 5.1.6 gone"));
    assert_eq!(refusal("x@exact.test"), None);
    for (sender, recipient, key, index) in [
        ("a@own.test", "x@exact.test", "lmtp:/run/lmtp", 0),
        ("a@bulk.test", "x@exact.test", "lmtp:/run/lmtp", 0),
        ("a@own.test", "x@below.exact.test", "lmtp:inner.test", 1),
        ("a@own.test", "x@away.test", "reject:5.1.6 gone", 2),
        ("a@bulk.test", "x@else.test", "smtp:bulk.relay.test:2525", 3),
        ("a@sub.bulk.test", "x@else.test", "smtp:relay.test:587", 7),
        ("boss@own.test", "x@else.test", "else.test;Boss@own.test", 4),
        ("", "x@else.test", "smtp:notices.test", 5),
        ("a@own.test", "x@direct.test", "direct.test", 6),
        ("a@own.test", "x@[192.0.2.1]", "smtp:relay.test:587", 7),
    ] {
        let (sender, recipient) = (from(sender), to(recipient));
        assert_eq!(table.destination(&sender, &recipient), key, "{sender:?} {recipient}");
        assert_eq!(table.route(&sender, &recipient).map(|(found, _)| found), Some(index), "{sender:?} {recipient}");
        // A key leads back to the route that it came from.
        let hop = table.find(key).unwrap();
        assert_eq!((hop.key.as_str(), hop.route), (key, Some(index)));
        assert_eq!(*hop.to, table.routes().nth(index).unwrap().to);
    }
}

#[test]
fn a_key_that_no_letter_has_any_more_is_not_found() {
    let table = Table::new(vec![route(&["a.test"], &["@b.test"], "mx"), route(&[], &[], "smtp://relay.test:587")]);
    for gone in ["patras.test", "[192.0.2.1]", "smtp:relay.test", "lmtp:/run/lmtp", "a.test;@c.test", "c.test;@b.test"]
    {
        assert_eq!(table.find(gone), None, "{gone}");
    }
    assert!(table.find("a.test;@b.test").is_some());
}

#[test]
fn ways_that_differ_have_keys_that_differ() {
    let plain = |domain: &str| route(&[domain], &[], "smtp://relay.test:587");
    let limited = Route { options: Options { mx: true, ..Options::default() }, ..plain("limited.test") };
    let table = Table::new(vec![
        as_user("anna", plain("anna.test")),
        as_user("kostas", plain("kostas.test")),
        as_user("anna", plain("again.test")),
        limited.clone(),
        Route { domains: plain("more.test").domains, ..limited },
        route(&["one.test"], &["@b.test"], "mx"),
        route(&["two.test"], &["@b.test"], "mx"),
    ]);
    for (recipient, key) in [
        ("x@anna.test", "smtp:relay.test:587"),
        ("x@again.test", "smtp:relay.test:587"),
        ("x@kostas.test", "smtp:relay.test:587;kostas"),
        ("x@limited.test", "smtp:relay.test:587;2"),
        ("x@more.test", "smtp:relay.test:587;2"),
        ("x@one.test", "one.test;@b.test"),
        ("x@two.test", "two.test;@b.test;2"),
    ] {
        assert_eq!(table.destination(&from("a@b.test"), &to(recipient)), key);
        let hop = table.find(key).unwrap_or_else(|| panic!("{key}"));
        let wanted = table.route(&from("a@b.test"), &to(recipient)).unwrap().1;
        assert_eq!((&*hop.to, &*hop.options), (&wanted.to, &wanted.options));
    }
}

#[test]
fn routes_that_no_letter_takes() {
    for (earlier, later, wanted) in [
        (route(&[], &[], "mx"), route(&["a.test"], &["@b.test"], "mx"), true),
        (route(&[".a.test", "a.test"], &[], "mx"), route(&["a.test", "x.a.test", ".x.a.test"], &[], "mx"), true),
        (route(&["a.test"], &[], "mx"), route(&["a.test", "b.test"], &[], "mx"), false),
        (route(&["a.test"], &["@b.test"], "mx"), route(&["a.test"], &[], "mx"), false),
        (route(&["a.test"], &["@b.test"], "mx"), route(&["a.test"], &["x@b.test"], "mx"), true),
        (route(&["a.test"], &["x@b.test"], "mx"), route(&["a.test"], &["@b.test"], "mx"), false),
        (route(&[], &["<>"], "mx"), route(&[], &["<>", "@b.test"], "mx"), false),
        (route(&["a.test"], &[], "mx"), route(&[], &[], "mx"), false),
    ] {
        let table = Table::new(vec![earlier.clone(), later.clone()]);
        assert_eq!(table.shadowed() == [(1, 0)], wanted, "{earlier:?} {later:?}");
    }
    let table = Table::new(vec![route(&["a.test"], &[], "mx"), route(&[".b.test", "a.test", "c.test"], &[], "mx")]);
    assert_eq!(
        table.named().iter().map(|(index, name)| (*index, name.as_str())).collect::<Vec<_>>(),
        [(0, "a.test"), (1, "c.test")]
    );
}

#[test]
fn ways_as_they_are_written() {
    for (text, key) in [
        ("mx", "mx"),
        ("smtp://relay.test", "smtp:relay.test"),
        ("smtp://Relay.test:587/", "smtp:relay.test:587"),
        ("smtps://192.0.2.1", "smtps:192.0.2.1"),
        ("smtp://[192.0.2.1]:26", "smtp:192.0.2.1:26"),
        ("lmtp://[2001:db8::1]:24", "lmtp:[2001:db8::1]:24"),
        ("lmtp:/run/dovecot/lmtp", "lmtp:/run/dovecot/lmtp"),
        ("lmtp:unix:/run/lmtp", "lmtp:/run/lmtp"),
        ("reject:no such place", "reject:5.7.1 no such place"),
        ("reject:5.1.2 no such place", "reject:5.1.2 no such place"),
        ("reject:", "reject:5.7.1 mail to this address is not taken"),
    ] {
        assert_eq!(To::parse([text]).unwrap_or_else(|error| panic!("{text}: {error}")).to_string(), key);
    }
    let several = To::parse(["smtp://a.test", "smtp://b.test:26"]).unwrap();
    assert_eq!(several.to_string(), "smtp:a.test,b.test:26");
    let To::Hosts { protocol: Protocol::Smtp, endpoints } = several else { panic!() };
    let lab = Options { port: Some(27), ..Options::default() };
    assert_eq!(endpoints[0].port(Protocol::Smtp, &Options::default(), 25), Some(25));
    assert_eq!(endpoints[0].port(Protocol::Smtp, &lab, 25), Some(27));
    assert_eq!(endpoints[1].port(Protocol::Smtp, &lab, 25), Some(26));
    assert_eq!(endpoints[0].port(Protocol::Smtps, &Options::default(), 25), Some(465));
    assert_eq!(endpoints[0].port(Protocol::Lmtp, &Options::default(), 25), Some(24));
}

#[test]
fn ways_that_are_none_are_refused_with_the_reason() {
    for (texts, wanted) in [
        (vec![], "it names no host"),
        (vec!["relay.test"], "is no way"),
        (vec!["http://relay.test"], "is no way"),
        (vec!["smtp:relay.test:25"], "is no way"),
        (vec!["smtp://"], "it names no host"),
        (vec!["smtp://:25"], "it names no host"),
        (vec!["smtp://a..b"], "is no host"),
        (vec!["smtp://a.test:0"], "is no port"),
        (vec!["smtp://a.test:70000"], "is no port"),
        (vec!["smtp://a.test:x"], "is no port"),
        (vec!["smtp://anna:secret@a.test"], "`password_file`"),
        (vec!["smtp://a.test/path"], "more than a host"),
        (vec!["smtp:/run/socket"], "write \"lmtp:/run/socket\""),
        (vec!["lmtp:unix:run/socket"], "no absolute path"),
        (vec!["mx", "smtp://a.test"], "\"mx\" stands alone"),
        (vec!["smtp://a.test", "reject:x"], "\"reject:x\" stands alone"),
        (vec!["smtp://a.test", "lmtp://b.test"], "here are smtp and lmtp"),
        (vec!["reject:a\r\nb"], "on one line"),
        (vec!["reject:4.0.0 later"], "begins with 5"),
    ] {
        let error = To::parse(texts.clone()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{texts:?}: {error}");
    }
}

#[test]
fn senders_as_they_are_written() {
    for good in ["a@b.test", "@b.test", "@.b.test", "<>"] {
        assert_eq!(good.parse::<Sender>().unwrap().to_string(), good);
    }
    for bad in ["", "b.test", "@", "a@", "@b..test", "<a@b.test>"] {
        assert!(bad.parse::<Sender>().is_err(), "{bad:?}");
    }
}
