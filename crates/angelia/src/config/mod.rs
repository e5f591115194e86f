//! The configuration: one TOML file, read into [`Settings`] in two steps.
//!
//! [`raw`] takes the text apart and refuses unknown keys; [`settings`] gives each value its type. Both report every
//! problem with its line. [`keys`] is the one definition of all keys, and [`docs`] writes the reference and the sample
//! from it.

pub(crate) mod docs;
pub(crate) mod keys;
mod kind;
mod place;
mod raw;
mod settings;
mod start;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use kind::{duration as parse_duration, size as parse_size};
pub(crate) use place::OF_MACHINE;
pub use place::{load, locate};
pub use settings::{
    Bodies, Dnssec, DropSettings, Engine, JournalFormat, ListenSettings, OutboundSettings, QuotaSettings,
    RouteSettings, Settings, TlsSettings, table,
};
pub(crate) use start::waiting_for_start;

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
    #[error("{}: {}", .path.display(), net::plain(.error))]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It lies in the current folder, and somebody else has a hand in it.
    #[error(
        "{} is not used: {} {why}. If it is meant all the same, name it: --config {}",
        .config.display(), .place.display(), .config.display()
    )]
    Doubtful {
        /// The file.
        config: PathBuf,
        /// The file itself, its folder or the data folder.
        place: PathBuf,
        /// Whose it is, or who may write there.
        why: String,
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
    /// The key; `route[1].to` is the key `to` of the first route.
    pub(crate) name: String,
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
    let mut entries = Vec::new();
    let mut listed = None;
    for key in keys::all() {
        match key.name.split_once('.') {
            Some((section, _)) if keys::is_list(section) => {
                if listed.replace(section) != Some(section) {
                    entries.extend(effective_list(section, raw.take_list(section)));
                }
            }
            _ => entries.push(Effective::new(key.name.to_owned(), key, raw.take(key.name))),
        }
    }
    Ok(entries)
}

/// The same for sections of which there can be several: none when there is none.
fn effective_list(section: &str, list: Vec<raw::Entry>) -> Vec<Effective> {
    let mut entries = Vec::new();
    for (index, mut entry) in list.into_iter().enumerate() {
        let of_it = keys::all().filter(|key| key.name.split_once('.').is_some_and(|(one, _)| one == section));
        for key in of_it {
            let name = format!("{section}[{}]{}", index + 1, key.name.get(section.len()..).unwrap_or_default());
            entries.push(Effective::new(name, key, entry.raw.take(key.name)));
        }
    }
    entries
}

impl Effective {
    fn new(name: String, key: &keys::Key, found: Option<raw::Found>) -> Self {
        let from_file = found.is_some();
        let default = match key.default {
            keys::Default::Is { value, .. } => Some(value.to_owned()),
            _ => None,
        };
        let value = found.map(|found| found.value.to_toml()).or(default);
        let value = value.map(|value| if key.name == "storage.url" { hide_password(&value) } else { value });
        Self { name, value, from_file }
    }
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
