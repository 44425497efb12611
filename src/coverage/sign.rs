//! A sign on the map: what is known of an hour, or the worst that is known of a day.

use console::Style;

use crate::domain::receipt::{LostReason, Receipt, State};

/// A sign on the map. The order is the one in which a day is judged by its hours: first what a person must know, then what
/// can still go wrong, then what is missing for good although nobody answers for it, and what is merely unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    Lost,
    Failed,
    NotReady,
    NobodysLoss,
    /// Of a day alone: some of its hours are done, the others pending.
    Partly,
    Committed,
    Empty,
    Pending,
}

impl Sign {
    /// The signs of units, in the order in which they are counted.
    pub(super) const OF_UNITS: [Sign; 7] =
        [Sign::Committed, Sign::Empty, Sign::NotReady, Sign::Failed, Sign::Lost, Sign::NobodysLoss, Sign::Pending];

    /// All signs of a day, worst first.
    pub(super) const WORST_FIRST: [Sign; 8] = [
        Sign::Lost,
        Sign::Failed,
        Sign::NotReady,
        Sign::NobodysLoss,
        Sign::Partly,
        Sign::Committed,
        Sign::Empty,
        Sign::Pending,
    ];

    /// The sign of a unit.
    pub(super) fn of(receipt: Option<&Receipt>) -> Sign {
        match receipt.map(|receipt| (receipt.state, receipt.reason)) {
            None => Sign::Pending,
            Some((State::Committed, _)) => Sign::Committed,
            Some((State::Empty, _)) => Sign::Empty,
            Some((State::NotReady, _)) => Sign::NotReady,
            Some((State::Failed, _)) => Sign::Failed,
            Some((State::Lost, Some(LostReason::BeforeFirstRun))) => Sign::NobodysLoss,
            Some((State::Lost, _)) => Sign::Lost,
        }
    }

    /// The sign of a day of which `shown` hours are on the map, and these of them have a receipt.
    pub(super) fn of_day<'a>(recorded: impl Iterator<Item = &'a Receipt>, shown: usize) -> Sign {
        let (mut count, mut worst) = (0, Sign::Pending);
        for receipt in recorded {
            count += 1;
            worst = worst.min(Sign::of(Some(receipt)));
        }
        if count > 0 && count < shown { worst.min(Sign::Partly) } else { worst }
    }

    pub(super) fn letter(self) -> char {
        match self {
            Sign::Committed => '#',
            Sign::Empty => 'o',
            Sign::Partly => '+',
            Sign::NotReady => '~',
            Sign::Failed => '!',
            Sign::Lost => 'X',
            Sign::NobodysLoss => 'x',
            Sign::Pending => '.',
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Sign::Committed => "committed: its messages are in the table",
            Sign::Empty => "empty: the vendor has no messages for it",
            Sign::Partly => "partly done: the day's other hours are pending",
            Sign::NotReady => "not ready: the vendor had no file yet; asked again at every run",
            Sign::Failed => "failed: tried again at every run",
            Sign::Lost => "lost: the vendor deleted it before it was archived",
            Sign::NobodysLoss => "lost before the first run: gone before anybody watched",
            Sign::Pending => "pending: never asked for, or too young",
        }
    }

    /// The letter, in colour where somebody looks.
    pub(super) fn styled(self) -> String {
        let style = match self {
            Sign::Committed => Style::new().green(),
            Sign::Empty => Style::new().cyan(),
            Sign::NotReady | Sign::Partly => Style::new().yellow(),
            Sign::Failed => Style::new().red(),
            Sign::Lost => Style::new().red().bold(),
            Sign::NobodysLoss | Sign::Pending => Style::new().dim(),
        };
        style.apply_to(self.letter()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChatType, Unit};

    fn receipt(state: State, reason: Option<LostReason>) -> Receipt {
        let unit = Unit { hour: "2026111921".parse().unwrap(), chat_type: ChatType::C2c };
        Receipt { reason, ..Receipt::new(unit, 1, state, unit.hour.end(), 1) }
    }

    #[test]
    fn a_day_is_as_bad_as_the_worst_of_its_hours() {
        let all = [
            receipt(State::Lost, Some(LostReason::Expired)),
            receipt(State::Failed, None),
            receipt(State::NotReady, None),
            receipt(State::Lost, Some(LostReason::BeforeFirstRun)),
            receipt(State::Committed, None),
            receipt(State::Empty, None),
        ];
        let expected = ['X', '!', '~', 'x', '#', 'o'];
        for (at, letter) in expected.into_iter().enumerate() {
            assert_eq!(Sign::of_day(all[at..].iter().rev(), all.len() - at).letter(), letter);
        }
        assert!(Sign::WORST_FIRST.is_sorted());
    }

    #[test]
    fn a_day_that_is_done_in_part_says_so_unless_something_is_wrong_with_it() {
        let (done, failed) = (receipt(State::Committed, None), receipt(State::Failed, None));
        assert_eq!(Sign::of_day([&done].into_iter(), 2), Sign::Partly);
        assert_eq!(Sign::of_day([&failed, &done].into_iter(), 3), Sign::Failed);
        assert_eq!(Sign::of_day([].into_iter(), 24), Sign::Pending);
    }
}
