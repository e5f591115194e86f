//! Becoming another user, for good: root is needed to bind ports below 1024, and for nothing else.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context as _, bail};
use rustix::fs::{Dir, FileType, Mode, OFlags, fchmod, fchown, fstat, open, openat};
use rustix::io::Errno;

/// How deep folders may lie in each other where a tree is given away: each is an open file. Ours are four deep.
const FOLDERS_DEEP_MAX: usize = 32;

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

    /// His number.
    pub(crate) fn uid(self) -> u32 {
        self.uid
    }

    /// His name, or his number where he has none.
    pub(crate) fn name(self) -> String {
        Self::name_of(self.uid).ok().flatten().unwrap_or_else(|| format!("uid {}", self.uid))
    }

    /// For good, with no other group than his own.
    fn become_it(self) -> io::Result<()> {
        let groups = [self.gid];
        // SAFETY: plain system calls with valid arguments. The C library applies them to every thread.
        let done = unsafe {
            libc::setgroups(groups.len() as _, groups.as_ptr()) == 0
                && libc::setgid(self.gid) == 0
                && libc::setuid(self.uid) == 0
        };
        if done { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Whether a folder is the user's.
    pub(crate) fn owns(self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        self.uid == 0 || path.metadata().is_ok_and(|found| found.uid() == self.uid)
    }

    /// Gives a folder and everything in it to the user. A folder is root's alone until what lies in it has gone, so that he
    /// cannot exchange anything on the way, though it was his before; and each file is opened first, and given away as what was opened, so that nobody
    /// puts a link into its place.
    ///
    /// # Errors
    /// The path is a link or no folder; a file has a second name, and may be another's; folders lie too deep. Links,
    /// sockets and pipes in the folder stay whose they are.
    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match open(path, flags, Mode::empty()) {
            Ok(folder) => self.own_folder(folder, FOLDERS_DEEP_MAX),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                Err(io::Error::other("it is a link, or no folder: name the folder itself"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Nobody else has a hand in the folder meanwhile: who owns it could link another's file in, and take the second name
    /// away between our looking and our giving. Where it fails it is whose it was.
    fn own_folder(self, folder: OwnedFd, deep: usize) -> io::Result<()> {
        let Some(deep) = deep.checked_sub(1) else { return Err(io::Error::other("folders lie too deep")) };
        let before = fstat(&folder)?;
        // Who is not root gives nothing away.
        if is_root() {
            User { uid: 0, gid: before.st_gid }.take(&folder)?;
            fchmod(&folder, Mode::RWXU)?;
        }
        let given = self.own_contents(&folder, deep);
        let keeper = if given.is_ok() { self } else { User { uid: before.st_uid, gid: before.st_gid } };
        keeper.take(&folder)?;
        if is_root() {
            fchmod(&folder, Mode::from_raw_mode(before.st_mode & 0o7777))?;
        }
        given
    }

    fn own_contents(self, folder: &OwnedFd, deep: usize) -> io::Result<()> {
        // A pipe must not wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let opened = match openat(folder, name, flags, Mode::empty()) {
                Err(Errno::LOOP | Errno::NXIO | Errno::NOENT) => continue,
                opened => opened?,
            };
            let found = fstat(&opened)?;
            match FileType::from_raw_mode(found.st_mode) {
                FileType::Directory => self.own_folder(opened, deep)?,
                FileType::RegularFile if found.st_nlink != 1 => {
                    let text = format!("{} has a second name, and may be another's", name.to_string_lossy());
                    return Err(io::Error::other(text));
                }
                FileType::RegularFile => self.take(&opened)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn take(self, opened: &OwnedFd) -> io::Result<()> {
        use rustix::fs::{Gid, Uid};
        Ok(fchown(opened, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?)
    }
}

/// Whose the files of a data folder are, where root runs without being told whom to become, and they are another's.
pub(crate) fn other_keeper(data: &Path) -> Option<User> {
    use std::os::unix::fs::MetadataExt as _;
    if !is_root() {
        return None;
    }
    // The store's own file says it best: the folder of a container may be anybody's.
    let found = data.join("store.db").symlink_metadata().or_else(|_| data.symlink_metadata()).ok()?;
    (found.uid() != 0).then(|| User { uid: found.uid(), gid: found.gid() })
}

/// Whether this process may make files in a folder.
pub(crate) fn can_write(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let Ok(path) = CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: it only asks, about a path that ends in NUL.
    folder.is_dir() && unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) == 0 }
}

/// Whose a folder is that we may not write to.
pub(crate) fn kept_by_another(folder: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let (uid, gid) = folder.metadata().map(|found| (found.uid(), found.gid())).ok()?;
    (!can_write(folder)).then(|| User { uid, gid }.name())
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

/// The same for a command that root calls, where no user is named and the data folder is another's: what root made in it
/// the server could not open.
pub(crate) fn become_keeper(named: Option<&str>, data: &Path) -> anyhow::Result<()> {
    match (named, other_keeper(data)) {
        (Some(name), _) => become_user(name),
        (None, None) => Ok(()),
        (None, Some(keeper)) => {
            keeper.become_it().with_context(|| format!("becoming {}, whose data it is", keeper.name()))
        }
    }
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

    #[test]
    fn a_tree_is_given_away_and_nothing_beside_it() {
        use std::os::unix::fs::{MetadataExt as _, symlink};
        let house = tempfile::tempdir().unwrap();
        let (tree, beside) = (house.path().join("data"), house.path().join("beside"));
        std::fs::create_dir_all(tree.join("bodies/0")).unwrap();
        std::fs::create_dir(&beside).unwrap();
        for path in [tree.join("store.db"), tree.join("bodies/0/x"), beside.join("precious")] {
            std::fs::write(path, "x").unwrap();
        }
        symlink(&beside, tree.join("folder")).unwrap();
        symlink(beside.join("precious"), tree.join("bodies/file")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
        let user = if is_root() { User { uid: 65_534, gid: 65_534 } } else { User { uid: own_uid(), gid: own_gid() } };
        user.own(&tree).unwrap();
        let uid = |path: &str| house.path().join(path).symlink_metadata().unwrap().uid();
        for path in ["data", "data/store.db", "data/bodies", "data/bodies/0", "data/bodies/0/x"] {
            assert_eq!(uid(path), user.uid, "{path}");
        }
        for path in ["beside", "beside/precious", "data/folder", "data/bodies/file"] {
            assert_eq!(uid(path), own_uid(), "{path}");
        }
        // Another's file by a second name, a link in the folder's place, and too deep a tree.
        std::fs::hard_link(beside.join("precious"), tree.join("bodies/0/y")).unwrap();
        assert!(user.own(&tree).unwrap_err().to_string().contains("y has a second name"));
        assert_eq!(uid("beside/precious"), own_uid());
        assert!(user.own(&tree.join("folder")).unwrap_err().to_string().contains("name the folder itself"));
        assert_eq!(uid("beside"), own_uid());
        let deep: std::path::PathBuf = std::iter::repeat_n("d", FOLDERS_DEEP_MAX).collect();
        std::fs::create_dir_all(house.path().join("deep").join(deep)).unwrap();
        assert!(user.own(&house.path().join("deep")).unwrap_err().to_string().contains("too deep"));
    }

    /// He has the tree already, and could put links into it.
    #[test]
    fn a_tree_is_nobody_elses_while_it_is_given_away() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        use std::sync::atomic::{AtomicBool, Ordering};
        if !is_root() {
            return;
        }
        let house = tempfile::tempdir().unwrap();
        let inner = house.path().join("data/inner");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o3733)).unwrap();
        for number in 0..500 {
            std::fs::write(inner.join(number.to_string()), "x").unwrap();
        }
        let user = User { uid: 65_534, gid: 65_534 };
        let is_closed =
            |path: &Path| path.metadata().is_ok_and(|found| (found.uid(), found.mode() & 0o7777) == (0, 0o700));
        user.own(&house.path().join("data")).unwrap();
        let (seen, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    seen.fetch_or(is_closed(&inner) && is_closed(&house.path().join("data")), Ordering::Relaxed);
                }
            });
            for _ in 0..200 {
                user.own(&house.path().join("data")).unwrap();
                if seen.load(Ordering::Relaxed) {
                    break;
                }
            }
            ended.store(true, Ordering::Relaxed);
        });
        assert!(seen.load(Ordering::Relaxed));
        let whose = || inner.metadata().map(|found| (found.uid(), found.mode() & 0o7777)).unwrap();
        assert_eq!(whose(), (user.uid, 0o3733), "his, as open as before");
        std::fs::hard_link(inner.join("1"), house.path().join("second")).unwrap();
        assert!(user.own(&house.path().join("data")).is_err());
        assert_eq!(whose(), (user.uid, 0o3733), "a failure leaves it as it was");
    }

    #[test]
    fn whose_data_it_is() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(other_keeper(data.path()), None);
        if is_root() {
            let other = User { uid: 65_534, gid: 65_534 };
            std::os::unix::fs::chown(data.path(), Some(other.uid), Some(other.gid)).unwrap();
            assert_eq!(other_keeper(data.path()), Some(other));
            // A folder that a container was given, with a store that root made.
            std::fs::write(data.path().join("store.db"), "").unwrap();
            assert_eq!(other_keeper(data.path()), None);
        }
    }
}
