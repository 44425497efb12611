//! What a run reports of the bytes that did not become messages: how many, where, and what to do.

use serde_json::{Value, json};

use crate::support::*;

/// An archive that unpacks to something else than a log.
fn damaged() -> Archive {
    Archive::gzipped(b"x", gzip(b"something else")).undeclared("FileSize").undeclared("FileMD5")
}

/// Enough messages, and lines that are none.
fn archive_with_rejects(hour: &str, rejects: usize) -> Archive {
    let lines = [messages("C2C", 10), vec!["oops".to_owned(); rejects]].concat();
    Archive::with("C2C", hour, &lines)
}

/// Asserts that a line of the report names this file of the lake, as it can be opened.
#[track_caller]
fn names(bench: &Bench, run: &Run, path: &Value) {
    let path = bench.lake.root().join(path.as_str().unwrap());
    assert!(path.exists(), "{}", path.display());
    assert!(run.stdout.lines().any(|line| line.contains(path.to_str().unwrap())), "{}: {run}", path.display());
}

#[test]
fn a_run_reports_rejects_and_quarantined_bytes_with_path_and_remedy() {
    let script = || {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [files([damaged()])]);
        bench.vendor.answers("C2C", H19, [files([archive_with_rejects(H19, 3)])]);
        bench
    };
    let bench = script();
    let text = bench.backfill(H19, &hours_back(-1)).run().exits(3);
    names(&bench, &text, &bench.lake.receipt("C2C", H19)["rejects_file"]["path"]);
    names(&bench, &text, &bench.lake.receipt("C2C", H20)["quarantine"][0]);
    for what in ["rejects: 3, of 1 unit", "base64", "quarantined: 1 file", "the next run tries these units again"] {
        assert!(text.stdout.contains(what), "{what}: {text}");
    }

    let bench = script();
    let report = bench.backfill(H19, &hours_back(-1)).arg("--json").run().exits(3).json();
    assert_eq!((&report["rejects"], &report["quarantined"], &report["conflicts"]), (&json!(3), &json!(1), &json!(0)));
    let [with_rejects, failed] = [0, 1].map(|at| &report["units"][at]);
    assert_eq!(with_rejects["rejects_file"], bench.lake.receipt("C2C", H19)["rejects_file"]);
    assert_eq!(with_rejects["parquet"], bench.lake.receipt("C2C", H19)["parquet"]);
    assert_eq!(failed["quarantine"], bench.lake.receipt("C2C", H20)["quarantine"]);
}

#[test]
fn a_conflict_is_reported_with_both_files_and_the_command_that_ends_it() {
    let bench = Bench::new();
    let offers = [2, 1].map(|messages| files([archive("C2C", H20, messages)]));
    bench.vendor.answers("C2C", H20, offers);
    bench.sync(1).run().exits(0);
    let rerun = || bench.backfill(H20, &hours_back(-1)).set("--rerun", "all");
    let run = rerun().run().exits(0);
    let receipt = bench.lake.receipt("C2C", H20);
    names(&bench, &run, &receipt["quarantine"][0]);
    names(&bench, &run, &receipt["raw"][0]["path"]);
    assert!(run.stdout.contains("timlake import --replace"), "{run}");
    let report = rerun().arg("--json").run().exits(0).json();
    assert_eq!((&report["conflicts"], &report["quarantined"]), (&json!(1), &json!(1)));
}

#[test]
fn of_many_the_first_few_are_named_and_the_report_says_where_the_others_are() {
    let bench = Bench::new();
    let hours: Vec<String> = (0..8).map(hours_back).collect();
    for hour in &hours {
        bench.vendor.answers("C2C", hour, [files([archive_with_rejects(hour, 1)])]);
    }
    let run = bench.sync(8).run().exits(0);
    assert!(run.stdout.contains("rejects: 8, of 8 units"), "{run}");
    assert!(run.stdout.contains("… and 3 more: `timlake status --json` lists them"), "{run}");
    let named = run.stdout.lines().filter(|line| line.contains("rejects/C2C/")).count();
    assert_eq!(named, 5, "{run}");
}

#[test]
fn a_run_in_which_nothing_is_wrong_says_nothing_of_it() {
    let bench = Bench::new();
    bench.vendor.otherwise(files([archive("C2C", H20, 2)]));
    let run = bench.sync(1).run().exits(0);
    assert_eq!(run.stdout.lines().count(), 2, "{run}");
}
