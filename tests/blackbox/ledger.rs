//! The ledger: which hours are due and why, what each run leaves written down, and who answers for a loss.

use serde_json::{Value, json};

use crate::support::lake::read_json;
use crate::support::*;

#[test]
fn the_first_sync_writes_what_it_is_answerable_for_before_it_asks() {
    let bench = Bench::new();
    bench.vendor.otherwise(code(70003));
    bench.sync(3).now("2026-11-19T14:00:00Z").set("--lookback", "4h").run().exits(77);
    let card = bench.lake.card();
    assert_eq!((&card["format_version"], &card["sdkappid"]), (&json!(1), &json!(SDKAPPID)));
    let c2c = &card["chat_types"]["C2C"];
    assert_eq!(c2c["watched_since"], H18, "the hour that began four hours ago");
    assert!(c2c["first_sync_at"].as_str().unwrap().starts_with("2026-11-19T14:00:00"), "{card:#}");
    assert_eq!(card["chat_types"].get("Group"), None, "each chat type when it is first synced");
}

#[test]
fn watched_since_never_moves_and_each_chat_type_has_its_own() {
    let bench = Bench::new();
    bench.sync(2).run().exits(0);
    let first = bench.lake.card()["chat_types"]["C2C"].clone();
    bench.sync(6).both().now(now_plus(1.0)).run().exits(0);
    let card = bench.lake.card();
    assert_eq!(card["chat_types"]["C2C"], first);
    assert_eq!(card["chat_types"]["Group"]["watched_since"], hours_back(4), "seven hours before the second sync");
    let asked: Vec<String> = bench.vendor.calls().iter().map(|call| call.unit()).collect();
    assert!(!asked.contains(&format!("C2C/{H18}")), "a longer lookback asks for no hour before: {asked:?}");
    assert!(asked.contains(&format!("Group/{H18}")));
}

#[test]
fn every_unfinished_watched_hour_is_due_whatever_the_lookback() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999)]);
    bench.vendor.answers("C2C", H19, [code(1004)]);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 1)])]);
    bench.sync(3).run().exits(3);
    let due = bench.plan(|plan| plan.set("--lookback", "1h").now(now_plus(5.0)));
    let hours: Vec<&str> = due.iter().map(|unit| unit["hour"].as_str().unwrap()).collect();
    let mut expected = vec![H18.to_owned(), H19.to_owned()];
    expected.extend((1..=5).map(|later| hours_back(-later)));
    assert_eq!(hours, expected, "all but the committed one, oldest first");
}

#[test]
fn a_failure_never_moves_anything_past_itself() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999), code(99999), files([archive("C2C", H18, 1)])]);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 1)])]);
    bench.vendor.answers("C2C", H19, [code(1004), files([archive("C2C", H19, 1)])]);
    let mut states = Vec::new();
    for (hours_later, exit_code) in [(0.0, 3), (0.1, 3), (0.2, 0)] {
        bench.sync(3).now(now_plus(hours_later)).run().exits(exit_code);
        states.push([H18, H19, H20].map(|hour| bench.lake.state("C2C", hour)));
    }
    assert_eq!(
        states,
        [
            ["failed", "not_ready", "committed"],
            ["failed", "committed", "committed"],
            ["committed", "committed", "committed"]
        ]
    );
    assert_eq!(bench.lake.receipt("C2C", H18)["attempts"], 3);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 1, "a finished hour is left alone");
    bench.lake.assert_consistent();
}

#[test]
fn attempts_and_first_seen_survive_and_checked_at_follows() {
    let bench = Bench::new();
    let mut seen = Vec::new();
    for hours_later in [0.0, 1.0, 2.0] {
        bench.sync(1).now(now_plus(hours_later)).run().exits(0);
        seen.push(bench.lake.receipt("C2C", H20));
    }
    let field = |key: &str| -> Vec<Value> { seen.iter().map(|receipt| receipt[key].clone()).collect() };
    assert_eq!(field("attempts"), [json!(1), json!(2), json!(3)]);
    assert!(field("first_seen_at").iter().all(|at| *at == seen[0]["first_seen_at"]));
    for (at, hour) in field("checked_at").iter().zip(["14", "15", "16"]) {
        assert!(at.as_str().unwrap().starts_with(&format!("2026-11-19T{hour}:00:00")), "{at}");
    }
    assert!(field("committed_at").iter().all(Value::is_null));
}

#[test]
fn a_not_ready_hour_becomes_empty_when_it_is_old_enough() {
    let bench = Bench::new();
    bench.sync(1).set("--empty-after", "3h").run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "not_ready");
    bench.sync(1).set("--empty-after", "3h").now(now_plus(2.0)).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "empty");
    bench.sync(1).set("--empty-after", "3h").now(now_plus(2.2)).run().exits(0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 2);
}

#[test]
fn an_hour_is_first_asked_for_at_the_age_of_settle() {
    let bench = Bench::new();
    bench.sync(1).set("--settle", "61m").run().exits(0);
    assert_eq!(bench.vendor.calls().len(), 0);
    assert_eq!(bench.lake.state("C2C", H20), "pending");
    bench.sync(1).set("--settle", "1h").run().exits(0);
    assert_eq!(bench.vendor.calls_for("C2C", H20), 1);
}

/// A lake whose C2C hours are watched since `lookback` before [`NOW`], with nothing asked for yet.
fn watched_only(lookback: &str) -> Bench {
    let bench = Bench::new();
    bench.vendor.otherwise(code(70003));
    bench.sync(1).set("--lookback", lookback).run().exits(77);
    bench.vendor.otherwise(code(1004));
    bench
}

#[test]
fn after_seven_days_every_unfinished_watched_hour_is_given_up_without_a_call() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999)]);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(3).run().exits(3);
    let calls = bench.vendor.calls().len();

    let later = |plan: program::Invocation| plan.now(now_plus(7.0 * 24.0 + 2.5));
    let due = bench.plan(later);
    let given_up: Vec<&Value> = due.iter().filter(|unit| unit["action"] == "give_up").collect();
    let hours: Vec<&str> = given_up.iter().map(|unit| unit["hour"].as_str().unwrap()).collect();
    assert_eq!(
        hours,
        [H18.to_owned(), H19.to_owned(), hours_back(-1), hours_back(-2), hours_back(-3)],
        "the committed one is safe"
    );
    assert!(due.iter().filter(|unit| unit["action"] == "ask").count() >= 160, "the younger ones are asked for");

    // Twenty unknown errors end the run early; the losses are written down all the same.
    bench.vendor.otherwise(code(99999));
    later(bench.sync(1)).run().exits(4);
    for hour in [H18, H19, &hours_back(-1), &hours_back(-3)] {
        let receipt = bench.lake.receipt("C2C", hour);
        assert_eq!((&receipt["state"], &receipt["reason"]), (&json!("lost"), &json!("out_of_retention")), "{hour}");
        assert!(receipt["reported_at"].is_string());
    }
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    assert_eq!(bench.vendor.calls_for("C2C", H18), 1, "not asked for again");
    assert!(bench.vendor.calls().len() > calls, "the younger ones were asked for");

    later(bench.sync(1)).run().exits(3);
    bench.lake.assert_consistent();
}

#[test]
fn hours_before_the_watch_or_too_old_at_its_beginning_are_nobodys_loss() {
    // At NOW the hour that began 166 h ago has an age of 165 h, the one 165 h ago of 164 h.
    let bench = watched_only("168h");
    let at_age = |hours: i64| hours_back(hours - 1);
    for age in [165, 167, 170] {
        bench.vendor.answers("C2C", &at_age(age), [code(1005)]);
    }
    bench.backfill(&at_age(170), &at_age(164)).run().exits(0);
    for age in [165, 167] {
        let receipt = bench.lake.receipt("C2C", &at_age(age));
        assert_eq!((&receipt["state"], &receipt["reason"]), (&json!("lost"), &json!("before_first_run")), "age {age}");
    }
    assert_eq!(bench.lake.receipt("C2C", &at_age(170))["reason"], "before_first_run");

    for age in [164, 163] {
        bench.vendor.answers("C2C", &at_age(age), [code(1005)]);
    }
    bench.backfill(&at_age(164), &at_age(162)).run().exits(4);
    for age in [164, 163] {
        let receipt = bench.lake.receipt("C2C", &at_age(age));
        assert_eq!((&receipt["state"], &receipt["reason"]), (&json!("lost"), &json!("expired")), "age {age}");
    }
}

#[test]
fn sync_blames_nobody_for_what_was_too_old_when_the_watch_began() {
    let bench = watched_only("168h");
    bench.vendor.otherwise(code(99999));
    // The hours of the ages 165, 166 and 167 h at the first sync have left the retention.
    bench.sync(1).now(now_plus(3.0)).run().exits(3);
    for age in 165..=167 {
        let receipt = bench.lake.receipt("C2C", &hours_back(age - 1));
        assert_eq!((&receipt["state"], &receipt["reason"]), (&json!("lost"), &json!("before_first_run")), "age {age}");
    }
    // An hour later the one of 164 h has left it too.
    bench.sync(1).now(now_plus(4.0)).run().exits(4);
    assert_eq!(bench.lake.receipt("C2C", &hours_back(163))["reason"], "out_of_retention");
}

#[test]
fn a_backfill_before_any_sync_watches_nothing() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H19, [code(1005)]);
    bench.vendor.answers("C2C", H18, [files([archive("C2C", H18, 2)])]);
    bench.backfill(H18, H20).run().exits(0);
    assert_eq!(bench.lake.receipt("C2C", H19)["reason"], "before_first_run");
    assert_eq!(bench.lake.state("C2C", H18), "committed");
    let card = bench.lake.card();
    assert_eq!(card["sdkappid"], SDKAPPID);
    assert!(card["chat_types"]["C2C"]["watched_since"].is_null(), "{card:#}");
    bench.sync(1).run().exits(0);
    assert_eq!(bench.lake.card()["chat_types"]["C2C"]["watched_since"], H20);
}

#[test]
fn code_1004_at_an_age_of_seven_days_or_more_is_lost_because_nobody_can_know() {
    let bench = watched_only("3h");
    bench.backfill(H19, H20).now(now_plus(7.0 * 24.0 + 1.0)).run().exits(4);
    let receipt = bench.lake.receipt("C2C", H19);
    assert_eq!((&receipt["state"], &receipt["reason"]), (&json!("lost"), &json!("not_ready_past_retention")));
}

#[test]
fn an_old_hour_that_is_there_after_all_is_committed() {
    let bench = watched_only("3h");
    bench.vendor.answers("C2C", H19, [files([archive("C2C", H19, 2)])]);
    bench.backfill(H19, H20).now(now_plus(7.0 * 24.0 + 1.0)).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H19), "committed");
}

#[test]
fn an_hour_whose_archives_are_kept_is_neither_lost_nor_empty() {
    for answer in [code(1005), code(1004), files([])] {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)]), answer.clone()]);
        bench.sync(1).run().exits(0);
        let data = bench.lake.data();
        std::fs::remove_file(bench.lake.receipt_path("C2C", H20)).unwrap();
        bench.sync(1).set("--empty-after", "1h").run().exits(0);
        assert_eq!(bench.lake.state("C2C", H20), "committed", "{answer:?}");
        assert_eq!(bench.lake.data(), data);
        bench.lake.assert_consistent();
    }
}

#[test]
fn a_loss_is_reported_until_one_run_has_ended_with_4() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(1005)]);
    bench.vendor.answers("C2C", H19, [code(70003), code(1004)]);
    bench.sync(3).set("--concurrency", "1").run().exits(77);
    let receipt = bench.lake.receipt("C2C", H18);
    assert_eq!((&receipt["state"], &receipt["reported_at"]), (&json!("lost"), &Value::Null));
    bench.sync(3).run().exits(4);
    assert!(bench.lake.receipt("C2C", H18)["reported_at"].is_string());
    bench.sync(3).run().exits(0);
}

#[test]
fn a_loss_weighs_more_than_a_failure() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(1005)]);
    bench.vendor.answers("C2C", H19, [code(99999)]);
    bench.sync(3).run().exits(4);
    bench.sync(3).run().exits(3);
}

#[test]
fn plan_says_what_would_be_done_and_why_and_changes_not_one_byte() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999)]);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(3).run().exits(3);
    let (before, calls) = (bench.lake.files(&["."]), bench.vendor.calls().len());

    let plan = bench.command("plan").arg("--json").run().exits(0).json();
    assert_eq!((&plan["report_version"], &plan["command"]), (&json!(1), &json!("plan")));
    let due = plan["due"].as_array().unwrap();
    let told: Vec<_> =
        due.iter().map(|unit| (unit["unit"].clone(), unit["state"].clone(), unit["action"].clone())).collect();
    assert_eq!(
        told,
        [
            (json!(format!("C2C/{H18}")), json!("failed"), json!("ask")),
            (json!(format!("C2C/{H19}")), json!("not_ready"), json!("ask")),
        ]
    );
    assert!(
        due.iter().all(|unit| unit["why"].as_str().is_some_and(|why| !why.is_empty()) && unit["chat_type"] == "C2C")
    );
    let text = bench.command("plan").run().exits(0);
    assert!(text.stdout.contains(H18) && text.stdout.contains(H19) && !text.stdout.contains(H20), "{text}");

    assert_eq!(bench.lake.files(&["."]), before);
    assert_eq!(bench.vendor.calls().len(), calls);
}

#[test]
fn plan_on_a_lake_that_does_not_exist_says_what_the_first_sync_would_do_and_creates_nothing() {
    let bench = Bench::new();
    let due = bench.plan(|plan| plan.set("--lookback", "4h").both());
    assert_eq!(due.len(), 6, "{due:?}");
    assert_eq!(due[0]["hour"], H18);
    assert!(due.iter().all(|unit| unit["state"] == "pending" && unit["action"] == "ask"));
    assert!(!bench.lake.root().exists());
    assert_eq!(bench.vendor.calls().len(), 0);
}

#[test]
fn plan_of_a_range_is_the_plan_of_a_backfill() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999)]);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(3).run().exits(3);
    let planned = |rerun: &'static str| -> Vec<String> {
        let until = hours_back(-1);
        let due = bench.plan(|plan| plan.set("--from", H17).set("--to", &until).set("--rerun", rerun));
        due.iter().map(|unit| unit["hour"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(planned("missing"), [H17, H18, H19]);
    assert_eq!(planned("failed"), [H18]);
    assert_eq!(planned("all"), [H17, H18, H19, H20]);
}

#[test]
fn backfill_asks_for_the_half_open_range_alone() {
    let bench = Bench::new();
    bench.backfill(H18, H20).set("--concurrency", "1").run().exits(0);
    let asked: Vec<String> = bench.vendor.calls().iter().map(|call| call.unit()).collect();
    assert_eq!(asked, [format!("C2C/{H18}"), format!("C2C/{H19}")]);
    let instants =
        bench.command("backfill").set("--from", "2026-11-19T21:59:59+08:00").set("--to", "2026-11-19T14:00:00Z");
    instants.set("--settle", "0s").run().exits(0);
    assert_eq!(bench.vendor.calls().last().unwrap().unit(), "C2C/2026111921", "the hour that contains the instant");
}

#[test]
fn backfill_reruns_what_it_is_told_to() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H17, [code(99999)]);
    bench.vendor.answers("C2C", H18, [files([archive("C2C", H18, 2)])]);
    bench.backfill(H17, H20).run().exits(3);
    let calls = || [H17, H18, H19].map(|hour| bench.vendor.calls_for("C2C", hour));
    assert_eq!(calls(), [1, 1, 1]);
    bench.backfill(H17, H20).run().exits(3);
    assert_eq!(calls(), [2, 1, 2], "missing: what has no final state");
    bench.backfill(H17, H20).set("--rerun", "failed").run().exits(3);
    assert_eq!(calls(), [3, 1, 2]);
    bench.backfill(H17, H20).set("--rerun", "all").run().exits(3);
    assert_eq!(calls(), [4, 2, 3]);
    assert_eq!(bench.lake.state("C2C", H18), "committed");
    bench.lake.assert_consistent();
}

#[test]
fn backfill_prints_the_command_that_resumes_it() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999)]);
    let run = bench.backfill(H17, H20).run().exits(3);
    let printed = format!("{}{}", run.stdout, run.stderr);
    let line = printed.lines().find(|line| line.contains("timlake backfill")).unwrap_or_else(|| panic!("{run}"));
    assert!(line.contains("--from") && line.contains("--to") && line.contains(H20), "{line}");
}

#[test]
fn a_damaged_receipt_stops_the_run_naming_the_file_and_is_left_as_it_is() {
    for damage in ["", "{", "[]", "{\"state\":\"wonderful\"}", "\u{0}\u{0}\u{0}"] {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
        bench.sync(1).run().exits(0);
        let (path, calls) = (bench.lake.receipt_path("C2C", H20), bench.vendor.calls().len());
        std::fs::write(&path, damage).unwrap();
        for command in ["sync", "plan", "status"] {
            bench.command(command).run().exits(74).says(&[&format!("{H20}.json")]);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damage);
        assert_eq!(bench.vendor.calls_for("C2C", H20), calls, "never silently treated as absent");
    }
}

#[test]
fn a_damaged_lake_json_stops_the_run_naming_the_file() {
    for damage in ["", "{", "{\"format_version\":\"one\"}"] {
        let bench = Bench::new();
        bench.sync(1).run().exits(0);
        std::fs::write(bench.lake.root().join("lake.json"), damage).unwrap();
        for command in ["sync", "plan", "status"] {
            bench.command(command).run().exits(74).says(&["lake.json"]);
        }
        assert_eq!(std::fs::read_to_string(bench.lake.root().join("lake.json")).unwrap(), damage);
    }
}

#[test]
fn a_lake_of_another_app_or_of_a_newer_format_refused() {
    let bench = Bench::new();
    bench.sync(1).run().exits(0);
    let before = bench.lake.everything();
    bench.sync(1).set("--sdkappid", "1400000001").run().refused(&["1400000000", "1400000001"]);
    assert_eq!(bench.lake.everything(), before);

    let path = bench.lake.root().join("lake.json");
    let mut card = read_json(&path);
    card["format_version"] = json!(99);
    std::fs::write(&path, card.to_string()).unwrap();
    let calls = bench.vendor.calls().len();
    for command in ["sync", "plan", "status"] {
        bench.command(command).run().refused(&["99"]);
    }
    assert_eq!(bench.vendor.calls().len(), calls);
}

#[test]
fn a_vendor_clock_more_than_five_minutes_off_stops_the_run_before_a_state_is_written() {
    for (skew, code) in [(-400, 2), (400, 2), (200, 0), (-200, 0)] {
        let bench = Bench::new();
        bench.vendor.skew_clock(skew);
        let run = bench.sync(1).unset("--now").set("--lookback", "3h").run().exits(code);
        let written = bench.lake.files(&["receipts"]).len();
        assert_eq!(written > 0, code == 0, "{run}");
    }
}

#[test]
fn with_now_given_the_vendors_clock_is_not_looked_at() {
    let bench = Bench::new();
    bench.vendor.skew_clock(86_400);
    bench.sync(1).run().exits(0);
    assert_eq!(bench.vendor.calls().len(), 1);
}
