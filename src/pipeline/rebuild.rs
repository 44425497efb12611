//! Kept archives → the unit again: its table, its rejects, and its receipt where that is missing.

use super::build::{BuildError, Source};
use super::kept::{self, Kept};
use super::{UnitError, Works, build, place, receipt_of, stopped, tried, with_what_was_set_aside};
use crate::domain::Unit;
use crate::domain::receipt::Receipt;
use crate::lake::{LakeError, layout};
use crate::table::schema::SCHEMA_VERSION;

/// What became of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// Everything was as its archives make it.
    Intact,
    /// Made again, as the receipt says.
    Made(Box<Receipt>),
    /// It has no archives and needs none: its receipt records an answer, or its files, which are of this version of the
    /// table, are those of its receipt.
    NothingKept {
        /// None where there are no rows.
        schema_version: Option<u32>,
    },
    /// It could not be made again, and is as it was.
    NotRebuilt(String),
}

/// Makes a unit again from the archives that the lake keeps. What is as it should be is not written again.
///
/// # Errors
/// [`UnitError`]; the unit is as it was then, or is finished by the next run.
pub fn rebuild_unit(unit: Unit, works: &Works) -> Result<Rebuilt, UnitError> {
    let before = trusted(unit, works)?;
    if let Some(newer) = before.as_ref().map(|before| before.schema_version).filter(|&version| version > SCHEMA_VERSION)
    {
        let cause = format!(
            "its rows are of version {newer} of the table, and this program knows {SCHEMA_VERSION}: use a newer timlake"
        );
        return Ok(Rebuilt::NotRebuilt(cause));
    }
    // A publication that was killed before its table was in place is not to be finished: its unit stands as it was.
    if let Some(before) = &before
        && works.lake.marked(unit)?.is_some()
        && works.lake.has_files_of(before)?
    {
        works.lake.clear_up(before)?;
    }
    match kept::look(unit, before.as_ref(), &works.lake)? {
        Kept::Whole { sources, interrupted } => from(unit, before, sources, interrupted, works),
        Kept::Broken(wrong, _) => Ok(Rebuilt::NotRebuilt(wrong.join(", "))),
        // What it was made of was not kept: archives that lie there all the same are none of it, as far as anybody knows.
        Kept::Unknown(_) if before.as_ref().is_some_and(|before| !before.archives.is_empty()) => {
            without_archives(before, works)
        }
        Kept::Unknown(found) => match found.newest(unit) {
            sources if sources.is_empty() => without_archives(before, works),
            sources => from(unit, before, sources, true, works),
        },
    }
}

/// Makes the unit of these archives: its own, or those that an `interrupted` run left for it.
fn from(
    unit: Unit,
    before: Option<Receipt>,
    sources: Vec<Source>,
    interrupted: bool,
    works: &Works,
) -> Result<Rebuilt, UnitError> {
    let built = match build(unit, &sources, works) {
        Ok(built) => built,
        Err(BuildError::Unusable { failure, place }) => {
            let file = place.map(|place| format!("{}: ", sources[place].lake_path(unit, place))).unwrap_or_default();
            return Ok(Rebuilt::NotRebuilt(file + &failure.cause));
        }
        Err(error) => return Err(stopped(error, works)),
    };
    let history = match &before {
        None => history(unit, works)?,
        Some(before) if !interrupted || built.facts.are_of(before) => before.clone(),
        Some(before) => tried(works).taken(Some(&with_what_was_set_aside(before.clone(), works)?), unit),
    };
    let mut receipt = receipt_of(history, &built, &sources, true);
    if before.as_ref() == Some(&receipt) && works.lake.has_files_of(&receipt)? {
        let mended = works.lake.mend(&receipt)?;
        return Ok(if mended { Rebuilt::Made(Box::new(receipt)) } else { Rebuilt::Intact });
    }
    env!("CARGO_PKG_VERSION").clone_into(&mut receipt.tool_version);
    place(&receipt, before.as_ref(), sources, built, works)?;
    Ok(Rebuilt::Made(Box::new(receipt)))
}

/// The unit's receipt, as far as it is to be believed: of one that was changed after it was written only the times, the
/// rest is what is kept beside it; one that does not read is none.
fn trusted(unit: Unit, works: &Works) -> Result<Option<Receipt>, UnitError> {
    let receipt = match works.lake.receipt(unit) {
        Ok(receipt) => receipt,
        Err(LakeError::Damaged { cause, .. }) => {
            tracing::warn!(%unit, "{unit}: its receipt is damaged: {cause}");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let Some(receipt) = receipt else { return Ok(None) };
    if receipt.archives.is_empty() || !works.lake.is_altered(&layout::receipt(unit))? {
        return Ok(Some(receipt));
    }
    let Some(known) = works.lake.provenance(unit)? else { return Ok(Some(receipt)) };
    tracing::warn!(%unit, "{unit}: its receipt was changed after it was written; what is kept beside it is believed instead");
    let history = history(unit, works)?;
    let Receipt { attempts, first_seen_at, checked_at, committed_at, .. } = receipt;
    let (raw, archives) = (known.raw, known.archives);
    Ok(Some(Receipt { attempts, first_seen_at, checked_at, committed_at, raw, archives, ..history }))
}

/// A unit without kept archives is what its receipt says, or it cannot be made again.
fn without_archives(before: Option<Receipt>, works: &Works) -> Result<Rebuilt, UnitError> {
    let Some(before) = before else {
        let cause = "its receipt is damaged, and the lake keeps no archives of it: restore it from a backup, or move it away, and the hour is asked for again";
        return Ok(Rebuilt::NotRebuilt(cause.to_owned()));
    };
    if works.lake.is_altered(&layout::receipt(before.unit()))? {
        let cause = "its receipt was changed after it was written, and the lake keeps no archives of it: restore it from a backup, or move it away, and the hour is asked for again";
        return Ok(Rebuilt::NotRebuilt(cause.to_owned()));
    }
    if works.lake.has_files_of(&before)? {
        let schema_version = before.parquet.is_some().then_some(before.schema_version);
        return Ok(Rebuilt::NothingKept { schema_version });
    }
    Ok(Rebuilt::NotRebuilt("its files are not those of its receipt, and the lake keeps no archives of it".to_owned()))
}

/// What the lake still knows of a unit whose receipt is gone.
fn history(unit: Unit, works: &Works) -> Result<Receipt, LakeError> {
    let mut receipt = tried(works).taken(None, unit);
    // Nobody was asked: whatever asking is due stays due.
    (receipt.checked_at, receipt.committed_at) = (unit.hour.end(), Some(works.clock.now()));
    if let Some(known) = works.lake.provenance(unit)? {
        (receipt.conflict, receipt.set_aside) = (known.conflict, known.set_aside);
    }
    receipt.quarantine = works.lake.quarantined(unit)?.into_iter().map(|(_, path)| path.to_string()).collect();
    Ok(receipt)
}
