//! The table's columns: schema version 1.
//!
//! All times are `Timestamp(millisecond, UTC)`, which DuckDB, Spark, pandas, Polars and ClickHouse all read as an instant;
//! all integers `Int64`; all text `Utf8`. Every column but the first four may be null. Where each value comes from is
//! told by [`crate::domain::message`] and [`crate::domain::element`].
//!
//! # How version 2 will come
//!
//! What may change: a column is added, at any place, or a field to a struct; a rule is mended by which a column is filled.
//! What may not: a column's name, type or meaning. What must change comes as a new column beside the old one, which is
//! filled on. So a query over files of several versions (`union_by_name` in DuckDB, `mergeSchema` in Spark) gives every row,
//! with nulls where a file is too old to know better.
//!
//! The writer
//! - writes the newest version and no other, [`SCHEMA_VERSION`], a unit's file whole or not at all: two versions are never in
//!   one file, nor in one unit. The file's metadata (`timlake.schema_version`) and the receipt say which it is.
//! - leaves units alone that are finished in an older version: an update of the program rewrites nothing by itself.
//!   Archives that have grown replace a unit whole, in the newest version.
//!
//! The reader, which is `verify --deep`, the comparison of archives that have changed, and `verify --groups`,
//! - takes a column that a file does not have for one that is not filled. Every version is lossless, so whatever had no
//!   column is in `extra`, and the message that is built again is the same.
//! - goes by the receipt for the file's digest, so a file of an older version is as sound as one of today.
//!
//! `rebuild` makes every unit whose archives are kept anew in the newest version, each atomically. Units without kept
//! archives stay at their version: it counts them.
//!
//! The lake's own `format_version` goes up only where a program of before could not read the ledger any more. Members are
//! added to receipts and never taken away; one that is missing has a default. A lake of an older format is read and written
//! on as it is, and `rebuild` of the whole lake lifts it; a newer one is refused.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::domain::element::{
    FLOAT_FIELDS, IMAGE_INT_FIELDS, INT_FIELDS, TEXT_FIELDS, THUMB_INT_FIELDS, THUMB_TEXT_FIELDS,
};

/// Version of the columns and of the rules that fill them. It goes up with every change after which the same archive
/// gives other values, and is written into each file and each receipt.
pub const SCHEMA_VERSION: u32 = 1;

/// Columns that get a bloom filter: those an analyst looks one value up in.
pub const BLOOM_FILTERED: [&str; 4] = ["conversation_id", "from_account", "to_account", "group_id"];

/// The table's schema.
pub fn schema() -> SchemaRef {
    let required = |name: &str, of: DataType| Field::new(name, of, false);
    let mut fields = vec![
        required("sdk_app_id", DataType::Int64),
        required("archive_hour", DataType::Utf8),
        required("source_file", DataType::Int64),
        required("source_line", DataType::Int64),
    ];
    fields.extend(["conversation_id", "message_key", "from_account", "to_account", "group_id"].map(text));
    fields.push(optional("msg_time", msg_time_type()));
    fields.extend(["msg_seq", "msg_random"].map(int));
    fields.extend(["platform", "client_ip", "cloud_custom_data", "text"].map(text));
    fields.push(optional("elements", list_of(element_fields())));
    fields.push(text("extra"));
    Arc::new(Schema::new(fields))
}

/// So many fields of text, and then of integers, stand before the doubles in the struct; the rest of each behind them.
pub(super) const TEXTS_BEFORE: usize = 5;
/// See [`TEXTS_BEFORE`].
pub(super) const INTS_BEFORE: usize = 1;

/// The type of `msg_time`.
pub(super) fn msg_time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The struct of one element.
pub(super) fn element_fields() -> Fields {
    let mut fields = vec![text("type")];
    fields.extend(TEXT_FIELDS[..TEXTS_BEFORE].iter().map(|name| text(name)));
    fields.extend(INT_FIELDS[..INTS_BEFORE].iter().map(|name| int(name)));
    fields.extend(FLOAT_FIELDS.map(|name| optional(name, DataType::Float64)));
    fields.extend(TEXT_FIELDS[TEXTS_BEFORE..].iter().map(|name| text(name)));
    fields.extend(INT_FIELDS[INTS_BEFORE..].iter().map(|name| int(name)));
    fields.push(optional("images", list_of(image_fields())));
    fields.push(optional("thumb", DataType::Struct(thumb_fields())));
    fields.push(text("extra"));
    fields.into()
}

/// The struct of one image.
pub(super) fn image_fields() -> Fields {
    IMAGE_INT_FIELDS.map(int).into_iter().chain([text("url")]).collect()
}

/// The struct of a video's thumbnail.
pub(super) fn thumb_fields() -> Fields {
    THUMB_TEXT_FIELDS.map(text).into_iter().chain(THUMB_INT_FIELDS.map(int)).collect()
}

/// What a list's items are called: the name that the Parquet format prescribes.
pub(super) fn list_item(fields: Fields) -> Field {
    Field::new("element", DataType::Struct(fields), true)
}

fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(list_item(fields)))
}

fn optional(name: &str, of: DataType) -> Field {
    Field::new(name, of, true)
}

fn text(name: &str) -> Field {
    optional(name, DataType::Utf8)
}

fn int(name: &str) -> Field {
    optional(name, DataType::Int64)
}
