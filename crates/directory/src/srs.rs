//! The Sender Rewriting Scheme: an address of ours in the place of a foreign reverse-path, for letters that we carry on.
//!
//! The next hop asks the sender's domain who may send for it (RFC 7208), and we may not. So the letter goes out under an
//! address of ours that holds the sender's, and a notice that comes back to it is carried to the sender:
//!
//! - `SRS0=hash=day=host=local@ours` for `local@host`;
//! - `SRS1=hash=host=rest@ours` for `SRS0rest@host`, which another forwarder made, and for an SRS1 of a third one: the
//!   address grows once only, and the notice goes past those between to the first forwarder, who knows his own hash.
//!
//! The hash (HMAC-SHA-256 under a secret of this directory, cut to 30 bits) keeps others from using us as a relay. It is
//! made and compared without regard to case, since some servers write every address in lower case. No RFC defines the
//! scheme; the form is that of its first description (M. Wong, 2004), which all servers read.

use std::fmt;

use aws_lc_rs::hmac;
use envelope::{Address, Domain, Host, LocalPart, Timestamp};

use crate::limits::SRS_DAYS_MAX;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Letters of a hash, 5 bits each.
const HASH_LETTERS: usize = 6;

/// The days go round in two letters.
const DAYS: i64 = 1024;

const DAY_MILLISECONDS: i64 = 86_400_000;

/// Why an address that looks like ours brings nothing back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrsError {
    /// Not of the form.
    #[error("the forwarding address is not whole")]
    Malformed,
    /// The hash is not ours.
    #[error("the forwarding address was not made here")]
    Forged,
    /// Older than [`SRS_DAYS_MAX`].
    #[error("the forwarding address is too old: it was good for {SRS_DAYS_MAX} days")]
    Expired,
}

/// The secret that the hashes are made with.
pub struct Key(hmac::Key);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// From the secret of the directory, which serves other ends as well.
    pub fn derive(secret: &[u8; 32]) -> Self {
        let parent = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let own = hmac::sign(&parent, b"sender rewriting scheme");
        Self(hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()))
    }

    /// Over all fields, without regard to case.
    fn hash(&self, fields: &[&str]) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        for field in fields {
            signing.update(field.to_ascii_lowercase().as_bytes());
            // No field holds it, so that no two lists of fields give the same octets.
            signing.update(b"\n");
        }
        let tag = signing.sign();
        let bits = tag.as_ref().iter().take(8).fold(0_u64, |bits, octet| (bits << 8) | u64::from(*octet));
        (0..HASH_LETTERS).map(|place| letter(bits >> (64 - 5 * (place + 1)))).collect()
    }

    /// The address of ours, under `domain`, that stands for a sender. `None` when there is no room for it in a local part.
    pub fn rewrite(&self, sender: &Address, domain: &Domain, now: Timestamp) -> Option<Address> {
        let local = sender.local().as_str();
        let host = sender.host().to_string();
        let (first, rest) = match tagged(local) {
            Some(Tagged::Zero(rest)) => (host, rest.to_owned()),
            Some(Tagged::One(inner)) => match one(inner) {
                Some((_, first, rest)) => (first.to_owned(), rest.to_owned()),
                None => return self.fresh(local, &host, domain, now),
            },
            None => return self.fresh(local, &host, domain, now),
        };
        let hash = self.hash(&["SRS1", &first, &rest]);
        ours(&format!("SRS1={hash}={first}={rest}"), domain)
    }

    fn fresh(&self, local: &str, host: &str, domain: &Domain, now: Timestamp) -> Option<Address> {
        let day = day_letters(day_of(now));
        let hash = self.hash(&["SRS0", &day, host, local]);
        ours(&format!("SRS0={hash}={day}={host}={local}"), domain)
    }

    /// Whom an address of ours stands for. `None` when it is no such address at all.
    pub fn original(&self, local: &LocalPart, now: Timestamp) -> Option<Result<Address, SrsError>> {
        Some(match tagged(local.as_str())? {
            Tagged::Zero(rest) => self.original_of_zero(rest.get(1..).unwrap_or_default(), now),
            Tagged::One(inner) => self.original_of_one(inner),
        })
    }

    /// `hash=day=host=local`
    fn original_of_zero(&self, text: &str, now: Timestamp) -> Result<Address, SrsError> {
        let mut parts = text.splitn(4, '=');
        let (Some(hash), Some(day), Some(host), Some(local)) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SrsError::Malformed);
        };
        if !hash.eq_ignore_ascii_case(&self.hash(&["SRS0", day, host, local])) {
            return Err(SrsError::Forged);
        }
        let made = day_number(day).ok_or(SrsError::Malformed)?;
        let age = (day_of(now) - made).rem_euclid(DAYS);
        // A clock that was a day ahead when the address was made is no reason to lose a notice.
        if age > SRS_DAYS_MAX && age != DAYS - 1 {
            return Err(SrsError::Expired);
        }
        address(local, host)
    }

    fn original_of_one(&self, inner: &str) -> Result<Address, SrsError> {
        let (hash, first, rest) = one(inner).ok_or(SrsError::Malformed)?;
        if !hash.eq_ignore_ascii_case(&self.hash(&["SRS1", first, rest])) {
            return Err(SrsError::Forged);
        }
        address(&format!("SRS0{rest}"), first)
    }
}

/// Whether a local part is one of the scheme, anybody's.
pub fn has_form(local: &LocalPart) -> bool {
    tagged(local.as_str()).is_some()
}

/// The sender behind an address of the scheme, by its form alone: whoever made it, however old it is, and past all forwarders
/// between. For people to read and to choose letters by, never to send to: anybody can write such an address. `None` when
/// it is no such address, or not whole.
pub fn behind(address: &Address) -> Option<Address> {
    let local = address.local().as_str();
    match tagged(local)? {
        Tagged::Zero(rest) => behind_zero(rest),
        Tagged::One(inner) => one(inner).and_then(|(_, _, rest)| behind_zero(rest)),
    }
}

/// A separator, then `hash=day=host=local`.
fn behind_zero(rest: &str) -> Option<Address> {
    let mut parts = rest.get(1..)?.splitn(4, '=').skip(2);
    let (host, local) = (parts.next()?, parts.next()?);
    address(local, host).ok()
}

enum Tagged<'a> {
    /// What follows `SRS0`, its separator included.
    Zero(&'a str),
    /// What follows `SRS1` and its separator.
    One(&'a str),
}

/// `SRS0` or `SRS1` in any case, then `=`, `+` or `-`.
fn tagged(local: &str) -> Option<Tagged<'_>> {
    let (tag, rest) = local.split_at_checked(4)?;
    let behind = rest.strip_prefix(['=', '+', '-'])?;
    if tag.eq_ignore_ascii_case("SRS0") {
        Some(Tagged::Zero(rest))
    } else if tag.eq_ignore_ascii_case("SRS1") {
        Some(Tagged::One(behind))
    } else {
        None
    }
}

/// `hash=host=rest`, where `rest` begins with a separator.
fn one(inner: &str) -> Option<(&str, &str, &str)> {
    let mut parts = inner.splitn(3, '=');
    let (hash, host, rest) = (parts.next()?, parts.next()?, parts.next()?);
    rest.starts_with(['=', '+', '-']).then_some((hash, host, rest))
}

fn ours(local: &str, domain: &Domain) -> Option<Address> {
    let local = LocalPart::from_unquoted(local).ok()?;
    Some(Address::new(local, Host::Name(domain.clone())))
}

fn address(local: &str, host: &str) -> Result<Address, SrsError> {
    let local = LocalPart::from_unquoted(local).map_err(|_| SrsError::Malformed)?;
    let host = Host::parse(host).map_err(|_| SrsError::Malformed)?;
    Ok(Address::new(local, host))
}

fn day_of(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY_MILLISECONDS).rem_euclid(DAYS)
}

/// The low five bits as a letter.
fn letter(bits: u64) -> char {
    let digit = usize::try_from(bits & 31).unwrap_or_default();
    BASE32.get(digit).copied().map_or('A', char::from)
}

fn day_letters(day: i64) -> String {
    let day = u64::try_from(day).unwrap_or_default();
    [letter(day >> 5), letter(day)].into_iter().collect()
}

fn day_number(text: &str) -> Option<i64> {
    let digit = |octet: u8| BASE32.iter().position(|one| *one == octet.to_ascii_uppercase());
    let [high, low] = text.as_bytes() else { return None };
    i64::try_from(digit(*high)? * 32 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn key() -> Key {
        Key::derive(&[7; 32])
    }

    fn parsed(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn later(days: i64) -> Timestamp {
        Timestamp(NOW.0 + days * DAY_MILLISECONDS)
    }

    #[test]
    fn there_and_back() {
        for (sender, begins) in [
            ("kostas@patras.test", "SRS0="),
            ("list-bounces+anna=athens.test@patras.test", "SRS0="),
            ("\"a b\"@patras.test", "\"SRS0="),
            ("a=b=c@patras.test", "SRS0="),
            ("κώστας@patras.test", "SRS0="),
            ("root@[192.0.2.1]", "\"SRS0="),
            ("root@[IPv6:2001:db8::1]", "\"SRS0="),
            ("SRS0@patras.test", "SRS0="),
            ("SRS1=broken@patras.test", "SRS0="),
        ] {
            let sender = parsed(sender);
            let ours = key().rewrite(&sender, &domain("athens.test"), NOW).unwrap();
            assert!(ours.to_string().starts_with(begins), "{ours}");
            let host_is_literal = sender.host().name().is_none();
            assert_eq!(ours.host(), &Host::Name(domain("athens.test")));
            assert_eq!(parsed(&ours.to_string()), ours);
            for age in [0, 1, 20, 21, -1] {
                let found = key().original(ours.local(), later(age)).unwrap();
                assert_eq!(found.unwrap(), sender, "{age} {host_is_literal}");
            }
            for age in [22, 400, 1000, -2] {
                assert_eq!(key().original(ours.local(), later(age)), Some(Err(SrsError::Expired)), "{age}");
            }
        }
    }

    #[test]
    fn further_hops_grow_it_once() {
        let first = key().rewrite(&parsed("anna@athens.test"), &domain("one.test"), NOW).unwrap();
        let (second_key, third_key) = (Key::derive(&[8; 32]), Key::derive(&[9; 32]));
        let second = second_key.rewrite(&first, &domain("two.test"), NOW).unwrap();
        let third = third_key.rewrite(&second, &domain("three.test"), NOW).unwrap();
        assert!(second.to_string().starts_with("SRS1="), "{second}");
        assert!(third.to_string().contains("=one.test=="), "{third}");
        assert_eq!(third.local().as_str().len(), second.local().as_str().len());
        // Each carries it back to the first forwarder, and he to the sender.
        assert_eq!(third_key.original(third.local(), later(90)), Some(Ok(first.clone())));
        assert_eq!(second_key.original(second.local(), later(90)), Some(Ok(first.clone())));
        assert_eq!(key().original(first.local(), NOW), Some(Ok(parsed("anna@athens.test"))));
        // Whoever looks sees the sender, whoever forwarded it.
        for address in [&first, &second, &third] {
            assert_eq!(behind(address), Some(parsed("anna@athens.test")));
        }
        // The separators of other programs.
        for foreign in ["SRS0+abcd=zz=x.test=joe@y.test", "srs0-abcd=zz=x.test=joe@y.test"] {
            let ours = key().rewrite(&parsed(foreign), &domain("athens.test"), NOW).unwrap();
            let back = key().original(ours.local(), NOW).unwrap().unwrap().to_string();
            assert!(back.eq_ignore_ascii_case(foreign), "{foreign} {back}");
        }
    }

    #[test]
    fn what_is_behind_is_read_whoever_made_it() {
        for (address, sender) in [
            ("srs0+abcd=zz=x.test=joe@y.test", Some("joe@x.test")),
            ("SRS0=a=b=x.test=a=b@y.test", Some("a=b@x.test")),
            ("SRS1=a=one.test=+b=c=x.test=joe@y.test", Some("joe@x.test")),
            ("SRS0=a=b=x.test@y.test", None),
            ("\"SRS0=a=b=x..test=joe\"@y.test", None),
            ("SRS1=a=one.test=@y.test", None),
            ("joe@y.test", None),
        ] {
            assert_eq!(behind(&parsed(address)), sender.map(parsed), "{address}");
        }
    }

    #[test]
    fn case_does_not_matter_and_all_else_does() {
        let ours = key().rewrite(&parsed("kostas@patras.test"), &domain("athens.test"), NOW).unwrap();
        let text = ours.local().as_str().to_owned();
        let look = |text: &str| key().original(&LocalPart::from_unquoted(text).unwrap(), NOW);
        for form in [text.to_lowercase(), text.to_uppercase()] {
            let back = look(&form).unwrap().unwrap().to_string();
            assert!(back.eq_ignore_ascii_case("kostas@patras.test"), "{back}");
        }
        for (bad, why) in [
            (text.replace("kostas", "costas"), SrsError::Forged),
            (text.replace("patras", "petras"), SrsError::Forged),
            (format!("{text}x"), SrsError::Forged),
            ("SRS0=aaaaaa=AA=patras.test=kostas".to_owned(), SrsError::Forged),
            ("SRS0=aaaaaa=AA=patras.test".to_owned(), SrsError::Malformed),
            ("SRS0=".to_owned(), SrsError::Malformed),
            ("SRS1=aaaaaa=one.test==x=y=z".to_owned(), SrsError::Forged),
            ("SRS1=aaaaaa=one.test=x".to_owned(), SrsError::Malformed),
        ] {
            assert_eq!(look(&bad), Some(Err(why)), "{bad}");
        }
        for other in ["SRS0", "SRS0.x=y", "SRS2=x", "srs", "", "kostas+SRS0=x", "ΣRS0=x"] {
            assert_eq!(look(other), None, "{other}");
        }
        assert_eq!(Key::derive(&[1; 32]).original(ours.local(), NOW), Some(Err(SrsError::Forged)));
    }

    #[test]
    fn what_has_no_room_is_left_as_it_is() {
        let long = format!("{}@patras.test", "x".repeat(240));
        assert_eq!(key().rewrite(&parsed(&long), &domain("athens.test"), NOW), None);
    }

    proptest! {
        #[test]
        fn whatever_goes_out_comes_back(local in "[!-~&&[^\"\\\\]]{1,80}", host in "[a-z]{1,20}(\\.[a-z]{1,20}){0,2}", day in 0_i64..4000) {
            let now = Timestamp(day * DAY_MILLISECONDS);
            let local = LocalPart::from_unquoted(&local).unwrap();
            let sender = Address::new(local, Host::Name(domain(&host)));
            let ours = key().rewrite(&sender, &domain("athens.test"), now).unwrap();
            let back = key().original(ours.local(), now).unwrap().unwrap();
            // The tag of another forwarder's address is written anew.
            prop_assert!(back == sender || back.to_string().eq_ignore_ascii_case(&sender.to_string()) || tagged(sender.local().as_str()).is_some());
        }

        #[test]
        fn nothing_else_is_believed(text in "[Ss][Rr][Ss][01][=+-].{0,60}") {
            if let Ok(local) = LocalPart::from_unquoted(&text) {
                let found = key().original(&local, NOW);
                prop_assert!(matches!(found, Some(Err(_))), "{:?}", found);
            }
        }
    }
}
