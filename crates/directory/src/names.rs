//! One form for each address of ours: RFC 5321 section 2.4 leaves the meaning of a local part to the domain's owner,
//! and to us `Anna`, `anna` and `ANNA` are one person.

use envelope::{Address, Domain, LocalPart};
use unicode_normalization::UnicodeNormalization as _;

use crate::Error;

/// Lower case, then composed (NFC): the same letters typed on different machines are the same octets.
pub(crate) fn canonical_local(local: &LocalPart) -> String {
    let text = local.as_str();
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase().nfc().collect() }
}

/// The canonical form of an address. A local part that its canonical form makes too long stays as it is: no account
/// has it.
pub fn canonical(address: &Address) -> Address {
    match LocalPart::from_unquoted(&canonical_local(address.local())) {
        Ok(local) => Address::new(local, address.host().clone()),
        Err(_) => address.clone(),
    }
}

/// `anna+lists` is anna's, with the detail `lists` (RFC 5233). A leading `+` begins no detail.
pub(crate) fn split_detail(address: &Address) -> Option<(Address, String)> {
    let (base, detail) = address.local().as_str().split_once('+')?;
    if base.is_empty() {
        return None;
    }
    let local = LocalPart::from_unquoted(base).ok()?;
    Some((Address::new(local, address.host().clone()), detail.to_owned()))
}

/// What an account's or an alias' address must be: in a domain by name, canonical, and something that SASLprep (RFC
/// 4013) leaves alone, since else nobody could sign in with it.
pub(crate) fn usable(address: &Address) -> Result<(Address, &Domain), Error> {
    let unusable = |why| Error::Unusable { address: address.clone(), why };
    let domain = address.host().name().ok_or_else(|| unusable("it names an IP address, not a domain"))?;
    let form = canonical(address);
    let local = form.local().as_str();
    if local.is_empty() {
        return Err(unusable("nothing stands before the @"));
    }
    if protocol::sasl::prepare_name(local.as_bytes()).ok().as_deref() != Some(local) {
        return Err(unusable("it holds characters that no client can send when signing in"));
    }
    Ok((form, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn case_and_composition_do_not_matter() {
        for (typed, form) in [
            ("Anna@Athens.TEST", "anna@athens.test"),
            ("\"Anna\"@athens.test", "anna@athens.test"),
            ("ΚΏΣΤΑΣ@athens.test", "κώστας@athens.test"),
            ("κω\u{301}στας@athens.test", "κώστας@athens.test"),
            ("\"A b\"@athens.test", "\"a b\"@athens.test"),
            ("Stra\u{df}e@athens.test", "stra\u{df}e@athens.test"),
        ] {
            assert_eq!(canonical(&address(typed)), address(form), "{typed}");
        }
    }

    #[test]
    fn details() {
        let split = |text| split_detail(&address(text)).map(|(base, detail)| (base.to_string(), detail));
        assert_eq!(split("anna+lists@x.test"), Some(("anna@x.test".to_owned(), "lists".to_owned())));
        assert_eq!(split("anna+a+b@x.test"), Some(("anna@x.test".to_owned(), "a+b".to_owned())));
        assert_eq!(split("anna+@x.test"), Some(("anna@x.test".to_owned(), String::new())));
        assert_eq!(split("+anna@x.test"), None);
        assert_eq!(split("anna@x.test"), None);
    }

    #[test]
    fn what_can_be_an_account() {
        assert_eq!(usable(&address("Κώστας@x.test")).unwrap().0, address("κώστας@x.test"));
        for bad in ["anna@[127.0.0.1]", "\"\"@x.test", "\u{fb01}@x.test", "a\u{ad}b@x.test"] {
            assert!(matches!(usable(&address(bad)), Err(Error::Unusable { .. })), "{bad}");
        }
    }
}
