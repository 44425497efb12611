//! Batches of rows → the Parquet file.

use std::fs::File;
use std::io;
use std::path::Path;

use super::columns::{Origin, Rows};
use super::encoder::{Encoded, Encoder};
use crate::domain::message::Message;
use crate::domain::{Sha256Hex, Unit};

/// A batch is handed to the encoder when it has so many rows: what is filled by one thread should still be in the
/// processor's cache when the other comes to it …
const BATCH_ROWS: usize = 4096;

/// … or its elements so many bytes: one element may be 16 MiB and be there several times over (in columns, in `elements`,
/// in `extra`), and a few batches are under way at once.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Writes the table of one unit, message by message. The bytes written depend on the messages alone, in their order: where
/// a batch ends does, and what the encoder makes of the batches.
pub struct TableWriter {
    rows: Rows,
    batch_bytes: usize,
    encoder: Encoder,
    msg_times: Option<(i64, i64)>,
}

/// A finished Parquet file, not yet durable.
pub struct Table {
    /// Its rows, as its footer says.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256Hex,
    /// Smallest and largest `msg_time` in Unix seconds; `None` where no row has one.
    pub msg_times: Option<(i64, i64)>,
}

impl TableWriter {
    /// Starts the table of `unit` at the front of an empty `file`. Pages too many to hold wait in an unnamed file in
    /// `spool`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn new(file: File, sdkappid: u64, unit: Unit, spool: &Path) -> io::Result<TableWriter> {
        let encoder = Encoder::start(file, sdkappid, unit, spool)?;
        Ok(TableWriter { rows: Rows::new(sdkappid, unit), batch_bytes: 0, encoder, msg_times: None })
    }

    /// Adds one row; `text` is the message's element, from line `source_line` of archive `source_file`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn push(&mut self, message: &Message, text: &str, source_file: u64, source_line: u64) -> io::Result<()> {
        if let Some(seconds) = message.ints[2] {
            let (first, last) = self.msg_times.unwrap_or((seconds, seconds));
            self.msg_times = Some((first.min(seconds), last.max(seconds)));
        }
        self.rows.push(message, text, Origin { source_file, source_line });
        self.batch_bytes += text.len();
        if self.rows.len() >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES {
            self.write_batch()?;
        }
        Ok(())
    }

    fn write_batch(&mut self) -> io::Result<()> {
        self.batch_bytes = 0;
        let batch = self.rows.take().map_err(io::Error::other)?;
        self.encoder.take(batch)
    }

    /// Writes what is left and the footer.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn finish(mut self) -> io::Result<Table> {
        if !self.rows.is_empty() {
            self.write_batch()?;
        }
        let Encoded { rows, bytes, sha256 } = self.encoder.finish()?;
        Ok(Table { rows, bytes, sha256, msg_times: self.msg_times })
    }
}
