//! The policy file (RFC 8461 section 3.2), and which MX hosts it names (section 4.1).
//!
//! ```text
//! version: STSv1
//! mode: enforce
//! mx: mail.example.com
//! mx: *.example.net
//! max_age: 604800
//! ```
//!
//! Lines end with LF or CRLF (errata 6253). Unknown keys are passed over, and of a key that stands twice the first counts.
//! Blank lines, which the ABNF does not have and web servers' editors do, change nothing.
//! What is not of the form `key: value` makes the whole file void: half a policy would be a wrong one.

use std::fmt;
use std::time::Duration;

use envelope::Domain;

use crate::limits::{POLICY_OCTETS_MAX, POLICY_PATTERNS_MAX, POLICY_SECONDS_MAX};

/// What is asked of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Letters go to hosts that pass, or wait.
    Enforce,
    /// Letters go all the same; what did not pass is reported.
    Testing,
    /// There is no policy any more.
    None,
}

impl Mode {
    /// Its word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }
}

/// Names of MX hosts: one, or all that have one label more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    wildcard: bool,
    name: Domain,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (wildcard, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        Some(Self { wildcard, name: Domain::parse(name).ok()? })
    }

    /// Whether the host is meant. The wildcard stands for exactly one label.
    pub fn matches(&self, host: &Domain) -> bool {
        if !self.wildcard {
            return *host == self.name;
        }
        host.as_str().split_once('.').is_some_and(|(_, rest)| rest == self.name.as_str())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.wildcard { "*." } else { "" }, self.name)
    }
}

/// A domain's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What is asked of us.
    pub mode: Mode,
    /// Who takes the domain's mail. Never empty, but with [`Mode::None`].
    pub mx: Vec<Pattern>,
    /// How long it holds from the moment of fetching.
    pub max_age: Duration,
}

/// Why a file is no policy: the fault of whoever keeps it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Over [`POLICY_OCTETS_MAX`].
    #[error("the policy file is longer than {POLICY_OCTETS_MAX} octets")]
    TooLong,
    /// Not text.
    #[error("the policy file is not UTF-8")]
    NotText,
    /// A line without a key, or with a value that cannot be.
    #[error("line {line} of the policy file is no `key: value`")]
    Line {
        /// From 1.
        line: usize,
    },
    /// A key that must be there.
    #[error("the policy file has no `{0}`")]
    Missing(&'static str),
    /// A value that says nothing we know.
    #[error("line {line} of the policy file: `{key}` cannot be {value:?}")]
    Value {
        /// From 1.
        line: usize,
        /// Of these keys we know the values.
        key: &'static str,
        /// As it stands, shortened.
        value: String,
    },
    /// Over [`POLICY_PATTERNS_MAX`].
    #[error("the policy file names more than {POLICY_PATTERNS_MAX} MX hosts")]
    TooManyHosts,
}

/// What has been read so far; of each key the first.
#[derive(Default)]
struct Found {
    version: bool,
    mode: Option<Mode>,
    max_age: Option<u64>,
    mx: Vec<Pattern>,
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        if file.len() > POLICY_OCTETS_MAX {
            return Err(PolicyError::TooLong);
        }
        let text = std::str::from_utf8(file).map_err(|_| PolicyError::NotText)?;
        let mut found = Found::default();
        let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        for (number, line) in (1..).zip(lines) {
            found.line(number, line.strip_suffix('\r').unwrap_or(line))?;
        }
        found.into_policy()
    }

    /// Whether the policy names the host.
    pub fn names(&self, host: &Domain) -> bool {
        self.mx.iter().any(|pattern| pattern.matches(host))
    }

    /// The lines of it, as a report has them (RFC 8460 section 4.4, `policy-string`).
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["version: STSv1".to_owned(), format!("mode: {}", self.mode.as_str())];
        lines.extend(self.mx.iter().map(|pattern| format!("mx: {pattern}")));
        lines.push(format!("max_age: {}", self.max_age.as_secs()));
        lines
    }
}

impl Found {
    fn line(&mut self, number: usize, line: &str) -> Result<(), PolicyError> {
        if line.trim_matches([' ', '\t']).is_empty() {
            return Ok(());
        }
        let (key, value) = line.split_once(':').ok_or(PolicyError::Line { line: number })?;
        let value = value.trim_matches([' ', '\t']);
        let is_key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if key.is_empty() || key.len() > 32 || !key.bytes().all(is_key) || value.chars().any(char::is_control) {
            return Err(PolicyError::Line { line: number });
        }
        let wrong = |key| PolicyError::Value { line: number, key, value: value.chars().take(64).collect() };
        match key {
            "version" if !self.version => {
                self.version = value == "STSv1";
                if !self.version {
                    return Err(wrong("version"));
                }
            }
            "mode" if self.mode.is_none() => self.mode = Some(mode(value).ok_or_else(|| wrong("mode"))?),
            "max_age" if self.max_age.is_none() => {
                self.max_age = Some(seconds(value).ok_or_else(|| wrong("max_age"))?);
            }
            "mx" if self.mx.len() >= POLICY_PATTERNS_MAX => return Err(PolicyError::TooManyHosts),
            "mx" => self.mx.push(Pattern::parse(value).ok_or_else(|| wrong("mx"))?),
            _ => {}
        }
        Ok(())
    }

    fn into_policy(self) -> Result<Policy, PolicyError> {
        if !self.version {
            return Err(PolicyError::Missing("version"));
        }
        let mode = self.mode.ok_or(PolicyError::Missing("mode"))?;
        let max_age = self.max_age.ok_or(PolicyError::Missing("max_age"))?;
        if self.mx.is_empty() && mode != Mode::None {
            return Err(PolicyError::Missing("mx"));
        }
        Ok(Policy { mode, mx: self.mx, max_age: Duration::from_secs(max_age) })
    }
}

fn mode(text: &str) -> Option<Mode> {
    [Mode::Enforce, Mode::Testing, Mode::None].into_iter().find(|mode| mode.as_str() == text)
}

/// Digits, ten at most by the ABNF. What is over the longest life that there is, is that life: to take such a policy for
/// none would be the worse error.
fn seconds(text: &str) -> Option<u64> {
    let digits = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse::<u64>().ok())?.map(|seconds| seconds.min(POLICY_SECONDS_MAX))
}
