//! Reads one value after the other: each gets its type, or becomes a problem with its line.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use directory::{DomainPattern, DomainSet, Network, TrustedNetworks};
use envelope::{Address, Domain};
use mhs::route::Sources;

use crate::config::Problem;
use crate::config::keys::{self, Default as KeyDefault};
use crate::config::kind::{self, Kind};
use crate::config::raw::{Found, Raw, Value};

/// The values, their folder, and what was wrong with them.
pub(super) struct Reader<'a> {
    pub(super) raw: Raw,
    pub(super) folder: &'a Path,
    pub(super) problems: &'a mut Vec<Problem>,
    /// Where the section begins, when it is one of several; otherwise 0.
    pub(super) line: usize,
}

impl Reader<'_> {
    /// With line 0: where the key stands, if it does.
    pub(super) fn problem(&mut self, name: &str, line: usize, text: &str) {
        self.problem_beside(name, line, "", text);
    }

    /// The same for two keys that do not go together: where the first stands, or else the other one.
    pub(super) fn problem_beside(&mut self, name: &str, line: usize, other: &str, text: &str) {
        let stands = || self.raw.line(name).or_else(|| self.raw.line(other));
        let line = if line > 0 { Some(line) } else { stands() };
        self.problems.push(Problem { line, text: format!("`{name}`: {text}") });
    }

    /// What the file says, or else the default; line 0 stands for the latter.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Found> {
        if let Some(found) = self.raw.take(name) {
            return Some(found);
        }
        match keys::find(name)?.default {
            KeyDefault::Is { value, .. } => Value::parse(value).map(|value| Found { line: 0, value }),
            KeyDefault::Required { example } => {
                let key = if self.line > 0 { name.rsplit('.').next().unwrap_or(name) } else { name };
                self.problem(name, self.line, &format!("is missing; write for instance {key} = {example}"));
                None
            }
            KeyDefault::Unset { .. } => None,
        }
    }

    /// Takes the value apart by `read`; what that refuses becomes a problem.
    pub(super) fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let found = self.value(name)?;
        match read(&found.value) {
            Ok(value) => Some(value),
            Err(text) => {
                self.problem(name, found.line, &text);
                None
            }
        }
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, |value| as_text(value, name).map(str::to_owned))
    }

    pub(super) fn address(&mut self, name: &'static str) -> Option<Address> {
        self.read(name, |value| {
            let text = as_text(value, name)?;
            Address::parse(text).map_err(|error| format!("{text:?}: {error}"))
        })
    }

    pub(super) fn domain(&mut self, name: &'static str) -> Option<Domain> {
        self.read(name, |value| {
            let text = as_text(value, name)?;
            Domain::parse(text).map_err(|error| format!("{text:?}: {error}"))
        })
    }

    pub(super) fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        let folder = self.folder.to_owned();
        self.read(name, |value| as_text(value, name).map(|text| folder.join(text)))
    }

    pub(super) fn paths(&mut self, name: &'static str) -> Vec<PathBuf> {
        let folder = self.folder.to_owned();
        let read =
            |value: &Value| as_texts(value, name).map(|texts| texts.into_iter().map(|t| folder.join(t)).collect());
        self.read(name, read).unwrap_or_default()
    }

    pub(super) fn bool(&mut self, name: &'static str) -> bool {
        self.bool_if_said(name).unwrap_or_default()
    }

    pub(super) fn bool_if_said(&mut self, name: &'static str) -> Option<bool> {
        let read = |value: &Value| match value {
            Value::Bool(value) => Ok(*value),
            _ => Err(wanted(name)),
        };
        self.read(name, read)
    }

    pub(super) fn number(&mut self, name: &'static str) -> i64 {
        let read = |value: &Value| match (value, keys::find(name).map(|key| key.kind)) {
            (Value::Number(number), Some(Kind::Number { min, max })) if (min..=max).contains(number) => Ok(*number),
            _ => Err(wanted(name)),
        };
        self.read(name, read).unwrap_or_default()
    }

    /// A number where there is one.
    pub(super) fn number_if_set(&mut self, name: &'static str) -> Option<u32> {
        let read = |value: &Value| match (value, keys::find(name).map(|key| key.kind)) {
            (Value::Number(number), Some(Kind::Number { min, max })) if (min..=max).contains(number) => {
                u32::try_from(*number).map_err(|_| wanted(name))
            }
            _ => Err(wanted(name)),
        };
        self.read(name, read)
    }

    pub(super) fn count(&mut self, name: &'static str) -> usize {
        usize::try_from(self.number(name)).unwrap_or_default()
    }

    pub(super) fn size(&mut self, name: &'static str) -> u64 {
        let least = match keys::find(name).map(|key| key.kind) {
            Some(Kind::Size { least, .. }) => least,
            _ => 0,
        };
        let read = |value: &Value| {
            let octets = match value {
                Value::Number(number) => u64::try_from(*number).map_err(|_| wanted(name))?,
                other => kind::size(as_text(other, name)?)?,
            };
            if octets < least { Err(format!("{octets} octets are too few; {}", wanted(name))) } else { Ok(octets) }
        };
        self.read(name, read).unwrap_or_default()
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Duration {
        self.read(name, |value| kind::duration(as_text(value, name)?)).unwrap_or_default()
    }

    pub(super) fn socket_address(&mut self, name: &'static str) -> Option<SocketAddr> {
        let port = match keys::find(name).map(|key| key.kind) {
            Some(Kind::SocketAddress { port }) => Some(port),
            _ => None,
        };
        self.read(name, |value| kind::socket_address(as_text(value, name)?, port))
    }

    pub(super) fn domains(&mut self, name: &'static str) -> DomainSet {
        let read = |value: &Value| {
            each(&as_texts(value, name)?, |text| {
                text.parse::<DomainPattern>().map_err(|error| format!("{text:?}: {error}"))
            })
        };
        DomainSet::new(self.read(name, read).unwrap_or_default())
    }

    /// One address a family.
    pub(super) fn sources(&mut self, name: &'static str) -> Sources {
        let read = |value: &Value| {
            let bad = |text: &str| format!("{text:?} is no address; {}", wanted(name));
            let addresses: Vec<IpAddr> = each(&as_texts(value, name)?, |text| text.parse().map_err(|_| bad(text)))?;
            Sources::new(addresses).map_err(|one| format!("{one} is one too many; {}", wanted(name)))
        };
        self.read(name, read).unwrap_or_default()
    }

    pub(super) fn networks(&mut self, name: &'static str) -> TrustedNetworks {
        let read = |value: &Value| {
            let texts = as_texts(value, name)?;
            each(&texts, |text| text.parse::<Network>().map_err(|error| error.to_string()))?;
            TrustedNetworks::parse(texts).map_err(|error| error.to_string())
        };
        self.read(name, read).unwrap_or_default()
    }

    pub(super) fn choice(&mut self, name: &'static str) -> Option<&'static str> {
        let Some(Kind::Choice(words)) = keys::find(name).map(|key| key.kind) else { return None };
        self.read(name, |value| {
            let text = as_text(value, name)?;
            words.iter().copied().find(|word| *word == text).ok_or_else(|| wanted(name))
        })
    }
}

pub(super) fn wanted(name: &str) -> String {
    format!("wants {}", keys::find(name).map_or_else(String::new, |key| key.kind.describe()))
}

pub(super) fn as_text<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    match value {
        Value::Text(text) if !text.is_empty() => Ok(text),
        Value::Text(_) => Err(format!("is empty; {}", wanted(name))),
        Value::Other(what) => Err(format!("is {what}; {}", wanted(name))),
        _ => Err(wanted(name)),
    }
}

/// All entries of a list, or all that is wrong with them.
pub(super) fn each<T>(texts: &[&str], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for text in texts {
        match read(text) {
            Ok(value) => good.push(value),
            Err(text) => wrong.push(text),
        }
    }
    if wrong.is_empty() { Ok(good) } else { Err(wrong.join("; ")) }
}

/// One text, or a list of texts.
pub(super) fn as_texts<'v>(value: &'v Value, name: &str) -> Result<Vec<&'v str>, String> {
    match value {
        Value::List(list) => list.iter().map(|value| as_text(value, name)).collect(),
        one => as_text(one, name).map(|text| vec![text]),
    }
}
