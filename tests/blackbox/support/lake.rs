//! The lake as its readers see it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema, TimeUnit, TimestampMillisecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// A lake on disk.
pub struct Lake {
    root: PathBuf,
}

impl Lake {
    pub fn at(root: PathBuf) -> Lake {
        Lake { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `lake.json`.
    pub fn card(&self) -> Value {
        read_json(&self.root.join("lake.json"))
    }

    /// The receipt's path.
    pub fn receipt_path(&self, chat_type: &str, hour: &str) -> PathBuf {
        self.root.join(format!("receipts/{chat_type}/{}/{hour}.json", date(hour)))
    }

    /// The receipt; fails where there is none.
    #[track_caller]
    pub fn receipt(&self, chat_type: &str, hour: &str) -> Value {
        read_json(&self.receipt_path(chat_type, hour))
    }

    /// The state in the receipt, `pending` where there is none.
    pub fn state(&self, chat_type: &str, hour: &str) -> String {
        let path = self.receipt_path(chat_type, hour);
        if path.exists() { read_json(&path)["state"].as_str().unwrap().to_owned() } else { "pending".to_owned() }
    }

    /// Where the unit's table lies.
    pub fn parquet_path(&self, chat_type: &str, hour: &str) -> PathBuf {
        self.root.join(format!("messages/chat_type={chat_type}/dt={}/{hour}.parquet", date(hour)))
    }

    /// The unit's rows; null columns are left out, times are RFC 3339.
    #[track_caller]
    pub fn rows(&self, chat_type: &str, hour: &str) -> Vec<Value> {
        rows(&self.parquet_path(chat_type, hour))
    }

    /// The unit's schema.
    pub fn schema(&self, chat_type: &str, hour: &str) -> Schema {
        reader(&self.parquet_path(chat_type, hour)).schema().as_ref().clone()
    }

    /// The footer of the unit's table.
    pub fn footer(&self, chat_type: &str, hour: &str) -> ParquetMetaData {
        reader(&self.parquet_path(chat_type, hour)).metadata().as_ref().clone()
    }

    /// The unit's rejects.
    #[track_caller]
    pub fn rejects(&self, chat_type: &str, hour: &str) -> Vec<Value> {
        let path = self.root.join(format!("rejects/{chat_type}/{}/{hour}.jsonl", date(hour)));
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The files below these folders (or at these paths) and the SHA-256 of each.
    pub fn files(&self, below: &[&str]) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for path in below {
            self.collect(&self.root.join(path), &mut files);
        }
        files
    }

    /// What must come out the same whatever happened on the way.
    pub fn data(&self) -> BTreeMap<String, String> {
        self.files(&["messages", "raw", "rejects"])
    }

    /// Everything but the lock and the spool.
    pub fn everything(&self) -> BTreeMap<String, String> {
        self.files(&["lake.json", "messages", "raw", "rejects", "receipts", "quarantine"])
    }

    fn collect(&self, path: &Path, files: &mut BTreeMap<String, String>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                self.collect(&entry.unwrap().path(), files);
            }
        } else if let Ok(bytes) = fs::read(path) {
            // A file may go away between the listing and the reading.
            let name = path.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, sha256(&bytes));
        }
    }

    /// Asserts what holds at the end of every run: receipts balance, what they name is there and is what they say,
    /// and nothing else lies in `messages/`, `raw/` and `rejects/`.
    #[track_caller]
    pub fn assert_consistent(&self) {
        let data = self.data();
        let mut named = BTreeMap::new();
        for path in self.files(&["receipts"]).keys() {
            let receipt = read_json(&self.root.join(path));
            let count = |key: &str| receipt[key].as_u64().unwrap_or(0);
            assert_eq!(count("lines"), count("rows") + count("duplicates") + count("rejects"), "{path}: {receipt:#}");
            let raw = receipt["raw"].as_array().into_iter().flatten();
            for file in raw.chain([&receipt["parquet"], &receipt["rejects_file"]]).filter(|file| !file.is_null()) {
                named.insert(file["path"].as_str().unwrap().to_owned(), file["sha256"].as_str().unwrap().to_owned());
            }
            if let Some(parquet) = receipt["parquet"]["path"].as_str() {
                let bytes = fs::metadata(self.root.join(parquet)).unwrap().len();
                assert_eq!(receipt["parquet"]["bytes"], bytes, "{path}");
                assert_eq!(receipt["parquet"]["rows"], rows(&self.root.join(parquet)).len(), "{path}");
                assert_eq!(receipt["parquet"]["rows"], receipt["rows"], "{path}");
            }
        }
        assert_eq!(data, named, "left: what lies there, right: what the receipts name");
    }

    /// Asserts that the unit failed at this stage and nothing of it was published; gives the cause.
    #[track_caller]
    pub fn assert_failed(&self, chat_type: &str, hour: &str, stage: &str) -> String {
        let receipt = self.receipt(chat_type, hour);
        assert_eq!(receipt["state"], "failed", "{receipt:#}");
        assert_eq!(receipt["error"]["stage"], stage, "{receipt:#}");
        assert!(receipt["error"]["class"].as_str().is_some_and(|class| !class.is_empty()), "{receipt:#}");
        let published: Vec<String> =
            self.data().into_keys().filter(|path| path.contains(hour) && path.contains(chat_type)).collect();
        assert!(published.is_empty(), "published all the same: {published:?}");
        receipt["error"]["cause"].as_str().unwrap().to_owned()
    }

    /// Asserts that exactly these bytes lie in `quarantine/` for the unit's first archive and that the receipt names them.
    #[track_caller]
    pub fn assert_quarantined(&self, chat_type: &str, hour: &str, bytes: &[u8]) {
        let digits = &super::archive::md5(bytes)[..8];
        let path = format!("quarantine/{chat_type}/{}/{hour}.0-{digits}.gz", date(hour));
        assert_eq!(self.receipt(chat_type, hour)["quarantine"], json!([path]));
        assert_eq!(fs::read(self.root.join(&path)).unwrap(), bytes, "{path}");
    }
}

/// `2026-11-19` of `2026111921`.
pub fn date(hour: &str) -> String {
    format!("{}-{}-{}", &hour[..4], &hour[4..6], &hour[6..8])
}

/// The rows of a Parquet file; null columns are left out, times are RFC 3339.
#[track_caller]
pub fn rows(path: &Path) -> Vec<Value> {
    let batches = reader(path).build().unwrap();
    batches.flat_map(|batch| rows_of(&batch.unwrap())).collect()
}

/// Lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A JSON file.
#[track_caller]
pub fn read_json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn reader(path: &Path) -> ParquetRecordBatchReaderBuilder<fs::File> {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap()
}

fn rows_of(batch: &RecordBatch) -> Vec<Value> {
    let schema = batch.schema();
    let columns = || schema.fields().iter().map(|field| field.name().as_str()).zip(batch.columns());
    (0..batch.num_rows()).map(|row| object(columns(), row)).collect()
}

fn object<'a>(columns: impl Iterator<Item = (&'a str, &'a ArrayRef)>, row: usize) -> Value {
    let filled: Map<String, Value> = columns
        .filter(|(_, column)| column.is_valid(row))
        .map(|(name, column)| (name.to_owned(), value(column, row)))
        .collect();
    Value::Object(filled)
}

fn value(array: &ArrayRef, row: usize) -> Value {
    match array.data_type() {
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            instant(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| if items.is_valid(item) { value(&items, item) } else { Value::Null }).collect()
        }
        DataType::Struct(_) => {
            let fields = array.as_struct();
            object(fields.column_names().into_iter().zip(fields.columns()), row)
        }
        other => panic!("the contract has no {other}"),
    }
}

fn instant(milliseconds: i64) -> Value {
    let instant = chrono::DateTime::from_timestamp_millis(milliseconds).unwrap();
    json!(instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}
