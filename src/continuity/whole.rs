//! All gaps of the lake, or of a range of hours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::read::{Found, TableFile, read};
use super::{Gap, Sums, gaps};
use crate::domain::receipt::Receipt;
use crate::domain::{ChatType, Hour, Unit};
use crate::lake::{Lake, LakeError};

/// What was read of the groups, and what is missing in them.
#[derive(Debug, Default, Serialize)]
pub struct Whole {
    /// Group hours whose tables were read.
    pub units: usize,
    /// Group hours whose tables could not be read or are damaged.
    pub unread: Vec<Hour>,
    /// Groups in them.
    pub groups: usize,
    /// Messages without a group or a `MsgSeq` from 1 on.
    pub unnumbered: u64,
    /// Gaps in numbers.
    #[serde(flatten)]
    pub sums: Sums,
    /// The gaps, by group and `MsgSeq`.
    pub gaps: Vec<Gap>,
}

/// Looks at the numbers of all groups in the hours `[from, to)`, or in all hours. Tables at `damaged` paths are not read.
/// Takes no lock; `None` where it was told to stop.
///
/// # Errors
/// Where the lake cannot be listed. A receipt or a table that does not read is an hour of which nothing is known.
pub fn look_at_all(
    lake: &Lake,
    range: Option<(Hour, Hour)>,
    damaged: &BTreeSet<&str>,
    threads: usize,
    stop: &CancellationToken,
    tick: &(impl Fn(usize) + Sync),
) -> Result<Option<Whole>, LakeError> {
    let (receipts, mut unread) = receipts(lake, range)?;
    let tables = receipts.values().filter_map(TableFile::of);
    let (unsound, tables): (Vec<_>, Vec<_>) = tables.partition(|table| damaged.contains(table.path.as_str()));
    unread.extend(unsound.iter().map(|table| table.hour));
    let read = read(lake, &[tables], threads, stop, tick);
    Ok(read.and_then(|mut found| found.pop()).map(|found| whole(found, &receipts, unread)))
}

fn whole(found: Found, receipts: &BTreeMap<Hour, Receipt>, mut unread: BTreeSet<Hour>) -> Whole {
    for (table, error) in &found.unread {
        tracing::warn!("the groups of {} are not looked at: {error:#}", table.hour);
        unread.insert(table.hour);
    }
    let gaps = gaps(&found.numbers, &Ledger::new(receipts, &unread));
    Whole {
        units: receipts.values().filter(|receipt| receipt.parquet.is_some() && !unread.contains(&receipt.hour)).count(),
        groups: found.numbers.groups(),
        unnumbered: found.numbers.unnumbered(),
        sums: Sums::of(&gaps),
        gaps,
        unread: unread.into_iter().collect(),
    }
}

/// The Group receipts in the range, and the hours whose receipt does not read.
fn receipts(lake: &Lake, range: Option<(Hour, Hour)>) -> Result<(BTreeMap<Hour, Receipt>, BTreeSet<Hour>), LakeError> {
    let (mut receipts, mut unread) = (BTreeMap::new(), BTreeSet::new());
    let inside = |unit: &Unit| range.is_none_or(|(from, to)| (from..to).contains(&unit.hour));
    let units = lake.units_with_receipts()?.into_iter().filter(|unit| unit.chat_type == ChatType::Group);
    for unit in units.filter(inside) {
        match lake.receipt(unit) {
            Ok(receipt) => receipts.extend(receipt.map(|receipt| (unit.hour, receipt))),
            Err(_) => drop(unread.insert(unit.hour)),
        }
    }
    Ok((receipts, unread))
}

impl Whole {
    /// For people.
    pub fn text(&self) -> String {
        const SHOWN: usize = 20;
        let mut text = String::new();
        let Whole { units, groups, unread, unnumbered, sums, gaps } = self;
        // Writing into a string cannot fail.
        let _ = writeln!(text, "Group continuity, by MsgSeq");
        if *units == 0 {
            let _ = writeln!(text, "  no Group hour with messages was read: nothing can be said");
            return text;
        }
        let _ =
            writeln!(text, "  looked at: {units} Group hours, {groups} groups; not readable: {} hours", unread.len());
        if *unnumbered > 0 {
            let _ = writeln!(text, "  messages without a group or a MsgSeq, which are left out: {unnumbered}");
        }
        if gaps.is_empty() {
            let _ = writeln!(text, "  no gaps");
            return text;
        }
        let _ = writeln!(text, "  {sums}; with nothing amiss in their hours: {}", sums.unexplained);
        for gap in gaps.iter().take(SHOWN) {
            let _ = writeln!(text, "    {gap}");
        }
        if gaps.len() > SHOWN {
            let _ = writeln!(text, "    … and {} more: --json lists them all", gaps.len() - SHOWN);
        }
        let _ = writeln!(
            text,
            "  Recalled, deleted and never stored messages leave the same gaps as lost ones and cannot be told from them,\n  \
             so gaps are no damage and do not change the exit code. Nothing is claimed before the first MsgSeq seen of a group."
        );
        text
    }
}
