//! How long to wait before another try.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Delays between four tries: half a second, doubled each time, and as much again at random. Short, because the next
/// run asks again anyway and the breaker counts on failures that come quickly.
pub fn delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default().with_min_delay(Duration::from_millis(500)).with_max_times(3).with_jitter().build()
}
