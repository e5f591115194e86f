//! Dates of header fields and of IMAP: read in every form that was ever usual, written in the one that is right
//! (RFC 5322 sections 3.3 and 4.3; RFC 3501 `date-time`).

mod calendar;
mod parse;
#[cfg(test)]
mod tests;

use envelope::Timestamp;

pub use calendar::Civil;
pub use parse::{parse, parse_internal};

/// A moment, and the zone it was told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The moment.
    pub at: Timestamp,
    /// Minutes east of UTC, between -24 and 24 hours.
    pub offset_minutes: i16,
    /// `-0000` or a zone that nobody knows: the moment is UTC as far as can be told.
    pub offset_unknown: bool,
}

impl DateTime {
    /// A moment told in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self { at, offset_minutes: 0, offset_unknown: false }
    }

    /// The date and time on the sender's wall, which is what IMAP's SENTON looks at.
    pub fn local(self) -> Civil {
        Civil::of(self.at.seconds().saturating_add(i64::from(self.offset_minutes) * 60))
    }

    /// `Tue, 1 Jul 2003 10:52:37 +0200`
    pub fn to_rfc5322(self) -> String {
        let civil = self.local();
        format!(
            "{}, {} {} {:04} {:02}:{:02}:{:02} {}",
            civil.weekday_name(),
            civil.day,
            civil.month_name(),
            civil.year,
            civil.hour,
            civil.minute,
            civil.second,
            self.zone()
        )
    }

    /// ` 1-Jul-2003 10:52:37 +0200`, without the quotes that IMAP puts around it.
    pub fn to_internal(self) -> String {
        let civil = self.local();
        format!(
            "{:>2}-{}-{:04} {:02}:{:02}:{:02} {}",
            civil.day,
            civil.month_name(),
            civil.year,
            civil.hour,
            civil.minute,
            civil.second,
            if self.offset_unknown { "+0000".to_owned() } else { self.zone() }
        )
    }

    fn zone(self) -> String {
        let minutes = self.offset_minutes.unsigned_abs();
        let sign = if self.offset_minutes < 0 || self.offset_unknown { '-' } else { '+' };
        format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
    }
}
