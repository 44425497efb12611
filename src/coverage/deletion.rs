//! What is unfinished, and when the vendor deletes it.

use std::fmt::Write;

use chrono::{DateTime, Duration, Utc};

use super::{Coverage, in_words};
use crate::attention::units;
use crate::domain::receipt::Receipt;
use crate::domain::{Hour, Unit};
use crate::plan::RETENTION;

/// So many of the units that are deleted next are named.
const NAMED: usize = 3;

/// When the vendor deletes a unit's archive.
pub(super) fn deleted_at(unit: Unit) -> DateTime<Utc> {
    unit.hour.end() + RETENTION
}

/// The unfinished units among those shown that have ended and that somebody waits for.
pub(super) struct Unfinished<'a> {
    /// The vendor still has them, the one that is deleted first in front.
    pub(super) due: Vec<(Unit, Option<&'a Receipt>)>,
    /// The vendor has deleted them, and no run has recorded that yet.
    pub(super) past_retention: usize,
}

impl<'a> Unfinished<'a> {
    pub(super) fn of(map: &'a Coverage) -> Unfinished<'a> {
        let mut unfinished = Unfinished { due: Vec::new(), past_retention: 0 };
        for (unit, receipt) in map.units().filter(|(_, receipt)| receipt.is_none_or(|known| !known.state.is_final())) {
            let age = unit.hour.age(map.now);
            let is_watched = map.watched.get(&unit.chat_type).is_some_and(|watch| unit.hour >= watch.watched_since);
            let is_known = receipt.is_some() || is_watched;
            // What was never asked for and is not watched, nobody waits for; unless nothing is watched yet.
            if (Duration::zero()..RETENTION).contains(&age) && (is_known || map.watched.is_empty()) {
                unfinished.due.push((unit, receipt));
            } else if age >= RETENTION && is_known {
                unfinished.past_retention += 1;
            }
        }
        unfinished
    }

    /// For people.
    pub(super) fn write(&self, now: DateTime<Utc>, text: &mut String) {
        // Writing into a string cannot fail.
        if self.past_retention > 0 {
            let _ = writeln!(
                text,
                "unfinished and past the vendor's 7 days: {}; the next `timlake sync` records them as lost",
                units(self.past_retention)
            );
        }
        if !self.due.is_empty() {
            let _ = writeln!(text, "unfinished while the vendor has them: {}; deleted next:", units(self.due.len()));
        }
        for (unit, receipt) in self.due.iter().take(NAMED) {
            let state = receipt.map_or("pending", |receipt| receipt.state.as_str());
            let at = deleted_at(*unit);
            let left = in_words(at - now);
            let _ = writeln!(text, "  {unit}  {state}, deleted in {left}{}", beijing(at));
        }
    }
}

/// A whole hour by the clock in Beijing.
fn beijing(instant: DateTime<Utc>) -> String {
    let Some(hour) = Hour::containing(instant) else { return String::new() };
    format!(", on {} at {:02}:00 Beijing time", hour.date(), hour.of_day())
}
