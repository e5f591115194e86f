//! Where the configuration is, and whether what lies in the current folder may be believed: whoever made it could have the
//! caller open databases, become users and hand over letters.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{ConfigError, Settings, read};
use crate::privileges::{User, own_uid};

/// The configuration of the machine's own server.
pub(crate) const OF_MACHINE: &str = "/etc/angelia/angelia.toml";

/// Looked for in the current folder: `quickstart` makes the second.
const HERE: [&str; 2] = ["angelia.toml", "angelia/angelia.toml"];

/// Others may write.
const OPEN: u32 = 0o002;

/// What others put into a folder, its owner alone takes away.
const STICKY: u32 = 0o1000;

/// Where the file is: the one that was named, or the first of the usual places that has one.
///
/// # Errors
/// No place has one; or the current folder has one, and somebody else could have put it there.
pub fn locate(named: Option<&Path>) -> Result<PathBuf, ConfigError> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    for path in HERE.map(PathBuf::from) {
        if path.symlink_metadata().is_ok() {
            file_is_ours(&path)?;
            return Ok(path);
        }
    }
    let machine = PathBuf::from(OF_MACHINE);
    if machine.exists() {
        return Ok(machine);
    }
    Err(ConfigError::NoFile(HERE.iter().map(PathBuf::from).chain([machine]).collect()))
}

/// Finds the file and reads it. The data folder of one that was found in the current folder must be ours as well.
///
/// # Errors
/// As [`locate`] and [`read`].
pub fn load(named: Option<&Path>) -> Result<(PathBuf, Settings), ConfigError> {
    let path = locate(named)?;
    let settings = read(&path)?;
    if named.is_none() && path.is_relative() {
        let user = settings.user.as_deref().and_then(|name| User::find(name).ok().flatten());
        let owners = [Some(0), Some(own_uid()), user.map(User::uid)];
        for place in [settings.data.clone(), settings.data.join("store.db")] {
            ours(&path, &place, &owners)?;
        }
    }
    Ok((path, settings))
}

fn file_is_ours(path: &Path) -> Result<(), ConfigError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owners = [Some(0), Some(own_uid())];
    ours(path, folder, &owners)?;
    ours(path, path, &owners)
}

/// Both a link and what it leads to.
fn ours(config: &Path, place: &Path, owners: &[Option<u32>]) -> Result<(), ConfigError> {
    let Ok(link) = place.symlink_metadata() else { return Ok(()) };
    let target = place.metadata().ok().filter(|_| link.is_symlink());
    let why = [Some(link), target].into_iter().flatten().find_map(|about| doubt(&about, owners));
    match why {
        None => Ok(()),
        Some(why) => {
            let place = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
            Err(ConfigError::Doubtful { config: config.to_owned(), place, why })
        }
    }
}

/// Why somebody else has a hand in it.
fn doubt(about: &Metadata, owners: &[Option<u32>]) -> Option<String> {
    if !owners.contains(&Some(about.uid())) {
        let name = User::name_of(about.uid()).ok().flatten().unwrap_or_else(|| format!("uid {}", about.uid()));
        return Some(format!("belongs to {name}"));
    }
    let is_open = about.mode() & OPEN != 0 && !about.is_symlink();
    let is_kept = about.is_dir() && about.mode() & STICKY != 0;
    (is_open && !is_kept).then(|| "can be written to by everybody".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_others_could_have_put_there_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.toml"), folder.path().join("link"));
        std::fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        let me = [Some(own_uid())];
        let chmod = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let said = |path: &Path, owners: &[Option<u32>]| {
            ours(&file, path, owners).map_err(|error| error.to_string()).err().unwrap_or_default()
        };
        for (mode, wanted) in [(0o644, ""), (0o664, ""), (0o666, "can be written to by everybody")] {
            chmod(&file, mode);
            for path in [&file, &link] {
                let said = said(path, &me);
                assert!(said.contains(wanted) && said.is_empty() == wanted.is_empty(), "{mode:o}: {said}");
            }
        }
        chmod(&file, 0o644);
        assert!(said(&file, &[Some(own_uid() + 1)]).contains("belongs to"));
        for (mode, is_open) in [(0o755, false), (0o1777, false), (0o777, true)] {
            chmod(folder.path(), mode);
            assert_eq!(!said(folder.path(), &me).is_empty(), is_open, "{mode:o}");
        }
        assert_eq!(said(&folder.path().join("none"), &me), "");
    }
}
