//! Places right before and after every durable step at which a test can have the program killed.
//!
//! Only programs built with debug assertions have them, as tests are; a release build has nothing of this.

/// Passes a place. In a test's build the process kills itself (`SIGKILL`, so nothing is cleaned up) at the place whose
/// number, counted from 1 over the whole run, stands in `TIMLAKE_TEST_KILL_AT`.
#[inline]
pub fn pass() {
    #[cfg(debug_assertions)]
    counted::pass();
}

#[cfg(debug_assertions)]
mod counted {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static KILL_AT: OnceLock<Option<u64>> = OnceLock::new();

    pub(super) fn pass() {
        let kill_at = KILL_AT.get_or_init(|| std::env::var("TIMLAKE_TEST_KILL_AT").ok()?.parse().ok());
        if *kill_at == Some(PASSED.fetch_add(1, Ordering::Relaxed) + 1) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // The signal is on its way: whatever comes next must not happen.
            std::process::abort();
        }
    }
}
