//! Row → message: what "lossless" means, as code.
//!
//! Put each filled column back under its key, then lay `extra` over it. The result equals the archive's message as JSON,
//! object key order aside. A column that a file does not have is a column that is not filled: what an older version had no
//! column for, it left in `extra`.

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
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
    /// A column is of another type than any version of the table has given it.
    #[error("the column `{0}` is not of the table's type")]
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
        object.put_text(key, strings(batch.column_by_name(column), column)?, row);
    }
    for (column, key) in [("msg_seq", "MsgSeq"), ("msg_random", "MsgRandom")] {
        object.put_int(key, ints(batch.column_by_name(column), column)?, row);
    }
    let times: Option<&TimestampMillisecondArray> =
        typed(batch.column_by_name("msg_time"), "msg_time", |c| c.as_primitive_opt::<TimestampMillisecondType>())?;
    if let Some(times) = times.filter(|times| times.is_valid(row)) {
        object.put("MsgTimestamp", (times.value(row) / 1000).to_string());
    }
    let elements: Option<&ListArray> = typed(batch.column_by_name("elements"), "elements", |c| c.as_list_opt::<i32>())?;
    if let Some(elements) = elements.filter(|elements| elements.is_valid(row)) {
        object.put("MsgBody", body_json(&elements.value(row))?);
    }
    let extra = strings(batch.column_by_name("extra"), "extra")?;
    if let Some(extra) = extra.filter(|extra| extra.is_valid(row)) {
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
    let types = strings(items.column_by_name("type"), "type")?.ok_or(RebuildError::Column("type"))?;
    let type_name = types.value(at);
    let mut content = Object::default();
    for (key, slot) in ElementType::named(type_name).map_or(&[][..], ElementType::slots) {
        put_slot(&mut content, items, at, key, *slot)?;
    }
    let extra = strings(items.column_by_name("extra"), "extra")?;
    if let Some(extra) = extra.filter(|extra| extra.is_valid(at)) {
        content.lay_over(extra.value(at))?;
    }
    Ok(format!("{{\"MsgType\":{},\"MsgContent\":{}}}", json_string(type_name), content.into_json()))
}

fn put_slot(content: &mut Object, items: &StructArray, at: usize, key: &str, slot: Slot) -> Result<(), RebuildError> {
    let field = |name| items.column_by_name(name);
    match slot {
        Slot::Text(of) if of < THUMB_TEXTS => {
            content.put_text(key, strings(field(TEXT_FIELDS[of]), TEXT_FIELDS[of])?, at)
        }
        Slot::Int(of) if of < THUMB_INTS => content.put_int(key, ints(field(INT_FIELDS[of]), INT_FIELDS[of])?, at),
        Slot::Text(of) => {
            let name = THUMB_TEXT_FIELDS[of - THUMB_TEXTS];
            content.put_text(key, strings(thumb(items, name)?, name)?, at);
        }
        Slot::Int(of) => {
            let name = THUMB_INT_FIELDS[of - THUMB_INTS];
            content.put_int(key, ints(thumb(items, name)?, name)?, at);
        }
        Slot::Float(of) => {
            let name = FLOAT_FIELDS[of];
            let floats: Option<&Float64Array> = typed(field(name), name, |c| c.as_primitive_opt::<Float64Type>())?;
            if let Some(floats) = floats.filter(|floats| floats.is_valid(at)) {
                content.put(key, format!("{:?}", floats.value(at)));
            }
        }
        Slot::ImageFormat => {
            let format = strings(field(TEXT_FIELDS[FORMAT]), TEXT_FIELDS[FORMAT])?;
            if let Some(format) = format.filter(|format| format.is_valid(at)) {
                content.put(key, format.value(at).to_owned());
            }
        }
        Slot::Images => {
            let images: Option<&ListArray> = typed(field("images"), "images", |c| c.as_list_opt::<i32>())?;
            if let Some(images) = images.filter(|images| images.is_valid(at)) {
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
            image.put_int(key, ints(items.column_by_name(field), field)?, at);
        }
        image.put_text("URL", strings(items.column_by_name("url"), "url")?, at);
        images.push(image.into_json());
    }
    Ok(format!("[{}]", images.join(",")))
}

/// A column as the type it has in the table; `None` where the file does not have it.
fn typed<'a, T: ?Sized>(
    column: Option<&'a ArrayRef>,
    name: &'static str,
    of_type: impl FnOnce(&'a ArrayRef) -> Option<&'a T>,
) -> Result<Option<&'a T>, RebuildError> {
    column.map(|column| of_type(column).ok_or(RebuildError::Column(name))).transpose()
}

fn strings<'a>(column: Option<&'a ArrayRef>, name: &'static str) -> Result<Option<&'a StringArray>, RebuildError> {
    typed(column, name, |column| column.as_string_opt::<i32>())
}

fn ints<'a>(column: Option<&'a ArrayRef>, name: &'static str) -> Result<Option<&'a Int64Array>, RebuildError> {
    typed(column, name, |column| column.as_primitive_opt::<Int64Type>())
}

/// A field of the thumbnails.
fn thumb<'a>(items: &'a StructArray, field: &str) -> Result<Option<&'a ArrayRef>, RebuildError> {
    let thumbs = typed(items.column_by_name("thumb"), "thumb", |column| column.as_struct_opt())?;
    Ok(thumbs.and_then(|thumbs| thumbs.column_by_name(field)))
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

    fn put_text(&mut self, key: &str, column: Option<&StringArray>, row: usize) {
        if let Some(column) = column.filter(|column| column.is_valid(row)) {
            self.put(key, json_string(column.value(row)));
        }
    }

    fn put_int(&mut self, key: &str, column: Option<&Int64Array>, row: usize) {
        if let Some(column) = column.filter(|column| column.is_valid(row)) {
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
