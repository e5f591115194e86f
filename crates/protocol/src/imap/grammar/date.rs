//! Days of SEARCH and the date-time of APPEND (RFC 3501 section 9), and the arithmetic of days between them.

use super::Result;
use super::input::{Input, ParseError};
use crate::imap::command::Date;
use envelope::Timestamp;

/// The months' names, January first.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const BAD: ParseError = ParseError::Expected("a date");

/// `date = date-text / DQUOTE date-text DQUOTE`, `date-text = 1*2DIGIT "-" month "-" 4DIGIT`
pub(super) fn date(input: &mut Input<'_>) -> Result<Date> {
    let quoted = input.skip(b'"');
    let day = digits(input, 1, 2)?;
    let date = month_and_year(input, day)?;
    if quoted {
        input.byte(b'"', "a quote")?;
    }
    Ok(date)
}

/// `"-" month "-" 4DIGIT`
fn month_and_year(input: &mut Input<'_>, day: u32) -> Result<Date> {
    input.byte(b'-', "a date")?;
    let month = input.keyword_of_three()?;
    input.byte(b'-', "a date")?;
    let year = digits(input, 4, 4)?;
    let date = Date { year: i32::try_from(year).map_err(|_| BAD)?, month, day: u8::try_from(day).map_err(|_| BAD)? };
    if date.day == 0 || date.day > days_in(date.year, date.month) { Err(BAD) } else { Ok(date) }
}

impl Input<'_> {
    /// A month's name, as its number from 1.
    fn keyword_of_three(&mut self) -> Result<u8> {
        for (number, name) in (1u8..).zip(MONTHS) {
            if self.skip_word(name) {
                return Ok(number);
            }
        }
        Err(BAD)
    }
}

fn digits(input: &mut Input<'_>, min: usize, max: usize) -> Result<u32> {
    let digits = input.take_while(|b| b.is_ascii_digit());
    if !(min..=max).contains(&digits.len()) {
        return Err(BAD);
    }
    Ok(digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}

/// `date-time = DQUOTE date-day-fixed "-" month "-" 4DIGIT SP 2DIGIT ":" 2DIGIT ":" 2DIGIT SP zone DQUOTE`
pub(super) fn date_time(input: &mut Input<'_>) -> Result<Timestamp> {
    input.byte(b'"', "a date-time")?;
    input.skip(b' ');
    let day = digits(input, 1, 2)?;
    let date = month_and_year(input, day)?;
    input.space()?;
    let hour = digits(input, 2, 2)?;
    input.byte(b':', "a time")?;
    let minute = digits(input, 2, 2)?;
    input.byte(b':', "a time")?;
    let second = digits(input, 2, 2)?;
    input.space()?;
    let west = match input.take(1) {
        Some(b"+") => false,
        Some(b"-") => true,
        _ => return Err(ParseError::Expected("a zone")),
    };
    let zone = digits(input, 4, 4)?;
    input.byte(b'"', "a quote")?;
    if hour > 23 || minute > 59 || second > 60 || zone % 100 > 59 || zone > 2359 {
        return Err(BAD);
    }
    let offset = i64::from(zone / 100 * 60 + zone % 100) * if west { -60 } else { 60 };
    let within = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Ok(Timestamp::from_seconds(days_since_epoch(date) * 86_400 + within - offset))
}

impl Date {
    /// The day that a moment falls in, in UTC.
    pub fn of(at: Timestamp) -> Self {
        date_of_days(at.seconds().div_euclid(86_400))
    }
}

fn days_in(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the day, in the proleptic Gregorian calendar.
fn days_since_epoch(date: Date) -> i64 {
    let (year, month, day) = (i64::from(date.year), i64::from(date.month), i64::from(date.day));
    // Years begin in March here, so that the leap day is a year's last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The day that a number of days since 1970-01-01 means.
pub(crate) fn date_of_days(days: i64) -> Date {
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era.saturating_mul(400).saturating_add(year_of_era) + i64::from(month <= 2);
    Date {
        year: i32::try_from(year).unwrap_or(if year < 0 { i32::MIN } else { i32::MAX }),
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
    }
}
