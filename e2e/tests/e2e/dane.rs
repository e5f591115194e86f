//! DANE against zones that BIND signs: what is found, by our own validation and by the AD bit of a resolver that is
//! trusted; and which letters go.

use envelope::Domain;
use net::{DnsError, Protection, SecureResolver};

use crate::named::{Named, Signing, Zone};

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
