//! The two kinds of log that the vendor writes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which of the vendor's two hourly logs: one-to-one or group messages. Printed as the vendor spells it in requests,
/// `C2C` and `Group` (*documented*, cloud.tencent.com/document/product/269/1650).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChatType {
    /// One-to-one messages of all conversations of the app.
    #[serde(rename = "C2C")]
    C2c,
    /// Messages of all groups of the app.
    Group,
}

impl ChatType {
    /// Both, in the order in which units of one hour are worked on.
    pub const ALL: [ChatType; 2] = [ChatType::C2c, ChatType::Group];

    /// The vendor's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            ChatType::C2c => "C2C",
            ChatType::Group => "Group",
        }
    }
}

/// A text that names no [`ChatType`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a chat type: write C2C or Group")]
pub struct ChatTypeError(String);

impl FromStr for ChatType {
    type Err = ChatTypeError;

    /// Any letter case.
    fn from_str(text: &str) -> Result<ChatType, ChatTypeError> {
        ChatType::ALL
            .into_iter()
            .find(|chat_type| chat_type.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| ChatTypeError(text.to_owned()))
    }
}

impl fmt::Display for ChatType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
