//! The archive: `.gz` bytes with the sizes and digests that `get_history` states about them.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};

/// One file of one hour as the vendor serves it. MD5s are 32 lower-case hex digits (*observed* in all published replies).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The compressed bytes.
    pub gzip: Bytes,
    /// MD5 of [`Archive::gzip`].
    pub gzip_md5: String,
    /// Bytes before compression.
    pub file_bytes: u64,
    /// MD5 of the bytes before compression.
    pub file_md5: String,
}

/// Compresses what is written and keeps count on both sides. The same bytes in, the same bytes out.
pub(super) struct ArchiveWriter {
    plain: Digesting<GzEncoder<Digesting<Vec<u8>>>>,
}

impl ArchiveWriter {
    /// Fast rather than small: most of the time of a large hour goes into compression.
    pub(super) fn new() -> ArchiveWriter {
        let packed = Digesting::new(Vec::new());
        ArchiveWriter { plain: Digesting::new(GzEncoder::new(packed, Compression::fast())) }
    }

    /// The archive of everything written.
    pub(super) fn finish(self) -> io::Result<Archive> {
        let Digesting { inner: encoder, bytes: file_bytes, md5 } = self.plain;
        let packed = encoder.finish()?;
        Ok(Archive {
            gzip: Bytes::from(packed.inner),
            gzip_md5: hex(&packed.md5.finalize()),
            file_bytes,
            file_md5: hex(&md5.finalize()),
        })
    }
}

impl Write for ArchiveWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.plain.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.plain.flush()
    }
}

/// Passes bytes on and digests them.
struct Digesting<W> {
    inner: W,
    bytes: u64,
    md5: Md5,
}

impl<W> Digesting<W> {
    fn new(inner: W) -> Digesting<W> {
        Digesting { inner, bytes: 0, md5: Md5::new() }
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.md5.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn sizes_and_digests_are_those_of_the_bytes() {
        let mut writer = ArchiveWriter::new();
        writer.write_all(b"hello ").unwrap();
        writer.write_all(b"world").unwrap();
        let archive = writer.finish().unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&archive.gzip[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, b"hello world");
        assert_eq!((archive.file_bytes, archive.file_md5.as_str()), (11, "5eb63bbbe01eeed093cb22bb8f5acdc3"));
        assert_eq!(archive.gzip_md5, hex(&Md5::digest(&archive.gzip)));
    }
}
