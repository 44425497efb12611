//! Which `MsgSeq`s of each group were seen, kept as runs without a hole.

use std::collections::{BTreeMap, HashMap};

use crate::domain::Hour;

/// The numbers seen of every group.
///
/// - What is known does not depend on the order in which it was learned, nor on how often.
/// - Memory follows the number of groups and of holes in them, not the number of messages.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    groups: HashMap<Box<str>, Runs>,
    unnumbered: u64,
}

/// A `MsgSeq`, and the earliest hour in whose archives it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The number, 1 or more.
    pub msg_seq: i64,
    /// The hour.
    pub hour: Hour,
}

/// Numbers that were not seen, and those around them that were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The number before the first that is missing.
    pub before: Sight,
    /// The number after the last that is missing.
    pub after: Sight,
}

impl Numbers {
    /// Takes in one message. A group's first message has `MsgSeq` 1 (*documented*,
    /// cloud.tencent.com/document/product/269/2738): one that has none, a smaller one, or no group, is only counted.
    pub fn see(&mut self, hour: Hour, group_id: Option<&str>, msg_seq: Option<i64>) {
        match (group_id, msg_seq) {
            (Some(group_id), Some(msg_seq @ 1..)) => self.add(group_id, Run::of(Sight { msg_seq, hour })),
            _ => self.unnumbered += 1,
        }
    }

    /// Takes in everything that others saw.
    pub fn merge(&mut self, mut others: Numbers) {
        if others.groups.len() > self.groups.len() {
            // What comes out is the same either way, and the fewer are moved sooner.
            std::mem::swap(self, &mut others);
        }
        self.unnumbered += others.unnumbered;
        for (group_id, runs) in others.groups {
            for run in runs.all() {
                self.add(&group_id, run);
            }
        }
    }

    fn add(&mut self, group_id: &str, run: Run) {
        match self.groups.get_mut(group_id) {
            Some(runs) => runs.add(run),
            None => drop(self.groups.insert(group_id.into(), Runs::of(run))),
        }
    }

    /// How many groups were seen.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Messages without a group or a number from 1 on.
    pub fn unnumbered(&self) -> u64 {
        self.unnumbered
    }

    /// No group has a hole.
    pub fn is_whole(&self) -> bool {
        self.groups.values().all(|runs| runs.others.is_empty())
    }

    /// All holes between the first and the last number of each group, by group and number. Of the numbers before a
    /// group's first one nothing is known: the group may be older than the lake.
    pub fn holes(&self) -> Vec<(&str, Hole)> {
        let mut groups: Vec<(&str, &Runs)> = self.groups.iter().map(|(group_id, runs)| (&**group_id, runs)).collect();
        groups.sort_unstable_by_key(|(group_id, _)| *group_id);
        groups.into_iter().flat_map(|(group_id, runs)| runs.holes().map(move |hole| (group_id, hole))).collect()
    }
}

/// Numbers seen without a hole: the first and the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: Sight,
    last: Sight,
}

impl Run {
    fn of(sight: Sight) -> Run {
        Run { first: sight, last: sight }
    }

    /// There is no hole between the two.
    fn touches(self, other: Run) -> bool {
        self.first.msg_seq <= other.last.msg_seq.saturating_add(1)
            && other.first.msg_seq <= self.last.msg_seq.saturating_add(1)
    }

    /// Both together. The end of the union is an end of every run that holds its number, so no hour is forgotten.
    fn union(self, other: Run) -> Run {
        Run { first: outer(self.first, other.first, i64::lt), last: outer(self.last, other.last, i64::gt) }
    }
}

/// The sight that lies farther out; of one number, the earlier sight.
fn outer(a: Sight, b: Sight, farther: fn(&i64, &i64) -> bool) -> Sight {
    if a.msg_seq == b.msg_seq {
        Sight { hour: a.hour.min(b.hour), ..a }
    } else if farther(&a.msg_seq, &b.msg_seq) {
        a
    } else {
        b
    }
}

/// The runs of one group, no two of which touch.
#[derive(Clone, Debug)]
struct Runs {
    /// The run that grew last. Messages come in the order of their numbers as a rule, and most groups have one run only:
    /// it lies here, where growing it costs nothing.
    latest: Run,
    /// All others, by their first number.
    others: BTreeMap<i64, Run>,
}

impl Runs {
    fn of(run: Run) -> Runs {
        Runs { latest: run, others: BTreeMap::new() }
    }

    fn add(&mut self, mut run: Run) {
        if self.latest.touches(run) {
            run = run.union(self.latest);
        } else {
            self.others.insert(self.latest.first.msg_seq, self.latest);
        }
        while let Some(other) = self.touching(run) {
            self.others.remove(&other.first.msg_seq);
            run = run.union(other);
        }
        self.latest = run;
    }

    /// The last of the others that the run touches: where the last that begins early enough does not reach it, none does.
    fn touching(&self, run: Run) -> Option<Run> {
        let (_, &other) = self.others.range(..=run.last.msg_seq.saturating_add(1)).next_back()?;
        other.touches(run).then_some(other)
    }

    fn all(self) -> impl Iterator<Item = Run> {
        self.others.into_values().chain([self.latest])
    }

    fn holes(&self) -> impl Iterator<Item = Hole> {
        let mut runs: Vec<Run> = self.others.values().copied().chain([self.latest]).collect();
        runs.sort_unstable_by_key(|run| run.first.msg_seq);
        let between = |pair: &[Run]| Hole { before: pair[0].last, after: pair[1].first };
        runs.windows(2).map(between).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hour(n: i64) -> Hour {
        Hour::from_digits("2026111900").unwrap().plus(n)
    }

    fn seen(sights: &[(i64, i64)]) -> Numbers {
        let mut numbers = Numbers::default();
        for &(at, msg_seq) in sights {
            numbers.see(hour(at), Some("g"), Some(msg_seq));
        }
        numbers
    }

    /// Each hole as the hour before, the first and the last missing number, the hour after.
    fn holes(numbers: &Numbers) -> Vec<(Hour, i64, i64, Hour)> {
        let inner = |hole: Hole| (hole.before.hour, hole.before.msg_seq + 1, hole.after.msg_seq - 1, hole.after.hour);
        numbers.holes().into_iter().map(|(_, hole)| inner(hole)).collect()
    }

    #[test]
    fn numbers_in_order_have_no_hole_wherever_they_begin() {
        assert_eq!(holes(&seen(&[(0, 500), (0, 501), (1, 502), (7, 503)])), []);
    }

    #[test]
    fn a_hole_lies_between_the_hours_of_its_neighbours() {
        assert_eq!(holes(&seen(&[(0, 1), (3, 5), (3, 7)])), [(hour(0), 2, 4, hour(3)), (hour(3), 6, 6, hour(3))]);
    }

    #[test]
    fn a_message_archived_late_fills_its_hole() {
        assert_eq!(holes(&seen(&[(0, 1), (0, 3), (1, 4), (1, 2)])), []);
    }

    #[test]
    fn of_a_number_seen_in_several_hours_the_earliest_counts() {
        assert_eq!(holes(&seen(&[(5, 1), (2, 1), (9, 4), (6, 4), (7, 4)])), [(hour(2), 2, 3, hour(6))]);
    }

    #[test]
    fn groups_are_told_apart_and_listed_by_name() {
        let mut numbers = Numbers::default();
        for (group_id, msg_seq) in [("b", 1), ("a", 2), ("b", 3), ("a", 4)] {
            numbers.see(hour(0), Some(group_id), Some(msg_seq));
        }
        let groups: Vec<&str> = numbers.holes().into_iter().map(|(group_id, _)| group_id).collect();
        assert_eq!((numbers.groups(), groups), (2, vec!["a", "b"]));
    }

    #[test]
    fn what_has_no_group_or_no_number_from_1_on_is_counted_and_no_more() {
        let mut numbers = seen(&[(0, 1), (0, 2)]);
        for (group_id, msg_seq) in [(None, Some(9)), (Some("g"), None), (None, None)] {
            numbers.see(hour(0), group_id, msg_seq);
        }
        numbers.see(hour(0), Some("g"), Some(0));
        numbers.see(hour(0), Some("g"), Some(i64::MIN));
        assert_eq!((numbers.unnumbered(), holes(&numbers)), (5, vec![]));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let numbers = seen(&[(0, 1), (1, i64::MAX), (1, i64::MAX - 1), (2, i64::MAX), (2, i64::from(u32::MAX))]);
        let u32_max = i64::from(u32::MAX);
        let expected = [(hour(0), 2, u32_max - 1, hour(2)), (hour(2), u32_max + 1, i64::MAX - 2, hour(1))];
        assert_eq!(holes(&numbers), expected);
    }

    /// The same by listing every number.
    fn holes_of_naive_model(sights: &[(i64, i64)]) -> Vec<(Hour, i64, i64, Hour)> {
        let mut earliest: BTreeMap<i64, Hour> = BTreeMap::new();
        for &(at, msg_seq) in sights {
            let known = earliest.entry(msg_seq).or_insert(hour(at));
            *known = hour(at).min(*known);
        }
        let all: Vec<(i64, Hour)> = earliest.into_iter().collect();
        let apart = all.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 1);
        apart.map(|pair| (pair[0].1, pair[0].0 + 1, pair[1].0 - 1, pair[1].1)).collect()
    }

    proptest! {
        /// Few numbers and many hours, so that numbers repeat, touch and come out of order all the time.
        #[test]
        fn the_runs_know_what_a_list_of_all_numbers_knows(
            sights in proptest::collection::vec((0i64..6, 1i64..60), 0..80), parts in 1usize..5,
        ) {
            let expected = holes_of_naive_model(&sights);
            prop_assert_eq!(holes(&seen(&sights)), expected.clone());
            // Read in parts by several threads, which come together in any order.
            let mut merged = Numbers::default();
            for part in (0..parts).rev() {
                let its = sights.iter().copied().skip(part).step_by(parts).collect::<Vec<_>>();
                merged.merge(seen(&its));
            }
            prop_assert_eq!(holes(&merged), expected);
        }

        #[test]
        fn no_two_runs_touch(sights in proptest::collection::vec((0i64..6, 1i64..60), 1..80)) {
            let numbers = seen(&sights);
            let runs: Vec<Run> = numbers.groups["g"].clone().all().collect();
            for (n, run) in runs.iter().enumerate() {
                prop_assert!(runs[n + 1..].iter().all(|other| !run.touches(*other)));
            }
        }
    }
}
