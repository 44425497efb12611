//! One unit: everything its receipt names, read again.

use std::io;

use super::{Finding, Kind, Proof};
use crate::archive::{self, Expected, Fingerprint, Place, Promised, RejectReason, RejectedBytes, Seen, Sink};
use crate::domain::message::Message;
use crate::domain::receipt::{Receipt, State};
use crate::domain::{Md5Hex, Sha256Hex, Unit};
use crate::lake::{Lake, LakeError, layout};
use crate::pipeline::each_reject;
use crate::spool::Digests;
use crate::table;

/// What was read of a unit.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) proof: Proof,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) findings: Vec<Finding>,
}

const REBUILD: &str = "run `timlake rebuild`, which makes it again from the kept archives";
const FROM_VENDOR: &str = "run `timlake backfill --rerun all` while the vendor has the hour, `timlake import` of its archives if they are kept elsewhere, or restore it from a backup";
const ASK_AGAIN: &str =
    "restore it from a backup, or move it away: then the hour is asked for again while the vendor has it";
const FROM_BACKUP: &str = "restore it from a backup";

/// Checks everything that the receipt names, and its sums.
///
/// # Errors
/// Where the lake itself cannot be read.
pub(super) fn check(lake: &Lake, receipt: &Receipt, deep: bool) -> Result<Checked, LakeError> {
    let mut checked = Checked::default();
    let path = layout::receipt(receipt.unit());
    if lake.is_altered(&path)? {
        // What it names cannot be judged by it.
        let remedy = if receipt.raw.is_empty() { ASK_AGAIN } else { REBUILD };
        checked.find(path.as_str(), Kind::Damaged, "it was changed after it was written", remedy);
        return Ok(checked);
    }
    checked.proof = match (receipt.archives.is_empty(), receipt.raw.is_empty()) {
        (true, _) => Proof::Answer,
        (false, true) => Proof::Recorded,
        (false, false) => Proof::Archives,
    };
    checked.sums(receipt);
    checked.raw(lake, receipt);
    let raw_is_sound = checked.proof == Proof::Archives && checked.findings.is_empty();
    let remedy = if raw_is_sound { REBUILD } else { FROM_VENDOR };
    checked.table(lake, receipt, remedy);
    checked.rejects(lake, receipt, remedy);
    checked.quarantine(lake, receipt);
    if checked.findings.is_empty() && raw_is_sound {
        checked.against_archives(lake, receipt, deep);
    }
    checked.provenance(lake, receipt)?;
    if lake.marked(receipt.unit())?.is_some() {
        checked.forgive_interruption(receipt.unit());
    }
    if checked.findings.iter().any(|finding| finding.kind.is_damage()) {
        checked.proof = Proof::Damaged;
    }
    Ok(checked)
}

impl Checked {
    /// A receipt that does not read.
    pub(super) fn unreadable_receipt(lake: &Lake, unit: Unit, error: &LakeError) -> Checked {
        let mut checked = Checked::default();
        let has_archives = lake.raw_of(unit).is_ok_and(|archives| !archives.is_empty());
        let remedy = if has_archives { REBUILD } else { ASK_AGAIN };
        let path = layout::receipt(unit);
        let what = match error {
            LakeError::Damaged { cause, .. } => format!("it does not read: {cause}"),
            error => error.to_string(),
        };
        checked.find(path.as_str(), Kind::Damaged, what, remedy);
        checked
    }

    /// What is kept beside the receipt, so that it can be made again.
    fn provenance(&mut self, lake: &Lake, receipt: &Receipt) -> Result<(), LakeError> {
        let unit = receipt.unit();
        let path = layout::provenance(unit);
        // A run writes it before the receipt.
        if lake.marked(unit)?.is_some() || !lake.has(&path) {
            return Ok(());
        }
        let vouches =
            lake.provenance(unit)?.is_some_and(|known| known.raw == receipt.raw && known.archives == receipt.archives);
        if !vouches {
            let remedy = "run `timlake rebuild`, which writes it again";
            self.find(
                path.as_str(),
                Kind::Damaged,
                "it does not say where the archives that the receipt names came from",
                remedy,
            );
        }
        Ok(())
    }

    fn find(&mut self, path: &str, kind: Kind, what: impl Into<String>, remedy: &'static str) {
        self.findings.push(Finding { path: path.to_owned(), kind, what: what.into(), remedy });
    }

    /// A replacement that was killed between the table and the receipt, or is at it: what readers see is whole, and only the
    /// receipt has yet to follow.
    fn forgive_interruption(&mut self, unit: Unit) {
        let published = [layout::parquet(unit), layout::rejects(unit)];
        for finding in &mut self.findings {
            if published.iter().any(|path| path.as_str() == finding.path) {
                finding.kind = Kind::Extra;
                "an interrupted publication: it is newer than its receipt, or gone because the new archives have none"
                    .clone_into(&mut finding.what);
                finding.remedy = "the next run finishes it";
            }
        }
    }

    fn sums(&mut self, receipt: &Receipt) {
        let Receipt { lines, rows, duplicates, rejects, .. } = receipt;
        let of_archives: u64 = receipt.archives.iter().map(|archive| archive.lines).sum();
        let of_parquet = receipt.parquet.as_ref().map_or(0, |parquet| parquet.rows);
        let right = *lines == rows + duplicates + rejects
            && of_archives == *lines
            && of_parquet == *rows
            && (receipt.state == State::Committed) == (*rows > 0)
            && receipt.rejects_file.is_some() == (*rejects > 0);
        if !right {
            let path = layout::receipt(receipt.unit());
            self.find(path.as_str(), Kind::Damaged, "its numbers contradict each other", FROM_BACKUP);
        }
    }

    fn raw(&mut self, lake: &Lake, receipt: &Receipt) {
        if !receipt.raw.is_empty() && receipt.raw.len() != receipt.archives.len() {
            let path = layout::receipt(receipt.unit());
            self.find(
                path.as_str(),
                Kind::Damaged,
                "it names another number of archives than it describes",
                FROM_BACKUP,
            );
        }
        for (raw, archive) in receipt.raw.iter().zip(&receipt.archives) {
            let Some((bytes, md5, sha256)) = self.digest(lake, &raw.path, FROM_VENDOR) else { continue };
            if (bytes, &md5, &sha256) != (archive.gzip_bytes, &archive.gzip_md5, &raw.sha256) {
                self.find(&raw.path, Kind::Damaged, "its bytes are not those that were received", FROM_VENDOR);
            }
        }
    }

    fn table(&mut self, lake: &Lake, receipt: &Receipt, remedy: &'static str) {
        let Some(parquet) = &receipt.parquet else { return };
        let Some((bytes, _, sha256)) = self.digest(lake, &parquet.path, remedy) else { return };
        if (bytes, &sha256) != (parquet.bytes, &parquet.sha256) {
            return self.find(&parquet.path, Kind::Damaged, "its bytes are not those that were published", remedy);
        }
        let rows = lake
            .open(&parquet.path)
            .map_err(|error| error.to_string())
            .and_then(|file| table::count_rows(file).map_err(|error| format!("{error}")));
        match rows {
            Err(error) => self.find(&parquet.path, Kind::Damaged, error, remedy),
            Ok(rows) if rows != parquet.rows => {
                self.find(&parquet.path, Kind::Damaged, format!("it has {rows} rows, not {}", parquet.rows), remedy);
            }
            Ok(rows) => self.rows += rows,
        }
    }

    fn rejects(&mut self, lake: &Lake, receipt: &Receipt, remedy: &'static str) {
        let Some(rejects) = &receipt.rejects_file else { return };
        let Some((bytes, _, sha256)) = self.digest(lake, &rejects.path, remedy) else { return };
        if (bytes, &sha256) != (rejects.bytes, &rejects.sha256) {
            self.find(&rejects.path, Kind::Damaged, "its bytes are not those that were published", remedy);
        }
    }

    fn quarantine(&mut self, lake: &Lake, receipt: &Receipt) {
        for path in &receipt.quarantine {
            let Some((_, md5, _)) = self.digest(lake, path, FROM_BACKUP) else { continue };
            if !path.contains(md5.short()) {
                self.find(path, Kind::Damaged, "its bytes are not those its name promises", FROM_BACKUP);
            }
        }
    }

    /// A named file's length and digests; a finding, and `None`, where it cannot be read.
    fn digest(&mut self, lake: &Lake, path: &str, remedy: &'static str) -> Option<(u64, Md5Hex, Sha256Hex)> {
        let mut digests = Digests::default();
        match lake.open(path).and_then(|mut file| io::copy(&mut file, &mut digests)) {
            Ok(bytes) => {
                self.files += 1;
                self.bytes += bytes;
                Some(digests.finish())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.find(path, Kind::Missing, "a receipt names it, and it is not there", remedy);
                None
            }
            Err(error) => {
                self.find(path, Kind::Damaged, format!("it cannot be read: {error}"), remedy);
                None
            }
        }
    }

    /// Reads the archives again and holds what is in them against the numbers, the rejects, and (`deep`) every row.
    fn against_archives(&mut self, lake: &Lake, receipt: &Receipt, deep: bool) {
        match reread(lake, receipt, deep) {
            Err(cause) => self.find(&receipt.raw[0].path, Kind::Damaged, cause, FROM_VENDOR),
            Ok(found) => {
                let path = layout::receipt(receipt.unit());
                if (found.counts.lines, found.counts.rows, found.counts.duplicates, found.counts.rejects)
                    != (receipt.lines, receipt.rows, receipt.duplicates, receipt.rejects)
                {
                    self.find(path.as_str(), Kind::Damaged, "its numbers are not those of its archives", REBUILD);
                }
                if let Some(rejects) = &receipt.rejects_file
                    && !same_rejects(lake, &rejects.path, &found)
                {
                    self.find(&rejects.path, Kind::Damaged, "it does not hold the rejects of the archives", REBUILD);
                }
                if let Some(parquet) = receipt.parquet.as_ref().filter(|_| deep)
                    && !same_messages(lake, &parquet.path, &found)
                {
                    self.find(
                        &parquet.path,
                        Kind::Damaged,
                        "a row does not give its message in the archive again",
                        REBUILD,
                    );
                }
            }
        }
    }
}

/// What is in the archives.
struct Reread {
    counts: archive::Counts,
    hashes: Seen,
    /// The messages as JSON, in order; empty unless they are to be compared.
    messages: Vec<Fingerprint>,
    rejects: Vec<Fingerprint>,
    deep: bool,
}

fn reread(lake: &Lake, receipt: &Receipt, deep: bool) -> Result<Reread, String> {
    let counts = archive::Counts::default();
    let mut found = Reread { counts, hashes: Seen::default(), messages: Vec::new(), rejects: Vec::new(), deep };
    let mut seen = Seen::default();
    for (raw, archive) in receipt.raw.iter().zip(&receipt.archives) {
        let promised = Promised { bytes: Some(archive.file_bytes), md5: Some(archive.file_md5.clone()) };
        let expected = Expected { sdkappid: receipt.sdkappid, unit: receipt.unit(), promised };
        let file = lake.open(&raw.path).map_err(|error| error.to_string())?;
        // Elements too long to hold lie outside the lake: nothing in it is changed by verifying.
        let summary = archive::read(file, &expected, &std::env::temp_dir(), &mut seen, &mut found, &|| false);
        found.counts.add(summary.map_err(|error| error.to_string())?.counts);
    }
    Ok(found)
}

impl Sink for Reread {
    fn message(&mut self, _: &Message, text: &str, _: Place) -> io::Result<()> {
        if self.deep {
            self.messages.push(self.hashes.fingerprint_json(text));
        }
        Ok(())
    }

    fn reject(&mut self, bytes: RejectedBytes<'_>, _: Place, _: RejectReason) -> io::Result<()> {
        self.rejects.push(self.hashes.fingerprint_rejected(bytes)?);
        Ok(())
    }
}

fn same_messages(lake: &Lake, path: &str, found: &Reread) -> bool {
    let mut expected = found.messages.iter();
    let mut same = true;
    let read = lake.open(path).is_ok_and(|file| {
        table::each_message(file, |message| same &= expected.next() == Some(&found.hashes.fingerprint_json(message)))
            .is_ok()
    });
    read && same && expected.next().is_none()
}

fn same_rejects(lake: &Lake, path: &str, found: &Reread) -> bool {
    let mut kept = Vec::new();
    let read = lake.open(path).and_then(|file| each_reject(file, |bytes| kept.push(found.hashes.fingerprint(bytes))));
    read.is_ok() && kept == found.rejects
}
