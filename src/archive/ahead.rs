//! A reader whose bytes are made by a thread of its own while those before them are worked on.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes made at a time: large enough that a hand-over costs nothing beside them, small enough that they are still in the
/// processor's cache when the other side comes to them.
const BLOCK_SIZE: usize = 256 * 1024;

/// Blocks that may wait: where one side is held up for a moment, the other goes on.
const BLOCKS_WAITING: usize = 4;

/// Calls `consume` with a reader of what `reader` reads. A thread reads ahead of it meanwhile, by at most
/// [`BLOCKS_WAITING`] and two blocks; it has ended when this returns. Errors arrive behind the bytes before them.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn read<R: Read + Send, T>(reader: &mut R, consume: impl FnOnce(Ahead) -> T) -> io::Result<T> {
    let (blocks, made) = sync_channel(BLOCKS_WAITING);
    let (spent, free) = channel();
    thread::scope(|scope| {
        let making = move || make(reader, &blocks, &free);
        thread::Builder::new().name("gunzip".to_owned()).spawn_scoped(scope, making)?;
        Ok(consume(Ahead { made, spent, block: Block::default(), read: 0 }))
    })
}

/// Reads block after block until the end, an error, or until nobody wants them any more.
fn make(reader: &mut impl Read, blocks: &SyncSender<io::Result<Block>>, free: &Receiver<Vec<u8>>) {
    loop {
        let mut bytes = free.try_recv().unwrap_or_default();
        bytes.resize(BLOCK_SIZE, 0);
        let block = match reader.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result.map(|length| Block { bytes, length }),
        };
        let is_last = block.as_ref().map_or(true, |block| block.length == 0);
        if blocks.send(block).is_err() || is_last {
            return;
        }
    }
}

/// The first `length` of some bytes; none at the end.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    length: usize,
}

/// The reading side.
pub(super) struct Ahead {
    made: Receiver<io::Result<Block>>,
    spent: Sender<Vec<u8>>,
    block: Block,
    /// Bytes of the block that have been read.
    read: usize,
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.block.length {
            // Nothing comes after the end or an error: then it stays at the end.
            let next = self.made.recv().unwrap_or_else(|_| Ok(Block::default()))?;
            let spent = std::mem::replace(&mut self.block, next).bytes;
            self.read = 0;
            // The other side may be done: then nobody needs it.
            let _ = self.spent.send(spent);
        }
        let fresh = &self.block.bytes[self.read..self.block.length];
        let count = fresh.len().min(buffer.len());
        buffer[..count].copy_from_slice(&fresh[..count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes and then fails.
    struct Failing(usize);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("broken"));
            }
            let count = self.0.min(buffer.len()).min(100_000);
            self.0 -= count;
            buffer[..count].fill(7);
            Ok(count)
        }
    }

    #[test]
    fn the_same_bytes_come_through() {
        let bytes: Vec<u8> = (0..5_000_000u32).map(|n| (n / 7) as u8).collect();
        let mut through = Vec::new();
        read(&mut bytes.as_slice(), |mut ahead| ahead.read_to_end(&mut through)).unwrap().unwrap();
        assert!(through == bytes);
    }

    #[test]
    fn an_error_comes_behind_the_bytes_before_it() {
        let mut through = Vec::new();
        let error = read(&mut Failing(1_234_567), |mut ahead| ahead.read_to_end(&mut through)).unwrap().unwrap_err();
        assert_eq!((error.to_string().as_str(), through.len()), ("broken", 1_234_567));
    }

    #[test]
    fn a_reader_that_is_left_early_ends_the_thread() {
        let first = read(&mut io::repeat(3), |mut ahead| ahead.read(&mut [0; 10]).unwrap()).unwrap();
        assert_eq!(first, 10);
    }
}
