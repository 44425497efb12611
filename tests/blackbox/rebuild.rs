//! `timlake rebuild`: what the archives can give again, they give again, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::lake::read_json;
use crate::support::*;

/// A lake with something in every kind of file: rows, duplicates, rejects, two archives in a unit, an archive without
/// messages, a conflict, a failure, and an hour without an archive.
pub fn full_lake() -> Bench {
    let bench = Bench::new();
    let messages = |from: u64| (from..from + 20).map(|n| c2c(n, "text")).collect::<Vec<_>>();
    let with_rejects = [messages(1), messages(1), vec!["[1]".to_owned(), "7".to_owned()]].concat();
    let whole = Archive::with("C2C", H20, &messages(100));
    let shrunk = Archive::with("C2C", H20, &messages(100)[1..]);
    bench.vendor.answers("C2C", H20, [files([whole.clone()]), files([shrunk])]);
    bench.vendor.answers("C2C", H19, [files([Archive::with("C2C", H19, &with_rejects), archive("C2C", H19, 5)])]);
    bench.vendor.answers("C2C", H18, [files([Archive::with("C2C", H18, &[""; 0])])]);
    bench.vendor.answers("C2C", H17, [code(99999)]);
    bench.vendor.answers("C2C", &hours_back(4), [files([])]);
    bench.sync(5).run().exits(3);
    bench.backfill(H20, &hours_back(-1)).set("--rerun", "all").run().exits(0);
    bench
}

fn rebuild(bench: &Bench, code: i32) -> Value {
    bench.command("rebuild").arg("--json").run().exits(code).json()
}

fn remove(bench: &Bench, folders: &[&str]) {
    for folder in folders {
        fs::remove_dir_all(bench.lake.root().join(folder)).unwrap();
    }
}

/// All receipts of units with archives, without what may differ: times, attempts, and how later askings went.
fn lasting_receipts(bench: &Bench) -> BTreeMap<String, Value> {
    let files = bench.lake.files(&["receipts"]);
    let receipts = files.keys().map(|path| (path.clone(), read_json(&bench.lake.root().join(path))));
    let made_of_archives = receipts.filter(|(_, receipt)| !receipt["raw"].as_array().unwrap().is_empty());
    made_of_archives.map(|(path, receipt)| (path, without_times(receipt))).collect()
}

pub fn without_times(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !(name.ends_with("_at") || ["at", "attempts", "asked_again"].contains(&name.as_str())))
            .map(|(name, value)| (name, without_times(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn tables_rejects_and_receipts_come_back_from_the_archives_byte_for_byte() {
    let bench = full_lake();
    let (data, receipts, calls) = (bench.lake.data(), lasting_receipts(&bench), bench.vendor.calls().len());
    assert_eq!(receipts.len(), 3);
    remove(&bench, &["messages", "receipts", "rejects"]);
    let report = rebuild(&bench, 0);
    assert_eq!(bench.lake.data(), data);
    assert_eq!(lasting_receipts(&bench), receipts);
    assert_eq!(report["made"].as_array().unwrap().len(), 3);
    assert_eq!(report["not_rebuilt"], json!([]));
    bench.lake.assert_consistent();
    bench.command("verify").arg("--deep").run().exits(0);
    assert_eq!(bench.vendor.calls().len(), calls, "nobody was asked");
}

#[test]
fn a_sound_lake_is_left_alone_to_the_last_byte() {
    let bench = full_lake();
    let all =
        || bench.lake.files(&["lake.json", "messages", "raw", "rejects", "receipts", "quarantine", ".provenance"]);
    let before = all();
    let report = rebuild(&bench, 0);
    assert_eq!(all(), before);
    assert_eq!(
        (&report["made"], &report["intact"], &report["nothing_kept"], &report["not_rebuilt"]),
        (&json!([]), &json!(3), &json!(2), &json!([]))
    );
}

#[test]
fn times_and_attempts_survive_where_the_receipt_does() {
    let bench = full_lake();
    let before = bench.lake.files(&["receipts"]);
    remove(&bench, &["messages", "rejects"]);
    rebuild(&bench, 0);
    assert_eq!(bench.lake.files(&["receipts"]), before);
}

#[test]
fn only_the_range_is_made_again() {
    let bench = full_lake();
    let data = bench.lake.data();
    remove(&bench, &["messages"]);
    bench.command("rebuild").set("--from", H20).set("--to", hours_back(-1)).run().exits(0);
    assert!(bench.lake.parquet_path("C2C", H20).exists() && !bench.lake.parquet_path("C2C", H19).exists());
    rebuild(&bench, 0);
    assert_eq!(bench.lake.data(), data);
}

#[test]
fn a_unit_whose_archive_is_gone_or_damaged_is_named_and_left_as_it_is_and_the_others_are_made() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 3] = [
        ("missing", |path| fs::remove_file(path).unwrap()),
        ("missing or damaged", |path| fs::write(path, b"no gzip").unwrap()),
        ("missing or damaged", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
    ];
    for (words, harm) in harms {
        for receipts_too in [false, true] {
            let bench = full_lake();
            let raw = raw_of(&bench, H20);
            harm(&raw);
            let table = fs::read(bench.lake.parquet_path("C2C", H20)).unwrap();
            fs::remove_file(bench.lake.parquet_path("C2C", H19)).unwrap();
            if receipts_too {
                remove(&bench, &["receipts"]);
            }
            let report = rebuild(&bench, 3);
            let not_rebuilt = report["not_rebuilt"].as_array().unwrap();
            assert_eq!(not_rebuilt.len(), 1, "{report:#}");
            assert_eq!(not_rebuilt[0]["hour"], H20);
            let cause = not_rebuilt[0]["cause"].as_str().unwrap();
            let name = raw.file_name().unwrap().to_str().unwrap();
            assert!(cause.contains(words) && cause.contains(name), "{cause}");
            assert_eq!(fs::read(bench.lake.parquet_path("C2C", H20)).unwrap(), table);
            assert_eq!(bench.lake.rows("C2C", H19).len(), 25);
        }
    }
}

fn raw_of(bench: &Bench, hour: &str) -> PathBuf {
    bench.lake.root().join(bench.lake.receipt("C2C", hour)["raw"][0]["path"].as_str().unwrap())
}

#[test]
fn without_kept_archives_there_is_nothing_to_rebuild_from_and_damage_is_named() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(1).arg("--no-keep-raw").run().exits(0);
    let report = rebuild(&bench, 0);
    assert_eq!((&report["nothing_kept"], &report["not_rebuilt"]), (&json!(1), &json!([])));
    fs::remove_file(bench.lake.parquet_path("C2C", H20)).unwrap();
    let run = bench.command("rebuild").run().exits(3);
    assert!(run.stdout.contains(&format!("C2C/{H20}  not rebuilt")), "{}", run.stdout);
}

#[test]
fn an_order_not_to_keep_archives_takes_none_away_from_a_rebuild() {
    let bench = full_lake();
    let data = bench.lake.data();
    remove(&bench, &["messages", "receipts"]);
    bench.command("rebuild").arg("--no-keep-raw").run().exits(0);
    assert_eq!(bench.lake.data(), data);
}

#[test]
fn a_replacement_that_was_interrupted_is_finished() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)]), files([archive("C2C", H20, 4)])]);
    bench.sync(1).run().exits(0);
    let old = fs::read(bench.lake.receipt_path("C2C", H20)).unwrap();
    let old_raw = (raw_of(&bench, H20), fs::read(raw_of(&bench, H20)).unwrap());
    bench.backfill(H20, &hours_back(-1)).set("--rerun", "all").run().exits(0);
    let done = bench.lake.data();
    let receipt = bench.lake.receipt("C2C", H20);
    // As if the run had been killed between the table and the receipt.
    fs::write(bench.lake.receipt_path("C2C", H20), &old).unwrap();
    fs::write(&old_raw.0, &old_raw.1).unwrap();
    let old_path = old_raw.0.strip_prefix(bench.lake.root()).unwrap().to_str().unwrap();
    let mark = json!({"raw": receipt["raw"], "archives": receipt["archives"], "superseded": [old_path]});
    fs::write(bench.lake.root().join(format!(".publishing/C2C-{H20}")), mark.to_string()).unwrap();
    rebuild(&bench, 0);
    assert_eq!(bench.lake.data(), done);
    assert_eq!(bench.lake.receipt("C2C", H20)["rows"], 4);
}

#[test]
fn nothing_is_rebuilt_where_there_is_no_lake_or_another_run_holds_it() {
    Bench::new().command("rebuild").run().exits(74).says(&["no lake"]);
    let bench = full_lake();
    let lock = fs::File::open(bench.lake.root().join(".lock")).unwrap();
    lock.lock().unwrap();
    bench.command("rebuild").run().exits(75);
}

#[test]
fn an_edited_receipt_does_not_take_an_open_conflict_with_it() {
    let bench = full_lake();
    let path = bench.lake.receipt_path("C2C", H20);
    let sound = bench.lake.receipt("C2C", H20);
    assert!(sound["conflict"].is_object());
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"conflict\": {", "\"conflicx\": {").replace("\"rows\": 20", "\"rows\": 21"))
        .unwrap();
    bench.command("verify").run().exits(6);
    rebuild(&bench, 0);
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!((&receipt["conflict"], &receipt["rows"]), (&sound["conflict"], &sound["rows"]));
    assert_eq!((&receipt["attempts"], &receipt["checked_at"]), (&sound["attempts"], &sound["checked_at"]));
    bench.command("verify").run().exits(0);
}

#[test]
fn a_rebuilt_receipt_is_still_due_for_a_second_look_at_the_vendor() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)]), files([archive("C2C", H20, 3)])]);
    bench.sync(1).run().exits(0);
    let later = now_plus(30.0);
    fs::remove_dir_all(bench.lake.root().join("receipts")).unwrap();
    bench.command("rebuild").now(&later).run().exits(0);
    bench.backfill(H20, &hours_back(-1)).now(&later).run().exits(0);
    assert_eq!(bench.lake.receipt("C2C", H20)["rows"], 2, "finished: a backfill leaves it alone");
    bench.sync(1).now(&later).run();
    assert_eq!(bench.lake.receipt("C2C", H20)["rows"], 3, "the recheck at 24 h is not taken for done");
}

#[test]
fn a_lake_without_its_card_is_nobody_elses() {
    let bench = full_lake();
    let before = bench.lake.card();
    for folder in ["receipts", "messages"] {
        fs::remove_dir_all(bench.lake.root().join(folder)).unwrap();
    }
    fs::remove_file(bench.lake.root().join("lake.json")).unwrap();
    bench.sync(5).set("--sdkappid", "1400000999").run().exits(74).says(&["lake.json", "rebuild"]);
    bench.command("verify").run().exits(6);
    rebuild(&bench, 0);
    assert_eq!(bench.lake.card(), before);
    bench.command("verify").run().exits(0);
}

#[test]
fn what_is_damaged_beyond_archives_is_not_called_rebuilt() {
    let bench = full_lake();
    let path = bench.lake.receipt_path("C2C", &hours_back(4));
    let mut receipt = read_json(&path);
    receipt["state"] = json!("lost");
    fs::write(&path, receipt.to_string()).unwrap();
    let report = rebuild(&bench, 3);
    assert!(report["not_rebuilt"][0]["cause"].as_str().unwrap().contains("move it away"), "{report:#}");
}
