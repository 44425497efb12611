//! The app's limit of calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// At most so many calls in any one second: 10 is *documented* (cloud.tencent.com/document/product/269/1650); that the
/// second slides, and that refused calls do not count, is *assumed*.
#[derive(Debug)]
pub(super) struct RateLimit {
    calls_per_second: usize,
    admitted: VecDeque<Instant>,
}

impl RateLimit {
    /// A limit with nothing used up.
    pub(super) fn new(calls_per_second: u32) -> RateLimit {
        RateLimit { calls_per_second: calls_per_second as usize, admitted: VecDeque::new() }
    }

    /// Whether a call at `now` is within the limit; if so, it is counted.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        while self.admitted.front().is_some_and(|&call| now.duration_since(call) >= Duration::from_secs(1)) {
            self.admitted.pop_front();
        }
        let within = self.admitted.len() < self.calls_per_second;
        if within {
            self.admitted.push_back(now);
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_wherever_it_begins_holds_more_calls_than_the_limit() {
        let (mut limit, start) = (RateLimit::new(3), Instant::now());
        let mut at = |ms| limit.admit(start + Duration::from_millis(ms));
        assert!(at(0) && at(500) && at(900));
        assert!(!at(999));
        assert!(at(1000));
        assert!(!at(1499));
        assert!(at(1500));
    }
}
