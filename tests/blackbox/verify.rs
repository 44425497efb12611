//! `timlake verify`: damage is found where it is, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::lake::read_json;
use crate::support::*;

/// A lake with something in every kind of file: rows, duplicates, rejects, two archives in a unit, and a conflict.
fn lake() -> Bench {
    let bench = Bench::new();
    let messages = |from: u64| (from..from + 20).map(|n| c2c(n, "text")).collect::<Vec<_>>();
    let with_rejects = [messages(1), messages(1), vec!["[1]".to_owned(), "7".to_owned()]].concat();
    let whole = Archive::with("C2C", H20, &messages(100));
    let shrunk = Archive::with("C2C", H20, &messages(100)[1..]);
    bench.vendor.answers("C2C", H20, [files([whole.clone()]), files([shrunk])]);
    bench.vendor.answers("C2C", H19, [files([Archive::with("C2C", H19, &with_rejects), archive("C2C", H19, 5)])]);
    bench.vendor.answers("C2C", H18, [files([])]);
    bench.vendor.answers("C2C", H17, [code(99999)]);
    bench.sync(4).run().exits(3);
    bench.backfill(H20, &hours_back(-1)).set("--rerun", "all").run().exits(0);
    bench
}

fn verify(bench: &Bench, code: i32, flags: &[&str]) -> Vec<Value> {
    let verify = flags.iter().fold(bench.command("verify").arg("--json"), |verify, flag| verify.arg(flag));
    verify.run().exits(code).json()["verified"]["findings"].as_array().unwrap().clone()
}

fn paths(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["path"].as_str().unwrap()).collect()
}

/// The lake's files of one kind, the first of them named by a receipt.
fn first(bench: &Bench, below: &str) -> PathBuf {
    let files = bench.lake.files(&[below]);
    bench.lake.root().join(files.keys().next().unwrap())
}

/// Something bad that happens to a file.
type Harm = fn(&Path);

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

#[test]
fn a_sound_lake_is_sound_also_in_depth_and_is_not_changed_by_looking() {
    let bench = lake();
    let before = bench.lake.everything();
    assert_eq!(verify(&bench, 0, &[]), Vec::<Value>::new());
    assert_eq!(verify(&bench, 0, &["--deep"]), Vec::<Value>::new());
    assert_eq!(bench.lake.everything(), before);
    let verified = bench.command("verify").arg("--json").run().json()["verified"].clone();
    assert_eq!(
        (&verified["receipts"], &verified["provable"], &verified["recorded"]),
        (&json!(4), &json!(2), &json!(0))
    );
    assert_eq!(verified["rows"], 45);
}

#[test]
fn every_harm_to_every_kind_of_file_is_found_there_and_nowhere_else() {
    let bench = lake();
    let harms = [("flip", flip as Harm), ("truncate", truncate), ("remove", remove)];
    for below in ["messages", "raw", "rejects", "quarantine"] {
        for (harm, inflict) in harms {
            let path = first(&bench, below);
            let sound = fs::read(&path).unwrap();
            inflict(&path);
            let findings = verify(&bench, 6, &[]);
            let relative = path.strip_prefix(bench.lake.root()).unwrap().to_str().unwrap();
            assert_eq!(paths(&findings), [relative], "{harm} in {below}");
            let expected = if harm == "remove" { "missing" } else { "damaged" };
            assert_eq!(findings[0]["kind"], expected, "{harm} in {below}");
            fs::write(&path, sound).unwrap();
        }
    }
    assert_eq!(verify(&bench, 0, &[]), Vec::<Value>::new());
}

#[test]
fn two_files_that_have_changed_places_are_both_found() {
    let bench = lake();
    let files: Vec<PathBuf> = bench.lake.files(&["messages"]).keys().map(|path| bench.lake.root().join(path)).collect();
    let contents: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    fs::write(&files[0], &contents[1]).unwrap();
    fs::write(&files[1], &contents[0]).unwrap();
    assert_eq!(verify(&bench, 6, &[]).len(), 2);
}

#[test]
fn an_edited_or_damaged_receipt_is_found() {
    let bench = lake();
    let path = bench.lake.receipt_path("C2C", H20);
    let sound = fs::read(&path).unwrap();
    let relative = path.strip_prefix(bench.lake.root()).unwrap().to_str().unwrap().to_owned();
    for (key, value) in [("rows", json!(19)), ("duplicates", json!(1)), ("state", json!("empty"))] {
        let mut receipt = read_json(&path);
        receipt[key] = value;
        fs::write(&path, receipt.to_string()).unwrap();
        assert_eq!(paths(&verify(&bench, 6, &[])), [relative.as_str()], "{key}");
        fs::write(&path, &sound).unwrap();
    }
    truncate(&path);
    assert_eq!(paths(&verify(&bench, 6, &[])), [relative.as_str()]);
}

#[test]
fn a_stray_table_is_damage_unless_its_unit_is_due_and_other_strays_are_only_told() {
    let bench = lake();
    let table = fs::read(first(&bench, "messages")).unwrap();
    let put = |hour: &str, below: &str, ending: &str| {
        let path = bench.lake.parquet_path("C2C", hour);
        let path = PathBuf::from(
            path.to_str().unwrap().replace("/messages/", &format!("/{below}/")).replace(".parquet", ending),
        );
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &table).unwrap();
        path
    };
    // Failed, so due; watched and never asked for, so due.
    for hour in [H17, H18] {
        let receipt = bench.lake.receipt_path("C2C", hour);
        let sound = fs::read(&receipt).unwrap();
        if hour == H18 {
            remove(&receipt);
        }
        let path = put(hour, "messages", ".parquet");
        let findings = verify(&bench, 0, &[]);
        assert_eq!((findings.len(), &findings[0]["kind"]), (1, &json!("extra")), "{hour}");
        remove(&path);
        fs::write(&receipt, sound).unwrap();
    }
    // Empty and finished; from before anybody watched; of no hour at all.
    for (hour, ending) in [(H18, ".parquet"), (&hours_back(30), ".parquet"), (H18, "-copy.parquet")] {
        let path = put(hour, "messages", ending);
        let findings = verify(&bench, 6, &[]);
        assert_eq!((findings.len(), &findings[0]["kind"]), (1, &json!("unnamed")), "{hour}{ending}");
        remove(&path);
    }
    put(H20, "raw", ".9-01234567.gz");
    let findings = verify(&bench, 0, &[]);
    assert_eq!((findings.len(), &findings[0]["kind"]), (1, &json!("extra")));
}

#[test]
fn rows_that_are_not_those_of_the_archive_are_found_in_depth() {
    let bench = lake();
    // A table with as many rows, published rightly as far as its receipt tells, but of other messages.
    let other = Bench::new();
    let messages: Vec<String> = (500..520).map(|n| c2c(n, "other")).collect();
    other.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &messages)])]);
    other.sync(1).run().exits(0);
    let foreign = fs::read(other.lake.parquet_path("C2C", H20)).unwrap();
    fs::write(bench.lake.parquet_path("C2C", H20), foreign).unwrap();
    let mut receipt = bench.lake.receipt("C2C", H20);
    receipt["parquet"] = other.lake.receipt("C2C", H20)["parquet"].clone();
    receipt.as_object_mut().unwrap().remove("self_sha256");
    fs::write(bench.lake.receipt_path("C2C", H20), receipt.to_string()).unwrap();
    assert_eq!(verify(&bench, 0, &[]).len(), 0);
    let findings = verify(&bench, 6, &["--deep"]);
    assert!(paths(&findings)[0].starts_with("messages/"), "{findings:?}");
}

#[test]
fn only_the_range_is_read_and_a_lake_that_is_not_there_is_74() {
    let bench = lake();
    flip(&bench.lake.parquet_path("C2C", H20));
    bench.command("verify").set("--from", H17).set("--to", H20).run().exits(0);
    bench.command("verify").set("--from", H20).set("--to", hours_back(-1)).run().exits(6);
    Bench::new().command("verify").run().exits(74);
}

#[test]
fn archives_that_no_receipt_names_are_never_called_useless() {
    let bench = lake();
    for folder in ["messages", "receipts", ".provenance"] {
        fs::remove_dir_all(bench.lake.root().join(folder)).unwrap();
    }
    // Long after, when no run asks for these hours any more.
    let verify = bench.command("verify").now(now_plus(24.0 * 30.0)).arg("--json").run().json();
    let findings = verify["verified"]["findings"].as_array().unwrap().clone();
    let raw: Vec<&Value> =
        findings.iter().filter(|finding| finding["path"].as_str().unwrap().starts_with("raw/")).collect();
    assert_eq!(raw.len(), 3);
    assert!(raw.iter().all(|finding| finding["remedy"].as_str().unwrap().contains("rebuild")), "{raw:#?}");
}

#[test]
fn only_what_readers_count_is_damage_in_the_folder_of_the_table() {
    let bench = lake();
    let note = bench.lake.root().join("messages/note.txt");
    fs::write(&note, "not a table").unwrap();
    assert_eq!(verify(&bench, 0, &[])[0]["kind"], "extra");
    fs::rename(&note, note.with_file_name("note.parquet")).unwrap();
    assert_eq!(verify(&bench, 6, &[])[0]["kind"], "unnamed");
}
