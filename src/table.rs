//! Messages → one Parquet file, in bounded memory.

mod columns;
mod encoder;
mod pages;
mod properties;
mod reader;
mod rebuild;
pub mod schema;
mod writer;

pub use columns::Rows;
pub use reader::{ReadError, count_rows, each_group_seq, each_message};
pub use rebuild::{RebuildError, message_json};
pub use writer::{Table, TableWriter};
