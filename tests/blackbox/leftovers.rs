//! What a killed run can leave behind, made by hand, and what the next run makes of it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::lake::{date, read_json};
use crate::support::*;

/// A lake in which a unit of so many archives is committed.
fn committed(bench: &Bench, archives: u64) {
    let archive = |n: u64| Archive::with("C2C", H20, &[c2c(10 * n, "one"), c2c(10 * n + 1, "two")]);
    bench.vendor.answers("C2C", H20, [files((0..archives).map(archive)), code(1005)]);
    bench.sync(1).run().exits(0);
}

/// Takes the receipt back to what it said before the publication, and marks the publication as begun.
fn as_if_killed_before_the_receipt(bench: &Bench, state: Option<&str>) {
    let path = bench.lake.receipt_path("C2C", H20);
    let receipt = read_json(&path);
    let mark = json!({"raw": receipt["raw"], "archives": receipt["archives"]});
    let marks = bench.lake.root().join(".publishing");
    fs::create_dir_all(&marks).unwrap();
    fs::write(marks.join(format!("C2C-{H20}")), mark.to_string()).unwrap();
    match state {
        None => fs::remove_file(&path).unwrap(),
        Some(state) => {
            let mut earlier = receipt.clone();
            earlier["state"] = json!(state);
            earlier["reason"] = if state == "lost" { json!("expired") } else { Value::Null };
            for (key, value) in [
                ("parquet", Value::Null),
                ("raw", json!([])),
                ("archives", json!([])),
                ("rows", json!(0)),
                ("lines", json!(0)),
            ] {
                earlier[key] = value;
            }
            earlier["reported_at"] = json!("2026-11-19T13:00:00Z");
            fs::write(&path, earlier.to_string()).unwrap();
        }
    }
}

fn raw_folder(bench: &Bench) -> PathBuf {
    bench.lake.root().join(format!("raw/chat_type=C2C/dt={}", date(H20)))
}

/// The kept archive at a place of the vendor's list.
fn raw_file(bench: &Bench, place: usize) -> PathBuf {
    let names = fs::read_dir(raw_folder(bench)).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.to_str().unwrap().contains(&format!("/{H20}.{place}-"))).min().unwrap()
}

fn assert_no_marks(bench: &Bench) {
    assert_eq!(fs::read_dir(bench.lake.root().join(".publishing")).unwrap().count(), 0);
}

#[test]
fn a_publication_killed_before_its_receipt_is_finished_although_the_vendor_has_nothing_any_more() {
    for state in [None, Some("empty"), Some("lost")] {
        let bench = Bench::new();
        committed(&bench, 2);
        let before = bench.lake.data();
        as_if_killed_before_the_receipt(&bench, state);
        bench.sync(1).run().exits(0);
        assert_eq!(bench.lake.state("C2C", H20), "committed", "{state:?}");
        assert_eq!(bench.lake.data(), before, "{state:?}");
        bench.lake.assert_consistent();
        assert_no_marks(&bench);
        let unchecked = bench.lake.receipt("C2C", H20)["archives"][0]["unchecked"].clone();
        assert!(!unchecked.as_array().unwrap().contains(&json!("File")), "the mark tells that all are there");
    }
}

#[test]
fn a_kept_archive_that_cannot_be_used_is_not_thrown_away() {
    let bench = Bench::new();
    committed(&bench, 1);
    as_if_killed_before_the_receipt(&bench, Some("lost"));
    let path = raw_file(&bench, 0);
    fs::write(&path, "rotten").unwrap();
    bench.sync(1).run().exits(0);
    assert_eq!((bench.lake.state("C2C", H20), fs::read(&path).unwrap()), ("lost".to_owned(), b"rotten".to_vec()));
    assert_no_marks(&bench);
}

#[test]
fn plan_shows_what_an_interrupted_run_left_to_be_finished() {
    let bench = Bench::new();
    committed(&bench, 1);
    as_if_killed_before_the_receipt(&bench, Some("lost"));
    let due = bench.plan(|plan| plan.set("--lookback", "2h"));
    assert_eq!((due.len(), &due[0]["action"]), (1, &json!("finish")));
}

#[test]
fn archives_left_by_a_run_killed_right_behind_its_receipt_are_cleared_up() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(1).arg("--no-keep-raw").run().exits(0);
    let before = bench.lake.data();
    fs::create_dir_all(raw_folder(&bench)).unwrap();
    let left = raw_folder(&bench).join(format!("{H20}.0-0123abcd.gz"));
    fs::write(&left, "left over").unwrap();
    let marks = bench.lake.root().join(".publishing");
    let left = format!("raw/chat_type=C2C/dt={}/{H20}.0-0123abcd.gz", date(H20));
    fs::write(marks.join(format!("C2C-{H20}")), json!({"raw": [], "archives": [], "superseded": [left]}).to_string())
        .unwrap();
    bench.sync(1).arg("--no-keep-raw").run().exits(0);
    assert_eq!(bench.lake.data(), before);
    assert_no_marks(&bench);
}

/// Deletes the ledger and the table, does something to the archives, and runs again when the vendor has nothing any more.
fn rows_after(archives: u64, harm: impl Fn(&Bench)) -> (Bench, usize, String) {
    let bench = Bench::new();
    committed(&bench, archives);
    fs::remove_dir_all(bench.lake.root().join("receipts")).unwrap();
    fs::remove_dir_all(bench.lake.root().join("messages")).unwrap();
    harm(&bench);
    let run = bench.sync(1).run();
    let rows = bench.lake.receipt("C2C", H20)["rows"].as_u64().unwrap() as usize;
    (bench, rows, run.stderr)
}

#[test]
fn whatever_archives_are_left_are_used_and_it_is_said_that_others_may_be_missing() {
    for missing in 0..3 {
        let (bench, rows, stderr) = rows_after(3, |bench| fs::remove_file(raw_file(bench, missing)).unwrap());
        assert_eq!(rows, 4, "without archive {missing}");
        assert!(stderr.contains("nobody can say"), "{stderr}");
        let unchecked = bench.lake.receipt("C2C", H20)["archives"][0]["unchecked"].clone();
        assert!(unchecked.as_array().unwrap().contains(&json!("File")), "{unchecked}");
    }
}

#[test]
fn a_kept_archive_that_is_damaged_costs_neither_the_others_nor_an_end_to_the_unit() {
    let truncate = |bench: &Bench| {
        let path = raw_file(bench, 1);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let (_, rows, stderr) = rows_after(2, truncate);
    assert_eq!(rows, 2);
    assert!(stderr.contains(&format!("{H20}.1-")), "the file is named: {stderr}");
    let (bench, rows, _) = rows_after(1, |bench| fs::write(raw_file(bench, 0), "not gzip").unwrap());
    assert_eq!((rows, bench.lake.state("C2C", H20)), (0, "lost".to_owned()));
}

#[test]
fn a_stale_file_beside_a_good_set_is_left_out() {
    let stale = |bench: &Bench| fs::write(raw_folder(bench).join(format!("{H20}.0-deadbeef.gz")), gzip(b"{}")).unwrap();
    let (_, rows, _) = rows_after(2, stale);
    assert_eq!(rows, 4);
}

#[test]
fn hours_are_given_up_only_under_a_clock_that_the_vendor_confirms() {
    let watched = |bench: &Bench| {
        fs::create_dir_all(bench.lake.root()).unwrap();
        let hour = hours_back(20 * 24);
        let card = json!({"format_version": 1, "sdkappid": SDKAPPID, "chat_types": {"C2C": {"watched_since": hour, "first_sync_at": "2026-10-20T00:00:00Z"}}});
        fs::write(bench.lake.root().join("lake.json"), card.to_string()).unwrap();
    };
    let bench = Bench::new();
    watched(&bench);
    bench.vendor.skew_clock(3600);
    bench.sync(1).unset("--now").run().exits(2).says(&["clock"]);
    assert_eq!(bench.lake.files(&["receipts"]).len(), 0);

    let bench = Bench::new();
    watched(&bench);
    bench.sync(1).unset("--now").set("--empty-after", "200h").run().exits(4);
    assert_eq!(bench.lake.receipt("C2C", &hours_back(20 * 24))["reason"], "out_of_retention");
}

#[test]
fn a_watch_that_begins_in_the_future_is_healed() {
    let bench = Bench::new();
    fs::create_dir_all(bench.lake.root()).unwrap();
    let card = json!({"format_version": 1, "sdkappid": SDKAPPID, "chat_types": {"C2C": {"watched_since": "2099010100", "first_sync_at": "2099-01-08T00:00:00Z"}}});
    fs::write(bench.lake.root().join("lake.json"), card.to_string()).unwrap();
    bench.sync(3).run().exits(0);
    assert_eq!(bench.vendor.calls().len(), 3);
    assert_eq!(bench.lake.card()["chat_types"]["C2C"]["first_sync_at"], NOW);
}

#[test]
fn a_bomb_without_a_promised_size_is_stopped_and_the_run_goes_on() {
    let bench = Bench::new();
    let mut content = format!("{}\n{{\"a\":\"", header("C2C", H20).trim_end()).into_bytes();
    content.extend(std::iter::repeat_n(b'x', 200 * 1024 * 1024));
    let bomb = Archive::of(content).undeclared("FileSize").undeclared("FileMD5");
    bench.vendor.answers("C2C", H20, [files([bomb])]);
    bench.vendor.answers("C2C", H19, [files([archive("C2C", H19, 1)])]);
    bench.sync(2).run().exits(3);
    let cause = bench.lake.assert_failed("C2C", H20, "archive");
    assert!(cause.contains("FileSize"), "{cause}");
    assert_eq!(bench.lake.state("C2C", H19), "committed");
}

#[test]
fn a_secret_given_where_its_files_name_belongs_is_not_repeated() {
    let bench = Bench::new();
    let secret = "5fake0fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
    for sync in [
        bench.sync(1).set("--secret-key-file", secret),
        bench.sync(1).unset("--secret-key-file").env("TIMLAKE_SECRET_KEY_FILE", secret),
        bench.sync(1).unset("--secret-key-file").set("--usersig-file", secret),
        bench.sync(1).set("--config", secret),
        bench.sync(1).arg(secret),
    ] {
        let run = sync.run().exits(2);
        assert!(!run.stderr.contains(secret) && !run.stdout.contains(secret), "{run}");
    }
}

#[test]
fn the_demo_keeps_out_of_the_lake_that_the_environment_names() {
    let bench = Bench::new();
    let demo = program::Invocation::bare(&["demo", "--messages-per-hour", "5"], bench.home.path());
    demo.env("TIMLAKE_LAKE", bench.lake.root()).env("TIMLAKE_REGION", "moon").run().exits(0);
    assert!(!bench.lake.root().exists());
    assert!(bench.home.path().join("timlake-demo").exists());
}
