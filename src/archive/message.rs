//! Element → message: which of its values the table's columns hold, and which must go to `extra`. Field spellings follow the
//! vendor's archive and message format documents (cloud.tencent.com/document/product/269/1650 and 269/2720, *documented*;
//! `MsgFromPlatform` and `ClientIP` *observed* in two public programs).

use std::borrow::Cow;
use std::collections::HashSet;

use super::{number, regular};
use crate::domain::element::{ElementType, IMAGE_INT_KEYS, IMAGE_INTS, Slot};
use crate::domain::message::{Element, Field, Image, MAX_MSG_TIMESTAMP, MESSAGE_INTS, MESSAGE_TEXTS, Member, Message};
use crate::json::{JsonError, Kind, Reader, Span, Text, Value};

/// Why an element is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAMessage {
    /// Nested deeper than is read.
    TooDeep,
    /// Not exactly one JSON value.
    NotJson,
    /// A JSON value of another kind.
    NotAnObject,
}

impl From<JsonError> for NotAMessage {
    fn from(error: JsonError) -> NotAMessage {
        match error {
            JsonError::TooDeep => NotAMessage::TooDeep,
            JsonError::Incomplete | JsonError::Broken => NotAMessage::NotJson,
        }
    }
}

/// Something that only the whole text can give back.
struct Irregular;

enum Stop {
    Irregular,
    No(NotAMessage),
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Stop {
        Stop::No(error.into())
    }
}

impl From<Irregular> for Stop {
    fn from(_: Irregular) -> Stop {
        Stop::Irregular
    }
}

impl Message {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// [`NotAMessage`]; the message's fields mean nothing then.
    pub(super) fn parse(&mut self, text: &str) -> Result<(), NotAMessage> {
        self.regular = None;
        match self.take_apart(text) {
            Ok(()) => Ok(()),
            Err(Stop::No(why)) => Err(why),
            Err(Stop::Irregular) => {
                let regular = regular::form(text)?;
                let again = self.take_apart(&regular);
                self.regular = Some(regular);
                self.keep_text = true;
                match again {
                    Err(Stop::No(why)) => Err(why),
                    Ok(()) | Err(Stop::Irregular) => Ok(()),
                }
            }
        }
    }

    fn take_apart(&mut self, text: &str) -> Result<(), Stop> {
        self.clear();
        let mut reader = Reader::new(text.as_bytes());
        if reader.peek()? != b'{' {
            reader.value(1)?;
            at_end(&mut reader)?;
            return Err(Stop::No(NotAMessage::NotAnObject));
        }
        self.message(text, &mut reader)?;
        at_end(&mut reader)?;
        if reader.saw_lone_surrogate() { Err(Stop::Irregular) } else { Ok(()) }
    }

    fn message(&mut self, text: &str, reader: &mut Reader<'_>) -> Result<(), Stop> {
        let mut keys = Keys::default();
        let mut first = true;
        reader.open(b'{', 1)?;
        while reader.next(first, b'}')? {
            first = false;
            let key = reader.key()?;
            let name = key.decode(text);
            match Field::named(&name) {
                Some(Field::Text(at)) => {
                    keys.known(at)?;
                    let value = reader.value(2)?;
                    self.texts[at] = as_text(value);
                    self.keep_unless(self.texts[at].is_some(), key, value);
                }
                Some(Field::Int(at)) => {
                    keys.known(MESSAGE_TEXTS.len() + at)?;
                    let value = reader.value(2)?;
                    let (int, exact) = as_message_int(text, value, MESSAGE_INTS[at]);
                    self.ints[at] = int;
                    self.keep_unless(exact, key, value);
                }
                Some(Field::Body) => {
                    keys.known(MESSAGE_TEXTS.len() + MESSAGE_INTS.len())?;
                    let (value, exact) = self.body(text, reader)?;
                    self.keep_unless(exact, key, value);
                }
                None => {
                    self.keep_text |= name == "_raw";
                    keys.foreign(name)?;
                    let value = reader.value(2)?;
                    self.keep_unless(false, key, value);
                }
            }
        }
        Ok(())
    }

    fn keep_unless(&mut self, exact: bool, key: Text, value: Value) {
        if !exact {
            self.extra.push(member(key, value));
        }
    }

    /// `MsgBody`, and whether its elements hold it exactly.
    fn body(&mut self, text: &str, reader: &mut Reader<'_>) -> Result<(Value, bool), Stop> {
        if reader.peek()? != b'[' {
            return Ok((reader.value(2)?, false));
        }
        self.has_elements = true;
        let start = reader.position();
        let (mut first, mut exact) = (true, true);
        reader.open(b'[', 2)?;
        while reader.next(first, b']')? {
            first = false;
            exact &= self.item(text, reader)?;
        }
        Ok((value_from(start, reader, Kind::Array), exact))
    }

    /// One item of `MsgBody`, and whether it is exactly an element.
    fn item(&mut self, text: &str, reader: &mut Reader<'_>) -> Result<bool, Stop> {
        if reader.peek()? != b'{' {
            reader.value(3)?;
            return Ok(false);
        }
        let mut keys = Keys::default();
        let (mut type_name, mut content, mut taken) = (None, None, false);
        let (mut first, mut exact) = (true, true);
        reader.open(b'{', 3)?;
        while reader.next(first, b'}')? {
            first = false;
            let key = reader.key()?;
            match (key.decode(text), type_name) {
                (name, _) if name == "MsgType" => {
                    keys.known(0)?;
                    type_name = as_text(reader.value(4)?);
                }
                (name, Some(of_type)) if name == "MsgContent" && reader.peek()? == b'{' => {
                    keys.known(1)?;
                    self.element(text, reader, of_type)?;
                    taken = true;
                }
                (name, _) if name == "MsgContent" => {
                    keys.known(1)?;
                    content = Some(reader.value(4)?).filter(|value| value.kind == Kind::Object);
                }
                (name, _) => {
                    keys.foreign(name)?;
                    reader.value(4)?;
                    exact = false;
                }
            }
        }
        // A content that came before its type could not be taken apart at once.
        if let (Some(of_type), Some(value)) = (type_name, content) {
            let mut reader = Reader::at(&text.as_bytes()[..value.span.end as usize], value.span.start as usize);
            self.element(text, &mut reader, of_type)?;
            taken = true;
        }
        Ok(exact && taken)
    }

    /// `MsgContent`, whose `MsgType` is known.
    fn element(&mut self, text: &str, reader: &mut Reader<'_>, type_name: Text) -> Result<(), Stop> {
        let mut element = Element::new(type_name);
        let slots = ElementType::named(&type_name.decode(text)).map_or(&[][..], ElementType::slots);
        let extra_start = self.element_extra.len() as u32;
        let mut keys = Keys::default();
        let mut first = true;
        reader.open(b'{', 4)?;
        while reader.next(first, b'}')? {
            first = false;
            let key = reader.key()?;
            let name = key.decode(text);
            let Some(at) = slots.iter().position(|(known, _)| *known == name) else {
                keys.foreign(name)?;
                let value = reader.value(5)?;
                self.element_extra.push(member(key, value));
                continue;
            };
            keys.known(at)?;
            let (value, exact) = self.fill(text, reader, &mut element, slots[at].1)?;
            if !exact {
                self.element_extra.push(member(key, value));
            }
        }
        element.extra = (extra_start, self.element_extra.len() as u32);
        self.elements.push(element);
        Ok(())
    }

    /// Reads the value of a known key into its slot, and says whether the slot holds it exactly.
    fn fill(
        &mut self,
        text: &str,
        reader: &mut Reader<'_>,
        element: &mut Element,
        slot: Slot,
    ) -> Result<(Value, bool), Stop> {
        if slot == Slot::Images {
            return self.images(text, reader, element);
        }
        let value = reader.value(5)?;
        let exact = match slot {
            Slot::Text(at) => {
                element.texts[at] = as_text(value);
                element.texts[at].is_some()
            }
            Slot::Int(at) => {
                let (int, exact) = as_int(text, value);
                element.ints[at] = int;
                exact
            }
            Slot::ImageFormat => {
                let (int, exact) = as_int(text, value);
                element.image_format = int;
                exact
            }
            Slot::Float(at) => {
                element.floats[at] = as_float(text, value);
                element.floats[at].is_some()
            }
            Slot::Images => false,
        };
        Ok((value, exact))
    }

    /// `ImageInfoArray`, and whether `images` holds it exactly.
    fn images(&mut self, text: &str, reader: &mut Reader<'_>, element: &mut Element) -> Result<(Value, bool), Stop> {
        if reader.peek()? != b'[' {
            return Ok((reader.value(5)?, false));
        }
        let images_start = self.images.len() as u32;
        let start = reader.position();
        let (mut first, mut exact) = (true, true);
        reader.open(b'[', 5)?;
        while reader.next(first, b']')? {
            first = false;
            exact &= self.image(text, reader)?;
        }
        element.images = Some((images_start, self.images.len() as u32));
        Ok((value_from(start, reader, Kind::Array), exact))
    }

    fn image(&mut self, text: &str, reader: &mut Reader<'_>) -> Result<bool, Stop> {
        if reader.peek()? != b'{' {
            reader.value(6)?;
            return Ok(false);
        }
        let mut image = Image::default();
        let mut keys = Keys::default();
        let (mut first, mut exact) = (true, true);
        reader.open(b'{', 6)?;
        while reader.next(first, b'}')? {
            first = false;
            let name = reader.key()?.decode(text);
            let known = IMAGE_INT_KEYS.iter().position(|&known| known == name);
            if known.is_none() && name != "URL" {
                keys.foreign(name)?;
                reader.value(7)?;
                exact = false;
                continue;
            }
            keys.known(known.unwrap_or(IMAGE_INTS))?;
            let value = reader.value(7)?;
            exact &= match known {
                Some(at) => {
                    let (int, exact) = as_int(text, value);
                    image.ints[at] = int;
                    exact
                }
                None => {
                    image.url = as_text(value);
                    image.url.is_some()
                }
            };
        }
        self.images.push(image);
        Ok(exact)
    }
}

/// Nothing but white space may follow.
fn at_end(reader: &mut Reader<'_>) -> Result<(), Stop> {
    match reader.peek() {
        Err(JsonError::Incomplete) => Ok(()),
        _ => Err(Stop::No(NotAMessage::NotJson)),
    }
}

fn value_from(start: usize, reader: &Reader<'_>, kind: Kind) -> Value {
    Value { span: Span { start: start as u32, end: reader.position() as u32 }, kind }
}

fn member(key: Text, value: Value) -> Member {
    Member { key: Span { start: key.span.start - 1, end: key.span.end + 1 }, value: value.span }
}

fn as_text(value: Value) -> Option<Text> {
    match value.kind {
        Kind::String(text) => Some(text),
        _ => None,
    }
}

/// What an `Int64` column takes of a value, and whether it holds it exactly.
fn as_int(text: &str, value: Value) -> (Option<i64>, bool) {
    match value.kind {
        Kind::Number { integer: true } => {
            let int = number::integer(&text[value.span.range()]);
            (int, int.is_some())
        }
        Kind::String(content) => (number::digits(&content.decode(text)), false),
        _ => (None, false),
    }
}

fn as_message_int(text: &str, value: Value, key: &str) -> (Option<i64>, bool) {
    match as_int(text, value) {
        (Some(seconds), _) if key == "MsgTimestamp" && !(0..=MAX_MSG_TIMESTAMP).contains(&seconds) => (None, false),
        other => other,
    }
}

fn as_float(text: &str, value: Value) -> Option<f64> {
    match value.kind {
        Kind::Number { .. } => number::exact_float(&text[value.span.range()]),
        _ => None,
    }
}

/// The keys of one object, to notice a repeated one.
#[derive(Default)]
struct Keys<'a> {
    known: u32,
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    /// So many foreign keys are compared one by one; an object with more of them gets a hash set.
    const FEW: usize = 16;

    fn known(&mut self, index: usize) -> Result<(), Irregular> {
        let bit = 1 << index;
        let repeated = self.known & bit != 0;
        self.known |= bit;
        if repeated { Err(Irregular) } else { Ok(()) }
    }

    fn foreign(&mut self, name: Cow<'a, str>) -> Result<(), Irregular> {
        if self.few.contains(&name) || self.many.contains(&name) {
            return Err(Irregular);
        }
        if self.few.len() < Keys::FEW {
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
        Ok(())
    }
}
