//! Why an archive cannot be used.

use std::io;

use super::gunzip::GunzipError;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The gzip, or what comes out of it, is not what was promised.
    #[error(transparent)]
    Gunzip(GunzipError),
    /// What comes out of it is not the log that was asked for.
    #[error(transparent)]
    Framing(FramingError),
    /// The run was told to stop.
    #[error("interrupted")]
    Interrupted,
    /// The disk under the spool or the lake is at fault, not the archive.
    #[error("the archive cannot be worked on")]
    Io(#[source] io::Error),
}

impl ArchiveError {
    /// A word for what is wrong with the archive, stable across versions; `None` where the archive is not to blame.
    pub fn class(&self) -> Option<&'static str> {
        match self {
            ArchiveError::Gunzip(error) => Some(match error {
                GunzipError::NotGzip => "not_gzip",
                GunzipError::Truncated => "gzip_truncated",
                GunzipError::Damaged => "gzip_damaged",
                GunzipError::TooLong(_) | GunzipError::TooShort { .. } | GunzipError::Bomb(_) => "file_size",
                GunzipError::Md5 { .. } => "file_md5",
            }),
            ArchiveError::Framing(error) => match error {
                FramingError::NotALog => Some("not_a_log"),
                FramingError::HeaderMismatch { .. } => Some("header_mismatch"),
                FramingError::Truncated => Some("truncated"),
                FramingError::AfterTheEnd(_) => Some("after_the_end"),
                FramingError::BrokenElement { .. } => Some("broken_element"),
                FramingError::Io(_) => None,
            },
            ArchiveError::Interrupted | ArchiveError::Io(_) => None,
        }
    }
}

impl From<FramingError> for ArchiveError {
    fn from(error: FramingError) -> ArchiveError {
        match error {
            FramingError::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<Interrupted>()) => {
                ArchiveError::Interrupted
            }
            FramingError::Io(error) => match error.downcast::<GunzipError>() {
                Ok(gunzip) => ArchiveError::Gunzip(gunzip),
                Err(error) => ArchiveError::Io(error),
            },
            other => ArchiveError::Framing(other),
        }
    }
}

/// Why a file cannot be read as a log to its end.
#[derive(Debug, thiserror::Error)]
pub enum FramingError {
    /// It begins with something else than an object that has a `MsgList`.
    #[error("the file is not a message log: it does not begin with a header that opens a MsgList")]
    NotALog,
    /// The header is of something else than was asked for.
    #[error("the header's {key} is `{found}`, but `{expected}` was asked for")]
    HeaderMismatch {
        /// The header's key.
        key: &'static str,
        /// What was asked for.
        expected: String,
        /// What the header says.
        found: String,
    },
    /// The list, or the object around it, does not end.
    #[error("the file is truncated: its message list does not end")]
    Truncated,
    /// More than white space follows the end.
    #[error("the file goes on after the end of its message list, at byte {0}")]
    AfterTheEnd(u64),
    /// A broken element in a file that is not in lines.
    #[error("the file is not in lines and element {number} is broken, at byte {offset}")]
    BrokenElement {
        /// Counted from 1.
        number: u64,
        /// Of the byte that cannot stand there.
        offset: u64,
    },
    /// Reading failed, or a sink did.
    #[error("the file cannot be read to its end")]
    Io(#[from] io::Error),
}

/// Travels through a reader's `io::Error` where the run was told to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;
