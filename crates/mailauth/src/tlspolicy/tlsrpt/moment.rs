//! A moment as reports have it: RFC 3339, in UTC to the second when we write it.

use std::fmt;

use envelope::Timestamp;
use message::date::Civil;

/// A moment that is written as `2026-11-23T00:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(pub Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Civil::of(self.0.seconds());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second
        )
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        parse(&text).ok_or_else(|| format!("{:?} is no date and time", text.chars().take(40).collect::<String>()))
    }
}

/// RFC 3339 section 5.6; a blank for the `T`, small letters and a missing zone (then UTC) pass, fractions are dropped.
fn parse(text: &str) -> Option<Moment> {
    let (date, rest) = text.trim().split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone_at)?;
    let time = time.split('.').next()?;
    let mut time = time.splitn(3, ':');
    let (hour, minute, second) = (number(time.next()?, 2)?, number(time.next()?, 2)?, number(time.next()?, 2)?);
    let small = |number: u16| u8::try_from(number).ok();
    let civil = Civil {
        year,
        month: small(month)?,
        day: small(day)?,
        hour: small(hour)?,
        minute: small(minute)?,
        second: small(second)?,
    };
    let offset = offset_seconds(zone)?;
    civil.exists().then(|| Moment(Timestamp::from_seconds(civil.seconds() - offset)))
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = i64::from(number(hours, 2)?) * 3600 + i64::from(number(minutes, 2)?) * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

fn number(text: &str, digits: usize) -> Option<u16> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (text, written) in [
            ("2016-04-01T00:00:00Z", "2016-04-01T00:00:00Z"),
            ("2016-04-01t23:59:59.999z", "2016-04-01T23:59:59Z"),
            ("2016-04-01 02:00:00+02:00", "2016-04-01T00:00:00Z"),
            ("2016-04-01T00:00:00-00:30", "2016-04-01T00:30:00Z"),
            ("2016-02-29T00:00:00", "2016-02-29T00:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), written, "{text}");
        }
        for text in
            ["", "2016-04-01", "2015-02-29T00:00:00Z", "2016-4-1T00:00:00Z", "2016-04-01T25:00:00Z", "x T y", "T"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
