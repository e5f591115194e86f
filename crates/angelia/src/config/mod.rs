//! The configuration: one TOML file, read into [`Settings`] in two steps.
//!
//! [`raw`] takes the text apart and refuses unknown keys; [`settings`] gives each value its type. Both report every
//! problem with its line. [`keys`] is the one definition of all keys, and [`docs`] writes the reference and the sample
//! from it.

pub(crate) mod docs;
pub(crate) mod keys;
mod kind;
mod raw;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

pub use settings::{Bodies, Engine, JournalFormat, ListenSettings, OutboundSettings, Settings, TlsSettings};

/// One thing that is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1, where one line is to blame.
    pub line: Option<usize>,
    /// What is wrong, and what to write instead.
    pub text: String,
}

/// The file cannot be used: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no file in any of the usual places.
    #[error(
        "no configuration file. Looked for: {}. Make one with `angelia quickstart you@your.domain`, or name one with --config",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoFile(Vec<PathBuf>),
    /// It cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It says what we do not understand.
    #[error("{}", Listing(.path, .problems))]
    Wrong {
        /// Which one.
        path: PathBuf,
        /// In the order of their lines.
        problems: Vec<Problem>,
    },
}

struct Listing<'a>(&'a Path, &'a [Problem]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.1.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match problem.line {
                Some(line) => write!(f, "{}:{line}: {}", self.0.display(), problem.text)?,
                None => write!(f, "{}: {}", self.0.display(), problem.text)?,
            }
        }
        Ok(())
    }
}

/// Where the file is: the one that was named, or the first of the usual places that has one.
pub fn locate(named: Option<&Path>) -> Result<PathBuf, ConfigError> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let places = ["angelia.toml", "angelia/angelia.toml", "/etc/angelia/angelia.toml"].map(PathBuf::from);
    places.iter().find(|path| path.exists()).cloned().ok_or_else(|| ConfigError::NoFile(places.to_vec()))
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
    let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned));
    parse(&text, &folder.unwrap_or_default()).map_err(|problems| ConfigError::Wrong { path: path.to_owned(), problems })
}

/// Reads a text; relative paths start at `folder`.
pub fn parse(text: &str, folder: &Path) -> Result<Settings, Vec<Problem>> {
    let (raw, mut problems) = raw::Raw::parse(text);
    if raw.broken {
        return Err(problems);
    }
    let settings = settings::build(raw, folder, &mut problems);
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => {
            problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
            Err(problems)
        }
    }
}

/// What holds for one key.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Effective {
    /// The key.
    pub(crate) name: &'static str,
    /// As TOML; a password in it is not shown. `None` when nothing is set.
    pub(crate) value: Option<String>,
    /// Whether the file says so, or the default does.
    pub(crate) from_file: bool,
}

/// What holds for every key, by a file that [`read`] has found right.
pub(crate) fn effective(path: &Path) -> Result<Vec<Effective>, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
    let (mut raw, _) = raw::Raw::parse(&text);
    let entries = keys::all().map(|key| {
        let found = raw.take(key.name).map(|found| found.value.to_toml());
        let from_file = found.is_some();
        let default = match key.default {
            keys::Default::Is { value, .. } => Some(value.to_owned()),
            _ => None,
        };
        let value =
            found.or(default).map(|value| if key.name == "storage.url" { hide_password(&value) } else { value });
        Effective { name: key.name, value, from_file }
    });
    Ok(entries.collect())
}

/// `postgres://user:secret@host` without the secret.
fn hide_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            match url.get(scheme + 3..at).and_then(|user| user.split_once(':')) {
                Some((user, _)) => format!("{}://{user}:…{}", &url[..scheme], &url[at..]),
                None => url.to_owned(),
            }
        }
        _ => url.to_owned(),
    }
}
