//! Whether the numbers of each group go on without a gap.
//!
//! A group's `MsgSeq` is given out by the vendor's backend: 1 for the group's first message, and one more for each that
//! follows (*documented*, cloud.tencent.com/document/product/269/2738). So a number that no archive holds belongs to a
//! message that is missing, and the messages around it tell the hours in which it must have been.
//!
//! What a gap does not tell is why:
//!
//! - Messages that were recalled, deleted or never stored leave the same gap as lost ones. A gap is therefore no damage.
//! - Before the first number seen of a group nothing is claimed, nor after the last: the group may be older than the
//!   lake, and the end of it may still come.
//! - The hours are those in which the neighbours were archived. The vendor may archive a message an hour late.
//! - A group that was dissolved and begun anew under its old name counts from 1 again (*assumed*). Where the number before
//!   the gap is of a later hour than the one behind it, the gap says [`out_of_order`](Gap::out_of_order).
//!
//! [`numbers`] and [`ledger`] know nothing of files; [`whole`] reads the lake for `verify`, [`taken`] as little of it as
//! possible after a run.

pub mod ledger;
pub mod numbers;
mod read;
pub mod taken;
pub mod whole;

use std::fmt;

use serde::Serialize;

use crate::domain::Hour;

use ledger::{Explanation, Ledger};
use numbers::{Hole, Numbers};

pub use taken::{Taken, look_at_taken};
pub use whole::{Whole, look_at_all};

/// So many explanations are listed of one gap, the likeliest: one over months may have one every night.
const EXPLANATIONS: usize = 10;

/// A range of a group's `MsgSeq` that was not found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The group.
    pub group_id: String,
    /// The first number that is missing.
    pub first: i64,
    /// The last number that is missing.
    pub last: i64,
    /// How many are missing, 1 or more.
    pub messages: u64,
    /// The earlier of the hours of the two messages around it.
    pub from_hour: Hour,
    /// The later one.
    pub to_hour: Hour,
    /// The message before the gap was archived in a later hour than the one behind it.
    pub out_of_order: bool,
    /// What is known of the hours from `from_hour` to `to_hour` that may explain it, likeliest first.
    pub explanations: Vec<Explanation>,
    /// Explanations that are not listed.
    pub more_explanations: usize,
}

impl Gap {
    fn new(group_id: &str, hole: Hole, ledger: &Ledger) -> Gap {
        let Hole { before, after } = hole;
        let (from_hour, to_hour) = (before.hour.min(after.hour), before.hour.max(after.hour));
        let mut explanations = ledger.within(from_hour, to_hour);
        let more_explanations = explanations.len().saturating_sub(EXPLANATIONS);
        explanations.truncate(EXPLANATIONS);
        Gap {
            group_id: group_id.to_owned(),
            first: before.msg_seq + 1,
            last: after.msg_seq - 1,
            messages: missing(hole),
            from_hour,
            to_hour,
            out_of_order: before.hour > after.hour,
            explanations,
            more_explanations,
        }
    }
}

/// How many numbers a hole has.
fn missing(hole: Hole) -> u64 {
    hole.after.msg_seq.abs_diff(hole.before.msg_seq) - 1
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        // A name that somebody else gave must not do anything to a terminal.
        write!(f, "{}: MsgSeq {}", self.group_id.escape_debug(), self.first)?;
        if self.first < self.last {
            write!(f, " to {}", self.last)?;
        }
        write!(f, " ({}) in {}", messages(self.messages), self.from_hour)?;
        if self.from_hour < self.to_hour {
            write!(f, " to {}", self.to_hour)?;
        }
        for explanation in self.explanations.iter().take(SHOWN) {
            write!(f, "; {explanation}")?;
        }
        let more = self.explanations.len().saturating_sub(SHOWN) + self.more_explanations;
        if more > 0 {
            write!(f, "; and {more} more such hours or ranges of them")?;
        }
        if self.out_of_order {
            write!(f, "; the message before it was archived after the one behind it: was the group begun anew?")?;
        }
        Ok(())
    }
}

/// Gaps in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Gaps.
    pub ranges: u64,
    /// Numbers that are missing in them; `u64::MAX` where there are more.
    pub messages: u64,
    /// Groups that have one.
    pub groups_with_gaps: u64,
    /// Gaps in whose hours nothing is known to be amiss.
    pub unexplained: u64,
}

impl Sums {
    /// Counts gaps that are sorted by group.
    fn of<'a>(gaps: impl IntoIterator<Item = &'a Gap>) -> Sums {
        let mut sums = Sums::default();
        let mut group_before = None;
        for gap in gaps {
            sums.ranges += 1;
            sums.messages = sums.messages.saturating_add(gap.messages);
            sums.unexplained += u64::from(gap.explanations.is_empty());
            sums.groups_with_gaps += u64::from(group_before != Some(&gap.group_id));
            group_before = Some(&gap.group_id);
        }
        sums
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ranges, are) = if self.ranges == 1 { ("range", "is") } else { ("ranges", "are") };
        let groups = if self.groups_with_gaps == 1 { "group" } else { "groups" };
        let Sums { ranges: count, groups_with_gaps, .. } = self;
        write!(
            f,
            "{count} {ranges} of MsgSeq ({}) {are} missing in {groups_with_gaps} {groups}",
            messages(self.messages)
        )
    }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// All gaps, by group and number.
fn gaps(numbers: &Numbers, ledger: &Ledger) -> Vec<Gap> {
    numbers.holes().into_iter().map(|(group_id, hole)| Gap::new(group_id, hole, ledger)).collect()
}
