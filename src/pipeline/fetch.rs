//! Unit → what the vendor has of it, on the spool.

use super::build::Source;
use super::{Rooms, Unusable};
use crate::domain::receipt::{Failure, Receipt, State};
use crate::domain::{FileEntry, Md5Hex, Unit};
use crate::download::{Download, DownloadError};
use crate::lake::LakeError;
use crate::ledger::NoArchive;
use crate::tim::{History, HistoryError, Stop};

/// What was fetched.
pub(super) enum Fetched {
    /// Archives, checked against what the vendor said of their bytes.
    Archives(Vec<Source>),
    /// A finished unit's archives are to be left as they are: how that is noted.
    Unchanged(&'static str),
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

/// Asks for the unit and downloads its archives. An address is used at once; when it has lapsed, or other bytes come
/// than were promised, the vendor is asked for a new one.
pub(super) async fn fetch(unit: Unit, before: Option<&Receipt>, rooms: &Rooms) -> Result<Fetched, FetchError> {
    let mut delays = crate::retry::delays();
    let mut have = Vec::new();
    loop {
        let entries = match rooms.tim.history(unit).await {
            Ok(History::Ready(entries)) => entries,
            Ok(History::NoFile) => return Ok(Fetched::None(NoArchive::NoFile)),
            Ok(History::NotReady) => return Ok(Fetched::None(NoArchive::NotReady)),
            Ok(History::Expired) => return Ok(Fetched::None(NoArchive::Expired)),
            Err(HistoryError::Stop(stop)) => return Err(FetchError::Stop(stop)),
            Err(HistoryError::Failed(failure)) => return Err(FetchError::Failed { failure, received: Vec::new() }),
        };
        if let Some(answer) = before.and_then(|before| left_as_it_is(before, &entries)) {
            return Ok(Fetched::Unchanged(answer));
        }
        let (place, error) = match download_all(&entries, &mut have, rooms).await {
            Ok(()) => return Ok(Fetched::Archives(sources(entries, have))),
            Err(missed) => missed,
        };
        let delay = if error.is_permanent() { None } else { delays.next() };
        let Some(delay) = delay else { return Err(give_up(place, error)) };
        tracing::warn!(%unit, class = error.class(), "{unit}: {error}; asking for a new address");
        tokio::time::sleep(delay).await;
    }
}

/// A committed unit whose archives are the same as before is left as it is, and so is, for now, one whose archives
/// changed; a finished unit without archives takes what there is.
fn left_as_it_is(before: &Receipt, entries: &[FileEntry]) -> Option<&'static str> {
    if before.state != State::Committed {
        return None;
    }
    let mut ours: Vec<&Md5Hex> = before.archives.iter().map(|archive| &archive.file_md5).collect();
    let mut theirs: Vec<&Md5Hex> = entries.iter().filter_map(|entry| entry.file_md5.as_ref()).collect();
    ours.sort();
    theirs.sort();
    Some(if ours == theirs { "unchanged" } else { "changed" })
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
