//! JSON written straight into text: a million messages an hour leave no time for trees.

use std::fmt::{Display, Write as _};

/// JSON text that grows from left to right. Commas are set where one is due; what is opened must be closed.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonText {
    text: String,
}

impl JsonText {
    /// What has been written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Forgets what has been written and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    /// Opens an object, as an item of a list or on its own.
    pub(super) fn open(&mut self) {
        self.comma();
        self.text.push('{');
    }

    /// Opens an object under a name.
    pub(super) fn open_at(&mut self, name: &str) {
        self.name(name);
        self.text.push('{');
    }

    /// Closes an object.
    pub(super) fn close(&mut self) {
        self.text.push('}');
    }

    /// Opens a list under a name.
    pub(super) fn list_at(&mut self, name: &str) {
        self.name(name);
        self.text.push('[');
    }

    /// Closes a list.
    pub(super) fn end_list(&mut self) {
        self.text.push(']');
    }

    /// A string under a name.
    pub(super) fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quoted(value);
    }

    /// A string as an item of a list.
    pub(super) fn item(&mut self, value: &str) {
        self.comma();
        self.quoted(value);
    }

    /// A number under a name: an integer, or a finite float.
    pub(super) fn number(&mut self, name: &str, value: impl Display) {
        self.name(name);
        // Writing into a string cannot fail.
        let _ = write!(self.text, "{value}");
    }

    /// Names are ours and hold nothing to escape.
    fn name(&mut self, name: &str) {
        self.comma();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// A comma where something stands before that is neither an opening nor a name.
    fn comma(&mut self) {
        if !matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }

    /// Chinese stays as it is and control characters become `\u00XX`, as in the vendor's samples (*documented*).
    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        for c in value.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                c if c < ' ' => {
                    let _ = write!(self.text, "\\u{:04x}", c as u32);
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commas_stand_between_and_nowhere_else() {
        let mut json = JsonText::default();
        json.open();
        json.number("a", 1);
        json.list_at("b");
        json.item("x");
        json.item("y");
        json.open();
        json.close();
        json.end_list();
        json.open_at("c");
        json.number("d", 0.5);
        json.close();
        json.close();
        assert_eq!(json.as_str(), r#"{"a":1,"b":["x","y",{}],"c":{"d":0.5}}"#);
    }

    #[test]
    fn control_characters_are_escaped_and_chinese_is_not() {
        let mut json = JsonText::default();
        json.item("你\u{0}\u{1f}\t\"\\\n");
        assert_eq!(json.as_str(), r#""你\u0000\u001f\u0009\"\\\n""#);
    }

    proptest! {
        #[test]
        fn every_string_reads_back(text in ".*") {
            let mut json = JsonText::default();
            json.item(&text);
            prop_assert_eq!(serde_json::from_str::<String>(json.as_str()).unwrap(), text);
        }
    }
}
