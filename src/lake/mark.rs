//! What an unfinished publication is about to do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::provenance::Provenance;
use crate::domain::receipt::Receipt;

/// Written before the first file of a publication and removed after its receipt: whoever finds one knows what a killed run
/// left half done, and which files are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The archives that are being published, kept afterwards or not.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Archives that have no use any more once the receipt is there: those of the receipt before, and of publications
    /// that were interrupted. Paths are relative to the lake.
    #[serde(default)]
    pub superseded: BTreeSet<String>,
}

impl Mark {
    /// Of a publication that follows on this receipt and on this interrupted publication.
    pub(super) fn new(provenance: Provenance, before: Option<&Receipt>, interrupted: Option<Mark>) -> Mark {
        let mut superseded: BTreeSet<String> = before.into_iter().flat_map(|before| &before.raw).map(path).collect();
        if let Some(interrupted) = interrupted {
            superseded.extend(interrupted.provenance.raw.iter().map(path));
            superseded.extend(interrupted.superseded);
        }
        Mark { provenance, superseded }
    }

    /// The archives that go once this receipt stands.
    pub(super) fn leftovers(&self, receipt: &Receipt) -> BTreeSet<String> {
        let mut leftovers = self.superseded.clone();
        leftovers.extend(self.provenance.raw.iter().map(path));
        for kept in &receipt.raw {
            leftovers.remove(&kept.path);
        }
        leftovers
    }
}

fn path(raw: &crate::domain::receipt::RawRecord) -> String {
    raw.path.clone()
}
