//! The built-in simulator, and what its faults do to a lake: nothing.

use std::time::{Duration, Instant};

use crate::support::program::{Invocation, Running};
use crate::support::{Bench, Lake};

const NOW: &str = "2026-11-19T12:00:00+08:00";

/// A running simulator and the environment it says to use.
fn simulate(bench: &Bench, faults: &str) -> (Running, Vec<(String, String)>) {
    let words =
        ["simulate", "--seed", "7", "--messages-per-hour", "60", "--no-rate-limit", "--now", NOW, "--fault", faults];
    // A simulator is its own loopback endpoint: it takes any time.
    let running = Invocation::bare(&words, bench.home.path()).start();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !running.stdout().contains("TIMLAKE_SECRET_KEY=") {
        assert!(Instant::now() < deadline, "the simulator says nothing: {}", running.stdout());
        std::thread::sleep(Duration::from_millis(10));
    }
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = running.stdout().lines().filter_map(pair).collect();
    (running, environment)
}

fn sync(bench: &Bench, lake: &str, environment: &[(String, String)]) -> Invocation {
    let sync = Invocation::bare(
        &["sync", "--lake", lake, "--lookback", "30h", "--now", NOW, "--max-qps", "10"],
        bench.home.path(),
    );
    environment.iter().fold(sync, |sync, (name, value)| sync.env(name, value))
}

#[test]
fn a_lake_filled_under_faults_has_the_bytes_of_one_filled_in_peace() {
    let bench = Bench::new();
    let (_peaceful, environment) = simulate(&bench, "");
    sync(&bench, "peace", &environment).run().exits(0);

    let (_stormy, environment) =
        simulate(&bench, "502:0.05,60008:0.05,reset:0.03,html:0.03,empty:0.03,cut:0.05,corrupt:0.05,lapse:0.05");
    let settled = (0..5).any(|_| sync(&bench, "storm", &environment).run().code == Some(0));
    assert!(settled, "five runs did not get through");

    let files = |lake: &str| Lake::at(bench.home.path().join(lake)).data();
    assert!(files("peace").len() > 50);
    assert_eq!(files("peace"), files("storm"));
    Lake::at(bench.home.path().join("storm")).assert_consistent();
}

#[test]
fn the_simulator_listens_on_loopback_only_and_ends_when_told_to() {
    let bench = Bench::new();
    let refused = Invocation::bare(&["simulate", "--listen", "0.0.0.0:0"], bench.home.path()).run();
    refused.refused(&["loopback"]);
    let (running, _) = simulate(&bench, "");
    running.signal("TERM");
    running.wait().exits(143);
}

#[test]
fn the_demo_needs_no_certificates() {
    let bench = Bench::new();
    let demo = Invocation::bare(&["demo", "--messages-per-hour", "5"], bench.home.path());
    demo.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent").run().exits(0);
}

#[test]
fn a_machine_without_certificates_is_told_what_to_install() {
    let bench = Bench::new();
    let sync = Invocation::bare(&["sync", "--sdkappid", "1400000000"], bench.home.path());
    let sync = sync
        .env("TIMLAKE_SECRET_KEY", "fake-key")
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent");
    sync.run().refused(&["ca-certificates"]);
}
