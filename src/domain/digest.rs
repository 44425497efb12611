//! The two digests that archives and files are named by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An MD5 as 32 lower-case hex digits, as every published reply of the vendor writes it (*observed*).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Md5Hex(String);

impl Md5Hex {
    /// From the digest's 16 bytes.
    pub fn from_digest(digest: [u8; 16]) -> Md5Hex {
        Md5Hex(hex(&digest))
    }

    /// As written by the vendor, in any letter case. What is no MD5 is kept as it is: it equals none.
    pub fn from_vendor(text: &str) -> Md5Hex {
        Md5Hex(text.trim().to_ascii_lowercase())
    }

    /// The first eight digits, which name the archive in the lake.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl fmt::Display for Md5Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(40).filter(|c| !c.is_control()).collect();
        f.write_str(&shown)
    }
}

/// A SHA-256 as 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// From the digest's 32 bytes.
    pub fn from_digest(digest: [u8; 32]) -> Sha256Hex {
        Sha256Hex(hex(&digest))
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
