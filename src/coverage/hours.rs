//! The map of few days: a line a day and chat type, a sign an hour.

use std::fmt::Write;

use chrono::Duration;

use super::sign::Sign;
use super::{Coverage, in_words};
use crate::domain::Hour;
use crate::plan::RETENTION;

/// Writes the map.
pub(super) fn write(map: &Coverage, text: &mut String) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "Hours of the day, Beijing time   0     6     12    18   23");
    for midnight in map.midnights() {
        for (chat_type, receipts) in &map.receipts {
            let signs: String = midnight
                .until(midnight.plus(24))
                .map(|hour| match (map.from..map.to).contains(&hour) {
                    true => Sign::of(receipts.get(&hour)).styled(),
                    false => " ".to_owned(),
                })
                .collect();
            let _ = writeln!(text, "{}  {chat_type:<19}  {signs}  {}", midnight.date(), deletion_of(map, midnight));
        }
    }
    text.push('\n');
}

/// How long the vendor still has the shown hours of a day.
fn deletion_of(map: &Coverage, midnight: Hour) -> String {
    let left = |hour: Hour| RETENTION - hour.age(map.now);
    let (first, last) = (midnight.max(map.from), midnight.plus(23).min(map.to.plus(-1)));
    if left(last) <= Duration::zero() {
        return "past the vendor's 7 days".to_owned();
    }
    let first = if left(first) > Duration::zero() { in_words(left(first)) } else { "0 min".to_owned() };
    format!("deleted in {first} to {}", in_words(left(last)))
}
