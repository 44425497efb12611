//! Messages → columns.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, Int64Array, Int64Builder, ListArray, NullBufferBuilder, RecordBatch, StringArray,
    StringBuilder, StructArray, TimestampMillisecondBuilder,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Fields;
use arrow::error::ArrowError;

use super::schema;
use crate::domain::element::{ElementType, FLOATS, FORMAT, IMAGE_INTS, INTS, TEXT, TEXTS, THUMB_INTS, THUMB_TEXTS};
use crate::domain::message::{Element, Image, MESSAGE_TEXTS, Member, Message};
use crate::domain::{ChatType, Unit};
use crate::json::{Text, json_string};

/// Where a message comes from: the first four columns, but for the two that are the unit's.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Index in the receipt's `archives`.
    pub source_file: u64,
    /// 1-based line of the decompressed file.
    pub source_line: u64,
}

/// Rows while they are collected into a batch.
pub struct Rows {
    sdkappid: i64,
    unit: Unit,
    len: usize,
    source_file: Int64Builder,
    source_line: Int64Builder,
    conversation_id: StringBuilder,
    message_key: StringBuilder,
    texts: [StringBuilder; MESSAGE_TEXTS.len()],
    msg_time: TimestampMillisecondBuilder,
    msg_seq: Int64Builder,
    msg_random: Int64Builder,
    text: StringBuilder,
    elements: ElementColumns,
    extra: StringBuilder,
    scratch: String,
}

impl Rows {
    /// No rows of `unit` yet.
    pub fn new(sdkappid: u64, unit: Unit) -> Rows {
        Rows {
            sdkappid: sdkappid as i64,
            unit,
            len: 0,
            source_file: Int64Builder::new(),
            source_line: Int64Builder::new(),
            conversation_id: StringBuilder::new(),
            message_key: StringBuilder::new(),
            texts: Default::default(),
            msg_time: TimestampMillisecondBuilder::new(),
            msg_seq: Int64Builder::new(),
            msg_random: Int64Builder::new(),
            text: StringBuilder::new(),
            elements: ElementColumns::default(),
            extra: StringBuilder::new(),
            scratch: String::new(),
        }
    }

    /// Rows collected.
    pub fn len(&self) -> usize {
        self.len
    }

    /// None is collected.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds the row of `message`, whose element reads `text`.
    pub fn push(&mut self, message: &Message, text: &str, origin: Origin) {
        self.len += 1;
        let source = message.source(text);
        self.source_file.append_value(origin.source_file as i64);
        self.source_line.append_value(origin.source_line as i64);
        let texts = message.texts.map(|text| text.map(|text| text.decode(source)));
        self.push_identity(&texts, message);
        for (column, text) in self.texts.iter_mut().zip(&texts) {
            column.append_option(text.as_deref());
        }
        let [msg_seq, msg_random, seconds] = message.ints;
        self.msg_time.append_option(seconds.map(|seconds| seconds * 1000));
        self.msg_seq.append_option(msg_seq);
        self.msg_random.append_option(msg_random);
        self.push_text(message, source);
        self.elements.push(message, source, &mut self.scratch);
        self.push_extra(message, text);
    }

    /// `conversation_id` and `message_key`.
    ///
    /// The vendor tells messages apart inside a conversation by `MsgKey`, `<MsgSeq>_<MsgRandom>_<MsgTime>` for
    /// one-to-one messages (*documented* by example in its callbacks), and by `MsgSeq` in a group (*documented*:
    /// strictly increasing per group).
    fn push_identity(&mut self, texts: &[Option<Cow<'_, str>>; MESSAGE_TEXTS.len()], message: &Message) {
        let [from, to, group, ..] = texts;
        let [seq, random, seconds] = message.ints;
        self.scratch.clear();
        let (conversation, key) = match self.unit.chat_type {
            ChatType::C2c => (
                from.as_deref().zip(to.as_deref()).map(|(from, to)| (from.min(to), Some(from.max(to)))),
                seq.zip(random).zip(seconds).map(|((seq, random), seconds)| format!("{seq}_{random}_{seconds}")),
            ),
            ChatType::Group => (group.as_deref().map(|group| (group, None)), seq.map(|seq| seq.to_string())),
        };
        self.message_key.append_option(key);
        let Some((first, second)) = conversation else { return self.conversation_id.append_null() };
        self.scratch.push_str(if second.is_some() { "C2C" } else { "GROUP" });
        for id in [Some(first), second].into_iter().flatten() {
            self.scratch.push('|');
            push_escaped(&mut self.scratch, id);
        }
        self.conversation_id.append_value(&self.scratch);
    }

    /// The `text` of all text elements, joined by a line break.
    fn push_text(&mut self, message: &Message, source: &str) {
        let is_text =
            |element: &&Element| ElementType::named(&element.type_name.decode(source)) == Some(ElementType::Text);
        let mut texts = message.elements.iter().filter(is_text).filter_map(|element| element.texts[TEXT]);
        let Some(first) = texts.next() else { return self.text.append_null() };
        self.scratch.clear();
        self.scratch.push_str(&first.decode(source));
        for next in texts {
            self.scratch.push('\n');
            self.scratch.push_str(&next.decode(source));
        }
        self.text.append_value(&self.scratch);
    }

    fn push_extra(&mut self, message: &Message, text: &str) {
        if message.keep_text {
            self.extra.append_value(format!("{{\"_raw\":{}}}", json_string(text)));
        } else {
            push_object(&mut self.extra, &message.extra, text, &mut self.scratch);
        }
    }

    /// The rows collected, as a batch of the table's schema; none are left here.
    ///
    /// # Errors
    /// Where the columns do not fit the schema, which would be a mistake of ours.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.len);
        let hour = self.unit.hour.to_string();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_value(self.sdkappid, rows)),
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(hour, rows))),
            Arc::new(self.source_file.finish()),
            Arc::new(self.source_line.finish()),
            Arc::new(self.conversation_id.finish()),
            Arc::new(self.message_key.finish()),
        ];
        let [from, to, group, platform, client_ip, cloud_custom_data] = &mut self.texts;
        columns.extend([from, to, group].map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.push(Arc::new(self.msg_time.finish().with_timezone("UTC")));
        columns.push(Arc::new(self.msg_seq.finish()));
        columns.push(Arc::new(self.msg_random.finish()));
        columns.extend([platform, client_ip, cloud_custom_data].map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.push(Arc::new(self.text.finish()));
        columns.push(self.elements.finish()?);
        columns.push(Arc::new(self.extra.finish()));
        RecordBatch::try_new(schema::schema(), columns)
    }
}

/// The column `elements`: a list, the struct of its items, and each field of the struct.
#[derive(Default)]
struct ElementColumns {
    lists: Lists,
    type_name: StringBuilder,
    texts: [StringBuilder; TEXTS],
    ints: [Int64Builder; INTS],
    floats: [Float64Builder; FLOATS],
    images: ImageColumns,
    thumb: Validity,
    extra: StringBuilder,
}

impl ElementColumns {
    fn push(&mut self, message: &Message, source: &str, scratch: &mut String) {
        for element in &message.elements {
            self.push_element(message, element, source, scratch);
        }
        self.lists.push(message.has_elements.then_some(message.elements.len()));
    }

    fn push_element(&mut self, message: &Message, element: &Element, source: &str, scratch: &mut String) {
        self.type_name.append_value(element.type_name.decode(source));
        for (at, column) in self.texts.iter_mut().enumerate() {
            match element.image_format {
                Some(format) if at == FORMAT => column.append_value(format.to_string()),
                _ => push_text(column, element.texts[at], source),
            }
        }
        for (column, int) in self.ints.iter_mut().zip(element.ints) {
            column.append_option(int);
        }
        for (column, float) in self.floats.iter_mut().zip(element.floats) {
            column.append_option(float);
        }
        self.images.push(element.images.map(|(from, to)| &message.images[from as usize..to as usize]), source);
        self.thumb.push(
            element.texts[THUMB_TEXTS..].iter().any(Option::is_some)
                || element.ints[THUMB_INTS..].iter().any(Option::is_some),
        );
        let (from, to) = element.extra;
        push_object(&mut self.extra, &message.element_extra[from as usize..to as usize], source, scratch);
    }

    /// The column, its fields in the order of [`schema::element_fields`].
    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let mut texts = self.texts.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef).into_iter();
        let mut ints = self.ints.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef).into_iter();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.type_name.finish())];
        columns.extend(texts.by_ref().take(schema::TEXTS_BEFORE));
        columns.extend(ints.by_ref().take(schema::INTS_BEFORE));
        columns.extend(self.floats.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.extend(texts.by_ref().take(THUMB_TEXTS - schema::TEXTS_BEFORE));
        columns.extend(ints.by_ref().take(THUMB_INTS - schema::INTS_BEFORE));
        columns.push(self.images.finish()?);
        columns.push(self.thumb.finish(schema::thumb_fields(), texts.chain(ints).collect())?);
        columns.push(Arc::new(self.extra.finish()));
        self.lists.finish(schema::element_fields(), columns)
    }
}

/// The field `images` of an element.
#[derive(Default)]
struct ImageColumns {
    lists: Lists,
    ints: [Int64Builder; IMAGE_INTS],
    url: StringBuilder,
}

impl ImageColumns {
    fn push(&mut self, images: Option<&[Image]>, source: &str) {
        for image in images.unwrap_or_default() {
            for (column, int) in self.ints.iter_mut().zip(image.ints) {
                column.append_option(int);
            }
            push_text(&mut self.url, image.url, source);
        }
        self.lists.push(images.map(<[Image]>::len));
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let mut columns: Vec<ArrayRef> =
            self.ints.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef).into();
        columns.push(Arc::new(self.url.finish()));
        self.lists.finish(schema::image_fields(), columns)
    }
}

/// The offsets and validity of a list column.
struct Lists {
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Default for Lists {
    fn default() -> Lists {
        Lists { ends: vec![0], valid: NullBufferBuilder::new(0) }
    }
}

impl Lists {
    /// A list of so many items, or null. A batch holds far fewer than 2³¹ of them: see the writer's limits.
    fn push(&mut self, items: Option<usize>) {
        let end = self.ends.last().copied().unwrap_or_default();
        self.ends.push(end + items.unwrap_or_default() as i32);
        self.valid.append(items.is_some());
    }

    fn finish(&mut self, fields: Fields, columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
        let items = self.ends.last().copied().unwrap_or_default() as usize;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.ends, vec![0])));
        let structs = StructArray::try_new_with_length(fields.clone(), columns, None, items)?;
        let item = Arc::new(schema::list_item(fields));
        Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(structs), self.valid.finish())?))
    }
}

/// The validity of a struct column.
struct Validity(NullBufferBuilder);

impl Default for Validity {
    fn default() -> Validity {
        Validity(NullBufferBuilder::new(0))
    }
}

impl Validity {
    fn push(&mut self, valid: bool) {
        self.0.append(valid);
    }

    fn finish(&mut self, fields: Fields, columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(StructArray::try_new(fields, columns, self.0.finish())?))
    }
}

fn push_text(column: &mut StringBuilder, text: Option<Text>, source: &str) {
    match text {
        Some(text) => column.append_value(text.decode(source)),
        None => column.append_null(),
    }
}

/// A JSON object of members as written; null where there is none.
fn push_object(column: &mut StringBuilder, members: &[Member], source: &str, scratch: &mut String) {
    if members.is_empty() {
        return column.append_null();
    }
    scratch.clear();
    for (at, member) in members.iter().enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        // Writing into a string cannot fail.
        let _ = write!(scratch, "{before}{}:{}", &source[member.key.range()], &source[member.value.range()]);
    }
    scratch.push('}');
    column.append_value(&*scratch);
}

/// An id inside a conversation id: `\` and `|` are escaped with `\`.
fn push_escaped(out: &mut String, id: &str) {
    for part in id.split_inclusive(['\\', '|']) {
        match part.strip_suffix(['\\', '|']) {
            Some(plain) => {
                out.push_str(plain);
                out.push('\\');
                out.push_str(&part[plain.len()..]);
            }
            None => out.push_str(part),
        }
    }
}
