//! The unit of work.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ChatType, Hour};

/// One Beijing hour of one chat type: what is asked for, published and recorded as a whole or not at all.
/// Ordered oldest hour first, because the oldest is deleted first. Printed `C2C/2026111921`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The hour.
    pub hour: Hour,
    /// The log.
    pub chat_type: ChatType,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chat_type, self.hour)
    }
}
