//! The table's columns: schema version 1.
//!
//! All times are `Timestamp(millisecond, UTC)`, which DuckDB, Spark, pandas, Polars and ClickHouse all read as an instant;
//! all integers `Int64`; all text `Utf8`. Every column but the first four may be null. Where each value comes from is
//! told by [`crate::domain::message`] and [`crate::domain::element`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// Version of the columns and of the rules that fill them. It goes up with every change after which the same archive
/// gives other values, and is written into each file and each receipt.
pub const SCHEMA_VERSION: u32 = 1;

/// Columns that get a bloom filter: those an analyst looks one value up in.
pub const BLOOM_FILTERED: [&str; 4] = ["conversation_id", "from_account", "to_account", "group_id"];

/// Fields of an element that are text, by their place in the struct: before and behind the integers that stand between.
const TEXT_FIELDS: [&str; 9] = ["text", "data", "desc", "ext", "sound", "uuid", "url", "format", "file_name"];

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

/// The type of `msg_time`.
pub(super) fn msg_time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The struct of one element.
pub(super) fn element_fields() -> Fields {
    let mut fields = vec![text("type")];
    fields.extend(TEXT_FIELDS[..5].iter().map(|name| text(name)));
    fields.push(int("face_index"));
    fields.extend(["latitude", "longitude"].map(|name| optional(name, DataType::Float64)));
    fields.extend(TEXT_FIELDS[5..].iter().map(|name| text(name)));
    fields.extend(["size_bytes", "duration_seconds", "download_flag"].map(int));
    fields.push(optional("images", list_of(image_fields())));
    fields.push(optional("thumb", DataType::Struct(thumb_fields())));
    fields.push(text("extra"));
    fields.into()
}

/// The struct of one image.
pub(super) fn image_fields() -> Fields {
    vec![int("type"), int("size_bytes"), int("width"), int("height"), text("url")].into()
}

/// The struct of a video's thumbnail.
pub(super) fn thumb_fields() -> Fields {
    let texts = ["uuid", "url", "format"].map(text);
    let ints = ["size_bytes", "width", "height", "download_flag"].map(int);
    texts.into_iter().chain(ints).collect()
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
