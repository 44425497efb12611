//! The map for programs. Written unit by unit: ten years have 175 000 of them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::Coverage;
use super::deletion::{Unfinished, deleted_at};
use super::totals::Totals;
use crate::domain::receipt::{
    AskedAgain, Conflict, Failure, LostReason, ParquetRecord, RawRecord, Receipt, RejectsRecord, State, rfc3339,
};
use crate::domain::{ChatType, Hour, Unit};

/// The document of `status --json`.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    report_version: u32,
    command: &'static str,
    now: String,
    from: Hour,
    to: Hour,
    next_deletion: Option<NextDeletion>,
    totals: DocumentTotals,
    units: Units<'a>,
}

#[derive(Serialize)]
struct NextDeletion {
    unit: String,
    state: &'static str,
    deleted_at: String,
    seconds_until_deletion: i64,
}

#[derive(Serialize)]
struct DocumentTotals {
    units: usize,
    states: BTreeMap<&'static str, usize>,
    unfinished: usize,
    past_retention: usize,
    #[serde(flatten)]
    sums: Totals,
}

impl<'a> Document<'a> {
    pub(super) fn of(map: &'a Coverage) -> Document<'a> {
        let Unfinished { due, past_retention } = Unfinished::of(map);
        let next_deletion = due.first().map(|(unit, receipt)| NextDeletion {
            unit: unit.to_string(),
            state: state_of(*receipt),
            deleted_at: rfc3339(deleted_at(*unit)),
            seconds_until_deletion: (deleted_at(*unit) - map.now).num_seconds(),
        });
        let mut states: BTreeMap<&str, usize> = BTreeMap::from([("pending", 0)]);
        states.extend(State::ALL.map(|state| (state.as_str(), 0)));
        for (_, receipt) in map.units() {
            *states.entry(state_of(receipt)).or_default() += 1;
        }
        Document {
            report_version: 1,
            command: "status",
            now: rfc3339(map.now),
            from: map.from,
            to: map.to,
            next_deletion,
            totals: DocumentTotals {
                units: states.values().sum(),
                states,
                unfinished: due.len(),
                past_retention,
                sums: Totals::of(map.recorded()),
            },
            units: Units(map),
        }
    }
}

struct Units<'a>(&'a Coverage);

impl Serialize for Units<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.units().map(|(unit, receipt)| DocumentUnit::of(self.0, unit, receipt)))
    }
}

/// A unit; what is behind `recorded` is there only where it has a receipt.
#[derive(Serialize)]
struct DocumentUnit<'a> {
    unit: String,
    chat_type: ChatType,
    hour: Hour,
    state: &'static str,
    reason: Option<LostReason>,
    deleted_at: String,
    seconds_until_deletion: i64,
    #[serde(flatten)]
    recorded: Option<Recorded<'a>>,
}

/// What the receipt says, under the receipt's own keys.
#[derive(Serialize)]
struct Recorded<'a> {
    attempts: u64,
    checked_at: String,
    committed_at: Option<String>,
    reported_at: Option<String>,
    rows: u64,
    duplicates: u64,
    rejects: u64,
    gzip_bytes: u64,
    file_bytes: u64,
    parquet: Option<&'a ParquetRecord>,
    raw: &'a [RawRecord],
    rejects_file: Option<&'a RejectsRecord>,
    quarantine: &'a [String],
    conflict: Option<&'a Conflict>,
    error: Option<&'a Failure>,
    asked_again: Option<&'a AskedAgain>,
}

impl<'a> DocumentUnit<'a> {
    fn of(map: &Coverage, unit: Unit, receipt: Option<&'a Receipt>) -> DocumentUnit<'a> {
        let deleted_at = deleted_at(unit);
        DocumentUnit {
            unit: unit.to_string(),
            chat_type: unit.chat_type,
            hour: unit.hour,
            state: state_of(receipt),
            reason: receipt.and_then(|receipt| receipt.reason),
            deleted_at: rfc3339(deleted_at),
            seconds_until_deletion: (deleted_at - map.now).num_seconds(),
            recorded: receipt.map(Recorded::of),
        }
    }
}

impl<'a> Recorded<'a> {
    fn of(receipt: &'a Receipt) -> Recorded<'a> {
        Recorded {
            attempts: receipt.attempts,
            checked_at: rfc3339(receipt.checked_at),
            committed_at: receipt.committed_at.map(rfc3339),
            reported_at: receipt.reported_at.map(rfc3339),
            rows: receipt.rows,
            duplicates: receipt.duplicates,
            rejects: receipt.rejects,
            gzip_bytes: receipt.archives.iter().map(|archive| archive.gzip_bytes).sum(),
            file_bytes: receipt.archives.iter().map(|archive| archive.file_bytes).sum(),
            parquet: receipt.parquet.as_ref(),
            raw: &receipt.raw,
            rejects_file: receipt.rejects_file.as_ref(),
            quarantine: &receipt.quarantine,
            conflict: receipt.conflict.as_ref(),
            error: receipt.error.as_ref(),
            asked_again: receipt.asked_again.as_ref(),
        }
    }
}

fn state_of(receipt: Option<&Receipt>) -> &'static str {
    receipt.map_or("pending", |receipt| receipt.state.as_str())
}
