//! What time it is, for whoever plans and stamps.

use chrono::{DateTime, Utc};

/// The clock of a run. UserSigs and the comparison with the vendor's clock use the real one whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// This machine's.
    System,
    /// The setting `--now`.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The time.
    pub fn now(self) -> DateTime<Utc> {
        match self {
            Clock::System => Utc::now(),
            Clock::Fixed(instant) => instant,
        }
    }
}
