//! A lake that an older program left: read as it is, written on, and lifted by `rebuild`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

use crate::support::lake::{read_json, sha256};
use crate::support::*;

/// The columns that "version 0" of the table did not have, and the keys they come from.
const NEW_COLUMNS: [(&str, &str); 3] =
    [("platform", "MsgFromPlatform"), ("client_ip", "ClientIP"), ("cloud_custom_data", "CloudCustomData")];

fn messages(from: u64) -> Vec<String> {
    let message = |n: u64| {
        let mut message: Value = serde_json::from_str(&c2c(n, "text")).unwrap();
        message["MsgFromPlatform"] = json!(if n.is_multiple_of(2) { "iOS" } else { "Web" });
        message["CloudCustomData"] = json!("{}");
        message["Foreign"] = json!(n);
        message.to_string()
    };
    (from..from + 5).map(message).collect()
}

/// Writes a table as version 0 would have: without the new columns, and what they hold in `extra`.
fn age_table(path: &Path) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(|batch| aged(&batch.unwrap())).collect();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
}

fn aged(batch: &RecordBatch) -> RecordBatch {
    let strings = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    let extra = (0..batch.num_rows()).map(|row| {
        let known = strings("extra");
        let mut object: Map<String, Value> =
            if known.is_valid(row) { serde_json::from_str(known.value(row)).unwrap() } else { Map::new() };
        for (column, key) in NEW_COLUMNS {
            if strings(column).is_valid(row) {
                object.insert(key.to_owned(), json!(strings(column).value(row)));
            }
        }
        (!object.is_empty()).then(|| Value::Object(object).to_string())
    });
    let extra: ArrayRef = Arc::new(StringArray::from_iter(extra));
    let schema = batch.schema();
    let kept = schema.fields().iter().filter(|field| NEW_COLUMNS.iter().all(|(column, _)| field.name() != column));
    let columns = kept.clone().map(|field| match field.name().as_str() {
        "extra" => Arc::clone(&extra),
        name => Arc::clone(batch.column_by_name(name).unwrap()),
    });
    let columns = columns.collect();
    RecordBatch::try_new(Arc::new(Schema::new(kept.cloned().collect::<Vec<_>>())), columns).unwrap()
}

/// Makes of a lake of today one that version 0 could have left: tables with fewer columns, receipts with fewer members.
fn age(bench: &Bench) {
    for path in bench.lake.files(&["receipts"]).keys() {
        let path = bench.lake.root().join(path);
        let mut receipt = read_json(&path);
        receipt["schema_version"] = json!(0);
        receipt["tool_version"] = json!("0.0.1");
        if let Some(table) = receipt["parquet"]["path"].as_str().map(|table| bench.lake.root().join(table)) {
            age_table(&table);
            let bytes = fs::read(table).unwrap();
            receipt["parquet"]["bytes"] = json!(bytes.len());
            receipt["parquet"]["sha256"] = json!(sha256(&bytes));
        }
        for member in ["self_sha256", "conflict", "quarantine", "asked_again", "rejects_file"] {
            let is_unused = [json!(null), json!([])].contains(&receipt[member]) || member == "self_sha256";
            if is_unused {
                receipt.as_object_mut().unwrap().remove(member);
            }
        }
        fs::write(path, receipt.to_string()).unwrap();
    }
    let _ = fs::remove_dir_all(bench.lake.root().join(".provenance"));
    let mut card = bench.lake.card();
    card["format_version"] = json!(0);
    card.as_object_mut().unwrap().remove("self_sha256");
    fs::write(bench.lake.root().join("lake.json"), card.to_string()).unwrap();
}

/// A lake of today with two hours, and the same as version 0 left it.
fn old_lake(flags: &[&str]) -> (Bench, BTreeMap<String, String>) {
    let bench = Bench::new();
    let grown = [messages(20), vec![c2c(900, "late")]].concat();
    bench.vendor.answers(
        "C2C",
        H20,
        [files([Archive::with("C2C", H20, &messages(20))]), files([Archive::with("C2C", H20, &grown)])],
    );
    let with_reject = [messages(1), vec!["[]".to_owned()]].concat();
    bench.vendor.answers("C2C", H19, [files([Archive::with("C2C", H19, &with_reject)])]);
    flags.iter().fold(bench.sync(2), |sync, flag| sync.arg(flag)).run().exits(0);
    let today = bench.lake.data();
    age(&bench);
    (bench, today)
}

#[test]
fn an_older_lake_is_sound_and_every_row_of_it_gives_its_message() {
    let (bench, _) = old_lake(&[]);
    bench.command("verify").arg("--deep").run().exits(0);
    bench.command("status").set("--from", H19).set("--to", hours_back(-1)).run().exits(0);
    let rows = bench.lake.rows("C2C", H19);
    assert!(rows[0].get("platform").is_none() && rows[0]["extra"].as_str().unwrap().contains("MsgFromPlatform"));
}

#[test]
fn an_older_lake_is_written_on_and_nothing_of_it_is_rewritten_by_the_way() {
    let (bench, _) = old_lake(&[]);
    let old = bench.lake.data();
    bench.vendor.answers("C2C", H18, [files([Archive::with("C2C", H18, &messages(50))])]);
    bench.backfill(H18, &hours_back(-1)).run().exits(0);
    let now = bench.lake.data();
    assert!(old.iter().all(|(path, digest)| now.get(path) == Some(digest)));
    assert_eq!(bench.lake.receipt("C2C", H18)["schema_version"], 1);
    assert_eq!(bench.lake.receipt("C2C", H19)["schema_version"], 0);
    assert_eq!(bench.lake.card()["format_version"], 0);
    bench.command("verify").arg("--deep").run().exits(0);
}

#[test]
fn a_unit_of_an_older_version_takes_an_archive_that_has_grown_with_and_without_kept_archives() {
    for flags in [&[][..], &["--no-keep-raw"]] {
        let (bench, _) = old_lake(flags);
        let again = bench.backfill(H20, &hours_back(-1)).set("--rerun", "all");
        flags.iter().fold(again, |again, flag| again.arg(flag)).run().exits(0);
        let receipt = bench.lake.receipt("C2C", H20);
        assert_eq!((&receipt["rows"], &receipt["schema_version"]), (&json!(6), &json!(1)), "{flags:?}");
        assert!(receipt["conflict"].is_null(), "{flags:?}: {receipt:#}");
    }
}

#[test]
fn rebuild_lifts_an_older_lake_to_the_bytes_of_today() {
    let (bench, today) = old_lake(&[]);
    bench.command("rebuild").set("--from", H20).set("--to", hours_back(-1)).run().exits(0);
    assert_eq!(bench.lake.receipt("C2C", H19)["schema_version"], 0, "outside the range");
    assert_eq!(bench.lake.card()["format_version"], 0, "not all of it is lifted");
    bench.command("rebuild").run().exits(0);
    assert_eq!(bench.lake.data(), today);
    for hour in [H19, H20] {
        assert_eq!(bench.lake.receipt("C2C", hour)["schema_version"], 1);
    }
    assert_eq!(bench.lake.card()["format_version"], 1);
    bench.command("verify").arg("--deep").run().exits(0);
}

#[test]
fn without_kept_archives_an_older_unit_stays_as_it_is_and_is_counted() {
    let (bench, _) = old_lake(&["--no-keep-raw"]);
    let old = bench.lake.data();
    let report = bench.command("rebuild").arg("--json").run().exits(0).json();
    assert_eq!((&report["older_schema"], &report["made"]), (&json!(2), &json!([])));
    assert_eq!(bench.lake.data(), old);
    let text = bench.command("rebuild").run().exits(0).stdout;
    assert!(text.contains("older version of the table"), "{text}");
}

#[test]
fn a_unit_of_a_newer_version_is_left_to_a_newer_program() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &messages(20))])]);
    bench.sync(1).run().exits(0);
    let path = bench.lake.receipt_path("C2C", H20);
    let mut receipt = read_json(&path);
    receipt["schema_version"] = json!(2);
    receipt.as_object_mut().unwrap().remove("self_sha256");
    fs::write(&path, receipt.to_string()).unwrap();
    let before = bench.lake.everything();
    let run = bench.command("rebuild").run().exits(3);
    assert!(run.stdout.contains("newer timlake"), "{}", run.stdout);
    assert_eq!(bench.lake.everything(), before);
}
