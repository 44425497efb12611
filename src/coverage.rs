//! The map of hours: what is known of each, and how long the vendor still has it.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Duration, Utc};
use console::Style;
use serde_json::{Value, json};

use crate::domain::receipt::{LostReason, Receipt, State, rfc3339};
use crate::domain::{ChatType, Hour, Unit, Watch};
use crate::exit::Exit;
use crate::plan::{RETENTION, Receipts};

/// A sign on the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Committed,
    Empty,
    NotReady,
    Failed,
    Lost,
    NobodysLoss,
    Pending,
}

impl Sign {
    const ALL: [Sign; 7] =
        [Sign::Committed, Sign::Empty, Sign::NotReady, Sign::Failed, Sign::Lost, Sign::NobodysLoss, Sign::Pending];

    fn of(receipt: Option<&Receipt>) -> Sign {
        match receipt.map(|receipt| (receipt.state, receipt.reason)) {
            None => Sign::Pending,
            Some((State::Committed, _)) => Sign::Committed,
            Some((State::Empty, _)) => Sign::Empty,
            Some((State::NotReady, _)) => Sign::NotReady,
            Some((State::Failed, _)) => Sign::Failed,
            Some((State::Lost, Some(LostReason::BeforeFirstRun))) => Sign::NobodysLoss,
            Some((State::Lost, _)) => Sign::Lost,
        }
    }

    fn letter(self) -> char {
        match self {
            Sign::Committed => '#',
            Sign::Empty => 'o',
            Sign::NotReady => '~',
            Sign::Failed => '!',
            Sign::Lost => 'X',
            Sign::NobodysLoss => 'x',
            Sign::Pending => '.',
        }
    }

    fn words(self) -> &'static str {
        match self {
            Sign::Committed => "committed: its messages are in the table",
            Sign::Empty => "empty: the vendor has no messages for it",
            Sign::NotReady => "not ready: the vendor had no file yet; asked again at every run",
            Sign::Failed => "failed: tried again at every run",
            Sign::Lost => "lost: the vendor deleted it before it was archived",
            Sign::NobodysLoss => "lost before the first run: gone before anybody watched",
            Sign::Pending => "pending: never asked for, or too young",
        }
    }

    fn style(self) -> Style {
        match self {
            Sign::Committed => Style::new().green(),
            Sign::Empty => Style::new().cyan(),
            Sign::NotReady => Style::new().yellow(),
            Sign::Failed => Style::new().red(),
            Sign::Lost => Style::new().red().bold(),
            Sign::NobodysLoss | Sign::Pending => Style::new().dim(),
        }
    }
}

/// The map of the hours `[from, to)` of some chat types.
pub struct Coverage {
    now: DateTime<Utc>,
    from: Hour,
    to: Hour,
    receipts: BTreeMap<ChatType, Receipts>,
    watched: BTreeMap<ChatType, Watch>,
}

impl Coverage {
    /// A map of what these receipts say.
    pub fn new(
        now: DateTime<Utc>,
        from: Hour,
        to: Hour,
        receipts: BTreeMap<ChatType, Receipts>,
        watched: BTreeMap<ChatType, Watch>,
    ) -> Coverage {
        Coverage { now, from, to, receipts, watched }
    }

    /// What a monitor is told: a loss that somebody answers for, else a failure.
    pub fn check(&self) -> Exit {
        let shown = || self.units().filter_map(|(_, receipt)| receipt);
        if shown().any(Receipt::is_loss) {
            Exit::Lost
        } else if shown().any(|receipt| receipt.state == State::Failed) {
            Exit::Failed
        } else {
            Exit::Done
        }
    }

    fn units(&self) -> impl Iterator<Item = (Unit, Option<&Receipt>)> {
        let hours = self.from.until(self.to);
        hours.flat_map(move |hour| {
            self.receipts.iter().map(move |(&chat_type, receipts)| (Unit { hour, chat_type }, receipts.get(&hour)))
        })
    }

    /// For people: one line a day and chat type, one sign an hour, then what is counted and what is deleted next.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = writeln!(text, "Hours of the day, Beijing time   0     6     12    18   23");
        let mut midnight = self.from.midnight();
        while midnight < self.to {
            for (chat_type, receipts) in &self.receipts {
                let signs: String = midnight
                    .until(midnight.plus(24))
                    .map(|hour| match (self.from..self.to).contains(&hour) {
                        true => styled(Sign::of(receipts.get(&hour))),
                        false => " ".to_owned(),
                    })
                    .collect();
                let _ = writeln!(text, "{}  {chat_type:<19}  {signs}  {}", midnight.date(), self.deletion_of(midnight));
            }
            midnight = midnight.plus(24);
        }
        text.push('\n');
        self.write_counts(&mut text);
        self.write_next_deletions(&mut text);
        text
    }

    /// How long the vendor still has the shown hours of a day.
    fn deletion_of(&self, midnight: Hour) -> String {
        let left = |hour: Hour| RETENTION - hour.age(self.now);
        let (first, last) = (midnight.max(self.from), midnight.plus(23).min(self.to.plus(-1)));
        if left(last) <= Duration::zero() {
            return "past the vendor's 7 days".to_owned();
        }
        let first = if left(first) > Duration::zero() { words(left(first)) } else { "0 min".to_owned() };
        format!("deleted in {first} to {}", words(left(last)))
    }

    fn write_counts(&self, text: &mut String) {
        let mut counts: BTreeMap<Sign, usize> = BTreeMap::new();
        for (_, receipt) in self.units() {
            *counts.entry(Sign::of(receipt)).or_default() += 1;
        }
        for sign in Sign::ALL {
            if let Some(count) = counts.get(&sign) {
                let _ = writeln!(text, "{} {count:>6}  {}", styled(sign), sign.words());
            }
        }
        let Totals { rows, duplicates, rejects, raw_bytes, .. } = self.totals();
        let _ = writeln!(
            text,
            "\n{rows} messages in the table, {duplicates} exact duplicates dropped, {rejects} rejects kept aside; the vendor's archives had {raw_bytes} bytes"
        );
    }

    /// The unfinished hours that the vendor deletes next.
    fn write_next_deletions(&self, text: &mut String) {
        const SHOWN: usize = 3;
        let expected = |unit: &Unit, receipt: Option<&Receipt>| match receipt {
            Some(receipt) => !receipt.state.is_final(),
            // What was never asked for and is not watched, nobody waits for.
            None if self.watched.is_empty() => true,
            None => self.watched.get(&unit.chat_type).is_some_and(|watch| unit.hour >= watch.watched_since),
        };
        let unfinished =
            self.units().filter(|(unit, receipt)| expected(unit, *receipt) && unit.hour.age(self.now) < RETENTION);
        for (unit, receipt) in unfinished.filter(|(unit, _)| unit.hour.end() <= self.now).take(SHOWN) {
            let left = words(RETENTION - unit.hour.age(self.now));
            let state = receipt.map_or("pending", |receipt| receipt.state.as_str());
            let _ = writeln!(text, "{unit} is {state}; the vendor deletes it in {left}");
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for receipt in self.units().filter_map(|(_, receipt)| receipt) {
            totals.rows += receipt.rows;
            totals.duplicates += receipt.duplicates;
            totals.rejects += receipt.rejects;
            totals.raw_bytes += receipt.archives.iter().map(|archive| archive.gzip_bytes).sum::<u64>();
            totals.quarantined += receipt.quarantine.len() as u64;
            totals.conflicts += u64::from(receipt.conflict.is_some());
        }
        totals
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let Totals { rows, duplicates, rejects, raw_bytes, quarantined, conflicts } = self.totals();
        let mut states: BTreeMap<&str, usize> = BTreeMap::from([("pending", 0)]);
        states.extend(State::ALL.map(|state| (state.as_str(), 0)));
        for (_, receipt) in self.units() {
            *states.entry(receipt.map_or("pending", |receipt| receipt.state.as_str())).or_default() += 1;
        }
        json!({
            "report_version": 1,
            "command": "status",
            "now": rfc3339(self.now),
            "from": self.from,
            "to": self.to,
            "units": self.units().map(|(unit, receipt)| self.unit_json(unit, receipt)).collect::<Vec<_>>(),
            "totals": {
                "states": states,
                "rows": rows,
                "duplicates": duplicates,
                "rejects": rejects,
                "gzip_bytes": raw_bytes,
                "quarantined": quarantined,
                "conflicts": conflicts,
            },
        })
    }

    fn unit_json(&self, unit: Unit, receipt: Option<&Receipt>) -> Value {
        let deleted_at = unit.hour.end() + RETENTION;
        let mut value = json!({
            "unit": unit.to_string(),
            "chat_type": unit.chat_type,
            "hour": unit.hour,
            "state": receipt.map_or("pending", |receipt| receipt.state.as_str()),
            "reason": receipt.and_then(|receipt| receipt.reason),
            "deleted_at": rfc3339(deleted_at),
            "seconds_until_deletion": (deleted_at - self.now).num_seconds(),
        });
        if let (Some(receipt), Some(object)) = (receipt, value.as_object_mut()) {
            object.extend([
                ("attempts".to_owned(), json!(receipt.attempts)),
                ("checked_at".to_owned(), json!(rfc3339(receipt.checked_at))),
                ("rows".to_owned(), json!(receipt.rows)),
                ("duplicates".to_owned(), json!(receipt.duplicates)),
                ("rejects".to_owned(), json!(receipt.rejects)),
                ("quarantine".to_owned(), json!(receipt.quarantine)),
                ("conflict".to_owned(), json!(receipt.conflict)),
                ("reported_at".to_owned(), json!(receipt.reported_at.map(rfc3339))),
                ("error".to_owned(), json!(receipt.error)),
            ]);
        }
        value
    }
}

#[derive(Default)]
struct Totals {
    rows: u64,
    duplicates: u64,
    rejects: u64,
    raw_bytes: u64,
    quarantined: u64,
    conflicts: u64,
}

fn styled(sign: Sign) -> String {
    sign.style().apply_to(sign.letter()).to_string()
}

/// A length of time in its two largest units.
fn words(length: Duration) -> String {
    let (days, hours, minutes) = (length.num_days(), length.num_hours() % 24, length.num_minutes() % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
