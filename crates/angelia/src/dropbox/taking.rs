//! One letter of the drop box: read, handed in, refused, or put aside.
//!
//! Its file is gone only after the letter is durable here: that is the clerk's matter, who hears what became of it.

use std::ffi::OsString;
use std::io;
use std::sync::{Arc, PoisonError};

use envelope::{Address, MailId, Reply, ReversePath};
use journal::Event;
use message::header::{HeaderCollector, Progress};
use mhs::bounce::{Unsent, unsent};
use mhs::msa::hand_in::accept_once;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::clerk::{Clerk, blocking};
use super::folder::Opened;
use super::form::Form;
use super::limits::{ASIDE_OF_ONE_MAX, FORM_OCTETS_MAX};
use super::submit::{Refused, Submission, submit};
use super::{ledger, letter_id};

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
        let (bounce_refused, is_header_cut) = (true, is_header_too_long);
        let submission = Submission { mail, uid, form, header: header.clone(), is_header_cut, bounce_refused };
        let mut body = begun.as_slice().chain(file);
        match submit(&self.context, &self.rules, submission, &mut body).await {
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

    pub(super) async fn put_aside(self: &Arc<Self>, name: OsString, why: &str) -> Fate {
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

    /// We may not read it: nothing is lost, and the operator can. When he has enough of such letters to look at, it stays
    /// where it is, and those behind it wait.
    async fn leave_alone(self: &Arc<Self>, name: MailId, error: &io::Error) -> Fate {
        let clerk = Arc::clone(self);
        let left = blocking(move || {
            let uid = clerk.folder.owner(name)?;
            let mut loads = clerk.loads.lock().unwrap_or_else(PoisonError::into_inner);
            let load = loads.entry(uid).or_default();
            if load.aside >= ASIDE_OF_ONE_MAX {
                return Ok(None);
            }
            load.aside += 1;
            clerk.folder.leave_alone(name).map(Some)
        });
        match left.await {
            Ok(Some(aside)) => {
                let reason =
                    format!("{} cannot be read: {error}; make it readable and name it {name} again", aside.display());
                self.fault(None, &reason);
                Fate::PutAside
            }
            Ok(None) => self.stays(name, &format!("it cannot be read: {error}, like others of this user")),
            Err(error) => self.stays(name, &error),
        }
    }
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
