//! One unit, front to back: the function to read first.
//!
//! ```text
//! tim ──────► download ──────► archive ──────► table ──────► lake
//! what is     .gz on the       gunzip, lines,  one Parquet   publish,
//! there?      spool, checked   messages        file          then the receipt
//! ```
//!
//! What computes is one chain of three threads a unit, which hand on to each other through short queues:
//!
//! ```text
//! gunzip, MD5 ──blocks──► lines, duplicates, messages, columns ──batches──► encode, compress, SHA-256, write
//! ```
//!
//! Each does its part in file order, so the bytes follow from the archive alone, whatever the number of processors; and
//! none has more than half of the work, so two processors are busy with one unit. With `concurrency` units at once each has
//! a chain of its own: nothing is shared between them, and memory is that of one, about 150 MB where an hour is large, so
//! many times. Where the time goes, of an hour of a million messages (350 MB, 4.4 s of processor time):
//!
//! | stage | share | best known part | why it is there |
//! |---|---|---|---|
//! | gunzip | 7 % | zlib-rs, 0.3 s | ISA-L is hardly faster, and C |
//! | MD5 of the content | 12 % | 0.5 s by any implementation | one round waits for the one before it |
//! | MD5 and SHA-256 of the archive, SHA-256 of the table | 4 % | – | receipts name them |
//! | framing and duplicates | 10 % | one hash and one look-up a line | the look-up waits for memory: the set outgrows the cache |
//! | messages | 14 % | typed reading of the known keys, no tree | every key and value is checked to be JSON |
//! | columns | 10 % | copies into builders; nulls in bulk | a text is there twice: in `text` and in its element |
//! | zstd | 11 % | level 1 | |
//! | dictionaries | 7 % | only where values repeat | ids are found by hash and compared |
//! | levels, statistics, pages, bloom filters | 16 % | the `parquet` crate | nested columns have levels for every element |
//! | the system | 9 % | – | fresh memory, the files' bytes |
//!
//! A unit is finished when its receipt is written, and not before. Whatever happens earlier can be done again, and gives
//! the same bytes.

mod build;
mod compare;
mod fetch;
mod import;
mod kept;
mod rebuild;
mod rejects;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::Duration;
use tempfile::TempPath;
use tokio_util::sync::CancellationToken;

use crate::archive::ArchiveError;
use crate::clock::Clock;
use crate::domain::provenance::Provenance;
use crate::domain::receipt::{Conflict, Failure, RawRecord, Receipt, State};
use crate::domain::{Md5Hex, Unit};
use crate::download::Downloader;
use crate::lake::{Finished, Lake, LakeError, LakePath, Manifest};
use crate::ledger::{NoArchive, Try};
use crate::plan::{Action, Task};
use crate::table::schema::SCHEMA_VERSION;
use crate::tim::{Client, Stop};

use build::{BuildError, Built};
use compare::{Comparison, compare};
use fetch::{FetchError, Fetched};
use kept::Kept;

pub use build::Source;
pub use import::{Imported, import_unit};
pub use rebuild::{Rebuilt, rebuild_unit};
pub use rejects::each_reject;

/// Everything a unit passes through. One for a run.
pub struct Rooms {
    /// The vendor.
    pub tim: Client,
    /// The way from its addresses to our spool.
    pub download: Downloader,
    /// Where archives become a unit.
    pub works: Arc<Works>,
}

/// What a unit needs once its archives are here.
pub struct Works {
    /// Where things rest.
    pub lake: Lake,
    /// Whose lake it is and since when it is watched.
    pub manifest: Manifest,
    /// Where unfinished files lie.
    pub spool: PathBuf,
    /// Keep the vendor's archives.
    pub keep_raw: bool,
    /// Read the files of a finished unit again before its archives are taken for those it was made of.
    pub reread: bool,
    /// Age from which 1004 means "no messages".
    pub empty_after: Duration,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the run must end: units that are not being published are dropped.
    pub stop: CancellationToken,
}

impl Works {
    /// The unit's files are those of its receipt, as far as this run is to look.
    fn is_whole(&self, receipt: &Receipt) -> Result<bool, UnitError> {
        Ok(!self.reread || (self.lake.has_files_of(receipt)? && self.lake.has_raw_of(receipt)?))
    }
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
pub async fn archive_unit(task: Task, rooms: &Arc<Rooms>) -> Result<UnitOutcome, UnitError> {
    let Task { unit, action, receipt: mut before, .. } = task;
    if let Action::Finish | Action::FinishAndAsk = action {
        let receipt = before.take();
        let finished = on_disk(Arc::clone(&rooms.works), move |works| finish(unit, receipt, works)).await?;
        if action == Action::Finish || finished.taken {
            return Ok(finished);
        }
        before = Some(finished.receipt);
    }
    let fetching = async {
        match action {
            Action::Ask | Action::Finish | Action::FinishAndAsk => fetch::fetch(unit, before.as_ref(), rooms).await,
            // "Too old" is only as true as our clock.
            Action::GiveUp => match rooms.tim.confirm_clock(unit).await {
                Ok(()) => Ok(Fetched::None(NoArchive::GivenUp)),
                Err(error) => Err(error.into()),
            },
        }
    };
    let fetched = tokio::select! {
        biased;
        () = rooms.works.stop.cancelled() => return Err(UnitError::Interrupted),
        fetched = fetching => fetched,
    };
    match fetched {
        Ok(fetched) => on_disk(Arc::clone(&rooms.works), move |works| settle(unit, before, fetched, works)).await,
        Err(FetchError::Failed { failure, received }) => {
            on_disk(Arc::clone(&rooms.works), move |works| record_failure(unit, before, failure, received, works)).await
        }
        Err(FetchError::Stop(stop)) => Err(UnitError::Stop(stop)),
        Err(FetchError::Lake(error)) => Err(UnitError::Lake(error)),
    }
}

/// Runs the part of a unit that computes and writes on a thread of its own.
///
/// # Errors
/// As `work`.
pub async fn on_disk<T: Send + 'static>(
    works: Arc<Works>,
    work: impl FnOnce(&Works) -> Result<T, UnitError> + Send + 'static,
) -> Result<T, UnitError> {
    match tokio::task::spawn_blocking(move || work(&works)).await {
        Ok(outcome) => outcome,
        // A panic of ours: told as it was raised, not as something the lake did.
        Err(panic) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
        Err(_) => Err(UnitError::Interrupted),
    }
}

/// What is known of a unit becomes its files and its receipt.
fn settle(unit: Unit, before: Option<Receipt>, fetched: Fetched, works: &Works) -> Result<UnitOutcome, UnitError> {
    match fetched {
        Fetched::Archives(sources) => take(unit, before, sources, works),
        Fetched::Unchanged(before) => record_unchanged(*before, works),
        Fetched::None(answer) => {
            let tried = tried(works);
            let unfinished = before.as_ref().is_none_or(|before| !before.state.is_final());
            let (state, _) = answer.state(unit.hour.age(tried.now), works.empty_after);
            // Before an hour is given up: an interrupted run may have left its archives in the lake.
            if unfinished
                && state.is_final()
                && let Some(outcome) = take_kept(unit, before.clone(), works)?
            {
                return Ok(outcome);
            }
            let watch = works.manifest.chat_types.get(&unit.chat_type);
            let receipt = tried.no_archive(before, unit, answer, works.empty_after, watch);
            works.lake.record(&receipt)?;
            Ok(UnitOutcome { unit, receipt, failure: None, taken: false })
        }
    }
}

/// Finishes what a killed run left of a finished unit. Either its files are those of its receipt, and only the clearing
/// up is left, or they were being replaced, and the archives they are replaced from are in the lake.
fn finish(unit: Unit, before: Option<Receipt>, works: &Works) -> Result<UnitOutcome, UnitError> {
    // A mark without a receipt is of an unfinished unit, and those are asked for instead.
    let Some(receipt) = before else { return Err(UnitError::Interrupted) };
    if receipt.parquet.is_some() && works.lake.has_files_of(&receipt)? {
        works.lake.clear_up(&receipt)?;
    } else if let Some(outcome) = take_kept(unit, Some(with_what_was_set_aside(receipt.clone(), works)?), works)? {
        return Ok(outcome);
    } else {
        // Whatever lies in raw/ could not be used; it is not for us to throw it away.
        works.lake.unmark(unit)?;
    }
    Ok(UnitOutcome { unit, receipt, failure: None, taken: false })
}

/// The receipt of a unit whose replacement was killed, naming what was set aside before.
fn with_what_was_set_aside(mut receipt: Receipt, works: &Works) -> Result<Receipt, LakeError> {
    receipt.set_aside(works.lake.marked(receipt.unit())?.unwrap_or_default().provenance.set_aside);
    Ok(receipt)
}

/// Takes the archives that are in the lake although no receipt names them; `None` where none of them can be used.
fn take_kept(unit: Unit, before: Option<Receipt>, works: &Works) -> Result<Option<UnitOutcome>, UnitError> {
    let mut sources = match kept::look(unit, before.as_ref(), &works.lake)? {
        Kept::Whole { sources, .. } => sources,
        // What is left is better than nothing.
        Kept::Broken(_, found) | Kept::Unknown(found) => found.newest(unit),
    };
    while !sources.is_empty() {
        match build(unit, &sources, works) {
            Ok(built) => {
                tracing::warn!(%unit, "{unit}: taken from {} archives that were kept in raw/", sources.len());
                return publish(unit, before, sources, built, works).map(Some);
            }
            Err(BuildError::Unusable { failure, place }) => {
                let unusable = sources.remove(place.unwrap_or_default());
                let path = unusable.lake_path(unit, 0);
                tracing::warn!(%unit, "{unit}: {path}, which was kept in the lake, cannot be used: {}", failure.cause);
                sources.iter_mut().for_each(Source::mark_incomplete);
            }
            Err(error) => return Err(stopped(error, works)),
        }
    }
    Ok(None)
}

/// Archives become the unit's files, and the unit is committed; or they cannot be used, and that is recorded. A unit that
/// is committed already takes only what holds everything it has.
fn take(unit: Unit, before: Option<Receipt>, sources: Vec<Source>, works: &Works) -> Result<UnitOutcome, UnitError> {
    let built = match build(unit, &sources, works) {
        Ok(built) => built,
        Err(BuildError::Unusable { failure, place }) => {
            let unusable = sources.into_iter().enumerate().filter(|(at, _)| place.is_none_or(|place| place == *at));
            let unusable = unusable.filter_map(|(place, source)| source.into_unusable(place)).collect();
            return record_failure(unit, before, failure, unusable, works);
        }
        Err(error) => return Err(stopped(error, works)),
    };
    match before {
        Some(before) if before.state == State::Committed => replace(unit, before, sources, built, works),
        before => publish(unit, before, sources, built, works),
    }
}

/// Other archives than those a unit was committed from: taken where nothing of the unit is missing in them.
fn replace(
    unit: Unit,
    before: Receipt,
    sources: Vec<Source>,
    built: Built,
    works: &Works,
) -> Result<UnitOutcome, UnitError> {
    if built.facts.are_of(&before) {
        return if works.is_whole(&before)? {
            record_unchanged(before, works)
        } else {
            restore(before, sources, built, works)
        };
    }
    let cause = match compare(unit, &before, &sources, works) {
        Ok(Comparison::HoldsAll) => {
            tracing::info!(%unit, "{unit}: the vendor's archives have grown; they replace the earlier ones");
            return publish(unit, Some(before), sources, built, works);
        }
        Ok(Comparison::Lacks(1)) => "an element of what we have is not in them".to_owned(),
        Ok(Comparison::Lacks(count)) => format!("{count} elements of what we have are not in them"),
        Ok(Comparison::Unreadable(cause)) => format!("what we have cannot be compared with them: {cause}"),
        Err(ArchiveError::Interrupted) => return Err(UnitError::Interrupted),
        Err(error) => return Err(stopped(BuildError::Spool(std::io::Error::other(error)), works)),
    };
    tracing::warn!(%unit, "{unit}: the vendor offers other archives, and {cause}; the unit is left as it is, and they go to quarantine/");
    let receipt = tried(works).kept(before, "conflict");
    let conflict =
        Conflict { at: receipt.checked_at, file_md5: built.facts.file_md5s(), quarantine: Vec::new(), cause };
    let unusable = sources.into_iter().enumerate().filter_map(|(place, source)| source.into_unusable(place)).collect();
    let receipt = record_with_quarantine(receipt, unusable, Some(conflict), works)?;
    works.lake.put_provenance(&receipt)?;
    Ok(UnitOutcome { unit, receipt, failure: None, taken: false })
}

/// The archives that a unit was made of are here again, and something of it is missing or damaged.
fn restore(before: Receipt, sources: Vec<Source>, built: Built, works: &Works) -> Result<UnitOutcome, UnitError> {
    let unit = before.unit();
    tracing::warn!(%unit, "{unit}: something of it was missing or damaged; it is made again");
    let history = tried(works).kept(before.clone(), "restored");
    let receipt = receipt_of(history, &built, &sources, works.keep_raw);
    place(&receipt, Some(&before), sources, built, works)?;
    Ok(UnitOutcome { unit, receipt, failure: None, taken: true })
}

fn build(unit: Unit, sources: &[Source], works: &Works) -> Result<Built, BuildError> {
    build::build(unit, works.manifest.sdkappid, sources, &works.spool, &|| works.stop.is_cancelled())
}

/// Why building ended, where the archives are not to blame.
fn stopped(error: BuildError, works: &Works) -> UnitError {
    match error {
        BuildError::Spool(source) => {
            UnitError::Lake(LakeError::Io { verb: "write into", path: works.spool.clone(), source })
        }
        BuildError::Interrupted | BuildError::Unusable { .. } => UnitError::Interrupted,
    }
}

/// Moves a unit's files into the lake and writes its receipt: with it the unit is finished.
fn publish(
    unit: Unit,
    before: Option<Receipt>,
    sources: Vec<Source>,
    built: Built,
    works: &Works,
) -> Result<UnitOutcome, UnitError> {
    let history = tried(works).taken(before.as_ref(), unit);
    let receipt = receipt_of(history, &built, &sources, works.keep_raw);
    place(&receipt, before.as_ref(), sources, built, works)?;
    Ok(UnitOutcome { unit, receipt, failure: None, taken: true })
}

/// The receipt of a unit that is made of these archives.
fn receipt_of(history: Receipt, built: &Built, sources: &[Source], keep_raw: bool) -> Receipt {
    let mut receipt = history;
    built.facts.write_into(&mut receipt);
    receipt.raw = if keep_raw { raw_records(receipt.unit(), sources) } else { Vec::new() };
    let published_at = receipt.committed_at.unwrap_or(receipt.checked_at);
    receipt.committed_at = (receipt.state == State::Committed).then_some(published_at);
    receipt
}

fn raw_records(unit: Unit, sources: &[Source]) -> Vec<RawRecord> {
    sources.iter().enumerate().map(|(place, source)| source.raw_record(&source.lake_path(unit, place))).collect()
}

/// Moves a unit's files to where its receipt says they are, writes the receipt after them, and clears up: archives that
/// the receipt does not name, all of them where none are kept, go after it.
fn place(
    receipt: &Receipt,
    before: Option<&Receipt>,
    sources: Vec<Source>,
    built: Built,
    works: &Works,
) -> Result<(), UnitError> {
    let unit = receipt.unit();
    let provenance = Provenance {
        raw: raw_records(unit, &sources),
        archives: receipt.archives.clone(),
        conflict: None,
        set_aside: receipt.set_aside.clone(),
    };
    let mut raw = Vec::new();
    for (place, source) in sources.into_iter().enumerate() {
        let path = source.lake_path(unit, place);
        let spool = |source| UnitError::Lake(LakeError::Io { verb: "write into", path: works.spool.clone(), source });
        raw.push((path, source.into_file(&works.spool).map_err(spool)?));
    }
    let Built { parquet, rejects, .. } = built;
    let finished = Finished { provenance, raw, rejects, parquet };
    let mark = works.lake.publish(unit, finished, before)?;
    works.lake.commit(receipt, &mark)?;
    Ok(())
}

fn record_unchanged(before: Receipt, works: &Works) -> Result<UnitOutcome, UnitError> {
    let unit = before.unit();
    let receipt = tried(works).kept(before, "unchanged");
    works.lake.record(&receipt)?;
    Ok(UnitOutcome { unit, receipt, failure: None, taken: false })
}

/// Writes down what went wrong, and keeps the bytes that could not be used.
fn record_failure(
    unit: Unit,
    before: Option<Receipt>,
    failure: Failure,
    unusable: Vec<Unusable>,
    works: &Works,
) -> Result<UnitOutcome, UnitError> {
    let receipt = tried(works).failed(before, unit, failure.clone());
    let receipt = record_with_quarantine(receipt, unusable, None, works)?;
    Ok(UnitOutcome { unit, receipt, failure: Some(failure), taken: false })
}

/// Keeps bytes that could not be used in the place of the last such bytes of the unit, and writes the receipt that names
/// them. Those of a conflict make room for those of another one only, and what was ours for none.
fn record_with_quarantine(
    mut receipt: Receipt,
    unusable: Vec<Unusable>,
    conflict: Option<Conflict>,
    works: &Works,
) -> Result<Receipt, UnitError> {
    let mut fresh = Vec::new();
    for Unusable { place, gzip_md5, bytes } in unusable {
        fresh.push(works.lake.quarantine(receipt.unit(), place, &gzip_md5, bytes)?.as_str().to_owned());
    }
    if let Some(conflict) = conflict {
        receipt.conflict = Some(Conflict { quarantine: fresh.clone(), ..conflict });
    }
    let last = std::mem::take(&mut receipt.quarantine);
    let (mut kept, gone): (Vec<String>, Vec<String>) = last
        .into_iter()
        .partition(|path| fresh.is_empty() || fresh.contains(path) || receipt.stays_in_quarantine(path));
    fresh.retain(|path| !kept.contains(path));
    kept.extend(fresh);
    receipt.quarantine = kept;
    works.lake.record(&receipt)?;
    for path in gone.iter().filter_map(|path| LakePath::from_receipt(path)) {
        works.lake.remove(&path)?;
    }
    Ok(receipt)
}

fn tried(works: &Works) -> Try {
    Try { sdkappid: works.manifest.sdkappid, now: works.clock.now(), schema_version: SCHEMA_VERSION }
}
