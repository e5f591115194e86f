//! Letters of this machine's users.

use std::path::{Path, PathBuf};

use super::reader::{Reader, as_texts};

/// The drop box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropSettings {
    /// The folder.
    pub path: PathBuf,
    /// Who may hand in letters; `*` is everybody.
    pub users: Vec<String>,
    /// Who of them may name any sender.
    pub trusted_users: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn drop_box(&mut self, data: Option<&Path>) -> DropSettings {
        let path = self.path("drop.path");
        DropSettings {
            path: path.unwrap_or_else(|| data.unwrap_or(self.folder).join("drop")),
            users: self.users("drop.users"),
            trusted_users: self.users("drop.trusted_users"),
        }
    }

    fn users(&mut self, name: &'static str) -> Vec<String> {
        let read = |value: &_| as_texts(value, name).map(|texts| texts.into_iter().map(str::to_owned).collect());
        self.read(name, read).unwrap_or_default()
    }
}
