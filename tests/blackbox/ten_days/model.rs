//! What must become of every hour, told a second time: written from the contract, sharing no line with the program.
//!
//! Time is counted in whole hours since the first hour of the play; `sync` always starts at the same minute.

use std::collections::{BTreeMap, BTreeSet};

/// An hour and a chat type.
pub type Key = (i64, &'static str);

/// What the vendor answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// An archive with the messages of these numbers.
    Has(Vec<u64>),
    /// An archive that is not what it is said to be.
    Damaged,
    /// OK, and no `File`.
    NoFile,
    /// 1004.
    NotReady,
    /// 1005.
    Gone,
    /// An error that nobody knows.
    Fails,
    /// The credentials are no longer good.
    Refuses,
}

/// What is known of a unit.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    pub state: &'static str,
    pub reason: Option<&'static str>,
    pub messages: Vec<u64>,
    pub conflict: bool,
    pub quarantine: bool,
    pub reported: bool,
    /// The hour's age when its state was last found.
    pub checked_at_age: i64,
    asking_again_failed: bool,
}

/// What a `sync` must do.
#[derive(Debug, Default)]
pub struct Expected {
    pub exit: i32,
    pub asked: BTreeSet<Key>,
    pub losses: BTreeSet<Key>,
}

/// The ledger as it must be, and the minute of the hour at which `sync` starts.
pub struct Model {
    pub units: BTreeMap<Key, Unit>,
    pub minute: i64,
    /// By chat type: the oldest hour answered for, and when its first `sync` was.
    pub watched: BTreeMap<&'static str, (i64, i64)>,
}

const SETTLE: i64 = 1;
const EMPTY_AFTER: i64 = 24;
const RECHECK: [i64; 3] = [24, 3 * 24, 6 * 24];
const RETENTION: i64 = 7 * 24;

impl Model {
    /// One `sync`.
    pub fn sync(
        &mut self,
        now: i64,
        chat_types: &[&'static str],
        lookback: i64,
        says: impl Fn(Key) -> Says,
    ) -> Expected {
        let mut expected = Expected::default();
        let (mut refused, mut failed) = (false, 0);
        for &chat_type in chat_types {
            let (since, first_sync) = *self.watched.entry(chat_type).or_insert((now - lookback, now));
            for hour in since..now {
                let key = (hour, chat_type);
                let unit = self.units.entry(key).or_insert(Unit { state: "pending", ..Unit::default() });
                let age = now - hour - 1;
                let answered_for = (first_sync - hour - 1) * 60 + self.minute <= 164 * 60;
                if !unit.is_due(age) {
                    continue;
                }
                if age >= RETENTION {
                    unit.is_lost("out_of_retention", answered_for);
                    continue;
                }
                expected.asked.insert(key);
                let answer = says(key);
                match answer {
                    Says::Refuses => refused = true,
                    Says::Fails | Says::Damaged => failed += 1,
                    _ => {}
                }
                unit.is_told(answer, age, answered_for);
            }
        }
        assert!(failed < 20, "so many failures in a row stop a run, which is another test's business");
        let untold = |unit: &Unit| unit.state == "lost" && unit.reason != Some("before_first_run") && !unit.reported;
        let of_these = |key: &Key| chat_types.contains(&key.1);
        let losses = self.units.iter_mut().filter(|(key, unit)| of_these(key) && untold(unit));
        for (&key, unit) in losses {
            expected.losses.insert(key);
            unit.reported = !refused;
        }
        expected.exit = match (refused, expected.losses.is_empty(), failed) {
            (true, ..) => 77,
            (_, false, _) => 4,
            (_, _, 0) => 0,
            _ => 3,
        };
        expected
    }
}

impl Unit {
    fn is_finished(&self) -> bool {
        ["committed", "empty", "lost"].contains(&self.state)
    }

    fn is_due(&self, age: i64) -> bool {
        match self.is_finished() {
            false => age >= SETTLE,
            true if age >= RETENTION => false,
            true => self.asking_again_failed || RECHECK.iter().any(|&at| self.checked_at_age < at && at <= age),
        }
    }

    fn is_lost(&mut self, reason: &'static str, answered_for: bool) {
        (self.state, self.reason) = ("lost", Some(if answered_for { reason } else { "before_first_run" }));
    }

    fn is_told(&mut self, answer: Says, age: i64, answered_for: bool) {
        match answer {
            Says::Refuses => return,
            Says::Fails | Says::Damaged => {
                self.quarantine |= answer == Says::Damaged;
                match self.is_finished() {
                    true => self.asking_again_failed = true,
                    false => self.state = "failed",
                }
                return;
            }
            Says::Has(offered) => self.is_offered(offered),
            _ if self.is_finished() => {}
            Says::Gone => self.is_lost("expired", answered_for),
            Says::NotReady if age < EMPTY_AFTER => self.state = "not_ready",
            Says::NotReady | Says::NoFile => self.state = "empty",
        }
        (self.checked_at_age, self.asking_again_failed) = (age, false);
    }

    fn is_offered(&mut self, offered: Vec<u64>) {
        let holds_all = self.messages.iter().all(|message| offered.contains(message));
        if offered == self.messages && self.state == "committed" {
            // Nothing new.
        } else if holds_all {
            self.state = if offered.is_empty() { "empty" } else { "committed" };
            (self.reason, self.messages, self.conflict) = (None, offered, false);
        } else {
            (self.conflict, self.quarantine) = (true, true);
        }
    }
}
