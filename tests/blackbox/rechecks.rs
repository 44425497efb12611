//! Finished hours asked for again: what we have is never taken away.

use serde_json::{Value, json};

use crate::support::*;

/// [`H20`] committed with two messages at an age of one hour.
fn committed() -> Bench {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(1).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    bench
}

/// Runs `sync` so many hours after [`NOW`], with rechecks at the ages of 3 and 5 hours; [`H20`] is one hour older.
#[track_caller]
fn sync_later(bench: &Bench, hours: f64, exit_code: i32) {
    bench.sync(1).set("--recheck", "3h,5h").now(now_plus(hours)).run().exits(exit_code);
}

#[test]
fn a_finished_hour_is_asked_for_once_more_at_each_recheck_age() {
    let bench = committed();
    let mut calls = Vec::new();
    for hours_later in [0.5, 1.5, 2.5, 3.0, 3.5, 4.5, 5.0, 20.0] {
        sync_later(&bench, hours_later, 0);
        calls.push(bench.vendor.calls_for("C2C", H20));
    }
    assert_eq!(calls, [1, 1, 2, 2, 2, 3, 3, 3]);
    let receipt = bench.lake.receipt("C2C", H20);
    assert!(receipt["checked_at"].as_str().unwrap().starts_with("2026-11-19T18:30"), "{receipt:#}");
    assert!(receipt["committed_at"].as_str().unwrap().starts_with("2026-11-19T14:00"), "{receipt:#}");
    bench.lake.assert_consistent();
}

#[test]
fn one_asking_covers_all_ages_already_passed() {
    let bench = committed();
    sync_later(&bench, 6.0, 0);
    sync_later(&bench, 6.5, 0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 2);
}

#[test]
fn an_hour_first_fetched_late_is_not_asked_for_again_for_ages_already_passed() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [code(1004), files([archive("C2C", H20, 2)])]);
    bench.sync(1).run().exits(0);
    sync_later(&bench, 3.0, 0);
    sync_later(&bench, 3.5, 0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 2, "fetched at four hours, which covers three");
    sync_later(&bench, 4.5, 0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 3);
}

#[test]
fn the_default_recheck_ages_are_one_three_and_six_days() {
    let bench = committed();
    for (hours_later, due) in [(22.0, false), (23.5, true), (71.5, true)] {
        let plan = bench.plan(|plan| plan.now(now_plus(hours_later)));
        assert_eq!(plan.iter().any(|unit| unit["hour"] == H20), due, "{hours_later} h later");
    }
}

#[test]
fn with_recheck_off_a_finished_hour_is_never_asked_for_again() {
    let bench = committed();
    bench.sync(1).set("--recheck", "off").now(now_plus(30.0)).set("--settle", "30h").run().exits(0);
    let plan = bench.plan(|plan| plan.set("--recheck", "off").now(now_plus(100.0)));
    assert!(plan.iter().all(|unit| unit["hour"] != H20));
}

#[test]
fn the_same_archives_again_change_nothing_but_the_time_of_asking() {
    let bench = committed();
    let (data, before) = (bench.lake.data(), bench.lake.receipt("C2C", H20));
    sync_later(&bench, 2.5, 0);
    assert_eq!(bench.lake.data(), data);
    let after = bench.lake.receipt("C2C", H20);
    assert_ne!(after["checked_at"], before["checked_at"]);
    for key in ["state", "first_seen_at", "committed_at", "archives", "rows", "raw", "parquet", "quarantine", "error"] {
        assert_eq!(after[key], before[key], "{key}");
    }
}

#[test]
fn asking_again_never_takes_away_what_we_have() {
    let answers = [code(1004), code(1005), files([])];
    for answer in answers {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)]), answer.clone()]);
        bench.sync(1).run().exits(0);
        let data = bench.lake.data();
        sync_later(&bench, 2.5, 0);
        let receipt = bench.lake.receipt("C2C", H20);
        assert_eq!((&receipt["state"], &receipt["rows"]), (&json!("committed"), &json!(2)), "{answer:?}");
        assert_eq!(bench.lake.data(), data, "{answer:?}");
        assert_eq!(bench.vendor.calls_for("C2C", H20), 2);
        sync_later(&bench, 3.0, 0);
        assert_eq!(bench.vendor.calls_for("C2C", H20), 2, "it counts as asked: {answer:?}");
        bench.lake.assert_consistent();
    }
}

#[test]
fn a_recheck_that_fails_does_not_count_as_asked_and_keeps_the_state() {
    let bench = Bench::new();
    let sound = archive("C2C", H20, 2);
    bench.vendor.answers("C2C", H20, [files([sound.clone()]), code(99999), code(12345), files([sound])]);
    bench.sync(1).run().exits(0);
    let data = bench.lake.data();
    for hours_later in [2.5, 2.6] {
        sync_later(&bench, hours_later, 3);
        let receipt = bench.lake.receipt("C2C", H20);
        assert_eq!((&receipt["state"], &receipt["rows"]), (&json!("committed"), &json!(2)));
        assert_eq!(bench.lake.data(), data);
    }
    sync_later(&bench, 2.7, 0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 4, "due again until it is answered");
    assert!(bench.lake.receipt("C2C", H20)["error"].is_null());
    sync_later(&bench, 2.8, 0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 4);
    bench.lake.assert_consistent();
}

#[test]
fn an_empty_or_lost_hour_that_has_an_archive_after_all_is_taken() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([]), files([archive("C2C", H20, 2)])]);
    bench.vendor.answers("C2C", H19, [code(1005), files([archive("C2C", H19, 3)])]);
    bench.sync(2).run().exits(4);
    assert_eq!([H20, H19].map(|hour| bench.lake.state("C2C", hour)), ["empty", "lost"]);
    sync_later(&bench, 2.5, 0);
    assert_eq!([H20, H19].map(|hour| bench.lake.state("C2C", hour)), ["committed", "committed"]);
    assert_eq!((bench.lake.rows("C2C", H20).len(), bench.lake.rows("C2C", H19).len()), (2, 3));
    let receipt = bench.lake.receipt("C2C", H19);
    assert_eq!((&receipt["reason"], receipt["attempts"].as_u64()), (&Value::Null, Some(2)));
    bench.lake.assert_consistent();
}

#[test]
fn a_checked_at_in_the_future_counts_as_due() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(1).set("--lookback", "4h").now(now_plus(2.0)).run().exits(0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 1);
    bench.sync(1).run().exits(0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 2);
    bench.sync(1).now(now_plus(0.1)).run().exits(0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 2);
}
