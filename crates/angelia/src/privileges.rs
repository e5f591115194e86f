//! Becoming another user, for good: root is needed to bind ports below 1024, and for nothing else.

use std::ffi::{CStr, CString};
use std::path::Path;

use anyhow::{Context as _, bail};

/// A user of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    uid: libc::uid_t,
    gid: libc::gid_t,
}

impl User {
    /// Looks a name up; `None` when there is no such user.
    pub(crate) fn find(name: &str) -> anyhow::Result<Option<Self>> {
        let name = CString::new(name).context("the name of a user has no NUL in it")?;
        let mut space = vec![0 as libc::c_char; 16 * 1024];
        let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
        let mut found: *mut libc::passwd = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the call, the length is the buffer's, and the entry is read only when the
        // call says that it filled it.
        let (error, user) = unsafe {
            let error =
                libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), space.as_mut_ptr(), space.len(), &raw mut found);
            let user = (!found.is_null()).then(|| {
                let entry = entry.assume_init_ref();
                Self { uid: entry.pw_uid, gid: entry.pw_gid }
            });
            (error, user)
        };
        match (error, user) {
            (_, Some(user)) => Ok(Some(user)),
            (0 | libc::ENOENT | libc::ESRCH, None) => Ok(None),
            (error, None) => Err(std::io::Error::from_raw_os_error(error)).context("asking for a user"),
        }
    }

    /// The name of a user by his number; `None` when he has none.
    pub(crate) fn name_of(uid: u32) -> anyhow::Result<Option<String>> {
        let mut space = vec![0 as libc::c_char; 16 * 1024];
        let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
        let mut found: *mut libc::passwd = std::ptr::null_mut();
        // SAFETY: as above; the name that the entry points to lies in the buffer, and is copied before that goes.
        let (error, name) = unsafe {
            let error = libc::getpwuid_r(uid, entry.as_mut_ptr(), space.as_mut_ptr(), space.len(), &raw mut found);
            let name = (!found.is_null())
                .then(|| CStr::from_ptr(entry.assume_init_ref().pw_name).to_string_lossy().into_owned());
            (error, name)
        };
        match (error, name) {
            (_, Some(name)) => Ok(Some(name)),
            (0 | libc::ENOENT | libc::ESRCH, None) => Ok(None),
            (error, None) => Err(std::io::Error::from_raw_os_error(error)).context("asking for a user"),
        }
    }

    /// Whether a folder is the user's.
    pub(crate) fn owns(self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        self.uid == 0 || path.metadata().is_ok_and(|found| found.uid() == self.uid)
    }

    /// Gives a folder and everything in it to the user.
    pub(crate) fn own(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))?;
        if path.symlink_metadata()?.is_dir() {
            for entry in std::fs::read_dir(path)? {
                self.own(&entry?.path())?;
            }
        }
        Ok(())
    }
}

/// Whether this process may make files in a folder.
pub(crate) fn can_write(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let Ok(path) = CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: it only asks, about a path that ends in NUL.
    folder.is_dir() && unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) == 0 }
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    // SAFETY: it only asks.
    unsafe { libc::geteuid() == 0 }
}

/// Who this process is.
pub(crate) fn own_uid() -> u32 {
    // SAFETY: it only asks.
    unsafe { libc::geteuid() }
}

/// The group that this process makes files with.
pub(crate) fn own_gid() -> u32 {
    // SAFETY: it only asks.
    unsafe { libc::getegid() }
}

/// Files that this process makes from now on are its user's alone: the data folder lets people pass to the drop box.
pub(crate) fn keep_private() {
    // SAFETY: it only sets a mask of this process.
    unsafe { libc::umask(0o077) };
}

/// From root to the named user, with its groups. Who is not root stays who he is.
pub(crate) fn become_user(name: &str) -> anyhow::Result<()> {
    if !is_root() {
        return Ok(());
    }
    let Some(user) = User::find(name)? else {
        bail!("there is no user {name:?} on this machine: make it (`useradd --system {name}`), or change `user`");
    };
    let name_text = CString::new(name).context("the name of a user has no NUL in it")?;
    let name_text: &CStr = &name_text;
    // SAFETY: plain system calls with valid arguments. The C library applies them to every thread.
    let done = unsafe {
        libc::initgroups(name_text.as_ptr(), user.gid) == 0
            && libc::setgid(user.gid) == 0
            && libc::setuid(user.uid) == 0
    };
    if !done {
        return Err(std::io::Error::last_os_error()).with_context(|| format!("becoming the user {name}"));
    }
    Ok(())
}

/// Allows this process as many open files as it may have, since each connection is one. Answers how many.
pub(crate) fn raise_file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid structure.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 1024;
        }
        let wanted = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) == 0 {
            limit = wanted;
        }
    }
    limit.rlim_cur
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        assert_eq!(User::find("root").unwrap(), Some(User { uid: 0, gid: 0 }));
        assert_eq!(User::find("no such user here").unwrap(), None);
        assert_eq!(User::name_of(0).unwrap().as_deref(), Some("root"));
        assert_eq!(User::name_of(3_999_999_999).unwrap(), None);
        assert!(become_user("no such user here").is_err() || !is_root());
    }
}
