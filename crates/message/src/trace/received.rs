//! The Received field: written for every letter that passes, read to find loops and to tell a letter's way.
//!
//! ```text
//! Stamp    = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
//! Opt-info = [Via] [With] [ID] [For] [Additional-Registered-Clauses]
//! ```
//! (RFC 5321 section 4.4; protocol names of RFC 3848 and RFC 6531 section 4.3.)

use std::fmt::Write;
use std::net::IpAddr;

use envelope::{Address, Domain, Host, Timestamp};

use crate::date::{self, DateTime};
use crate::encoding::text_of;
use crate::header::{Header, unfold};

/// By which protocol a letter came: it decides the word behind `with`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct With {
    /// LMTP instead of SMTP.
    pub lmtp: bool,
    /// EHLO, not HELO.
    pub extended: bool,
    /// Over TLS.
    pub tls: bool,
    /// The client had signed in.
    pub signed_in: bool,
    /// The letter came with SMTPUTF8.
    pub smtputf8: bool,
}

impl With {
    /// `ESMTPSA` and its kin.
    pub fn name(self) -> String {
        let mut name = String::with_capacity(11);
        name.push_str(match (self.smtputf8, self.lmtp, self.extended) {
            (true, true, _) => "UTF8LMTP",
            (true, false, _) => "UTF8SMTP",
            (false, true, _) => "LMTP",
            // Only ESMTP has names for TLS and AUTH, and neither exists without EHLO.
            (false, false, extended) if extended || self.tls || self.signed_in => "ESMTP",
            _ => "SMTP",
        });
        if self.tls {
            name.push('S');
        }
        if self.signed_in {
            name.push('A');
        }
        name
    }
}

/// What a Received field of ours tells.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The name in HELO or EHLO: the client's word, whatever it was.
    pub helo: &'a str,
    /// The client's address.
    pub peer: Option<IpAddr>,
    /// The client's name by a confirmed reverse look-up.
    pub peer_name: Option<&'a Domain>,
    /// Our own name.
    pub by: &'a Domain,
    /// By which protocol.
    pub with: With,
    /// Version and cipher of TLS, such as `TLSv1.3` and `TLS_AES_256_GCM_SHA384`.
    pub tls: Option<(&'a str, &'a str)>,
    /// The name of the letter here.
    pub id: &'a str,
    /// The recipient, when there is one only: more would tell blind copies.
    pub recipient: Option<&'a Address>,
    /// When it came.
    pub at: Timestamp,
}

impl Received<'_> {
    /// The whole field, folded, with its line end.
    pub fn field(&self) -> String {
        let mut out = String::with_capacity(320);
        out.push_str("Received: from ");
        push_name(self.helo, &mut out);
        self.push_peer(&mut out);
        let _ = write!(out, "\r\n\tby {} with {}", self.by, self.with.name());
        if let Some((version, cipher)) = self.tls {
            out.push_str(" (");
            push_word(version, &mut out);
            out.push(' ');
            push_word(cipher, &mut out);
            out.push(')');
        }
        out.push_str("\r\n\tid ");
        push_word(self.id, &mut out);
        // A header that is not SMTPUTF8 stays ASCII (RFC 6531 section 3.7.3).
        let recipient = self.recipient.filter(|address| self.with.smtputf8 || !address.needs_smtputf8());
        if let Some(address) = recipient {
            let _ = write!(out, "\r\n\tfor <{address}>");
        }
        let _ = write!(out, ";\r\n\t{}\r\n", DateTime::utc(self.at).to_rfc5322());
        out
    }

    fn push_peer(&self, out: &mut String) {
        if let Some(address) = self.peer {
            out.push_str(" (");
            if let Some(name) = self.peer_name {
                let _ = write!(out, "{name} ");
            }
            let _ = write!(out, "{})", Host::Literal(address.to_canonical()));
        }
    }
}

/// Longest HELO name written (RFC 5321 section 4.5.3.1.2).
const NAME_OCTETS_MAX: usize = 255;

/// The client's word for itself: only what a name or an address literal can hold, so that it cannot write fields.
fn push_name(name: &str, out: &mut String) {
    let fine = |c: &char| c.is_ascii_alphanumeric() || "-._:[]".contains(*c);
    let before = out.len();
    out.extend(name.chars().filter(fine).take(NAME_OCTETS_MAX));
    if out.len() == before {
        out.push_str("unknown");
    }
}

fn push_word(word: &str, out: &mut String) {
    out.extend(word.chars().filter(|c| c.is_ascii_graphic() && !"()<>;\\\"".contains(*c)).take(NAME_OCTETS_MAX));
}

/// How many Received fields there are. A letter with too many goes in circles (RFC 5321 section 6.3).
pub fn hops(header: &Header<'_>) -> usize {
    header.get_all("received").count()
}

/// A Received field of anybody, read as far as it can be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hop {
    /// Behind `from`, comments kept.
    pub from: Option<String>,
    /// Behind `by`.
    pub by: Option<String>,
    /// Behind `via`.
    pub via: Option<String>,
    /// Behind `with`.
    pub with: Option<String>,
    /// Behind `id`.
    pub id: Option<String>,
    /// Behind `for`.
    pub recipient: Option<String>,
    /// Behind the last semicolon.
    pub at: Option<DateTime>,
}

/// Octets of a Received field that are read; the longest seen have a few comments of some hundred.
const HOP_OCTETS_MAX: usize = 8 * 1024;

impl Hop {
    /// Reads a field's value, folded or not.
    pub fn parse(value: &[u8]) -> Self {
        let value = unfold(value.get(..HOP_OCTETS_MAX.min(value.len())).unwrap_or(value));
        let text = text_of(&value);
        let (stamp, date) = text.rsplit_once(';').unwrap_or((&text, ""));
        let mut hop = Self { at: date::parse(date.as_bytes()), ..Self::default() };
        let mut clause: Option<String> = None;
        let mut words: Vec<&str> = Vec::new();
        let mut depth = 0i32;
        for word in stamp.split_ascii_whitespace() {
            let keyword = depth <= 0 && is_keyword(word);
            let balance = |c: char| i32::from(c == '(') - i32::from(c == ')');
            depth = (depth + word.chars().map(balance).sum::<i32>()).max(0);
            if keyword {
                hop.set(clause.take(), &words);
                words.clear();
                clause = Some(word.to_ascii_lowercase());
            } else {
                words.push(word);
            }
        }
        hop.set(clause, &words);
        hop
    }

    fn set(&mut self, clause: Option<String>, words: &[&str]) {
        let place = match clause.as_deref() {
            Some("from") => &mut self.from,
            Some("by") => &mut self.by,
            Some("via") => &mut self.via,
            Some("with") => &mut self.with,
            Some("id") => &mut self.id,
            Some("for") => &mut self.recipient,
            _ => return,
        };
        if place.is_none() && !words.is_empty() {
            *place = Some(words.join(" "));
        }
    }
}

fn is_keyword(word: &str) -> bool {
    ["from", "by", "via", "with", "id", "for"].iter().any(|known| word.eq_ignore_ascii_case(known))
}
