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

/// An archive with two messages and a line that is none.
fn archive_with_a_reject(hour: &str) -> Archive {
    Archive::with("C2C", hour, &[c2c(1, "kept"), "oops".to_owned(), c2c(2, "kept too")])
}

/// A lake with a reject, a conflict, and bytes that could not be used, each in an hour of its own.
fn lake_in_trouble() -> Bench {
    let bench = Bench::new();
    let damaged = Archive::gzipped(b"x", gzip(b"something else")).undeclared("FileSize").undeclared("FileMD5");
    bench.vendor.answers("C2C", H18, [files([damaged])]);
    bench.vendor.answers("C2C", H19, [files([archive_with_a_reject(H19)])]);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)]), files([archive("C2C", H20, 1)])]);
    bench.backfill(H18, &hours_back(-1)).run().exits(3);
    bench.backfill(H20, &hours_back(-1)).set("--rerun", "all").run().exits(0);
    bench
}

/// The unit of an hour in `status --json`.
fn unit_of<'a>(status: &'a Value, hour: &str) -> &'a Value {
    status["units"].as_array().unwrap().iter().find(|unit| unit["hour"] == hour).unwrap()
}

/// The lines between one that begins with `heading` and the next that is not indented.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| !line.starts_with(heading));
    lines.enumerate().take_while(|(at, line)| *at == 0 || line.starts_with(' ')).map(|(_, line)| line).collect()
}

#[test]
fn status_of_a_long_range_draws_a_line_a_month_and_a_sign_a_day() {
    let bench = lake_of_all_states();
    bench.vendor.answers("C2C", "2026100312", [files([])]);
    bench.backfill("2026100300", "2026100400").run().exits(0);
    let status = |from: &str, to: &str| bench.command("status").both().set("--from", from).set("--to", to).run();
    let map = status("2026093023", "2026111923").exits(0).stdout;
    let line = |month: &str, chat_type: &str| {
        let begin = format!("{month}  {chat_type}");
        map.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("{begin}:\n{map}"))[16..].to_owned()
    };
    // Of September the last hour is shown, which nobody has asked for.
    assert!(map.contains("2026-09  nothing is recorded"), "{map}");
    assert_eq!(line("2026-10", "C2C"), format!("..x{}", ".".repeat(28)), "asked for too late: nobody's loss");
    assert_eq!(line("2026-11", "C2C"), format!("{}X", ".".repeat(18)));
    assert_eq!(line("2026-11", "Group"), ".".repeat(19), "watched is the month, so it has a line");
    for sign in ["X ! ~ x + # o .", "+  partly done"] {
        assert!(map.contains(sign), "no legend of {sign}:\n{map}");
    }
    assert!(!map.contains('\u{1b}') && !map.contains("Hours of the day"));
}

#[test]
fn a_day_has_the_worst_sign_of_the_hours_that_are_shown() {
    let bench = lake_of_all_states();
    let today = |to: &str| {
        let map = bench.command("status").set("--from", "2026010100").set("--to", to).run().exits(0).stdout;
        map.lines().find(|line| line.starts_with("2026-11  C2C")).unwrap().chars().last().unwrap()
    };
    assert_eq!(today(&hours_back(3)), 'X');
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [files([archive("C2C", H18, 1)])]);
    bench.vendor.otherwise(files([]));
    bench.backfill("2026111900", H19).run().exits(0);
    let today = |from: &str, to: &str| {
        let map = bench.command("status").set("--from", from).set("--to", to).run().exits(0).stdout;
        map.lines().find(|line| line.starts_with("2026-11  C2C")).unwrap().chars().last().unwrap()
    };
    assert_eq!(today("2026010100", H18), 'o', "what is not shown is not judged");
    assert_eq!(today("2026010100", H19), '#', "a day with messages is not empty");
    assert_eq!(today("2026010100", H20), '+', "19 of 20 hours");
}

#[test]
fn ten_days_have_a_sign_an_hour_and_an_hour_more_has_a_sign_a_day() {
    let bench = lake_of_all_states();
    let map = |from: &str| bench.command("status").set("--from", from).set("--to", H20).run().exits(0).stdout;
    assert!(map("2026110920").starts_with("Hours of the day"));
    assert!(map("2026110919").starts_with("Days, Beijing"));
}

#[test]
fn years_fit_a_screen_and_take_a_moment() {
    let bench = lake_of_all_states();
    let began = Instant::now();
    let map = bench.command("status").both().set("--from", "2016010100").run().exits(0).stdout;
    let status = bench.command("status").both().set("--from", "2016010100").arg("--json").run().exits(0).json();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(map.lines().count() < 30, "{map}");
    assert!(map.contains("2016-01 to 2026-10  nothing is recorded"), "{map}");
    assert_eq!(status["totals"]["units"], status["units"].as_array().unwrap().len());
}

#[test]
fn losses_and_failures_are_named_with_their_cause_and_only_the_first_of_many() {
    let bench = lake_of_all_states();
    let text = bench.command("status").run().exits(0).stdout;
    assert!(text.contains(&format!("C2C/{}  expired", hours_back(4))), "{text}");
    assert!(section(&text, "failed: 1 unit")[1].contains(&format!("C2C/{H17}  at history: ")), "{text}");

    let bench = Bench::new();
    bench.vendor.otherwise(code(99999));
    bench.backfill(&hours_back(6), &hours_back(-1)).run().exits(3);
    for range in ["2026111900", "2026010100"] {
        let text = bench.command("status").set("--from", range).run().exits(0).stdout;
        let failed = section(&text, "failed: 7 units");
        assert_eq!((failed.len(), failed[6]), (7, "  … and 2 more: --json lists them"), "{text}");
    }
}

#[test]
fn conflicts_quarantined_files_and_rejects_are_named_with_their_path_and_what_to_do() {
    let bench = lake_in_trouble();
    let text = bench.command("status").run().exits(0).stdout;
    let status = bench.command("status").arg("--json").run().exits(0).json();
    let in_lake = |path: &Value| bench.lake.root().join(path.as_str().unwrap()).to_str().unwrap().to_owned();
    let told = |heading: &str, what_to_do: &str, hour: &str, path: &str| {
        let section = section(&text, heading);
        assert!(section[0].contains(what_to_do), "{heading}: {text}");
        assert!(section[1].contains(&format!("C2C/{hour}")) && section[1].contains(path), "{path}: {text}");
        assert!(std::fs::exists(path).unwrap(), "{path}");
    };
    let quarantined = in_lake(&unit_of(&status, H18)["quarantine"][0]);
    told("quarantined: 1 file", "the next run tries these units again", H18, &quarantined);
    let offered = in_lake(&unit_of(&status, H20)["quarantine"][0]);
    told("in conflict: 1 unit", "timlake import --replace", H20, &offered);
    told("in conflict: 1 unit", "Compare", H20, &in_lake(&unit_of(&status, H20)["raw"][0]["path"]));
    let rejects = in_lake(&unit_of(&status, H19)["rejects_file"]["path"]);
    told("rejects: 1, of 1 unit", "base64", H19, &rejects);

    // The person decides for the offered archive, as the report says.
    let words = ["import", "--replace", &offered];
    program::Invocation::bare(&words, bench.home.path())
        .set("--lake", bench.lake.root())
        .set("--now", NOW)
        .run()
        .exits(0);
    let text = bench.command("status").run().exits(0).stdout;
    assert!(!text.contains("in conflict: 1") && text.contains("units in conflict: 0"), "{text}");
    assert!(section(&text, "quarantined before: ")[0].contains("nothing has to be done"), "{text}");
    assert_eq!(bench.lake.receipt("C2C", H20)["rows"], 1);
    bench.command("verify").run().exits(0);
}

#[test]
fn a_healthy_lake_has_nothing_to_say_beyond_its_sums() {
    let bench = Bench::new();
    bench.vendor.otherwise(files([archive("C2C", H20, 2)]));
    bench.sync(1).run().exits(0);
    let text = bench.command("status").run().exits(0).stdout;
    for word in ["lost:", "failed:", "in conflict: 1", "quarantined:", "rejects: ", "past the vendor's 7 days:"] {
        assert!(!text.lines().any(|line| line.starts_with(word)), "{word}: {text}");
    }
    assert!(text.lines().count() < 25, "{text}");
}

#[test]
fn the_totals_are_the_sums_of_the_receipts_and_each_says_what_it_counts() {
    let bench = lake_in_trouble();
    let status = bench.command("status").arg("--json").run().exits(0).json();
    let receipts = [H18, H19, H20].map(|hour| bench.lake.receipt("C2C", hour));
    let sum = |number: &dyn Fn(&Value) -> u64| json!(receipts.iter().map(number).sum::<u64>());
    let of_archives = |receipt: &Value, key: &str| -> u64 {
        receipt["archives"].as_array().unwrap().iter().map(|archive| archive[key].as_u64().unwrap()).sum()
    };
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let totals = &status["totals"];
    for key in ["rows", "duplicates", "rejects"] {
        assert_eq!(totals[key], sum(&|receipt| number(&receipt[key])), "{key}");
    }
    for key in ["gzip_bytes", "file_bytes"] {
        assert_eq!(totals[key], sum(&|receipt| of_archives(receipt, key)), "{key}");
    }
    assert_eq!(totals["raw_bytes"], totals["gzip_bytes"]);
    assert_eq!(totals["parquet_bytes"], sum(&|receipt| number(&receipt["parquet"]["bytes"])));
    assert_eq!((&totals["conflicts"], &totals["quarantined"]), (&json!(1), &json!(2)));
    let states = totals["states"].as_object().unwrap();
    assert_eq!(json!(states.values().map(number).sum::<u64>()), totals["units"]);
    assert_eq!((&states["committed"], &states["failed"]), (&json!(2), &json!(1)));

    let text = bench.command("status").run().exits(0).stdout;
    for label in [
        "messages in the table: 4",
        "exact duplicates dropped: 0",
        "rejects kept aside: 1",
        "as gzip",
        "unpacked",
        "kept in raw/: ",
        "Parquet files: ",
        "units in conflict: 1",
        "quarantined files: 2",
    ] {
        assert!(text.contains(label), "{label}: {text}");
    }
    let bench = Bench::new();
    bench.vendor.otherwise(files([archive("C2C", H20, 2)]));
    bench.sync(1).arg("--no-keep-raw").run().exits(0);
    let totals = bench.command("status").arg("--json").run().exits(0).json()["totals"].clone();
    assert_eq!(totals["raw_bytes"], 0);
    assert_ne!(totals["gzip_bytes"], 0);
}

#[test]
fn status_tells_which_unfinished_hour_the_vendor_deletes_next_and_when() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999)]);
    bench.vendor.otherwise(files([]));
    bench.sync(3).run().exits(3);
    let status = |now: &str| bench.command("status").now(now).arg("--json").run().exits(0).json();
    let text = |now: &str| bench.command("status").now(now).run().exits(0).stdout;
    // The hour that runs now is not over, and nobody waits for it yet.
    let next = &status(NOW)["next_deletion"];
    assert_eq!((&next["unit"], &next["state"]), (&json!(format!("C2C/{H18}")), &json!("failed")));
    assert_eq!(
        (&next["deleted_at"], &next["seconds_until_deletion"]),
        (&json!("2026-11-26T11:00:00Z"), &json!((6 * 24 + 21) * 3600))
    );
    assert_eq!(status(NOW)["totals"]["unfinished"], 2, "and the one that has just ended");
    let expected = format!("C2C/{H18}  failed, deleted in 6 d 21 h, on 2026-11-26 at 19:00 Beijing time");
    assert!(text(NOW).contains(&expected), "{}", text(NOW));

    // Eight days without a run: the next one has losses to record.
    let late = || bench.command("status").now(now_plus(192.0)).set("--from", H17);
    assert_eq!(late().arg("--json").run().exits(0).json()["totals"]["past_retention"], 26);
    let text = late().run().exits(0).stdout;
    assert!(text.contains("unfinished and past the vendor's 7 days: 26 units; the next `timlake sync`"), "{text}");
}

/// All keys of a document, however deep.
fn keys(value: &Value, into: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                into.insert(key.clone());
                keys(value, into);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

#[test]
fn the_readme_documents_every_key_of_status_json() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let section = readme.split("### `status --json`").nth(1).unwrap().split("\n#").next().unwrap().to_owned();
    let bench = lake_in_trouble();
    let mut found = std::collections::BTreeSet::new();
    keys(&bench.command("status").arg("--json").run().exits(0).json(), &mut found);
    for key in found {
        assert!(section.contains(&format!("`{key}`")), "the README does not say what `{key}` is");
    }
}
