//! One hour of Beijing wall-clock time, the vendor's only unit of time.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeZone, Timelike, Utc};
use chrono_tz::Asia::Shanghai;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One hour of Beijing time, written `YYYYMMDDHH` (the vendor's `MsgTime`; "Beijing time only, hour precision" is
/// *documented*, cloud.tencent.com/document/product/269/1650).
///
/// - Years 1992 to 9999: since 1992 Beijing keeps UTC+8 the year round, so every `YYYYMMDDHH` is exactly one hour.
///   Before that summer time made some hours happen twice; the vendor's service is younger than that.
/// - Ordered by time. Parsing and printing are inverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour {
    /// The hour's start, in whole hours since 1970-01-01T00:00Z. Beijing is a whole number of hours from UTC.
    since_epoch: i64,
}

/// First and last year that an [`Hour`] may lie in.
const YEARS: std::ops::RangeInclusive<i32> = 1992..=9999;

/// A text that names no [`Hour`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HourError {
    /// Neither `YYYYMMDDHH` nor RFC 3339.
    #[error(
        "`{0}` is not an hour: write YYYYMMDDHH in Beijing time, such as 2026111921, or an RFC 3339 instant, such as 2026-11-19T21:00:00+08:00"
    )]
    Form(String),
    /// The digits are there but no such hour exists.
    #[error("`{0}` is no hour of the calendar: YYYYMMDDHH needs a real date from {first} to {last} and an hour from 00 to 23", first = YEARS.start(), last = YEARS.end())]
    Calendar(String),
}

impl Hour {
    /// The hour that contains `instant`; `None` outside the years an hour may lie in.
    pub fn containing(instant: DateTime<Utc>) -> Option<Hour> {
        let beijing = instant.with_timezone(&Shanghai);
        YEARS.contains(&beijing.year()).then(|| Hour { since_epoch: instant.timestamp().div_euclid(3600) })
    }

    /// The hour that starts `hours` later (earlier where negative).
    #[must_use]
    pub fn plus(self, hours: i64) -> Hour {
        Hour { since_epoch: self.since_epoch + hours }
    }

    /// The hour's first instant.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.since_epoch * 3600, 0).unwrap_or_default()
    }

    /// The first instant after the hour.
    pub fn end(self) -> DateTime<Utc> {
        self.plus(1).start()
    }

    /// How old the hour is at `now`, counted from its end; negative while it has not ended.
    pub fn age(self, now: DateTime<Utc>) -> Duration {
        now - self.end()
    }

    /// The Beijing date the hour belongs to, printed `2026-11-19`: the `dt` of paths and partitions.
    pub fn date(self) -> NaiveDate {
        self.start().with_timezone(&Shanghai).date_naive()
    }

    /// The hour of the Beijing day, 0 to 23.
    pub fn of_day(self) -> u32 {
        self.start().with_timezone(&Shanghai).hour()
    }

    /// Midnight of the Beijing day the hour belongs to.
    #[must_use]
    pub fn midnight(self) -> Hour {
        self.plus(-i64::from(self.of_day()))
    }

    /// The hours of the half-open range `[self, to)`, oldest first; none where `to` is not later.
    pub fn until(self, to: Hour) -> impl DoubleEndedIterator<Item = Hour> + Clone {
        (self.since_epoch..to.since_epoch).map(|since_epoch| Hour { since_epoch })
    }

    /// `YYYYMMDDHH` alone, as the vendor writes it.
    ///
    /// # Errors
    /// [`HourError`] where the text is not ten digits or names no hour.
    pub fn from_digits(text: &str) -> Result<Hour, HourError> {
        if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(HourError::Form(text.to_owned()));
        }
        let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or_default();
        let (year, month, day, hour) = (number(0..4) as i32, number(4..6), number(6..8), number(8..10));
        if !YEARS.contains(&year) {
            return Err(HourError::Calendar(text.to_owned()));
        }
        NaiveDate::from_ymd_opt(year, month, day)
            .and_then(|date| date.and_hms_opt(hour, 0, 0))
            .and_then(|wall| Shanghai.from_local_datetime(&wall).single())
            .and_then(|start| Hour::containing(start.with_timezone(&Utc)))
            .ok_or_else(|| HourError::Calendar(text.to_owned()))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date();
        write!(f, "{:04}{:02}{:02}{:02}", date.year(), date.month(), date.day(), self.of_day())
    }
}

impl FromStr for Hour {
    type Err = HourError;

    /// `YYYYMMDDHH`, or an RFC 3339 instant, which stands for the hour that contains it.
    fn from_str(text: &str) -> Result<Hour, HourError> {
        match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => {
                Hour::containing(instant.with_timezone(&Utc)).ok_or_else(|| HourError::Calendar(text.to_owned()))
            }
            Err(_) => Hour::from_digits(text),
        }
    }
}

impl Serialize for Hour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hour, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hour::from_digits(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hour(text: &str) -> Hour {
        text.parse().unwrap()
    }

    #[test]
    fn the_vendors_documented_hour_is_13_to_14_utc() {
        let documented = hour("2015120121");
        assert_eq!(documented.start().to_rfc3339(), "2015-12-01T13:00:00+00:00");
        assert_eq!(documented.end().to_rfc3339(), "2015-12-01T14:00:00+00:00");
    }

    #[test]
    fn an_instant_is_turned_into_the_beijing_hour_that_contains_it() {
        assert_eq!(hour("2026-11-19T21:59:59.999+08:00"), hour("2026111921"));
        assert_eq!(hour("2026-11-19T13:00:00Z"), hour("2026111921"));
        assert_eq!(hour("2026-12-31T16:00:00Z"), hour("2027010100"));
    }

    #[test]
    fn the_hour_after_the_last_of_a_year_or_of_a_leap_day_is_the_first_of_the_next_day() {
        assert_eq!(hour("2026123123").plus(1).to_string(), "2027010100");
        assert_eq!(hour("2028022823").plus(1).to_string(), "2028022900");
        assert_eq!(hour("2028022923").plus(1).to_string(), "2028030100");
        assert_eq!(hour("2026022823").plus(1).to_string(), "2026030100");
    }

    #[test]
    fn what_is_no_hour_is_refused() {
        for text in [
            "",
            "20261119",
            "202611192",
            "2026111924",
            "2026023000",
            "2027022900",
            "1991120100",
            "+026111921",
            "２０２６111921",
        ] {
            assert!(text.parse::<Hour>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(seconds in 694_195_200i64..253_402_000_000) {
            let instant = DateTime::from_timestamp(seconds, 0).unwrap();
            let hour = Hour::containing(instant).unwrap();
            prop_assert_eq!(hour.to_string().parse::<Hour>().unwrap(), hour);
            prop_assert!(hour.start() <= instant && instant < hour.end());
            prop_assert!(hour.midnight().until(hour.plus(1)).all(|h| h.date() == hour.date()));
        }
    }
}
