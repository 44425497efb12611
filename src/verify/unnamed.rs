//! What is in the lake and no receipt names, and receipts that are gone.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Finding, Kind};
use crate::domain::Unit;
use crate::domain::receipt::Receipt;
use crate::lake::{Lake, LakeError, LakePath, layout};
use crate::plan::RETENTION;

const REBUILD: &str = "run `timlake rebuild`, which makes its unit again from the kept archives";
const NOT_OURS: &str = "restore its receipt from a backup; only if it is no file of this lake, move it out";

/// Looks through all files of the units that are `inside`, and those of no unit.
pub(super) fn look(lake: &Lake, now: DateTime<Utc>, inside: impl Fn(&Unit) -> bool) -> Result<Vec<Finding>, LakeError> {
    let ledger = Ledger { lake, now };
    let (mut findings, mut orphans) = (Vec::new(), BTreeSet::new());
    for unit in lake.units_with_archives()?.into_iter().filter(|unit| inside(unit)) {
        if let Some(finding) = ledger.lost_receipt(unit)? {
            findings.push(finding);
            orphans.insert(unit);
        }
    }
    for path in lake.data_files()? {
        let unit = layout::unit_of(&path);
        if unit.as_ref().is_some_and(|unit| !inside(unit) || orphans.contains(unit)) {
            continue;
        }
        findings.extend(match unit {
            Some(unit) => ledger.judge(&path, unit)?,
            None => Some(of_no_unit(&path)),
        });
    }
    Ok(findings)
}

/// Readers of the table take what is named so for rows of it.
fn is_counted(path: &LakePath) -> bool {
    path.as_str().starts_with("messages/") && path.as_str().ends_with(".parquet")
}

fn of_no_unit(path: &LakePath) -> Finding {
    if is_counted(path) {
        return finding(path, Kind::Unnamed, "no receipt names it, but readers of the table count its rows", NOT_OURS);
    }
    finding(path, Kind::Extra, "no receipt names it, and it has no name that timlake gives", "it does no harm")
}

fn finding(path: &LakePath, kind: Kind, what: &str, remedy: &'static str) -> Finding {
    Finding { path: path.as_str().to_owned(), kind, what: what.to_owned(), remedy }
}

/// The receipts, as far as they are there.
struct Ledger<'a> {
    lake: &'a Lake,
    now: DateTime<Utc>,
}

impl Ledger<'_> {
    /// The receipt of a unit that was published, where it is gone. A unit that the next run does again is no damage.
    fn lost_receipt(&self, unit: Unit) -> Result<Option<Finding>, LakeError> {
        let path = layout::receipt(unit);
        let was_published = self.lake.provenance(unit)?.is_some() && self.lake.marked(unit)?.is_none();
        if self.lake.has(&path) || !was_published {
            return Ok(None);
        }
        let kind = if self.is_due(unit, None)? { Kind::Extra } else { Kind::Missing };
        Ok(Some(finding(&path, kind, "the unit was published, and its receipt is gone", REBUILD)))
    }

    /// Whether a run has yet to do this unit: its publication was interrupted, or it has no final state, is watched, and
    /// the vendor may still have it.
    fn is_due(&self, unit: Unit, receipt: Option<&Receipt>) -> Result<bool, LakeError> {
        if self.lake.marked(unit)?.is_some() {
            return Ok(true);
        }
        if let Some(receipt) = receipt {
            return Ok(!receipt.state.is_final());
        }
        // Where nobody knows what is watched, nothing is called damage because of it.
        let is_watched = self.lake.manifest(None).ok().flatten().is_none_or(|manifest| {
            let watch = manifest.chat_types.get(&unit.chat_type);
            watch.is_some_and(|watch| unit.hour >= watch.watched_since)
        });
        Ok(is_watched && unit.hour.age(self.now) < RETENTION)
    }

    fn judge(&self, path: &LakePath, unit: Unit) -> Result<Option<Finding>, LakeError> {
        // One that does not read is a finding already; nobody knows what it names.
        let Ok(receipt) = self.lake.receipt(unit) else { return Ok(None) };
        if receipt.as_ref().is_some_and(|receipt| names(receipt, path.as_str())) {
            return Ok(None);
        }
        if self.is_due(unit, receipt.as_ref())? {
            let (what, remedy) = match self.lake.marked(unit)?.is_some() {
                true => ("an interrupted publication of a unit that is still due", "the next run finishes it"),
                false => ("no receipt names it; its unit is still due", "the next run does the unit again"),
            };
            return Ok(Some(finding(path, Kind::Extra, what, remedy)));
        }
        let has_archives = receipt.is_none() && !self.lake.raw_of(unit)?.is_empty();
        Ok(Some(match (is_counted(path), has_archives) {
            (true, archives) => {
                let remedy = if archives { REBUILD } else { NOT_OURS };
                finding(path, Kind::Unnamed, "no receipt names it, but readers of the table count its rows", remedy)
            }
            (false, true) => finding(path, Kind::Extra, "no receipt names it: its unit is not in the table", REBUILD),
            (false, false) => {
                finding(path, Kind::Extra, "no receipt names it", "it does no harm; look at it before you remove it")
            }
        }))
    }
}

/// Whether the receipt names the file.
fn names(receipt: &Receipt, path: &str) -> bool {
    let parquet = receipt.parquet.iter().map(|parquet| &parquet.path);
    let rejects = receipt.rejects_file.iter().map(|rejects| &rejects.path);
    let raw = receipt.raw.iter().map(|raw| &raw.path);
    raw.chain(parquet).chain(rejects).chain(&receipt.quarantine).any(|named| named == path)
}
