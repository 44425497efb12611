//! Black-box tests: the compiled program against a scripted vendor, judged by its exit code, its output and its lake.
//!
//! Each test has a vendor, a lake and a folder of its own. Many of them mostly wait (for retries, for the rate), so more
//! test threads than processors make the whole much faster: `RUST_TEST_THREADS=8 cargo test --test blackbox`.

#![cfg(unix)]
// Test code outside of `#[test]` functions too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod bad_archives;
mod bad_weather;
mod changed;
mod damage;
mod evolution;
mod exit_codes;
mod groups;
mod import;
mod kills;
mod layouts;
mod ledger;
mod leftovers;
mod losses;
mod lossless;
mod outcomes;
mod rebuild;
mod rechecks;
mod rejects;
mod repeat;
mod reports;
mod secrets;
mod settings;
mod simulator;
mod status;
mod table;
mod ten_days;
mod time;
mod vendor_calls;
mod verify;
