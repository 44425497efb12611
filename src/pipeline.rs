//! One unit, front to back: the function to read first.
//!
//! ```text
//! tim ──────► download ──────► archive ──────► table ──────► lake
//! what is     .gz on the       gunzip, lines,  one Parquet   publish,
//! there?      spool, checked   messages        file          then the receipt
//! ```
//!
//! A unit is finished when its receipt is written, and not before. Whatever happens earlier can be done again, and gives
//! the same bytes.

mod build;
mod fetch;
mod rejects;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::Duration;
use tempfile::TempPath;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::receipt::{Failure, Receipt, State};
use crate::domain::{Md5Hex, Unit};
use crate::download::Downloader;
use crate::lake::{Lake, LakeError, LakePath, Manifest};
use crate::ledger::{NoArchive, Try};
use crate::plan::{Action, Task};
use crate::table::schema::SCHEMA_VERSION;
use crate::tim::{Client, Stop};

use build::{BuildError, Built, Source};
use fetch::{FetchError, Fetched};

/// Everything a unit passes through. One for a run.
pub struct Rooms {
    /// The vendor.
    pub tim: Client,
    /// The way from its addresses to our spool.
    pub download: Downloader,
    /// Where things rest.
    pub lake: Lake,
    /// Whose lake it is and since when it is watched.
    pub manifest: Manifest,
    /// Where unfinished files lie.
    pub spool: PathBuf,
    /// Keep the vendor's archives.
    pub keep_raw: bool,
    /// Age from which 1004 means "no messages".
    pub empty_after: Duration,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the run must end: units that are not being published are dropped.
    pub stop: CancellationToken,
}

/// What became of a unit.
#[derive(Clone, Debug)]
pub struct UnitOutcome {
    /// The unit.
    pub unit: Unit,
    /// Its receipt, as it is in the lake now.
    pub receipt: Receipt,
    /// What went wrong with this try, where something did; a finished unit keeps its state all the same.
    pub failure: Option<Failure>,
    /// Archives were taken by this try: the receipt's rows are new.
    pub taken: bool,
}

/// Why a unit's try left no trace, and the run must end.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// The vendor will not answer any unit.
    #[error("the vendor stops the run")]
    Stop(Stop),
    /// The lake or the spool is at fault.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The run was told to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Bytes that could not be used, and their place in the vendor's list.
struct Unusable {
    place: usize,
    gzip_md5: Md5Hex,
    bytes: TempPath,
}

/// Does one task. After `Ok` the unit's receipt is durable and says what `UnitOutcome` says.
///
/// # Errors
/// [`UnitError`]: the receipt is as it was before.
pub async fn archive_unit(task: &Task, rooms: &Arc<Rooms>) -> Result<UnitOutcome, UnitError> {
    let before = rooms.lake.receipt(task.unit)?;
    let fetched = match task.action {
        Action::GiveUp => Fetched::None(NoArchive::GivenUp),
        Action::Ask => {
            let fetching = fetch::fetch(task.unit, before.as_ref(), rooms);
            let fetched = tokio::select! {
                biased;
                () = rooms.stop.cancelled() => return Err(UnitError::Interrupted),
                fetched = fetching => fetched,
            };
            match fetched {
                Ok(fetched) => fetched,
                Err(FetchError::Stop(stop)) => return Err(UnitError::Stop(stop)),
                Err(FetchError::Lake(error)) => return Err(UnitError::Lake(error)),
                Err(FetchError::Failed { failure, received }) => {
                    return on_disk(
                        rooms,
                        move |rooms, unit| record_failure(unit, before, failure, received, rooms),
                        task.unit,
                    )
                    .await;
                }
            }
        }
    };
    on_disk(rooms, move |rooms, unit| settle(unit, before, fetched, rooms), task.unit).await
}

/// Runs the part of a unit that computes and writes on a thread of its own.
async fn on_disk(
    rooms: &Arc<Rooms>,
    work: impl FnOnce(&Rooms, Unit) -> Result<UnitOutcome, UnitError> + Send + 'static,
    unit: Unit,
) -> Result<UnitOutcome, UnitError> {
    let rooms = Arc::clone(rooms);
    match tokio::task::spawn_blocking(move || work(&rooms, unit)).await {
        Ok(outcome) => outcome,
        // A panic of ours: told as it was raised, not as something the lake did.
        Err(panic) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
        Err(_) => Err(UnitError::Interrupted),
    }
}

/// What is known of a unit becomes its files and its receipt.
fn settle(unit: Unit, before: Option<Receipt>, fetched: Fetched, rooms: &Rooms) -> Result<UnitOutcome, UnitError> {
    match fetched {
        Fetched::Archives(sources) => take(unit, before, sources, rooms),
        Fetched::Unchanged(answer) => record_unchanged(unit, before, answer, rooms),
        Fetched::None(answer) => {
            let unfinished = before.as_ref().is_none_or(|before| !before.state.is_final());
            let (state, _) = answer.state(unit.hour.age(rooms.clock.now()), rooms.empty_after);
            if unfinished && state.is_final() {
                // Before an hour is given up: an interrupted run may have left its archives in the lake.
                if let Some(sources) = kept_archives(unit, rooms)? {
                    tracing::warn!(%unit, "{unit}: the vendor has it no longer; using the archives kept in the lake");
                    return take(unit, before, sources, rooms);
                }
            }
            let watch = rooms.manifest.chat_types.get(&unit.chat_type);
            let receipt = tried(rooms).no_archive(before, unit, answer, rooms.empty_after, watch);
            rooms.lake.record(&receipt)?;
            Ok(UnitOutcome { unit, receipt, failure: None, taken: false })
        }
    }
}

/// Archives become the unit's files, and the unit is committed.
fn take(unit: Unit, before: Option<Receipt>, sources: Vec<Source>, rooms: &Rooms) -> Result<UnitOutcome, UnitError> {
    let stop = || rooms.stop.is_cancelled();
    let built = match build::build(unit, rooms.manifest.sdkappid, &sources, &rooms.spool, &stop) {
        Ok(built) => built,
        Err(BuildError::Interrupted) => return Err(UnitError::Interrupted),
        Err(BuildError::Spool(source)) => return Err(UnitError::Lake(spool_error(rooms, source))),
        Err(BuildError::Unusable { failure, place }) => {
            let unusable = sources.into_iter().enumerate().filter(|(at, _)| place.is_none_or(|place| place == *at));
            let unusable = unusable.filter_map(|(place, source)| source.into_unusable(place)).collect();
            return record_failure(unit, before, failure, unusable, rooms);
        }
    };
    let mut receipt = tried(rooms).taken(before, unit);
    let Built { parquet, rejects, facts } = built;
    facts.write_into(&mut receipt, unit);
    let mut raw = Vec::new();
    for (place, source) in sources.into_iter().enumerate() {
        let path = source.lake_path(unit, place);
        if rooms.keep_raw {
            receipt.raw.push(source.raw_record(&path));
        }
        raw.extend(source.into_file().map(|file| (file, path)));
    }
    rooms.lake.publish(unit, crate::lake::Finished { raw, rejects, parquet })?;
    // With the receipt the unit is finished; archives it does not name (all of them, where none are kept) go after it.
    receipt.committed_at = (receipt.state == State::Committed).then_some(receipt.checked_at);
    rooms.lake.commit(&receipt)?;
    Ok(UnitOutcome { unit, receipt, failure: None, taken: true })
}

fn record_unchanged(
    unit: Unit,
    before: Option<Receipt>,
    answer: &'static str,
    rooms: &Rooms,
) -> Result<UnitOutcome, UnitError> {
    let receipt = match before {
        Some(before) => tried(rooms).unchanged(before, answer),
        // Only a finished unit can be unchanged.
        None => return Err(UnitError::Interrupted),
    };
    rooms.lake.record(&receipt)?;
    Ok(UnitOutcome { unit, receipt, failure: None, taken: false })
}

/// Keeps the bytes that could not be used, then writes down what went wrong.
fn record_failure(
    unit: Unit,
    before: Option<Receipt>,
    failure: Failure,
    unusable: Vec<Unusable>,
    rooms: &Rooms,
) -> Result<UnitOutcome, UnitError> {
    let mut receipt = tried(rooms).failed(before, unit, failure.clone());
    if !unusable.is_empty() {
        let last = std::mem::take(&mut receipt.quarantine);
        for Unusable { place, gzip_md5, bytes } in unusable {
            let path = rooms.lake.quarantine(unit, place, &gzip_md5, bytes)?;
            receipt.quarantine.push(path.as_str().to_owned());
        }
        rooms.lake.record(&receipt)?;
        for path in last.iter().filter(|path| !receipt.quarantine.contains(path)) {
            if let Some(path) = LakePath::from_receipt(path) {
                rooms.lake.remove(&path)?;
            }
        }
    } else {
        rooms.lake.record(&receipt)?;
    }
    Ok(UnitOutcome { unit, receipt, failure: Some(failure), taken: false })
}

/// The archives of a unit that an interrupted run left in the lake; `None` where not all of them are there.
fn kept_archives(unit: Unit, rooms: &Rooms) -> Result<Option<Vec<Source>>, UnitError> {
    let kept = rooms.lake.raw_of(unit)?;
    // They were put backwards, so the first one's presence vouches for the rest; a place taken twice is a replacement
    // that was interrupted, and says nothing certain.
    let complete = !kept.is_empty() && kept.iter().enumerate().all(|(at, (place, _))| at == *place);
    if !complete {
        return Ok(None);
    }
    let sources = kept.into_iter().map(|(_, path)| {
        let file = rooms.lake.locate(&path);
        Source::kept(path, &file).map_err(|source| LakeError::Io { verb: "read", path: file, source })
    });
    Ok(Some(sources.collect::<Result<_, _>>()?))
}

fn tried(rooms: &Rooms) -> Try {
    Try { sdkappid: rooms.manifest.sdkappid, now: rooms.clock.now(), schema_version: SCHEMA_VERSION }
}

fn spool_error(rooms: &Rooms, source: std::io::Error) -> LakeError {
    LakeError::Io { verb: "write into", path: rooms.spool.clone(), source }
}
