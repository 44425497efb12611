//! Where things rest: the table, the archives, the ledger.
//!
//! What is durable when, unit by unit: archives, then rejects, then the Parquet file, then the receipt. Each appears under
//! its name whole; the next is begun when the one before is durable. A unit is finished when its receipt is there, and
//! whatever no receipt names may be overwritten.

pub mod layout;
mod lock;
mod manifest;
mod store;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::domain::receipt::Receipt;
use crate::domain::{ChatType, Hour, Md5Hex, Unit};

pub use layout::LakePath;
pub use lock::Lock;
pub use manifest::{FORMAT_VERSION, Manifest};
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
    /// [`LakeError::Newer`], [`LakeError::OtherApp`], [`LakeError::Damaged`]; the last also where there are receipts
    /// but no manifest, because nobody knows then whose they are and what is watched.
    pub fn manifest(&self, sdkappid: Option<u64>) -> Result<Option<Manifest>, LakeError> {
        const REMEDY: &str = "write it anew by hand: the README tells its form";
        let damaged = |cause| LakeError::Damaged { path: self.locate(&layout::manifest()), cause, remedy: REMEDY };
        let Some(bytes) = self.store.read(&layout::manifest())? else {
            let has_receipts = !self.store.list(&layout::receipts())?.is_empty();
            return if has_receipts {
                Err(damaged("it is missing, but there are receipts".to_owned()))
            } else {
                Ok(None)
            };
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

    /// Writes the manifest. Durable after `Ok`; the old one stands after `Err`.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<(), LakeError> {
        self.put_json(&layout::manifest(), manifest)
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
            remedy: "move it away, and the hour is asked for again while the vendor still has it",
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
    /// The unit is marked first with the names of its archives, so that the next run knows what a kill left half done.
    ///
    /// # Errors
    /// [`LakeError::Io`]; the unit is unfinished then, and the next run does this again.
    pub fn publish(&self, unit: Unit, finished: Finished) -> Result<(), LakeError> {
        let names: Vec<&str> = finished.raw.iter().map(|(path, _)| path.name()).collect();
        self.store.put(&layout::mark(unit), names.join("\n").as_bytes())?;
        for (path, file) in finished.raw {
            if let Some(file) = file {
                self.store.publish(file, &path)?;
            }
        }
        self.replace(finished.rejects, &layout::rejects(unit))?;
        self.replace(finished.parquet, &layout::parquet(unit))
    }

    fn replace(&self, file: Option<TempPath>, path: &LakePath) -> Result<(), LakeError> {
        match file {
            Some(file) => self.store.publish(file, path),
            None => self.store.remove(path),
        }
    }

    /// Writes a receipt: with it, its unit is in the state it names. Then clears up as [`Lake::clear_up`].
    ///
    /// # Errors
    /// [`LakeError::Io`]; where the receipt could be written, it stands.
    pub fn commit(&self, receipt: &Receipt) -> Result<(), LakeError> {
        self.record(receipt)?;
        self.clear_up(receipt)
    }

    /// Takes away the archives of a finished unit that its receipt does not name, and the mark of its publication.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn clear_up(&self, receipt: &Receipt) -> Result<(), LakeError> {
        let unit = receipt.unit();
        for (_, path) in self.raw_of(unit)? {
            if !receipt.raw.iter().any(|raw| raw.path == path.as_str()) {
                self.store.remove(&path)?;
            }
        }
        self.unmark(unit)
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

    /// Takes away the mark of a unit's publication, and nothing else.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn unmark(&self, unit: Unit) -> Result<(), LakeError> {
        self.store.remove(&layout::mark(unit))
    }

    /// The archives of a unit whose publication was begun and not cleared up, as far as they are in the lake; `None` where
    /// it was not begun.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn marked(&self, unit: Unit) -> Result<Option<Vec<LakePath>>, LakeError> {
        let Some(names) = self.store.read(&layout::mark(unit))? else { return Ok(None) };
        let names = String::from_utf8_lossy(&names).into_owned();
        let folder = layout::raw_folder(unit);
        Ok(Some(names.lines().map(|name| folder.join(name)).collect()))
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

    /// One JSON document, indented for the people who will read it, with a line break at its end.
    fn put_json(&self, path: &LakePath, document: &impl serde::Serialize) -> Result<(), LakeError> {
        let json = serde_json::to_vec_pretty(document);
        let mut bytes = json.map_err(|error| LakeError::io("write", &self.locate(path), error.into()))?;
        bytes.push(b'\n');
        self.store.put(path, &bytes)
    }

    /// The archives of a unit that are in the lake, with their places in the vendor's list, in that order.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn raw_of(&self, unit: Unit) -> Result<Vec<(usize, LakePath)>, LakeError> {
        let folder = layout::raw_folder(unit);
        let names = self.store.list(&folder)?;
        let mut archives: Vec<(usize, LakePath)> =
            names.iter().filter_map(|name| Some((layout::place_of_archive(unit, name)?, folder.join(name)))).collect();
        archives.sort();
        Ok(archives)
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
