//! When the messages of an hour were sent, and in which order the log has them.

use super::Corpus;
use super::people::zipf_weight;
use super::rhythm::Stream;
use crate::domain::{ChatType, Unit};
use crate::simulator::dice::Dice;

const HOUR_MS: u64 = 3_600_000;

/// The log is written as messages arrive, a few of them up to this much late: ascending times, but not strictly.
/// *Assumed*; no order is documented.
const LATE_MS: u64 = 3_000;
const LATE_ONCE_IN: u64 = 16;

/// One message's place, before there is anything in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    /// When it was logged, in milliseconds since the hour's start; a file is ordered by this.
    logged_ms: u64,
    /// The conversation or the group.
    pub(super) stream: usize,
    /// The group's `MsgSeq`; in C2C the place within the hour.
    pub(super) number: u64,
    /// When it was sent, in milliseconds since the hour's start, below [`HOUR_MS`].
    pub(super) sent_ms: u64,
}

impl Corpus {
    /// The unit's messages in the order of the log.
    pub(super) fn slots(&self, unit: Unit) -> Vec<Slot> {
        let mut slots = match unit.chat_type {
            ChatType::C2c => self.c2c_slots(unit),
            ChatType::Group => self.group_slots(unit),
        };
        slots.sort_unstable();
        slots
    }

    /// The streams whose messages are counted apart: every group, and all of C2C together.
    pub(super) fn streams(&self, chat_type: ChatType) -> impl Iterator<Item = Stream> {
        let count = match chat_type {
            ChatType::C2c => 1,
            ChatType::Group => self.people.groups(),
        };
        let shares = (0..count).map(zipf_weight).sum();
        (0..count).map(move |rank| Stream { id: rank as u64, share: zipf_weight(rank), shares })
    }

    fn c2c_slots(&self, unit: Unit) -> Vec<Slot> {
        let mut dice = Dice::keyed(&[self.unit_key(unit)]);
        let count = self.messages(unit);
        let mut conversation = self.people.conversation(&mut dice);
        let next = |place| {
            // People answer each other: every other message goes on where the last one was.
            if dice.one_in(2) {
                conversation = self.people.conversation(&mut dice);
            }
            slot(conversation, place, place, count, &mut dice)
        };
        (0..count).map(next).collect()
    }

    fn group_slots(&self, unit: Unit) -> Vec<Slot> {
        let mut slots = Vec::new();
        for (group, stream) in self.streams(unit.chat_type).enumerate() {
            let mut dice = Dice::keyed(&[self.unit_key(unit), stream.id]);
            let first = 1 + self.group.before(stream, unit.hour);
            let count = self.group.within(stream, unit.hour);
            slots.extend((0..count).map(|place| slot(group, first + place, place, count, &mut dice)));
        }
        slots
    }
}

/// The message at `place` of `count`: somewhere in its own part of the hour, so that numbers ascend with time.
fn slot(stream: usize, number: u64, place: u64, count: u64, dice: &mut Dice) -> Slot {
    let sent_ms = (place * HOUR_MS + dice.below(HOUR_MS)) / count;
    let late = if dice.one_in(LATE_ONCE_IN) { dice.below(LATE_MS) } else { 0 };
    Slot { logged_ms: sent_ms + late, stream, number, sent_ms }
}
