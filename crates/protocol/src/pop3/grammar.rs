//! What a client may say, read once and strictly.
//!
//! ```text
//! command = keyword *(SP argument) CRLF     ; keywords in any case (RFC 2449 section 4)
//! ```
//!
//! Arguments are parted by one space. Space at the end of a line is forgiven but in a password, where it belongs to
//! the password.

use crate::sasl::{Mechanism, Secret, decode_initial_response};

/// A command, its arguments checked.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// `USER name`: the name may hold spaces.
    User(Vec<u8>),
    /// `PASS string`: everything behind the first space.
    Pass(Secret),
    /// `APOP name digest`.
    Apop,
    /// `AUTH`: which mechanisms? Without a standard, but asked by old clients.
    AuthList,
    /// `AUTH mechanism [initial-response]` (RFC 5034). The response is out of base64; `=` is an empty one.
    Auth(Mechanism, Option<Secret>),
    /// RFC 2595.
    Stls,
    /// RFC 2449.
    Capa,
    /// RFC 6856.
    Utf8,
    /// `STAT`.
    Stat,
    /// `LIST [msg]`.
    List(Option<u32>),
    /// `UIDL [msg]`.
    Uidl(Option<u32>),
    /// `RETR msg`.
    Retr(u32),
    /// `TOP msg n`.
    Top(u32, u64),
    /// `DELE msg`.
    Dele(u32),
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// The keyword is none of ours.
    Unknown,
    /// The arguments are too few, too many, or not what belongs there.
    Arguments,
    /// A SASL mechanism that we do not speak.
    Mechanism,
    /// The initial response is not base64.
    Base64,
}

/// Reads a line, without its CRLF.
pub fn command(line: &[u8]) -> Result<Command, Mistake> {
    let space = line.iter().position(|byte| *byte == b' ');
    let (keyword, rest) = match space.and_then(|at| line.split_at_checked(at)) {
        Some((keyword, rest)) => (keyword, rest.get(1..).unwrap_or_default()),
        None => (line, &[][..]),
    };
    let keyword = keyword.to_ascii_uppercase();
    if keyword == b"PASS" {
        return if rest.is_empty() { Err(Mistake::Arguments) } else { Ok(Command::Pass(Secret::new(rest.to_vec()))) };
    }
    let rest = rest.trim_ascii_end();
    match keyword.as_slice() {
        b"USER" if !rest.is_empty() => Ok(Command::User(rest.to_vec())),
        b"USER" => Err(Mistake::Arguments),
        b"APOP" => Ok(Command::Apop),
        b"AUTH" => auth(rest),
        b"LIST" => optional(rest).map(Command::List),
        b"UIDL" => optional(rest).map(Command::Uidl),
        b"RETR" => number(rest).map(Command::Retr),
        b"DELE" => number(rest).map(Command::Dele),
        b"TOP" => top(rest),
        _ => alone(&keyword).and_then(|command| if rest.is_empty() { Ok(command) } else { Err(Mistake::Arguments) }),
    }
}

fn alone(keyword: &[u8]) -> Result<Command, Mistake> {
    Ok(match keyword {
        b"STLS" => Command::Stls,
        b"CAPA" => Command::Capa,
        b"UTF8" => Command::Utf8,
        b"STAT" => Command::Stat,
        b"RSET" => Command::Rset,
        b"NOOP" => Command::Noop,
        b"QUIT" => Command::Quit,
        _ => return Err(Mistake::Unknown),
    })
}

/// `auth-command = "AUTH" SP sasl-mech [SP initial-response]`
fn auth(rest: &[u8]) -> Result<Command, Mistake> {
    if rest.is_empty() {
        return Ok(Command::AuthList);
    }
    let mut parts = rest.split(|byte| *byte == b' ');
    let mechanism = Mechanism::parse(parts.next().unwrap_or_default()).ok_or(Mistake::Mechanism)?;
    let initial = match (parts.next(), parts.next()) {
        (None, _) => None,
        (Some(text), None) => Some(Secret::new(decode_initial_response(text).ok_or(Mistake::Base64)?)),
        (Some(_), Some(_)) => return Err(Mistake::Arguments),
    };
    Ok(Command::Auth(mechanism, initial))
}

fn top(rest: &[u8]) -> Result<Command, Mistake> {
    let space = rest.iter().position(|byte| *byte == b' ').ok_or(Mistake::Arguments)?;
    let (message, lines) = rest.split_at_checked(space).ok_or(Mistake::Arguments)?;
    let lines = digits(lines.get(1..).unwrap_or_default())?;
    Ok(Command::Top(number(message)?, lines))
}

fn optional(text: &[u8]) -> Result<Option<u32>, Mistake> {
    if text.is_empty() { Ok(None) } else { number(text).map(Some) }
}

/// A message's number. One that is larger than any maildrop is read as the largest: there is no such message.
fn number(text: &[u8]) -> Result<u32, Mistake> {
    Ok(u32::try_from(digits(text)?).unwrap_or(u32::MAX))
}

/// Decimal digits; a number that is too large counts as the largest.
fn digits(text: &[u8]) -> Result<u64, Mistake> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(Mistake::Arguments);
    }
    Ok(text.iter().fold(0u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn commands() {
        for (line, read) in [
            ("USER anna@athens.test", Command::User(b"anna@athens.test".to_vec())),
            ("user mrose of athens ", Command::User(b"mrose of athens".to_vec())),
            ("PASS  a b  ", Command::Pass(secret(" a b  "))),
            ("pass x", Command::Pass(secret("x"))),
            ("AUTH", Command::AuthList),
            ("AUTH ", Command::AuthList),
            ("AUTH plain", Command::Auth(Mechanism::Plain, None)),
            ("AUTH PLAIN =", Command::Auth(Mechanism::Plain, Some(secret("")))),
            ("AUTH PLAIN AGEAYg==", Command::Auth(Mechanism::Plain, Some(secret("\0a\0b")))),
            ("APOP mrose c4c9334bac560ecc979e58001b3e22fb", Command::Apop),
            ("STAT", Command::Stat),
            ("stat  ", Command::Stat),
            ("LIST", Command::List(None)),
            ("LIST 2", Command::List(Some(2))),
            ("LIST 0", Command::List(Some(0))),
            ("UIDL 00002", Command::Uidl(Some(2))),
            ("RETR 99999999999999999999999", Command::Retr(u32::MAX)),
            ("TOP 1 0", Command::Top(1, 0)),
            ("TOP 1 99999999999999999999999", Command::Top(1, u64::MAX)),
            ("DELE 1", Command::Dele(1)),
            ("Quit", Command::Quit),
            ("CAPA", Command::Capa),
            ("STLS", Command::Stls),
            ("UTF8", Command::Utf8),
            ("RSET", Command::Rset),
            ("NOOP", Command::Noop),
        ] {
            assert_eq!(command(line.as_bytes()), Ok(read), "{line}");
        }
    }

    #[test]
    fn mistakes() {
        use Mistake::{Arguments, Base64, Mechanism, Unknown};
        for (line, mistake) in [
            ("", Unknown),
            (" ", Unknown),
            (" STAT", Unknown),
            ("STATS", Unknown),
            ("EHLO x", Unknown),
            ("XTND XMIT", Unknown),
            ("USER", Arguments),
            ("USER ", Arguments),
            ("PASS", Arguments),
            ("PASS ", Arguments),
            ("STAT 1", Arguments),
            ("LIST -1", Arguments),
            ("LIST +1", Arguments),
            ("LIST 1 2", Arguments),
            ("LIST  1", Arguments),
            ("RETR", Arguments),
            ("RETR a", Arguments),
            ("RETR \u{661}", Arguments),
            ("TOP 1", Arguments),
            ("TOP 1 ", Arguments),
            ("TOP 1 -1", Arguments),
            ("TOP 1 2 3", Arguments),
            ("AUTH CRAM-MD5", Mechanism),
            ("AUTH PLAIN *", Base64),
            ("AUTH PLAIN AGEAYg", Base64),
            ("AUTH PLAIN AGEA YgAA", Arguments),
        ] {
            assert_eq!(command(line.as_bytes()), Err(mistake), "{line}");
        }
    }
}
