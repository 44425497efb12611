//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::LakeError;

/// The file in the lake's root that the writer holds locked.
const LOCK: &str = ".lock";

/// The right to write into a lake, until it is dropped or the process ends, however it ends: the operating system holds
/// the lock, so a killed run leaves none behind.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at once or not at all.
    ///
    /// # Errors
    /// [`LakeError::Held`] where another process has it.
    pub fn take(root: &Path) -> Result<Lock, LakeError> {
        let path = root.join(LOCK);
        let io = |source| LakeError::io("lock", &path, source);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LakeError::Held { holder: holder(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        // For whoever finds the lake locked: a courtesy, so that a full disk is not noticed here.
        let _ = name_holder(&mut file);
        Ok(Lock { _file: file })
    }
}

fn name_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(64).read_to_string(&mut text) {
        Ok(_) if text.starts_with("process ") => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}
