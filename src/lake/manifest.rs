//! `lake.json`: whose lake it is, and since when it is watched.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::domain::receipt::rfc3339;
use crate::domain::{ChatType, Hour};

/// Version of the lake's layout and of the receipts' form. A lake of a newer one is refused.
pub const FORMAT_VERSION: u32 = 1;

/// Since when one chat type is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The oldest hour the lake is answerable for.
    pub watched_since: Hour,
    /// When the first `sync` of this chat type was.
    #[serde(serialize_with = "exact")]
    pub first_sync_at: DateTime<Utc>,
}

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

fn exact<S: Serializer>(instant: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*instant))
}
