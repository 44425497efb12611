//! The coverage map.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::*;

/// Four hours, each in a state of its own, and a lost one.
fn lake_of_all_states() -> Bench {
    let bench = Bench::new();
    bench.vendor.answers("C2C", &hours_back(4), [code(1005)]);
    bench.vendor.answers("C2C", H17, [code(99999)]);
    bench.vendor.answers("C2C", H18, [files([archive("C2C", H18, 2)])]);
    bench.vendor.answers("C2C", H19, [files([])]);
    bench.sync(5).run().exits(4);
    bench
}

fn states(status: &Value) -> Vec<(String, String)> {
    let text = |unit: &Value, key: &str| unit[key].as_str().unwrap().to_owned();
    status["units"].as_array().unwrap().iter().map(|unit| (text(unit, "hour"), text(unit, "state"))).collect()
}

#[test]
fn status_shows_every_hour_of_the_range_and_its_state() {
    let bench = lake_of_all_states();
    let range =
        |command: program::Invocation| command.set("--from", hours_back(5)).set("--to", hours_back(-1)).arg("--json");
    let status = range(bench.command("status")).run().exits(0).json();
    assert_eq!((&status["report_version"], &status["command"]), (&json!(1), &json!("status")));
    let expected = ["pending", "lost", "failed", "committed", "empty", "not_ready"];
    let expected: Vec<_> =
        expected.iter().zip((0..=5).rev()).map(|(state, back)| (hours_back(back), (*state).to_owned())).collect();
    assert_eq!(states(&status), expected);
    assert_eq!(status["units"][1]["reason"], "expired");
    assert!(status["totals"].is_object());
}

#[test]
fn status_shows_the_last_seven_days_of_both_chat_types() {
    let bench = Bench::new();
    bench.sync(1).both().run().exits(0);
    let status = bench.command("status").both().arg("--json").run().exits(0).json();
    let units = status["units"].as_array().unwrap();
    for chat_type in ["C2C", "Group"] {
        let of_type: Vec<&Value> = units.iter().filter(|unit| unit["chat_type"] == chat_type).collect();
        assert!((167..=169).contains(&of_type.len()), "{} of {chat_type}", of_type.len());
        assert_eq!(of_type.iter().filter(|unit| unit["state"] == "not_ready").count(), 1);
    }
}

#[test]
fn status_draws_a_line_for_each_day_and_chat_type() {
    let bench = lake_of_all_states();
    let map = bench.command("status").both().run().exits(0).stdout;
    for day in 13..=19 {
        let date = format!("2026-11-{day}");
        let short = format!("11-{day}");
        let lines = map.lines().filter(|line| line.contains(&date) || line.contains(&short)).count();
        assert!(lines >= 2, "{date}:\n{map}");
    }
    assert!(!map.contains('\u{1b}'), "no colours where nobody looks");
}

#[test]
fn status_check_tells_a_monitor_what_is_wrong() {
    let bench = lake_of_all_states();
    let check = |from: i64, to: i64| {
        bench.command("status").arg("--check").set("--from", hours_back(from)).set("--to", hours_back(to))
    };
    check(5, -1).run().exits(4);
    check(3, -1).run().exits(3);
    check(2, -1).run().exits(0);
    check(4, 3).run().exits(4);
    bench.command("status").arg("--check").run().exits(4);
    bench.command("status").run().exits(0);
}

#[test]
fn status_check_overlooks_what_was_lost_before_the_first_run() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H19, [code(1005)]);
    bench.backfill(H19, H20).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H19), "lost");
    bench.command("status").arg("--check").run().exits(0);
}

#[test]
fn status_takes_the_app_from_the_lake_and_needs_no_credentials() {
    let bench = lake_of_all_states();
    for command in ["status", "plan"] {
        bench.command(command).unset("--sdkappid").unset("--secret-key-file").unset("--endpoint").run().exits(0);
    }
}

#[test]
fn status_of_a_lake_that_does_not_exist_is_all_pending_and_creates_nothing() {
    let bench = Bench::new();
    let run = bench.command("status").arg("--json").run().exits(0);
    assert!(states(&run.json()).iter().all(|(_, state)| state == "pending"));
    assert!(!run.stderr.trim().is_empty(), "a warning: {run}");
    bench.command("status").arg("--check").run().exits(74);
    assert!(!bench.lake.root().exists());
}

#[test]
fn status_and_plan_make_no_call_and_change_nothing() {
    let bench = lake_of_all_states();
    let (before, calls) = (bench.lake.files(&["."]), bench.vendor.calls().len());
    for command in ["status", "plan"] {
        bench.command(command).run().exits(0);
        bench.command(command).arg("--json").run().exits(0);
    }
    assert_eq!(bench.lake.files(&["."]), before);
    assert_eq!(bench.vendor.calls().len(), calls);
}

#[test]
fn plan_and_status_of_a_full_week_are_quick() {
    let bench = Bench::new();
    bench.vendor.otherwise(files([]));
    bench.sync(1).both().set("--lookback", "168h").set("--settle", "167h").run().exits(0);
    // The week's other receipts are the first one's copies.
    for chat_type in ["C2C", "Group"] {
        let model = bench.lake.receipt(chat_type, &hours_back(166)).to_string();
        for back in -1..166 {
            let hour = hours_back(back);
            let path = bench.lake.receipt_path(chat_type, &hour);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, model.replace(&hours_back(166), &hour)).unwrap();
        }
    }
    for command in ["status", "plan"] {
        let quickest = (0..3)
            .map(|_| {
                let began = Instant::now();
                bench.command(command).both().set("--recheck", "off").run().exits(0);
                began.elapsed()
            })
            .min()
            .unwrap();
        // 100 ms is what the release build is held to; this one is not optimized and has neighbours.
        assert!(quickest < Duration::from_millis(1000), "{command} took {quickest:?}");
    }
}
