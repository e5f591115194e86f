//! `angelia send`: hands in a letter from stdin, with the options of sendmail, since every program that sends mail knows
//! those. Installed under the names `sendmail`, `mailq` and `newaliases` it is these.
//!
//! Who may write the store puts the letter there, and hears at once who does not exist. Everybody else puts it into the
//! drop box ([`crate::dropbox`]), where the server finds it. Exit code 0 means in both cases that the letter is safe.
//! The exit codes are those of sysexits.h, which callers of sendmail know.

mod hand;
mod letter;
mod talk;
mod words;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use envelope::Domain;

use self::letter::Letter;
use self::words::{Task, Words};
use crate::config::{self, ConfigError, Settings};
use crate::dropbox::{self, DropFolder, Form, unqualified};
use crate::privileges;
use crate::shown::tell;

/// The arguments are sendmail's, which clap cannot read: `words` does. This is for the help.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, override_usage = "angelia send [OPTIONS] [RECIPIENT]...", after_help = HELP)]
pub(super) struct Args {}

const HELP: &str = "\
Options, as sendmail has them:
  -t           Take recipients from To, Cc and Bcc, and take Bcc out
  -i, -oi      A line with nothing but a dot does not end the letter
  -f ADDRESS   The sender, to whom bounces go; <> for nobody (-r is the same)
  -F NAME      The sender's name, for a letter without From
  -N WHEN      Tell the sender: never, or of success,failure,delay
  -R PART      What a bounce returns: full or hdrs
  -V ID        A name for this letter, which bounces repeat
  -v           Say under which id the letter was taken
  -bs          Speak SMTP on stdin and stdout
  -bp          List the queue (mailq);  -q: try what waits in it
  --drop DIR   The drop box, wherever else it may be
All other options of sendmail are taken and mean nothing here.

Examples:
  printf 'Subject: Hello\\n\\nIt works.\\n' | angelia send -f anna@example.org kostas@patras.test
  angelia send -t -i < letter.eml
  ln -s $(which angelia) /usr/sbin/sendmail

A letter without Date, From or Message-ID gets them. Exit codes: 0 the letter is safe, 64 wrong usage, 65 wrong letter,
67 nobody gets it, 75 try again later (or the configuration is wrong), 77 not allowed. docs/sendmail.md says more.";

/// Exit codes of sysexits.h.
mod exit {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const NO_USER: u8 = 67;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const IO: u8 = 74;
    pub(super) const TEMPORARY: u8 = 75;
    pub(super) const NOT_ALLOWED: u8 = 77;
}

/// Why it did not come to it: the exit code, and the words for stderr.
#[derive(Debug)]
struct Failed {
    code: u8,
    text: String,
}

impl Failed {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Under its sendmail names the program's arguments are those of `send`.
pub(super) fn as_sendmail(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let name =
        args.first().and_then(|name| Path::new(name).file_name()).map(|name| name.to_string_lossy().into_owned());
    let inserted: &[&str] = match name.as_deref() {
        Some("sendmail") => &["send"],
        Some("mailq") => &["send", "-bp"],
        Some("newaliases") => &["send", "-bi"],
        _ => &[],
    };
    let at = args.len().min(1);
    args.splice(at..at, inserted.iter().map(OsString::from));
    args
}

/// What stands behind `send` is taken off, when that is the command.
pub(super) fn split(args: &mut Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(word) = args.get(at) {
        at += 1;
        match word.to_str() {
            Some("--config") => at += 1,
            Some("send") => return args.split_off(at),
            Some(word) if word.starts_with("--config=") => {}
            _ => break,
        }
    }
    Vec::new()
}

pub(super) async fn run(words: Vec<OsString>, config: Option<&Path>) -> ExitCode {
    match dispatch(words, config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            for line in failed.text.lines() {
                tell!("angelia: {line}");
            }
            ExitCode::from(failed.code)
        }
    }
}

async fn dispatch(words: Vec<OsString>, config: Option<&Path>) -> Result<(), Failed> {
    let (task, words) = Words::parse(words).map_err(|problem| Failed::new(exit::USAGE, problem))?;
    let named = config.map(Path::to_owned).or_else(|| words.config.clone());
    let operator = |command| {
        let named = named.clone().unwrap_or_else(|| PathBuf::from(config::OF_MACHINE));
        async move { super::queue::run(command, Some(&named)).await.map_err(|error| not_done(&error)) }
    };
    match task {
        Task::Nothing => Ok(()),
        Task::Help => {
            super::send_help();
            Ok(())
        }
        Task::List => operator(super::queue::Args::all()).await,
        Task::Retry => operator(super::queue::Args::retry_all()).await,
        Task::Send | Task::Talk => {
            let said = settings(named.as_deref())?;
            let folder = folder(&words, &said)?;
            if task == Task::Talk {
                return talk::talk(&folder, std::io::stdin().lock(), std::io::stdout().lock());
            }
            let settings = match said {
                Said::Settings(settings) => Some(*settings),
                Said::Nothing | Said::Wrong(_) => None,
            };
            send(words, settings, &folder).await
        }
    }
}

/// Why the queue cannot be shown, or tried.
fn not_done(error: &anyhow::Error) -> Failed {
    let is_not_allowed = error.chain().any(|cause| match cause.downcast_ref::<ConfigError>() {
        Some(ConfigError::Unreadable { error, .. }) => error.kind() == std::io::ErrorKind::PermissionDenied,
        _ => cause.is::<super::NotOurs>(),
    });
    let code = if is_not_allowed { exit::NOT_ALLOWED } else { exit::TEMPORARY };
    Failed::new(code, format!("{error:#}"))
}

async fn send(mut words: Words, settings: Option<Settings>, folder: &DropFolder) -> Result<(), Failed> {
    let mut input = std::io::stdin().lock();
    let mut letter = Letter::read(&mut input, words.dots)?;
    if words.from_header {
        // With -t, recipients on the command line are added to those of the letter, as Postfix has it.
        words.form.recipients.extend(recipients(&mut letter)?);
    }
    if words.form.recipients.is_empty() {
        return Err(Failed::new(exit::DATA, "the letter names no recipient in To, Cc or Bcc"));
    }
    let wants_box = words.drop.is_some() || std::env::var_os("ANGELIA_DROP").is_some();
    match settings.filter(|settings| !wants_box && may_write(settings)) {
        Some(settings) => {
            let mut body = Vec::new();
            letter.copy_body(&mut input, &mut body, settings.message_octets_max)?;
            hand::straight(&settings, words.form, letter.into_header(), &body, words.verbose).await
        }
        None => into_box(folder, &words.form, letter, &mut input, words.verbose),
    }
}

fn into_box(
    folder: &DropFolder,
    form: &Form,
    mut letter: Letter,
    input: &mut impl std::io::BufRead,
    verbose: bool,
) -> Result<(), Failed> {
    let notice = folder.notice();
    let octets_max = notice.as_ref().map_or(dropbox::limits::LETTER_OCTETS, |notice| notice.octets_max);
    let name = dropbox::file_name();
    let mut deposit = folder.deposit(name).map_err(|error| no_box(folder, &error))?;
    let written = deposit.write_all(&form.encode()).and_then(|()| deposit.write_all(letter.header()));
    written.map_err(|error| Failed::new(exit::TEMPORARY, format!("writing the letter: {error}")))?;
    letter.copy_body(input, &mut deposit, octets_max)?;
    deposit.finish().map_err(|error| Failed::new(exit::TEMPORARY, format!("writing the letter: {error}")))?;
    if verbose {
        tell!("angelia: handed in as {}", dropbox::letter_id(name, privileges::own_uid()));
    }
    let is_served = notice.is_some_and(|notice| notice.is_served);
    if !is_served && (verbose || std::io::stderr().is_terminal()) {
        tell!("angelia: no server runs; the letter waits in {} until one does", folder.path().display());
    }
    Ok(())
}

fn no_box(folder: &DropFolder, error: &std::io::Error) -> Failed {
    let path = folder.path().display();
    if !folder.exists() {
        let text = format!(
            "there is no drop box at {path}: the server makes it when it starts (`drop.path`; if it is elsewhere, an \
             operator links /etc/angelia/drop to it)"
        );
        return Failed::new(exit::TEMPORARY, text);
    }
    Failed::new(exit::TEMPORARY, format!("the letter cannot be put into {path}: {error}"))
}

/// Of the letter's header. Each must be an address, once it has a domain.
fn recipients(letter: &mut Letter) -> Result<Vec<String>, Failed> {
    let names = letter.take_recipients();
    let here = Domain::parse("here.invalid").map_err(|error| Failed::new(exit::USAGE, error.to_string()))?;
    for name in &names {
        unqualified(name, &here).map_err(|problem| Failed::new(exit::DATA, problem))?;
    }
    Ok(names)
}

/// What the configuration says.
enum Said {
    /// It may be read, and is right.
    Settings(Box<Settings>),
    /// There is none, or it is not for us to read.
    Nothing,
    /// It is the machine's, and wrong: why. A server that runs goes on with what it said before.
    Wrong(String),
}

/// The configuration, if we may read one: the one that is named, or the machine's own. What lies in the current folder is
/// not looked at, since programs send mail from whatever folder they stand in, and it may be anybody's.
fn settings(named: Option<&Path>) -> Result<Said, Failed> {
    said(config::read(named.unwrap_or(Path::new(config::OF_MACHINE))), named.is_some())
}

fn said(read: Result<Settings, ConfigError>, is_named: bool) -> Result<Said, Failed> {
    match (read, is_named) {
        (Ok(settings), _) => Ok(Said::Settings(Box::new(settings))),
        (Err(ConfigError::Unreadable { .. }), false) => Ok(Said::Nothing),
        (Err(error), false) => Ok(Said::Wrong(error.to_string())),
        (Err(error @ ConfigError::Unreadable { .. }), true) => Err(Failed::new(exit::NOT_ALLOWED, error.to_string())),
        // It is mended sooner or later, and the letter is worth another try.
        (Err(error), true) => Err(Failed::new(exit::TEMPORARY, error.to_string())),
    }
}

/// Where the drop box is.
fn folder(words: &Words, said: &Said) -> Result<DropFolder, Failed> {
    if let Some(path) = &words.drop {
        return Ok(DropFolder::at(path));
    }
    if let Some(path) = std::env::var_os("ANGELIA_DROP") {
        return Ok(DropFolder::at(Path::new(&path)));
    }
    let linked = DropFolder::at(Path::new("/etc/angelia/drop"));
    folder_of(said, || if linked.exists() { linked } else { DropFolder::at(Path::new("/var/lib/angelia/drop")) })
}

/// Where nobody has named it.
fn folder_of(said: &Said, usual: impl FnOnce() -> DropFolder) -> Result<DropFolder, Failed> {
    match said {
        Said::Settings(settings) => Ok(DropFolder::at(&settings.drop.path)),
        Said::Nothing => Ok(usual()),
        // Where it is, the file does not say; a server that takes from it does.
        Said::Wrong(why) => {
            let open = Some(usual()).filter(|folder| folder.notice().is_some_and(|notice| notice.is_served));
            open.ok_or_else(|| Failed::new(exit::TEMPORARY, why.clone()))
        }
    }
}

/// Whether the store is ours to write.
fn may_write(settings: &Settings) -> bool {
    privileges::is_root() || privileges::can_write(&settings.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_its_sendmail_names() {
        let of = |words: &[&str]| as_sendmail(words.iter().map(OsString::from)).join(std::ffi::OsStr::new(" "));
        assert_eq!(of(&["/usr/sbin/sendmail", "-t", "-i"]), "/usr/sbin/sendmail send -t -i");
        assert_eq!(of(&["mailq"]), "mailq send -bp");
        assert_eq!(of(&["newaliases"]), "newaliases send -bi");
        assert_eq!(of(&["angelia", "serve"]), "angelia serve");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn its_words_are_its_own() {
        for (line, clap, own) in [
            ("angelia send -t --help", "angelia send", "-t --help"),
            ("angelia --config a.toml send -oi x", "angelia --config a.toml send", "-oi x"),
            ("angelia --config=a.toml send", "angelia --config=a.toml send", ""),
            ("angelia queue list send", "angelia queue list send", ""),
            ("angelia", "angelia", ""),
        ] {
            let mut args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let words = split(&mut args);
            let join = |words: &[OsString]| words.join(std::ffi::OsStr::new(" ")).into_string().unwrap();
            assert_eq!((join(&args).as_str(), join(&words).as_str()), (clap, own));
        }
    }
    /// What the configuration says, and where the drop box is by that, as with no word about either.
    fn place(text: &str, usual: &Path) -> Result<PathBuf, Failed> {
        let file = usual.join("angelia.toml");
        std::fs::write(&file, text).unwrap();
        let folder = folder_of(&said(config::read(&file), false)?, || DropFolder::at(usual))?;
        Ok(folder.path().to_owned())
    }

    #[test]
    fn while_the_configuration_is_wrong_a_server_that_runs_takes_letters_all_the_same() {
        let house = tempfile::tempdir().unwrap();
        let usual = house.path();
        let (right, wrong) = ("hostname = \"a.test\"\ndrop.path = \"/a/drop\"\n", "hostnam = \"a.test\"\n");
        assert_eq!(place(right, usual).unwrap(), Path::new("/a/drop"));
        let not_read = |is_named| said(config::read(&usual.join("none")), is_named);
        assert_eq!(folder_of(&not_read(false).unwrap(), || DropFolder::at(usual)).unwrap().path(), usual);
        assert_eq!(not_read(true).err().unwrap().code, exit::NOT_ALLOWED);
        // Nobody takes letters there.
        let failed = place(wrong, usual).unwrap_err();
        assert!(failed.code == exit::TEMPORARY && failed.text.contains("did you mean `hostname`"), "{}", failed.text);
        let notice = std::fs::File::create_new(usual.join(".angelia")).unwrap();
        assert_eq!(place(wrong, usual).unwrap_err().code, exit::TEMPORARY, "the server has ended");
        notice.lock().unwrap();
        assert_eq!(place(wrong, usual).unwrap(), usual);
        // One that was named is believed, or nothing is.
        let named = said(config::read(&usual.join("angelia.toml")), true).err().unwrap();
        assert_eq!(named.code, exit::TEMPORARY);
    }
}
