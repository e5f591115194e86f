//! What the server tells those who put letters in: a file in the folder, which everybody can read and nobody else write.
//! The server holds a lock on it while it runs.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

use super::folder::{DropFolder, open};
use super::limits::{LETTER_OCTETS, LOCK_PAUSE, LOCK_TRIES, NOTICE_OCTETS_MAX};

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

    /// Tells those who put letters in, and answers the file whose lock says that the server runs.
    pub(super) fn announce(&self, octets_max: u64, closed: &Closed) -> io::Result<File> {
        let path = self.path().join(NOTICE);
        let ours = self.path().metadata()?.uid();
        if path.symlink_metadata().is_ok_and(|found| !found.is_file() || found.uid() != ours) {
            std::fs::remove_file(&path)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o644).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(&path)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        // Whoever asks whether we run holds it for a moment; whoever holds it for longer is not waited for.
        for _ in 0..LOCK_TRIES {
            if file.try_lock().is_ok() {
                break;
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        write(&file, &text(octets_max, closed))?;
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
    fn who_looks_in_the_way_of_a_start_does_not_hide_it() {
        let house = tempfile::tempdir().unwrap();
        let folder = DropFolder::at(house.path());
        drop(folder.announce(7, &ROOM_FOR_ALL).unwrap());
        let looking = File::open(house.path().join(NOTICE)).unwrap();
        looking.try_lock_shared().unwrap();
        let leaves = std::thread::spawn(move || {
            std::thread::sleep(LOCK_PAUSE);
            drop(looking);
        });
        let _held = folder.announce(7, &ROOM_FOR_ALL).unwrap();
        leaves.join().unwrap();
        assert!(folder.notice().unwrap().is_served);
    }
}
