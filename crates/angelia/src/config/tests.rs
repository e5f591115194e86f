//! Tests of the configuration: what is read, what is refused and how, and that the written documents are true.

use std::path::{Path, PathBuf};

use mhs::mta::outbound::tls::TlsPolicy;
use mhs::route::{Options, Prefer};

use super::keys::{self, Default};
use super::{Bodies, Dnssec, Engine, Settings, docs, parse};

fn read(text: &str) -> Result<Settings, Vec<String>> {
    let named = |problems: Vec<super::Problem>| {
        let name = |line: Option<usize>| line.map_or("-".to_owned(), |line| line.to_string());
        problems.into_iter().map(|problem| format!("{}: {}", name(problem.line), problem.text)).collect()
    };
    parse(text, Path::new("/etc/angelia")).map_err(named)
}

fn problem(text: &str) -> String {
    let mut problems = read(text).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn one_line_is_enough() {
    let settings = read("hostname = \"mail.example.org\"").unwrap();
    assert_eq!(settings.data, Path::new("/var/lib/angelia"));
    assert_eq!(settings.listen.len(), 7);
    assert_eq!(settings.message_octets_max, 50 << 20);
    assert_eq!(settings.backoff, queue::Backoff::default());
    assert_eq!(settings.storage, Engine::Embedded);
    assert!(settings.tls.self_signed);
    assert!(settings.dns_server.is_none());
}

#[test]
fn what_the_file_says_holds() {
    let text = "hostname = \"MAIL.example.org\"\ndata = \"mail\"\n[smtp]\nlisten = \"127.0.0.1:10025\"\n\
                [pop3]\nlisten = []\n[limits]\nmessage_size = \"1 MiB\"\n[queue]\nretry_first = \"2s\"\n\
                [tls]\ncertificate = [\"a.pem\", \"b.pem\"]\nkey = [\"a.key\", \"/b.key\"]\n[dns]\nserver = \"::1\"\n";
    let settings = read(text).unwrap();
    assert_eq!(settings.hostname.as_str(), "mail.example.org");
    assert_eq!(settings.data, Path::new("/etc/angelia/mail"));
    assert_eq!(settings.listen[0].address.to_string(), "127.0.0.1:10025");
    assert_eq!(settings.listen.len(), 6);
    assert_eq!(settings.message_octets_max, 1 << 20);
    assert_eq!(settings.backoff.first.as_secs(), 2);
    assert_eq!(settings.tls.certificates[1].key, Path::new("/b.key"));
    assert_eq!(settings.tls.certificates[0].chain, Path::new("/etc/angelia/a.pem"));
    assert_eq!(settings.dns_server.unwrap().to_string(), "[::1]:53");
}

#[test]
fn a_problem_says_what_and_where() {
    let start = "hostname = \"a.test\"\n";
    let table = [
        ("", "-: `hostname`: is missing; write for instance hostname = \"mail.example.org\""),
        ("hostname = \"a..b\"", "1: `hostname`: \"a..b\": the domain holds what a domain name cannot hold"),
        ("hostname = \"192.0.2.1\"", "1: `hostname`: \"192.0.2.1\" is an address; write"),
        ("hostname = \"[IPv6:2001:db8::1]\"", "is an address"),
        ("hostname = \"localhost\"", "is what every machine calls itself"),
        ("hostname = \"mail\"", "\"mail\" has no dot"),
        ("hostname = \"a.test\"\n\n[queue]\nretry-first = \"5m\"\n", "did you mean `queue.retry_first`?"),
        (
            "hostname = \"a.test\"\n[qeue]\nlifetime = \"5d\"\n",
            "2: there is no section `[qeue]`; did you mean `[queue]`?",
        ),
        ("hostname = \"a.test\"\nqueue = 5\n", "2: `queue` is a section; write `[queue]`"),
        ("hostname = \"a.test\"\nx = \n", "2: "),
        ("hostname = \"a.test\"\nhostname = \"b.test\"\n", "2: "),
    ];
    for (text, wanted) in table {
        let found = problem(text);
        assert!(found.contains(wanted), "{text:?}: {found:?}");
    }
    let table = [
        ("[limits]\nrecipients = 0\n", "3: `limits.recipients`: wants number, 1 to 100000"),
        ("[limits]\nmessage_size = \"big\"\n", "3: `limits.message_size`: \"big\" is no size"),
        ("[limits]\nmessage_size = 0\n", "3: `limits.message_size`: 0 octets are too few; wants size"),
        ("[limits]\nmessage_size = \"63 KiB\"\n", "64 KiB at least"),
        ("[queue]\nlifetime = 5\n", "3: `queue.lifetime`: wants duration"),
        ("[queue]\nretry_first = \"1d\"\n", "`queue.retry_longest`: is shorter than `queue.retry_first`"),
        ("[imap]\nlisten = \"143\"\n", "3: `imap.listen`: \"143\" is no address with a port"),
        ("[imap]\nlisten = \"[::]:25\"\n", "`imap.listen`: [::]:25 is taken by `smtp.listen` already"),
        ("[relay]\nnetworks = [\"0.0.0.0/0\"]\n", "3: `relay.networks`: \"0.0.0.0/0\" is everybody"),
        ("[relay]\nnetworks = [\"128.0.0.0/1\"]\n", "\"128.0.0.0/1\" is a large part of the Internet"),
        ("[relay]\nnetworks = [\"x\", \"::1\", \"::/0\"]\n", "; \"::/0\" is everybody"),
        ("[imap]\nlisten = [\"143\", \"[::]:144\", \"x\"]\n", "; \"x\" is no address with a port"),
        ("[tlsrpt]\nsend = true\n", "`tlsrpt.send`: reports need a sender"),
        ("[tls]\ncertificate = \"a.pem\"\n", "`tls.key`: there are 1 certificates and 0 keys"),
        ("[storage]\nurl = \"postgres://x\"\n", "`storage.url`: is for the engine \"postgres\""),
        ("[journal]\nformat = \"xml\"\n", "3: `journal.format`: wants \"auto\" or \"text\" or \"json\" or \"off\""),
        ("[signin]\nwithout_tls = \"yes\"\n", "3: `signin.without_tls`: wants true or false"),
        ("[dns]\ndnssec = \"ad\"\n", "`dns.dnssec`: `ad` needs a `dns.server`"),
        ("[dns]\ndnssec = \"ad\"\nserver = \"192.0.2.1\"\n", "`dns.dnssec`: the name server is not on this machine"),
        ("[dns]\ndnssec = \"yes\"\n", "`dns.dnssec`: wants \"off\" or \"ad\" or \"validate\""),
        ("[dns]\nserver = 1979-05-27\n", "3: `dns.server`: is a date; wants address"),
    ];
    for (text, wanted) in table {
        let found = problem(&format!("{start}{text}"));
        assert!(found.contains(wanted), "{text:?}: {found:?}");
    }
}

#[test]
fn a_laboratory_is_known_by_its_ports() {
    const ON_LOOPBACK: &str = "smtp.listen = [\"127.0.0.1:25\"]\nsubmission.listen = []\nsubmissions.listen = []\n\
                               imap.listen = []\nimaps.listen = [\"[::1]:993\"]\npop3.listen = []\npop3s.listen = []\n";
    let table = [
        ("", false),
        ("dns.server = \"127.0.0.1\"\n", false),
        ("dns.server = \"127.0.0.1:5353\"\n", true),
        ("outbound.port = 2525\n", true),
        ("outbound.port = 2525\noutbound.allow_loopback = false\n", false),
        ("outbound.allow_loopback = true\n", true),
        (ON_LOOPBACK, true),
    ];
    for (text, wanted) in table {
        let settings =
            read(&format!("hostname = \"a.test\"\n{text}")).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(settings.outbound.loopback, wanted, "{text:?}");
    }
}

#[test]
fn routes_stand_one_below_the_other() {
    let text = "hostname = \"a.test\"\n[outbound]\nsource = [\"192.0.2.1\", \"2001:db8::1\"]\nprefer = \"ipv4\"\n\
                hello_name = \"out.a.test\"\n[relay]\ndomains = [\"b.test\", \".c.test\"]\n\
                [[route]]\ndomain = \"d.test\"\nto = \"lmtp:/run/lmtp\"\n\
                [[route]]\nsender = [\"@e.test\", \"<>\"]\nto = [\"smtps://f.test\", \"smtps://g.test:466\"]\nmx = true\n\
                user = \"anna\"\npassword_file = \"secret\"\ntls = \"required\"\nsource = \"192.0.2.2\"\n\
                connections = 2\nrate = \"100/h\"\nport = 467\n";
    let settings = read(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(settings.outbound.sources.addresses().count(), 2);
    assert_eq!(settings.outbound.prefer, Prefer::V4);
    assert_eq!(settings.outbound.hello_name.unwrap().as_str(), "out.a.test");
    assert_eq!(settings.relay_domains.patterns().len(), 2);
    assert_eq!(settings.routes.iter().map(|route| route.line).collect::<Vec<_>>(), [8, 11]);
    let (first, second) = (&settings.routes[0].route, &settings.routes[1].route);
    assert_eq!((first.to.to_string().as_str(), &first.options), ("lmtp:/run/lmtp", &Options::default()));
    assert_eq!(second.to.to_string(), "smtps:f.test,g.test:466");
    assert_eq!(second.senders.iter().map(ToString::to_string).collect::<Vec<_>>(), ["@e.test", "<>"]);
    let Options { mx, port, credentials, tls, sources, limits } = second.options.clone();
    assert!(mx && port == Some(467) && tls == Some(TlsPolicy::Required) && sources.v6.is_none());
    assert_eq!(credentials.unwrap().password_file, Path::new("/etc/angelia/secret"));
    assert_eq!((limits.connections_max, limits.rate.unwrap().letters), (2, 100));
    assert!(read("hostname = \"a.test\"\n").unwrap().routes.is_empty());
}

#[test]
fn what_destinations_bear_is_said_once_and_by_routes() {
    let text = "hostname = \"a.test\"\n[outbound]\nconnections = 7\nrate = \"60/m\"\n\
                [[route]]\ndomain = \"b.test\"\nto = \"mx\"\nconnections = 2\n\
                [[route]]\ndomain = \"c.test\"\nto = \"reject:no\"\n";
    let table = super::table(&read(text).unwrap());
    let limits = |key: &str| table.find(key).map(|hop| hop.options.limits).unwrap();
    for (key, connections) in [("b.test", 2), ("d.test", 7), ("[192.0.2.1]", 7), ("no address", 7)] {
        let found = limits(key);
        assert_eq!((found.connections_max, found.rate.unwrap().letters), (connections, 60), "{key}");
    }
    let usual = super::table(&read("hostname = \"a.test\"\n").unwrap()).find("b.test").unwrap().options.limits;
    assert_eq!(usual, mhs::mta::outbound::SiteLimits::default());
}

#[test]
fn what_is_wrong_with_a_route_is_told_with_its_line() {
    for (text, wanted) in [
        ("domain = \"b.test\"\n", "2: `route.to`: is missing; write for instance to = "),
        ("to = \"relay.test\"\n", "3: `route.to`: \"relay.test\" is no way; write \"mx\""),
        ("to = [\"mx\", \"smtp://a.test\"]\n", "3: `route.to`: \"mx\" stands alone"),
        ("to = []\n", "3: `route.to`: it names no host"),
        ("to = \"mx\"\ndomain = [\"a..b\", \"c.test\"]\n", "4: `route.domain`: \"a..b\": the domain holds"),
        ("to = \"mx\"\nsender = \"b.test\"\n", "4: `route.sender`: \"b.test\": the address has no @; write"),
        ("to = \"mx\"\nrate = \"fast\"\n", "4: `route.rate`: \"fast\" is no rate"),
        ("to = \"mx\"\nconnections = 0\n", "4: `route.connections`: wants number, 1 to 1000"),
        ("to = \"mx\"\nsource = [\"192.0.2.1\", \"192.0.2.2\"]\n", "192.0.2.2 is one too many"),
        ("to = \"mx\"\nmx = true\n", "2: `route.mx`: is for hosts that `to` names"),
        ("to = \"mx\"\ntls = \"always\"\n", "wants \"opportunistic\" or \"required\" or \"verify\""),
        ("to = \"smtp://a.test\"\nuser = \"anna\"\n", "2: `route.user`: needs `password_file`"),
        ("to = \"smtp://a.test\"\npassword_file = \"x\"\n", "2: `route.password_file`: needs `user`"),
        ("to = \"reject:no\"\ntls = \"verify\"\n", "2: `route.to`: refuses mail"),
        ("to = \"lmtp:/run/lmtp\"\ntls = \"required\"\n", "2: `route.tls`: cannot be had over a socket"),
        ("to = \"smtps://a.test\"\ntls = \"never\"\n", "2: `route.tls`: is \"never\""),
        ("to = \"mx\"\nsendr = \"@b.test\"\n", "4: there is no key `route.sendr`; did you mean `route.sender`?"),
    ] {
        let found = problem(&format!("hostname = \"a.test\"\n[[route]]\n{text}"));
        assert!(found.contains(wanted), "{text:?}: {found:?}");
    }
    for (text, wanted) in [
        ("[route]\nto = \"mx\"\n", "2: there can be several of `route`; write `[[route]]`"),
        ("[[rout]]\nto = \"mx\"\n", "2: there is no section `[rout]`; did you mean `[[route]]`?"),
        ("route = \"mx\"\n", "2: there can be several of `route`"),
        ("route = [\"mx\"]\n", "2: there can be several of `route`"),
        ("[[queue]]\nlifetime = \"5d\"\n", "2: `queue` is a section; write `[queue]`"),
        ("[outbound]\nprefer = \"ipv5\"\n", "3: `outbound.prefer`: wants \"ipv6\" or"),
        ("[outbound]\nsource = \"here\"\n", "3: `outbound.source`: \"here\" is no address"),
        ("[outbound]\nhello_name = \"a..b\"\n", "3: `outbound.hello_name`: \"a..b\": the domain"),
        ("[relay]\ndomains = \"*\"\n", "3: `relay.domains`: \"*\": the domain"),
    ] {
        let found = problem(&format!("hostname = \"a.test\"\n{text}"));
        assert!(found.contains(wanted), "{text:?}: {found:?}");
    }
}

#[test]
fn all_problems_are_told_in_the_order_of_their_lines() {
    let problems = read("hostnam = \"a\"\n[smtp]\nlisten = 5\n[imap]\nlisten = 6\n").unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["1", "3", "5", "-"]);
}

#[test]
fn of_two_keys_the_one_that_stands_there_is_named() {
    for (text, wanted) in [
        ("[queue]\nretry_longest = \"1s\"\n", "3: `queue.retry_longest`: is shorter"),
        ("[queue]\nretry_first = \"99d\"\n", "3: `queue.retry_longest`: is shorter"),
        ("[queue]\n\nrest_first = \"99d\"\n", "4: `queue.rest_longest`: is shorter"),
        ("tls.certificate = \"a.pem\"\n", "2: `tls.key`: there are 1 certificates and 0 keys"),
        ("[tlsrpt]\nsend = true\n", "3: `tlsrpt.send`: reports need a sender"),
        ("[dns]\ndnssec = \"ad\"\n", "3: `dns.dnssec`: `ad` needs"),
        ("[storage]\nengine = \"postgres\"\n", "3: `storage.url`: is missing"),
    ] {
        let found = read(&format!("hostname = \"a.test\"\n{text}")).unwrap_err();
        assert!(found.iter().any(|line| line.starts_with(wanted)), "{text:?}: {found:?}");
    }
}

#[test]
fn postgres_needs_its_address_and_its_bodies() {
    let problems = read("hostname = \"a.test\"\n[storage]\nengine = \"postgres\"\n").unwrap_err();
    assert_eq!(problems.len(), 2);
    let text =
        "hostname = \"a.test\"\n[storage]\nengine = \"postgres\"\nurl = \"postgres://x\"\nbodies = \"s3://b/p\"\n";
    let Engine::Postgres { bodies, .. } = read(text).unwrap().storage else { panic!("it is PostgreSQL") };
    let (name, prefix, region) = ("b".to_owned(), "p".to_owned(), "us-east-1".to_owned());
    assert_eq!(bodies, Bodies::Bucket { name, prefix, region, endpoint: None });
}

#[test]
fn every_default_and_every_example_can_be_read() {
    for key in keys::all() {
        let text = match key.default {
            Default::Required { example } | Default::Unset { example, .. } => example,
            Default::Is { value, .. } => value,
        };
        let file = match key.name {
            "hostname" => format!("hostname = {text}"),
            "tls.certificate" | "tls.key" => continue,
            "storage.url" | "storage.bodies" | "storage.endpoint" => continue,
            "route.to" => format!("hostname = \"a.test\"\n[[route]]\nto = {text}"),
            "route.user" | "route.password_file" => continue,
            name if name.starts_with("route.") => {
                let name = name.trim_start_matches("route.");
                format!("hostname = \"a.test\"\n[[route]]\nto = \"smtp://relay.test\"\n{name} = {text}")
            }
            name => format!("hostname = \"a.test\"\n{name} = {text}"),
        };
        read(&file).unwrap_or_else(|problems| panic!("{}: {problems:?}", key.name));
        assert!(key.doc.ends_with('.'), "{} lacks a sentence", key.name);
    }
}

#[test]
fn the_sample_is_a_configuration() {
    assert!(read(&docs::sample()).is_ok());
    // With every comment sign before a key taken away as well, but for the engine that needs more.
    let all = docs::sample()
        .replace("\n#", "\n")
        .lines()
        .filter(|line| line.contains(" = ") || line.starts_with('['))
        .map(|line| line.replace("engine = \"embedded\"", "engine = \"postgres\""))
        .collect::<Vec<_>>()
        .join("\n");
    read(&all).unwrap_or_else(|problems| panic!("{problems:?}\n{all}"));
}

#[test]
fn the_examples_of_routing_are_configurations() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/routing.md")).unwrap();
    let examples: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 8, "{} examples", examples.len());
    for example in examples {
        let file = format!("hostname = \"mail.example.org\"\n{example}");
        let settings = read(&file).unwrap_or_else(|problems| panic!("{problems:?}\n{example}"));
        let table = super::table(&settings);
        assert_eq!(table.shadowed(), [], "{example}");
        assert_eq!(table.routes().count(), example.matches("[[route]]").count());
    }
}

/// Set `ANGELIA_WRITE_DOCS=1` to write them anew.
#[test]
fn the_documents_are_written_from_the_keys() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (path, text) in [("docs/config.md", docs::reference()), ("etc/angelia.toml", docs::sample())] {
        let path = root.join(path);
        if std::env::var_os("ANGELIA_WRITE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{} is old; run the tests with ANGELIA_WRITE_DOCS=1", path.display());
    }
}

#[test]
fn what_was_signed() {
    for (text, wanted) in [
        ("", Dnssec::Off),
        ("dnssec = \"ad\"\nserver = \"[::1]\"\n", Dnssec::Ad("[::1]:53".parse().unwrap())),
        ("dnssec = \"ad\"\nserver = \"192.0.2.1\"\ntrusted_ad = true\n", Dnssec::Ad("192.0.2.1:53".parse().unwrap())),
        ("dnssec = \"validate\"\n", Dnssec::Validate(None)),
        ("dnssec = \"validate\"\ntrust_anchors = \"r.key\"\n", Dnssec::Validate(Some("/etc/angelia/r.key".into()))),
    ] {
        let settings = read(&format!("hostname = \"mx.a.test\"\n[dns]\n{text}")).unwrap();
        assert_eq!(settings.dnssec, wanted, "{text}");
    }
}
