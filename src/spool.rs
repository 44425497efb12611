//! Where archives and unfinished files lie while they are worked on.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::domain::{Md5Hex, Sha256Hex};

/// An empty file in `folder` that removes itself unless it is moved away. Its permissions follow the umask.
///
/// # Errors
/// As the file system.
pub fn unfinished_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

/// Makes `folder`, empty: what a killed run left in it is gone after `Ok`.
///
/// # Errors
/// As the file system.
pub fn prepare(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(folder),
    }
}

/// Counts and hashes what is written through it.
pub struct Hashing<W> {
    inner: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    /// Nothing written yet.
    pub fn new(inner: W) -> Hashing<W> {
        Hashing { inner, sha256: Sha256::new(), bytes: 0 }
    }

    /// Bytes written so far, and their digest.
    pub fn sum(&self) -> (u64, Sha256Hex) {
        (self.bytes, Sha256Hex::from_digest(self.sha256.clone().finalize().into()))
    }
}
impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.sha256.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Takes bytes for their number and digests alone.
#[derive(Default)]
pub struct Digests {
    md5: Md5,
    sha256: Sha256,
    bytes: u64,
}

impl Digests {
    /// How many bytes there were, and their digests.
    pub fn finish(self) -> (u64, Md5Hex, Sha256Hex) {
        (
            self.bytes,
            Md5Hex::from_digest(self.md5.finalize().into()),
            Sha256Hex::from_digest(self.sha256.finalize().into()),
        )
    }
}

impl Write for Digests {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.md5.update(buffer);
        self.sha256.update(buffer);
        self.bytes += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
