//! One text for all JSON texts that say the same, to compare what the table gives back with what an archive holds.

use super::number;
use crate::json::{JsonError, Kind, Reader, json_string};

/// Rewrites one JSON value so that texts that are equal as JSON become equal texts: members are sorted by their keys
/// (repeated ones stay, in their order), strings are written in one way, numbers as digits and an exponent of ten.
///
/// # Errors
/// [`JsonError`] where the text is not exactly one JSON value of readable depth.
pub(super) fn canonical(text: &str) -> Result<String, JsonError> {
    let mut canonical = Canonical { text, reader: Reader::new(text.as_bytes()) };
    let out = canonical.value(1)?;
    match canonical.reader.peek() {
        Err(JsonError::Incomplete) => Ok(out),
        _ => Err(JsonError::Broken),
    }
}

struct Canonical<'a> {
    text: &'a str,
    reader: Reader<'a>,
}

impl Canonical<'_> {
    fn value(&mut self, depth: usize) -> Result<String, JsonError> {
        match self.reader.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            _ => {
                let value = self.reader.value(depth)?;
                let written = &self.text[value.span.range()];
                Ok(match value.kind {
                    // Half a surrogate pair has no decoded form: such a string is compared as it is written.
                    Kind::String(_) if has_lone_surrogate(written) => written.to_owned(),
                    Kind::String(content) => json_string(&content.decode(self.text)),
                    Kind::Number { .. } => number::canonical(written),
                    _ => written.to_owned(),
                })
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<String, JsonError> {
        self.reader.open(b'[', depth)?;
        let mut items = Vec::new();
        while self.reader.next(items.is_empty(), b']')? {
            items.push(self.value(depth + 1)?);
        }
        Ok(format!("[{}]", items.join(",")))
    }

    fn object(&mut self, depth: usize) -> Result<String, JsonError> {
        self.reader.open(b'{', depth)?;
        let mut members: Vec<(String, String)> = Vec::new();
        while self.reader.next(members.is_empty(), b'}')? {
            let key = self.reader.key()?.decode(self.text).into_owned();
            members.push((key, self.value(depth + 1)?));
        }
        // Stable: of a repeated key each value keeps its place among the others.
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let members: Vec<String> = members.iter().map(|(key, value)| format!("{}:{value}", json_string(key))).collect();
        Ok(format!("{{{}}}", members.join(",")))
    }
}

fn has_lone_surrogate(string: &str) -> bool {
    let mut reader = Reader::new(string.as_bytes());
    string.contains("\\u") && reader.value(1).is_ok() && reader.saw_lone_surrogate()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_as_json_becomes_equal_text() {
        for (one, other) in [
            (r#"{"a":1,"b":[2,{"c":3}]}"#, r#" { "b" : [ 2 , {"c":3.0} ], "a" : 10e-1 } "#),
            (r#""\u00e9\/""#, r#""é/""#),
            ("39.90", "39.9"),
            ("-0", "0"),
        ] {
            assert_eq!(canonical(one).unwrap(), canonical(other).unwrap());
        }
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [
            ("1", "\"1\""),
            ("1", "-1"),
            ("[1,2]", "[2,1]"),
            (r#""\ud800""#, "\"\u{fffd}\""),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
        ] {
            assert_ne!(canonical(one).unwrap(), canonical(other).unwrap());
        }
    }
}
