//! The vendor's `.gz` → its content, held against what the vendor said of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use md5::{Digest, Md5};

use crate::domain::Md5Hex;

/// What the vendor's reply says of the content: `FileSize` and `FileMD5`. What it leaves out is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promised {
    /// `FileSize`: bytes before gzip.
    pub bytes: Option<u64>,
    /// `FileMD5`: of the content.
    pub md5: Option<Md5Hex>,
}

/// Why the content cannot be had, or is not what was promised.
#[derive(Debug, thiserror::Error)]
pub enum GunzipError {
    /// Does not begin as a gzip does.
    #[error("it is not gzip")]
    NotGzip,
    /// Ends in the middle of a gzip member, or of what would have to be one.
    #[error("the gzip is truncated, or a few bytes follow it")]
    Truncated,
    /// A check sum, a header, or what follows the last member is wrong.
    #[error("the gzip is damaged, or something follows it")]
    Damaged,
    /// More comes out than promised. Stopped there.
    #[error("more than the promised FileSize of {0} bytes comes out of the gzip")]
    TooLong(u64),
    /// Nothing was promised, and more comes out than of any log. Stopped there.
    #[error("no FileSize is promised, and more than {0} bytes come out of the gzip: no log is that repetitive")]
    Bomb(u64),
    /// Less comes out than promised.
    #[error("{found} bytes came out of the gzip, but FileSize promises {promised}")]
    TooShort {
        /// `FileSize`.
        promised: u64,
        /// What came out.
        found: u64,
    },
    /// Something else comes out than promised.
    #[error("the content's MD5 is {found}, but FileMD5 promises {promised}")]
    Md5 {
        /// `FileMD5`.
        promised: Md5Hex,
        /// Of what came out.
        found: Md5Hex,
    },
}

impl From<GunzipError> for io::Error {
    fn from(error: GunzipError) -> io::Error {
        io::Error::other(error)
    }
}

/// So many times its own length, and [`SLACK`], may come out of a gzip whose content's length is not promised. Logs
/// seen have 5 to 36 times; gzip reaches 1032.
const LARGEST_RATIO: u64 = 300;

/// See [`LARGEST_RATIO`]: short files may be as repetitive as they like.
const SLACK: u64 = 64 * 1024 * 1024;

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Bytes.
    pub bytes: u64,
    /// Their MD5.
    pub md5: Md5Hex,
}

/// A reader of the content of all gzip members, one after another. Its errors hold a [`GunzipError`] where the archive
/// is at fault, and are the disk's otherwise.
pub struct Gunzip {
    decoder: MultiGzDecoder<BufReader<File>>,
    promised: Promised,
    unpromised_limit: u64,
    md5: Md5,
    bytes: u64,
}

impl Gunzip {
    /// Reads the archive in `file` from its first byte.
    ///
    /// # Errors
    /// [`GunzipError::NotGzip`] inside, or the disk's.
    pub fn new(file: File, promised: Promised) -> io::Result<Gunzip> {
        const BUFFER: usize = 256 * 1024;
        let unpromised_limit = file.metadata()?.len().saturating_mul(LARGEST_RATIO).saturating_add(SLACK);
        let mut reader = BufReader::with_capacity(BUFFER, file);
        if !reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            return Err(GunzipError::NotGzip.into());
        }
        Ok(Gunzip { decoder: MultiGzDecoder::new(reader), promised, unpromised_limit, md5: Md5::new(), bytes: 0 })
    }

    /// What came out, held against what was promised; to be asked after the last byte was read.
    ///
    /// # Errors
    /// [`GunzipError::TooShort`] or [`GunzipError::Md5`].
    pub fn finish(self) -> Result<Content, GunzipError> {
        let md5 = Md5Hex::from_digest(self.md5.finalize().into());
        match self.promised {
            Promised { bytes: Some(promised), .. } if promised != self.bytes => {
                Err(GunzipError::TooShort { promised, found: self.bytes })
            }
            Promised { md5: Some(promised), .. } if promised != md5 => Err(GunzipError::Md5 { promised, found: md5 }),
            _ => Ok(Content { bytes: self.bytes, md5 }),
        }
    }
}

impl Read for Gunzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => GunzipError::Truncated.into(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => GunzipError::Damaged.into(),
            _ => error,
        })?;
        self.bytes += count as u64;
        match self.promised.bytes {
            Some(promised) if self.bytes > promised => return Err(GunzipError::TooLong(promised).into()),
            None if self.bytes > self.unpromised_limit => return Err(GunzipError::Bomb(self.unpromised_limit).into()),
            _ => {}
        }
        self.md5.update(&buffer[..count]);
        Ok(count)
    }
}
