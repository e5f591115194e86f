//! APPEND and REPLACE (RFC 3501 section 6.3.11, RFC 8508): what stands before, between and behind the octets of messages.
//! Several messages may follow one another (RFC 3502), and each may be put together of parts (CATENATE, RFC 4469).

use super::input::{Input, ParseError};
use super::{Result, date, sequence, store};
use crate::imap::command::{AppendMessage, AppendStep, Mailbox, Replaced};
use crate::imap::limits;

/// Where a command stands, when it is an APPEND or a REPLACE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendStart {
    /// Neither, or the announced literal is its mailbox name: collect it like any other.
    Collect,
    /// As far as its first literal, or to its end.
    Begins {
        /// `REPLACE`
        replaces: Option<Replaced>,
        /// Where to.
        mailbox: Mailbox,
        /// What follows; a message comes first.
        text: AppendText,
    },
}

/// What stands between two literals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendText {
    /// In order.
    pub steps: Vec<AppendStep>,
    /// How it ends.
    pub then: AppendThen,
}

/// What follows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendThen {
    /// Nothing: the command is complete.
    End,
    /// The announced literal is a URL: collect it.
    Collect,
    /// The announced literal belongs to the last step.
    Octets(Within),
}

/// What the octets stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Within {
    /// `UTF8 (…)`: a `)` follows them.
    pub utf8: bool,
    /// `CATENATE (…)`: other parts may follow them.
    pub catenate: bool,
}

/// `append = "APPEND" SP mailbox 1*append-message` and `replace = ["UID" SP] "REPLACE" SP seq-number SP mailbox
/// append-message`, up to and with the announcement of the first literal at the end of `bytes` (without the CRLF behind
/// it), or as a whole. With `utf8`, mailbox names are in UTF-8.
pub fn append(bytes: &[u8], utf8: bool) -> Result<AppendStart> {
    let mut input = Input::new(bytes, utf8);
    input.tag()?;
    input.space()?;
    let mut verb = input.keyword("a command")?;
    let uid = verb == "UID";
    if uid && input.skip(b' ') {
        verb = input.keyword("a command after UID")?;
    }
    let replaces = match verb.as_str() {
        "APPEND" if !uid => None,
        "REPLACE" => {
            input.space()?;
            Some(Replaced { uid, number: sequence::number(&mut input)? })
        }
        _ => return Ok(AppendStart::Collect),
    };
    input.space()?;
    if is_announced(&input) {
        return Ok(AppendStart::Collect);
    }
    let mailbox = input.mailbox()?;
    let mut steps = Vec::new();
    let mut then = message(&mut input, &mut steps)?;
    if then == AppendThen::End && !input.is_empty() {
        then = behind(&mut input, &mut steps, replaces.is_some())?;
    }
    Ok(AppendStart::Begins { replaces, mailbox, text: AppendText { steps, then } })
}

/// What stands behind a literal, up to the next one or to the end. `single`: no other message may follow (REPLACE).
pub fn append_next(bytes: &[u8], within: Within, single: bool) -> Result<AppendText> {
    let mut input = Input::new(bytes, false);
    let mut steps = Vec::new();
    if within.utf8 {
        input.byte(b')', ")")?;
    }
    if within.catenate && !input.skip(b')') {
        input.space()?;
        let then = parts(&mut input, &mut steps)?;
        if then != AppendThen::End {
            return Ok(AppendText { steps, then });
        }
    }
    let then = behind(&mut input, &mut steps, single)?;
    Ok(AppendText { steps, then })
}

/// Other messages, or nothing.
fn behind(input: &mut Input<'_>, steps: &mut Vec<AppendStep>, single: bool) -> Result<AppendThen> {
    while !input.is_empty() {
        if single {
            return Err(ParseError::Expected("end of command"));
        }
        let then = message(input, steps)?;
        if then != AppendThen::End {
            return Ok(then);
        }
    }
    Ok(AppendThen::End)
}

/// `append-message = [SP flag-list] [SP date-time] SP append-data`, where `append-data = literal / literal8 / "UTF8" SP
/// "(" literal8 ")" / "CATENATE" SP "(" cat-part *(SP cat-part) ")"` (RFC 3502, RFC 6855 section 4, RFC 4469 section 5)
fn message(input: &mut Input<'_>, steps: &mut Vec<AppendStep>) -> Result<AppendThen> {
    input.space()?;
    let mut message = AppendMessage::default();
    if input.peek() == Some(b'(') {
        message.flags = store::flag_list(input)?;
        input.space()?;
    }
    if input.peek() == Some(b'"') {
        message.date = Some(date::date_time(input)?);
        input.space()?;
    }
    if input.skip_word("CATENATE (") {
        message.catenate = true;
        step(steps, AppendStep::Message(message))?;
        return parts(input, steps);
    }
    message.utf8 = input.skip_word("UTF8 (");
    let literal = announced(input).filter(|(_, literal8)| *literal8 || !message.utf8);
    (message.octets, message.literal8) = literal.ok_or(ParseError::Expected("a literal"))?;
    let within = Within { utf8: message.utf8, catenate: false };
    step(steps, AppendStep::Message(message))?;
    Ok(AppendThen::Octets(within))
}

/// `cat-part *(SP cat-part) ")"`, where `cat-part = "TEXT" SP literal / "URL" SP astring / "UTF8" SP "(" literal8 ")"`
/// (RFC 4469 section 5, RFC 6855 section 4); [`AppendThen::End`] is the end of the list.
fn parts(input: &mut Input<'_>, steps: &mut Vec<AppendStep>) -> Result<AppendThen> {
    loop {
        let utf8 = input.skip_word("UTF8 (");
        if utf8 || input.skip_word("TEXT ") {
            let literal = announced(input).filter(|(_, literal8)| *literal8 == utf8);
            let (octets, _) = literal.ok_or(ParseError::Expected("a literal"))?;
            step(steps, AppendStep::Text { octets, utf8 })?;
            return Ok(AppendThen::Octets(Within { utf8, catenate: true }));
        }
        if !input.skip_word("URL ") {
            return Err(ParseError::Expected("TEXT or URL"));
        }
        if is_announced(input) {
            return Ok(AppendThen::Collect);
        }
        let url = input.astring()?;
        step(steps, AppendStep::Url(url))?;
        if input.skip(b')') {
            return Ok(AppendThen::End);
        }
        input.space()?;
    }
}

fn step(steps: &mut Vec<AppendStep>, step: AppendStep) -> Result<()> {
    if steps.len() >= limits::APPEND_STEPS_MAX {
        return Err(ParseError::Limit("parts of a message"));
    }
    steps.push(step);
    Ok(())
}

/// Whether the announcement of a literal that has not come stands next, and last.
fn is_announced(input: &Input<'_>) -> bool {
    announced(&mut { *input }).is_some_and(|(_, literal8)| !literal8)
}

/// `{octets}`, `{octets+}`, or the same behind `~`, as the last thing.
fn announced(input: &mut Input<'_>) -> Option<(u64, bool)> {
    let literal8 = input.skip(b'~');
    input.byte(b'{', "a literal").ok()?;
    let octets = input.number64().ok()?;
    input.skip(b'+');
    (input.skip(b'}') && input.is_empty()).then_some((octets, literal8))
}
