//! Archives on the spool → the unit's Parquet file and rejects, and what its receipt says of them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use tempfile::TempPath;

use super::Unusable;
use super::rejects::RejectsWriter;
use crate::archive::{
    self, ArchiveError, ArchiveSummary, Counts, Expected, Place, Promised, RejectReason, RejectedBytes, Seen, Sink,
};
use crate::domain::message::Message;
use crate::domain::receipt::{ArchiveRecord, Failure, ParquetRecord, RawRecord, Receipt, RejectsRecord, State};
use crate::domain::{FileEntry, Md5Hex, Sha256Hex, Unit};
use crate::download::Download;
use crate::lake::{LakePath, layout};
use crate::spool::{Digests, unfinished_file};
use crate::table::schema::SCHEMA_VERSION;
use crate::table::{Table, TableWriter};

/// An archive to build from.
pub struct Source {
    place: Rest,
    host: Option<String>,
    gzip_bytes: u64,
    gzip_md5: Md5Hex,
    sha256: Sha256Hex,
    promised: Promised,
    unchecked: Vec<String>,
}

/// Where an archive lies.
enum Rest {
    Spool(TempPath),
    Lake(LakePath, PathBuf),
    /// Somebody else's file: it is copied and never moved.
    Elsewhere(PathBuf),
}

impl Source {
    /// A fresh download.
    pub(super) fn downloaded(entry: &FileEntry, download: Download) -> Source {
        let given = [
            ("GzipSize", entry.gzip_bytes.is_some()),
            ("GzipMD5", entry.gzip_md5.is_some()),
            ("FileSize", entry.file_bytes.is_some()),
            ("FileMD5", entry.file_md5.is_some()),
        ];
        Source {
            place: Rest::Spool(download.file),
            host: entry.address.host().map(str::to_owned),
            gzip_bytes: download.bytes,
            gzip_md5: download.md5,
            sha256: download.sha256,
            promised: Promised { bytes: entry.file_bytes, md5: entry.file_md5.clone() },
            unchecked: given.iter().filter(|(_, given)| !given).map(|(name, _)| (*name).to_owned()).collect(),
        }
    }

    /// An archive that the lake keeps, at `path` of the lake, which is `file`.
    pub(super) fn kept(path: LakePath, file: &Path) -> io::Result<Source> {
        Source::unpromised(Rest::Lake(path, file.to_owned()), file)
    }

    /// An archive that is kept elsewhere.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn elsewhere(file: &Path) -> io::Result<Source> {
        Source::unpromised(Rest::Elsewhere(file.to_owned()), file)
    }

    /// Nobody is there to say what it should be.
    fn unpromised(place: Rest, file: &Path) -> io::Result<Source> {
        let mut digests = Digests::default();
        io::copy(&mut File::open(file)?, &mut digests)?;
        let (gzip_bytes, gzip_md5, sha256) = digests.finish();
        Ok(Source {
            place,
            host: None,
            gzip_bytes,
            gzip_md5,
            sha256,
            promised: Promised::default(),
            unchecked: ["GzipSize", "GzipMD5", "FileSize", "FileMD5"].map(str::to_owned).into(),
        })
    }

    /// The same archive with what was known of it when it came.
    pub(super) fn known_as(mut self, archive: &ArchiveRecord) -> Source {
        self.host.clone_from(&archive.url_host);
        self.unchecked.clone_from(&archive.unchecked);
        self
    }

    /// MD5 of its bytes.
    pub(super) fn gzip_md5(&self) -> &Md5Hex {
        &self.gzip_md5
    }

    /// Whether a file of this unit at that place is rightly named after its bytes.
    pub(super) fn has_name(&self, unit: Unit, place: usize) -> bool {
        matches!(&self.place, Rest::Lake(path, _) if *path == layout::raw(unit, place, &self.gzip_md5))
    }

    /// Nobody knows whether this and the others beside it are all the unit had: its `File` list was not seen.
    pub(super) fn mark_incomplete(&mut self) {
        if !self.unchecked.iter().any(|unchecked| unchecked == "File") {
            self.unchecked.push("File".to_owned());
        }
    }

    /// What the vendor said of its content.
    pub(super) fn promised(&self) -> Promised {
        self.promised.clone()
    }

    pub(super) fn open(&self) -> io::Result<File> {
        match &self.place {
            Rest::Spool(file) => File::open(file),
            Rest::Lake(_, file) | Rest::Elsewhere(file) => File::open(file),
        }
    }

    /// Where it rests, or will rest, in the lake.
    pub(super) fn lake_path(&self, unit: Unit, place: usize) -> LakePath {
        match &self.place {
            Rest::Spool(_) | Rest::Elsewhere(_) => layout::raw(unit, place, &self.gzip_md5),
            Rest::Lake(path, _) => path.clone(),
        }
    }

    /// How the receipt names it there.
    pub(super) fn raw_record(&self, path: &LakePath) -> RawRecord {
        RawRecord { path: path.as_str().to_owned(), sha256: self.sha256.clone() }
    }

    /// The file to move into the lake, through `spool` where it is not ours; `None` where it is there already.
    pub(super) fn into_file(self, spool: &Path) -> io::Result<Option<TempPath>> {
        match self.place {
            Rest::Spool(file) => Ok(Some(file)),
            Rest::Lake(..) => Ok(None),
            Rest::Elsewhere(file) => {
                let mut copy = unfinished_file(spool)?;
                io::copy(&mut File::open(file)?, copy.as_file_mut())?;
                Ok(Some(copy.into_temp_path()))
            }
        }
    }

    /// Its bytes, for quarantine; `None` where they are kept elsewhere anyway.
    pub(super) fn into_unusable(self, place: usize) -> Option<Unusable> {
        match self.place {
            Rest::Spool(bytes) => Some(Unusable { place, gzip_md5: self.gzip_md5, bytes }),
            Rest::Lake(..) | Rest::Elsewhere(_) => None,
        }
    }

    /// A copy of its bytes, for quarantine.
    pub(super) fn into_copy(self, place: usize, spool: &Path) -> io::Result<Option<Unusable>> {
        let gzip_md5 = self.gzip_md5.clone();
        Ok(self.into_file(spool)?.map(|bytes| Unusable { place, gzip_md5, bytes }))
    }

    /// Whose file it is, where it is not ours.
    pub(super) fn outside(&self) -> Option<&Path> {
        match &self.place {
            Rest::Elsewhere(file) => Some(file),
            Rest::Spool(_) | Rest::Lake(..) => None,
        }
    }

    /// The same bytes, as far as their MD5 tells.
    pub fn equals(&self, other: &Source) -> bool {
        self.gzip_md5 == other.gzip_md5 && self.gzip_bytes == other.gzip_bytes
    }
}

/// Files of a unit that are ready to be moved into the lake.
pub(super) struct Built {
    /// The rows, if any.
    pub(super) parquet: Option<TempPath>,
    /// The rejects, if any.
    pub(super) rejects: Option<TempPath>,
    /// What the receipt says.
    pub(super) facts: Facts,
}

/// What building told about a unit.
pub(super) struct Facts {
    archives: Vec<ArchiveRecord>,
    counts: Counts,
    table: Table,
    rejects: (u64, Sha256Hex),
}

/// Why a unit could not be built.
pub(super) enum BuildError {
    /// The archives are not usable: all of them, or the one at a place.
    Unusable { failure: Failure, place: Option<usize> },
    /// The spool is at fault.
    Spool(io::Error),
    /// The run was told to stop.
    Interrupted,
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> BuildError {
        BuildError::Spool(error)
    }
}

/// Reads all archives of a unit in order and writes its table and rejects into `spool`.
pub(super) fn build(
    unit: Unit,
    sdkappid: u64,
    sources: &[Source],
    spool: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<Built, BuildError> {
    let (table_file, table_path) = unfinished_file(spool)?.into_parts();
    let (rejects_file, rejects_path) = unfinished_file(spool)?.into_parts();
    let mut sink = UnitSink {
        table: TableWriter::new(table_file, sdkappid, unit, spool)?,
        rejects: RejectsWriter::new(rejects_file),
        source_file: 0,
    };
    let mut seen = Seen::default();
    let (mut archives, mut counts) = (Vec::new(), Counts::default());
    for (place, source) in sources.iter().enumerate() {
        sink.source_file = place;
        let expected = Expected { sdkappid, unit, promised: source.promised.clone() };
        let summary = archive::read(source.open()?, &expected, spool, &mut seen, &mut sink, stop)
            .map_err(|error| unusable(error, place))?;
        counts.add(summary.counts);
        archives.push(record(source, summary));
    }
    let rejects = sink.rejects.finish()?;
    let table = sink.table.finish()?;
    judge(counts, &table)?;
    Ok(Built {
        parquet: (counts.rows > 0).then_some(table_path),
        rejects: (counts.rejects > 0).then_some(rejects_path),
        facts: Facts { archives, counts, table, rejects },
    })
}

fn unusable(error: ArchiveError, place: usize) -> BuildError {
    let class = error.class();
    match (error, class) {
        (ArchiveError::Interrupted, _) => BuildError::Interrupted,
        (ArchiveError::Io(source), _) => BuildError::Spool(source),
        (error, class) => {
            BuildError::Unusable { failure: failure(class.unwrap_or("archive"), error.to_string()), place: Some(place) }
        }
    }
}

fn failure(class: &str, cause: String) -> Failure {
    Failure { stage: "archive".to_owned(), class: class.to_owned(), cause }
}

/// The sums every unit must show before it is published.
fn judge(counts: Counts, table: &Table) -> Result<(), BuildError> {
    let Counts { lines, rows, duplicates, rejects } = counts;
    let unusable = |class, cause| Err(BuildError::Unusable { failure: failure(class, cause), place: None });
    if rejects > rows {
        return unusable(
            "more_rejects_than_rows",
            format!("{rejects} elements are no messages and only {rows} are: not a log as we know it"),
        );
    }
    if lines != rows + duplicates + rejects || table.rows != rows {
        let cause = format!(
            "{lines} elements were read, but {rows} rows, {duplicates} duplicates and {rejects} rejects came of them, and {} rows are in the file",
            table.rows
        );
        return unusable("count_mismatch", cause);
    }
    Ok(())
}

fn record(source: &Source, summary: ArchiveSummary) -> ArchiveRecord {
    let mut unchecked = source.unchecked.clone();
    unchecked.extend(summary.header.absent().map(str::to_owned).filter(|key| !source.unchecked.contains(key)));
    ArchiveRecord {
        url_host: source.host.clone(),
        gzip_md5: source.gzip_md5.clone(),
        gzip_bytes: source.gzip_bytes,
        file_md5: summary.content.md5,
        file_bytes: summary.content.bytes,
        lines: summary.counts.lines,
        unchecked,
    }
}

impl Facts {
    /// The archives are those that a receipt was written of, in any order.
    pub(super) fn are_of(&self, receipt: &Receipt) -> bool {
        receipt.is_made_of(self.archives.iter().map(|archive| Some(&archive.file_md5)))
    }

    /// The digests of the contents, in order.
    pub(super) fn file_md5s(&self) -> Vec<Md5Hex> {
        self.archives.iter().map(|archive| archive.file_md5.clone()).collect()
    }

    /// Writes what was found into the receipt.
    pub(super) fn write_into(&self, receipt: &mut Receipt) {
        let unit = receipt.unit();
        let Counts { lines, rows, duplicates, rejects } = self.counts;
        receipt.state = if rows > 0 { State::Committed } else { State::Empty };
        (receipt.reason, receipt.error) = (None, None);
        receipt.schema_version = SCHEMA_VERSION;
        receipt.archives.clone_from(&self.archives);
        (receipt.lines, receipt.rows, receipt.duplicates, receipt.rejects) = (lines, rows, duplicates, rejects);
        let path = |path: LakePath| path.as_str().to_owned();
        receipt.parquet = (rows > 0).then(|| ParquetRecord {
            path: path(layout::parquet(unit)),
            bytes: self.table.bytes,
            sha256: self.table.sha256.clone(),
            rows,
        });
        let (bytes, sha256) = self.rejects.clone();
        receipt.rejects_file =
            (rejects > 0).then(|| RejectsRecord { path: path(layout::rejects(unit)), bytes, sha256 });
        let instant = |seconds| DateTime::from_timestamp(seconds, 0);
        receipt.min_msg_time = self.table.msg_times.and_then(|(first, _)| instant(first));
        receipt.max_msg_time = self.table.msg_times.and_then(|(_, last)| instant(last));
    }
}

/// Takes what the archives hold: messages into the table, everything else into the rejects.
struct UnitSink {
    table: TableWriter,
    rejects: RejectsWriter<File>,
    source_file: usize,
}

impl Sink for UnitSink {
    fn message(&mut self, message: &Message, text: &str, place: Place) -> io::Result<()> {
        self.table.push(message, text, self.source_file as u64, place.line)
    }

    fn reject(&mut self, bytes: RejectedBytes<'_>, place: Place, reason: RejectReason) -> io::Result<()> {
        self.rejects.push(self.source_file, bytes, place, reason)
    }
}
