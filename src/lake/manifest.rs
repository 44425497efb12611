//! `lake.json`: whose lake it is, and since when it is watched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{ChatType, Watch};

/// Version of the lake's layout and of the receipts' form. A lake of a newer one is refused.
pub const FORMAT_VERSION: u32 = 1;

/// The content of `lake.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the program that made the lake.
    pub format_version: u32,
    /// The app the lake belongs to.
    pub sdkappid: u64,
    /// The chat types that a `sync` has ever been asked for.
    #[serde(default)]
    pub chat_types: BTreeMap<ChatType, Watch>,
}

impl Manifest {
    /// A new lake's.
    pub fn new(sdkappid: u64) -> Manifest {
        Manifest { format_version: FORMAT_VERSION, sdkappid, chat_types: BTreeMap::new() }
    }
}
