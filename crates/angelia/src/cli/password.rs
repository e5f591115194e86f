//! Where a command gets a password from: a line of stdin for scripts, the terminal for people (without showing it), or
//! chance. Never from the command line, where every user of the machine can read it.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, bail};
use envelope::MailId;
use protocol::sasl::Secret;

/// The longest password that is taken, in octets; hashing must not be made expensive.
const OCTETS_MAX: u64 = 1024;

/// The shortest one in characters that is taken without a word (NIST SP 800-63B section 5.1.1.2).
const CHARACTERS_MIN: usize = 8;

/// The switches of a command that sets a password.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Read the password from the first line of stdin
    #[arg(long)]
    password_stdin: bool,
    /// Make a password and print it
    #[arg(long, conflicts_with = "password_stdin")]
    generate: bool,
    /// Take a password of less than eight characters
    #[arg(long)]
    weak: bool,
}

impl Args {
    /// Gets the password; one that was made is also given as text, to be shown.
    pub(super) fn get(&self) -> anyhow::Result<(Secret, Option<String>)> {
        if self.generate {
            let text = generated();
            return Ok((Secret::new(text.clone().into_bytes()), Some(text)));
        }
        if self.password_stdin {
            return Ok((self.strong(line()?)?, None));
        }
        if !std::io::stdin().is_terminal() {
            bail!("no terminal to ask for a password: give it by --password-stdin, or have one made by --generate");
        }
        let first = self.strong(ask("Password: ")?)?;
        if first != ask("Once more: ")? {
            bail!("the two passwords are not the same; nothing was changed");
        }
        Ok((first, None))
    }
}

impl Args {
    /// The world tries short passwords all day long.
    fn strong(&self, secret: Secret) -> anyhow::Result<Secret> {
        let characters = String::from_utf8_lossy(secret.expose()).chars().count();
        if characters < CHARACTERS_MIN && !self.weak {
            bail!(
                "the password has less than {CHARACTERS_MIN} characters, which is soon guessed; nothing was changed. \
                 Have one made by --generate, or say --weak"
            );
        }
        Ok(secret)
    }
}

/// Four groups of five letters and digits that are not mistaken for each other: about 95 bits.
pub(super) fn generated() -> String {
    let chance: Vec<char> = MailId::random().to_string().chars().skip(1).take(20).collect();
    chance.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

fn line() -> anyhow::Result<Secret> {
    let mut bytes = Vec::new();
    let mut limited = std::io::Read::take(std::io::stdin().lock(), OCTETS_MAX + 2);
    limited.read_until(b'\n', &mut bytes).context("reading the password from stdin")?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    if bytes.is_empty() {
        bail!("the password is empty");
    }
    if bytes.len() as u64 > OCTETS_MAX {
        bail!("the password is longer than {OCTETS_MAX} octets");
    }
    Ok(Secret::new(bytes))
}

fn ask(prompt: &str) -> anyhow::Result<Secret> {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{prompt}");
    let _ = stderr.flush();
    let quiet = Quiet::begin();
    let answer = line();
    drop(quiet);
    let _ = writeln!(stderr);
    answer
}

/// The terminal shows nothing while this lives.
struct Quiet(Option<libc::termios>);

impl Quiet {
    fn begin() -> Self {
        let fd = std::io::stdin().as_raw_fd();
        let mut state = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the descriptor is open for as long as the process has a stdin, and the state is filled when 0 is
        // returned.
        let before = unsafe {
            if libc::tcgetattr(fd, state.as_mut_ptr()) != 0 {
                return Self(None);
            }
            state.assume_init()
        };
        let mut hidden = before;
        hidden.c_lflag &= !libc::ECHO;
        // SAFETY: `hidden` is a whole state that the kernel gave us, with one flag less.
        let set = unsafe { libc::tcsetattr(fd, libc::TCSAFLUSH, &raw const hidden) };
        Self((set == 0).then_some(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // SAFETY: the state is the one that the kernel gave us.
            unsafe { libc::tcsetattr(std::io::stdin().as_raw_fd(), libc::TCSAFLUSH, &raw const *before) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::generated;

    #[test]
    fn a_made_password_is_another_one_each_time() {
        let (one, two) = (generated(), generated());
        assert_ne!(one, two);
        assert_eq!(one.len(), 23);
        assert_eq!(one.matches('-').count(), 3);
    }
}
