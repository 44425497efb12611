//! Batches of rows → the Parquet file.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{BloomFilterPosition, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::columns::{Origin, Rows};
use super::pages::SpillingPages;
use super::schema;
use crate::domain::message::Message;
use crate::domain::{Sha256Hex, Unit};
use crate::spool::Hashing;

/// Rows of a row group: readers work on row groups in parallel and skip them by their statistics and bloom filters, and
/// the contract with them is 100 000 to 1 000 000. Near the lower end, because a row group waits compressed until it is
/// full.
const ROW_GROUP_ROWS: usize = 131_072;

/// A batch is handed to the Parquet writer when it has so many rows …
const BATCH_ROWS: usize = 8192;

/// … or its elements so many bytes: text offsets in a batch are 32 bits wide, and one element may be 16 MiB and be there
/// several times over (in columns, in `elements`, in `extra`).
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// Writes the table of one unit, message by message. The bytes written depend on the messages alone, in their order.
pub struct TableWriter {
    rows: Rows,
    batch_bytes: usize,
    writer: ArrowWriter<Hashing<File>>,
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
        let options = ArrowWriterOptions::new()
            .with_properties(properties(sdkappid, unit))
            .with_page_store_factory(Arc::new(SpillingPages::new(spool.to_owned())));
        let writer = ArrowWriter::try_new_with_options(Hashing::new(file), schema::schema(), options).map_err(as_io)?;
        Ok(TableWriter { rows: Rows::new(sdkappid, unit), batch_bytes: 0, writer, msg_times: None })
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
        self.writer.write(&batch).map_err(as_io)
    }

    /// Writes what is left and the footer.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn finish(mut self) -> io::Result<Table> {
        if !self.rows.is_empty() {
            self.write_batch()?;
        }
        let footer = self.writer.finish().map_err(as_io)?;
        let rows = footer.file_metadata().num_rows() as u64;
        let (bytes, sha256) = self.writer.inner().sum();
        Ok(Table { rows, bytes, sha256, msg_times: self.msg_times })
    }
}

fn properties(sdkappid: u64, unit: Unit) -> WriterProperties {
    let metadata = [
        ("timlake.schema_version", schema::SCHEMA_VERSION.to_string()),
        ("timlake.sdkappid", sdkappid.to_string()),
        ("timlake.chat_type", unit.chat_type.to_string()),
        ("timlake.hour", unit.hour.to_string()),
    ];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec();
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        // Bloom filters are sized for a full row group and folded down to what it turns out to hold.
        .set_bloom_filter_position(BloomFilterPosition::AfterRowGroup)
        .set_key_value_metadata(Some(metadata));
    let with_bloom_filters = schema::BLOOM_FILTERED
        .into_iter()
        .fold(builder, |builder, column| builder.set_column_bloom_filter_enabled(ColumnPath::from(column), true));
    with_bloom_filters.build()
}

/// The disk's own error where there is one inside: whether a disk is full must stay visible.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(io) => *io,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
