//! Address fields: mailboxes, groups, comments, routes and the other obsolete forms (RFC 5322 sections 3.4 and 4.4,
//! RFC 6532). Any text is read; what is no address keeps its words as they are.

mod lexer;
mod list;
#[cfg(test)]
mod tests;

use crate::encoding::words;

/// One mailbox as the field names it. Nothing of it is checked; [`Mailbox::address`] checks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Mailbox {
    /// The phrase before the angle bracket, unquoted, encoded words left alone.
    pub name: Option<String>,
    /// The part before the `@`, unquoted; all of it when there is no `@`.
    pub local: String,
    /// The part behind the `@`, as written, without comments; empty when there is none.
    pub domain: String,
    /// The obsolete source route, `@a,@b`, without its colon (RFC 5322 section 4.4).
    pub route: Option<String>,
    /// The last comment, without parentheses: where old mailers put the name.
    pub comment: Option<String>,
}

/// One entry of an address field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A mailbox.
    Mailbox(Mailbox),
    /// `name: a, b;`
    Group {
        /// Its name, unquoted, encoded words left alone.
        name: String,
        /// Its members, perhaps none.
        members: Vec<Mailbox>,
    },
}

impl Mailbox {
    /// `local@domain` without a name.
    pub fn new(local: impl Into<String>, domain: impl Into<String>) -> Self {
        Self { local: local.into(), domain: domain.into(), ..Self::default() }
    }

    /// The mailbox of an envelope's address, named.
    pub fn named(name: Option<&str>, address: &envelope::Address) -> Self {
        let domain = match address.host() {
            envelope::Host::Name(domain) => domain.to_string(),
            literal => literal.to_string(),
        };
        Self { name: name.map(str::to_owned), ..Self::new(address.local().as_str(), domain) }
    }

    /// The name for people: the phrase or else the comment, encoded words decoded.
    pub fn display_name(&self) -> Option<String> {
        let name = self.name.as_deref().or(self.comment.as_deref())?;
        Some(words::decode(name.as_bytes()))
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<envelope::Address> {
        let local = envelope::LocalPart::from_unquoted(&self.local).ok()?;
        let host = envelope::Host::parse(&self.domain).ok()?;
        Some(envelope::Address::new(local, host))
    }

    /// `local@domain`, the local part quoted where it must be; the bare local part when there is no domain.
    pub fn spec(&self) -> String {
        let mut out = String::with_capacity(self.local.len() + self.domain.len() + 3);
        quote_local(&self.local, &mut out);
        if !self.domain.is_empty() {
            out.push('@');
            out.push_str(&self.domain);
        }
        out
    }
}

impl Entry {
    /// The mailboxes of it: itself, or the group's members.
    pub fn mailboxes(&self) -> &[Mailbox] {
        match self {
            Self::Mailbox(mailbox) => std::slice::from_ref(mailbox),
            Self::Group { members, .. } => members,
        }
    }
}

/// Reads the value of an address field, folded or not.
pub fn parse(value: &[u8]) -> Vec<Entry> {
    list::parse(value)
}

/// The mailboxes of an address field, those of its groups included.
pub fn mailboxes(value: &[u8]) -> Vec<Mailbox> {
    let mut out = Vec::new();
    for entry in parse(value) {
        match entry {
            Entry::Mailbox(mailbox) => out.push(mailbox),
            Entry::Group { members, .. } => out.extend(members),
        }
    }
    out
}

/// `atext` of RFC 5322 section 3.2.3, with the UTF-8 of RFC 6532.
pub(crate) fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn quote_local(local: &str, out: &mut String) {
    if !local.is_empty() && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)) {
        out.push_str(local);
    } else {
        quote(local, out);
    }
}

/// Writes a quoted string.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
