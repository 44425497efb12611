//! The Parquet file → its messages.

use std::fs::File;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
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

/// Rows decoded at once where a row is two values.
const SLIM_BATCH_ROWS: usize = 8192;

/// Calls `each` with the `group_id` and the `msg_seq` of every row, in order. Only these two columns are read and decoded.
///
/// # Errors
/// [`ReadError`]; `each` may have been called before.
pub fn each_group_seq(file: File, mut each: impl FnMut(Option<&str>, Option<i64>)) -> Result<(), ReadError> {
    const GROUP_ID: &str = "group_id";
    const MSG_SEQ: &str = "msg_seq";
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let columns = ProjectionMask::columns(builder.parquet_schema(), [GROUP_ID, MSG_SEQ]);
    for batch in builder.with_projection(columns).with_batch_size(SLIM_BATCH_ROWS).build()? {
        let batch: RecordBatch = batch?;
        let group_ids = batch.column_by_name(GROUP_ID).and_then(|column| column.as_string_opt::<i32>());
        let group_ids = group_ids.ok_or(RebuildError::Column(GROUP_ID))?;
        let msg_seqs = batch.column_by_name(MSG_SEQ).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let msg_seqs = msg_seqs.ok_or(RebuildError::Column(MSG_SEQ))?;
        for (group_id, msg_seq) in group_ids.iter().zip(msg_seqs) {
            each(group_id, msg_seq);
        }
    }
    Ok(())
}
