//! VRFY and EXPN (RFC 5321 section 3.5): who an address is, and where a group leads. Strangers who ask gather addresses
//! for spam, so that they learn nothing, whatever the operator chose: 252 and 502. Our own people, signed in or in a
//! trusted network, are answered where the operator wants it.

use std::str::FromStr;

use directory::{DomainEntry, Lookup};
use envelope::{Address, Reply};

use super::serve::Visit;
use crate::limits::NAME_DOMAINS_MAX;

/// What VRFY answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Vrfy {
    /// 252 to everybody: send it and see.
    #[default]
    Noncommittal,
    /// The truth to our own people, 252 to others.
    Answer,
    /// 502 to everybody.
    Off,
}

/// The text is none of the choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("say 252, answer or off")]
pub struct VrfyError;

impl FromStr for Vrfy {
    type Err = VrfyError;

    fn from_str(text: &str) -> Result<Self, VrfyError> {
        match text {
            "252" => Ok(Self::Noncommittal),
            "answer" => Ok(Self::Answer),
            "off" => Ok(Self::Off),
            _ => Err(VrfyError),
        }
    }
}

impl Visit {
    pub(super) async fn verify(&mut self, name: &str) {
        let reply = match self.context.settings.vrfy {
            Vrfy::Off => Reply::new(502, (5, 5, 1), "addresses are not verified here"),
            Vrfy::Answer if self.relay_allowed().is_some() => self.verified(name).await,
            Vrfy::Answer | Vrfy::Noncommittal => Reply::new(252, (2, 1, 5), "send it and see"),
        };
        self.session().answer(&reply);
    }

    pub(super) async fn expand(&mut self, name: &str) {
        let reply = if self.context.settings.expn && self.relay_allowed().is_some() {
            self.expanded(name).await
        } else {
            Reply::new(502, (5, 5, 1), "lists are not shown here")
        };
        self.session().answer(&reply);
    }

    async fn verified(&self, name: &str) -> Reply {
        let address = match self.meant(name).await {
            Ok(address) => address,
            Err(reply) => return reply,
        };
        match self.context.directory.lookup(&address).await {
            Ok(Lookup::Local(found)) => match found.moved_to {
                Some(to) => Reply::new(251, (2, 1, 5), format!("user not local; will forward to <{to}>")),
                None => Reply::new(250, (2, 1, 5), format!("<{address}>")),
            },
            Ok(Lookup::Moved(to)) => Reply::new(551, (5, 1, 6), format!("user not local; please try <{to}>")),
            Ok(Lookup::Foreign | Lookup::Returning(_)) => {
                Reply::new(252, (2, 1, 5), "not ours to know; send it and see")
            }
            Ok(Lookup::Unknown | Lookup::NotReturning(_)) => nobody(),
            Err(error) => self.trouble(&error),
        }
    }

    async fn expanded(&self, name: &str) -> Reply {
        let address = match self.meant(name).await {
            Ok(address) => address,
            Err(reply) => return reply,
        };
        match self.context.directory.members(&address).await {
            Ok(Some(members)) => {
                let lines: Vec<String> = members.iter().map(|member| format!("<{member}>")).collect();
                Reply::new(250, (2, 1, 5), lines.join("\n"))
            }
            Ok(None) => Reply::new(550, (5, 1, 1), "there is no list of that name here"),
            Err(error) => self.trouble(&error),
        }
    }

    /// Whom a name means. One without a domain is one of ours, when there is one only (RFC 5321 section 3.5.1).
    async fn meant(&self, name: &str) -> Result<Address, Reply> {
        let text = asked(name);
        if let Ok(address) = Address::parse(text) {
            return Ok(address);
        }
        if text.contains('@') {
            return Err(whole());
        }
        let directory = &self.context.directory;
        let domains = directory.domains().await.map_err(|error| self.trouble(&error))?;
        let at = |entry: &DomainEntry| Address::parse(&format!("{text}@{}", entry.domain)).map_err(|_| whole());
        match domains.as_slice() {
            [] => return Err(whole()),
            [one] => return at(one),
            many if many.len() > NAME_DOMAINS_MAX => return Err(whole()),
            _ => {}
        }
        let mut found = None;
        for entry in &domains {
            let address = at(entry)?;
            let lookup = directory.lookup(&address).await.map_err(|error| self.trouble(&error))?;
            let is_here = matches!(lookup, Lookup::Local(_) | Lookup::Moved(_));
            if is_here && found.replace(address).is_some() {
                return Err(Reply::new(553, (5, 1, 4), "several people here have this name: say the whole address"));
            }
        }
        found.ok_or_else(nobody)
    }

    fn trouble(&self, error: &directory::Error) -> Reply {
        self.context.fault(Some(self.id), None, "directory", error);
        Reply::new(451, (4, 3, 0), "temporary failure, try again later")
    }
}

fn nobody() -> Reply {
    Reply::new(550, (5, 1, 1), "nobody here has this address")
}

fn whole() -> Reply {
    Reply::new(553, (5, 1, 3), "say the whole address, with its domain")
}

/// `anna@athens.test`, in angle brackets or without, and whatever name stands before them. The parameter SMTPUTF8 may
/// stand behind it (RFC 6531 section 3.7.4.2).
fn asked(name: &str) -> &str {
    let text = name.trim();
    let text = match text.rsplit_once(' ') {
        Some((before, last)) if last.eq_ignore_ascii_case("SMTPUTF8") => before.trim_end(),
        _ => text,
    };
    text.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked() {
        for (text, address) in [
            ("anna@athens.test", Some("anna@athens.test")),
            (" <anna@athens.test> ", Some("anna@athens.test")),
            ("Anna <anna@athens.test>", Some("anna@athens.test")),
            ("anna@athens.test SMTPUTF8", Some("anna@athens.test")),
            ("Anna <anna@athens.test>  smtputf8", Some("anna@athens.test")),
            ("anna@athens.test SMTPUTF9", None),
            ("SMTPUTF8", None),
            ("anna", None),
            ("<anna@athens.test", None),
            ("", None),
        ] {
            assert_eq!(Address::parse(asked(text)).ok(), address.map(|text| Address::parse(text).unwrap()), "{text:?}");
        }
        assert_eq!("answer".parse(), Ok(Vrfy::Answer));
        assert_eq!("yes".parse::<Vrfy>(), Err(VrfyError));
    }
}
