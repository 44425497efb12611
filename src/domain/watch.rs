//! Since when an hour's loss is somebody's.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Hour;

/// Since when one chat type is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The oldest hour the lake is answerable for.
    pub watched_since: Hour,
    /// When the first `sync` of this chat type was.
    #[serde(serialize_with = "super::receipt::seconds")]
    pub first_sync_at: DateTime<Utc>,
}
