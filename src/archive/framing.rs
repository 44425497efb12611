//! Decompressed file → elements.
//!
//! The documented layout (cloud.tencent.com/document/product/269/1650) is a header line left open, one message a line
//! with commas between, and `]}`. The header ends with the `[` of its `MsgList`. Where a line break follows, the file
//! is *in lines*: no element goes across a line break, so an element that breaks costs the rest of its line and no
//! more. Otherwise the file is read by JSON structure alone, and a broken element leaves nothing to hold on to.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::error::FramingError;
use super::header::{self, Header};
use super::scanner::{Scan, Scanner};
use super::source::{Place, Source};
use crate::json::is_white_space;

/// The longest element that is read, in bytes (16 MiB). The vendor caps a message at 12 KB (*documented*).
pub const MAX_ELEMENT: usize = 16 * 1024 * 1024;

/// Why an element is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Longer than [`MAX_ELEMENT`].
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// Nested deeper than [`crate::json::MAX_DEPTH`].
    TooDeep,
    /// Not JSON.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
}

/// The bytes of an element that is no message, without the white space and commas around them.
pub enum RejectedBytes<'a> {
    /// Short enough to hold.
    Held(&'a [u8]),
    /// Too long to hold: the first so many bytes of a file.
    Spooled(&'a mut File, u64),
}

/// Who takes the elements, in file order. An error stops the reading.
pub trait Elements {
    /// Offers what is probably one message; false, and nothing taken, where it is not exactly that.
    ///
    /// # Errors
    /// The sink's.
    fn try_message(&mut self, bytes: &[u8], place: Place) -> io::Result<bool>;

    /// Takes one JSON value of at most [`MAX_ELEMENT`] bytes.
    ///
    /// # Errors
    /// The sink's.
    fn element(&mut self, bytes: &[u8], place: Place) -> io::Result<()>;

    /// Takes an element that is no message.
    ///
    /// # Errors
    /// The sink's.
    fn reject(&mut self, bytes: RejectedBytes<'_>, place: Place, reason: RejectReason) -> io::Result<()>;

    /// Takes an element that broke, for the first reason that fits.
    ///
    /// # Errors
    /// The sink's.
    fn reject_held(&mut self, bytes: &[u8], place: Place, too_deep: bool) -> io::Result<()> {
        let reason = if bytes.len() > MAX_ELEMENT {
            RejectReason::TooLong
        } else if simdutf8::basic::from_utf8(bytes).is_err() {
            RejectReason::NotUtf8
        } else if too_deep {
            RejectReason::TooDeep
        } else {
            RejectReason::NotJson
        };
        self.reject(RejectedBytes::Held(bytes), place, reason)
    }
}

/// Reads a whole file: `check` judges the header before the first element is handed on. Elements too long to hold lie
/// in unnamed files in the folder `spool` while they are read.
///
/// # Errors
/// [`FramingError`]; what was handed on before it must not be published.
pub fn read(
    reader: impl Read,
    spool: &Path,
    check: impl FnOnce(&Header) -> Result<(), FramingError>,
    elements: &mut impl Elements,
) -> Result<Header, FramingError> {
    let mut source = Source::new(reader);
    let header = header::read(&mut source)?;
    check(&header)?;
    let in_lines = line_break_follows(&mut source)?;
    let mut framing = Framing { source, spool, elements, in_lines, number: 0 };
    if in_lines {
        framing.lines()?;
    } else {
        framing.walk()?;
    }
    framing.end()?;
    Ok(header)
}

/// Steps over white space up to and with the first line feed; false where something else comes first.
fn line_break_follows<R: Read>(source: &mut Source<R>) -> io::Result<bool> {
    while let Some(byte) = source.peek()? {
        match byte {
            b'\n' => {
                source.consume(1);
                return Ok(true);
            }
            byte if is_white_space(byte) => source.consume(1),
            _ => break,
        }
    }
    Ok(false)
}

struct Framing<'a, R, E> {
    source: Source<R>,
    spool: &'a Path,
    elements: &'a mut E,
    in_lines: bool,
    /// Elements begun so far.
    number: u64,
}

/// Where a walk over elements stopped.
#[derive(PartialEq, Eq)]
enum Stop {
    /// Behind a line feed (only where the file is in lines).
    LineEnd,
    /// Behind the `]` of the list.
    ListEnd,
}

impl<R: Read, E: Elements> Framing<'_, R, E> {
    /// Takes line after line until the list ends.
    fn lines(&mut self) -> Result<(), FramingError> {
        loop {
            if self.quick_line()? {
                continue;
            }
            if self.walk()? == Stop::ListEnd {
                return Ok(());
            }
        }
    }

    /// The usual case: a whole line that is one message. False, and nothing consumed, where it is not.
    fn quick_line(&mut self) -> Result<bool, FramingError> {
        let mut searched = 0;
        let length = loop {
            let window = self.source.window();
            if let Some(at) = memchr::memchr(b'\n', &window[searched..]) {
                break searched + at;
            }
            searched = window.len();
            if searched > MAX_ELEMENT || !self.source.fill()? {
                return Ok(false);
            }
        };
        let line = &self.source.window()[..length];
        let bytes = trimmed(line);
        if bytes.len() > MAX_ELEMENT || bytes.first() != Some(&b'{') || bytes.last() != Some(&b'}') {
            return Ok(false);
        }
        let mut place = self.source.place();
        place.offset += line.iter().take_while(|&&b| is_margin(b)).count() as u64;
        let taken = self.elements.try_message(bytes, place)?;
        if taken {
            self.number += 1;
            self.source.consume_line(length + 1);
        }
        Ok(taken)
    }

    /// Takes element after element: to the end of the line where the file is in lines, else to the end of the list.
    fn walk(&mut self) -> Result<Stop, FramingError> {
        loop {
            match self.source.peek()?.ok_or(FramingError::Truncated)? {
                b'\n' if self.in_lines => {
                    self.source.consume_line(1);
                    return Ok(Stop::LineEnd);
                }
                b']' => {
                    self.source.consume(1);
                    return Ok(Stop::ListEnd);
                }
                byte if is_margin(byte) => self.source.consume(1),
                _ => self.element()?,
            }
        }
    }

    /// Takes one element, whole or broken; the next byte is its first.
    fn element(&mut self) -> Result<(), FramingError> {
        self.number += 1;
        let mut place = self.source.place();
        if !self.in_lines {
            place.line = self.number + 1;
        }
        let mut held = Held::default();
        let mut scanner = Scanner::new(self.in_lines);
        let broken = loop {
            let fresh = &self.source.window()[held.in_window..];
            match scanner.feed(fresh) {
                Scan::Done(length) => {
                    held.in_window += length;
                    break !self.separated(held.in_window)?;
                }
                Scan::Broken(at) => {
                    held.in_window += at;
                    break true;
                }
                Scan::More => {
                    held.in_window += fresh.len();
                    self.spill(&mut held)?;
                    if !self.source.fill()? {
                        return Err(FramingError::Truncated);
                    }
                }
            }
        };
        if broken && !self.in_lines {
            let offset = self.source.place().offset + held.in_window as u64;
            return Err(FramingError::BrokenElement { number: self.number, offset });
        }
        if broken {
            self.swallow_line(&mut held)?;
        }
        self.hand_on(held, place, broken, scanner.too_deep())
    }

    /// Whether what follows the element at `at` in the window may follow an element: a comma, the list's end, or, where
    /// the file is in lines, the line's end. White space between is stepped over with the eyes only.
    fn separated(&mut self, element_end: usize) -> Result<bool, FramingError> {
        let mut at = element_end;
        loop {
            match self.source.window().get(at).copied() {
                Some(b',' | b']') => return Ok(true),
                Some(b'\n') if self.in_lines => return Ok(true),
                Some(byte) if is_white_space(byte) => at += 1,
                Some(_) => return Ok(false),
                // So much white space is not held either.
                None if at - element_end > MAX_ELEMENT => return Ok(false),
                None if self.source.fill()? => {}
                None => return Err(FramingError::Truncated),
            }
        }
    }

    /// A broken element goes up to its line's end.
    fn swallow_line(&mut self, held: &mut Held) -> Result<(), FramingError> {
        loop {
            let fresh = &self.source.window()[held.in_window..];
            if let Some(at) = memchr::memchr(b'\n', fresh) {
                held.in_window += at;
                return Ok(());
            }
            held.in_window += fresh.len();
            self.spill(held)?;
            if !self.source.fill()? {
                // The line is the file's last, so the list never ends.
                return Err(FramingError::Truncated);
            }
        }
    }

    /// Moves an element that has become too long to hold into a file.
    fn spill(&mut self, held: &mut Held) -> io::Result<()> {
        if held.spooled.is_none() && held.in_window <= MAX_ELEMENT {
            return Ok(());
        }
        if held.spooled.is_none() {
            held.spooled = Some((tempfile::tempfile_in(self.spool)?, 0));
        }
        if let Some((file, length)) = &mut held.spooled {
            file.write_all(&self.source.window()[..held.in_window])?;
            *length += held.in_window as u64;
        }
        self.source.consume(held.in_window);
        held.in_window = 0;
        Ok(())
    }

    /// Gives the element to whom it belongs and steps over it.
    fn hand_on(&mut self, mut held: Held, place: Place, broken: bool, too_deep: bool) -> Result<(), FramingError> {
        if held.spooled.is_some() {
            // What is left in the window joins the rest in the file.
            self.spill(&mut held)?;
        }
        let Some((mut file, length)) = held.spooled else {
            let window = &self.source.window()[..held.in_window];
            if broken {
                self.elements.reject_held(trimmed(window), place, too_deep)?
            } else {
                self.elements.element(window, place)?
            }
            self.source.consume(held.in_window);
            return Ok(());
        };
        let length = if broken { trimmed_length(&mut file, length)? } else { length };
        file.seek(SeekFrom::Start(0))?;
        if length > MAX_ELEMENT as u64 {
            self.elements.reject(RejectedBytes::Spooled(&mut file, length), place, RejectReason::TooLong)?;
        } else {
            let mut bytes = vec![0; length as usize];
            file.read_exact(&mut bytes)?;
            self.elements.reject_held(&bytes, place, too_deep)?;
        }
        Ok(())
    }

    /// The `}` behind the list, then white space up to the end of the file.
    fn end(&mut self) -> Result<(), FramingError> {
        let mut closed = false;
        while let Some(byte) = self.source.peek()? {
            match byte {
                b'}' if !closed => closed = true,
                byte if is_white_space(byte) => {}
                _ => return Err(FramingError::AfterTheEnd(self.source.place().offset)),
            }
            self.source.consume(1);
        }
        if closed { Ok(()) } else { Err(FramingError::Truncated) }
    }
}

/// An element while its end is looked for: bytes at the front of the window, and, once there are too many, a file that
/// holds those before them.
#[derive(Default)]
struct Held {
    in_window: usize,
    spooled: Option<(File, u64)>,
}

/// White space or a comma: what may stand around an element and is no part of it.
fn is_margin(byte: u8) -> bool {
    byte == b',' || is_white_space(byte)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let Some(first) = bytes.iter().position(|&b| !is_margin(b)) else { return &[] };
    let last = bytes.iter().rposition(|&b| !is_margin(b)).unwrap_or(first);
    &bytes[first..=last]
}

/// The length of the file's first `length` bytes without the margin at their end.
fn trimmed_length(file: &mut File, mut length: u64) -> io::Result<u64> {
    let mut piece = [0; 4096];
    while length > 0 {
        let size = length.min(piece.len() as u64);
        file.seek(SeekFrom::Start(length - size))?;
        let piece = &mut piece[..size as usize];
        file.read_exact(piece)?;
        if let Some(last) = piece.iter().rposition(|&b| !is_margin(b)) {
            return Ok(length - size + last as u64 + 1);
        }
        length -= size;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
