//! Replies as a client reads them (RFC 5321 section 4.2), with enhanced codes (RFC 2034), bounded in lines and octets.
//!
//! Tolerant: a code that changes within a reply (the last one counts), text that is no UTF-8, a missing blank behind
//! the code. Refused: what has no three digits in front, and replies without end; of a refusal without end the first
//! line's code stands.

use envelope::{EnhancedStatus, Reply};

use crate::smtp::client::Extensions;
use crate::smtp::limits::{REPLY_LINES_MAX, REPLY_TEXT_OCTETS_MAX};

/// Gathers the lines of one reply.
#[derive(Debug, Default)]
pub struct ReplyReader {
    text: String,
    enhanced: Option<EnhancedStatus>,
    lines: usize,
    /// Of the first line.
    code: u16,
}

impl ReplyReader {
    /// Takes a line without its CRLF; answers the reply when this was its last line.
    ///
    /// `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF`
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, &'static str> {
        let (code, rest) = line.split_at_checked(3).ok_or("a line without a code")?;
        let code = number(code).ok_or("a line without a code")?;
        let more = match rest.first() {
            Some(b'-') => true,
            Some(b' ') | None => false,
            Some(_) => return Err("something else than a blank behind the code"),
        };
        self.lines += 1;
        if self.lines == 1 {
            self.code = code;
        }
        if self.lines > REPLY_LINES_MAX {
            return Err("a reply without end");
        }
        self.add(code, &String::from_utf8_lossy(rest.get(1..).unwrap_or_default()));
        if more {
            return Ok(None);
        }
        let Self { text, enhanced, .. } = std::mem::take(self);
        Ok(Some(Reply { code, enhanced, text }))
    }

    /// What was read of a reply that is too long, under the code of its first line, where that refuses something.
    pub fn refusal_so_far(&mut self) -> Option<Reply> {
        let Self { text, enhanced, code, lines } = std::mem::take(self);
        let is_refusal = lines > REPLY_LINES_MAX && matches!(code / 100, 4 | 5);
        let enhanced = enhanced.filter(|status| u16::from(status.class) == code / 100);
        is_refusal.then_some(Reply { code, enhanced, text })
    }

    fn add(&mut self, code: u16, text: &str) {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let enhanced = first.parse::<EnhancedStatus>().ok().filter(|status| u16::from(status.class) == code / 100);
        let text = if enhanced.is_some() { rest } else { text };
        self.enhanced = self.enhanced.or(enhanced);
        if self.lines > 1 {
            self.push('\n');
        }
        for c in text.chars() {
            self.push(if c.is_control() { ' ' } else { c });
        }
    }

    fn push(&mut self, c: char) {
        if self.text.len() + c.len_utf8() <= REPLY_TEXT_OCTETS_MAX {
            self.text.push(c);
        }
    }
}

/// `Reply-code = %x32-35 %x30-35 %x30-39`; the second digit is taken as it comes.
fn number(digits: &[u8]) -> Option<u16> {
    let [first @ b'2'..=b'5', rest @ ..] = digits else { return None };
    rest.iter()
        .try_fold(u16::from(first - b'0'), |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u16::from(byte - b'0')))
}

/// What an EHLO answer offers, from its text: the first line is the peer's name.
///
/// `ehlo-line = ehlo-keyword *( SP ehlo-param )`
pub fn parse_extensions(text: &str) -> Extensions {
    let mut extensions = Extensions::default();
    for line in text.split('\n').skip(1) {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let Some(keyword) = words.next() else { continue };
        match keyword.to_ascii_uppercase().as_str() {
            "PIPELINING" => extensions.pipelining = true,
            "SIZE" => extensions.size = Some(words.next().and_then(|word| word.parse().ok()).unwrap_or(0)),
            "8BITMIME" => extensions.eight_bit_mime = true,
            "REQUIRETLS" => extensions.require_tls = true,
            "SMTPUTF8" => extensions.smtputf8 = true,
            "CHUNKING" => extensions.chunking = true,
            "BINARYMIME" => extensions.binary_mime = true,
            "DSN" => extensions.dsn = true,
            "STARTTLS" => extensions.starttls = true,
            "ENHANCEDSTATUSCODES" => extensions.enhanced_status_codes = true,
            "AUTH" => extensions.auth.extend(words.map(str::to_ascii_uppercase)),
            "LIMITS" => {
                for (name, value) in words.filter_map(|word| word.split_once('=')) {
                    match name.to_ascii_uppercase().as_str() {
                        "RCPTMAX" => extensions.recipients_max = value.parse().ok(),
                        "MAILMAX" => extensions.mails_max = value.parse().ok(),
                        _ => {}
                    }
                }
            }
            // `AUTH=LOGIN PLAIN`, as servers had it before RFC 2554.
            other => {
                if let Some(first) = other.strip_prefix("AUTH=") {
                    extensions.auth.push(first.to_owned());
                    extensions.auth.extend(words.map(str::to_ascii_uppercase));
                }
            }
        }
    }
    extensions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Option<Reply>, &'static str> {
        let mut reader = ReplyReader::default();
        let mut last = Ok(None);
        for line in lines {
            last = reader.line(line.as_bytes());
        }
        last
    }

    #[test]
    fn replies() {
        assert_eq!(read(&["250 2.1.0 fine"]), Ok(Some(Reply::new(250, (2, 1, 0), "fine"))));
        assert_eq!(read(&["550-5.1.1 no", "550 5.1.1 body"]), Ok(Some(Reply::new(550, (5, 1, 1), "no\nbody"))));
        assert_eq!(read(&["250"]), Ok(Some(Reply::plain(250, ""))));
        assert_eq!(read(&["250 5.1.1 not its class"]), Ok(Some(Reply::plain(250, "5.1.1 not its class"))));
        assert_eq!(read(&["250-a", "550 b"]), Ok(Some(Reply::plain(550, "a\nb"))));
        for bad in ["", "25", "abc", "99 x", "150 x", "650 x", "2 50", "250x"] {
            assert!(read(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn replies_are_bounded() {
        let mut reader = ReplyReader::default();
        let long = format!("250-{}", "x".repeat(4000));
        let outcome = (0..1000).find_map(|_| reader.line(long.as_bytes()).err());
        assert_eq!(outcome, Some("a reply without end"));
        assert!(reader.text.len() <= REPLY_TEXT_OCTETS_MAX);
        assert_eq!(reader.refusal_so_far(), None);
    }

    #[test]
    fn a_refusal_without_end_is_one() {
        let mut reader = ReplyReader::default();
        let outcome = (0..REPLY_LINES_MAX + 1).find_map(|_| reader.line(b"550-5.1.1 nobody here of that name").err());
        assert_eq!(outcome, Some("a reply without end"));
        let reply = reader.refusal_so_far().unwrap();
        assert_eq!((reply.code, reply.enhanced.map(|status| status.detail)), (550, Some(1)));
        assert!(reply.text.starts_with("nobody here") && reply.text.len() <= REPLY_TEXT_OCTETS_MAX);
        // One that is no longer than allowed is none.
        assert_eq!((reader.line(b"550-x"), reader.refusal_so_far()), (Ok(None), None));
    }

    #[test]
    fn extensions() {
        let offered =
            parse_extensions("mx.test greets\nSIZE 1000\npipelining\nAUTH PLAIN login\nLIMITS RCPTMAX=9 X=1\nX-Y");
        assert_eq!((offered.size, offered.pipelining, offered.recipients_max), (Some(1000), true, Some(9)));
        assert_eq!(offered.auth, ["PLAIN", "LOGIN"]);
        assert_eq!(parse_extensions("SIZE\n\nAUTH=LOGIN PLAIN").auth, ["LOGIN", "PLAIN"]);
        assert_eq!(parse_extensions("x\nSIZE").size, Some(0));
    }
}
