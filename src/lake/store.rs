//! A folder of the local file system, written so that every file is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::LakeError;
use super::layout::LakePath;
use crate::domain::Sha256Hex;
use crate::failpoint;
use crate::spool::{Hashing, unfinished_file};

/// The folder inside a local lake in which files are made before they are renamed to their place.
const STAGING: &str = ".spool";

/// A local lake's files.
///
/// - A file appears under its name whole: it is written elsewhere on the same file system, made durable, and renamed.
/// - After `Ok` it is durable, name included. After `Err` the old file, if any, is still there.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The lake at `root`, which need not exist.
    pub fn new(root: PathBuf) -> Store {
        Store { root }
    }

    /// The lake's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for unfinished files on the lake's own file system.
    pub fn staging(&self) -> PathBuf {
        self.root.join(STAGING)
    }

    /// Where a path of the lake is in the file system.
    pub fn locate(&self, path: &LakePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// Makes the lake's folder and the one for unfinished files, empty.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn prepare(&self) -> Result<(), LakeError> {
        let staging = self.staging();
        crate::spool::prepare(&staging).map_err(|source| LakeError::io("prepare", &staging, source))
    }

    /// The file's bytes; `None` where there is no such file.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn read(&self, path: &LakePath) -> Result<Option<Vec<u8>>, LakeError> {
        match fs::read(self.locate(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(LakeError::io("read", &self.locate(path), source)),
        }
    }

    /// The file's length and digest; `None` where there is no such file.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn digest(&self, path: &LakePath) -> Result<Option<(u64, Sha256Hex)>, LakeError> {
        let digest = || -> io::Result<(u64, Sha256Hex)> {
            let mut hashing = Hashing::new(io::sink());
            io::copy(&mut File::open(self.locate(path))?, &mut hashing)?;
            Ok(hashing.sum())
        };
        match digest() {
            Ok(digest) => Ok(Some(digest)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(LakeError::io("read", &self.locate(path), source)),
        }
    }

    /// The names in a folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn list(&self, folder: &LakePath) -> Result<Vec<String>, LakeError> {
        let names = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(self.locate(folder))? {
                names.extend(entry?.file_name().into_string().ok());
            }
            names.sort_unstable();
            Ok(names)
        };
        match names() {
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            other => other.map_err(|source| LakeError::io("list", &self.locate(folder), source)),
        }
    }

    /// All files below a folder, sorted.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn walk(&self, folder: &LakePath, files: &mut Vec<LakePath>) -> Result<(), LakeError> {
        for name in self.list(folder)? {
            let path = folder.join(&name);
            if self.locate(&path).is_dir() {
                self.walk(&path, files)?;
            } else {
                files.push(path);
            }
        }
        Ok(())
    }

    /// Writes a small file.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn put(&self, path: &LakePath, bytes: &[u8]) -> Result<(), LakeError> {
        let write = || -> io::Result<()> {
            let mut file = unfinished_file(&self.staging())?;
            file.write_all(bytes)?;
            self.rename_durably(file.into_temp_path(), path)
        };
        write().map_err(|source| LakeError::io("write", &self.locate(path), source))
    }

    /// Moves a finished file into the lake.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn publish(&self, file: TempPath, path: &LakePath) -> Result<(), LakeError> {
        self.rename_durably(file, path).map_err(|source| LakeError::io("write", &self.locate(path), source))
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn remove(&self, path: &LakePath) -> Result<(), LakeError> {
        let target = self.locate(path);
        failpoint::pass();
        match fs::remove_file(&target).and_then(|()| sync_folder_of(&target)) {
            Err(error) if !is_absent(&error) => Err(LakeError::io("remove", &target, error)),
            _ => Ok(()),
        }
    }

    /// Removes a file that is there, without waiting until that is durable: after a power failure it may be back.
    ///
    /// # Errors
    /// [`LakeError::Io`].
    pub fn forget(&self, path: &LakePath) -> Result<(), LakeError> {
        let target = self.locate(path);
        failpoint::pass();
        fs::remove_file(&target).map_err(|source| LakeError::io("remove", &target, source))
    }

    fn rename_durably(&self, file: TempPath, path: &LakePath) -> io::Result<()> {
        let target = self.locate(path);
        if let Some(folder) = target.parent() {
            create_folders(folder)?;
        }
        File::open(&file)?.sync_all()?;
        failpoint::pass();
        match file.persist(&target) {
            Err(error) if error.error.kind() == io::ErrorKind::CrossesDevices => {
                // The spool is on another file system: bring the bytes to this one first.
                let mut copy = unfinished_file(&self.staging())?;
                io::copy(&mut File::open(&error.path)?, copy.as_file_mut())?;
                copy.as_file().sync_all()?;
                copy.into_temp_path().persist(&target)?;
            }
            other => other?,
        }
        sync_folder_of(&target)?;
        failpoint::pass();
        Ok(())
    }
}

/// Makes a folder and those above it, durably.
pub(super) fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        create_folders(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        other => other.and_then(|()| sync_folder_of(folder)),
    }
}

/// A name in a folder is durable once the folder is.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
