//! Which units are due and why: a pure function of the time, the settings, the manifest and the receipts.
//!
//! | what is recorded | due |
//! |---|---|
//! | nothing | once settled; by `sync` only if watched |
//! | `not_ready`, `failed` | every run |
//! | `committed`, `empty`, `lost` | when a recheck age has passed since it was last checked, while younger than 7 d |
//! | anything unfinished, 7 d old or older | becomes `lost`, unasked (by `sync`) |
//!
//! The window is walked by state, not by a cursor, oldest hour first.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::domain::receipt::{LostReason, Receipt, State};
use crate::domain::{ChatType, Hour, Unit, Watch};

/// How long the vendor keeps an archive, counted here from the hour's end (*documented*: 7 days, and not from when;
/// cloud.tencent.com/document/product/269/1650).
pub const RETENTION: Duration = Duration::days(7);

/// An hour older than this at the first `sync` is nobody's loss: it might have been deleted before anybody could ask.
const WATCHABLE: Duration = Duration::hours(164);

/// The receipts of one chat type.
pub type Receipts = BTreeMap<Hour, Receipt>;

/// What is to be done with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the vendor.
    Ask,
    /// Record it as lost without asking.
    GiveUp,
    /// Finish what an interrupted run had begun to publish.
    Finish,
    /// The same, and ask the vendor unless that brought the unit's archives up to date.
    FinishAndAsk,
}

impl Action {
    /// As in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Ask => "ask",
            Action::GiveUp => "give_up",
            Action::Finish => "finish",
            Action::FinishAndAsk => "finish_and_ask",
        }
    }
}

/// A due unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The unit.
    pub unit: Unit,
    /// What is to be done.
    pub action: Action,
    /// Its receipt so far; `None` where it was never asked for.
    pub receipt: Option<Receipt>,
    /// Why it is due, in words.
    pub why: String,
}

impl Task {
    fn new(unit: Unit, action: Action, receipt: Option<&Receipt>, why: String) -> Task {
        Task { unit, action, receipt: receipt.cloned(), why }
    }

    /// Its state so far, as in reports.
    pub fn state(&self) -> &'static str {
        self.receipt.as_ref().map_or("pending", |receipt| receipt.state.as_str())
    }

    /// The vendor is to be asked for a unit whose last try failed, be the unit finished or not.
    pub fn failed_before(&self) -> bool {
        self.action == Action::Ask && self.receipt.as_ref().is_some_and(Receipt::last_try_failed)
    }
}

/// The settings that decide what is due.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Age at which an hour is first asked for.
    pub settle: Duration,
    /// Ages at which a finished unit is asked for again, ascending.
    pub recheck: Vec<Duration>,
}

/// Which units of its range a `backfill` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rerun {
    /// Those without a final state.
    Missing,
    /// Those that failed.
    Failed,
    /// All, finished ones too.
    All,
}

impl std::str::FromStr for Rerun {
    type Err = String;

    fn from_str(text: &str) -> Result<Rerun, String> {
        match text {
            "missing" => Ok(Rerun::Missing),
            "failed" => Ok(Rerun::Failed),
            "all" => Ok(Rerun::All),
            _ => Err("write missing, failed or all".to_owned()),
        }
    }
}

/// What a chat type's first `sync` at `now` writes into the manifest.
pub fn first_watch(now: DateTime<Utc>, lookback: Duration) -> Option<Watch> {
    Some(Watch { watched_since: Hour::containing(now - lookback)?, first_sync_at: now })
}

/// Whether somebody answers for the loss of an hour.
pub fn is_answered_for(hour: Hour, watch: Option<&Watch>) -> bool {
    watch.is_some_and(|watch| hour >= watch.watched_since && hour.age(watch.first_sync_at) <= WATCHABLE)
}

/// The reason to record for a loss: `found`, unless nobody answers for the hour.
pub fn loss_reason(hour: Hour, watch: Option<&Watch>, found: LostReason) -> LostReason {
    if is_answered_for(hour, watch) { found } else { LostReason::BeforeFirstRun }
}

/// What a `sync` at `now` does with one chat type: every watched hour, and every hour with a receipt.
pub fn sync(chat_type: ChatType, now: DateTime<Utc>, policy: &Policy, watch: &Watch, receipts: &Receipts) -> Vec<Task> {
    let watched = Hour::containing(now).into_iter().flat_map(|to| watch.watched_since.until(to));
    let mut hours: Vec<Hour> = watched.chain(receipts.keys().copied()).collect();
    hours.sort_unstable();
    hours.dedup();
    let due = hours.into_iter().filter_map(|hour| {
        let receipt = receipts.get(&hour);
        let (action, why) = due_for_sync(hour, now, policy, receipt)?;
        Some(Task::new(Unit { hour, chat_type }, action, receipt, why))
    });
    due.collect()
}

fn due_for_sync(
    hour: Hour,
    now: DateTime<Utc>,
    policy: &Policy,
    receipt: Option<&Receipt>,
) -> Option<(Action, String)> {
    let age = hour.age(now);
    let finished = receipt.is_some_and(|receipt| receipt.state.is_final());
    match receipt {
        // Recorded under a clock that was ahead: nothing can be known of an hour that has not ended.
        _ if age < Duration::zero() => None,
        _ if age >= RETENTION && !finished => {
            Some((Action::GiveUp, "unfinished at the end of the vendor's 7 days".to_owned()))
        }
        _ if age >= RETENTION => None,
        Some(receipt) if finished => recheck_due(receipt, now, policy).map(|why| (Action::Ask, why)),
        other => unfinished_due(other, age, policy).map(|why| (Action::Ask, why)),
    }
}

/// Adds the finished units whose publication a killed run left half done; an unfinished one is due by itself.
pub fn finish(tasks: &mut Vec<Task>, interrupted: &[Unit], known: &BTreeMap<ChatType, Receipts>) {
    for &unit in interrupted {
        let receipt = known.get(&unit.chat_type).and_then(|receipts| receipts.get(&unit.hour));
        if let Some(receipt) = receipt.filter(|receipt| receipt.state.is_final()) {
            let killed = "a run was killed while it published this";
            match tasks.iter_mut().find(|task| task.unit == unit) {
                None => tasks.push(Task::new(unit, Action::Finish, Some(receipt), killed.to_owned())),
                Some(task) => {
                    task.action = Action::FinishAndAsk;
                    task.why = format!("{killed}; {}", task.why);
                }
            }
        }
    }
    tasks.sort_by_key(|task| task.unit);
}

/// Why an unfinished unit is to be asked for, if it is.
fn unfinished_due(receipt: Option<&Receipt>, age: Duration, policy: &Policy) -> Option<String> {
    match receipt {
        None if age < policy.settle => None,
        None => Some("never asked for".to_owned()),
        Some(Receipt { state: State::NotReady, attempts, .. }) => Some(format!("not ready after {attempts} tries")),
        Some(receipt) => {
            let cause = receipt.error.as_ref().map_or("no cause recorded", |error| error.cause.as_str());
            Some(format!("failed after {} tries: {cause}", receipt.attempts))
        }
    }
}

/// Why a finished unit is to be asked for once more, if it is: one asking covers all ages already passed.
fn recheck_due(receipt: &Receipt, now: DateTime<Utc>, policy: &Policy) -> Option<String> {
    if receipt.checked_at > now {
        return Some("last checked in the future".to_owned());
    }
    if receipt.last_try_failed() {
        return Some("asking for it again failed".to_owned());
    }
    let (age, checked) = (receipt.hour.age(now), receipt.hour.age(receipt.checked_at));
    let passed = policy.recheck.iter().rev().find(|&&recheck| checked < recheck && recheck <= age)?;
    Some(format!("recheck at {}", short_age(*passed)))
}

/// What a `backfill` at `now` does with the hours `[from, to)` of one chat type. It asks whatever the hour's age.
pub fn backfill(
    chat_type: ChatType,
    now: DateTime<Utc>,
    policy: &Policy,
    range: (Hour, Hour),
    rerun: Rerun,
    receipts: &Receipts,
) -> Vec<Task> {
    let due = range.0.until(range.1).filter_map(|hour| {
        let receipt = receipts.get(&hour);
        let why = match (rerun, receipt.map(|receipt| receipt.state)) {
            (Rerun::Missing | Rerun::All, state) if state.is_none_or(|state| !state.is_final()) => {
                unfinished_due(receipt, hour.age(now), policy)
            }
            (Rerun::Failed, Some(State::Failed)) => unfinished_due(receipt, hour.age(now), policy),
            (Rerun::All, Some(_)) => Some("asked for again".to_owned()),
            _ => None,
        }?;
        Some(Task::new(Unit { hour, chat_type }, Action::Ask, receipt, why))
    });
    due.collect()
}

/// An age as the settings write it: `24h`, `3d`.
fn short_age(age: Duration) -> String {
    humantime::format_duration(age.to_std().unwrap_or_default()).to_string().replace("day", "d").replace("ds", "d")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: &str = "2026111921";

    fn at(age: Duration) -> DateTime<Utc> {
        hour().end() + age
    }

    fn hour() -> Hour {
        HOUR.parse().unwrap()
    }

    fn policy() -> Policy {
        Policy { settle: Duration::hours(1), recheck: vec![Duration::hours(24), Duration::days(3), Duration::days(6)] }
    }

    fn receipt(state: State, checked_age: Duration) -> Receipt {
        let mut receipt = Receipt::new(Unit { hour: hour(), chat_type: ChatType::C2c }, 1, state, at(checked_age), 1);
        receipt.attempts = 1;
        receipt
    }

    fn action(age: Duration, receipt: Option<&Receipt>) -> Option<Action> {
        due_for_sync(hour(), at(age), &policy(), receipt).map(|(action, _)| action)
    }

    #[test]
    fn an_hour_is_first_asked_for_when_it_has_settled() {
        assert_eq!(action(Duration::minutes(59), None), None);
        assert_eq!(action(Duration::minutes(60), None), Some(Action::Ask));
        assert_eq!(action(RETENTION - Duration::seconds(1), None), Some(Action::Ask));
        assert_eq!(action(RETENTION, None), Some(Action::GiveUp));
    }

    #[test]
    fn unfinished_units_are_due_at_every_run_until_the_vendor_deletes_them() {
        for state in [State::NotReady, State::Failed] {
            let receipt = receipt(state, Duration::hours(2));
            assert_eq!(action(Duration::hours(2), Some(&receipt)), Some(Action::Ask));
            assert_eq!(action(Duration::days(8), Some(&receipt)), Some(Action::GiveUp));
        }
    }

    #[test]
    fn finished_units_are_due_once_at_each_recheck_age() {
        for state in [State::Committed, State::Empty, State::Lost] {
            let due = |checked: i64, age: i64| {
                action(Duration::hours(age), Some(&receipt(state, Duration::hours(checked)))).is_some()
            };
            assert!(!due(1, 23));
            assert!(due(1, 24));
            assert!(!due(24, 71));
            assert!(due(24, 72));
            // One asking covers all ages already passed.
            assert!(!due(145, 167));
            assert!(!due(1, 24 * 7));
            assert!(due(50, 30), "a checked_at in the future counts as due");
        }
    }

    #[test]
    fn the_first_sync_watches_the_window_and_nobody_answers_for_what_was_too_old_then() {
        let now = at(Duration::minutes(30));
        let watch = first_watch(now, RETENTION).unwrap();
        assert_eq!(watch.watched_since.age(now), Duration::days(7) - Duration::minutes(30));
        let tasks = sync(ChatType::Group, now, &policy(), &watch, &Receipts::new());
        assert_eq!(tasks.first().unwrap().unit.hour, watch.watched_since);
        assert_eq!(tasks.last().unwrap().unit.hour, hour().plus(-1));
        assert!(!is_answered_for(watch.watched_since, Some(&watch)));
        assert!(is_answered_for(watch.watched_since.plus(4), Some(&watch)));
        assert!(!is_answered_for(watch.watched_since.plus(-1), Some(&watch)));
        assert!(!is_answered_for(hour(), None));
    }

    #[test]
    fn a_backfill_asks_for_what_it_is_told_to() {
        let now = at(Duration::days(30));
        let receipts = |state| Receipts::from([(hour(), receipt(state, Duration::hours(2)))]);
        let asks = |rerun, receipts: &Receipts| {
            backfill(ChatType::C2c, now, &policy(), (hour(), hour().plus(1)), rerun, receipts).len() == 1
        };
        assert!(asks(Rerun::Missing, &Receipts::new()) && asks(Rerun::All, &Receipts::new()));
        assert!(!asks(Rerun::Failed, &Receipts::new()));
        for (state, missing, failed) in [
            (State::Committed, false, false),
            (State::Empty, false, false),
            (State::Lost, false, false),
            (State::NotReady, true, false),
            (State::Failed, true, true),
        ] {
            assert_eq!(asks(Rerun::Missing, &receipts(state)), missing);
            assert_eq!(asks(Rerun::Failed, &receipts(state)), failed);
            assert!(asks(Rerun::All, &receipts(state)));
        }
    }
}
