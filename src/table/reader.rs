//! The Parquet file → its messages.

use std::fs::File;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::rebuild::{RebuildError, message_json};

/// Why a table cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no Parquet file, or a damaged one.
    #[error("the Parquet file cannot be opened")]
    Open(#[from] ParquetError),
    /// A page of it is damaged.
    #[error("the Parquet file cannot be decoded")]
    Decode(#[from] ArrowError),
    /// It is not our table.
    #[error("the Parquet file does not hold the table")]
    Rebuild(#[from] RebuildError),
}

/// Calls `each` with the JSON of every message in the file, in order. See [`message_json`].
///
/// # Errors
/// [`ReadError`]; `each` may have been called before.
pub fn each_message(file: File, mut each: impl FnMut(&str)) -> Result<(), ReadError> {
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
        let batch: RecordBatch = batch?;
        for row in 0..batch.num_rows() {
            each(&message_json(&batch, row)?);
        }
    }
    Ok(())
}

/// Decodes every page of the file and counts its rows.
///
/// # Errors
/// [`ReadError`].
pub fn count_rows(file: File) -> Result<u64, ReadError> {
    let mut rows = 0;
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
        rows += batch?.num_rows() as u64;
    }
    Ok(rows)
}
