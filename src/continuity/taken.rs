//! The gaps that a run could have made or found: a look at no more than what it took.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::numbers::Numbers;
use super::read::{Found, TableFile, read};
use super::{Gap, Sums, gaps};
use crate::domain::receipt::{Receipt, State};
use crate::domain::{ChatType, Hour, Unit};
use crate::lake::{Lake, LakeError};

/// So many hours around an hour that was taken the ones next to it are looked for: beyond a night in which nobody wrote,
/// or some hours that are lost.
const HOURS_AWAY: i64 = 24;

/// The gaps in the Group hours that a run took, and between each of them and the hours next to it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Taken {
    /// Group hours whose tables were read.
    pub units: usize,
    /// Gaps in numbers.
    #[serde(flatten)]
    pub sums: Sums,
    /// The first gap.
    pub first: Option<Gap>,
}

/// Looks at the numbers in the tables of these receipts and of the committed hours next to each of them. Two columns of
/// each are read, and nothing is claimed beyond them, nor where an hour is still due. `None` where it was told to stop.
/// What cannot be read is warned of and left out.
///
/// # Errors
/// Where the receipts around a gap cannot be read.
pub fn look_at_taken(
    lake: &Lake,
    taken: &[Receipt],
    threads: usize,
    stop: &CancellationToken,
) -> Result<Option<Taken>, LakeError> {
    let stretches = stretches(lake, taken)?;
    let Some(found) = read(lake, &stretches, threads, stop, &|_| {}) else { return Ok(None) };
    let readable: Vec<(&Vec<TableFile>, Numbers)> = stretches.iter().zip(found).filter_map(readable).collect();
    let units = readable.iter().map(|(tables, _)| tables.len()).sum();
    if readable.iter().all(|(_, numbers)| numbers.is_whole()) {
        return Ok(Some(Taken { units, ..Taken::default() }));
    }
    let ledger = ledger_of(lake, &readable)?;
    let hours: BTreeSet<Hour> = taken.iter().map(|receipt| receipt.hour).collect();
    let all = readable.iter().flat_map(|(_, numbers)| gaps(numbers, &ledger));
    let mut news: Vec<Gap> = all.filter(|gap| is_news(gap, &hours, &ledger)).collect();
    news.sort_by(|a, b| (&a.group_id, a.first).cmp(&(&b.group_id, b.first)));
    Ok(Some(Taken { units, sums: Sums::of(&news), first: news.into_iter().next() }))
}

/// A gap inside an hour that was in the lake before is no news, and one around an hour that is still due may close.
fn is_news(gap: &Gap, taken: &BTreeSet<Hour>, ledger: &Ledger) -> bool {
    let known_before = gap.from_hour == gap.to_hour && !taken.contains(&gap.from_hour);
    let due = ledger.within(gap.from_hour, gap.to_hour).iter().any(|explanation| explanation.why.is_due());
    !known_before && !due
}

/// The tables that were taken and those next to them, in stretches: between two tables of one there is no other.
fn stretches(lake: &Lake, taken: &[Receipt]) -> Result<Vec<Vec<TableFile>>, LakeError> {
    let of_groups = taken.iter().filter(|receipt| receipt.chat_type == ChatType::Group);
    let mut tables: BTreeMap<Hour, TableFile> =
        of_groups.filter_map(TableFile::of).map(|table| (table.hour, table)).collect();
    let mut neighbours: BTreeSet<(Hour, Hour)> = BTreeSet::new();
    for hour in tables.keys().copied().collect::<Vec<_>>() {
        for way in [-1, 1] {
            if let Some(next) = next_table(lake, hour, way)? {
                neighbours.insert((hour.min(next.hour), hour.max(next.hour)));
                tables.insert(next.hour, next);
            }
        }
    }
    let tables: Vec<TableFile> = tables.into_values().collect();
    let parts = tables.chunk_by(|table, next| neighbours.contains(&(table.hour, next.hour)));
    Ok(parts.map(<[TableFile]>::to_vec).collect())
}

/// The table of the next committed hour, `way` 1 or back, -1; `None` where it is too far away.
fn next_table(lake: &Lake, hour: Hour, way: i64) -> Result<Option<TableFile>, LakeError> {
    for hours in 1..=HOURS_AWAY {
        let unit = Unit { hour: hour.plus(way * hours), chat_type: ChatType::Group };
        if let Some(receipt) = lake.receipt(unit)?.filter(|receipt| receipt.state == State::Committed) {
            return Ok(TableFile::of(&receipt));
        }
    }
    Ok(None)
}

/// A stretch of which everything could be read: of another one nobody knows what is missing.
fn readable((tables, found): (&Vec<TableFile>, Found)) -> Option<(&Vec<TableFile>, Numbers)> {
    for (table, error) in &found.unread {
        tracing::warn!("the groups of {} and around it are not looked at: {error:#}", table.hour);
    }
    found.unread.is_empty().then_some((tables, found.numbers))
}

/// What the receipts from the first to the last hour of the stretches say.
fn ledger_of(lake: &Lake, stretches: &[(&Vec<TableFile>, Numbers)]) -> Result<Ledger, LakeError> {
    let hours = || stretches.iter().flat_map(|(tables, _)| tables.iter().map(|table| table.hour));
    let range = hours().min().zip(hours().max()).map(|(first, last)| (first, last.plus(1)));
    Ok(Ledger::new(&lake.receipts(ChatType::Group, range)?, &BTreeSet::new()))
}

impl Taken {
    /// For people: nothing where there are no gaps.
    pub fn text(&self) -> String {
        let Some(first) = &self.first else { return String::new() };
        format!(
            "group continuity in the hours taken: {}; the first: {first}\n  \
             recalled and deleted messages leave the same gaps as lost ones; `timlake verify --groups` lists them all\n",
            self.sums
        )
    }
}
