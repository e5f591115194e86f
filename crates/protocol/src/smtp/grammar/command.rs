//! One command line as a value (RFC 5321 section 4.1.1, and the extensions' verbs).

use envelope::Host;

use super::Fault;
use super::parameters::{self, Mail, Recipient};
use crate::smtp::server::Hello;

/// What the client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// HELO or EHLO.
    Hello(Hello),
    /// LHLO (RFC 2033 section 4.1).
    Lhlo(Hello),
    /// MAIL FROM.
    Mail(Mail),
    /// RCPT TO, its arguments unread: whether they may be non-ASCII is for the transaction to say.
    Recipient(RecipientArguments<'a>),
    /// DATA.
    Data,
    /// BDAT (RFC 3030 section 2).
    Bdat {
        /// Octets that follow the line.
        octets: u64,
        /// The letter ends with them.
        last: bool,
    },
    /// RSET.
    Reset,
    /// NOOP, whatever its argument.
    Noop,
    /// QUIT.
    Quit,
    /// VRFY.
    Verify(&'a str),
    /// EXPN.
    Expand(&'a str),
    /// HELP.
    Help,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH (RFC 4954 section 4).
    Auth {
        /// As given.
        mechanism: &'a str,
        /// In base64; `=` is the empty one.
        initial_response: Option<&'a str>,
    },
    /// A verb of HTTP: no mail client speaks here, but a browser that was sent against its will.
    Http,
}

/// Behind RCPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipientArguments<'a>(&'a str);

impl RecipientArguments<'_> {
    /// `smtputf8` is what MAIL said.
    pub fn parse(self, smtputf8: bool) -> Result<Recipient, Fault> {
        parameters::recipient(self.0, smtputf8)
    }
}

/// Reads a line that has lost its CRLF.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Fault> {
    let text = std::str::from_utf8(line).map_err(|_| Fault::Characters)?;
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Fault::Characters);
    }
    let text = text.trim_end_matches(' ');
    let (verb, arguments) = text.split_once(' ').unwrap_or((text, ""));
    let arguments = arguments.trim_start_matches(' ');
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    match verb.len() {
        4 if is("MAIL") => parameters::mail(arguments).map(Command::Mail),
        4 if is("RCPT") => Ok(Command::Recipient(RecipientArguments(arguments))),
        4 if is("DATA") => alone(arguments, Command::Data, "DATA has no arguments"),
        4 if is("BDAT") => bdat(arguments),
        4 if is("EHLO") => hello(arguments, true).map(Command::Hello),
        4 if is("HELO") => hello(arguments, false).map(Command::Hello),
        4 if is("LHLO") => hello(arguments, true).map(Command::Lhlo),
        4 if is("RSET") => alone(arguments, Command::Reset, "RSET has no arguments"),
        4 if is("QUIT") => alone(arguments, Command::Quit, "QUIT has no arguments"),
        4 if is("NOOP") => Ok(Command::Noop),
        4 if is("HELP") => Ok(Command::Help),
        4 if is("VRFY") => some(arguments, "VRFY name").map(Command::Verify),
        4 if is("EXPN") => some(arguments, "EXPN list").map(Command::Expand),
        4 if is("AUTH") => auth(arguments),
        8 if is("STARTTLS") => alone(arguments, Command::StartTls, "STARTTLS has no arguments"),
        3 if is("GET") || is("PUT") => Ok(Command::Http),
        4 if is("POST") || is("HEAD") => Ok(Command::Http),
        7 if is("CONNECT") || is("OPTIONS") => Ok(Command::Http),
        _ => Err(Fault::Unknown),
    }
}

fn alone<'a>(arguments: &str, command: Command<'a>, syntax: &'static str) -> Result<Command<'a>, Fault> {
    if arguments.is_empty() { Ok(command) } else { Err(Fault::Syntax(syntax)) }
}

fn some<'a>(arguments: &'a str, syntax: &'static str) -> Result<&'a str, Fault> {
    if arguments.is_empty() { Err(Fault::Syntax(syntax)) } else { Ok(arguments) }
}

/// `ehlo = "EHLO" SP ( Domain / address-literal ) CRLF`. The world's clients name themselves in many wrong ways
/// (`localhost`, `my_laptop`, `192.0.2.1`); only what is no single printable word is refused.
fn hello(arguments: &str, extended: bool) -> Result<Hello, Fault> {
    let name = some(arguments, "HELO or EHLO and a host name")?;
    if name.contains(' ') || name.len() > 255 {
        return Err(Fault::Syntax("HELO or EHLO and a host name"));
    }
    Ok(Hello { extended, name: name.to_owned(), host: Host::parse(name).ok() })
}

/// `bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] CR LF`
fn bdat(arguments: &str) -> Result<Command<'_>, Fault> {
    let syntax = Fault::Syntax("BDAT size [LAST]");
    let (size, last) = arguments.split_once(' ').unwrap_or((arguments, ""));
    if !(1..=19).contains(&size.len()) || !size.bytes().all(|b| b.is_ascii_digit()) {
        return Err(syntax);
    }
    let octets = size.parse().map_err(|_| syntax)?;
    match last.trim_start_matches(' ') {
        "" => Ok(Command::Bdat { octets, last: false }),
        word if word.eq_ignore_ascii_case("LAST") => Ok(Command::Bdat { octets, last: true }),
        _ => Err(syntax),
    }
}

/// `auth-command = "AUTH" SP sasl-mech [SP initial-response]`
fn auth(arguments: &str) -> Result<Command<'_>, Fault> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(Fault::Syntax("AUTH mechanism [initial-response]"))?;
    let initial_response = words.next();
    if words.next().is_some() {
        return Err(Fault::Syntax("AUTH mechanism [initial-response]"));
    }
    Ok(Command::Auth { mechanism, initial_response })
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
