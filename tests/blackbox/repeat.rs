//! Run it twice, with the receipts deleted, killed at any instant, two at once: the same bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::program::Invocation;
use crate::support::*;

const HOURS: [&str; 3] = [H18, H19, H20];

/// A vendor with a little of everything: several files, repeats, rejects, empty lists.
fn busy_vendor(bench: &Bench) {
    for hour in HOURS {
        let mut lines = messages("C2C", 200);
        lines.push(c2c(7, "again"));
        lines.push(c2c(7, "again"));
        lines.push("no message".to_owned());
        let second = archive("C2C", hour, 150);
        bench.vendor.answers("C2C", hour, [files([Archive::with("C2C", hour, &lines), second])]);
        bench.vendor.answers("Group", hour, [files([archive("Group", hour, 100)])]);
    }
    bench.vendor.answers("Group", H19, [files([Archive::of(documented("Group", H19, &[""; 0]))])]);
}

fn sync(bench: &Bench) -> Invocation {
    bench.sync(3).both()
}

/// What a run that nothing disturbs makes of [`busy_vendor`].
fn undisturbed() -> BTreeMap<String, String> {
    let bench = Bench::new();
    busy_vendor(&bench);
    sync(&bench).run().exits(0);
    bench.lake.assert_consistent();
    let data = bench.lake.data();
    assert_eq!(data.len(), 5 + 9 + 3, "tables, archives, rejects: {data:#?}");
    data
}

#[test]
fn the_same_archives_give_the_same_bytes_in_another_lake() {
    assert_eq!(undisturbed(), undisturbed());
}

#[test]
fn concurrency_changes_no_byte() {
    let expected = undisturbed();
    for concurrency in ["1", "16"] {
        let bench = Bench::new();
        busy_vendor(&bench);
        sync(&bench).set("--concurrency", concurrency).run().exits(0);
        assert_eq!(bench.lake.data(), expected);
    }
}

#[test]
fn run_twice_nothing_changes() {
    let bench = Bench::new();
    busy_vendor(&bench);
    sync(&bench).run().exits(0);
    let (before, calls) = (bench.lake.everything(), bench.vendor.calls().len());
    sync(&bench).run().exits(0);
    assert_eq!(bench.lake.everything(), before);
    assert_eq!(bench.vendor.calls().len(), calls);
}

#[test]
fn with_the_receipts_deleted_the_same_command_makes_the_same_bytes() {
    let bench = Bench::new();
    busy_vendor(&bench);
    sync(&bench).run().exits(0);
    let before = bench.lake.data();
    std::fs::remove_dir_all(bench.lake.root().join("receipts")).unwrap();
    sync(&bench).run().exits(0);
    assert_eq!(bench.lake.data(), before);
    bench.lake.assert_consistent();
}

#[test]
fn a_table_without_a_receipt_is_made_again() {
    let bench = Bench::new();
    busy_vendor(&bench);
    sync(&bench).run().exits(0);
    let before = bench.lake.data();
    std::fs::remove_file(bench.lake.receipt_path("C2C", H19)).unwrap();
    std::fs::write(bench.lake.parquet_path("C2C", H19), "torn").unwrap();
    sync(&bench).run().exits(0);
    assert_eq!(bench.lake.data(), before);
    bench.lake.assert_consistent();
}

/// Every file under `messages/` is one of the expected tables, whole.
#[track_caller]
fn assert_no_torn_file(bench: &Bench, expected: &BTreeMap<String, String>) {
    for (path, digest) in bench.lake.files(&["messages"]) {
        assert_eq!(expected.get(&path), Some(&digest), "{path} is torn, or not a table");
    }
}

/// A source of instants that differ from run to run; printed, so that a failure can be told.
pub fn instants(longest: Duration) -> impl Iterator<Item = Duration> {
    let mut state = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        Some(longest.mul_f64(f64::from(state) / f64::from(u32::MAX)))
    })
}

#[test]
fn killed_at_twenty_random_instants_and_run_to_the_end_it_is_the_same_lake() {
    let expected = undisturbed();
    let clock = Instant::now();
    undisturbed();
    let longest = clock.elapsed();
    for pause in instants(longest).take(20) {
        let bench = Bench::new();
        busy_vendor(&bench);
        let running = sync(&bench).start();
        std::thread::sleep(pause);
        running.signal("KILL");
        running.wait();
        assert_no_torn_file(&bench, &expected);
        sync(&bench).run().exits(0);
        assert_eq!(bench.lake.data(), expected, "killed after {pause:?}");
        bench.lake.assert_consistent();
        assert!(leftovers(&bench).is_empty(), "killed after {pause:?}: {:?}", leftovers(&bench));
    }
}

/// Unfinished files that nobody will ever finish.
fn leftovers(bench: &Bench) -> Vec<PathBuf> {
    let spool = bench.lake.files(&[".spool"]).into_keys();
    spool.map(PathBuf::from).collect()
}

#[test]
fn killed_again_and_again_one_lake_gets_there() {
    let expected = undisturbed();
    let bench = Bench::new();
    busy_vendor(&bench);
    for pause in instants(Duration::from_millis(700)).take(10) {
        let running = sync(&bench).start();
        std::thread::sleep(pause);
        running.signal("KILL");
        running.wait();
        assert_no_torn_file(&bench, &expected);
    }
    sync(&bench).run().exits(0);
    assert_eq!(bench.lake.data(), expected);
    bench.lake.assert_consistent();
}

#[test]
fn two_at_once_make_the_same_lake() {
    let expected = undisturbed();
    let bench = Bench::new();
    busy_vendor(&bench);
    let codes: Vec<Option<i32>> =
        [sync(&bench).start(), sync(&bench).start()].map(|running| running.wait().code).into();
    assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 75))), "{codes:?}");
    assert_eq!(bench.lake.data(), expected);
    bench.lake.assert_consistent();
}

#[test]
fn nothing_but_finished_tables_is_ever_seen_under_messages() {
    let expected = undisturbed();
    let bench = Bench::new();
    busy_vendor(&bench);
    let mut running = sync(&bench).start();
    while !running.has_ended() {
        assert_no_torn_file(&bench, &expected);
    }
    running.wait().exits(0);
    assert_eq!(bench.lake.data(), expected);
}
