//! The command line of sendmail, as programs have written it since 1981: single letters, values attached or not, options
//! before recipients. What the old sendmail did and is done otherwise here is taken and ignored; what nobody ever meant
//! is refused.

use std::ffi::OsString;
use std::path::PathBuf;

use envelope::{Domain, Return};
use message::address::{Mailbox, mailboxes};
use protocol::smtp::grammar::encode_xtext;

use crate::dropbox::{Form, notify, unqualified};

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// A letter comes by stdin.
    Send,
    /// `-bs`: SMTP comes by stdin.
    Talk,
    /// `-bp`: the list of what waits.
    List,
    /// `-q`: what waits is tried.
    Retry,
    /// `--help`.
    Help,
    /// There is nothing to do (`-bi`, `-q30m`).
    Nothing,
}

/// The whole command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The envelope.
    pub(super) form: Form,
    /// `-t`: more recipients stand in the header.
    pub(super) from_header: bool,
    /// `-i`: a line with nothing but a dot is one.
    pub(super) dots: bool,
    /// `-v`.
    pub(super) verbose: bool,
    /// `--config`, `-C`.
    pub(super) config: Option<PathBuf>,
    /// `--drop`.
    pub(super) drop: Option<PathBuf>,
}

/// Options whose value may stand in the next word.
const VALUED: &str = "ABCDFLMNORVXbefhopr";

/// Options that stand alone.
const FLAGS: &str = "GIUcimnstvx";

impl Words {
    /// Reads what stands behind `send`. An error is for whoever wrote it.
    pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<(Task, Self), String> {
        let mut parsed = Self::default();
        let mut task = None;
        let mut words = words
            .into_iter()
            .map(|word| word.into_string().map_err(|word| format!("{} is no UTF-8", word.to_string_lossy())));
        let mut only_recipients = false;
        while let Some(word) = words.next().transpose()? {
            match word.strip_prefix('-') {
                _ if only_recipients => parsed.recipient(&word)?,
                Some("-") => only_recipients = true,
                Some(long) if long.starts_with('-') => parsed.long(long, &mut words, &mut task)?,
                Some("") | None if parsed.form.recipients.is_empty() => parsed.recipient(&word)?,
                None => parsed.recipient(&word)?,
                Some(_) if !parsed.form.recipients.is_empty() => {
                    return Err(format!(
                        "{word}: options stand before the recipients (or after them an address begins with -: say -- first)"
                    ));
                }
                Some(letters) => parsed.letters(letters, &mut words, &mut task)?,
            }
        }
        let task = task.unwrap_or(Task::Send);
        if task == Task::Send && parsed.form.recipients.is_empty() && !parsed.from_header {
            return Err("to whom? Name recipients, or say -t to take them from the letter".to_owned());
        }
        Ok((task, parsed))
    }

    /// One address, or several as a header has them: `Anna <anna@athens.test>, kostas@patras.test`.
    fn recipient(&mut self, word: &str) -> Result<(), String> {
        let Err(problem) = check(word) else {
            self.form.recipients.push(word.to_owned());
            return Ok(());
        };
        let named: Vec<String> = mailboxes(word.as_bytes()).iter().map(Mailbox::spec).collect();
        // What the reading of headers makes sense of by quoting it was a slip of the hand.
        let is_mended = named.iter().any(|one| one.starts_with('"')) && !word.contains('"');
        if !word.contains([',', '<']) || named.is_empty() || is_mended {
            return Err(problem);
        }
        for one in &named {
            check(one)?;
        }
        self.form.recipients.extend(named);
        Ok(())
    }

    fn long(
        &mut self,
        word: &str,
        words: &mut impl Iterator<Item = Result<String, String>>,
        task: &mut Option<Task>,
    ) -> Result<(), String> {
        let (name, attached) =
            word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        let mut value = || match attached.clone() {
            Some(value) => Ok(value),
            None => words.next().transpose()?.ok_or_else(|| format!("-{name} wants a value")),
        };
        match name {
            "-help" => *task = Some(Task::Help),
            "-config" => self.config = Some(value()?.into()),
            "-drop" => self.drop = Some(value()?.into()),
            other => return Err(format!("there is no option -{other}; see `angelia send --help`")),
        }
        Ok(())
    }

    /// `ti`, `oi`, `fanna@athens.test`: letters of one word.
    fn letters(
        &mut self,
        letters: &str,
        words: &mut impl Iterator<Item = Result<String, String>>,
        task: &mut Option<Task>,
    ) -> Result<(), String> {
        let mut rest = letters;
        while let Some(letter) = rest.chars().next() {
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            if VALUED.contains(letter) {
                let value = match rest {
                    "" => words.next().transpose()?.ok_or_else(|| format!("-{letter} wants a value"))?,
                    attached => attached.to_owned(),
                };
                return self.valued(letter, &value, task);
            }
            match letter {
                't' => self.from_header = true,
                'i' => self.dots = true,
                'v' => self.verbose = true,
                'I' => *task = Some(Task::Nothing),
                // The interval of a daemon, or what is to be tried, only ever stands in the same word.
                'q' => {
                    *task =
                        Some(if rest.starts_with(|c: char| c.is_ascii_digit()) { Task::Nothing } else { Task::Retry });
                    return Ok(());
                }
                'd' => return Ok(()),
                other if FLAGS.contains(other) => {}
                other => return Err(format!("there is no option -{other}; see `angelia send --help`")),
            }
        }
        Ok(())
    }

    fn valued(&mut self, letter: char, value: &str, task: &mut Option<Task>) -> Result<(), String> {
        let wrong = |problem: String| format!("-{letter} {problem}");
        match letter {
            'f' | 'r' => {
                let bare = value.trim().trim_start_matches('<').trim_end_matches('>');
                if !bare.is_empty() {
                    check(bare)?;
                }
                self.form.sender = Some(bare.to_owned());
            }
            'F' => self.form.name = Some(value.to_owned()),
            'N' => self.form.notify = Some(notify(value).map_err(wrong)?),
            'R' => {
                self.form.ret = Some(match value.to_ascii_lowercase().as_str() {
                    "full" => Return::Full,
                    "hdrs" => Return::Headers,
                    _ => return Err(wrong(format!("wants full or hdrs, not {value:?}"))),
                });
            }
            'V' => {
                let encoded = encode_xtext(value.as_bytes());
                if encoded.len() > protocol::smtp::limits::ENVELOPE_ID_OCTETS_MAX || encoded.is_empty() {
                    return Err(wrong("wants 1 to 100 characters".to_owned()));
                }
                self.form.envelope_id = Some(encoded);
            }
            'C' => self.config = Some(value.into()),
            'o' if value == "i" => self.dots = true,
            'b' => *task = mode(value)?,
            _ => {}
        }
        Ok(())
    }
}

/// `-b`. `None` is what is done anyhow.
fn mode(value: &str) -> Result<Option<Task>, String> {
    Ok(Some(match value {
        "m" | "a" => return Ok(None),
        "s" => Task::Talk,
        "p" | "P" => Task::List,
        "i" | "I" => Task::Nothing,
        "d" | "D" => return Err("-bd: the server is `angelia serve`".to_owned()),
        "v" | "t" => return Err(format!("-b{value}: `angelia route ADDRESS` says what would become of a letter")),
        other => return Err(format!("-b{other} is not done here")),
    }))
}

/// Whether it can be an address, once it has a domain.
fn check(text: &str) -> Result<(), String> {
    let here = Domain::parse("here.invalid").map_err(|error| error.to_string())?;
    unqualified(text, &here).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Task, Words), String> {
        Words::parse(line.split_ascii_whitespace().map(OsString::from))
    }

    fn sent(line: &str) -> Words {
        let (task, words) = parse(line).unwrap_or_else(|problem| panic!("{line}: {problem}"));
        assert_eq!(task, Task::Send, "{line}");
        words
    }

    #[test]
    fn as_programs_call_it() {
        // cron, PHP's mail(), bsd-mailx, mutt, Debian's reportbug, git send-email, nullmailer's users.
        let cron = sent("-FCronDaemon -i -B8BITMIME -oem root");
        assert_eq!((cron.form.name.as_deref(), cron.dots), (Some("CronDaemon"), true));
        assert_eq!(cron.form.recipients, ["root"]);
        let cron = sent("-FCronDaemon -i -odi -oem -oi -t");
        assert!(cron.from_header && cron.dots && cron.form.recipients.is_empty());
        let php = sent("-t -i -fshop@athens.test");
        assert!(php.from_header && php.dots);
        assert_eq!(php.form.sender.as_deref(), Some("shop@athens.test"));
        let mutt = sent("-oem -oi -f anna@athens.test -- kostas@patras.test -dash@patras.test");
        assert_eq!(mutt.form.recipients, ["kostas@patras.test", "-dash@patras.test"]);
        let mailx = sent("-i -v -m kostas@patras.test");
        assert!(mailx.verbose && mailx.dots);
        let all = sent("-N success,delay -R hdrs -V order+7 -f <> -O Timeout=5m -d0.1 -Am -ti");
        assert_eq!((all.form.sender.as_deref(), all.form.ret), (Some(""), Some(Return::Headers)));
        assert_eq!(all.form.envelope_id.as_deref(), Some("order+2B7"));
        assert!(all.form.notify.is_some_and(|notify| notify.success && !notify.failure));
        assert!(all.from_header && all.dots);
        let own = sent("--config a.toml --drop=d -r anna kostas@patras.test");
        assert_eq!((own.config, own.drop), (Some("a.toml".into()), Some("d".into())));
    }

    #[test]
    fn several_recipients_in_one_word() {
        let sent = |word: &str| Words::parse([OsString::from(word)]).map(|(_, words)| words.form.recipients);
        for (word, wanted) in [
            ("anna@home.test,ben@home.test", &["anna@home.test", "ben@home.test"][..]),
            ("Anna <anna@home.test>, ben@home.test", &["anna@home.test", "ben@home.test"]),
            ("Anna <anna@home.test>", &["anna@home.test"]),
            ("root, ben", &["root", "ben"]),
            ("\"a,b\"@home.test", &["\"a,b\"@home.test"]),
            ("\"Last, First\" <anna@home.test>,ben@home.test", &["anna@home.test", "ben@home.test"]),
        ] {
            assert_eq!(sent(word).unwrap(), wanted, "{word}");
        }
        for word in ["a@@b, ben@home.test", ",", "<>", "a b", "anna@home.test, b@c@d"] {
            assert!(sent(word).is_err(), "{word}: {:?}", sent(word));
        }
    }

    #[test]
    fn other_tasks() {
        for (line, wanted) in [
            ("-bs", Task::Talk),
            ("-bp", Task::List),
            ("-bi", Task::Nothing),
            ("-I", Task::Nothing),
            ("-q", Task::Retry),
            ("-q30m", Task::Nothing),
            ("-qRpatras.test", Task::Retry),
            ("--help", Task::Help),
            ("-bm -t", Task::Send),
        ] {
            assert_eq!(parse(line).map(|(task, _)| task), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, wanted) in [
            ("", "to whom?"),
            ("-i", "to whom?"),
            ("-z a@b.test", "no option -z"),
            ("--frob", "no option --frob"),
            ("-f", "-f wants a value"),
            ("-bd -q30m", "angelia serve"),
            ("-bv a@b.test", "angelia route"),
            ("-bh", "-bh is not done"),
            ("-N sometimes a@b.test", "-N wants never"),
            ("-R all a@b.test", "full or hdrs"),
            ("-f a@@b c@d.test", "is no address"),
            ("a@b.test -oQ/tmp", "options stand before"),
            ("a@b@c.test", "is no address"),
        ] {
            let problem = parse(line).expect_err(line);
            assert!(problem.contains(wanted), "{line}: {problem}");
        }
        use std::os::unix::ffi::OsStringExt as _;
        let broken = Words::parse([OsString::from_vec(vec![b'a', 0xff])]).unwrap_err();
        assert!(broken.contains("UTF-8"), "{broken}");
    }
}
