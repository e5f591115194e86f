//! From a form and a letter to a letter of ours: names become addresses, the sender is one that the user has.

use std::collections::HashSet;
use std::sync::Arc;

use directory::{Directory, Lookup};
use envelope::{Address, Domain, MailId, Recipient, Reply, ReversePath};
use journal::Event;
use mhs::limits::HEADER_OCTETS_MAX;
use mhs::msa::hand_in::{self, HandIn, LocalUser, Prepared};
use mhs::msa::post::PostError;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::form::Form;
use super::header;
use super::sender::{self, Decided};
use crate::config::Settings;

/// What the operator has said about local users.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Who may hand letters in.
    pub(crate) users: Vec<String>,
    /// Who may name any sender.
    pub(crate) trusted: Vec<String>,
    /// The user of the server itself, who may.
    pub(crate) own_uid: u32,
    /// Recipients of one letter.
    pub(crate) recipients_max: usize,
    /// Our own name.
    pub(crate) hostname: Domain,
}

impl Rules {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            users: settings.drop.users.clone(),
            trusted: settings.drop.trusted_users.clone(),
            own_uid: crate::privileges::own_uid(),
            recipients_max: settings.recipients_max,
            hostname: settings.hostname.clone(),
        }
    }
}

/// A letter that somebody hands in, all but the body.
#[derive(Debug)]
pub(crate) struct Submission {
    /// Its name.
    pub(crate) mail: MailId,
    /// Whose it is.
    pub(crate) uid: u32,
    /// The envelope.
    pub(crate) form: Form,
    /// The header, with its empty line.
    pub(crate) header: Vec<u8>,
    /// There is more of the header than is read of any: the letter is refused.
    pub(crate) is_header_cut: bool,
    /// Nobody waits for an answer: who does not exist bounces later.
    pub(crate) bounce_refused: bool,
}

/// Why it is not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The letter's fault: what to tell, whom, about whom.
    Letter { reply: Reply, to: Option<Address>, about: Vec<Address> },
    /// Nobody of the recipients exists; each has its reply.
    Recipients(Vec<(Address, Reply)>),
    /// Ours: again later.
    Ours(String),
}

impl Refused {
    fn ours(error: &dyn std::fmt::Display) -> Self {
        Self::Ours(error.to_string())
    }
}

/// Does all but the rows. The event is for the journal, once the letter is taken.
pub(crate) async fn submit(
    context: &Arc<mhs::Context>,
    rules: &Rules,
    mut submission: Submission,
    body: &mut (dyn AsyncRead + Unpin + Send),
) -> Result<(Prepared, Event), Refused> {
    let directory = &context.directory;
    let home = home(directory, &rules.hostname).await.map_err(|error| Refused::ours(&error))?;
    let user = sender::user(submission.uid, &home).map_err(|error| Refused::ours(&error))?;
    let refuse = |code, status, text: String, about: &[Address]| Refused::Letter {
        reply: Reply::new(code, status, text),
        to: Some(user.address.clone()),
        about: about.to_vec(),
    };
    if !sender::is_named(&user, &rules.users) && user.uid != rules.own_uid && user.uid != 0 {
        let text = format!("{} may not send mail from this machine (drop.users)", user.login);
        return Err(refuse(550, (5, 7, 1), text, &[]));
    }
    let (begun, bad_header) = clean(&mut submission);
    let form = &submission.form;
    let names = distinct(&form.recipients);
    // Before they are looked up, one after the other: a form has room for tens of thousands.
    if names.len() > rules.recipients_max {
        let text = format!("{} recipients, {} are allowed", names.len(), rules.recipients_max);
        return Err(refuse(554, (5, 5, 3), text, &[]));
    }
    let mut recipients: Vec<Recipient> = Vec::new();
    let mut known = HashSet::new();
    for name in names {
        let address = recipient(name, &home, directory).await?;
        let address = address.map_err(|text| refuse(553, (5, 1, 3), text, &[]))?;
        if known.insert(address.clone()) {
            recipients.push(Recipient { address, notify: form.notify, original: None });
        }
    }
    let about: Vec<Address> = recipients.iter().map(|one| one.address.clone()).collect();
    if recipients.is_empty() {
        return Err(refuse(554, (5, 1, 0), "the letter names no recipient".to_owned(), &[]));
    }
    let asked = form.sender.as_deref().map(|text| reverse_path(text, &home)).transpose();
    let asked = asked.map_err(|text| refuse(553, (5, 1, 7), text, &about))?;
    let decided = sender::decide(directory, rules, &user, asked, &submission.header).await;
    let Decided { reverse_path, replaced, sender } = decided.map_err(|error| Refused::ours(&error))?;
    let to = reverse_path.address().cloned();
    if let Some(reply) = bad_header {
        return Err(Refused::Letter { reply, to, about });
    }
    let event = Event::HandedIn { login: user.login.clone(), uid: user.uid, replaced };
    let hand_in = hand_in(submission, user, reverse_path, recipients, sender);
    match hand_in::prepare(context, hand_in, &mut begun.as_slice().chain(body)).await {
        Ok(prepared) => Ok((prepared, event)),
        Err(PostError::NoRecipients { refused }) => Err(Refused::Recipients(refused)),
        Err(PostError::Store(error)) => Err(Refused::ours(&error)),
        Err(error @ PostError::TooLong { .. }) => {
            Err(Refused::Letter { reply: Reply::new(552, (5, 3, 4), error.to_string()), to, about })
        }
        Err(error @ PostError::Loop) => {
            Err(Refused::Letter { reply: Reply::new(554, (5, 4, 6), error.to_string()), to, about })
        }
    }
}

/// Each name once, in the order in which they came.
fn distinct(names: &[String]) -> Vec<&str> {
    let mut known = HashSet::new();
    names.iter().map(|name| name.trim()).filter(|name| known.insert(*name)).collect()
}

/// Makes the header right. Answers what was taken for header and is body, and what to say where the header is refused:
/// later, when it is known whom to tell.
fn clean(submission: &mut Submission) -> (Vec<u8>, Option<Reply>) {
    match header::cleaned(&submission.header) {
        Ok(_) if submission.is_header_cut => {
            let text = format!("the header is longer than {HEADER_OCTETS_MAX} octets");
            (Vec::new(), Some(Reply::new(552, (5, 3, 4), text)))
        }
        Ok((header, begun)) => {
            submission.header = header;
            (begun, None)
        }
        Err(text) => (Vec::new(), Some(Reply::new(554, (5, 6, 0), text))),
    }
}

fn hand_in(
    submission: Submission,
    user: LocalUser,
    reverse_path: ReversePath,
    recipients: Vec<Recipient>,
    sender: Option<Address>,
) -> HandIn {
    let Submission { mail, form, header, bounce_refused, .. } = submission;
    HandIn {
        mail,
        user,
        reverse_path,
        recipients,
        ret: form.ret,
        envelope_id: form.envelope_id,
        header,
        name: form.name,
        sender,
        at: net::clock::now(),
        bounce_refused,
        bounce_some: true,
    }
}

/// The domain of names without one: the one that our host name is in, else the oldest.
async fn home(directory: &Directory, hostname: &Domain) -> Result<Domain, directory::Error> {
    let domains = directory.domains().await?;
    let ours = domains.iter().find(|one| hostname.is_within(&one.domain));
    let home = ours.or_else(|| domains.iter().min_by_key(|one| one.added)).map(|one| one.domain.clone());
    Ok(home.unwrap_or_else(|| hostname.clone()))
}

/// A name without a domain that nobody has (`root`, `www-data`) means whoever looks after the machine.
async fn recipient(name: &str, home: &Domain, directory: &Directory) -> Result<Result<Address, String>, Refused> {
    let (address, is_bare) = match unqualified(name, home) {
        Ok(found) => found,
        Err(problem) => return Ok(Err(problem)),
    };
    let is_unknown =
        is_bare && directory.lookup(&address).await.map_err(|error| Refused::ours(&error))? == Lookup::Unknown;
    Ok(if is_unknown { unqualified("postmaster", home).map(|(address, _)| address) } else { Ok(address) })
}

fn reverse_path(text: &str, home: &Domain) -> Result<ReversePath, String> {
    match text.trim().trim_start_matches('<').trim_end_matches('>') {
        "" => Ok(ReversePath::Null),
        text => unqualified(text, home).map(|(address, _)| ReversePath::Address(address)),
    }
}

/// The address, and whether it came without a domain and got `home`.
pub(crate) fn unqualified(text: &str, home: &Domain) -> Result<(Address, bool), String> {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    let is_bare = !text.contains('@');
    let whole = if is_bare { format!("{text}@{home}") } else { text.to_owned() };
    match Address::parse(&whole) {
        Ok(address) => Ok((address, is_bare)),
        Err(error) => Err(format!("{text:?} is no address: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_domain() {
        let home = Domain::parse("a.test").unwrap();
        assert_eq!(unqualified("root", &home).unwrap(), (Address::parse("root@a.test").unwrap(), true));
        assert_eq!(unqualified("<x@b.test>", &home).unwrap(), (Address::parse("x@b.test").unwrap(), false));
        assert!(unqualified("a b@c d", &home).unwrap_err().contains("is no address"));
        assert_eq!(reverse_path("<>", &home), Ok(ReversePath::Null));
        assert_eq!(reverse_path("", &home), Ok(ReversePath::Null));
        assert!(reverse_path("root", &home).unwrap().address().is_some());
    }
}
