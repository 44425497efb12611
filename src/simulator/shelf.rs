//! The last few units' archives, so that a download need not make again what the call before it has made.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use super::corpus::{Archive, Corpus, Edition};
use super::locked;
use crate::domain::Unit;

/// How many units are kept. A sync has a few in flight, and one of a million messages weighs 100 MB.
const KEPT: usize = 8;

type Key = (Unit, Edition);

/// Makes archives and keeps the latest; any other is made again, to the same bytes.
pub(super) struct Shelf {
    corpus: Arc<Corpus>,
    kept: Mutex<VecDeque<(Key, Arc<[Archive]>)>>,
}

impl Shelf {
    /// An empty shelf.
    pub(super) fn new(corpus: Arc<Corpus>) -> Shelf {
        Shelf { corpus, kept: Mutex::default() }
    }

    /// The unit's archives, from the shelf or made on a thread for long work.
    pub(super) async fn archives(&self, unit: Unit, edition: Edition) -> io::Result<Arc<[Archive]>> {
        if let Some(archives) = self.find((unit, edition)) {
            return Ok(archives);
        }
        let corpus = Arc::clone(&self.corpus);
        let made = tokio::task::spawn_blocking(move || corpus.archives(unit, edition)).await;
        let archives: Arc<[Archive]> = made.map_err(io::Error::other)??.into();
        self.keep((unit, edition), Arc::clone(&archives));
        Ok(archives)
    }

    fn find(&self, key: Key) -> Option<Arc<[Archive]>> {
        locked(&self.kept).iter().find(|(kept, _)| *kept == key).map(|(_, archives)| Arc::clone(archives))
    }

    fn keep(&self, key: Key, archives: Arc<[Archive]>) {
        let mut kept = locked(&self.kept);
        kept.push_front((key, archives));
        kept.truncate(KEPT);
    }
}
