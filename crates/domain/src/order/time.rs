//! Times of RFC 3339, to the nanosecond.

use std::fmt;
use std::str::FromStr;

use super::{FORM, InvalidOrder};

/// Most digits of a second's fraction.
const FRACTION_DIGITS_MAX: usize = 9;

const NANOSECONDS: u128 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Seconds from the first to the last year that RFC 3339 can write: 0000 to 9999.
const SECONDS: i64 = days_before(10_000, 1, 1) * DAY_SECONDS;

/// A point in time, from the beginning of the year 0 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant {
    seconds: i64,
    nanoseconds: u32,
}

impl Instant {
    pub(super) fn nanoseconds(self) -> u128 {
        u128::from(self.seconds.unsigned_abs()) * NANOSECONDS + u128::from(self.nanoseconds)
    }

    pub(super) fn from_nanoseconds(nanoseconds: u128) -> Option<Self> {
        let seconds = i64::try_from(nanoseconds / NANOSECONDS).ok()?;
        let nanoseconds = u32::try_from(nanoseconds % NANOSECONDS).ok()?;
        (seconds < SECONDS).then_some(Self { seconds, nanoseconds })
    }
}

impl FromStr for Instant {
    type Err = InvalidOrder;

    fn from_str(text: &str) -> Result<Self, InvalidOrder> {
        let mut text = Text(text.as_bytes());
        let year = text.number(4)?;
        text.one_of(b"-")?;
        let month = text.number(2)?;
        text.one_of(b"-")?;
        let day = text.number(2)?;
        text.one_of(b"Tt")?;
        let hour = text.number(2)?;
        text.one_of(b":")?;
        let minute = text.number(2)?;
        text.one_of(b":")?;
        let second = text.number(2)?;
        let nanoseconds = text.fraction()?;
        let offset = text.offset()?;
        if second == 60 {
            return Err(InvalidOrder("a leap second is not supported; write second 59 or 0"));
        }
        let is_date = (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return Err(InvalidOrder("there is no such time"));
        }
        let seconds =
            days_before(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
        let seconds = seconds - offset * 60;
        if !(0..SECONDS).contains(&seconds) {
            return Err(InvalidOrder("the time is, in UTC, before the year 0 or after 9999"));
        }
        Ok(Self { seconds, nanoseconds })
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds / DAY_SECONDS, self.seconds % DAY_SECONDS);
        // No year is longer than 366 days, and hardly one shorter: the guess is at most a few too low.
        let mut year = days / 366;
        while days_before(year + 1, 1, 1) <= days {
            year += (days - days_before(year + 1, 1, 1)) / 366 + 1;
        }
        let mut month = 1;
        while month < 12 && days_before(year, month + 1, 1) <= days {
            month += 1;
        }
        let day = days - days_before(year, month, 1) + 1;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanoseconds > 0 {
            let digits = format!("{:09}", self.nanoseconds);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// What is left of a text.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn one_of(&mut self, bytes: &[u8]) -> Result<u8, InvalidOrder> {
        self.next().filter(|byte| bytes.contains(byte)).ok_or(FORM)
    }

    /// Takes a number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Result<i64, InvalidOrder> {
        (0..digits).try_fold(0, |value, _| Ok(value * 10 + i64::from(self.one_of(DIGITS)? - b'0')))
    }

    /// Takes the fraction of a second, if there is one, in nanoseconds.
    fn fraction(&mut self) -> Result<u32, InvalidOrder> {
        if self.0.first() != Some(&b'.') {
            return Ok(0);
        }
        self.next();
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > FRACTION_DIGITS_MAX {
            return Err(InvalidOrder("a second has a fraction of at most 9 digits"));
        }
        if digits == 0 {
            return Err(FORM);
        }
        let fraction = self.number(digits)? * 10_i64.pow((FRACTION_DIGITS_MAX - digits) as u32);
        u32::try_from(fraction).map_err(|_| FORM)
    }

    /// Takes the offset from UTC, in minutes, which is the last part.
    fn offset(&mut self) -> Result<i64, InvalidOrder> {
        let missing = InvalidOrder("the time has no offset from UTC; write `Z` at its end");
        let sign = match self.next().ok_or(missing)? {
            b'Z' | b'z' => 0,
            b'+' => 1,
            b'-' => -1,
            _ => return Err(FORM),
        };
        let mut offset = 0;
        if sign != 0 {
            let hours = self.number(2)?;
            self.one_of(b":")?;
            let minutes = self.number(2)?;
            if hours > 23 || minutes > 59 {
                return Err(InvalidOrder("there is no such offset from UTC"));
            }
            offset = hours * 60 + minutes;
        }
        if self.0.is_empty() { Ok(sign * offset) } else { Err(FORM) }
    }
}

const DIGITS: &[u8] = b"0123456789";

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + is_leap(year) as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from the beginning of the year 0 to a date of the Gregorian calendar.
const fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // The year 0 is a leap year.
    let mut days = if year == 0 {
        0
    } else {
        let before = year - 1;
        year * 365 + before / 4 - before / 100 + before / 400 + 1
    };
    let mut earlier = 1;
    while earlier < month {
        days += month_days(year, earlier);
        earlier += 1;
    }
    days + day - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        text.parse::<Instant>().unwrap().to_string()
    }

    #[test]
    fn a_time_is_normalised_to_utc_and_its_smallest_text() {
        for (sent, expected) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31t12:00:00.000z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123456789Z"),
            ("2026-01-31T12:00:00.10+01:30", "2026-01-31T10:30:00.1Z"),
            ("2023-12-31T23:30:00-00:30", "2024-01-01T00:00:00Z"),
            ("2024-02-29T00:00:00-00:00", "2024-02-29T00:00:00Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("0000-12-31T23:59:59Z", "0000-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(written(sent), expected, "{sent}");
        }
        assert_eq!(days_before(1970, 1, 1), 719_528);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (text, why) in [
            ("2026-01-31T12:00:60Z", "leap second"),
            ("2026-01-31T12:00:00.1234567890Z", "9 digits"),
            ("2026-01-31T12:00:00", "no offset"),
            ("2026-02-29T12:00:00Z", "no such time"),
            ("1900-02-29T12:00:00Z", "no such time"),
            ("2026-13-01T12:00:00Z", "no such time"),
            ("2026-00-01T12:00:00Z", "no such time"),
            ("2026-01-00T12:00:00Z", "no such time"),
            ("2026-01-31T24:00:00Z", "no such time"),
            ("2026-01-31T12:00:61Z", "no such time"),
            ("2026-01-31T12:00:00+24:00", "no such offset"),
            ("0000-01-01T00:00:00+00:01", "year 0"),
            ("9999-12-31T23:59:59-00:01", "9999"),
            ("2026-01-31", "RFC 3339"),
            ("2026-01-31 12:00:00Z", "RFC 3339"),
            ("2026-01-31T12:00:00.Z", "RFC 3339"),
            ("2026-01-31T12:00:00Zx", "RFC 3339"),
            ("2026-01-31T12:00:00+0100", "RFC 3339"),
            ("+2026-01-31T12:00:00Z", "RFC 3339"),
            ("tomorrow", "RFC 3339"),
        ] {
            let error = text.parse::<Instant>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_read_from_its_text(seconds in 0..SECONDS, nanoseconds in 0..1_000_000_000_u32) {
            let instant = Instant { seconds, nanoseconds };
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
            prop_assert_eq!(Instant::from_nanoseconds(instant.nanoseconds()), Some(instant));
        }
    }
}
