//! What the made-up app's users wrote: archives that are the same bytes whenever they are asked for.
//!
//! - Everything follows from the seed, the app, the chat type and the hour; nothing is kept.
//! - A group's `MsgSeq` runs from 1 without a gap or a repeat through the whole history.
//! - `<MsgSeq>_<MsgRandom>_<MsgTimestamp>` never repeats inside a one-to-one conversation.
//! - Except that now and then a line stands there twice, byte for byte, as in the vendor's own example (*documented*,
//!   cloud.tencent.com/document/product/269/1650).
//! - The layout is the documented one: the header with its list left open, a message a line, `]}` last.

mod archive;
mod elements;
mod json;
mod message;
mod people;
mod phrases;
mod rhythm;
mod slots;

use std::io::{self, Write};

use self::archive::ArchiveWriter;
use self::json::JsonText;
use self::message::Author;
use self::people::People;
use self::rhythm::Rhythm;
use self::slots::Slot;
use super::dice::Dice;
use crate::domain::{ChatType, Unit};

pub use self::archive::Archive;

/// Hours with more messages than the first come in two files, with more than the second in three. *Assumed*: that an
/// hour may have several files is in the reply's form, when it has them is not documented.
const SPLIT_ABOVE: [usize; 2] = [700, 1000];

/// One message in this many is written twice. *Assumed*.
const REPEATED_ONCE_IN: u64 = 300;

/// How much of an hour its archives hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Without the last tenth of its messages, as if they had reached the vendor's log late.
    First,
    /// All of it.
    Final,
}

/// The messages of one app under one seed.
#[derive(Clone, Debug)]
pub struct Corpus {
    seed: u64,
    sdkappid: u64,
    people: People,
    c2c: Rhythm,
    group: Rhythm,
}

impl Corpus {
    /// A corpus with `messages_per_hour` messages of each chat type in the mean over a week; evenings have more than
    /// twice as many. Above half a million a group's `MsgSeq` outgrows the vendor's 32 bits within a few years.
    pub fn new(seed: u64, sdkappid: u64, messages_per_hour: u32) -> Corpus {
        Corpus {
            seed,
            sdkappid,
            people: People::new(seed, sdkappid),
            c2c: Rhythm::new(seed, ChatType::C2c, messages_per_hour),
            group: Rhythm::new(seed, ChatType::Group, messages_per_hour),
        }
    }

    /// How many messages the unit has, repeated lines not counted.
    pub fn messages(&self, unit: Unit) -> u64 {
        self.streams(unit.chat_type).map(|stream| self.rhythm(unit.chat_type).within(stream, unit.hour)).sum()
    }

    /// The unit's archives in the order in which the vendor names them; none where the hour has no messages. Takes
    /// a few seconds for a million messages: nothing to do on a thread that serves sockets.
    ///
    /// # Errors
    /// Only where compression fails, which it does not.
    pub fn archives(&self, unit: Unit, edition: Edition) -> io::Result<Vec<Archive>> {
        let slots = self.slots(unit);
        let kept = match edition {
            Edition::First => &slots[..slots.len() - slots.len() / 10],
            Edition::Final => &slots[..],
        };
        let files = 1 + SPLIT_ABOVE.iter().filter(|&&limit| slots.len() > limit).count();
        let file_length = slots.len().div_ceil(files).max(1);
        kept.chunks(file_length).map(|slots| self.archive(unit, slots)).collect()
    }

    fn archive(&self, unit: Unit, slots: &[Slot]) -> io::Result<Archive> {
        let mut file = ArchiveWriter::new();
        let mut line = JsonText::default();
        self.write_header(unit, &mut file)?;
        for (place, &slot) in slots.iter().enumerate() {
            line.clear();
            let mut dice = self.dice(unit, slot);
            let repeated = dice.one_in(REPEATED_ONCE_IN);
            Author::new(self, unit, slot, dice).write(&mut line);
            write_line(place == 0, &line, &mut file)?;
            if repeated {
                write_line(false, &line, &mut file)?;
            }
        }
        file.write_all(b"\n]}")?;
        file.finish()
    }

    fn write_header(&self, unit: Unit, file: &mut ArchiveWriter) -> io::Result<()> {
        let Unit { hour, chat_type } = unit;
        writeln!(file, r#"{{"SdkAppId":{},"ChatType":"{chat_type}","MsgTime":"{hour}","MsgList":["#, self.sdkappid)
    }

    fn rhythm(&self, chat_type: ChatType) -> &Rhythm {
        match chat_type {
            ChatType::C2c => &self.c2c,
            ChatType::Group => &self.group,
        }
    }

    /// Chance of one message: its own, so that no message depends on what else is in the file.
    fn dice(&self, unit: Unit, slot: Slot) -> Dice {
        Dice::keyed(&[self.unit_key(unit), slot.stream as u64, slot.number])
    }

    fn unit_key(&self, unit: Unit) -> u64 {
        let hour = unit.hour.start().timestamp() as u64;
        Dice::keyed(&[self.seed, self.sdkappid, unit.chat_type as u64, hour]).throw()
    }
}

fn write_line(first: bool, line: &JsonText, file: &mut ArchiveWriter) -> io::Result<()> {
    if !first {
        file.write_all(b",\n")?;
    }
    file.write_all(line.as_str().as_bytes())
}

#[cfg(test)]
mod tests;
