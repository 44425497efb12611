//! The map of a long time: a line a month and chat type, a sign a day. Years fit a screen.

use std::fmt::Write;

use chrono::Datelike;

use super::Coverage;
use super::sign::Sign;
use crate::domain::{ChatType, Hour};
use crate::plan::Receipts;

/// Writes the map. Months of which nothing is recorded, and which nobody watches, share a line: a range may begin long
/// before the lake does.
pub(super) fn write(map: &Coverage, text: &mut String) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "Days, Beijing   1   5    10   15   20   25   30");
    let midnights = map.midnights();
    let months: Vec<&[Hour]> = midnights.chunk_by(|one, other| month(*one) == month(*other)).collect();
    for months in months.chunk_by(|one, other| is_unknown(map, one) && is_unknown(map, other)) {
        let (Some(first), Some(last)) = (months.first(), months.last()) else { continue };
        if is_unknown(map, first) {
            let last = if months.len() > 1 { format!(" to {}", month(last[0])) } else { String::new() };
            let _ = writeln!(text, "{}{last}  nothing is recorded, and nobody watches", month(first[0]));
        } else {
            write_month(map, first, text);
        }
    }
    let worst_first: Vec<String> = Sign::WORST_FIRST.into_iter().map(Sign::styled).collect();
    let _ = writeln!(text, "A day has the worst sign of its shown hours; worst first: {}", worst_first.join(" "));
    let _ = writeln!(text, "{}  {}\n", Sign::Partly.styled(), Sign::Partly.words());
}

/// Prints `2026-11`.
fn month(midnight: Hour) -> String {
    midnight.date().format("%Y-%m").to_string()
}

fn is_unknown(map: &Coverage, days: &[Hour]) -> bool {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return true };
    let end = last.plus(24).min(map.to);
    let nothing = |(chat_type, receipts): (&ChatType, &Receipts)| {
        let is_watched = map.watched.get(chat_type).is_some_and(|watch| watch.watched_since < end);
        !is_watched && receipts.range(*first..end).next().is_none()
    };
    map.receipts.iter().all(nothing)
}

fn write_month(map: &Coverage, days: &[Hour], text: &mut String) {
    let Some(first) = days.first() else { return };
    let before = " ".repeat(first.date().day0() as usize);
    for (chat_type, receipts) in &map.receipts {
        let signs: String = days.iter().map(|midnight| of_day(map, *midnight, receipts).styled()).collect();
        let _ = writeln!(text, "{}  {chat_type:<5}  {before}{signs}", month(*first));
    }
}

fn of_day(map: &Coverage, midnight: Hour, receipts: &Receipts) -> Sign {
    let (from, to) = (midnight.max(map.from), midnight.plus(24).min(map.to));
    Sign::of_day(receipts.range(from..to).map(|(_, receipt)| receipt), from.until(to).count())
}
