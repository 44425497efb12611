//! Why messages of an hour may not be in the table: what the ledger says of its unit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::domain::receipt::{Receipt, State};
use crate::domain::{ChatType, Hour, Unit};

/// Why an hour's messages may not all have been read, the likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The vendor deleted the hour before it was archived.
    Lost,
    /// Its receipt or its table does not read, or is not what it was: it was not looked into.
    Unread,
    /// The last try failed.
    Failed,
    /// The vendor had no file yet.
    NotReady,
    /// There is no receipt.
    Pending,
    /// The vendor offered other archives, which were not taken.
    Conflict,
    /// Some of its elements were no messages.
    Rejects,
    /// The vendor was asked and had no messages.
    Empty,
}

impl Why {
    /// `None` for an hour whose messages are all in the table as far as anybody knows.
    fn of(receipt: &Receipt) -> Option<Why> {
        match receipt.state {
            State::Lost => Some(Why::Lost),
            State::Failed => Some(Why::Failed),
            State::NotReady => Some(Why::NotReady),
            State::Committed | State::Empty if receipt.conflict.is_some() => Some(Why::Conflict),
            State::Committed | State::Empty if receipt.rejects > 0 => Some(Why::Rejects),
            State::Empty => Some(Why::Empty),
            State::Committed => None,
        }
    }

    /// The next runs ask for the hour again, so its messages may still come.
    pub fn is_due(self) -> bool {
        match self {
            Why::Failed | Why::NotReady | Why::Pending => true,
            Why::Lost | Why::Unread | Why::Conflict | Why::Rejects | Why::Empty => false,
        }
    }

    /// Said of one hour, and of several.
    fn words(self) -> [&'static str; 2] {
        match self {
            Why::Lost => ["is lost", "are lost"],
            Why::Unread => ["cannot be read", "cannot be read"],
            Why::Failed => ["failed", "failed"],
            Why::NotReady => ["is not ready", "are not ready"],
            Why::Pending => ["is pending", "are pending"],
            Why::Conflict => ["is in conflict", "are in conflict"],
            Why::Rejects => ["has rejects", "have rejects"],
            Why::Empty => ["is empty", "are empty"],
        }
    }
}

/// Hours in a row that have the same explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The first hour.
    pub first: Hour,
    /// The last hour.
    pub last: Hour,
    /// What is the matter with their units.
    pub why: Why,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |hour| Unit { hour, chat_type: ChatType::Group };
        let Explanation { first, last, why } = *self;
        let [of_one, of_several] = why.words();
        match first == last {
            true => write!(f, "{} {of_one}", unit(first)),
            false => write!(f, "{} to {} {of_several}", unit(first), unit(last)),
        }
    }
}

/// What explains missing messages, from the first hour with a receipt to the last.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In order of time; no two have an hour in common.
    spans: Vec<Explanation>,
}

impl Ledger {
    /// What these receipts say, and the hours in whose files nobody could look.
    pub fn new(receipts: &BTreeMap<Hour, Receipt>, unread: &BTreeSet<Hour>) -> Ledger {
        let mut whys: BTreeMap<Hour, Option<Why>> =
            receipts.iter().map(|(&hour, receipt)| (hour, Why::of(receipt))).collect();
        whys.extend(unread.iter().map(|&hour| (hour, Some(Why::Unread))));
        let mut ledger = Ledger::default();
        let mut next = whys.keys().next().copied();
        for (hour, why) in whys {
            if let Some(next) = next.filter(|next| *next < hour) {
                ledger.add(next, hour.plus(-1), Why::Pending);
            }
            if let Some(why) = why {
                ledger.add(hour, hour, why);
            }
            next = Some(hour.plus(1));
        }
        ledger
    }

    fn add(&mut self, first: Hour, last: Hour, why: Why) {
        match self.spans.last_mut() {
            Some(span) if span.why == why && span.last.plus(1) == first => span.last = last,
            _ => self.spans.push(Explanation { first, last, why }),
        }
    }

    /// The explanations that the hours `[from, to]` give, likeliest first.
    pub fn within(&self, from: Hour, to: Hour) -> Vec<Explanation> {
        let begin = self.spans.partition_point(|span| span.last < from);
        let inside = self.spans[begin..].iter().take_while(|span| span.first <= to);
        let clipped =
            |span: &Explanation| Explanation { first: span.first.max(from), last: span.last.min(to), ..*span };
        let mut found: Vec<Explanation> = inside.map(clipped).collect();
        found.sort_by_key(|span| (span.why, span.first));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(n: i64) -> Hour {
        Hour::from_digits("2026111900").unwrap().plus(n)
    }

    fn receipt(n: i64, state: State) -> (Hour, Receipt) {
        let unit = Unit { hour: hour(n), chat_type: ChatType::Group };
        (hour(n), Receipt::new(unit, 1, state, hour(n).end(), 1))
    }

    fn span(first: i64, last: i64, why: Why) -> Explanation {
        Explanation { first: hour(first), last: hour(last), why }
    }

    #[test]
    fn hours_of_one_kind_in_a_row_are_told_together_the_likeliest_first() {
        let mut receipts = BTreeMap::from([
            receipt(0, State::Committed),
            receipt(1, State::Empty),
            receipt(2, State::Lost),
            receipt(3, State::Lost),
            receipt(6, State::Committed),
            receipt(7, State::Committed),
        ]);
        receipts.get_mut(&hour(7)).unwrap().rejects = 2;
        let ledger = Ledger::new(&receipts, &BTreeSet::from([hour(6)]));
        let all = [
            span(2, 3, Why::Lost),
            span(6, 6, Why::Unread),
            span(4, 5, Why::Pending),
            span(7, 7, Why::Rejects),
            span(1, 1, Why::Empty),
        ];
        assert_eq!(ledger.within(hour(0), hour(9)), all);
        assert_eq!(ledger.within(hour(3), hour(4)), [span(3, 3, Why::Lost), span(4, 4, Why::Pending)]);
        assert_eq!(ledger.within(hour(0), hour(0)), []);
        assert_eq!(Ledger::default().within(hour(0), hour(9)), []);
    }

    #[test]
    fn an_explanation_names_the_units() {
        assert_eq!(span(2, 2, Why::Lost).to_string(), "Group/2026111902 is lost");
        assert_eq!(span(4, 5, Why::Pending).to_string(), "Group/2026111904 to Group/2026111905 are pending");
    }
}
