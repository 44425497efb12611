//! The faults at work: when they strike and whom, the same way every time.

use std::sync::atomic::{AtomicU64, Ordering};

use super::dice::Dice;
use super::faults::{Fault, Faults};
use crate::domain::Unit;

/// What is wrong with one call of `get_history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallFault {
    Status(u16),
    Code(u32),
    Html,
    Empty,
    Reset,
}

/// What is wrong with one download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DownloadFault {
    Status(u16),
    Reset,
    Cut,
    Corrupt,
    Lapse,
    Stall,
}

impl Fault {
    fn of_call(self) -> Option<CallFault> {
        match self {
            Fault::Status(status) => Some(CallFault::Status(status)),
            Fault::Code(code) => Some(CallFault::Code(code)),
            Fault::Html => Some(CallFault::Html),
            Fault::Empty => Some(CallFault::Empty),
            Fault::Reset => Some(CallFault::Reset),
            Fault::Cut | Fault::Corrupt | Fault::Lapse | Fault::Stall | Fault::Late | Fault::Grow => None,
        }
    }

    fn of_download(self) -> Option<DownloadFault> {
        match self {
            Fault::Status(status) => Some(DownloadFault::Status(status)),
            Fault::Reset => Some(DownloadFault::Reset),
            Fault::Cut => Some(DownloadFault::Cut),
            Fault::Corrupt => Some(DownloadFault::Corrupt),
            Fault::Lapse => Some(DownloadFault::Lapse),
            Fault::Stall => Some(DownloadFault::Stall),
            Fault::Code(_) | Fault::Html | Fault::Empty | Fault::Late | Fault::Grow => None,
        }
    }
}

/// Decides when a fault strikes. Every kind counts for itself how often it was asked, calls and downloads apart, and
/// strikes at the same counts under the same seed. Hours are struck or spared for good.
#[derive(Debug)]
pub(super) struct Weather {
    seed: u64,
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    fault: Fault,
    probability: f64,
    calls: AtomicU64,
    downloads: AtomicU64,
}

impl Weather {
    /// The weather that these faults make under the seed.
    pub(super) fn new(seed: u64, faults: &Faults) -> Weather {
        let kind =
            |&(fault, probability)| Kind { fault, probability, calls: AtomicU64::new(0), downloads: AtomicU64::new(0) };
        Weather { seed, kinds: faults.list.iter().map(kind).collect() }
    }

    /// What strikes the next call; the first of several.
    pub(super) fn on_call(&self) -> Option<CallFault> {
        self.kinds.iter().find_map(|kind| {
            let fault = kind.fault.of_call()?;
            self.strikes(kind, &[0, kind.calls.fetch_add(1, Ordering::Relaxed)]).then_some(fault)
        })
    }

    /// What strikes the next download; the first of several.
    pub(super) fn on_download(&self) -> Option<DownloadFault> {
        self.kinds.iter().find_map(|kind| {
            let fault = kind.fault.of_download()?;
            self.strikes(kind, &[1, kind.downloads.fetch_add(1, Ordering::Relaxed)]).then_some(fault)
        })
    }

    /// Whether the unit's hour is struck by a fault of hours.
    pub(super) fn strikes_hour(&self, fault: Fault, unit: Unit) -> bool {
        let hour = unit.hour.start().timestamp() as u64;
        self.kinds.iter().any(|kind| kind.fault == fault && self.strikes(kind, &[2, unit.chat_type as u64, hour]))
    }

    fn strikes(&self, kind: &Kind, occasion: &[u64]) -> bool {
        let key = [&[self.seed, kind_key(kind.fault)], occasion].concat();
        Dice::keyed(&key).happens(kind.probability)
    }
}

/// Tells kinds apart whatever else is given beside them: by their names, which no release may change.
fn kind_key(fault: Fault) -> u64 {
    fault.to_string().bytes().fold(0, |key, byte| key << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ChatType;

    fn faults(text: &str) -> Faults {
        text.parse().unwrap()
    }

    #[test]
    fn the_same_seed_strikes_at_the_same_counts() {
        let strikes = |seed| -> Vec<Option<CallFault>> {
            let weather = Weather::new(seed, &faults("502:0.2,60008:0.2,cut:1"));
            (0..200).map(|_| weather.on_call()).collect()
        };
        assert_eq!(strikes(1), strikes(1));
        assert_ne!(strikes(1), strikes(2));
        let bad_gateways = strikes(1).iter().filter(|fault| **fault == Some(CallFault::Status(502))).count();
        assert!((20..60).contains(&bad_gateways), "{bad_gateways}");
    }

    #[test]
    fn a_kind_strikes_the_same_whatever_other_kinds_are_given_after_it() {
        let alone = Weather::new(1, &faults("cut:0.3"));
        let among = Weather::new(1, &faults("cut:0.3,60008:0.5,late:0.5"));
        assert!((0..200).all(|_| (alone.on_download().is_some()) == among.on_download().is_some()));
    }

    #[test]
    fn faults_of_downloads_spare_calls_and_faults_of_hours_spare_both() {
        let weather = Weather::new(1, &faults("cut:1,late:1"));
        assert_eq!(weather.on_call(), None);
        assert_eq!(weather.on_download(), Some(DownloadFault::Cut));
        let unit = Unit { hour: "2026111921".parse().unwrap(), chat_type: ChatType::C2c };
        assert!(weather.strikes_hour(Fault::Late, unit) && !weather.strikes_hour(Fault::Grow, unit));
    }
}
