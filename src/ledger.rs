//! What a try makes of a unit's receipt. No I/O: the receipt before, the answer and the time go in, the receipt after
//! comes out.
//!
//! | answer | unfinished before | finished before |
//! |---|---|---|
//! | archives | `committed`, or `empty` where they have no rows | an empty or lost hour takes them; a committed one only others that hold everything it has |
//! | OK without `File` | `empty` | kept, noted |
//! | 1004 | `not_ready`; `empty` from `--empty-after` on; `lost` from 7 d on | kept, noted |
//! | 1005 | `lost` | kept, noted |
//! | a failure | `failed` | kept, noted, not counted as checked |

use chrono::{DateTime, Duration, Utc};

use crate::domain::receipt::{AskedAgain, Failure, LostReason, Receipt, State};
use crate::domain::{Unit, Watch};
use crate::plan::{RETENTION, loss_reason};

/// An answer without archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoArchive {
    /// OK, but nothing in `File`.
    NoFile,
    /// 1004.
    NotReady,
    /// 1005.
    Expired,
    /// Not asked: too old to have it still.
    GivenUp,
}

impl NoArchive {
    fn as_str(self) -> &'static str {
        match self {
            NoArchive::NoFile => "no_file",
            NoArchive::NotReady => "not_ready",
            NoArchive::Expired => "expired",
            NoArchive::GivenUp => "out_of_retention",
        }
    }

    /// The state that a unit of that age, unfinished so far, is in after this answer.
    pub fn state(self, age: Duration, empty_after: Duration) -> (State, Option<LostReason>) {
        match self {
            NoArchive::NoFile => (State::Empty, None),
            NoArchive::Expired => (State::Lost, Some(LostReason::Expired)),
            NoArchive::GivenUp => (State::Lost, Some(LostReason::OutOfRetention)),
            NoArchive::NotReady if age >= RETENTION => (State::Lost, Some(LostReason::NotReadyPastRetention)),
            NoArchive::NotReady if age >= empty_after => (State::Empty, None),
            NoArchive::NotReady => (State::NotReady, None),
        }
    }
}

/// What is the same for all units of a try.
#[derive(Clone, Debug)]
pub struct Try {
    /// The app.
    pub sdkappid: u64,
    /// When.
    pub now: DateTime<Utc>,
    /// Version of the table's columns.
    pub schema_version: u32,
}

impl Try {
    /// The receipt to write into: the one before with this try counted, or a new one.
    fn counted(&self, before: Option<Receipt>, unit: Unit, state: State) -> Receipt {
        let mut receipt =
            before.unwrap_or_else(|| Receipt::new(unit, self.sdkappid, state, self.now, self.schema_version));
        receipt.attempts += 1;
        receipt
    }

    /// After an answer without archives.
    pub fn no_archive(
        &self,
        before: Option<Receipt>,
        unit: Unit,
        answer: NoArchive,
        empty_after: Duration,
        watch: Option<&Watch>,
    ) -> Receipt {
        let (state, reason) = answer.state(unit.hour.age(self.now), empty_after);
        let finished = before.as_ref().is_some_and(|before| before.state.is_final());
        let mut receipt = self.counted(before, unit, state);
        if finished {
            receipt.asked_again = Some(AskedAgain { at: self.now, answer: answer.as_str().to_owned(), error: None });
        } else {
            receipt.state = state;
            receipt.reason = reason.map(|found| loss_reason(unit.hour, watch, found));
            receipt.error = None;
        }
        receipt.checked_at = self.now;
        receipt
    }

    /// After a failure.
    pub fn failed(&self, before: Option<Receipt>, unit: Unit, failure: Failure) -> Receipt {
        let mut receipt = self.counted(before, unit, State::Failed);
        if receipt.state.is_final() {
            let answer = State::Failed.as_str().to_owned();
            receipt.asked_again = Some(AskedAgain { at: self.now, answer, error: Some(failure) });
        } else {
            receipt.state = State::Failed;
            receipt.error = Some(failure);
            receipt.checked_at = self.now;
        }
        receipt
    }

    /// After a finished unit was asked for again and is kept as it was.
    pub fn kept(&self, mut before: Receipt, answer: &str) -> Receipt {
        before.attempts += 1;
        before.checked_at = self.now;
        before.asked_again = Some(AskedAgain { at: self.now, answer: answer.to_owned(), error: None });
        before
    }

    /// Before the archives of a unit are taken: nothing of an earlier state is left but its history.
    pub fn taken(&self, before: Option<&Receipt>, unit: Unit) -> Receipt {
        let mut receipt = Receipt::new(unit, self.sdkappid, State::Empty, self.now, self.schema_version);
        if let Some(before) = before {
            receipt.attempts = before.attempts;
            receipt.first_seen_at = before.first_seen_at;
            receipt.quarantine.clone_from(&before.quarantine);
            receipt.set_aside.clone_from(&before.set_aside);
        }
        receipt.attempts += 1;
        receipt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ChatType;

    fn unit() -> Unit {
        Unit { hour: "2026111921".parse().unwrap(), chat_type: ChatType::C2c }
    }

    fn tried(age: Duration) -> Try {
        Try { sdkappid: 1, now: unit().hour.end() + age, schema_version: 1 }
    }

    fn watch() -> Watch {
        Watch { watched_since: "2026111000".parse().unwrap(), first_sync_at: "2026-11-10T00:30:00Z".parse().unwrap() }
    }

    fn after(before: Option<Receipt>, answer: NoArchive, age: Duration) -> Receipt {
        tried(age).no_archive(before, unit(), answer, Duration::hours(24), Some(&watch()))
    }

    #[test]
    fn code_1004_means_another_thing_at_each_age() {
        let state = |age| after(None, NoArchive::NotReady, age).state;
        assert_eq!(state(Duration::hours(24) - Duration::seconds(1)), State::NotReady);
        assert_eq!(state(Duration::hours(24)), State::Empty);
        assert_eq!(state(Duration::days(7) - Duration::seconds(1)), State::Empty);
        assert_eq!(state(Duration::days(7)), State::Lost);
    }

    #[test]
    fn a_finished_unit_keeps_its_state_whatever_is_answered_without_archives() {
        for answer in [NoArchive::NoFile, NoArchive::NotReady, NoArchive::Expired] {
            let mut before = Receipt::new(unit(), 1, State::Committed, unit().hour.end(), 1);
            before.attempts = 1;
            let receipt = after(Some(before), answer, Duration::days(3));
            assert_eq!(receipt.state, State::Committed);
            assert_eq!(receipt.asked_again.unwrap().answer, answer.as_str());
            assert_eq!(receipt.checked_at, tried(Duration::days(3)).now);
        }
    }

    #[test]
    fn a_failure_on_a_finished_unit_is_noted_and_does_not_count_as_checked() {
        let mut before = Receipt::new(unit(), 1, State::Empty, unit().hour.end(), 1);
        before.attempts = 1;
        let failure = Failure { stage: "history".into(), class: "x".into(), cause: "y".into() };
        let receipt = tried(Duration::days(3)).failed(Some(before.clone()), unit(), failure);
        assert_eq!((receipt.state, receipt.checked_at, receipt.error), (State::Empty, before.checked_at, None));
    }

    #[test]
    fn a_loss_before_anybody_watched_is_nobodys() {
        let early = Unit { hour: "2026110923".parse().unwrap(), ..unit() };
        let receipt =
            tried(Duration::zero()).no_archive(None, early, NoArchive::Expired, Duration::hours(24), Some(&watch()));
        assert_eq!(receipt.reason, Some(LostReason::BeforeFirstRun));
        assert_eq!(after(None, NoArchive::Expired, Duration::days(6)).reason, Some(LostReason::Expired));
    }
}
