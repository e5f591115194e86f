//! The server's side of the drop box: looks into the folder, takes letters, removes their files.
//!
//! A file is removed only after its letter is durable here, and the ledger forgets it only after its removal is: killed at
//! any step, the server takes each letter exactly once. Users have their turns: one with a thousand letters does not keep
//! the others waiting. The letters of one user are taken one after the other, in the order in which he handed them in.
//!
//! Each look counts what everybody has there. Who has too much is told by the notice, and `angelia send` takes no more
//! of his letters; when the disk of the store is short of room, of nobody's.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use envelope::MailId;
use journal::Event;
use tokio::task::{JoinSet, spawn_blocking};

use super::folder::{DropFolder, Listing, Load, free_octets};
use super::limits::{
    AT_ONCE, FREE_OCTETS_MIN, FULL_MAX, LISTED_ODD_MAX, ODD_AT_ONCE, OF_ONE_USER, PAUSE, POLL, WAITING_FILES_MAX,
    WAITING_OCTETS_MAX,
};
use super::notice::{Closed, ROOM_FOR_ALL};
use super::submit::Rules;
use super::taking::Fate;
use super::{ledger, letter_id};
use crate::config::Settings;
use crate::privileges::User;

/// Takes what is dropped.
pub(crate) struct Clerk {
    pub(super) context: Arc<mhs::Context>,
    pub(super) rules: Rules,
    pub(super) folder: DropFolder,
    pub(super) data: PathBuf,
    /// Under which the ledger keeps our files: other hosts on the same store have folders of their own.
    pub(super) host: String,
    pub(super) caps: Caps,
    /// What everybody had there at the last look.
    pub(super) loads: Mutex<HashMap<u32, Load>>,
    /// Whom the notice turns away.
    closed: Mutex<Closed>,
    /// Whose letters could not be taken, and until when they are left alone.
    resting: Mutex<HashMap<u32, Instant>>,
    pub(super) junk: Mutex<Junk>,
}

/// How much there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    /// Files of one user.
    pub(super) files: usize,
    /// Octets of one user.
    pub(super) octets: u64,
    /// What must be free where the store is, in octets.
    pub(super) free_octets: u64,
}

impl Caps {
    /// Who has too much there; who had stays so until a quarter of it has gone, or each letter would be news.
    fn exceeded(self, loads: &HashMap<u32, Load>, before: &BTreeSet<u32>) -> BTreeSet<u32> {
        let has_enough = |(uid, load): &(&u32, &Load)| {
            let quarters = if before.contains(uid) { (self.files / 4, self.octets / 4) } else { (0, 0) };
            load.files >= self.files - quarters.0 || load.octets >= self.octets - quarters.1
        };
        loads.iter().filter(has_enough).map(|(uid, _)| *uid).take(FULL_MAX).collect()
    }
}

const CAPS: Caps = Caps { files: WAITING_FILES_MAX, octets: WAITING_OCTETS_MAX, free_octets: FREE_OCTETS_MIN };

/// What is in the folder and is no letter.
#[derive(Default)]
pub(super) struct Junk {
    /// When some of it was put aside.
    pub(super) looked: Option<Instant>,
    /// What cannot be removed.
    stays: HashSet<OsString>,
}

impl Clerk {
    /// `None` when nobody may hand in anything.
    pub(crate) fn new(context: Arc<mhs::Context>, settings: &Settings) -> Option<Self> {
        let rules = Rules::of(settings);
        (!rules.users.is_empty()).then(|| Self {
            folder: DropFolder::at(&settings.drop.path),
            data: settings.data.clone(),
            host: settings.hostname.to_string(),
            caps: Caps { free_octets: settings.reserve, ..CAPS },
            loads: Mutex::default(),
            closed: Mutex::default(),
            resting: Mutex::default(),
            junk: Mutex::default(),
            rules,
            context,
        })
    }

    /// Works until the context's shutdown begins. What was begun is finished.
    pub(crate) async fn run(self) {
        let clerk = Arc::new(self);
        let Some(notice) = clerk.opened(PAUSE).await else { return };
        loop {
            let pause = clerk.pass().await;
            tokio::select! {
                () = clerk.context.shutdown.draining() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        drop(notice);
    }

    /// Opens the folder, again and again if need be: what keeps us out may go. `None` when the shutdown begins first.
    pub(super) async fn opened(self: &Arc<Self>, pause: Duration) -> Option<std::fs::File> {
        let mut told = String::new();
        loop {
            let error = match self.open().await {
                Ok(notice) => return Some(notice),
                Err(error) => error.to_string(),
            };
            if error != told {
                let path = self.folder.path().display();
                let until = "until that is mended `angelia send` works for who may write the store only";
                self.fault(None, &format!("{path}: {error}; {until}"));
                told = error;
            }
            tokio::select! {
                () = self.context.shutdown.draining() => return None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Makes the folder, announces us, and forgets files that went while a server died.
    pub(super) async fn open(self: &Arc<Self>) -> io::Result<std::fs::File> {
        let clerk = Arc::clone(self);
        let octets_max = self.context.settings.message_octets_max;
        let known = ledger::known(&self.context.store, &self.host).await.map_err(io::Error::other)?;
        let (notice, gone) = blocking(move || {
            clerk.folder.make(&clerk.data)?;
            let notice = clerk.folder.announce(octets_max, &ROOM_FOR_ALL)?;
            let mut gone: HashSet<String> = known.into_iter().collect();
            clerk.folder.list(|name, uid| {
                gone.remove(&letter_id(name, uid).to_string());
            })?;
            Ok((notice, gone.into_iter().collect::<Vec<String>>()))
        })
        .await?;
        if !gone.is_empty() {
            ledger::forget(&self.context.store, &self.host, gone).await.map_err(io::Error::other)?;
        }
        Ok(notice)
    }

    /// One look into the folder. Answers how long to wait before the next.
    pub(super) async fn pass(self: &Arc<Self>) -> Duration {
        let clerk = Arc::clone(self);
        let looked = blocking(move || Ok((clerk.folder.list(|_, _| {})?, free_octets(&clerk.data)?)));
        let (listing, free) = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                self.fault(None, &format!("looking into {}: {error}", self.folder.path().display()));
                return PAUSE;
            }
        };
        let Listing { letters, odd, loads, removed } = listing;
        self.close_to(&loads, free).await;
        *self.loads.lock().unwrap_or_else(PoisonError::into_inner) = loads;
        let pause = match letters.is_empty() {
            _ if free < self.caps.free_octets => PAUSE,
            true => POLL,
            false => self.take_in_turn(letters).await,
        };
        self.put_odd_aside(odd, removed).await;
        pause
    }

    /// Says in the notice who may put nothing more there, and in the journal why, when that has changed.
    async fn close_to(self: &Arc<Self>, loads: &HashMap<u32, Load>, free: u64) {
        let caps = self.caps;
        let (now, before) = {
            let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Closed { users: caps.exceeded(loads, &closed.users), to_all: free < caps.free_octets };
            if *closed == now {
                return;
            }
            (now.clone(), std::mem::replace(&mut *closed, now))
        };
        if now.to_all && !before.to_all {
            let text = format!(
                "{} MiB are free where {} is: nothing is taken from the drop box until there are {}{}",
                free >> 20,
                self.data.display(),
                caps.free_octets >> 20,
                heaviest(loads),
            );
            self.fault(None, &text);
        }
        for uid in now.users.difference(&before.users) {
            let Load { files, octets, .. } = loads.get(uid).copied().unwrap_or_default();
            let reason = format!(
                "{} has {files} files of {} MiB there: `angelia send` takes no more of his until they are fewer",
                name(*uid),
                octets >> 20,
            );
            self.context.record(None, None, Event::Warning { place: "drop box".to_owned(), reason });
        }
        let (clerk, octets_max) = (Arc::clone(self), self.context.settings.message_octets_max);
        if let Err(error) = blocking(move || clerk.folder.tell(octets_max, &now)).await {
            self.fault(None, &format!("writing the notice of the drop box: {error}"));
        }
    }

    /// What is no letter, now and then: letters go before it, and whoever heaps it up fills no log. What stays, since it
    /// cannot be removed, is told of once.
    async fn put_odd_aside(self: &Arc<Self>, odd: Vec<OsString>, removed: usize) {
        let news: Vec<OsString> = {
            let mut junk = self.junk.lock().unwrap_or_else(PoisonError::into_inner);
            let news: Vec<OsString> =
                odd.into_iter().filter(|name| !junk.stays.contains(name)).take(ODD_AT_ONCE).collect();
            if news.is_empty() || junk.looked.is_some_and(|at| at.elapsed() < PAUSE) {
                return;
            }
            junk.looked = Some(Instant::now());
            news
        };
        if removed > 0 {
            self.fault(
                None,
                &format!("{removed} files that are no letters, or never became one, were removed at once"),
            );
        }
        for name in news {
            let fate = self.put_aside(name.clone(), "it is no letter that `angelia send` wrote").await;
            let mut junk = self.junk.lock().unwrap_or_else(PoisonError::into_inner);
            if fate == Fate::Stays && junk.stays.len() < LISTED_ODD_MAX {
                junk.stays.insert(name);
            }
        }
    }

    /// Users beside each other, each user's letters one after the other.
    async fn take_in_turn(self: &Arc<Self>, letters: BTreeMap<u32, Vec<MailId>>) -> Duration {
        let mut waiting: VecDeque<(u32, Vec<MailId>)> = {
            let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
            resting.retain(|_, until| *until > Instant::now());
            letters.into_iter().filter(|(uid, _)| !resting.contains_key(uid)).collect()
        };
        let is_more = waiting.iter().any(|(_, his)| his.len() > OF_ONE_USER);
        let (mut working, mut taken) = (JoinSet::new(), Vec::new());
        loop {
            while working.len() < AT_ONCE
                && !self.context.shutdown.is_draining()
                && let Some((uid, his)) = waiting.pop_front()
            {
                let clerk = Arc::clone(self);
                working.spawn(async move { clerk.take_his(uid, his).await });
            }
            match working.join_next().await {
                Some(his) => taken.extend(his.unwrap_or_default()),
                None => break,
            }
        }
        match self.remove(taken).await {
            false => PAUSE,
            true if is_more => Duration::ZERO,
            true => POLL,
        }
    }

    /// Up to the first that has to wait: those behind it wait too, and others do not.
    async fn take_his(self: &Arc<Self>, uid: u32, letters: Vec<MailId>) -> Vec<(MailId, u32)> {
        let mut taken = Vec::new();
        for name in letters.into_iter().take(OF_ONE_USER) {
            if self.context.shutdown.is_draining() {
                break;
            }
            match self.take(name).await {
                Fate::Taken(name, uid) => taken.push((name, uid)),
                Fate::PutAside => {}
                Fate::Stays => {
                    let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
                    resting.insert(uid, Instant::now() + PAUSE);
                    break;
                }
            }
        }
        taken
    }

    /// Files first, then the ledger.
    async fn remove(self: &Arc<Self>, taken: Vec<(MailId, u32)>) -> bool {
        if taken.is_empty() {
            return true;
        }
        let names: Vec<MailId> = taken.iter().map(|(name, _)| *name).collect();
        let clerk = Arc::clone(self);
        if let Err(error) = blocking(move || clerk.folder.remove(&names)).await {
            self.fault(None, &format!("removing letters that were taken: {error}"));
            return false;
        }
        let keys = taken.iter().map(|(name, uid)| letter_id(*name, *uid).to_string()).collect();
        if let Err(error) = ledger::forget(&self.context.store, &self.host, keys).await {
            self.fault(None, &format!("forgetting letters that were taken: {error}"));
            return false;
        }
        true
    }

    pub(super) fn fault(&self, mail: Option<MailId>, reason: &str) {
        self.context.fault(None, mail, "drop box", &reason);
    }
}

/// What waits for the disk does so on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Whose files take most of the room, for the operator.
fn heaviest(loads: &HashMap<u32, Load>) -> String {
    let most = loads.iter().max_by_key(|(_, load)| load.octets).filter(|(_, load)| load.octets > 0);
    most.map_or_else(String::new, |(uid, load)| format!("; {} has {} MiB there", name(*uid), load.octets >> 20))
}

fn name(uid: u32) -> String {
    User::name_of(uid).ok().flatten().unwrap_or_else(|| format!("the user {uid}"))
}
