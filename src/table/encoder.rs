//! Batches → the Parquet file, by a thread of its own.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;

use super::pages::SpillingPages;
use super::properties::properties;
use super::schema;
use crate::domain::{Sha256Hex, Unit};
use crate::spool::Hashing;

/// Batches that may wait while one is being filled and one encoded. One is enough to keep both sides at work, and each may
/// hold a message of 16 MiB twice.
const BATCHES_WAITING: usize = 1;

/// Encodes, compresses and writes batches while the next one is filled.
pub(super) struct Encoder {
    batches: SyncSender<RecordBatch>,
    /// None once it was found that it had ended early.
    thread: Option<JoinHandle<Result<Writer, ParquetError>>>,
}

type Writer = ArrowWriter<Hashing<File>>;

/// A finished file.
pub(super) struct Encoded {
    /// As its footer says.
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) sha256: Sha256Hex,
}

impl Encoder {
    /// Starts at the front of an empty `file`. Pages too many to hold wait in an unnamed file in `spool`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn start(file: File, sdkappid: u64, unit: Unit, spool: &Path) -> io::Result<Encoder> {
        let options = ArrowWriterOptions::new()
            .with_properties(properties(sdkappid, unit))
            .with_page_store_factory(Arc::new(SpillingPages::new(spool.to_owned())));
        let mut writer =
            ArrowWriter::try_new_with_options(Hashing::new(file), schema::schema(), options).map_err(as_io)?;
        let (batches, filled) = sync_channel::<RecordBatch>(BATCHES_WAITING);
        // No footer here: the batches may have ended because something went wrong with the unit.
        let encoding = move || filled.iter().try_for_each(|batch| writer.write(&batch)).map(|()| writer);
        let thread = thread::Builder::new().name("encode".to_owned()).spawn(encoding)?;
        Ok(Encoder { batches, thread: Some(thread) })
    }

    /// Takes a batch once there is room for it.
    ///
    /// # Errors
    /// Where it, or one before it, cannot be written.
    pub(super) fn take(&mut self, batch: RecordBatch) -> io::Result<()> {
        match self.batches.send(batch) {
            Ok(()) => Ok(()),
            Err(_) => joined(self.thread.take()).map(|_| ()),
        }
    }

    /// Waits until all batches are in the file, and writes the footer.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn finish(self) -> io::Result<Encoded> {
        let Encoder { batches, thread } = self;
        drop(batches);
        let mut writer = joined(thread)?;
        let footer = writer.finish().map_err(as_io)?;
        let (bytes, sha256) = writer.inner().sum();
        Ok(Encoded { rows: footer.file_metadata().num_rows() as u64, bytes, sha256 })
    }
}

fn joined(thread: Option<JoinHandle<Result<Writer, ParquetError>>>) -> io::Result<Writer> {
    match thread.map(JoinHandle::join) {
        Some(Ok(written)) => written.map_err(as_io),
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => Err(io::Error::other("the file was given up before")),
    }
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
