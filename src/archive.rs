//! Archive → lines → messages: gunzip, framing, normalization. Plain synchronous code: bytes in, calls of a [`Sink`] out.

mod framing;
mod gunzip;
mod header;
mod message;
mod normalizer;
mod number;
mod regular;
mod scanner;
mod seen;
mod source;

use std::fs::File;
use std::io;
use std::path::Path;

use crate::domain::Unit;

pub use framing::{FramingError, MAX_ELEMENT, RejectReason, RejectedBytes};
pub use gunzip::{Content, GunzipError, Promised};
pub use header::Header;
pub use normalizer::{Counts, Sink};
pub use seen::Seen;
pub use source::Place;

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
                GunzipError::Truncated => "gzip_truncated",
                GunzipError::Damaged => "gzip_damaged",
                GunzipError::TooLong(_) | GunzipError::TooShort { .. } => "file_size",
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

/// What one archive turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSummary {
    /// Its content.
    pub content: Content,
    /// What its header says.
    pub header: Header,
    /// Its elements.
    pub counts: Counts,
}

/// What an archive is held against.
pub struct Expected {
    /// The app it must be of.
    pub sdkappid: u64,
    /// The chat type and hour it must be of.
    pub unit: Unit,
    /// What the vendor said of its content.
    pub promised: Promised,
}

/// Reads one archive of a unit to its end and hands everything in it to `sink`. Duplicates are told by `seen`, which all
/// archives of the unit share. Elements too long to hold lie in unnamed files in `spool` meanwhile. Once `stop` says
/// so, reading ends with [`ArchiveError::Interrupted`].
///
/// # Errors
/// [`ArchiveError`], also where only the end tells that something is wrong: what `sink` took before must not be published.
pub fn read(
    archive: File,
    expected: &Expected,
    spool: &Path,
    seen: &mut Seen,
    sink: &mut impl Sink,
    stop: &dyn Fn() -> bool,
) -> Result<ArchiveSummary, ArchiveError> {
    let mut content = gunzip::Gunzip::new(archive, expected.promised.clone());
    let mut normalizer = normalizer::Normalizer::new(seen, sink);
    let check = |header: &Header| header.check(expected.sdkappid, expected.unit);
    let header = framing::read(Stoppable { reader: &mut content, stop }, spool, check, &mut normalizer)?;
    let counts = normalizer.counts;
    let content = content.finish().map_err(ArchiveError::Gunzip)?;
    Ok(ArchiveSummary { content, header, counts })
}

/// A reader that ends with an error once the run is told to stop.
struct Stoppable<'a, R> {
    reader: R,
    stop: &'a dyn Fn() -> bool,
}

#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

impl<R: io::Read> io::Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.stop)() {
            return Err(io::Error::other(Interrupted));
        }
        self.reader.read(buffer)
    }
}
