//! Where the pages of an unfinished row group wait.
//!
//! A row group's columns must each lie in one piece in the file, so their pages wait until the row group is full. A
//! hundred thousand messages of the vendor's largest size are a gigabyte of them: beyond a budget they wait on the spool.
//! What is written into the file in the end does not depend on where they waited.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::column::page_store::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::errors::ParquetError;

/// So many bytes of pages of one unit are held in memory: a row group of usual messages fits.
const BUDGET: usize = 32 * 1024 * 1024;

/// Makes the stores of all columns of one unit; they share a budget and a file.
#[derive(Debug)]
pub(super) struct SpillingPages {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    spool: PathBuf,
    /// Bytes in memory.
    held: usize,
    /// Bytes in the file that are still waiting.
    waiting: u64,
    /// An unnamed file, made when first needed, and where its end is.
    file: Option<(File, u64)>,
}

impl SpillingPages {
    /// Pages beyond the budget wait in an unnamed file in `spool`.
    pub(super) fn new(spool: PathBuf) -> SpillingPages {
        SpillingPages { shared: Arc::new(Mutex::new(Shared { spool, held: 0, waiting: 0, file: None })) }
    }
}

impl PageStoreFactory for SpillingPages {
    fn create(&self, _: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>, ParquetError> {
        Ok(Box::new(ColumnPages { shared: Arc::clone(&self.shared), pages: Vec::new() }))
    }
}

struct ColumnPages {
    shared: Arc<Mutex<Shared>>,
    pages: Vec<Page>,
}

enum Page {
    Held(Bytes),
    Spilled { at: u64, length: usize },
    Taken,
}

impl PageStore for ColumnPages {
    fn put(&mut self, page: Bytes) -> Result<PageKey, ParquetError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let page = if shared.held + page.len() <= BUDGET {
            shared.held += page.len();
            Page::Held(page)
        } else {
            shared.spill(&page)?
        };
        self.pages.push(page);
        Ok(PageKey::new(self.pages.len() as u64 - 1))
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes, ParquetError> {
        let page = self.pages.get_mut(key.get() as usize).map(|page| std::mem::replace(page, Page::Taken));
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match page {
            Some(Page::Held(page)) => {
                shared.held -= page.len();
                Ok(page)
            }
            Some(Page::Spilled { at, length }) => Ok(shared.read(at, length)?),
            Some(Page::Taken) | None => Err(ParquetError::General("a page was asked for twice".to_owned())),
        }
    }
}

impl Shared {
    fn spill(&mut self, page: &[u8]) -> io::Result<Page> {
        let (file, end) = match &mut self.file {
            Some(file) => file,
            None => self.file.insert((tempfile::tempfile_in(&self.spool)?, 0)),
        };
        if self.waiting == 0 {
            // The row group before is written: its room can be used again.
            *end = 0;
        }
        let at = *end;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(page)?;
        *end += page.len() as u64;
        self.waiting += page.len() as u64;
        Ok(Page::Spilled { at, length: page.len() })
    }

    fn read(&mut self, at: u64, length: usize) -> io::Result<Bytes> {
        let Some((file, _)) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let mut page = vec![0; length];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut page)?;
        self.waiting -= length as u64;
        Ok(page.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_whether_they_were_held_or_spilled() {
        let spool = tempfile::tempdir().unwrap();
        let shared = SpillingPages::new(spool.path().to_owned()).shared;
        let mut columns = [0, 1].map(|_| ColumnPages { shared: Arc::clone(&shared), pages: Vec::new() });
        for round in 0..3u8 {
            let page = |n: u8| Bytes::from(vec![n ^ round; 5 * 1024 * 1024]);
            let keys: Vec<_> = (0..10).map(|n| columns[usize::from(n % 2)].put(page(n)).unwrap()).collect();
            assert!(shared.lock().unwrap().waiting > 0, "fifty megabytes are over the budget");
            for n in 0..10 {
                assert_eq!(columns[usize::from(n % 2)].take(keys[usize::from(n)]).unwrap(), page(n));
            }
            let left = shared.lock().unwrap();
            assert_eq!((left.held, left.waiting), (0, 0));
        }
        assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0, "the file has no name");
    }
}
