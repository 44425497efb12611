//! From when to when an hour's file is to be had.

use chrono::{DateTime, Duration, Utc};

use super::corpus::Edition;
use super::dice::Dice;
use super::faults::Fault;
use super::refusal::{EXPIRED, NOT_READY, Refusal};
use super::weather::Weather;
use crate::domain::Unit;

/// The vendor deletes a file after seven days (*documented*, cloud.tencent.com/document/product/269/1650); that they
/// count from the hour's end is *assumed*.
const KEPT: Duration = Duration::days(7);

/// Files are done within an hour of the hour's end as a rule (*documented*); this spread is *assumed*.
const READY_AFTER_SECONDS: (u64, u64) = (5 * 60, 50 * 60);

/// With heavy traffic it takes longer (*documented*); how much is *assumed*.
const LATE_AFTER_SECONDS: (u64, u64) = (2 * 3600, 10 * 3600);

/// When an hour that grows is complete. *Assumed*; no source says that the vendor ever writes a file again.
const GROWN_AFTER: Duration = Duration::hours(12);

/// Which edition of the file of a unit with messages is there at `now`.
pub(super) fn edition_at(now: DateTime<Utc>, unit: Unit, seed: u64, weather: &Weather) -> Result<Edition, Refusal> {
    let age = unit.hour.age(now);
    if age < ready_after(unit, seed, weather) {
        Err(NOT_READY)
    } else if age >= KEPT {
        Err(EXPIRED)
    } else if age < GROWN_AFTER && weather.strikes_hour(Fault::Grow, unit) {
        Ok(Edition::First)
    } else {
        Ok(Edition::Final)
    }
}

/// The age, always the same for a unit, at which its file is there.
fn ready_after(unit: Unit, seed: u64, weather: &Weather) -> Duration {
    let late = weather.strikes_hour(Fault::Late, unit);
    let (from, to) = if late { LATE_AFTER_SECONDS } else { READY_AFTER_SECONDS };
    let hour = unit.hour.start().timestamp() as u64;
    let seconds = Dice::keyed(&[seed, u64::from_be_bytes(*b"calendar"), unit.chat_type as u64, hour]).between(from, to);
    Duration::seconds(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ChatType;

    fn unit() -> Unit {
        Unit { hour: "2026111921".parse().unwrap(), chat_type: ChatType::C2c }
    }

    fn at(age: Duration, faults: &str) -> Result<Edition, Refusal> {
        edition_at(unit().hour.end() + age, unit(), 1, &Weather::new(1, &faults.parse().unwrap()))
    }

    #[test]
    fn a_file_is_there_from_within_the_first_hour_until_the_seventh_day() {
        assert_eq!(at(Duration::hours(-30), ""), Err(NOT_READY));
        assert_eq!(at(Duration::seconds(299), ""), Err(NOT_READY));
        assert_eq!(at(Duration::minutes(50), ""), Ok(Edition::Final));
        assert_eq!(at(Duration::days(7) - Duration::seconds(1), ""), Ok(Edition::Final));
        assert_eq!(at(Duration::days(7), ""), Err(EXPIRED));
    }

    #[test]
    fn hours_are_ready_at_different_ages() {
        let weather = Weather::new(1, &"".parse().unwrap());
        let ages: std::collections::HashSet<Duration> =
            (0..24).map(|n| ready_after(Unit { hour: unit().hour.plus(n), ..unit() }, 1, &weather)).collect();
        assert!(ages.len() > 20);
    }

    #[test]
    fn a_late_hour_takes_hours_and_is_there_in_the_end() {
        assert_eq!(at(Duration::minutes(119), "late:1"), Err(NOT_READY));
        assert_eq!(at(Duration::hours(10), "late:1"), Ok(Edition::Final));
    }

    #[test]
    fn a_growing_hour_has_two_editions() {
        assert_eq!(at(Duration::hours(2), "grow:1"), Ok(Edition::First));
        assert_eq!(at(Duration::hours(12), "grow:1"), Ok(Edition::Final));
    }
}
