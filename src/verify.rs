//! Proof that the lake holds what its receipts say: everything they name is read again.

mod unit;
mod unnamed;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::domain::{ChatType, Hour, Unit};
use crate::lake::{Lake, LakeError, layout};

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

/// How far a unit's receipt can be proved without trust in the program that wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Its kept archives were read again, and give its rows, duplicates and rejects.
    Archives,
    /// It was made of archives that are not kept: its files are those that were published, and no more is known.
    Recorded,
    /// The vendor gave no archive: its answer is recorded.
    Answer,
    /// Something of it is missing or damaged.
    #[default]
    Damaged,
}

impl Proof {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Proof::Archives => "proved by its kept archives",
            Proof::Recorded => "recorded only: its archives are not kept",
            Proof::Answer => "recorded only: the vendor's answer, which had no archive",
            Proof::Damaged => "damaged",
        }
    }
}

/// Hours that follow one another and are proved alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// The log.
    pub chat_type: ChatType,
    /// The first hour.
    pub from: Hour,
    /// The hour after the last.
    pub to: Hour,
    /// How.
    pub proof: Proof,
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
    /// All hours that have a receipt, and how far it can be proved.
    pub map: Vec<Stretch>,
    #[serde(skip)]
    proofs: Vec<(Unit, Proof)>,
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
    /// The time, by which a unit is due or past hope.
    pub now: DateTime<Utc>,
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
    let verified = Mutex::new(Ok(Verified::default()));
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..scope.threads.min(units.len()) {
            threads.spawn(|| {
                while let Some(&unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.is_cancelled() {
                        return;
                    }
                    let checked = steady(lake, unit, scope.deep);
                    let mut verified = verified.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match (checked, &mut *verified) {
                        (Ok(Some(checked)), Ok(verified)) => verified.add(unit, checked),
                        (Ok(None), Ok(_)) => {}
                        (Err(error), verified) => *verified = Err(error),
                        (Ok(_), Err(_)) => return,
                    }
                    tick(units.len());
                }
            });
        }
    });
    let mut verified = verified.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)?;
    verified.draw_map();
    verified.findings.extend(of_manifest(lake)?);
    verified.findings.extend(unnamed::look(lake, scope.now, inside)?);
    verified.findings.sort();
    Ok(verified)
}

/// Checks a unit. Where something is wrong its receipt is read again: if it has changed, a run was at it meanwhile, and
/// the unit is checked anew; `None` where it never stands still, or has gone.
fn steady(lake: &Lake, unit: Unit, deep: bool) -> Result<Option<Checked>, LakeError> {
    const TIMES: usize = 5;
    let mut receipt = lake.receipt(unit);
    for _ in 0..TIMES {
        let checked = match &receipt {
            Ok(Some(receipt)) => unit::check(lake, receipt, deep)?,
            // Gone since it was listed: a run does not do that, but it is no receipt any more.
            Ok(None) => return Ok(None),
            Err(error) => Checked::unreadable_receipt(lake, unit, error),
        };
        if checked.findings.is_empty() {
            return Ok(Some(checked));
        }
        let again = lake.receipt(unit);
        let changed = match (&receipt, &again) {
            (Ok(before), Ok(after)) => before != after,
            (Err(_), Err(_)) => false,
            _ => true,
        };
        if !changed {
            return Ok(Some(checked));
        }
        receipt = again;
    }
    Ok(None)
}

/// The manifest, where it is not as it was written.
fn of_manifest(lake: &Lake) -> Result<Option<Finding>, LakeError> {
    let path = layout::manifest();
    let finding = |kind, what: String, remedy| Some(Finding { path: path.as_str().to_owned(), kind, what, remedy });
    const BY_HAND: &str = "run `timlake rebuild`, which writes it again from a copy; if that does not help, restore it from a backup, or write it anew by hand: the README tells its form";
    Ok(match lake.manifest(None) {
        Ok(Some(_)) if lake.is_altered(&path)? => finding(
            Kind::Damaged,
            "it was changed after it was written".to_owned(),
            "run `timlake rebuild`, which writes it again from a copy; if the change was meant, take out the member `self_sha256` instead",
        ),
        Err(LakeError::Damaged { cause, .. }) if !lake.has(&path) => finding(Kind::Missing, cause, BY_HAND),
        Err(LakeError::Damaged { cause, .. }) => finding(Kind::Damaged, format!("it does not read: {cause}"), BY_HAND),
        Ok(_) if lake.is_altered(&layout::copy_of_manifest())? => Some(Finding {
            path: layout::copy_of_manifest().to_string(),
            kind: Kind::Damaged,
            what: "it is no copy of lake.json any more".to_owned(),
            remedy: "run `timlake rebuild`, which writes it again",
        }),
        Ok(_) => None,
        Err(error) => return Err(error),
    })
}

impl Verified {
    fn add(&mut self, unit: Unit, checked: Checked) {
        self.receipts += 1;
        self.provable += u64::from(checked.proof == Proof::Archives);
        self.recorded += u64::from(checked.proof == Proof::Recorded);
        self.proofs.push((unit, checked.proof));
        self.files += checked.files;
        self.bytes += checked.bytes;
        self.rows += checked.rows;
        self.findings.extend(checked.findings);
    }

    /// Joins hours that follow one another and are proved alike.
    fn draw_map(&mut self) {
        self.proofs.sort_by_key(|(unit, _)| (unit.chat_type, unit.hour));
        for &(Unit { chat_type, hour }, proof) in &self.proofs {
            match self.map.last_mut() {
                Some(last) if (last.chat_type, last.to, last.proof) == (chat_type, hour, proof) => {
                    last.to = hour.plus(1)
                }
                _ => self.map.push(Stretch { chat_type, from: hour, to: hour.plus(1), proof }),
            }
        }
    }

    /// Something that should be in the lake is not, or not as it should be.
    pub fn found_damage(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind.is_damage())
    }
}
