//! Where archives and unfinished files lie while they are worked on.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

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
