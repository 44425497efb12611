//! A message, by where its values stand in its element's text.

use super::element::{FLOATS, IMAGE_INTS, INTS, TEXTS};
use crate::json::{Span, Text};

/// A key and its value, both as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// With its quotes.
    pub key: Span,
    /// The whole value.
    pub value: Span,
}

/// The fields of a message that are columns of text, in the order of [`Message::texts`].
pub const MESSAGE_TEXTS: [&str; 6] =
    ["From_Account", "To_Account", "GroupId", "MsgFromPlatform", "ClientIP", "CloudCustomData"];

/// The fields of a message that are columns of integers, in the order of [`Message::ints`].
pub const MESSAGE_INTS: [&str; 3] = ["MsgSeq", "MsgRandom", "MsgTimestamp"];

/// A field of a message that is a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// One of [`MESSAGE_TEXTS`].
    Text(usize),
    /// One of [`MESSAGE_INTS`].
    Int(usize),
    /// `MsgBody`.
    Body,
}

impl Field {
    /// The field of that name, in exactly this spelling. Spelled out and not searched in the lists: it is asked for every
    /// key of every message.
    pub fn named(name: &str) -> Option<Field> {
        Some(match name {
            "From_Account" => Field::Text(0),
            "To_Account" => Field::Text(1),
            "GroupId" => Field::Text(2),
            "MsgFromPlatform" => Field::Text(3),
            "ClientIP" => Field::Text(4),
            "CloudCustomData" => Field::Text(5),
            "MsgSeq" => Field::Int(0),
            "MsgRandom" => Field::Int(1),
            "MsgTimestamp" => Field::Int(2),
            "MsgBody" => Field::Body,
            _ => return None,
        })
    }
}

/// The largest `MsgTimestamp`, in Unix seconds, whose milliseconds a 64-bit column of nanoseconds could still tell:
/// what lies outside 0 … this is no time for us.
pub const MAX_MSG_TIMESTAMP: i64 = 9_223_372_036;

/// One item of an `ImageInfoArray`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// By [`super::element::IMAGE_INT_KEYS`].
    pub ints: [Option<i64>; IMAGE_INTS],
    /// `URL`.
    pub url: Option<Text>,
}

/// One element of a `MsgBody`.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// `MsgType`.
    pub type_name: Text,
    /// By [`super::element::Slot::Text`].
    pub texts: [Option<Text>; TEXTS],
    /// By [`super::element::Slot::Int`].
    pub ints: [Option<i64>; INTS],
    /// By [`super::element::Slot::Float`].
    pub floats: [Option<f64>; FLOATS],
    /// `ImageFormat`.
    pub image_format: Option<i64>,
    /// Which of the message's images are its own.
    pub images: Option<(u32, u32)>,
    /// Which of [`Message::element_extra`] are its own.
    pub extra: (u32, u32),
}

impl Element {
    /// One without fields yet.
    pub fn new(type_name: Text) -> Element {
        Element {
            type_name,
            texts: [None; TEXTS],
            ints: [None; INTS],
            floats: [None; FLOATS],
            image_format: None,
            images: None,
            extra: (0, 0),
        }
    }
}

/// A message taken apart. Made once and filled again and again, so that its vectors are allocated once.
#[derive(Default)]
pub struct Message {
    /// By [`MESSAGE_TEXTS`].
    pub texts: [Option<Text>; MESSAGE_TEXTS.len()],
    /// By [`MESSAGE_INTS`]; the last in Unix seconds.
    pub ints: [Option<i64>; MESSAGE_INTS.len()],
    /// `MsgBody` is a list.
    pub has_elements: bool,
    /// Those items of `MsgBody` that are elements.
    pub elements: Vec<Element>,
    /// The images of all elements.
    pub images: Vec<Image>,
    /// What the columns of elements do not hold.
    pub element_extra: Vec<Member>,
    /// What the columns of the message do not hold.
    pub extra: Vec<Member>,
    /// The whole element belongs into `extra` as text, because it says something that columns and `extra` could not give
    /// back: a repeated key, a lone surrogate, or a `_raw` of its own.
    pub keep_text: bool,
    /// Where `keep_text` is due to a repeated key or a lone surrogate: the text that the spans speak of instead.
    pub regular: Option<String>,
}

impl Message {
    /// The text that all spans speak of: the element's own, but for irregular ones.
    pub fn source<'a>(&'a self, text: &'a str) -> &'a str {
        self.regular.as_deref().unwrap_or(text)
    }

    /// Empties every field and keeps the memory.
    pub fn clear(&mut self) {
        self.texts = Default::default();
        self.ints = Default::default();
        self.has_elements = false;
        self.keep_text = false;
        self.elements.clear();
        self.images.clear();
        self.element_extra.clear();
        self.extra.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_lists_are_found_by_their_names() {
        for (at, name) in MESSAGE_TEXTS.iter().enumerate() {
            assert_eq!(Field::named(name), Some(Field::Text(at)));
        }
        for (at, name) in MESSAGE_INTS.iter().enumerate() {
            assert_eq!(Field::named(name), Some(Field::Int(at)));
        }
        assert_eq!(Field::named("msgseq"), None);
    }
}
