//! Messages → columns.

mod elements;
mod sparse;

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, Int64Builder, RecordBatch, StringArray, TimestampMillisecondBuilder};
use arrow::error::ArrowError;

use self::elements::ElementColumns;
use self::sparse::Texts;
use super::schema;
use crate::domain::element::TEXT;
use crate::domain::message::{MESSAGE_TEXTS, Member, Message};
use crate::domain::{ChatType, Unit};
use crate::json::json_string;

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
    conversation_id: Texts,
    message_key: Texts,
    texts: [Texts; MESSAGE_TEXTS.len()],
    msg_time: TimestampMillisecondBuilder,
    msg_seq: Int64Builder,
    msg_random: Int64Builder,
    text: Texts,
    elements: ElementColumns,
    extra: Texts,
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
            conversation_id: Texts::default(),
            message_key: Texts::default(),
            texts: Default::default(),
            msg_time: TimestampMillisecondBuilder::new(),
            msg_seq: Int64Builder::new(),
            msg_random: Int64Builder::new(),
            text: Texts::default(),
            elements: ElementColumns::default(),
            extra: Texts::default(),
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
        let (row, source) = (self.len, message.source(text));
        self.source_file.append_value(origin.source_file as i64);
        self.source_line.append_value(origin.source_line as i64);
        for (column, text) in self.texts.iter_mut().zip(message.texts) {
            if let Some(text) = text {
                column.set(row, &text.decode(source));
            }
        }
        self.push_conversation(message, source);
        self.push_key(message);
        let [msg_seq, msg_random, seconds] = message.ints;
        self.msg_time.append_option(seconds.map(|seconds| seconds * 1000));
        self.msg_seq.append_option(msg_seq);
        self.msg_random.append_option(msg_random);
        self.push_text(message, source);
        self.elements.push(row, message, source, &mut self.scratch);
        self.push_extra(message, text);
        self.len += 1;
    }

    fn push_conversation(&mut self, message: &Message, source: &str) {
        let row = self.len;
        let [from, to, group, ..] = message.texts;
        let [from, to, group] = [from, to, group].map(|id| id.map(|id| id.decode(source)));
        let conversation = match self.unit.chat_type {
            ChatType::C2c => {
                from.as_deref().zip(to.as_deref()).map(|(from, to)| ("C2C", from.min(to), Some(from.max(to))))
            }
            ChatType::Group => group.as_deref().map(|group| ("GROUP", group, None)),
        };
        if let Some((kind, first, second)) = conversation {
            self.scratch.clear();
            self.scratch.push_str(kind);
            for id in [Some(first), second].into_iter().flatten() {
                self.scratch.push('|');
                push_escaped(&mut self.scratch, id);
            }
            self.conversation_id.set(row, &self.scratch);
        }
    }

    /// The vendor tells messages apart inside a conversation by `MsgKey`, `<MsgSeq>_<MsgRandom>_<MsgTime>` for
    /// one-to-one messages (*documented* by example in its callbacks), and by `MsgSeq` in a group (*documented*:
    /// strictly increasing per group).
    fn push_key(&mut self, message: &Message) {
        let row = self.len;
        let mut digits = itoa::Buffer::new();
        match (self.unit.chat_type, message.ints) {
            (ChatType::Group, [Some(seq), ..]) => self.message_key.set(row, digits.format(seq)),
            (ChatType::C2c, [Some(seq), Some(random), Some(seconds)]) => {
                self.scratch.clear();
                self.scratch.push_str(digits.format(seq));
                for number in [random, seconds] {
                    self.scratch.push('_');
                    self.scratch.push_str(digits.format(number));
                }
                self.message_key.set(row, &self.scratch);
            }
            _ => {}
        }
    }

    /// The `text` of all text elements, joined by a line break. No other element has that field.
    fn push_text(&mut self, message: &Message, source: &str) {
        let row = self.len;
        let mut texts = message.elements.iter().filter_map(|element| element.texts[TEXT]);
        let Some(first) = texts.next() else { return };
        let first = first.decode(source);
        let Some(second) = texts.next() else { return self.text.set(row, &first) };
        self.scratch.clear();
        self.scratch.push_str(&first);
        for next in [second].into_iter().chain(texts) {
            self.scratch.push('\n');
            self.scratch.push_str(&next.decode(source));
        }
        self.text.set(row, &self.scratch);
    }

    fn push_extra(&mut self, message: &Message, text: &str) {
        let row = self.len;
        if message.keep_text {
            self.extra.set(row, &format!("{{\"_raw\":{}}}", json_string(text)));
        } else {
            push_object(&mut self.extra, row, &message.extra, text, &mut self.scratch);
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
            self.conversation_id.finish(rows),
            self.message_key.finish(rows),
        ];
        let [from, to, group, platform, client_ip, cloud_custom_data] = &mut self.texts;
        columns.extend([from, to, group].map(|column| column.finish(rows)));
        columns.push(Arc::new(self.msg_time.finish().with_timezone("UTC")));
        columns.push(Arc::new(self.msg_seq.finish()));
        columns.push(Arc::new(self.msg_random.finish()));
        columns.extend([platform, client_ip, cloud_custom_data].map(|column| column.finish(rows)));
        columns.push(self.text.finish(rows));
        columns.push(self.elements.finish(rows)?);
        columns.push(self.extra.finish(rows));
        RecordBatch::try_new(schema::schema(), columns)
    }
}

/// A JSON object of members as written; null where there is none.
fn push_object(column: &mut Texts, row: usize, members: &[Member], source: &str, scratch: &mut String) {
    if members.is_empty() {
        return;
    }
    scratch.clear();
    for (at, member) in members.iter().enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        // Writing into a string cannot fail.
        let _ = write!(scratch, "{before}{}:{}", &source[member.key.range()], &source[member.value.range()]);
    }
    scratch.push('}');
    column.set(row, scratch);
}

/// An id inside a conversation id: `\` and `|` are escaped with `\`.
fn push_escaped(out: &mut String, id: &str) {
    if memchr::memchr2(b'\\', b'|', id.as_bytes()).is_none() {
        return out.push_str(id);
    }
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
