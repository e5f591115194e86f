//! The folder itself, from both sides: `angelia send` puts letters in, the server takes them out.
//!
//! Its mode is 3733: everybody may make files, nobody may list them, nobody may touch another's (sticky), and each file
//! gets the group of the server (setgid), which reads it through that. A letter is written under a temporary name with
//! mode 0600, synced, opened to the group, and renamed; its name is the id of a letter.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ffi::{CString, OsStr, OsString};
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use envelope::MailId;

use super::limits::{
    ASIDE_OF_ONE_MAX, FREE_OCTETS_MIN, LISTED_ODD_MAX, LISTED_OF_ONE, UNFINISHED, UNFINISHED_OF_ONE_MAX,
};
use super::notice::NOTICE;

/// Everybody writes, nobody lists, nobody touches another's; files get the group of the folder.
const MODE: u32 = 0o3733;

/// What a letter's name begins with until it is whole.
const UNFINISHED_PREFIX: &str = ".new-";

/// What the server cannot open is left under a name that begins so.
const ASIDE_PREFIX: &str = ".aside-";

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct DropFolder {
    path: PathBuf,
}

/// A letter on its way into the folder. Without [`Deposit::finish`] nothing of it stays.
#[derive(Debug)]
pub(crate) struct Deposit {
    file: File,
    temporary: PathBuf,
    name: PathBuf,
    is_done: bool,
}

/// What the folder holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Of each user the letters that came first, in the order in which they came.
    pub(super) letters: BTreeMap<u32, Vec<MailId>>,
    /// What is no letter: names.
    pub(super) odd: Vec<OsString>,
    /// What each user has there, letters or not.
    pub(super) loads: HashMap<u32, Load>,
    /// How many files were removed at once, being too many of their kind.
    pub(super) removed: usize,
}

/// What one user has there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) files: usize,
    pub(super) octets: u64,
    /// Of the files, those under a temporary name.
    unfinished: usize,
    /// Of the files, those that we could not open.
    pub(super) aside: usize,
}

/// What a name stands for.
enum Kind {
    Notice,
    Letter(MailId),
    Unfinished,
    Aside,
    Odd,
}

impl Kind {
    fn of(name: &OsStr, found: &Metadata) -> Self {
        let is_id = |text: &str| text.parse::<MailId>().ok().filter(|mail| mail.to_string() == text);
        let Some(text) = name.to_str().filter(|_| found.is_file()) else { return Self::Odd };
        match text {
            NOTICE => Self::Notice,
            _ if text.starts_with(UNFINISHED_PREFIX) => Self::Unfinished,
            _ if text.strip_prefix(ASIDE_PREFIX).is_some_and(|id| is_id(id).is_some()) => Self::Aside,
            _ => is_id(text).map_or(Self::Odd, Self::Letter),
        }
    }
}

/// The first letters of one user.
#[derive(Default)]
struct Firsts(BinaryHeap<(i64, i64, [u8; 16])>);

impl Firsts {
    /// By the time that nobody can set: when the letter got its name. The names of letters of one moment are in order too.
    fn add(&mut self, mail: MailId, found: &Metadata) {
        self.0.push((found.ctime(), found.ctime_nsec(), mail.to_bytes()));
        if self.0.len() > LISTED_OF_ONE {
            self.0.pop();
        }
    }

    fn in_order(self) -> Vec<MailId> {
        self.0.into_sorted_vec().into_iter().map(|(_, _, mail)| MailId::from_bytes(mail)).collect()
    }
}

/// A letter, opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    /// Whose.
    pub(super) uid: u32,
}

impl DropFolder {
    /// At this path, whatever is there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Whether there is one.
    pub(crate) fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a letter.
    ///
    /// # Errors
    /// No folder, no right to write there, no room; or the server has enough of this user's.
    pub(crate) fn deposit(&self, mail: MailId) -> io::Result<Deposit> {
        if let Some(notice) = self.notice()
            && let Some(why) = notice.turns_away(crate::privileges::own_uid())
        {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, why));
        }
        if free_octets(&self.path)? < FREE_OCTETS_MIN {
            let text = format!("the file system of {} is nearly full", self.path.display());
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        let temporary = self.path.join(unfinished(mail));
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(&temporary)?;
        Ok(Deposit { file, temporary, name: self.path.join(mail.to_string()), is_done: false })
    }

    /// Makes the folder ready for the server. `data` is the data folder: where the folder lies in it, people may pass
    /// through, and everything else in there is closed to them.
    pub(super) fn make(&self, data: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let found = self.path.symlink_metadata()?;
        if !found.is_dir() {
            return Err(io::Error::other(format!("{} is no folder", self.path.display())));
        }
        // Made by another user, and given to ours without its group: files would come with a group that lets us read nothing.
        // Giving it away takes the setgid bit off.
        let is_others = found.gid() != crate::privileges::own_gid();
        if is_others {
            std::os::unix::fs::lchown(&self.path, None, Some(crate::privileges::own_gid()))?;
        }
        if is_others || found.mode() & 0o7777 != MODE {
            std::fs::set_permissions(&self.path, Permissions::from_mode(MODE))?;
        }
        if self.path.parent() == Some(data) {
            self.let_people_pass(data)?;
        }
        Ok(())
    }

    fn let_people_pass(&self, data: &Path) -> io::Result<()> {
        let mode = data.metadata()?.mode() & 0o7777;
        // Where the group could look in before, it was meant to.
        let closed = if mode & 0o060 == 0 { 0o077 } else { 0o007 };
        for entry in std::fs::read_dir(data)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if entry.path() != self.path && !found.is_symlink() && found.mode() & closed != 0 {
                std::fs::set_permissions(entry.path(), Permissions::from_mode(found.mode() & 0o7777 & !closed))?;
            }
        }
        let wanted = mode & !closed | 0o011;
        if wanted != mode {
            std::fs::set_permissions(data, Permissions::from_mode(wanted))?;
        }
        Ok(())
    }

    /// What is there. All of the folder is looked through, so that nobody's heap hides another's letter; of each user only
    /// the first letters are kept. `each` hears of all. What was begun long ago and never ended goes, and so does what is
    /// too much of its kind.
    pub(super) fn list(&self, mut each: impl FnMut(MailId, u32)) -> io::Result<Listing> {
        let mut listing = Listing::default();
        let mut firsts: BTreeMap<u32, Firsts> = BTreeMap::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Ok(found) = entry.metadata() else { continue };
            let load = listing.loads.entry(found.uid()).or_default();
            let kind = Kind::of(&name, &found);
            if !matches!(kind, Kind::Notice) {
                load.files += 1;
                load.octets = load.octets.saturating_add(found.len());
            }
            let is_too_much = match kind {
                Kind::Notice => false,
                Kind::Letter(mail) => {
                    each(mail, found.uid());
                    firsts.entry(found.uid()).or_default().add(mail, &found);
                    false
                }
                Kind::Unfinished => {
                    load.unfinished += 1;
                    load.unfinished > UNFINISHED_OF_ONE_MAX || is_older(&found, UNFINISHED)
                }
                Kind::Aside => {
                    load.aside += 1;
                    load.aside > ASIDE_OF_ONE_MAX
                }
                Kind::Odd => listing.odd.len() >= LISTED_ODD_MAX,
            };
            if is_too_much {
                listing.removed += usize::from(remove_at_once(&entry.path(), &found)?);
            } else if matches!(kind, Kind::Odd) {
                listing.odd.push(name);
            }
        }
        listing.letters = firsts.into_iter().map(|(uid, his)| (uid, his.in_order())).collect();
        Ok(listing)
    }

    /// Opens a letter. A link, a pipe or whatever else is no letter is [`io::ErrorKind::InvalidData`].
    pub(super) fn open(&self, mail: MailId) -> io::Result<Opened> {
        let file = open(&self.path.join(mail.to_string()))?;
        let found = file.metadata()?;
        if !found.is_file() || found.nlink() != 1 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file of its own"));
        }
        Ok(Opened { uid: found.uid(), file })
    }

    /// Whose a letter is that cannot be opened.
    pub(super) fn owner(&self, mail: MailId) -> io::Result<u32> {
        Ok(self.path.join(mail.to_string()).symlink_metadata()?.uid())
    }

    /// Removes letters, for good.
    pub(super) fn remove(&self, letters: &[MailId]) -> io::Result<()> {
        for mail in letters {
            match std::fs::remove_file(self.path.join(mail.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        File::open(&self.path)?.sync_all()
    }

    /// Removes what is no letter; of a file the beginning is kept in `aside`. Answers where.
    pub(super) fn put_aside(&self, name: &OsStr, aside: &Path) -> io::Result<Option<PathBuf>> {
        let path = self.path.join(name);
        let found = path.symlink_metadata()?;
        if found.is_dir() {
            return std::fs::remove_dir(&path).map(|()| None);
        }
        let kept = match found.is_file() {
            true => Some(keep(&path, aside, name)?),
            false => None,
        };
        std::fs::remove_file(&path)?;
        Ok(kept.flatten())
    }

    /// Gives what we may not read another name, under which it is left alone. Answers that.
    pub(super) fn leave_alone(&self, mail: MailId) -> io::Result<PathBuf> {
        let aside = self.path.join(format!("{ASIDE_PREFIX}{mail}"));
        std::fs::rename(self.path.join(mail.to_string()), &aside).map(|()| aside)
    }
}

/// The name of a file that is being written.
pub(super) fn unfinished(id: MailId) -> String {
    format!("{UNFINISHED_PREFIX}{id}")
}

/// Without waiting for the other end of a pipe, and without following a link.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// The beginning of a file. `None` when there are too many of them already.
fn keep(path: &Path, aside: &Path, name: &OsStr) -> io::Result<Option<PathBuf>> {
    use super::limits::{ASIDE_MAX, ASIDE_OCTETS};
    match DirBuilder::new().mode(0o700).create(aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if std::fs::read_dir(aside)?.take(ASIDE_MAX).count() >= ASIDE_MAX {
        return Ok(None);
    }
    let kept = aside.join(name);
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&kept)?;
    io::copy(&mut open(path)?.take(ASIDE_OCTETS), &mut copy)?;
    copy.sync_all()?;
    Ok(Some(kept))
}

/// Its writer may remove it at the same moment; a folder with something in it stays.
fn remove_at_once(path: &Path, found: &Metadata) -> io::Result<bool> {
    let removed = if found.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound || found.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}

/// By the time that nobody can set.
fn is_older(found: &Metadata, age: Duration) -> bool {
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(found.ctime()).unwrap_or_default());
    SystemTime::now().duration_since(changed).is_ok_and(|passed| passed > age)
}

/// What is free on the file system of a folder, for who is not root.
pub(crate) fn free_octets(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: both pointers are valid for the call, and the structure is read only when the call says that it filled it.
    unsafe {
        if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let found = found.assume_init_ref();
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

impl Write for Deposit {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Deposit {
    /// The letter is safe on return.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        // The group is the server's, by the folder.
        self.file.set_permissions(Permissions::from_mode(0o640))?;
        std::fs::rename(&self.temporary, &self.name)?;
        self.is_done = true;
        // Who may not look into the folder cannot sync it; but the journal of the file system, which holds the new name,
        // goes to disk with the file's own.
        match self.name.parent().map(File::open) {
            Some(Ok(folder)) => folder.sync_all(),
            _ => self.file.sync_all(),
        }
    }
}

impl Drop for Deposit {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}
