//! What the vendor says of an archive: what asking hands on to downloading.

use std::fmt;

use url::Url;

use super::Md5Hex;

/// A download address. Its path holds a token that lets anybody fetch the archive, so it prints as its host alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The whole address, for the one place that requests it.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// The host, without the port.
    pub fn host(&self) -> Option<&str> {
        self.0.host_str()
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Address {
        Address(url)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.host().unwrap_or("?"))
    }
}

/// One entry of `File`: an archive of the hour, and what the vendor says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// `URL`: good for about 20 minutes (*observed*); whether it still is, its own answer tells.
    pub address: Address,
    /// `GzipSize`, in bytes.
    pub gzip_bytes: Option<u64>,
    /// `GzipMD5`.
    pub gzip_md5: Option<Md5Hex>,
    /// `FileSize`, in bytes, before gzip.
    pub file_bytes: Option<u64>,
    /// `FileMD5`, of the content before gzip.
    pub file_md5: Option<Md5Hex>,
}
