//! The server's side of the drop box: looks into the folder, takes letters, removes their files.
//!
//! A file is removed only after its letter is durable here, and the ledger forgets it only after its removal is: killed at
//! any step, the server takes each letter exactly once. Users have their turns: one with a thousand letters does not keep
//! the others waiting.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use envelope::{Address, MailId, Reply, ReversePath};
use journal::Event;
use message::header::{HeaderCollector, Progress};
use mhs::bounce::{Unsent, unsent};
use mhs::msa::hand_in::accept_once;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::{JoinSet, spawn_blocking};

use super::folder::{DropFolder, Opened};
use super::form::Form;
use super::limits::{AT_ONCE, FORM_OCTETS_MAX, LISTED_ODD_MAX, ODD_AT_ONCE, OF_ONE_USER, PAUSE, POLL};
use super::submit::{Refused, Rules, Submission, submit};
use super::{ledger, letter_id};
use crate::config::Settings;

/// Takes what is dropped.
pub(crate) struct Clerk {
    context: Arc<mhs::Context>,
    rules: Rules,
    folder: DropFolder,
    data: PathBuf,
    /// Under which the ledger keeps our files: other hosts on the same store have folders of their own.
    host: String,
    junk: Mutex<Junk>,
}

/// What is in the folder and is no letter.
#[derive(Default)]
struct Junk {
    /// When some of it was put aside.
    looked: Option<Instant>,
    /// What cannot be removed.
    stays: HashSet<OsString>,
}

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The ledger knows it: it goes.
    Taken(MailId, u32),
    /// It has been put elsewhere.
    PutAside,
    /// It stays, and is taken another time.
    Stays,
}

/// What stands at the beginning of a file.
struct Front {
    form: Form,
    header: Vec<u8>,
    is_header_too_long: bool,
    /// What was read of the body.
    begun: Vec<u8>,
}

enum FrontError {
    Malformed(String),
    Io(io::Error),
}

impl Clerk {
    /// `None` when nobody may hand in anything.
    pub(crate) fn new(context: Arc<mhs::Context>, settings: &Settings) -> Option<Self> {
        let rules = Rules::of(settings);
        (!rules.users.is_empty()).then(|| Self {
            folder: DropFolder::at(&settings.drop.path),
            data: settings.data.clone(),
            host: settings.hostname.to_string(),
            junk: Mutex::default(),
            rules,
            context,
        })
    }

    /// Works until the context's shutdown begins. What was begun is finished.
    pub(crate) async fn run(self) {
        let clerk = Arc::new(self);
        let notice = match clerk.open().await {
            Ok(notice) => notice,
            Err(error) => {
                let path = clerk.folder.path().display();
                let reason = format!("{path}: {error}; `angelia send` works for who may write the store only");
                return clerk.fault(None, &reason);
            }
        };
        loop {
            let pause = clerk.pass().await;
            tokio::select! {
                () = clerk.context.shutdown.draining() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        drop(notice);
    }

    /// Makes the folder, announces us, and forgets files that went while a server died.
    pub(super) async fn open(self: &Arc<Self>) -> io::Result<std::fs::File> {
        let clerk = Arc::clone(self);
        let octets_max = self.context.settings.message_octets_max;
        let known = ledger::known(&self.context.store, &self.host).await.map_err(io::Error::other)?;
        let (notice, gone) = blocking(move || {
            clerk.folder.make(&clerk.data)?;
            let notice = clerk.folder.announce(octets_max)?;
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
        let listing = match blocking(move || clerk.folder.list(|_, _| {})).await {
            Ok(listing) => listing,
            Err(error) => {
                self.fault(None, &format!("looking into {}: {error}", self.folder.path().display()));
                return PAUSE;
            }
        };
        let pause = match listing.letters.is_empty() {
            true => POLL,
            false => self.take_in_turn(listing.letters).await,
        };
        self.put_odd_aside(listing.odd).await;
        pause
    }

    /// What is no letter, now and then: letters go before it, and whoever heaps it up fills no log. What stays, since it
    /// cannot be removed, is told of once.
    async fn put_odd_aside(self: &Arc<Self>, odd: Vec<OsString>) {
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
        for name in news {
            let fate = self.put_aside(name.clone(), "it is no letter that `angelia send` wrote").await;
            let mut junk = self.junk.lock().unwrap_or_else(PoisonError::into_inner);
            if fate == Fate::Stays && junk.stays.len() < LISTED_ODD_MAX {
                junk.stays.insert(name);
            }
        }
    }

    async fn take_in_turn(self: &Arc<Self>, letters: Vec<(MailId, u32)>) -> Duration {
        let (turn, is_more) = in_turn(letters);
        let mut waiting: VecDeque<MailId> = turn.into();
        let (mut working, mut taken, mut stays) = (JoinSet::new(), Vec::new(), false);
        loop {
            while working.len() < AT_ONCE
                && !self.context.shutdown.is_draining()
                && let Some(name) = waiting.pop_front()
            {
                let clerk = Arc::clone(self);
                working.spawn(async move { clerk.take(name).await });
            }
            match working.join_next().await {
                Some(Ok(Fate::Taken(name, uid))) => taken.push((name, uid)),
                Some(Ok(Fate::PutAside)) => {}
                Some(Ok(Fate::Stays) | Err(_)) => stays = true,
                None => break,
            }
        }
        stays |= !self.remove(taken).await;
        if stays {
            PAUSE
        } else if is_more {
            Duration::ZERO
        } else {
            POLL
        }
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

    /// Takes one letter.
    pub(super) async fn take(self: &Arc<Self>, name: MailId) -> Fate {
        let clerk = Arc::clone(self);
        let opened = match blocking(move || clerk.folder.open(name)).await {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Fate::PutAside,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return self.leave_alone(name, &error).await;
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData || is_link(&error) => {
                return self.put_aside(name.to_string().into(), &error.to_string()).await;
            }
            Err(error) => {
                self.fault(None, &format!("opening {name}: {error}"));
                return Fate::Stays;
            }
        };
        let Opened { file, uid } = opened;
        let mut file = tokio::fs::File::from_std(file);
        match read_front(&mut file).await {
            Ok(front) => self.submit(name, uid, front, file).await,
            Err(FrontError::Malformed(problem)) => self.put_aside(name.to_string().into(), &problem).await,
            Err(FrontError::Io(error)) => {
                self.fault(None, &format!("reading {name}: {error}"));
                Fate::Stays
            }
        }
    }

    async fn submit(self: &Arc<Self>, name: MailId, uid: u32, front: Front, file: tokio::fs::File) -> Fate {
        let mail = letter_id(name, uid);
        let Front { form, header, is_header_too_long, begun } = front;
        let submission = Submission { mail, uid, form, header: header.clone(), bounce_refused: true };
        let mut body = begun.as_slice().chain(file);
        let submitted = match is_header_too_long {
            true => {
                let reply = Reply::new(552, (5, 3, 4), "the header is too long");
                Err(Refused::Letter { reply, to: None, about: Vec::new() })
            }
            false => submit(&self.context, &self.rules, submission, &mut body).await,
        };
        match submitted {
            Ok((prepared, event)) => {
                let (host, key) = (self.host.clone(), mail.to_string());
                let taken = accept_once(&self.context, prepared.ready, move |tx| ledger::take(tx, &host, &key)).await;
                match taken {
                    Ok(true) => self.context.record(None, Some(mail), event),
                    Ok(false) => {}
                    Err(error) => return self.stays(mail, &error),
                }
                Fate::Taken(name, uid)
            }
            Err(Refused::Letter { reply, to, about }) => self.refuse(name, uid, &header, &reply, to, &about).await,
            Err(Refused::Recipients(refused)) => {
                let reply = refused.first().map(|(_, reply)| reply.clone());
                let reply = reply.unwrap_or_else(|| Reply::new(554, (5, 1, 0), "nobody can get it"));
                self.refuse(name, uid, &header, &reply, None, &[]).await
            }
            Err(Refused::Ours(error)) => self.stays(mail, &error),
        }
    }

    /// Tells the writer by a notice; where nobody can be told, the file is put aside.
    async fn refuse(
        self: &Arc<Self>,
        name: MailId,
        uid: u32,
        header: &[u8],
        reply: &Reply,
        to: Option<Address>,
        about: &[Address],
    ) -> Fate {
        let mail = letter_id(name, uid);
        if let Some(to) = to {
            let letter = Unsent { to: &to, header, recipients: about, reply, arrived: net::clock::now() };
            let notice = match unsent(&self.context, &letter).await {
                Ok(notice) => notice,
                Err(error) => return self.stays(mail, &error),
            };
            if let Some(notice) = notice {
                let (host, key) = (self.host.clone(), mail.to_string());
                let told = accept_once(&self.context, notice, move |tx| ledger::take(tx, &host, &key)).await;
                if let Err(error) = told {
                    return self.stays(mail, &error);
                }
                let (phase, subject) = ("DROP".to_owned(), to.to_string());
                self.context.record(None, Some(mail), Event::Rejected { phase, subject, reply: reply.clone() });
                let event =
                    Event::Notified { to: ReversePath::Address(to), kind: "failed".to_owned(), about: about.to_vec() };
                self.context.record(None, Some(mail), event);
                return Fate::Taken(name, uid);
            }
        }
        self.put_aside(name.to_string().into(), &format!("uid {uid}: {reply}")).await
    }

    fn stays(&self, mail: MailId, error: &dyn std::fmt::Display) -> Fate {
        self.fault(Some(mail), &format!("a letter waits in the drop box: {error}"));
        Fate::Stays
    }

    async fn put_aside(self: &Arc<Self>, name: OsString, why: &str) -> Fate {
        let (clerk, wanted) = (Arc::clone(self), name.clone());
        let aside = self.data.join("drop-aside");
        let (place, fate) = match blocking(move || clerk.folder.put_aside(&wanted, &aside)).await {
            Ok(Some(kept)) => (format!("its beginning is kept in {}", kept.display()), Fate::PutAside),
            Ok(None) => ("nothing of it is kept".to_owned(), Fate::PutAside),
            Err(error) => (format!("it cannot be removed: {error}"), Fate::Stays),
        };
        self.fault(None, &format!("{}: {why}; {place}", name.to_string_lossy()));
        fate
    }

    /// We may not read it: nothing is lost, and the operator can.
    async fn leave_alone(self: &Arc<Self>, name: MailId, error: &io::Error) -> Fate {
        let clerk = Arc::clone(self);
        match blocking(move || clerk.folder.leave_alone(name)).await {
            Ok(aside) => {
                let reason =
                    format!("{} cannot be read: {error}; make it readable and name it {name} again", aside.display());
                self.fault(None, &reason);
                Fate::PutAside
            }
            Err(error) => self.stays(name, &error),
        }
    }

    fn fault(&self, mail: Option<MailId>, reason: &str) {
        self.context.fault(None, mail, "drop box", &reason);
    }
}

/// The first letters of each user, one user after the other; and whether there are more.
pub(super) fn in_turn(letters: Vec<(MailId, u32)>) -> (Vec<MailId>, bool) {
    let mut users: BTreeMap<u32, Vec<MailId>> = BTreeMap::new();
    let mut is_more = false;
    for (name, uid) in letters {
        let his = users.entry(uid).or_default();
        if his.len() < OF_ONE_USER {
            his.push(name);
        } else {
            is_more = true;
        }
    }
    let rounds = (0..OF_ONE_USER).flat_map(|round| users.values().filter_map(move |his| his.get(round).copied()));
    (rounds.collect(), is_more)
}

/// O_NOFOLLOW met a link.
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ELOOP)
}

async fn read_front(file: &mut (impl AsyncRead + Unpin)) -> Result<Front, FrontError> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = Form::end(&bytes) {
            break end;
        }
        if bytes.len() > FORM_OCTETS_MAX {
            return Err(FrontError::Malformed("it has no envelope".to_owned()));
        }
        if read_piece(file, &mut bytes).await? == 0 {
            return Err(FrontError::Malformed("it ends in the middle of the envelope".to_owned()));
        }
    };
    let rest = bytes.split_off(end);
    let form = Form::parse(&bytes).map_err(FrontError::Malformed)?;
    let mut collector = HeaderCollector::new(mhs::limits::HEADER_OCTETS_MAX);
    let mut piece = rest;
    loop {
        let progress = collector.push(&piece);
        let (is_header_too_long, begun) = match progress {
            Progress::More => {
                piece.clear();
                if read_piece(file, &mut piece).await? > 0 {
                    continue;
                }
                // A letter without a body, or nothing at all.
                let mut header = collector.into_bytes();
                header.extend_from_slice(if header.is_empty() || header.ends_with(b"\n") { b"\n" } else { b"\n\n" });
                return Ok(Front { form, header, is_header_too_long: false, begun: Vec::new() });
            }
            Progress::Done { taken } => (false, piece.split_off(taken)),
            Progress::TooLong => (true, Vec::new()),
        };
        return Ok(Front { form, header: collector.into_bytes(), is_header_too_long, begun });
    }
}

async fn read_piece(file: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<usize, FrontError> {
    let mut piece = vec![0; 64 * 1024];
    let count = file.read(&mut piece).await.map_err(FrontError::Io)?;
    bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
    Ok(count)
}

/// What waits for the disk does so on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
