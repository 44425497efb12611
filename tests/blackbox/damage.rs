//! Harm to every kind of file of a lake: `verify` names it, `rebuild` mends what the archives can give again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::rebuild::full_lake;
use crate::support::lake::read_json;
use crate::support::*;

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

fn empty(path: &Path) {
    fs::write(path, []).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn edit(path: &Path) {
    let mut document = read_json(path);
    for (key, value) in [("rows", json!(7)), ("chat_types", json!({})), ("raw", json!([]))] {
        if document.get(key).is_some() {
            document[key] = value;
            break;
        }
    }
    fs::write(path, document.to_string()).unwrap();
}

/// What `verify` finds and ends with.
fn verify(bench: &Bench) -> (i32, Vec<(String, String)>) {
    let run = bench.command("verify").arg("--json").run();
    let findings = run.json()["verified"]["findings"].as_array().unwrap().clone();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    (run.code.unwrap(), findings.iter().map(|finding| (text(finding, "path"), text(finding, "kind"))).collect())
}

/// The files of the lake, by what they are; the first of each kind.
fn kinds(bench: &Bench) -> Vec<(&'static str, PathBuf)> {
    let of = |folder: &str| bench.lake.root().join(bench.lake.files(&[folder]).keys().next().unwrap());
    vec![
        ("lake.json", bench.lake.root().join("lake.json")),
        ("receipt", bench.lake.receipt_path("C2C", H19)),
        ("messages", of("messages")),
        ("rejects", of("rejects")),
        ("raw", of("raw/chat_type=C2C")),
        ("quarantine", of("quarantine")),
        ("provenance", of(".provenance/C2C")),
    ]
}

#[test]
fn harm_is_named_where_it_is_and_mended_where_it_can_be() {
    let bench = full_lake();
    let harms: [(&str, Harm); 5] =
        [("flip", flip), ("truncate", truncate), ("empty", empty), ("remove", remove), ("edit", edit)];
    let everything = || bench.lake.files(&["lake.json", "messages", "raw", "rejects", "receipts", "quarantine"]);
    let sound = everything();
    assert_eq!(verify(&bench), (0, vec![]));
    for (kind, path) in kinds(&bench) {
        let bytes = fs::read(&path).unwrap();
        for (harm, inflict) in harms {
            let is_document = ["lake.json", "receipt", "provenance"].contains(&kind);
            if harm == "edit" && !is_document {
                continue;
            }
            inflict(&path);
            let relative = path.strip_prefix(bench.lake.root()).unwrap().to_str().unwrap().to_owned();
            // A receipt that is gone is made again by the next run, which asks for its hour: told, but no damage. What
            // is kept beside a receipt need not be there.
            let (code, expected) = match (kind, harm) {
                ("receipt", "remove") => (0, vec![(relative, "extra".to_owned())]),
                ("provenance", "remove") => (0, vec![]),
                (_, "remove") => (6, vec![(relative, "missing".to_owned())]),
                _ => (6, vec![(relative, "damaged".to_owned())]),
            };
            assert_eq!(verify(&bench), (code, expected.clone()), "{harm} of {kind}");

            let mended = kind != "raw" && kind != "quarantine";
            // An archive that is damaged cannot be read; bytes set aside are not read.
            bench.command("rebuild").run().exits(if kind == "raw" { 3 } else { 0 });
            let after = if mended { (0, vec![]) } else { (6, expected) };
            assert_eq!(verify(&bench), after, "{harm} of {kind}, rebuilt");
            if !(mended && kind != "receipt") {
                fs::write(&path, &bytes).unwrap();
            }
            let differing = || everything().into_iter().filter(|file| sound.get(&file.0) != Some(&file.1));
            assert!(
                differing().all(|(path, _)| kind == "receipt" && path.starts_with("receipts/")),
                "{harm} of {kind}"
            );
            fs::write(&path, &bytes).unwrap();
        }
    }
    assert_eq!(verify(&bench), (0, vec![]));
}

#[test]
fn files_that_have_changed_places_are_named_and_put_right() {
    let bench = full_lake();
    let sound = bench.lake.data();
    let swap = |one: &PathBuf, other: &PathBuf| {
        let contents = (fs::read(one).unwrap(), fs::read(other).unwrap());
        fs::write(one, contents.1).unwrap();
        fs::write(other, contents.0).unwrap();
    };
    let pair = |of: &dyn Fn(&str) -> PathBuf| (of(H19), of(H20));
    let table = pair(&|hour| bench.lake.parquet_path("C2C", hour));
    let receipt = pair(&|hour| bench.lake.receipt_path("C2C", hour));
    for (one, other) in [table, receipt] {
        swap(&one, &other);
        let (code, findings) = verify(&bench);
        let relative = |path: &PathBuf| path.strip_prefix(bench.lake.root()).unwrap().to_str().unwrap().to_owned();
        let named: Vec<String> = findings.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!((code, named), (6, vec![relative(&one), relative(&other)]));
        bench.command("rebuild").run().exits(0);
        assert_eq!(verify(&bench), (0, vec![]));
        assert_eq!(bench.lake.data(), sound);
    }
}

#[test]
fn a_damaged_archive_is_fetched_again_while_the_vendor_has_the_hour() {
    let bench = Bench::new();
    let whole = archive("C2C", H20, 5);
    bench.vendor.answers("C2C", H20, [files([whole])]);
    bench.sync(1).run().exits(0);
    let (sound, calls) = (bench.lake.data(), bench.vendor.calls().len());
    for kind in ["raw", "messages"] {
        for harm in [flip as Harm, remove] {
            harm(&bench.lake.root().join(bench.lake.files(&[kind]).keys().next().unwrap()));
            bench.backfill(H20, &hours_back(-1)).set("--rerun", "all").run().exits(0);
            assert_eq!(bench.lake.data(), sound);
            assert_eq!(bench.lake.receipt("C2C", H20)["asked_again"]["answer"], "restored");
            assert_eq!(verify(&bench), (0, vec![]));
        }
    }
    assert_eq!(bench.vendor.calls().len(), calls + 4);
    bench.backfill(H20, &hours_back(-1)).set("--rerun", "all").run().exits(0);
    assert_eq!(bench.lake.receipt("C2C", H20)["asked_again"]["answer"], "unchanged");
}
