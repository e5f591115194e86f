//! Reads dates.
//!
//! ```text
//! date-time = [ day-of-week "," ] day month year hour ":" minute [ ":" second ] zone
//! ```
//! and the obsolete forms of section 4.3 (comments anywhere, years of two or three digits, zones by name), the forms
//! of C's asctime and of RFC 850, and what some mailers leave out (seconds, the zone). The words are told apart by
//! their shape, not their place; whatever has no day, month, year and time is no date.

use envelope::Timestamp;

use super::calendar::month_of;
use super::{Civil, DateTime};

/// A date field of more words than this is no date.
const WORDS_MAX: usize = 32;

/// Longest value that is looked at, in octets: a date with a few comments.
const VALUE_OCTETS_MAX: usize = 512;

/// What has been found so far.
#[derive(Default)]
struct Found {
    day: Option<u8>,
    month: Option<u8>,
    year: Option<u16>,
    time: Option<(u8, u8, u8)>,
    zone: Option<Zone>,
    afternoon: Option<bool>,
}

#[derive(Clone, Copy)]
enum Zone {
    Minutes(i16),
    Unknown,
}

/// Reads the value of a Date field, or any date of mail.
pub fn parse(value: &[u8]) -> Option<DateTime> {
    let value = value.get(..VALUE_OCTETS_MAX.min(value.len()))?;
    let text = without_comments(value);
    let mut found = Found::default();
    for word in text.split([' ', ',', '\t', '\r', '\n']).filter(|word| !word.is_empty()).take(WORDS_MAX) {
        found.word(word)?;
    }
    found.date_time()
}

/// Reads IMAP's `date-time`, `" 1-Jul-2003 10:52:37 +0200"`, its quotes taken off. Stricter than [`parse`]: every
/// part must stand where RFC 3501 has it.
pub fn parse_internal(text: &str) -> Option<DateTime> {
    let bytes = text.as_bytes();
    let shape = b"dd-mmm-dddd dd:dd:dd +dddd";
    let text = if bytes.len() == shape.len() - 1 { format!(" {text}") } else { text.to_owned() };
    let fits = |(at, (byte, wanted)): (usize, (&u8, &u8))| match wanted {
        b'd' => byte.is_ascii_digit() || (at == 0 && *byte == b' '),
        b'm' => byte.is_ascii_alphabetic(),
        b'+' => matches!(byte, b'+' | b'-'),
        wanted => byte == wanted,
    };
    let right = text.len() == shape.len() && text.as_bytes().iter().zip(shape).enumerate().all(fits);
    right.then(|| parse(text.as_bytes()))?
}

/// Comments become blanks, blanks around a colon go, 8-bit octets become `?`.
fn without_comments(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut depth, mut escaped) = (0usize, false);
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if depth > 0 => escaped = true,
            b'(' => {
                depth += 1;
                if !out.ends_with([' ', ':']) {
                    out.push(' ');
                }
            }
            b')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            b':' => {
                out.truncate(out.trim_end().len());
                out.push(':');
            }
            b' ' | b'\t' if out.ends_with(':') => {}
            byte if byte.is_ascii() => out.push(char::from(*byte)),
            _ => out.push('?'),
        }
    }
    out
}

impl Found {
    /// Takes one word. `None` ends the reading: the word belongs to no date.
    fn word(&mut self, word: &str) -> Option<()> {
        let first = *word.as_bytes().first()?;
        if word.contains(':') && first.is_ascii_digit() {
            return self.time(word);
        }
        match first {
            b'+' | b'-' if self.time.is_some() => self.offset(word),
            b'0'..=b'9' if word.contains(['-', '/']) => self.dashed(word),
            b'0'..=b'9' => self.number(word),
            _ if self.zone.is_none() && self.time.is_some() && self.zone_name(word) => Some(()),
            b'A'..=b'Z' | b'a'..=b'z' => {
                self.name(word);
                Some(())
            }
            _ => Some(()),
        }
    }

    /// `1-Jul-2003` (RFC 850, IMAP), `2003-07-01` (ISO 8601).
    fn dashed(&mut self, word: &str) -> Option<()> {
        let mut parts = word.split(['-', '/']);
        let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
        match month_of(b) {
            Some(month) => {
                self.month.get_or_insert(month);
                self.number(a)?;
                self.number(c)
            }
            None if a.len() == 4 => {
                self.number(a)?;
                self.month.get_or_insert(b.parse().ok()?);
                self.number(c.split('T').next()?)
            }
            None => None,
        }
    }

    fn number(&mut self, word: &str) -> Option<()> {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let text = word.get(..digits)?;
        let value: u16 = text.parse().ok()?;
        if digits <= 2 && self.day.is_none() {
            self.day = Some(u8::try_from(value).ok()?);
        } else if self.year.is_none() {
            // RFC 5322 section 4.3: two digits below 50 are of this century, three digits count from 1900.
            self.year = Some(match digits {
                1 | 2 if value < 50 => 2000 + value,
                1..=3 => 1900 + value,
                _ => value,
            });
        }
        // `20Nov1997`
        let rest = word.get(digits..)?;
        if rest.is_empty() { Some(()) } else { self.word(rest.trim_start_matches(['-', '.'])).or(Some(())) }
    }

    fn time(&mut self, word: &str) -> Option<()> {
        let clock_octets = word.bytes().take_while(|b| b.is_ascii_digit() || *b == b':' || *b == b'.').count();
        let (clock, rest) = word.split_at_checked(clock_octets)?;
        let mut parts = clock.split(':').map(|part| part.split('.').next().unwrap_or_default());
        let mut part = || parts.next().map(|text| text.parse::<u8>().ok());
        let (hour, minute) = (part()??, part()??);
        let second = part().flatten().unwrap_or(0);
        self.time.get_or_insert((hour, minute, second));
        if rest.is_empty() { Some(()) } else { self.word(rest).or(Some(())) }
    }

    fn offset(&mut self, word: &str) -> Option<()> {
        let (sign, digits) = word.split_at_checked(1)?;
        let digits: String = digits.chars().filter(char::is_ascii_digit).take(5).collect();
        let (hours, minutes) = match digits.len() {
            4 => (digits.get(..2)?.parse::<i16>().ok()?, digits.get(2..)?.parse::<i16>().ok()?),
            3 => (digits.get(..1)?.parse::<i16>().ok()?, digits.get(1..)?.parse::<i16>().ok()?),
            1 | 2 => (digits.parse::<i16>().ok()?, 0),
            _ => return Some(()),
        };
        let total = hours * 60 + minutes;
        // Beyond a day it is no zone; the moment is kept as UTC rather than thrown away.
        let zone = match sign {
            _ if total > 24 * 60 || minutes > 59 => Zone::Unknown,
            "-" if total == 0 => Zone::Unknown,
            "-" => Zone::Minutes(-total),
            _ => Zone::Minutes(total),
        };
        self.zone.get_or_insert(zone);
        Some(())
    }

    /// `obs-zone`. The military letters are `-0000`, since RFC 822 had them backwards.
    fn zone_name(&mut self, word: &str) -> bool {
        // `EST5EDT` begins with its winter name.
        let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
        let word = match word.as_bytes().get(letters) {
            Some(b'0'..=b'9') => word.get(..letters).unwrap_or_default(),
            _ => word,
        };
        let hours = match word.to_ascii_uppercase().as_str() {
            "AM" | "PM" => return false,
            "GMT" | "UT" | "UTC" | "Z" => 0,
            "EDT" => -4,
            "EST" | "CDT" => -5,
            "CST" | "MDT" => -6,
            "MST" | "PDT" => -7,
            "PST" => -8,
            "BST" | "CET" | "MET" => 1,
            "CEST" | "EET" | "MEST" => 2,
            "EEST" | "MSK" => 3,
            "JST" | "KST" => 9,
            other if other.len() == 1 && other != "J" => {
                self.zone = Some(Zone::Unknown);
                return true;
            }
            // `GMT+0200`, `UTC-5`
            other => {
                let rest = other.strip_prefix("GMT").or(other.strip_prefix("UTC")).unwrap_or_default();
                return rest.starts_with(['+', '-']) && self.offset(rest).is_some();
            }
        };
        self.zone = Some(Zone::Minutes(hours * 60));
        true
    }

    /// A month, a weekday (which says nothing new), or a stray word.
    fn name(&mut self, word: &str) {
        if self.month.is_none() {
            self.month = month_of(word);
        }
        if self.time.is_some() && (word.eq_ignore_ascii_case("pm") || word.eq_ignore_ascii_case("am")) {
            self.afternoon = Some(word.eq_ignore_ascii_case("pm"));
        }
    }

    fn date_time(self) -> Option<DateTime> {
        let (mut hour, minute, second) = self.time?;
        match self.afternoon {
            Some(true) if hour < 12 => hour += 12,
            Some(false) if hour == 12 => hour = 0,
            _ => {}
        }
        let civil = Civil { year: self.year?, month: self.month?, day: self.day?, hour, minute, second };
        if !civil.exists() {
            return None;
        }
        let (offset_minutes, offset_unknown) = match self.zone {
            Some(Zone::Minutes(minutes)) => (minutes, false),
            Some(Zone::Unknown) | None => (0, true),
        };
        let at = Timestamp::from_seconds(civil.seconds() - i64::from(offset_minutes) * 60);
        Some(DateTime { at, offset_minutes, offset_unknown })
    }
}
