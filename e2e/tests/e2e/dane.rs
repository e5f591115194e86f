//! DANE against zones that BIND signs: what is found, by our own validation and by the AD bit of a resolver that is
//! trusted; and which letters go.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use envelope::Domain;
use net::{DnsError, Protection, SecureResolver};

use crate::named::{Named, Signing, Zone};
use crate::raw::{inbox, smtp};
use crate::server::{PASSWORD, Server};
use crate::tool::{run, run_with, self_signed, until};

/// The port of the mail hosts, as their TLSA records have it.
const PORT: u16 = 2525;
const KEY: &str = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";

fn zone(name: &'static str, signing: Signing, records: &str) -> Zone {
    Zone { name, signing, records: records.to_owned() }
}

/// A domain with one mail host, which has this TLSA record.
fn office(name: &'static str, signing: Signing, tlsa: &str) -> Zone {
    let tlsa = if tlsa.is_empty() { String::new() } else { format!("_{PORT}._tcp.mx TLSA {tlsa}\n") };
    zone(name, signing, &format!("@ MX 10 mx\nmx A 127.0.0.1\n{tlsa}"))
}

fn world() -> Vec<Zone> {
    let key = format!("3 1 1 {KEY}");
    vec![
        zone("test.", Signing::OptOut, "ns A 127.0.0.1"),
        office("right.test.", Signing::Signed, &key),
        office("plain.test.", Signing::Signed, ""),
        office("public.test.", Signing::Signed, &format!("1 1 1 {KEY}")),
        office("unsigned.test.", Signing::Unsigned, &key),
        office("mx-broken.test.", Signing::Broken { from: "10 mx.mx-broken", to: "20 mx.mx-broken" }, &key),
        office("key-broken.test.", Signing::Broken { from: "3 1 1", to: "3 0 1" }, &key),
        office("stripped.test.", Signing::Stripped, &key),
        zone("alias.test.", Signing::Signed, "@ MX 10 mx\nmx CNAME mx.right.test."),
        zone(
            "half.test.",
            Signing::Signed,
            &format!("@ MX 10 mx\nmx CNAME mx.unsigned.test.\n_{PORT}._tcp.mx TLSA {key}"),
        ),
        zone("elsewhere.test.", Signing::Signed, "@ MX 10 mx.unsigned.test."),
        zone("implicit.test.", Signing::Signed, &format!("@ A 127.0.0.1\n_{PORT}._tcp TLSA {key}")),
    ]
}

fn say(found: Result<Protection, DnsError>) -> String {
    match found {
        Ok(Protection { named_securely: false, dane: None }) => "insecure".into(),
        Ok(Protection { named_securely: true, dane: None }) => "no DANE".into(),
        Ok(Protection { dane: Some(dane), .. }) if !dane.usable() => "unusable".into(),
        Ok(Protection { dane: Some(dane), .. }) => {
            let names: Vec<&str> = dane.names.iter().map(Domain::as_str).collect();
            names.join(" ")
        }
        // A resolver that validates says no more than that it failed.
        Err(DnsError::Bogus(_) | DnsError::Temporary(_)) => "waits".into(),
        Err(other) => other.to_string(),
    }
}

#[tokio::test]
async fn what_was_signed_and_what_was_not() {
    let named = Named::start(&world());
    let validating = SecureResolver::validating(Some(named.authority), Some(&named.trust_anchors())).unwrap();
    let behind = SecureResolver::validating(Some(named.resolver), Some(&named.trust_anchors())).unwrap();
    let trusting = SecureResolver::trusting(named.resolver);
    for (way, resolver) in [("validating", validating), ("validating behind", behind), ("trusting", trusting)] {
        for (domain, host, expected) in [
            ("right.test", "mx.right.test", "mx.right.test right.test"),
            ("plain.test", "mx.plain.test", "no DANE"),
            ("public.test", "mx.public.test", "unusable"),
            ("unsigned.test", "mx.unsigned.test", "insecure"),
            ("mx-broken.test", "mx.mx-broken.test", "waits"),
            ("key-broken.test", "mx.key-broken.test", "waits"),
            ("stripped.test", "mx.stripped.test", "waits"),
            ("alias.test", "mx.alias.test", "mx.right.test alias.test"),
            ("half.test", "mx.half.test", "mx.half.test half.test"),
            ("elsewhere.test", "mx.unsigned.test", "no DANE"),
            ("implicit.test", "implicit.test", "implicit.test"),
            ("nowhere.test", "mx.nowhere.test", "insecure"),
            ("right.test", "mx.unsigned.test", "waits"),
        ] {
            let (next_hop, host) = (Domain::parse(domain).unwrap(), Domain::parse(host).unwrap());
            let found = resolver.protection(Some(&next_hop), &host, PORT).await;
            let detail = format!("{found:?}");
            assert_eq!(say(found), expected, "{way}: {domain}: {detail}");
        }
    }
}

/// A certificate and its key in a folder; answers the lines of a configuration, and the hash of its public key, as a TLSA
/// record `3 1 1` has it.
fn certificate(folder: &Path) -> (String, String) {
    let (key, certificate) = self_signed(folder, "somebody");
    let public =
        run(Command::new("openssl").args(["x509", "-noout", "-pubkey", "-in"]).arg(&certificate)).succeeded().out;
    let der = "openssl pkey -pubin -outform der | openssl dgst -sha256 -r";
    let hash = run_with(Command::new("sh").args(["-c", der]), public.as_bytes()).succeeded().out;
    let lines = format!("tls.certificate = \"{}\"\ntls.key = \"{}\"\n", certificate.display(), key.display());
    (lines, hash.split_whitespace().next().unwrap().to_owned())
}

/// A domain whose mail host is the server at `place`, with this TLSA record.
fn office_at(name: &'static str, signing: Signing, place: SocketAddr, tlsa: &str) -> Zone {
    let tlsa = if tlsa.is_empty() { String::new() } else { format!("_{}._tcp.mx TLSA 3 1 1 {tlsa}\n", place.port()) };
    Zone { name, signing, records: format!("@ MX 10 mx\nmx A {}\n{tlsa}", place.ip()) }
}

#[test]
fn letters_go_to_whom_the_zone_names() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, key) = certificate(folder.path());
    let receiver = Server::start(&tls);
    let place = receiver.smtp;
    let towns = ["right", "plain", "unsigned", "wrong", "broken"];
    for town in towns {
        receiver.command(&["domain", "add", &format!("{town}.test")], b"");
        let who = format!("kostas@{town}.test");
        receiver.command(&["account", "add", &who, "--password-stdin", "--weak"], PASSWORD.as_bytes());
    }
    let named = Named::start(&[
        zone("test.", Signing::OptOut, "ns A 127.0.0.1"),
        office_at("right.test.", Signing::Signed, place, &key),
        office_at("plain.test.", Signing::Signed, place, ""),
        office_at("unsigned.test.", Signing::Unsigned, place, KEY),
        office_at("wrong.test.", Signing::Signed, place, KEY),
        office_at("broken.test.", Signing::Broken { from: "10 mx.broken", to: "20 mx.broken" }, place, &key),
    ]);
    let anchors = named.trust_anchors();
    let validate = format!("dns.dnssec = \"validate\"\ndns.trust_anchors = \"{}\"", anchors.display());
    for (number, (dns, way)) in
        [(named.authority, validate.as_str()), (named.resolver, "dns.dnssec = \"ad\"")].iter().enumerate()
    {
        let sender = Server::resolving(
            *dns,
            &format!("outbound.port = {}\nrelay.networks = [\"127.0.0.0/8\"]\n{way}", place.port()),
        );
        let mut raw = smtp(sender.smtp).unwrap();
        for town in towns {
            raw.ask("MAIL FROM:<kostas@patras.test>").unwrap();
            assert!(raw.ask(&format!("RCPT TO:<kostas@{town}.test>")).unwrap().starts_with("250"), "{town}");
            raw.ask("DATA").unwrap();
            raw.send(format!("From: kostas@patras.test\r\nSubject: round {number}\r\n\r\nhello\r\n.\r\n")).unwrap();
            assert!(raw.reply().unwrap().starts_with("250"), "{town}");
        }
        let log = || std::fs::read_to_string(sender.folder.path().join("log")).unwrap();
        for town in ["right", "plain", "unsigned"] {
            until(town, || {
                let letters = inbox(receiver.imap, &format!("kostas@{town}.test"), PASSWORD);
                letters.iter().any(|letter| letter.contains(&format!("Subject: round {number}"))).then_some(())
            });
        }
        let line = |town: &str| {
            log().lines().filter(|line| line.contains(&format!("@{town}.test"))).collect::<Vec<_>>().join("\n")
        };
        // Lines of the journal wait for company.
        until("verified by dane", || line("right").contains("verified by dane").then_some(()));
        for town in ["plain", "unsigned"] {
            until("unverified", || line(town).contains("unverified").then_some(()));
        }
        // Both wait, and nothing of them has arrived.
        until("what waits", || {
            let list = sender.command(&["queue", "list"], b"");
            (list.contains("@wrong.test") && list.contains("@broken.test")).then_some(())
        });
        until("its reason", || line("wrong").contains("no TLSA record names").then_some(()));
        for town in ["wrong", "broken"] {
            assert_eq!(inbox(receiver.imap, &format!("kostas@{town}.test"), PASSWORD), Vec::<String>::new(), "{town}");
        }
    }
}
