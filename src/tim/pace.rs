//! How fast we ask.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Spaces calls evenly, across all tasks: never more than so many in any one second, and no bursts.
///
/// Each call waits at the head of the queue and leaves at its time, so a task that wakes late does not push two calls
/// together. A little more than the even share of a second lies between calls, because the vendor counts them where
/// they arrive.
pub struct Pace {
    shortest: Duration,
    /// Held by the one task that waits for the next turn; the others stand behind it in order.
    queue: tokio::sync::Mutex<()>,
    turn: Mutex<Turn>,
}

#[derive(Clone, Copy)]
struct Turn {
    interval: Duration,
    next: Instant,
}

/// Spread over the calls of a second: what the network may shift a call by without two seconds' calls meeting in one.
const MARGIN: f64 = 0.05;

/// However often the vendor says "too fast", we ask at least this often.
const LONGEST: Duration = Duration::from_secs(8);

impl Pace {
    /// At most `calls_per_second`, or as fast as possible where there is none.
    pub fn new(calls_per_second: Option<f64>) -> Pace {
        let shortest = calls_per_second.map_or(Duration::ZERO, |calls| Duration::from_secs_f64((1.0 + MARGIN) / calls));
        let turn = Mutex::new(Turn { interval: shortest, next: Instant::now() });
        Pace { shortest, queue: tokio::sync::Mutex::new(()), turn }
    }

    /// Waits for the turn to make one call.
    pub async fn turn(&self) {
        let _head = self.queue.lock().await;
        while let Some(next) = self.not_before() {
            // The vendor may ask us to slow down while we wait: then there is more to wait for.
            sleep_until(next).await;
        }
    }

    /// When the next call may leave; `None`, and the turn taken, where that is now.
    fn not_before(&self) -> Option<Instant> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if turn.next > now {
            return Some(turn.next);
        }
        turn.next = now + turn.interval;
        // Each call that had not to be slowed down further lets the pace recover by a tenth.
        turn.interval = self.shortest.max(turn.interval.mul_f64(0.9));
        None
    }

    /// The vendor said "too fast": the whole run, waiting calls included, asks half as often, and comes back step by
    /// step.
    pub fn slow_down(&self) {
        const FIRST: Duration = Duration::from_millis(200);
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.interval = (turn.interval * 2).clamp(FIRST, LONGEST.max(self.shortest));
        turn.next = turn.next.max(Instant::now() + turn.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn times(pace: &Pace, calls: usize) -> Vec<Instant> {
        let mut times = Vec::new();
        for _ in 0..calls {
            pace.turn().await;
            times.push(Instant::now());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_than_so_many_calls_in_any_second() {
        let times = times(&Pace::new(Some(8.0)), 100).await;
        for window in times.windows(9) {
            assert!(window[8] - window[0] > Duration::from_secs(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slowed_run_comes_back_to_its_pace() {
        let pace = Pace::new(Some(8.0));
        pace.slow_down();
        let times = times(&pace, 40).await;
        assert!(times[1] - times[0] > Duration::from_millis(200));
        assert!(times[39] - times[38] < Duration::from_millis(140));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let times = times(&Pace::new(None), 1000).await;
        assert_eq!(times[0], times[999]);
    }
}
