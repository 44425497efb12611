//! The nouns: what everything else speaks of. No I/O here, and no clock.

mod chat_type;
mod digest;
pub mod element;
mod file_entry;
mod hour;
pub mod message;
pub mod provenance;
pub mod receipt;
mod unit;
mod watch;

pub use chat_type::{ChatType, ChatTypeError};
pub use digest::{Md5Hex, Sha256Hex};
pub use file_entry::{Address, FileEntry};
pub use hour::{Hour, HourError};
pub use unit::Unit;
pub use watch::Watch;

/// The first cause of an error, which says most in the fewest words.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
