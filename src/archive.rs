//! Archive → lines → messages: gunzip, framing, normalization. Plain synchronous code: bytes in, calls of a [`Sink`] out.

mod ahead;
mod canonical;
mod error;
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

pub use error::{ArchiveError, FramingError};
pub use framing::{MAX_ELEMENT, RejectReason, RejectedBytes};
pub use gunzip::{Content, GunzipError, Promised};
pub use header::Header;
pub use normalizer::{Counts, Sink};
pub use seen::{Fingerprint, Seen};
pub use source::Place;

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

/// Reads an archive's header alone.
///
/// # Errors
/// [`ArchiveError`].
pub fn header_of(archive: File) -> Result<Header, ArchiveError> {
    let content = gunzip::Gunzip::new(archive, Promised::default()).map_err(FramingError::Io)?;
    Ok(header::read(&mut source::Source::new(content))?)
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
    let mut content = gunzip::Gunzip::new(archive, expected.promised.clone()).map_err(FramingError::Io)?;
    let mut normalizer = normalizer::Normalizer::new(seen, sink);
    let check = |header: &Header| header.check(expected.sdkappid, expected.unit);
    let header =
        ahead::read(&mut content, |reader| framing::read(Stoppable { reader, stop }, spool, check, &mut normalizer));
    let header = header.map_err(FramingError::Io)??;
    let counts = normalizer.counts;
    let content = content.finish().map_err(ArchiveError::Gunzip)?;
    Ok(ArchiveSummary { content, header, counts })
}

/// A reader that ends with an error once the run is told to stop.
struct Stoppable<'a, R> {
    reader: R,
    stop: &'a dyn Fn() -> bool,
}

impl<R: io::Read> io::Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.stop)() {
            return Err(io::Error::other(error::Interrupted));
        }
        self.reader.read(buffer)
    }
}
