//! Killed right before and right after every durable step, and run again: as if nothing had happened.
//!
//! `TIMLAKE_TEST_KILL_AT=n` has the program, as tests build it, kill itself at the n-th of these places. Each scenario goes
//! through all of them, until a run comes to its end.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use crate::rebuild::without_times;
use crate::repeat::instants;
use crate::support::lake::read_json;
use crate::support::program::Invocation;
use crate::support::*;

/// What comes out the same: the data, and of the receipts and what is kept beside them everything but times and attempts.
type Outcome = (BTreeMap<String, String>, BTreeMap<String, Value>);

fn outcome(bench: &Bench) -> Outcome {
    let lasting = bench.lake.files(&["receipts", ".provenance"]);
    let read = |path: String| (path.clone(), without_times(read_json(&bench.lake.root().join(path))));
    (bench.lake.files(&["messages", "raw", "rejects", "quarantine"]), lasting.into_keys().map(read).collect())
}

/// Prepares a lake, runs the command in it undisturbed, and then, each time in a lake prepared anew, killed at the first
/// place, at the second, and so on. Gives the number of kills.
fn killed_everywhere(prepare: impl Fn() -> Bench, command: impl Fn(&Bench) -> Invocation, code: i32) -> usize {
    let undisturbed = prepare();
    let before = undisturbed.lake.files(&["messages"]);
    command(&undisturbed).run().exits(code);
    let expected = outcome(&undisturbed);
    verified(&undisturbed);
    for place in 1.. {
        let bench = prepare();
        let killed = command(&bench).env("TIMLAKE_TEST_KILL_AT", place.to_string()).run();
        if killed.signal.is_none() {
            killed.exits(code);
            assert_eq!(outcome(&bench), expected);
            return place - 1;
        }
        assert_eq!(killed.signal, Some(9), "{killed:#?}");
        for (path, digest) in bench.lake.files(&["messages"]) {
            let known = [before.get(&path), expected.0.get(&path)];
            assert!(known.contains(&Some(&digest)), "{path} is torn, or not a table, after a kill at {place}");
        }
        if bench.lake.root().join("lake.json").exists() {
            verified(&bench);
        }
        command(&bench).run().exits(code);
        assert_eq!(outcome(&bench), expected, "killed at {place}");
        verified(&bench);
        let marks = bench.lake.files(&[".publishing", ".spool"]);
        assert!(marks.is_empty(), "left after a kill at {place}: {marks:?}");
    }
    unreachable!()
}

#[track_caller]
fn verified(bench: &Bench) {
    bench.command("verify").arg("--json").run().exits(0);
}

fn elements(count: u64) -> Vec<String> {
    let mut elements: Vec<String> = (0..count).map(|n| c2c(n, "text")).collect();
    elements.extend([c2c(1, "text"), "[]".to_owned()]);
    elements
}

fn two_files() -> Answer {
    files([Archive::with("C2C", H20, &elements(4)), archive("C2C", H20, 3)])
}

fn fresh() -> Bench {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [two_files()]);
    bench.vendor.answers("C2C", H19, [files([Archive::with("C2C", H19, &[""; 0])])]);
    bench.vendor.answers("C2C", H18, [files([])]);
    bench
}

fn sync(bench: &Bench) -> Invocation {
    bench.sync(3).set("--concurrency", "1")
}

/// Archives in files, as `import` takes them.
fn kept_elsewhere(bench: &Bench, archives: &[Archive]) -> Vec<PathBuf> {
    let path = |n: usize| bench.home.path().join(format!("{n}.gz"));
    for (n, archive) in archives.iter().enumerate() {
        fs::write(path(n), &archive.gzip).unwrap();
    }
    (0..archives.len()).map(path).collect()
}

fn import(bench: &Bench, archives: &[Archive]) -> Invocation {
    let files = kept_elsewhere(bench, archives);
    files.iter().fold(bench.command("import"), |import, file| import.arg(file.to_str().unwrap()))
}

#[test]
fn a_first_sync_killed_anywhere_is_made_good_by_the_next() {
    let kills = killed_everywhere(fresh, sync, 0);
    assert!(kills >= 30, "{kills} durable steps");
}

#[test]
fn a_sync_that_keeps_no_archives_killed_anywhere_is_made_good_by_the_next() {
    let kills = killed_everywhere(fresh, |bench| sync(bench).arg("--no-keep-raw"), 0);
    assert!(kills >= 25, "{kills} durable steps");
}

#[test]
fn a_replacement_killed_anywhere_is_finished_or_done_again() {
    let prepare = || {
        let bench = Bench::new();
        let grown = [elements(4), vec![c2c(900, "late")]].concat();
        let grown = files([Archive::with("C2C", H20, &grown)]);
        bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &elements(4))]), grown]);
        bench.sync(1).run().exits(0);
        bench
    };
    let again = |bench: &Bench| bench.backfill(H20, &hours_back(-1)).set("--rerun", "all");
    let kills = killed_everywhere(prepare, again, 0);
    assert!(kills >= 14, "{kills} durable steps");
}

#[test]
fn an_archive_in_conflict_is_set_aside_wherever_the_run_is_killed() {
    let prepare = || {
        let bench = Bench::new();
        let shrunk = files([Archive::with("C2C", H20, &elements(4)[1..])]);
        bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &elements(4))]), shrunk]);
        bench.sync(1).run().exits(0);
        bench
    };
    let again = |bench: &Bench| bench.backfill(H20, &hours_back(-1)).set("--rerun", "all");
    let kills = killed_everywhere(prepare, again, 0);
    assert!(kills >= 6, "{kills} durable steps");
}

#[test]
fn an_import_killed_anywhere_is_made_good_by_the_next() {
    let archives = || [Archive::with("C2C", H20, &elements(4)), archive("C2C", H19, 3)];
    let kills = killed_everywhere(Bench::new, |bench| import(bench, &archives()).set("--concurrency", "1"), 0);
    assert!(kills >= 25, "{kills} durable steps");
}

#[test]
fn an_import_that_replaces_killed_anywhere_is_made_good_by_the_next() {
    let prepare = || {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &elements(4))])]);
        bench.sync(1).run().exits(0);
        bench
    };
    let other = || [archive("C2C", H20, 3), Archive::with("C2C", H20, &elements(2))];
    let kills = killed_everywhere(prepare, |bench| import(bench, &other()).arg("--replace"), 0);
    assert!(kills >= 15, "{kills} durable steps");
}

#[test]
fn a_rebuild_killed_anywhere_is_made_good_by_the_next() {
    let prepare = || {
        let bench = fresh();
        sync(&bench).run().exits(0);
        for folder in ["messages", "receipts", "rejects"] {
            fs::remove_dir_all(bench.lake.root().join(folder)).unwrap();
        }
        bench
    };
    let kills = killed_everywhere(prepare, |bench| bench.command("rebuild").set("--concurrency", "1"), 0);
    assert!(kills >= 15, "{kills} durable steps");
}

/// The same at instants that differ from run to run: what happens between the durable steps.
fn killed_at_random(prepare: impl Fn() -> Bench, command: impl Fn(&Bench) -> Invocation) {
    let undisturbed = prepare();
    let clock = Instant::now();
    command(&undisturbed).run().exits(0);
    let longest = clock.elapsed();
    let expected = outcome(&undisturbed);
    for pause in instants(longest).take(12) {
        let bench = prepare();
        let running = command(&bench).start();
        std::thread::sleep(pause);
        running.signal("KILL");
        running.wait();
        command(&bench).run().exits(0);
        assert_eq!(outcome(&bench), expected, "killed after {pause:?}");
        verified(&bench);
    }
}

#[test]
fn an_import_killed_at_any_instant_is_made_good_by_the_next() {
    let archives = || [H17, H18, H19, H20].map(|hour| archive("C2C", hour, 400));
    killed_at_random(Bench::new, |bench| import(bench, &archives()));
}

#[test]
fn a_rebuild_killed_at_any_instant_is_made_good_by_the_next() {
    let prepare = || {
        let bench = Bench::new();
        import(&bench, &[H17, H18, H19, H20].map(|hour| archive("C2C", hour, 400))).run().exits(0);
        for folder in ["messages", "receipts"] {
            fs::remove_dir_all(bench.lake.root().join(folder)).unwrap();
        }
        bench
    };
    killed_at_random(prepare, |bench| bench.command("rebuild"));
}
