//! The regular form of an irregular message: of a repeated key only the last value, of half a surrogate pair U+FFFD.
//!
//! It is what the columns are filled from. The element's own text is kept beside it in `extra`.

use std::collections::HashMap;

use crate::json::{JsonError, Kind, Reader, json_string};

/// Rewrites one JSON value; numbers keep their digits as written.
///
/// # Errors
/// [`JsonError`] where the text is not exactly one JSON value of readable depth.
pub fn form(text: &str) -> Result<String, JsonError> {
    let mut form = Form { text, reader: Reader::new(text.as_bytes()), out: String::with_capacity(text.len()) };
    form.value(1)?;
    match form.reader.peek() {
        Err(JsonError::Incomplete) => Ok(form.out),
        _ => Err(JsonError::Broken),
    }
}

struct Form<'a> {
    text: &'a str,
    reader: Reader<'a>,
    out: String,
}

impl Form<'_> {
    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.reader.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            _ => {
                let value = self.reader.value(depth)?;
                match value.kind {
                    Kind::String(content) => self.string(&content.decode(self.text)),
                    _ => self.out.push_str(&self.text[value.span.range()]),
                }
                Ok(())
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        self.reader.open(b'[', depth)?;
        self.out.push('[');
        let mut first = true;
        while self.reader.next(first, b']')? {
            if !first {
                self.out.push(',');
            }
            first = false;
            self.value(depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        self.reader.open(b'{', depth)?;
        let start = self.out.len();
        // Each key's last member, as a range of what has been written since `start`.
        let mut last: HashMap<String, (usize, usize)> = HashMap::new();
        let (mut first, mut repeated) = (true, false);
        self.out.push('{');
        while self.reader.next(first, b'}')? {
            if !first {
                self.out.push(',');
            }
            first = false;
            let key = self.reader.key()?.decode(self.text).into_owned();
            let from = self.out.len();
            self.string(&key);
            self.out.push(':');
            self.value(depth + 1)?;
            repeated |= last.insert(key, (from, self.out.len())).is_some();
        }
        self.out.push('}');
        if repeated {
            self.keep_only(start, last.into_values().collect());
        }
        Ok(())
    }

    fn keep_only(&mut self, start: usize, mut members: Vec<(usize, usize)>) {
        members.sort_unstable();
        let kept: Vec<&str> = members.iter().map(|&(from, to)| &self.out[from..to]).collect();
        let object = format!("{{{}}}", kept.join(","));
        self.out.truncate(start);
        self.out.push_str(&object);
    }

    fn string(&mut self, content: &str) {
        self.out.push_str(&json_string(content));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_repeated_key_stays_where_it_stood_and_numbers_keep_their_digits() {
        assert_eq!(
            form(r#"{"a":1,"b":{"c":1.50,"\u0063":2e1},"a":[1e400]}"#).unwrap(),
            r#"{"b":{"c":2e1},"a":[1e400]}"#
        );
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        assert_eq!(form(r#"["\ud800x","\ud83d\ude00"]"#).unwrap(), "[\"\u{fffd}x\",\"😀\"]");
    }
}
