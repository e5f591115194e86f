//! Chains made on the spot, and records that name one part of them or another.

use std::slice;
use std::time::SystemTime;

use aws_lc_rs::digest;
use envelope::Domain;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{ByRecords, CHAIN_CERTIFICATES_MAX, Judges as _};
use crate::dane::{Dane, Tlsa};
use crate::tls::TlsFault;

const DAY: i64 = 86_400;

/// Valid from this many days ago to that many days from now.
type Days = (i64, i64);

const NOW: Days = (1, 30);
const PAST: Days = (30, -1);
const TO_COME: Days = (-1, 30);

struct Chain {
    leaf: CertificateDer<'static>,
    authority: CertificateDer<'static>,
    leaf_key: Vec<u8>,
    authority_key: Vec<u8>,
}

fn params(names: &[&str], common: &str, days: Days) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    let now = time_now();
    let at = |seconds: i64| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(seconds).unwrap());
    params.not_before = at(now - days.0 * DAY).into();
    params.not_after = at(now + days.1 * DAY).into();
    params
}

fn time_now() -> i64 {
    i64::try_from(UnixTime::now().as_secs()).unwrap()
}

/// The key as a certificate has it: a SubjectPublicKeyInfo.
fn key_of(key: &KeyPair) -> Vec<u8> {
    use rcgen::PublicKeyData as _;
    key.subject_public_key_info()
}

fn chain(names: &[&str], leaf_days: Days, authority_days: Days) -> Chain {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = params(&[], "Authority of Athens", authority_days);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::from_params(&authority, &authority_key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = params(names, "a server", leaf_days).signed_by(&leaf_key, &issuer).unwrap();
    Chain {
        leaf: leaf.der().clone(),
        authority: authority_certificate.der().clone(),
        leaf_key: key_of(&leaf_key),
        authority_key: key_of(&authority_key),
    }
}

fn record(usage: u8, selector: u8, matching: u8, of: &[u8]) -> Tlsa {
    let data = match matching {
        1 => digest::digest(&digest::SHA256, of).as_ref().to_vec(),
        2 => digest::digest(&digest::SHA512, of).as_ref().to_vec(),
        _ => of.to_vec(),
    };
    Tlsa { usage, selector, matching, data }
}

fn judge(records: Vec<Tlsa>, leaf: &CertificateDer<'_>, above: &[CertificateDer<'_>]) -> Result<(), TlsFault> {
    let domain = |name: &str| Domain::parse(name).unwrap();
    let base = domain("mx.athens.test");
    let dane = Dane { names: vec![base.clone(), domain("athens.test")], base, records };
    ByRecords::new(&dane).judge(leaf, above, UnixTime::now()).map_err(|untrusted| untrusted.fault)
}

#[test]
fn its_own_certificate_or_key() {
    // Of another time and another name: neither counts.
    let chain = chain(&["elsewhere.test"], PAST, NOW);
    for selector in [0, 1] {
        let of: &[u8] = if selector == 0 { &chain.leaf } else { &chain.leaf_key };
        for matching in [0, 1, 2] {
            let good = record(3, selector, matching, of);
            assert_eq!(judge(vec![good.clone()], &chain.leaf, &[]), Ok(()), "{good}");
            let other = record(3, selector, matching, &chain.authority);
            assert_eq!(judge(vec![other.clone()], &chain.leaf, &[]), Err(TlsFault::Validation), "{other}");
            // One that fits is enough.
            assert_eq!(judge(vec![other, good], &chain.leaf, &[]), Ok(()));
        }
    }
    // The authority's key is not the server's, even where it is shown.
    let above = record(3, 1, 1, &chain.authority_key);
    assert_eq!(judge(vec![above], &chain.leaf, slice::from_ref(&chain.authority)), Err(TlsFault::Validation));
}

#[test]
fn an_authority_above_it() {
    let chain = chain(&["mx.athens.test"], NOW, NOW);
    let above = [chain.authority.clone()];
    for selector in [0, 1] {
        let of: &[u8] = if selector == 0 { &chain.authority } else { &chain.authority_key };
        for matching in [0, 1, 2] {
            let good = record(2, selector, matching, of);
            assert_eq!(judge(vec![good.clone()], &chain.leaf, &above), Ok(()), "{good}");
            // Without it in the chain, only a record that has the whole of it is enough.
            let alone = judge(vec![good.clone()], &chain.leaf, &[]);
            let expected = if matching == 0 { Ok(()) } else { Err(TlsFault::Validation) };
            assert_eq!(alone, expected, "{good}");
        }
    }
    // A server's own certificate is no authority.
    let own = record(2, 0, 1, &chain.leaf);
    assert_eq!(judge(vec![own], &chain.leaf, &above), Err(TlsFault::Validation));
}

#[test]
fn under_an_authority_names_and_dates_count() {
    for (names, leaf, authority, expected) in [
        (vec!["mx.athens.test"], NOW, NOW, Ok(())),
        (vec!["athens.test"], NOW, NOW, Ok(())),
        (vec!["*.athens.test"], NOW, NOW, Ok(())),
        (vec!["other.test", "mx.athens.test"], NOW, NOW, Ok(())),
        (vec!["patras.test"], NOW, NOW, Err(TlsFault::CertificateHostMismatch)),
        (vec!["mx.athens.test"], PAST, NOW, Err(TlsFault::CertificateExpired)),
        (vec!["mx.athens.test"], TO_COME, NOW, Err(TlsFault::CertificateExpired)),
        (vec!["mx.athens.test"], NOW, PAST, Err(TlsFault::CertificateExpired)),
    ] {
        let chain = chain(&names, leaf, authority);
        let by_hash = record(2, 1, 1, &chain.authority_key);
        assert_eq!(judge(vec![by_hash], &chain.leaf, &[chain.authority]), expected, "{names:?} {leaf:?} {authority:?}");
    }
}

#[test]
fn an_authority_that_signed_something_else() {
    let ours = chain(&["mx.athens.test"], NOW, NOW);
    let other = chain(&["mx.athens.test"], NOW, NOW);
    // Same name, another key: shown in the chain and named by the record, it still did not sign.
    for named in
        [record(2, 0, 1, &other.authority), record(2, 0, 0, &other.authority), record(2, 1, 0, &other.authority_key)]
    {
        let judged = judge(vec![named.clone()], &ours.leaf, &[other.authority.clone(), ours.authority.clone()]);
        assert!(judged.is_err(), "{named}");
    }
}

#[test]
fn records_of_no_use() {
    let chain = chain(&["mx.athens.test"], NOW, NOW);
    let public = vec![record(0, 1, 1, &chain.authority_key), record(1, 1, 1, &chain.leaf_key)];
    assert_eq!(judge(public, &chain.leaf, slice::from_ref(&chain.authority)), Err(TlsFault::TlsaInvalid));
    assert_eq!(judge(Vec::new(), &chain.leaf, &[]), Err(TlsFault::TlsaInvalid));
}

#[test]
fn hostile_certificates_and_records() {
    let chain = chain(&["mx.athens.test"], NOW, NOW);
    let whole = [record(2, 0, 0, &chain.authority), record(2, 1, 0, &chain.authority_key), record(3, 1, 1, b"x")];
    // Cut short anywhere, and with any octet turned over: refused, never a panic.
    for length in 0..chain.leaf.len() {
        let cut = CertificateDer::from(chain.leaf[..length].to_vec());
        assert!(judge(whole.to_vec(), &cut, slice::from_ref(&cut)).is_err(), "{length}");
    }
    for at in 0..chain.leaf.len() {
        let mut bytes = chain.leaf.to_vec();
        bytes[at] ^= 0xff;
        let turned = CertificateDer::from(bytes);
        assert!(judge(whole.to_vec(), &turned, slice::from_ref(&turned)).is_err(), "{at}");
    }
    for length in 1..chain.authority_key.len() {
        let cut = record(2, 1, 0, &chain.authority_key[..length]);
        assert!(judge(vec![cut], &chain.leaf, slice::from_ref(&chain.authority)).is_err(), "{length}");
    }
    for length in (1..chain.authority.len()).step_by(7) {
        let cut = record(2, 0, 0, &chain.authority[..length]);
        assert!(judge(vec![cut], &chain.leaf, slice::from_ref(&chain.authority)).is_err(), "{length}");
    }
    // The authority behind more certificates than anybody needs is not looked for.
    let mut long = vec![chain.leaf.clone(); CHAIN_CERTIFICATES_MAX];
    long.push(chain.authority.clone());
    let named = record(2, 1, 1, &chain.authority_key);
    assert_eq!(judge(vec![named], &chain.leaf, &long), Err(TlsFault::Validation));
}
