//! Where things rest: the table, the archives, the ledger.
//!
//! What is durable when, unit by unit: archives, then rejects, then the Parquet file, then the receipt. Each appears under
//! its name whole; the next is begun when the one before is durable. A unit is finished when its receipt is there, and
//! whatever no receipt names may be overwritten.

pub mod layout;
mod lock;
mod manifest;
mod mark;
mod reported;
mod seal;
mod store;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::domain::provenance::Provenance;
use crate::domain::receipt::Receipt;
use crate::domain::{ChatType, Hour, Md5Hex, Unit};

pub use layout::LakePath;
pub use lock::Lock;
pub use manifest::{FORMAT_VERSION, Manifest};
pub use mark::Mark;
pub use store::Store;

/// What is wrong with a lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The path names something that is no folder.
    #[error("the lake `{}` is a file: give --lake a folder, which is made if it is not there", .0.display())]
    NotAFolder(PathBuf),
    /// Another app's lake.
    #[error("the lake belongs to app {lake}, not to {asked}: give --lake another folder, or --sdkappid {lake}")]
    OtherApp {
        /// The lake's app.
        lake: u64,
        /// The app asked for.
        asked: u64,
    },
    /// A newer program's lake.
    #[error("the lake has format version {found}, and this program knows up to {FORMAT_VERSION}: use a newer timlake")]
    Newer {
        /// The lake's version.
        found: u32,
    },
    /// Another run holds the lock.
    #[error("another run holds this lake ({holder}): run again when it is done")]
    Held {
        /// Which, as far as known.
        holder: String,
    },
    /// A file of ours that does not say what it should.
    #[error("`{}` is damaged ({cause}): restore it from a backup; if there is none, {remedy}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
        /// What to do without a backup.
        remedy: &'static str,
    },
    /// The file system refused.
    #[error("cannot {verb} `{}`{}", .path.display(), remedy(.source))]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl LakeError {
    fn io(verb: &'static str, path: &Path, source: io::Error) -> LakeError {
        LakeError::Io { verb, path: path.to_owned(), source }
    }
}

/// What a person can do about it, where that is known.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (free some space there; --spool can put unfinished files on another disk)"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            " (give this user the right to write there)"
        }
        _ => "",
    }
}

/// A lake, read or written.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Store,
}

/// A unit's finished files, on their way into the lake.
pub struct Finished {
    /// Which archives these are.
    pub provenance: Provenance,
    /// The archives, in the order of the vendor's reply: where each belongs, and its file where it is not there yet.
    pub raw: Vec<(LakePath, Option<TempPath>)>,
    /// The rejects, if any.
    pub rejects: Option<TempPath>,
    /// The rows, if any.
    pub parquet: Option<TempPath>,
}

impl Lake {
    /// The lake at `root`; nothing is made and nothing read.
    ///
    /// # Errors
    /// [`LakeError::NotAFolder`].
    pub fn at(root: &Path) -> Result<Lake, LakeError> {
        if root.exists() && !root.is_dir() {
            return Err(LakeError::NotAFolder(root.to_owned()));
        }
        Ok(Lake { store: Store::new(root.to_owned()) })
    }

    /// The lake's folder.
    pub fn root(&self) -> &Path {
        self.store.root()
    }

    /// The folder for unfinished files inside the lake.
    pub fn staging(&self) -> PathBuf {
        self.store.staging()
    }

    /// Where a path of the lake is in the file system.
    pub fn locate(&self, path: &LakePath) -> PathBuf {
        self.store.locate(path)
    }

    /// There is something at this path.
    pub fn has(&self, path: &LakePath) -> bool {
        self.locate(path).exists()
    }

    /// Opens a file that a receipt names.
    ///
    /// # Errors
    /// As the file system; also where the path leads out of the lake.
    pub fn open(&self, path: &str) -> io::Result<File> {
        let inside = LakePath::from_receipt(path).ok_or_else(|| io::Error::other("the path leads out of the lake"))?;
        File::open(self.locate(&inside))
    }

    /// Takes the right to write, making the folder if it is not there, and clears away what a killed run left unfinished.
    ///
    /// # Errors
    /// [`LakeError::Held`], [`LakeError::Io`].
    pub fn lock(&self) -> Result<Lock, LakeError> {
        store::create_folders(self.root()).map_err(|source| LakeError::io("make", self.root(), source))?;
        let lock = Lock::take(self.root())?;
        self.store.prepare()?;
        Ok(lock)
    }

    /// The manifest; `None` where the lake has none yet. Where `sdkappid` is given, the lake must be that app's.
    ///
    /// # Errors
    /// [`LakeError::Newer`], [`LakeError::OtherApp`], [`LakeError::Damaged`]; the last also where there is no
    /// manifest but data or receipts, because nobody knows then whose they are and what is watched.
    pub fn manifest(&self, sdkappid: Option<u64>) -> Result<Option<Manifest>, LakeError> {
        const REMEDY: &str =
            "`timlake rebuild` writes it again from a copy, or write it anew by hand: the README tells its form";
        let damaged = |cause| LakeError::Damaged { path: self.locate(&layout::manifest()), cause, remedy: REMEDY };
        let Some(bytes) = self.store.read(&layout::manifest())? else {
            for folder in layout::folders_of_data() {
                if !self.store.list(&folder)?.is_empty() {
                    return Err(damaged(format!("it is missing, but there is something in {folder}/")));
                }
            }
            return Ok(None);
        };
        let version: ManifestVersion = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if version.format_version > FORMAT_VERSION {
            return Err(LakeError::Newer { found: version.format_version });
        }
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        match sdkappid {
            Some(asked) if asked != manifest.sdkappid => Err(LakeError::OtherApp { lake: manifest.sdkappid, asked }),
            _ => Ok(Some(manifest)),
        }
    }

    /// Writes the manifest, and a copy before it: so there is none of another than the last. Durable after `Ok`; the old one
    /// stands after `Err`.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<(), LakeError> {
        self.put_json(&layout::copy_of_manifest(), manifest)?;
        self.put_json(&layout::manifest(), manifest)
    }

    /// Writes the manifest again from its copy, where it is missing or not as it was written and the copy is. Says whether
    /// it was so.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn mend_manifest(&self) -> Result<bool, LakeError> {
        let (manifest, copy) = (layout::manifest(), layout::copy_of_manifest());
        let reads = match self.manifest(None) {
            Ok(known) => known.is_some(),
            Err(LakeError::Damaged { .. }) => false,
            Err(error) => return Err(error),
        };
        if reads && !self.is_altered(&manifest)? {
            // A sound one has a sound copy again.
            if let Some(sound) =
                self.manifest(None)?.filter(|_| !self.has(&copy) || self.is_altered(&copy).unwrap_or(true))
            {
                self.put_json(&copy, &sound)?;
            }
            return Ok(false);
        }
        match self.store.read(&copy)?.filter(|copy| !seal::is_broken(copy)) {
            Some(sound) => self.store.put(&manifest, &sound).map(|()| true),
            None => Ok(false),
        }
    }

    /// A unit's receipt; `None` where it has none.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] where it does not read as this unit's receipt.
    pub fn receipt(&self, unit: Unit) -> Result<Option<Receipt>, LakeError> {
        let path = layout::receipt(unit);
        let Some(bytes) = self.store.read(&path)? else { return Ok(None) };
        let damaged = |cause| LakeError::Damaged {
            path: self.locate(&path),
            cause,
            remedy: "`timlake rebuild` makes it again from the kept archives; where none are kept, move it away, and the hour is asked for again while the vendor still has it",
        };
        let receipt: Receipt = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if receipt.unit() != unit {
            return Err(damaged(format!("it speaks of {}, not of {unit}", receipt.unit())));
        }
        Ok(Some(receipt))
    }

    /// The units that have a receipt, whether it reads or not.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn units_with_receipts(&self) -> Result<Vec<Unit>, LakeError> {
        let mut units = Vec::new();
        for chat_type in ChatType::ALL {
            units.extend(self.hours_with_receipts(chat_type, None)?.into_iter().map(|hour| Unit { hour, chat_type }));
        }
        units.sort();
        Ok(units)
    }

    /// The hours in the range `[from, to)` whose unit has a receipt; all of them where there is no range.
    fn hours_with_receipts(&self, chat_type: ChatType, range: Option<(Hour, Hour)>) -> Result<Vec<Hour>, LakeError> {
        let mut hours = Vec::new();
        let days = self.store.list(&layout::receipts_of(chat_type))?;
        for day in days.iter().filter_map(|name| layout::day_of_receipts(name)) {
            if range.is_some_and(|(from, to)| day < from.date() || day > to.date()) {
                continue;
            }
            let names = self.store.list(&layout::receipts_of_day(chat_type, day))?;
            let inside = |hour: &Hour| range.is_none_or(|(from, to)| (from..to).contains(hour)) && hour.date() == day;
            hours.extend(names.iter().filter_map(|name| layout::hour_of_receipt(name)).filter(inside));
        }
        Ok(hours)
    }

    /// All files that hold messages, archives, rejects or quarantined bytes, named by a receipt or not.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn data_files(&self) -> Result<Vec<LakePath>, LakeError> {
        let mut files = Vec::new();
        for folder in layout::data_folders() {
            self.store.walk(&folder, &mut files)?;
        }
        Ok(files)
    }

    /// The receipts of one chat type with hours in the range `[from, to)`; all of them where there is none.
    ///
    /// # Errors
    /// As [`Lake::receipt`].
    pub fn receipts(
        &self,
        chat_type: ChatType,
        range: Option<(Hour, Hour)>,
    ) -> Result<BTreeMap<Hour, Receipt>, LakeError> {
        let mut receipts = BTreeMap::new();
        for hour in self.hours_with_receipts(chat_type, range)? {
            receipts.extend(self.receipt(Unit { hour, chat_type })?.map(|receipt| (hour, receipt)));
        }
        Ok(receipts)
    }

    /// Puts a unit's finished files where readers find them, the Parquet file last, and takes away a Parquet file or
    /// rejects that an interrupted run left and that the unit does not have.
    ///
    /// The unit is marked first, so that the next run knows what a kill left half done. `before` is its receipt so far.
    ///
    /// # Errors
    /// [`LakeError::Io`]; the unit is unfinished then, and the next run does this again.
    pub fn publish(&self, unit: Unit, finished: Finished, before: Option<&Receipt>) -> Result<Mark, LakeError> {
        let mark = Mark::new(finished.provenance, before, self.marked(unit)?);
        self.put_json(&layout::mark(unit), &mark)?;
        for (path, file) in finished.raw {
            if let Some(file) = file {
                self.store.publish(file, &path)?;
            }
        }
        self.replace(finished.rejects, &layout::rejects(unit))?;
        self.replace(finished.parquet, &layout::parquet(unit))?;
        Ok(mark)
    }

    fn replace(&self, file: Option<TempPath>, path: &LakePath) -> Result<(), LakeError> {
        match file {
            Some(file) => self.store.publish(file, path),
            None => self.store.remove(path),
        }
    }

    /// Writes the receipt of a marked publication: with it, its unit is in the state it names. Then the archives that the
    /// receipt does not name and the publication knows of go, and the mark.
    ///
    /// # Errors
    /// [`LakeError::Io`]; where the receipt could be written, it stands, and the next run clears up.
    pub fn commit(&self, receipt: &Receipt, mark: &Mark) -> Result<(), LakeError> {
        self.put_provenance(receipt)?;
        self.record(receipt)?;
        self.clear_up_after(receipt, mark)
    }

    /// The same clearing up for a publication whose receipt was written by a run that got no further.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn clear_up(&self, receipt: &Receipt) -> Result<(), LakeError> {
        match self.marked(receipt.unit())? {
            Some(mark) => self.clear_up_after(receipt, &mark),
            None => Ok(()),
        }
    }

    fn clear_up_after(&self, receipt: &Receipt, mark: &Mark) -> Result<(), LakeError> {
        let folder = layout::raw_folder(receipt.unit());
        for path in mark.leftovers(receipt) {
            // Nothing but archives of this unit's day is for a mark to take away.
            if let Some(path) = LakePath::from_receipt(&path).filter(|path| path.is_in(&folder)) {
                self.store.remove(&path)?;
            }
        }
        if receipt.raw.is_empty() {
            self.store.remove(&layout::provenance(receipt.unit()))?;
        }
        self.unmark(receipt.unit())
    }

    /// Keeps what the archives that a receipt names cannot say of themselves; where it names none, there is nothing to keep.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn put_provenance(&self, receipt: &Receipt) -> Result<(), LakeError> {
        match Provenance::of(receipt) {
            Some(provenance) => self.put_json(&layout::provenance(receipt.unit()), &provenance),
            None => Ok(()),
        }
    }

    /// Writes a receipt, or what is kept beside it, again where it does not read as it was written. Says whether it was so.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn mend(&self, receipt: &Receipt) -> Result<bool, LakeError> {
        let is_altered = self.is_altered(&layout::receipt(receipt.unit()))?;
        if is_altered {
            self.record(receipt)?;
        }
        let is_lacking = self.provenance(receipt.unit())? != Provenance::of(receipt);
        if is_lacking {
            self.put_provenance(receipt)?;
        }
        Ok(is_altered || is_lacking)
    }

    /// What is known of a unit's archives beside its receipt; `None` where nothing is, or it does not read as it was
    /// written.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn provenance(&self, unit: Unit) -> Result<Option<Provenance>, LakeError> {
        let bytes = self.store.read(&layout::provenance(unit))?;
        Ok(bytes.filter(|bytes| !seal::is_broken(bytes)).and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The document at `path` is there, and is not what was written.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn is_altered(&self, path: &LakePath) -> Result<bool, LakeError> {
        Ok(self.store.read(path)?.is_some_and(|bytes| seal::is_broken(&bytes)))
    }

    /// The Parquet file and the rejects are those that the receipt names, byte for byte.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn has_files_of(&self, receipt: &Receipt) -> Result<bool, LakeError> {
        let unit = receipt.unit();
        let parquet = receipt.parquet.as_ref().map(|parquet| (parquet.bytes, &parquet.sha256));
        let rejects = receipt.rejects_file.as_ref().map(|rejects| (rejects.bytes, &rejects.sha256));
        for (path, named) in [(layout::parquet(unit), parquet), (layout::rejects(unit), rejects)] {
            let found = self.store.digest(&path)?;
            if found.as_ref().map(|(bytes, sha256)| (*bytes, sha256)) != named {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The archives that the receipt names are there, byte for byte.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn has_raw_of(&self, receipt: &Receipt) -> Result<bool, LakeError> {
        for raw in &receipt.raw {
            let found = LakePath::from_receipt(&raw.path).map(|path| self.store.digest(&path)).transpose()?.flatten();
            if found.is_none_or(|(_, sha256)| sha256 != raw.sha256) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes away the mark of a unit's publication, and nothing else.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn unmark(&self, unit: Unit) -> Result<(), LakeError> {
        self.store.remove(&layout::mark(unit))
    }

    /// What a publication that was begun and not cleared up was about to do; `None` where none was begun. A mark that does
    /// not read marks all the same, and says nothing.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn marked(&self, unit: Unit) -> Result<Option<Mark>, LakeError> {
        let mark = self.store.read(&layout::mark(unit))?;
        Ok(mark.map(|bytes| serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// The units whose publication was begun and not cleared up: a run was killed meanwhile, or is at it.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn interrupted(&self) -> Result<Vec<Unit>, LakeError> {
        let names = self.store.list(&layout::marks())?;
        Ok(names.iter().filter_map(|name| layout::unit_of_mark(name)).collect())
    }

    /// Writes a receipt whose unit has no files of its own: nothing else changes.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn record(&self, receipt: &Receipt) -> Result<(), LakeError> {
        self.put_json(&layout::receipt(receipt.unit()), receipt)
    }

    fn put_json(&self, path: &LakePath, document: &impl serde::Serialize) -> Result<(), LakeError> {
        let json = seal::sealed(document).map_err(|error| LakeError::io("write", &self.locate(path), error.into()))?;
        self.store.put(path, &json)
    }

    /// The archives of a unit that are in the lake, with their places in the vendor's list, in that order.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn raw_of(&self, unit: Unit) -> Result<Vec<(usize, LakePath)>, LakeError> {
        self.archives_in(unit, &layout::raw_folder(unit))
    }

    /// The quarantined bytes of a unit, likewise.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn quarantined(&self, unit: Unit) -> Result<Vec<(usize, LakePath)>, LakeError> {
        self.archives_in(unit, &layout::quarantine_folder(unit))
    }

    fn archives_in(&self, unit: Unit, folder: &LakePath) -> Result<Vec<(usize, LakePath)>, LakeError> {
        let names = self.store.list(folder)?;
        let mut archives: Vec<(usize, LakePath)> =
            names.iter().filter_map(|name| Some((layout::place_of_archive(unit, name)?, folder.join(name)))).collect();
        archives.sort();
        Ok(archives)
    }

    /// The units that have archives in the lake, named by a receipt or not, or had some that are gone.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn units_with_archives(&self) -> Result<Vec<Unit>, LakeError> {
        let mut files = Vec::new();
        for folder in layout::folders_of_archives() {
            self.store.walk(&folder, &mut files)?;
        }
        let mut units: Vec<Unit> = files.iter().filter_map(layout::unit_of).collect();
        units.sort();
        units.dedup();
        Ok(units)
    }

    /// Keeps bytes that could not be used, in the place of the last such bytes of this archive. Returns where they are.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn quarantine(
        &self,
        unit: Unit,
        place: usize,
        gzip_md5: &Md5Hex,
        bytes: TempPath,
    ) -> Result<LakePath, LakeError> {
        let path = layout::quarantine(unit, place, gzip_md5);
        self.store.publish(bytes, &path)?;
        Ok(path)
    }

    /// Removes a file of the lake, if it is there.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn remove(&self, path: &LakePath) -> Result<(), LakeError> {
        self.store.remove(path)
    }
}

/// Read before the rest: a newer lake's manifest may have another form.
#[derive(serde::Deserialize)]
struct ManifestVersion {
    format_version: u32,
}
