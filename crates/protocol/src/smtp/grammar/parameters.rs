//! MAIL and RCPT with their parameters (RFC 5321 section 4.1.1.11): SIZE (RFC 1870), BODY (RFC 6152, 3030), SMTPUTF8
//! (RFC 6531), REQUIRETLS (RFC 8689), AUTH (RFC 4954 section 5), RET, ENVID, NOTIFY and ORCPT (RFC 3461).

use envelope::{BodyType, ForwardPath, Notify, Return, ReversePath};

use super::{Fault, path, xtext};
use crate::smtp::limits::{ENVELOPE_ID_OCTETS_MAX, ORIGINAL_RECIPIENT_OCTETS_MAX, PARAMETERS_MAX};

/// MAIL FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// From whom.
    pub reverse_path: ReversePath,
    /// SIZE=: what the client expects the letter to measure, in octets.
    pub size: Option<u64>,
    /// BODY=.
    pub body: BodyType,
    /// SMTPUTF8.
    pub smtputf8: bool,
    /// RET=.
    pub ret: Option<Return>,
    /// ENVID=, in xtext.
    pub envelope_id: Option<String>,
    /// AUTH=, decoded: the submitter, or `<>`. Only a trusted client's word counts.
    pub auth: Option<String>,
    /// REQUIRETLS.
    pub require_tls: bool,
}

/// RCPT TO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// To whom.
    pub forward_path: ForwardPath,
    /// NOTIFY=.
    pub notify: Option<Notify>,
    /// ORCPT=, as on the wire.
    pub original: Option<String>,
}

impl Mail {
    /// A MAIL without parameters.
    pub fn new(reverse_path: ReversePath) -> Self {
        Self {
            reverse_path,
            size: None,
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            auth: None,
            require_tls: false,
        }
    }
}

/// `"FROM:" Reverse-path [SP Mail-parameters]`
pub(super) fn mail(arguments: &str) -> Result<Mail, Fault> {
    let rest = after_keyword(arguments, "FROM:").ok_or(Fault::Syntax("MAIL FROM:<address>"))?;
    let (inner, rest) = path::split(rest).ok_or(Fault::ReversePath)?;
    let mut mail = Mail::new(path::reverse(inner).ok_or(Fault::ReversePath)?);
    let mut body = None;
    for parameter in parameters(rest)? {
        let (keyword, value) = parameter;
        match keyword {
            k if k.eq_ignore_ascii_case("SIZE") => set(&mut mail.size, size(value), "SIZE")?,
            k if k.eq_ignore_ascii_case("BODY") => set(&mut body, value.and_then(body_type), "BODY")?,
            k if k.eq_ignore_ascii_case("RET") => set(&mut mail.ret, value.and_then(ret), "RET")?,
            k if k.eq_ignore_ascii_case("ENVID") => set(&mut mail.envelope_id, value.and_then(envelope_id), "ENVID")?,
            k if k.eq_ignore_ascii_case("AUTH") => set(&mut mail.auth, value.and_then(auth), "AUTH")?,
            k if k.eq_ignore_ascii_case("SMTPUTF8") => {
                if value.is_some() || mail.smtputf8 {
                    return Err(Fault::Parameter("SMTPUTF8"));
                }
                mail.smtputf8 = true;
            }
            k if k.eq_ignore_ascii_case("REQUIRETLS") => {
                if value.is_some() || mail.require_tls {
                    return Err(Fault::Parameter("REQUIRETLS"));
                }
                mail.require_tls = true;
            }
            _ => return Err(Fault::UnknownParameter),
        }
    }
    mail.body = body.unwrap_or_default();
    if !mail.smtputf8 && !inner.is_ascii() {
        return Err(Fault::NeedsSmtputf8);
    }
    Ok(mail)
}

/// `"TO:" Forward-path [SP Rcpt-parameters]`. `smtputf8` is what MAIL said.
pub(super) fn recipient(arguments: &str, smtputf8: bool) -> Result<Recipient, Fault> {
    let rest = after_keyword(arguments, "TO:").ok_or(Fault::Syntax("RCPT TO:<address>"))?;
    let (inner, rest) = path::split(rest).ok_or(Fault::ForwardPath)?;
    let forward_path = path::forward(inner).ok_or(Fault::ForwardPath)?;
    let mut recipient = Recipient { forward_path, notify: None, original: None };
    for (keyword, value) in parameters(rest)? {
        match keyword {
            k if k.eq_ignore_ascii_case("NOTIFY") => set(&mut recipient.notify, value.and_then(notify), "NOTIFY")?,
            k if k.eq_ignore_ascii_case("ORCPT") => set(&mut recipient.original, value.and_then(original), "ORCPT")?,
            _ => return Err(Fault::UnknownParameter),
        }
    }
    if !smtputf8 && !inner.is_ascii() {
        return Err(Fault::NeedsSmtputf8);
    }
    Ok(recipient)
}

/// The keyword in whatever case; blanks behind it are not standard and common.
fn after_keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

/// `esmtp-param = esmtp-keyword ["=" esmtp-value]`
fn parameters(text: &str) -> Result<impl Iterator<Item = (&str, Option<&str>)>, Fault> {
    let words = || text.split(' ').filter(|word| !word.is_empty());
    if words().count() > PARAMETERS_MAX {
        return Err(Fault::Syntax("too many parameters"));
    }
    Ok(words().map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    }))
}

/// Once, and with a good value.
fn set<T>(place: &mut Option<T>, value: Option<T>, name: &'static str) -> Result<(), Fault> {
    if place.is_some() || value.is_none() {
        return Err(Fault::Parameter(name));
    }
    *place = value;
    Ok(())
}

/// `size-value = 1*20DIGIT`
fn size(value: Option<&str>) -> Option<u64> {
    let digits = value.filter(|v| (1..=20).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_digit()))?;
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn body_type(value: &str) -> Option<BodyType> {
    match value {
        v if v.eq_ignore_ascii_case("7BIT") => Some(BodyType::SevenBit),
        v if v.eq_ignore_ascii_case("8BITMIME") => Some(BodyType::EightBitMime),
        v if v.eq_ignore_ascii_case("BINARYMIME") => Some(BodyType::BinaryMime),
        _ => None,
    }
}

/// `ret-value = "FULL" / "HDRS"`
fn ret(value: &str) -> Option<Return> {
    match value {
        v if v.eq_ignore_ascii_case("FULL") => Some(Return::Full),
        v if v.eq_ignore_ascii_case("HDRS") => Some(Return::Headers),
        _ => None,
    }
}

fn envelope_id(value: &str) -> Option<String> {
    let fine = !value.is_empty() && value.len() <= ENVELOPE_ID_OCTETS_MAX;
    (fine && xtext::decode(value)?.iter().all(|byte| (b' '..=b'~').contains(byte))).then(|| value.to_owned())
}

/// `"<>" / xtext`
fn auth(value: &str) -> Option<String> {
    if value == "<>" {
        return Some(value.to_owned());
    }
    String::from_utf8(xtext::decode(value).filter(|v| !v.is_empty())?).ok()
}

/// `"NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )`
fn notify(value: &str) -> Option<Notify> {
    let mut notify = Notify { success: false, failure: false, delay: false };
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in value.split(',') {
        match word {
            w if w.eq_ignore_ascii_case("SUCCESS") => notify.success = true,
            w if w.eq_ignore_ascii_case("FAILURE") => notify.failure = true,
            w if w.eq_ignore_ascii_case("DELAY") => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

/// `original-recipient-address = addr-type ";" xtext`; with SMTPUTF8 the address may be `utf-8;` text (RFC 6533).
fn original(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let fine = !kind.is_empty() && kind.bytes().all(atom) && !address.is_empty();
    let text = if kind.eq_ignore_ascii_case("utf-8") {
        address.chars().all(|c| !c.is_control() && c != ' ')
    } else {
        xtext::decode(address).is_some_and(|bytes| bytes.iter().all(|byte| (b' '..=b'~').contains(byte)))
    };
    (fine && text && value.len() <= ORIGINAL_RECIPIENT_OCTETS_MAX).then(|| value.to_owned())
}
