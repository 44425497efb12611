//! A sliding window over the decompressed file.

use std::io::{self, Read};

/// How much is read at a time: large enough that gunzip runs undisturbed, small enough to stay in the processor's cache.
const READ_SIZE: usize = 256 * 1024;

/// Where something begins in the decompressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1-based line; in a file that is not in lines the element's number, from 1, plus 1.
    pub line: u64,
    /// 0-based byte offset.
    pub offset: u64,
}

/// Bytes of a reader from the current place on, as many of them contiguous as were asked for.
pub struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    line: u64,
    ended: bool,
}

impl<R: Read> Source<R> {
    /// Stands at the first byte, on line 1.
    pub fn new(reader: R) -> Source<R> {
        Source { reader, buffer: Vec::new(), start: 0, end: 0, offset: 0, line: 1, ended: false }
    }

    /// What has been read and not consumed.
    pub fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The place of the window's first byte.
    pub fn place(&self) -> Place {
        Place { line: self.line, offset: self.offset }
    }

    /// Appends more bytes to the window; false at the end of the file.
    ///
    /// # Errors
    /// As the reader.
    pub fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.make_room();
        let count = loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count;
        self.ended = count == 0;
        Ok(!self.ended)
    }

    /// The next byte, left where it is; `None` at the end of the file.
    ///
    /// # Errors
    /// As the reader.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.window().is_empty() {
            self.fill()?;
        }
        Ok(self.window().first().copied())
    }

    /// Steps over the window's first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.line += memchr::memchr_iter(b'\n', &self.buffer[self.start..self.start + count]).count() as u64;
        self.skip(count);
    }

    /// Steps over the window's first `count` bytes, the last of which is their only line feed.
    pub fn consume_line(&mut self, count: usize) {
        self.line += 1;
        self.skip(count);
    }

    fn skip(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
    }

    fn make_room(&mut self) {
        if self.buffer.len() - self.end >= READ_SIZE {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let wanted = self.end + READ_SIZE;
        if self.buffer.len() < wanted {
            // Doubling keeps the copying of a long element linear.
            self.buffer.resize(wanted.max(self.buffer.len() * 2), 0);
        }
    }
}
