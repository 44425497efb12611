//! Elements → messages, duplicates and rejects, each counted.

use std::io;

use super::framing::{Elements, MAX_ELEMENT, RejectReason, RejectedBytes};
use super::message::NotAMessage;
use super::seen::{Fingerprint, Seen};
use super::source::Place;
use crate::domain::message::Message;

/// Who takes what an archive holds, in archive order.
pub trait Sink {
    /// One message: `text` is its element, byte for byte.
    ///
    /// # Errors
    /// Where it cannot be written; the reading stops.
    fn message(&mut self, message: &Message, text: &str, place: Place) -> io::Result<()>;

    /// One element that is no message.
    ///
    /// # Errors
    /// Where it cannot be written; the reading stops.
    fn reject(&mut self, bytes: RejectedBytes<'_>, place: Place, reason: RejectReason) -> io::Result<()>;
}

/// How many elements an archive had, and what became of them: `lines = rows + duplicates + rejects`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Elements.
    pub lines: u64,
    /// Messages handed on.
    pub rows: u64,
    /// Messages byte-equal to an earlier one of the same unit, dropped.
    pub duplicates: u64,
    /// Elements that are no messages.
    pub rejects: u64,
}

impl Counts {
    /// Adds another archive's.
    pub fn add(&mut self, other: Counts) {
        self.lines += other.lines;
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.rejects += other.rejects;
    }
}

/// Tells messages from duplicates and rejects.
pub(super) struct Normalizer<'a, S> {
    seen: &'a mut Seen,
    sink: &'a mut S,
    message: Message,
    pub(super) counts: Counts,
}

impl<'a, S: Sink> Normalizer<'a, S> {
    pub(super) fn new(seen: &'a mut Seen, sink: &'a mut S) -> Normalizer<'a, S> {
        Normalizer { seen, sink, message: Message::default(), counts: Counts::default() }
    }

    /// Drops the element if it is a duplicate. Only messages are remembered, so no reject is ever taken for one.
    fn duplicate(&mut self, element: Fingerprint) -> bool {
        let duplicate = self.seen.contains(element);
        if duplicate {
            self.counts.lines += 1;
            self.counts.duplicates += 1;
        }
        duplicate
    }

    /// Hands on the message just parsed.
    fn hand_on(&mut self, element: Fingerprint, text: &str, place: Place) -> io::Result<()> {
        self.seen.insert(element);
        self.counts.lines += 1;
        self.counts.rows += 1;
        self.sink.message(&self.message, text, place)
    }
}

impl<S: Sink> Elements for Normalizer<'_, S> {
    fn try_message(&mut self, bytes: &[u8], place: Place) -> io::Result<bool> {
        let fingerprint = self.seen.fingerprint(bytes);
        if self.duplicate(fingerprint) {
            return Ok(true);
        }
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) if self.message.parse(text).is_ok() => self.hand_on(fingerprint, text, place).map(|()| true),
            _ => Ok(false),
        }
    }

    fn element(&mut self, bytes: &[u8], place: Place) -> io::Result<()> {
        let reject = |this: &mut Self, reason| this.reject(RejectedBytes::Held(bytes), place, reason);
        if bytes.len() > MAX_ELEMENT {
            return reject(self, RejectReason::TooLong);
        }
        let Ok(text) = simdutf8::basic::from_utf8(bytes) else { return reject(self, RejectReason::NotUtf8) };
        let fingerprint = self.seen.fingerprint(bytes);
        if self.duplicate(fingerprint) {
            return Ok(());
        }
        match self.message.parse(text) {
            Ok(()) => self.hand_on(fingerprint, text, place),
            Err(NotAMessage::TooDeep) => reject(self, RejectReason::TooDeep),
            Err(NotAMessage::NotJson) => reject(self, RejectReason::NotJson),
            Err(NotAMessage::NotAnObject) => reject(self, RejectReason::NotAnObject),
        }
    }

    fn reject(&mut self, bytes: RejectedBytes<'_>, place: Place, reason: RejectReason) -> io::Result<()> {
        self.counts.lines += 1;
        self.counts.rejects += 1;
        self.sink.reject(bytes, place, reason)
    }
}
