//! The map of hours: what is known of each, and how long the vendor still has it.

mod days;
mod deletion;
mod document;
mod hours;
mod sign;
mod totals;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use crate::attention::Attention;
use crate::domain::receipt::{Receipt, State};
use crate::domain::{ChatType, Hour, Unit, Watch};
use crate::exit::Exit;
use crate::plan::Receipts;

use deletion::Unfinished;
use document::Document;
use sign::Sign;
use totals::Totals;

/// Up to so many hours, ten days, have a sign each; of a longer time, each day has one.
const FEW_HOURS: usize = 240;

/// The map of the hours `[from, to)` of some chat types.
pub struct Coverage {
    /// When it is looked at.
    pub now: DateTime<Utc>,
    /// The first hour shown.
    pub from: Hour,
    /// The hour after the last one shown.
    pub to: Hour,
    /// The lake's folder.
    pub lake: PathBuf,
    /// The receipts of each chat type shown, of these hours and no others.
    pub receipts: BTreeMap<ChatType, Receipts>,
    /// Since when each chat type is watched.
    pub watched: BTreeMap<ChatType, Watch>,
}

impl Coverage {
    /// What a monitor is told: a loss that somebody answers for, else a failure.
    pub fn check(&self) -> Exit {
        if self.recorded().any(Receipt::is_loss) {
            Exit::Lost
        } else if self.recorded().any(|receipt| receipt.state == State::Failed) {
            Exit::Failed
        } else {
            Exit::Done
        }
    }

    /// For people: the map, what its signs count, sums, what is deleted next, and what a person may have to look at.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.from.until(self.to).count() <= FEW_HOURS {
            hours::write(self, &mut text);
        } else {
            days::write(self, &mut text);
        }
        self.write_counts(&mut text);
        Totals::of(self.recorded()).write(&mut text);
        Unfinished::of(self).write(self.now, &mut text);
        self.write_attention(&mut text);
        text
    }

    /// For programs: one JSON document.
    pub fn json(&self) -> impl Serialize {
        Document::of(self)
    }

    fn write_counts(&self, text: &mut String) {
        let mut counts: BTreeMap<Sign, usize> = BTreeMap::new();
        for (_, receipt) in self.units() {
            *counts.entry(Sign::of(receipt)).or_default() += 1;
        }
        // Writing into a string cannot fail.
        let _ = writeln!(text, "Units, each an hour of one chat type:");
        for sign in Sign::OF_UNITS {
            if let Some(count) = counts.get(&sign) {
                let _ = writeln!(text, "{} {count:>6}  {}", sign.styled(), sign.words());
            }
        }
        text.push('\n');
    }

    fn write_attention(&self, text: &mut String) {
        let mut receipts: Vec<&Receipt> = self.recorded().collect();
        receipts.sort_by_key(|receipt| receipt.unit());
        let attention = Attention { lake: &self.lake, all: "--json lists them" };
        attention.losses(text, &receipts);
        attention.failures(text, &receipts);
        attention.conflicts(text, &receipts);
        attention.quarantined(text, &receipts);
        attention.rejects(text, &receipts);
    }

    /// All units shown, oldest first.
    fn units(&self) -> impl Iterator<Item = (Unit, Option<&Receipt>)> {
        let hours = self.from.until(self.to);
        hours.flat_map(move |hour| {
            self.receipts.iter().map(move |(&chat_type, receipts)| (Unit { hour, chat_type }, receipts.get(&hour)))
        })
    }

    /// What is recorded of the units shown.
    fn recorded(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts.values().flat_map(BTreeMap::values)
    }

    /// The beginnings of the days that are shown, whole or in part.
    fn midnights(&self) -> Vec<Hour> {
        let midnights = self.from.midnight().until(self.to).step_by(24);
        midnights.filter(|_| self.from < self.to).collect()
    }
}

/// A length of time in its two largest units.
fn in_words(length: Duration) -> String {
    let (days, hours, minutes) = (length.num_days(), length.num_hours() % 24, length.num_minutes() % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
