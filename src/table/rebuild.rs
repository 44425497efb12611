//! Row → message: what "lossless" means, as code.
//!
//! Put each filled column back under its key, then lay `extra` over it. The result equals the archive's message as JSON,
//! object key order aside.

use arrow::array::{
    Array, AsArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};

use crate::domain::element::{
    ElementType, FLOAT_FIELDS, FORMAT, IMAGE_INT_FIELDS, IMAGE_INT_KEYS, INT_FIELDS, Slot, TEXT_FIELDS,
    THUMB_INT_FIELDS, THUMB_INTS, THUMB_TEXT_FIELDS, THUMB_TEXTS,
};
use crate::json::{JsonError, Kind, Reader, json_string};

/// Why a row is none of ours.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// A column is missing or of another type.
    #[error("the row has no column `{0}` of the table's type")]
    Column(&'static str),
    /// An `extra` is no JSON object.
    #[error("the row's `extra` is no JSON object")]
    Extra,
}

impl From<JsonError> for RebuildError {
    fn from(_: JsonError) -> RebuildError {
        RebuildError::Extra
    }
}

/// The columns of text and the keys they come from.
const TEXT_COLUMNS: [(&str, &str); 6] = [
    ("from_account", "From_Account"),
    ("to_account", "To_Account"),
    ("group_id", "GroupId"),
    ("platform", "MsgFromPlatform"),
    ("client_ip", "ClientIP"),
    ("cloud_custom_data", "CloudCustomData"),
];

/// The JSON text of the message in row `row` of a batch of the table: the element's own text where the row keeps it, else
/// an equal object.
///
/// # Errors
/// [`RebuildError`] where the batch is not of the table's schema.
pub fn message_json(batch: &RecordBatch, row: usize) -> Result<String, RebuildError> {
    let mut object = Object::default();
    for (column, key) in TEXT_COLUMNS {
        object.put_text(key, string_column(batch, column)?, row);
    }
    for (column, key) in [("msg_seq", "MsgSeq"), ("msg_random", "MsgRandom")] {
        let ints = batch.column_by_name(column).and_then(|c| c.as_primitive_opt::<Int64Type>());
        object.put_int(key, ints.ok_or(RebuildError::Column(column))?, row);
    }
    let times: Option<&TimestampMillisecondArray> =
        batch.column_by_name("msg_time").and_then(|c| c.as_primitive_opt::<TimestampMillisecondType>());
    let times = times.ok_or(RebuildError::Column("msg_time"))?;
    if times.is_valid(row) {
        object.put("MsgTimestamp", (times.value(row) / 1000).to_string());
    }
    let elements: Option<&ListArray> = batch.column_by_name("elements").and_then(|c| c.as_list_opt::<i32>());
    let elements = elements.ok_or(RebuildError::Column("elements"))?;
    if elements.is_valid(row) {
        object.put("MsgBody", body_json(&elements.value(row))?);
    }
    let extra = string_column(batch, "extra")?;
    if extra.is_valid(row) {
        object.lay_over(extra.value(row))?;
    }
    object.into_message()
}

fn body_json(items: &dyn Array) -> Result<String, RebuildError> {
    let items = items.as_struct_opt().ok_or(RebuildError::Column("elements"))?;
    let elements: Result<Vec<String>, _> = (0..items.len()).map(|at| element_json(items, at)).collect();
    Ok(format!("[{}]", elements?.join(",")))
}

fn element_json(items: &StructArray, at: usize) -> Result<String, RebuildError> {
    let type_name = strings(items, "type")?.value(at);
    let mut content = Object::default();
    for (key, slot) in ElementType::named(type_name).map_or(&[][..], ElementType::slots) {
        put_slot(&mut content, items, at, key, *slot)?;
    }
    let extra = strings(items, "extra")?;
    if extra.is_valid(at) {
        content.lay_over(extra.value(at))?;
    }
    Ok(format!("{{\"MsgType\":{},\"MsgContent\":{}}}", json_string(type_name), content.into_json()))
}

fn put_slot(content: &mut Object, items: &StructArray, at: usize, key: &str, slot: Slot) -> Result<(), RebuildError> {
    match slot {
        Slot::Text(field) if field < THUMB_TEXTS => content.put_text(key, strings(items, TEXT_FIELDS[field])?, at),
        Slot::Int(field) if field < THUMB_INTS => content.put_int(key, ints(items, INT_FIELDS[field])?, at),
        Slot::Text(field) => {
            content.put_text(key, strings(thumbs(items)?, THUMB_TEXT_FIELDS[field - THUMB_TEXTS])?, at);
        }
        Slot::Int(field) => content.put_int(key, ints(thumbs(items)?, THUMB_INT_FIELDS[field - THUMB_INTS])?, at),
        Slot::Float(field) => {
            let floats: Option<&Float64Array> =
                items.column_by_name(FLOAT_FIELDS[field]).and_then(|c| c.as_primitive_opt::<Float64Type>());
            let floats = floats.ok_or(RebuildError::Column("latitude"))?;
            if floats.is_valid(at) {
                content.put(key, format!("{:?}", floats.value(at)));
            }
        }
        Slot::ImageFormat => {
            let format = strings(items, TEXT_FIELDS[FORMAT])?;
            if format.is_valid(at) {
                content.put(key, format.value(at).to_owned());
            }
        }
        Slot::Images => {
            let images: Option<&ListArray> = items.column_by_name("images").and_then(|c| c.as_list_opt::<i32>());
            let images = images.ok_or(RebuildError::Column("images"))?;
            if images.is_valid(at) {
                content.put(key, images_json(&images.value(at))?);
            }
        }
    }
    Ok(())
}

fn images_json(items: &dyn Array) -> Result<String, RebuildError> {
    let items = items.as_struct_opt().ok_or(RebuildError::Column("images"))?;
    let mut images = Vec::new();
    for at in 0..items.len() {
        let mut image = Object::default();
        for (key, field) in IMAGE_INT_KEYS.into_iter().zip(IMAGE_INT_FIELDS) {
            image.put_int(key, ints(items, field)?, at);
        }
        image.put_text("URL", strings(items, "url")?, at);
        images.push(image.into_json());
    }
    Ok(format!("[{}]", images.join(",")))
}

fn string_column<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, RebuildError> {
    batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).ok_or(RebuildError::Column(name))
}

fn strings<'a>(items: &'a StructArray, name: &'static str) -> Result<&'a StringArray, RebuildError> {
    items.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).ok_or(RebuildError::Column(name))
}

fn ints<'a>(items: &'a StructArray, name: &'static str) -> Result<&'a Int64Array, RebuildError> {
    items.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or(RebuildError::Column(name))
}

fn thumbs(items: &StructArray) -> Result<&StructArray, RebuildError> {
    items.column_by_name("thumb").and_then(|c| c.as_struct_opt()).ok_or(RebuildError::Column("thumb"))
}

/// A JSON object under construction: keys, and values as JSON text.
#[derive(Default)]
struct Object(Vec<(String, String)>);

impl Object {
    fn put(&mut self, key: &str, json: String) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, value)) => *value = json,
            None => self.0.push((key.to_owned(), json)),
        }
    }

    fn put_text(&mut self, key: &str, column: &StringArray, row: usize) {
        if column.is_valid(row) {
            self.put(key, json_string(column.value(row)));
        }
    }

    fn put_int(&mut self, key: &str, column: &Int64Array, row: usize) {
        if column.is_valid(row) {
            self.put(key, column.value(row).to_string());
        }
    }

    /// Puts the members of the JSON object `extra`.
    fn lay_over(&mut self, extra: &str) -> Result<(), RebuildError> {
        let mut reader = Reader::new(extra.as_bytes());
        let mut first = true;
        reader.open(b'{', 1)?;
        while reader.next(first, b'}')? {
            first = false;
            let key = reader.key()?.decode(extra).into_owned();
            let value = reader.value(2)?;
            self.put(&key, extra[value.span.range()].to_owned());
        }
        Ok(())
    }

    fn into_json(self) -> String {
        let members: Vec<String> = self.0.iter().map(|(key, value)| format!("{}:{value}", json_string(key))).collect();
        format!("{{{}}}", members.join(","))
    }

    /// The object, or the element's own text where `_raw` keeps it.
    fn into_message(self) -> Result<String, RebuildError> {
        match self.0.iter().find(|(key, _)| key == "_raw") {
            None => Ok(self.into_json()),
            Some((_, raw)) => match Reader::new(raw.as_bytes()).value(1)?.kind {
                Kind::String(text) => Ok(text.decode(raw).into_owned()),
                _ => Err(RebuildError::Extra),
            },
        }
    }
}
