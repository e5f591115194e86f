//! What the server tells those who put letters in: a file in the folder, which everybody can read and nobody else write.
//! The server holds a lock on it while it runs.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

use envelope::MailId;

use super::folder::{DropFolder, open, unfinished};
use super::limits::{LETTER_OCTETS, NOTICE_OCTETS_MAX};

/// Its name.
pub(super) const NOTICE: &str = ".angelia";

/// What the server has said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The longest letter that it takes.
    pub(crate) octets_max: u64,
    /// Whether it runs.
    pub(crate) is_served: bool,
    closed: Closed,
}

/// Who may put nothing more there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Closed {
    /// Users with too much there.
    pub(super) users: BTreeSet<u32>,
    /// The store has no room.
    pub(super) to_all: bool,
}

/// Nobody is turned away.
pub(super) const ROOM_FOR_ALL: Closed = Closed { users: BTreeSet::new(), to_all: false };

impl Notice {
    /// Why this user may put nothing more there. What a server that is gone said of the disk may be over; what it said of
    /// a user holds, since nobody takes his letters.
    pub(super) fn turns_away(&self, uid: u32) -> Option<&'static str> {
        if self.closed.users.contains(&uid) {
            return Some("too many of your letters wait there already");
        }
        (self.closed.to_all && self.is_served).then_some("the server's disk is nearly full")
    }

    fn parse(text: &str, is_served: bool) -> Self {
        let mut notice = Self { octets_max: LETTER_OCTETS, is_served, closed: Closed::default() };
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("octets_max", octets)) => notice.octets_max = octets.parse().unwrap_or(LETTER_OCTETS),
                Some(("full", "*")) => notice.closed.to_all = true,
                Some(("full", uid)) => notice.closed.users.extend(uid.parse::<u32>()),
                // A later server may say more.
                _ => {}
            }
        }
        notice
    }
}

fn text(octets_max: u64, closed: &Closed) -> String {
    let mut text = format!("angelia-drop 1\noctets_max {octets_max}\n");
    if closed.to_all {
        text.push_str("full *\n");
    }
    text.extend(closed.users.iter().map(|uid| format!("full {uid}\n")));
    text
}

impl DropFolder {
    /// What the server has said; `None` when it never has. What others wrote in its place does not count.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let file = open(&self.path().join(NOTICE)).ok()?;
        let (found, folder) = (file.metadata().ok()?, self.path().metadata().ok()?);
        if !found.is_file() || found.uid() != folder.uid() {
            return None;
        }
        let mut text = String::new();
        (&file).take(NOTICE_OCTETS_MAX).read_to_string(&mut text).ok()?;
        // Whoever gets the lock knows that no server holds it.
        let is_served = matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock));
        Some(Notice::parse(&text, is_served))
    }

    /// Tells those who put letters in, and answers the file whose lock says that the server runs. It is locked before it
    /// has its name: nobody can hold the lock in our way, nor put anything in the file's place.
    pub(super) fn announce(&self, octets_max: u64, closed: &Closed) -> io::Result<File> {
        let (path, new) = (self.path().join(NOTICE), self.path().join(unfinished(MailId::random())));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&new)?;
        let name_it = || {
            file.try_lock()?;
            write(&file, &text(octets_max, closed))?;
            file.set_permissions(Permissions::from_mode(0o644))?;
            // A folder is in the way of a name as no file is.
            if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                std::fs::rename(&path, self.path().join(format!("folder-{}", MailId::random())))?;
            }
            std::fs::rename(&new, &path)
        };
        name_it().inspect_err(|_| {
            let _ = std::fs::remove_file(&new);
        })?;
        Ok(file)
    }

    /// Tells something else. The lock stays whose it is.
    pub(super) fn tell(&self, octets_max: u64, closed: &Closed) -> io::Result<()> {
        let path = self.path().join(NOTICE);
        let file = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
        write(&file, &text(octets_max, closed))
    }
}

/// In one piece, and then cut: who reads meanwhile finds the old or the new, and at worst lines of both.
fn write(file: &File, text: &str) -> io::Result<()> {
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let closed = Closed { users: [33, 1000].into(), to_all: true };
        let notice = Notice::parse(&text(4096, &closed), true);
        assert_eq!((notice.octets_max, &notice.closed), (4096, &closed));
        assert!(notice.turns_away(33).unwrap().contains("your letters"));
        assert!(notice.turns_away(7).unwrap().contains("disk"));
        let gone = Notice::parse(&text(4096, &closed), false);
        assert_eq!((gone.turns_away(33).is_some(), gone.turns_away(7)), (true, None));
        let odd = Notice::parse("angelia-drop 1\noctets_max x\nfull\nfull -1\nmore y\n", true);
        assert_eq!((odd.octets_max, odd.turns_away(0)), (LETTER_OCTETS, None));
        let all = Closed { users: (u32::MAX - 500..=u32::MAX).collect(), to_all: true };
        assert!((text(u64::MAX, &all).len() as u64) < NOTICE_OCTETS_MAX);
    }

    #[test]
    fn nobody_stands_in_the_way_of_a_start() {
        let house = tempfile::tempdir().unwrap();
        let folder = DropFolder::at(house.path());
        drop(folder.announce(7, &ROOM_FOR_ALL).unwrap());
        // He never lets go.
        let looking = File::open(house.path().join(NOTICE)).unwrap();
        looking.try_lock_shared().unwrap();
        let held = folder.announce(8, &ROOM_FOR_ALL).unwrap();
        let notice = folder.notice().unwrap();
        assert_eq!((notice.octets_max, notice.is_served), (8, true));
        drop(held);
        assert!(!folder.notice().unwrap().is_served);
        // A folder in its place, with something in it, and a link to what is another's.
        std::fs::remove_file(house.path().join(NOTICE)).unwrap();
        std::fs::create_dir_all(house.path().join(NOTICE).join("x")).unwrap();
        drop(folder.announce(9, &ROOM_FOR_ALL).unwrap());
        assert_eq!(folder.notice().unwrap().octets_max, 9);
        let precious = house.path().join("precious");
        std::fs::write(&precious, "x").unwrap();
        std::fs::remove_file(house.path().join(NOTICE)).unwrap();
        std::os::unix::fs::symlink(&precious, house.path().join(NOTICE)).unwrap();
        let _held = folder.announce(10, &ROOM_FOR_ALL).unwrap();
        assert_eq!(folder.notice().unwrap().octets_max, 10);
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "x");
        assert_eq!(
            std::fs::read_dir(house.path()).unwrap().count(),
            3,
            "the notice, the folder, and what was precious"
        );
    }
}
