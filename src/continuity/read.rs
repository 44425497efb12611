//! The numbers in tables of the lake.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, anyhow};
use tokio_util::sync::CancellationToken;

use super::numbers::Numbers;
use crate::domain::Hour;
use crate::domain::receipt::Receipt;
use crate::lake::Lake;
use crate::table;

/// The table of one Group hour.
#[derive(Clone, Debug)]
pub(super) struct TableFile {
    pub(super) hour: Hour,
    /// Relative to the lake.
    pub(super) path: String,
}

impl TableFile {
    /// The table that a receipt names.
    pub(super) fn of(receipt: &Receipt) -> Option<TableFile> {
        Some(TableFile { hour: receipt.hour, path: receipt.parquet.as_ref()?.path.clone() })
    }
}

/// What tables hold together, and which of them could not be read.
#[derive(Default)]
pub(super) struct Found {
    pub(super) numbers: Numbers,
    pub(super) unread: Vec<(TableFile, anyhow::Error)>,
}

/// Reads the tables of each stretch on so many threads; `None` where it was told to stop.
pub(super) fn read(
    lake: &Lake,
    stretches: &[Vec<TableFile>],
    threads: usize,
    stop: &CancellationToken,
    tick: &(impl Fn(usize) + Sync),
) -> Option<Vec<Found>> {
    let found: Vec<Mutex<Found>> = stretches.iter().map(|_| Mutex::default()).collect();
    let files: Vec<(&TableFile, &Mutex<Found>)> =
        stretches.iter().zip(&found).flat_map(|(files, found)| files.iter().map(move |file| (file, found))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(files.len()) {
            scope.spawn(|| {
                while let Some(&(file, found)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stop.is_cancelled() {
                        return;
                    }
                    let read = numbers_of(lake, file);
                    found.lock().unwrap_or_else(PoisonError::into_inner).add(file, read);
                    tick(files.len());
                }
            });
        }
    });
    let found = found.into_iter().map(|found| found.into_inner().unwrap_or_else(PoisonError::into_inner));
    (!stop.is_cancelled()).then(|| found.collect())
}

impl Found {
    fn add(&mut self, file: &TableFile, read: anyhow::Result<Numbers>) {
        match read {
            Ok(numbers) => self.numbers.merge(numbers),
            Err(error) => self.unread.push((file.clone(), error)),
        }
    }
}

/// The numbers in one table: all of them or none.
fn numbers_of(lake: &Lake, file: &TableFile) -> anyhow::Result<Numbers> {
    let mut numbers = Numbers::default();
    let opened = lake.open(&file.path).with_context(|| format!("cannot open `{}`", file.path))?;
    table::each_group_seq(opened, |group_id, msg_seq| numbers.see(file.hour, group_id, msg_seq))
        .map_err(|error| anyhow!(error).context(format!("cannot read `{}`", file.path)))?;
    Ok(numbers)
}
