//! `angelia send`: hands in a letter from stdin, with the options of sendmail, since every program that sends mail knows
//! those. Installed under the names `sendmail`, `mailq` and `newaliases` it is these.
//!
//! It goes through the store, not through a port: it works whether a server runs or not. Who may write the store need
//! not sign in; who may not has to submit by port 587 like everybody.

use std::ffi::OsString;
use std::io::{BufRead, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use directory::{Lookup, RelayAllowed};
use envelope::{Address, Domain, Notify, Recipient, ReversePath};
use journal::Service;
use mhs::msa::post::{self, Post, PostError};

use super::letter::{Letter, unqualified};
use crate::config::Settings;
use crate::sinks::{self, Sinks};
use crate::wiring::{self, Ground};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    printf 'Subject: Hello\\n\\nIt works.\\n' | angelia send -f anna@example.org kostas@patras.test\n  \
    angelia send -t -i < letter.eml\n\n\
    A letter without Date, From or Message-ID gets them.")]
pub(super) struct Args {
    /// Take the recipients from To, Cc and Bcc, and take Bcc out
    #[arg(short = 't')]
    from_header: bool,
    /// A line with nothing but a dot does not end the letter
    #[arg(short = 'i')]
    dots: bool,
    /// The sender, to whom bounces go; <> for nobody
    #[arg(short = 'f', short_alias = 'r', value_name = "ADDRESS")]
    sender: Option<String>,
    /// The sender's name, for a letter without From
    #[arg(short = 'F', value_name = "NAME")]
    name: Option<String>,
    /// What to tell the sender: never, or of success,failure,delay
    #[arg(short = 'N', value_name = "WHEN")]
    notify: Option<String>,
    /// m: send (what it does anyhow); p: list the queue; i: nothing, for newaliases
    #[arg(short = 'b', value_name = "MODE", default_value = "m")]
    mode: String,
    /// i: as -i; all others of sendmail are taken and mean nothing here
    #[arg(short = 'o', value_name = "OPTION")]
    options: Vec<String>,
    /// Options of sendmail that are taken and mean nothing here
    #[arg(short = 'O', short_aliases = ['B', 'R', 'V', 'L', 'X', 'A', 'd', 'p'], value_name = "OPTION", hide = true)]
    ignored: Vec<String>,
    /// Flags of sendmail that are taken and mean nothing here
    #[arg(short = 'v', short_aliases = ['m', 'n', 'G', 'U', 'e', 'E', 's'], action = clap::ArgAction::Count, hide = true)]
    ignored_flags: u8,
    /// Run the queue: it runs by itself
    #[arg(short = 'q', value_name = "INTERVAL", num_args = 0..=1, require_equals = true, hide = true)]
    run_queue: Option<Option<String>>,
    /// The configuration, as sendmail names it
    #[arg(short = 'C', value_name = "FILE", hide = true)]
    config: Option<PathBuf>,
    /// To whom. Without an @: at the domain of this machine
    recipients: Vec<String>,
}

/// Under its sendmail names the program's arguments are those of `send`.
pub(super) fn as_sendmail(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let name =
        args.first().and_then(|name| Path::new(name).file_name()).map(|name| name.to_string_lossy().into_owned());
    let inserted: &[&str] = match name.as_deref() {
        Some("sendmail") => &["send"],
        Some("mailq") => &["queue", "list"],
        Some("newaliases") => &["send", "-bi"],
        _ => &[],
    };
    let at = args.len().min(1);
    args.splice(at..at, inserted.iter().map(OsString::from));
    args
}

pub(super) async fn run(args: Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = config.or(args.config.as_deref());
    match args.mode.as_str() {
        "m" => {}
        "i" => return Ok(ExitCode::SUCCESS),
        "p" => {
            let list = super::queue::Command::all();
            return super::queue::run(list, config).await.map(|()| ExitCode::SUCCESS);
        }
        other => {
            eprintln!("angelia: -b{other} is not done here; to speak SMTP connect to the server's port");
            return Ok(ExitCode::from(2));
        }
    }
    if args.run_queue.is_some() && args.recipients.is_empty() && !args.from_header {
        return Ok(ExitCode::SUCCESS);
    }
    if args.recipients.is_empty() && !args.from_header {
        eprintln!("angelia: to whom? Name recipients, or say -t to take them from the letter");
        return Ok(ExitCode::from(2));
    }
    let settings = super::settings(config)?;
    if let Some(user) = &settings.user {
        crate::privileges::become_user(user)?;
    }
    let dots = args.dots || args.options.iter().any(|option| option == "i");
    let letter = read_letter(&mut std::io::stdin().lock(), dots, settings.message_octets_max)?;
    let ground = Ground::open(&settings).await.with_context(|| {
        format!("opening the store in {} (who may not write it submits by port 587)", settings.data.display())
    })?;
    let sinks =
        Sinks::start(sinks::Options { lines: None, rows: Some((ground.store.clone(), settings.journal_days)) })?;
    let outcome = hand_in(&args, &settings, &ground, &sinks, letter).await;
    sinks.stop().await;
    outcome
}

/// Reads up to the end of input, or to a line with nothing but a dot.
fn read_letter(input: &mut impl BufRead, dots: bool, octets_max: u64) -> anyhow::Result<Vec<u8>> {
    let mut letter = Vec::new();
    if dots {
        input.take(octets_max + 1).read_to_end(&mut letter).context("reading the letter from stdin")?;
    } else {
        loop {
            let start = letter.len();
            let room = (octets_max + 1).saturating_sub(start as u64);
            let count =
                input.by_ref().take(room).read_until(b'\n', &mut letter).context("reading the letter from stdin")?;
            if count == 0 {
                break;
            }
            if matches!(letter.get(start..), Some(b".\n" | b".\r\n" | b".")) {
                letter.truncate(start);
                break;
            }
        }
    }
    if letter.len() as u64 > octets_max {
        bail!("the letter is longer than `limits.message_size` ({octets_max} octets)");
    }
    Ok(letter)
}

async fn hand_in(
    args: &Args,
    settings: &Settings,
    ground: &Ground,
    sinks: &Sinks,
    bytes: Vec<u8>,
) -> anyhow::Result<ExitCode> {
    let home = home(ground, &settings.hostname).await?;
    let mut letter = Letter::read(bytes);
    let mut names: Vec<String> = args.recipients.clone();
    if args.from_header {
        // With -t, recipients on the command line are added to those of the letter, as Postfix has it.
        names.extend(letter.take_recipients()?);
    }
    let reverse_path = sender(args.sender.as_deref(), &home)?;
    if let (Some(name), Some(address), false) = (&args.name, reverse_path.address(), letter.has("from")) {
        letter.add_from(name, address);
    }
    let notify = args.notify.as_deref().map(notify).transpose()?;
    let mut recipients: Vec<Recipient> = Vec::new();
    for name in &names {
        let address = recipient(name, &home, ground).await?;
        if !recipients.iter().any(|other| other.address == address) {
            recipients.push(Recipient { address, notify, original: None });
        }
    }
    if recipients.is_empty() {
        bail!("the letter names no recipient in To, Cc or Bcc");
    }
    let smtputf8 = letter.needs_smtputf8() || recipients.iter().any(|one| one.address.needs_smtputf8());
    let post = Post {
        require_tls: envelope::RequireTls::Unsaid,
        reverse_path,
        recipients,
        allowed: RelayAllowed::for_operator(),
        service: Service::Local,
        message: letter.into_bytes().into(),
        complete: true,
        smtputf8,
    };
    let context = wiring::transfer(settings, ground, None, sinks.journal(), net::Shutdown::new());
    let refused = match post::post(&context, post).await {
        Ok(posted) => posted.refused,
        Err(PostError::NoRecipients { refused }) => refused,
        Err(error) => return Err(error.into()),
    };
    for (address, reply) in &refused {
        eprintln!("angelia: {address}: {reply}");
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The domain of names without one: the one that our host name is in, else the oldest.
async fn home(ground: &Ground, hostname: &Domain) -> anyhow::Result<Domain> {
    let domains = ground.directory.domains().await?;
    let ours = domains.iter().find(|one| hostname.is_within(&one.domain));
    let home = ours.or_else(|| domains.iter().min_by_key(|one| one.added)).map(|one| one.domain.clone());
    Ok(home.unwrap_or_else(|| hostname.clone()))
}

/// Who did not say is the user of this machine.
fn sender(named: Option<&str>, home: &Domain) -> anyhow::Result<ReversePath> {
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "root".to_owned());
    let text = named.map_or_else(user, str::to_owned);
    match text.trim().trim_start_matches('<').trim_end_matches('>') {
        "" => Ok(ReversePath::Null),
        text => Ok(ReversePath::Address(unqualified(text, home)?.0)),
    }
}

/// A name without a domain that nobody has (`root`, `www-data`) means whoever looks after the machine.
async fn recipient(name: &str, home: &Domain, ground: &Ground) -> anyhow::Result<Address> {
    let (address, bare) = unqualified(name, home)?;
    if bare && ground.directory.lookup(&address).await? == Lookup::Unknown {
        return Ok(unqualified("postmaster", home)?.0);
    }
    Ok(address)
}

/// `success,failure,delay`, or `never` (RFC 3461 section 4.1).
fn notify(text: &str) -> anyhow::Result<Notify> {
    let mut notify = Notify { success: false, failure: false, delay: false };
    if text.eq_ignore_ascii_case("never") {
        return Ok(notify);
    }
    for word in text.split(',') {
        match word.trim().to_ascii_lowercase().as_str() {
            "success" => notify.success = true,
            "failure" => notify.failure = true,
            "delay" => notify.delay = true,
            other => bail!("-N wants never, or success,failure,delay; not {other:?}"),
        }
    }
    Ok(notify)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dots: bool) -> String {
        String::from_utf8(read_letter(&mut text.as_bytes(), dots, 100).unwrap()).unwrap()
    }

    #[test]
    fn a_dot_ends_the_letter_unless_told_otherwise() {
        assert_eq!(read("a\n.\nb\n", false), "a\n");
        assert_eq!(read("a\r\n.\r\nb\n", false), "a\r\n");
        assert_eq!(read("a\n.", false), "a\n");
        assert_eq!(read("a\n.b\n", false), "a\n.b\n");
        assert_eq!(read("a\n.\nb\n", true), "a\n.\nb\n");
        assert!(read_letter(&mut [b'x'; 101].as_slice(), true, 100).is_err());
        assert!(read_letter(&mut [b'x'; 101].as_slice(), false, 100).is_err());
    }

    #[test]
    fn by_its_sendmail_names() {
        let of = |words: &[&str]| as_sendmail(words.iter().map(OsString::from)).join(std::ffi::OsStr::new(" "));
        assert_eq!(of(&["/usr/sbin/sendmail", "-t", "-i"]), "/usr/sbin/sendmail send -t -i");
        assert_eq!(of(&["mailq"]), "mailq queue list");
        assert_eq!(of(&["newaliases"]), "newaliases send -bi");
        assert_eq!(of(&["angelia", "serve"]), "angelia serve");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn when_to_tell() {
        let all = Notify { success: true, failure: true, delay: true };
        assert_eq!(notify("success,FAILURE,delay").unwrap(), all);
        assert_eq!(notify("never").unwrap(), Notify { success: false, failure: false, delay: false });
        assert!(notify("sometimes").is_err());
    }
}
