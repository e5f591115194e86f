//! What stands before a letter in a dropped file: the envelope, in lines of text, version first, an empty line last.
//!
//! ```text
//! angelia-drop 1
//! sender anna@example.org       once at most; "<>" for nobody; without it the user's own address
//! name Cron Daemon              once at most: for From, where the letter has none
//! recipient kostas@patras.test  for each; a name without a domain is one of this machine
//! notify success,failure        once at most: NOTIFY= of RFC 3461, "never" or words
//! return full                   once at most: RET= of RFC 3461, "full" or "hdrs"
//! envelope-id x1                once at most: ENVID= of RFC 3461, in xtext
//!
//! ```
//! Then the letter as it is, up to the end of the file.

use envelope::{Notify, Return};

use super::limits::FORM_OCTETS_MAX;

const FIRST: &str = "angelia-drop 1";

/// The envelope as the user wrote it. What it means for this server is decided later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// `-f`.
    pub(crate) sender: Option<String>,
    /// `-F`.
    pub(crate) name: Option<String>,
    /// Arguments, and with `-t` what the header names.
    pub(crate) recipients: Vec<String>,
    /// `-N`.
    pub(crate) notify: Option<Notify>,
    /// `-R`.
    pub(crate) ret: Option<Return>,
    /// `-V`, in xtext.
    pub(crate) envelope_id: Option<String>,
}

impl Form {
    /// The lines, with the empty one. A value that cannot stand in a line is left out up to its first control character.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = format!("{FIRST}\n");
        let mut line = |name: &str, value: &str| {
            let value: String = value.chars().take_while(|c| !c.is_control()).collect();
            out.push_str(&format!("{name} {value}\n"));
        };
        if let Some(sender) = &self.sender {
            line("sender", if sender.is_empty() { "<>" } else { sender });
        }
        if let Some(name) = &self.name {
            line("name", name);
        }
        for recipient in &self.recipients {
            line("recipient", recipient);
        }
        if let Some(notify) = self.notify {
            line("notify", &notify_words(notify));
        }
        if let Some(ret) = self.ret {
            line("return", if ret == Return::Full { "full" } else { "hdrs" });
        }
        if let Some(envelope_id) = &self.envelope_id {
            line("envelope-id", envelope_id);
        }
        out.push('\n');
        out.into_bytes()
    }

    /// Where the form ends in `bytes`; `None` when the empty line has not come yet.
    pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
        bytes.windows(2).position(|two| two == b"\n\n").map(|at| at + 2)
    }

    /// Reads what [`Form::end`] has cut off. An error says what is wrong and in which line.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > FORM_OCTETS_MAX {
            return Err(format!("the envelope is longer than {FORM_OCTETS_MAX} octets"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "the envelope is no UTF-8".to_owned())?;
        let mut lines = text.lines().enumerate();
        match lines.next() {
            Some((_, FIRST)) => {}
            Some((_, other)) if other.starts_with("angelia-drop ") => {
                return Err(format!("{:?} is of another version; this server reads {FIRST:?}", short(other)));
            }
            _ => return Err(format!("the first line is not {FIRST:?}")),
        }
        let mut form = Self::default();
        for (index, line) in lines {
            if !line.is_empty() {
                form.line(line).map_err(|problem| format!("line {}: {problem}", index + 1))?;
            }
        }
        Ok(form)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = line.split_once(' ').ok_or_else(|| format!("{:?} has no value", short(line)))?;
        if value.chars().any(char::is_control) {
            return Err(format!("a control character in {name:?}"));
        }
        let text = || value.to_owned();
        let twice = match name {
            "sender" => self.sender.replace(if value == "<>" { String::new() } else { text() }).is_some(),
            "name" => self.name.replace(text()).is_some(),
            "recipient" => {
                self.recipients.push(text());
                false
            }
            "notify" => self.notify.replace(notify(value)?).is_some(),
            "return" => self.ret.replace(returned(value)?).is_some(),
            "envelope-id" => self.envelope_id.replace(text()).is_some(),
            other => return Err(format!("unknown word {:?}", short(other))),
        };
        if twice { Err(format!("{name:?} stands there twice")) } else { Ok(()) }
    }
}

/// `success,failure,delay`, or `never` (RFC 3461 section 4.1).
pub(crate) fn notify(text: &str) -> Result<Notify, String> {
    let mut notify = Notify { success: false, failure: false, delay: false };
    if text.eq_ignore_ascii_case("never") {
        return Ok(notify);
    }
    for word in text.split(',') {
        match word.trim().to_ascii_lowercase().as_str() {
            "success" => notify.success = true,
            "failure" => notify.failure = true,
            "delay" => notify.delay = true,
            other => return Err(format!("wants never, or success,failure,delay; not {:?}", short(other))),
        }
    }
    Ok(notify)
}

fn notify_words(notify: Notify) -> String {
    let words = [(notify.success, "success"), (notify.failure, "failure"), (notify.delay, "delay")];
    let words: Vec<&str> = words.into_iter().filter(|(wanted, _)| *wanted).map(|(_, word)| word).collect();
    if words.is_empty() { "never".to_owned() } else { words.join(",") }
}

/// `full` or `hdrs` (RFC 3461 section 4.3).
fn returned(text: &str) -> Result<Return, String> {
    match text.to_ascii_lowercase().as_str() {
        "full" => Ok(Return::Full),
        "hdrs" => Ok(Return::Headers),
        other => Err(format!("wants full or hdrs; not {:?}", short(other))),
    }
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let all = Form {
            sender: Some("anna@athens.test".to_owned()),
            name: Some("Άννα".to_owned()),
            recipients: vec!["root".to_owned(), "kostas@patras.test".to_owned()],
            notify: Some(Notify { success: true, failure: false, delay: true }),
            ret: Some(Return::Headers),
            envelope_id: Some("x+2B".to_owned()),
        };
        let never = Some(Notify { success: false, failure: false, delay: false });
        let nobody = Form { sender: Some(String::new()), notify: never, ret: Some(Return::Full), ..Form::default() };
        for form in [all, nobody, Form::default()] {
            let mut bytes = form.encode();
            bytes.extend_from_slice(b"Subject: x\n\nrecipient y\n");
            let end = Form::end(&bytes).unwrap();
            assert_eq!(&bytes[end..], b"Subject: x\n\nrecipient y\n");
            assert_eq!(Form::parse(&bytes[..end]), Ok(form));
        }
    }

    #[test]
    fn nobody_writes_lines_into_it() {
        let form = Form { name: Some("x\nrecipient evil@b.test".to_owned()), ..Form::default() };
        let bytes = form.encode();
        assert_eq!(Form::parse(&bytes).unwrap(), Form { name: Some("x".to_owned()), ..Form::default() });
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wanted) in [
            ("", "first line"),
            ("hello\n\n", "first line"),
            ("angelia-drop 2\n\n", "another version"),
            ("angelia-drop 1\nrecipient\n\n", "line 2: \"recipient\" has no value"),
            ("angelia-drop 1\nrecipient a@b\nsend x\n\n", "line 3: unknown word \"send\""),
            ("angelia-drop 1\nsender a@b\nsender c@d\n\n", "twice"),
            ("angelia-drop 1\nnotify sometimes\n\n", "never"),
            ("angelia-drop 1\nreturn all\n\n", "full or hdrs"),
            ("angelia-drop 1\nname a\tb\n\n", "control character"),
        ] {
            let problem = Form::parse(text.as_bytes()).unwrap_err();
            assert!(problem.contains(wanted), "{text:?}: {problem}");
        }
        assert!(Form::parse(b"angelia-drop 1\nname \xff\n\n").unwrap_err().contains("UTF-8"));
        let long = format!("angelia-drop 1\n{}\n", "recipient a@b.test\n".repeat(40_000));
        assert!(Form::parse(long.as_bytes()).unwrap_err().contains("longer"));
        assert_eq!(Form::end(b"angelia-drop 1\nname x\n"), None);
    }

    #[test]
    fn when_to_tell() {
        let all = Notify { success: true, failure: true, delay: true };
        assert_eq!(notify("success,FAILURE,delay").unwrap(), all);
        assert_eq!(notify("never").unwrap(), Notify { success: false, failure: false, delay: false });
        assert!(notify("sometimes").is_err());
    }
}
