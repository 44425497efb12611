//! What a unit's kept archives cannot say of themselves.

use serde::{Deserialize, Serialize};

use super::receipt::{ArchiveRecord, Conflict, RawRecord, Receipt};

/// Where a unit's kept archives came from, and that they are all of them. Kept beside the receipt: with it, a receipt
/// that was lost can be made again from the archives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The kept archives, all of the unit, in the order of the vendor's reply. Paths are relative to the lake.
    pub raw: Vec<RawRecord>,
    /// The same archives, as the receipt describes them.
    pub archives: Vec<ArchiveRecord>,
    /// Archives offered later that were not taken.
    #[serde(default)]
    pub conflict: Option<Conflict>,
    /// Archives that a person's order replaced.
    #[serde(default)]
    pub set_aside: Vec<String>,
}

impl Provenance {
    /// What a receipt says; `None` where it names no kept archives.
    pub fn of(receipt: &Receipt) -> Option<Provenance> {
        (!receipt.raw.is_empty()).then(|| Provenance {
            raw: receipt.raw.clone(),
            archives: receipt.archives.clone(),
            conflict: receipt.conflict.clone(),
            set_aside: receipt.set_aside.clone(),
        })
    }

    /// Every archive with its place in the lake.
    pub fn each(&self) -> impl Iterator<Item = (&RawRecord, &ArchiveRecord)> {
        self.raw.iter().zip(&self.archives)
    }
}
