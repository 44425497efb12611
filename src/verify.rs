//! Proof that the lake holds what its receipts say: everything they name is read again.

mod unit;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::domain::receipt::Receipt;
use crate::domain::{Hour, Unit};
use crate::lake::{Lake, LakeError, LakePath, layout};

use unit::Checked;

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A receipt names it, and it is not there.
    Missing,
    /// It is not what its receipt says, or does not read.
    Damaged,
    /// No receipt names it, and readers of the table count it.
    Unnamed,
    /// No receipt names it, and it does no harm.
    Extra,
}

impl Kind {
    /// Whether the lake does not hold what it should.
    pub fn is_damage(self) -> bool {
        match self {
            Kind::Missing | Kind::Damaged | Kind::Unnamed => true,
            Kind::Extra => false,
        }
    }
}

/// One file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Relative to the lake.
    pub path: String,
    /// What it means.
    pub kind: Kind,
    /// In words.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What was read, and what was found.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Receipts read.
    pub receipts: u64,
    /// Units whose rows, duplicates and rejects were held against kept archives.
    pub provable: u64,
    /// Units with rows whose archives are not kept: their numbers are recorded and no more.
    pub recorded: u64,
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Rows decoded.
    pub rows: u64,
    /// What is wrong, by path.
    pub findings: Vec<Finding>,
}

/// How thorough, and for which hours.
pub struct Scope {
    /// Only hours in `[from, to)`.
    pub range: Option<(Hour, Hour)>,
    /// Build every message again from its row and hold it against the archive.
    pub deep: bool,
    /// Threads.
    pub threads: usize,
}

/// Reads everything that the receipts name. Takes no lock: a unit that changes meanwhile is read again.
///
/// # Errors
/// Where the lake cannot be listed. What cannot be read is a finding.
pub fn verify(
    lake: &Lake,
    scope: &Scope,
    stop: &CancellationToken,
    tick: &(impl Fn(usize) + Sync),
) -> Result<Verified, LakeError> {
    let inside = |unit: &Unit| scope.range.is_none_or(|(from, to)| (from..to).contains(&unit.hour));
    let units: Vec<Unit> = lake.units_with_receipts()?.into_iter().filter(inside).collect();
    let verified = Mutex::new(Verified::default());
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..scope.threads.min(units.len()) {
            threads.spawn(|| {
                while let Some(&unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.is_cancelled() {
                        return;
                    }
                    let checked = steady(lake, unit, scope.deep);
                    verified.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(checked);
                    tick(units.len());
                }
            });
        }
    });
    let mut verified = verified.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    verified.findings.extend(not_named(lake, inside)?);
    verified.findings.sort();
    Ok(verified)
}

/// Checks a unit. Where something is wrong its receipt is read again: if it has changed, a run was at it meanwhile, and
/// the unit is checked anew.
fn steady(lake: &Lake, unit: Unit, deep: bool) -> Checked {
    const TIMES: usize = 5;
    let mut receipt = lake.receipt(unit);
    for _ in 0..TIMES {
        let checked = match &receipt {
            Ok(Some(receipt)) => unit::check(lake, receipt, deep),
            // Gone since it was listed: a run does not do that, but it is no receipt any more.
            Ok(None) => return Checked::default(),
            Err(error) => Checked::unreadable_receipt(unit, error),
        };
        if checked.findings.is_empty() {
            return checked;
        }
        let again = lake.receipt(unit);
        let changed = match (&receipt, &again) {
            (Ok(before), Ok(after)) => before != after,
            (Err(_), Err(_)) => false,
            _ => true,
        };
        if !changed {
            return checked;
        }
        receipt = again;
    }
    Checked::default()
}

/// The files of the lake that no receipt names.
fn not_named(lake: &Lake, inside: impl Fn(&Unit) -> bool) -> Result<Vec<Finding>, LakeError> {
    let mut findings = Vec::new();
    for path in lake.data_files()? {
        let unit = layout::unit_of(&path);
        if unit.as_ref().is_some_and(|unit| !inside(unit)) {
            continue;
        }
        let receipt = unit.and_then(|unit| lake.receipt(unit).ok().flatten());
        if receipt.as_ref().is_some_and(|receipt| named_by(receipt).contains(path.as_str())) {
            continue;
        }
        findings.extend(judge_unnamed(lake, &path, unit, receipt.as_ref())?);
    }
    Ok(findings)
}

fn judge_unnamed(
    lake: &Lake,
    path: &LakePath,
    unit: Option<Unit>,
    receipt: Option<&Receipt>,
) -> Result<Option<Finding>, LakeError> {
    let finding = |kind, what: &str, remedy| {
        Some(Finding { path: path.as_str().to_owned(), kind, what: what.to_owned(), remedy })
    };
    let unreadable = unit.is_some_and(|unit| lake.receipt(unit).is_err());
    let due = match unit {
        None => false,
        Some(unit) => receipt.is_none_or(|receipt| !receipt.state.is_final()) || lake.marked(unit)?.is_some(),
    };
    Ok(match (path.as_str().starts_with("messages/"), due) {
        // Its receipt is a finding already; nobody knows what it names.
        _ if unreadable => None,
        (true, false) => finding(
            Kind::Unnamed,
            "no receipt names it, but readers of the table count its rows",
            "look where it comes from, and move it out of the lake",
        ),
        (_, true) => {
            finding(Kind::Extra, "an interrupted publication of a unit that is still due", "the next run finishes it")
        }
        (false, false) => finding(Kind::Extra, "no receipt names it", "it does no harm; remove it if nobody needs it"),
    })
}

/// The paths of all files that a receipt names.
fn named_by(receipt: &Receipt) -> BTreeSet<&str> {
    let raw = receipt.raw.iter().map(|raw| raw.path.as_str());
    let others = [
        receipt.parquet.as_ref().map(|parquet| parquet.path.as_str()),
        receipt.rejects_file.as_ref().map(|rejects| rejects.path.as_str()),
    ];
    raw.chain(others.into_iter().flatten()).chain(receipt.quarantine.iter().map(String::as_str)).collect()
}

impl Verified {
    fn add(&mut self, checked: Checked) {
        self.receipts += 1;
        self.provable += u64::from(checked.provable);
        self.recorded += u64::from(checked.recorded);
        self.files += checked.files;
        self.bytes += checked.bytes;
        self.rows += checked.rows;
        self.findings.extend(checked.findings);
    }

    /// Something that should be in the lake is not, or not as it should be.
    pub fn found_damage(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind.is_damage())
    }
}
