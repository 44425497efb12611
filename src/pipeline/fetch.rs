//! Unit → what the vendor has of it, on the spool.

use std::sync::Arc;

use super::build::Source;
use super::{Rooms, UnitError, Unusable, on_disk};
use crate::domain::receipt::{Failure, Receipt, State};
use crate::domain::{FileEntry, Unit};
use crate::download::{Download, DownloadError};
use crate::lake::LakeError;
use crate::ledger::NoArchive;
use crate::tim::{History, HistoryError, Stop};

/// What was fetched.
pub(super) enum Fetched {
    /// Archives, checked against what the vendor said of their bytes.
    Archives(Vec<Source>),
    /// The archives that a committed unit was made from: it is left as it is.
    Unchanged(Box<Receipt>),
    /// No archive.
    None(NoArchive),
}

/// Why nothing was fetched.
pub(super) enum FetchError {
    /// The run must end.
    Stop(Stop),
    /// The spool is at fault.
    Lake(LakeError),
    /// This unit's try failed; the last bytes received that were not those promised.
    Failed { failure: Failure, received: Vec<Unusable> },
}

impl From<HistoryError> for FetchError {
    fn from(error: HistoryError) -> FetchError {
        match error {
            HistoryError::Stop(stop) => FetchError::Stop(stop),
            HistoryError::Failed(failure) => FetchError::Failed { failure, received: Vec::new() },
        }
    }
}

/// Asks for the unit and downloads its archives. An address is used at once; when it has lapsed, or other bytes come
/// than were promised, the vendor is asked for a new one.
pub(super) async fn fetch(unit: Unit, before: Option<&Receipt>, rooms: &Rooms) -> Result<Fetched, FetchError> {
    let mut delays = crate::retry::delays();
    let mut have = Vec::new();
    loop {
        let entries = match rooms.tim.history(unit).await? {
            History::Ready(entries) => entries,
            History::NoFile => return Ok(Fetched::None(NoArchive::NoFile)),
            History::NotReady => return Ok(Fetched::None(NoArchive::NotReady)),
            History::Expired => return Ok(Fetched::None(NoArchive::Expired)),
        };
        // Where the vendor does not give a FileMD5, this can only be told when the archives are here.
        let known = || entries.iter().map(|entry| entry.file_md5.as_ref());
        if let Some(before) = before.filter(|before| before.state == State::Committed && before.is_made_of(known()))
            && is_whole(before, rooms).await?
        {
            return Ok(Fetched::Unchanged(Box::new(before.clone())));
        }
        let had = have.len();
        let (place, error) = match download_all(&entries, &mut have, rooms).await {
            Ok(()) => return Ok(Fetched::Archives(sources(entries, have))),
            Err(missed) => missed,
        };
        if error.is_too_fast() {
            rooms.tim.slow_down();
        }
        // Each archive has its own tries: an hour of many large ones may need more addresses than one does.
        if have.len() > had {
            delays = crate::retry::delays();
        }
        let delay = if error.is_permanent() { None } else { delays.next() };
        let Some(delay) = delay else { return Err(give_up(place, error)) };
        tracing::warn!(%unit, class = error.class(), "{unit}: {error}; asking for a new address");
        tokio::time::sleep(delay).await;
    }
}

/// Whether there is no need for the archives that a unit was made of: where the run is to look, its files are read again.
async fn is_whole(before: &Receipt, rooms: &Rooms) -> Result<bool, FetchError> {
    let before = before.clone();
    match on_disk(Arc::clone(&rooms.works), move |works| works.is_whole(&before)).await {
        Ok(whole) => Ok(whole),
        Err(UnitError::Lake(error)) => Err(FetchError::Lake(error)),
        // Told to stop: whatever is said here, nothing comes of it.
        Err(UnitError::Stop(_) | UnitError::Interrupted) => Ok(true),
    }
}

/// Downloads what is not here yet, in order. What an earlier try has brought is not fetched again.
async fn download_all(
    entries: &[FileEntry],
    have: &mut Vec<Download>,
    rooms: &Rooms,
) -> Result<(), (usize, DownloadError)> {
    let mut earlier = std::mem::take(have);
    for (place, entry) in entries.iter().enumerate() {
        let same = |download: &Download| Some(&download.md5) == entry.gzip_md5.as_ref();
        let download = match earlier.iter().position(same) {
            Some(at) => earlier.swap_remove(at),
            None => rooms.download.fetch(entry).await.map_err(|error| (place, error))?,
        };
        have.push(download);
    }
    Ok(())
}

fn sources(entries: Vec<FileEntry>, downloads: Vec<Download>) -> Vec<Source> {
    entries.iter().zip(downloads).map(|(entry, download)| Source::downloaded(entry, download)).collect()
}

fn give_up(place: usize, error: DownloadError) -> FetchError {
    let failure = Failure { stage: "download".to_owned(), class: error.class(), cause: error.to_string() };
    match error {
        DownloadError::Spool { folder, source } => {
            FetchError::Lake(LakeError::Io { verb: "write into", path: folder, source })
        }
        DownloadError::Mismatch { received, .. } => {
            let unusable = Unusable { place, gzip_md5: received.md5, bytes: received.file };
            FetchError::Failed { failure, received: vec![unusable] }
        }
        _ => FetchError::Failed { failure, received: Vec::new() },
    }
}
