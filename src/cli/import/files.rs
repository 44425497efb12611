//! What was typed → archives and their headers. Whatever cannot be one is refused with a line of its own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::archive::{self, Header};
use crate::domain::Unit;

/// An archive that says where it belongs.
pub(super) struct Archive {
    pub(super) file: PathBuf,
    pub(super) header: Header,
    pub(super) unit: Unit,
}

/// A file or folder that is not taken, and why.
pub(super) struct Refused {
    pub(super) path: PathBuf,
    pub(super) cause: String,
}

/// What the arguments of an import stand for.
#[derive(Default)]
pub(super) struct Found {
    /// In argument order; those of a folder by name.
    pub(super) archives: Vec<Archive>,
    pub(super) refused: Vec<Refused>,
    /// Files in folders that are not called `.gz`.
    pub(super) passed_over: usize,
}

/// Finds the archives that are meant, and reads their headers; stops where `stop` says so.
pub(super) fn find(arguments: &[PathBuf], stop: &dyn Fn() -> bool) -> Found {
    let mut walk = Walk::default();
    for argument in arguments {
        walk.argument(argument);
    }
    let Walk { files, mut found, .. } = walk;
    for file in files {
        if stop() {
            break;
        }
        match archive_at(&file) {
            Ok((header, unit)) => found.archives.push(Archive { file, header, unit }),
            Err(cause) => found.refused.push(Refused { path: file, cause }),
        }
    }
    found
}

fn archive_at(file: &Path) -> Result<(Header, Unit), String> {
    let header = File::open(file).map_err(|error| unreadable(&error))?;
    let header = archive::header_of(header).map_err(|error| format!("{:#}", anyhow!(error)))?;
    let unit = header.unit();
    let unit = unit.ok_or("its header names no chat type and hour, so nobody can say where it belongs")?;
    Ok((header, unit))
}

fn unreadable(error: &io::Error) -> String {
    format!("it cannot be read: {error}")
}

/// Which file or folder it is, under whatever name.
type Identity = (u64, u64);

/// A walk through files and folders. A folder is walked once, under the first of its names.
#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    found: Found,
    /// Folders that were begun.
    known: HashSet<Identity>,
    /// Those among them that are not done: the folders above the current place.
    above: Vec<Identity>,
}

impl Walk {
    fn argument(&mut self, path: &Path) {
        match fs::metadata(path) {
            Err(error) => self.refuse(path, unreadable(&error)),
            Ok(metadata) if metadata.is_dir() => self.folder(path, &metadata, true),
            Ok(metadata) => self.file(path, &metadata),
        }
    }

    /// A folder of which something is `expected` is refused where it has nothing.
    fn folder(&mut self, path: &Path, metadata: &Metadata, expected: bool) {
        let identity = (metadata.dev(), metadata.ino());
        if self.above.contains(&identity) {
            return self.refuse(path, "it leads back into a folder that it is in".to_owned());
        }
        if !self.known.insert(identity) {
            return;
        }
        let before = (self.files.len(), self.found.refused.len());
        self.above.push(identity);
        match names(path) {
            Err(error) => self.refuse(path, unreadable(&error)),
            Ok(names) => names.iter().for_each(|name| self.entry(&path.join(name))),
        }
        self.above.pop();
        if expected && before == (self.files.len(), self.found.refused.len()) {
            self.refuse(path, "the folder has no .gz file in it".to_owned());
        }
    }

    fn entry(&mut self, path: &Path) {
        match fs::metadata(path) {
            // A link that leads nowhere may have led to archives once, whatever it is called.
            Err(error) => self.refuse(path, unreadable(&error)),
            Ok(metadata) if metadata.is_dir() => self.folder(path, &metadata, is_called_gz(path)),
            Ok(metadata) if is_called_gz(path) => self.file(path, &metadata),
            Ok(_) => self.found.passed_over += 1,
        }
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        if !metadata.is_file() {
            // Opening one would wait for somebody to write into it.
            self.refuse(path, format!("it is {}, and no regular file", kind_of(metadata.file_type())));
        } else if metadata.len() == 0 {
            self.refuse(path, "the file is empty".to_owned());
        } else {
            self.files.push(path.to_owned());
        }
    }

    fn refuse(&mut self, path: &Path, cause: String) {
        self.found.refused.push(Refused { path: path.to_owned(), cause });
    }
}

fn names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn is_called_gz(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

fn kind_of(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
