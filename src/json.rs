//! A strict JSON reader (RFC 8259) that hands out *where* things stand instead of copying them.
//!
//! Why our own: a row must give back every number with its digits as written, every repeated key and every lone
//! surrogate, and say which of them it saw. Readers that build values have lost that by the time they return.

use std::borrow::Cow;
use std::ops::Range;

/// Deepest nesting that is read, the outermost value the first level.
pub const MAX_DEPTH: usize = 512;

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text ends before the value does.
    #[error("the JSON ends early")]
    Incomplete,
    /// Not JSON.
    #[error("not JSON")]
    Broken,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// A place in the text, as byte offsets: 32 bits are enough for an element of at most 16 MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The offsets as a slice index.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A string's content: the bytes between its quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Between the quotes.
    pub span: Span,
    /// There is at least one backslash in it.
    pub escaped: bool,
}

impl Text {
    /// The string it stands for; a lone surrogate becomes U+FFFD.
    #[inline]
    pub fn decode<'a>(&self, source: &'a str) -> Cow<'a, str> {
        let raw = &source[self.span.range()];
        if self.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }
}

/// What kind of value was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    String(Text),
    /// A number; `integer` where it has neither fraction nor exponent.
    Number {
        /// Written as an integer.
        integer: bool,
    },
    /// An object.
    Object,
    /// An array.
    Array,
    /// `true`, `false` or `null`.
    Word,
}

/// A value and all of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The whole value as written, quotes and brackets included.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// Reads JSON from the front of a byte slice of less than 4 GiB. Does not judge UTF-8: whoever needs text checks it once.
pub struct Reader<'a> {
    bytes: &'a [u8],
    pos: usize,
    lone_surrogate: bool,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, pos: 0, lone_surrogate: false }
    }

    /// Starts at the byte at `position`; spans count from the slice's first byte all the same.
    pub fn at(bytes: &'a [u8], position: usize) -> Reader<'a> {
        Reader { bytes, pos: position, lone_surrogate: false }
    }

    /// Offset of the next byte.
    pub fn position(&self) -> usize {
        self.pos
    }

    /// Some string read so far has a `\u` escape of half a surrogate pair.
    pub fn saw_lone_surrogate(&self) -> bool {
        self.lone_surrogate
    }

    /// The next byte that is not white space, left where it is.
    ///
    /// # Errors
    /// [`JsonError::Incomplete`] where there is none.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, JsonError> {
        while let Some(&byte) = self.bytes.get(self.pos) {
            if !is_white_space(byte) {
                return Ok(byte);
            }
            self.pos += 1;
        }
        Err(JsonError::Incomplete)
    }

    /// Steps over white space and then over `expected`.
    ///
    /// # Errors
    /// [`JsonError::Broken`] where something else stands there.
    #[inline]
    pub fn expect(&mut self, expected: u8) -> Result<(), JsonError> {
        if self.peek()? != expected {
            return Err(JsonError::Broken);
        }
        self.pos += 1;
        Ok(())
    }

    /// Enters an object or array, which must be the next value; `depth` is its own level.
    ///
    /// # Errors
    /// [`JsonError::TooDeep`], or as [`Reader::expect`].
    pub fn open(&mut self, bracket: u8, depth: usize) -> Result<(), JsonError> {
        self.expect(bracket)?;
        if depth > MAX_DEPTH { Err(JsonError::TooDeep) } else { Ok(()) }
    }

    /// Moves to the next member of an object or item of an array and says whether there is one; `first` is true right
    /// after [`Reader::open`].
    ///
    /// # Errors
    /// Where neither a comma nor `close` follows.
    #[inline]
    pub fn next(&mut self, first: bool, close: u8) -> Result<bool, JsonError> {
        let byte = self.peek()?;
        if byte == close {
            self.pos += 1;
            return Ok(false);
        }
        match (first, byte) {
            (true, _) => Ok(true),
            (false, b',') => {
                self.pos += 1;
                if self.peek()? == close { Err(JsonError::Broken) } else { Ok(true) }
            }
            (false, _) => Err(JsonError::Broken),
        }
    }

    /// A member's key and the colon behind it.
    ///
    /// # Errors
    /// Where the next value is no string or no colon follows.
    #[inline]
    pub fn key(&mut self) -> Result<Text, JsonError> {
        if self.peek()? != b'"' {
            return Err(JsonError::Broken);
        }
        let text = self.string()?;
        self.expect(b':')?;
        Ok(text)
    }

    /// Any value, stepped over as a whole; `depth` is the level it would have as an object or array.
    ///
    /// # Errors
    /// [`JsonError`].
    #[inline]
    pub fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        let first = self.peek()?;
        let start = self.pos;
        let kind = if first == b'"' { Kind::String(self.string()?) } else { self.no_string(first, depth)? };
        Ok(Value { span: self.span_from(start), kind })
    }

    fn no_string(&mut self, first: u8, depth: usize) -> Result<Kind, JsonError> {
        match first {
            b'{' | b'[' => {
                self.skip_nested(depth)?;
                Ok(if first == b'{' { Kind::Object } else { Kind::Array })
            }
            _ => self.scalar(first),
        }
    }

    fn scalar(&mut self, first: u8) -> Result<Kind, JsonError> {
        match first {
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(JsonError::Broken),
        }
    }

    fn span_from(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.pos as u32 }
    }

    /// Steps over an object or array without recursion: the open brackets are kept, one bit each.
    fn skip_nested(&mut self, depth: usize) -> Result<(), JsonError> {
        let mut open = BracketStack::default();
        loop {
            // At a value.
            let byte = self.peek()?;
            let closed = match byte {
                b'{' | b'[' => {
                    self.pos += 1;
                    open.push(byte == b'{');
                    if depth + open.len() - 1 > MAX_DEPTH {
                        return Err(JsonError::TooDeep);
                    }
                    let empty = self.peek()? == closing(byte == b'{');
                    if !empty {
                        self.key_in(byte == b'{')?;
                        continue;
                    }
                    true
                }
                b'"' => {
                    self.string()?;
                    false
                }
                _ => {
                    self.scalar(byte)?;
                    false
                }
            };
            if closed {
                self.pos += 1;
                open.pop();
            }
            // Behind a value.
            loop {
                let Some(in_object) = open.top() else { return Ok(()) };
                let byte = self.peek()?;
                self.pos += 1;
                if byte == b',' {
                    self.key_in(in_object)?;
                    break;
                }
                if byte != closing(in_object) {
                    return Err(JsonError::Broken);
                }
                open.pop();
            }
        }
    }

    fn key_in(&mut self, object: bool) -> Result<(), JsonError> {
        if object {
            self.key()?;
        }
        Ok(())
    }

    /// A string; the next byte is its opening quote.
    fn string(&mut self) -> Result<Text, JsonError> {
        self.pos += 1;
        let start = self.pos;
        let mut escaped = false;
        loop {
            self.pos += plain_length(self.bytes.get(self.pos..).unwrap_or_default());
            match *self.bytes.get(self.pos).ok_or(JsonError::Incomplete)? {
                b'"' => {
                    let span = self.span_from(start);
                    self.pos += 1;
                    return Ok(Text { span, escaped });
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(JsonError::Broken),
            }
        }
    }

    /// An escape sequence; the next byte is its backslash.
    fn escape(&mut self) -> Result<(), JsonError> {
        match self.bytes.get(self.pos + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.pos += 2;
                Ok(())
            }
            Some(b'u') => {
                let unit = self.hex4(self.pos + 2)?;
                self.pos += 6;
                match unit {
                    0xD800..=0xDBFF if self.low_surrogate_follows() => self.pos += 6,
                    0xD800..=0xDFFF => self.lone_surrogate = true,
                    _ => {}
                }
                Ok(())
            }
            Some(_) => Err(JsonError::Broken),
            None => Err(JsonError::Incomplete),
        }
    }

    fn low_surrogate_follows(&self) -> bool {
        self.bytes.get(self.pos..self.pos + 2) == Some(b"\\u") && matches!(self.hex4(self.pos + 2), Ok(0xDC00..=0xDFFF))
    }

    fn hex4(&self, at: usize) -> Result<u32, JsonError> {
        let mut unit = 0;
        for offset in 0..4 {
            let byte = *self.bytes.get(at + offset).ok_or(JsonError::Incomplete)?;
            unit = unit * 16 + (byte as char).to_digit(16).ok_or(JsonError::Broken)?;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        if self.bytes.get(self.pos) == Some(&b'-') {
            self.pos += 1;
        }
        match self.bytes.get(self.pos) {
            Some(b'0') => self.pos += 1,
            Some(b'1'..=b'9') => self.digits()?,
            Some(_) => return Err(JsonError::Broken),
            None => return Err(JsonError::Incomplete),
        }
        let mut integer = true;
        if self.bytes.get(self.pos) == Some(&b'.') {
            integer = false;
            self.pos += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.pos) {
            integer = false;
            self.pos += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.pos) {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number { integer })
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.pos += count;
        match (count, rest.is_empty()) {
            (0, true) => Err(JsonError::Incomplete),
            (0, false) => Err(JsonError::Broken),
            _ => Ok(()),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<Kind, JsonError> {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let here = &rest[..rest.len().min(word.len())];
        if here != &word[..here.len()] {
            return Err(JsonError::Broken);
        }
        if here.len() < word.len() {
            return Err(JsonError::Incomplete);
        }
        self.pos += word.len();
        Ok(Kind::Word)
    }
}

/// JSON's white space.
pub fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// How many bytes at the front may stand in a string as they are: up to the first quote, backslash or control character.
#[inline]
pub fn plain_length(bytes: &[u8]) -> usize {
    // Eight at a time: most of what an archive holds is the inside of strings.
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    bytes.len() - rest.len() + rest.iter().position(special).unwrap_or(rest.len())
}

/// The highest bit of the first byte that is a quote, a backslash or a control character; what is said of the bytes
/// after it is not reliable.
fn special_bytes(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH * limit) & !word & (EACH * 0x80);
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    equal(b'"') | equal(b'\\') | below(word, 0x20)
}

fn closing(object: bool) -> u8 {
    if object { b'}' } else { b']' }
}

/// Which brackets are open, outermost first, one bit each: an object is a one.
#[derive(Default)]
pub struct BracketStack {
    words: Vec<u64>,
    len: usize,
}

impl BracketStack {
    /// How many are open.
    pub fn len(&self) -> usize {
        self.len
    }

    /// None is open.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Opens one.
    pub fn push(&mut self, object: bool) {
        let (word, bit) = (self.len / 64, self.len % 64);
        if word == self.words.len() {
            self.words.push(0);
        }
        self.words[word] = (self.words[word] & !(1 << bit)) | (u64::from(object) << bit);
        self.len += 1;
    }

    /// Closes the innermost.
    pub fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
    }

    /// Whether the innermost is an object; `None` where none is open.
    pub fn top(&self) -> Option<bool> {
        let last = self.len.checked_sub(1)?;
        Some(self.words[last / 64] >> (last % 64) & 1 == 1)
    }
}

/// A string as JSON, quotes included.
pub fn json_string(content: &str) -> String {
    serde_json::Value::from(content).to_string()
}

/// What a valid string content with escapes stands for; half a surrogate pair becomes U+FFFD.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (decoded, length) = unescape_one(&rest[at..]);
        out.push(decoded);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// The character of the escape sequence at the front of `text`, and the bytes it takes.
fn unescape_one(text: &str) -> (char, usize) {
    let decoded = match text.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(text),
        Some(&byte) => byte as char,
        None => char::REPLACEMENT_CHARACTER,
    };
    (decoded, 2)
}

fn unescape_unicode(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let first = unit(2).unwrap_or(0xFFFD);
    if let (0xD800..=0xDBFF, Some("\\u"), Some(low @ 0xDC00..=0xDFFF)) = (first, text.get(6..8), unit(8)) {
        let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Value, JsonError> {
        let mut reader = Reader::new(text.as_bytes());
        let value = reader.value(1)?;
        match reader.peek() {
            Err(JsonError::Incomplete) => Ok(value),
            _ => Err(JsonError::Broken),
        }
    }

    fn string(text: &str) -> (String, bool) {
        let mut reader = Reader::new(text.as_bytes());
        let Ok(Value { kind: Kind::String(content), .. }) = reader.value(1) else { panic!("{text} is no string") };
        (content.decode(text).into_owned(), reader.saw_lone_surrogate())
    }

    #[test]
    fn json_is_told_from_what_only_looks_like_it() {
        for good in
            ["0", "-0", "1.5e-7", "[]", "{}", " [ 1 , {\"a\" : [ ] } ] ", "\"\\u00e9\\/\"", "null", "{\"a\":1,\"a\":2}"]
        {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "01",
            "+1",
            ".5",
            "1.",
            "1e",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "tru",
            "nul",
            "\"\\x\"",
            "\"\t\"",
            "[1 2]",
            "{\"a\" 1}",
            "]",
            "[}",
            "\"\\u12g4\"",
            "",
            "NaN",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn depth_512_is_read_and_513_is_not() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&nested(512)).is_ok());
        assert_eq!(read(&nested(513)), Err(JsonError::TooDeep));
    }

    #[test]
    fn surrogates_are_joined_in_pairs_and_noticed_alone() {
        assert_eq!(string(r#""\ud83d\ude00!""#), ("😀!".to_owned(), false));
        assert_eq!(string(r#""\ud83d!""#), ("\u{fffd}!".to_owned(), true));
        assert_eq!(string(r#""\ude00""#), ("\u{fffd}".to_owned(), true));
        assert_eq!(string(r#""\ud83d\ud83d\ude00""#), ("\u{fffd}😀".to_owned(), true));
        assert_eq!(string(r#""\ud83d\n""#), ("\u{fffd}\n".to_owned(), true));
    }

    proptest! {
        #[test]
        fn plain_bytes_end_at_the_first_that_is_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let special = bytes.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
            prop_assert_eq!(plain_length(&bytes), special.unwrap_or(bytes.len()));
        }

        #[test]
        fn we_agree_with_serde_json_on_what_is_json(text in r#"[\[\]{}:,"\\0-9.eE+\-a ntrufls\x00\x1f]{0,24}"#) {
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(read(&text).is_ok(), theirs);
        }

        #[test]
        fn strings_decode_as_serde_json_decodes_them(content in any::<String>()) {
            let text = serde_json::to_string(&content).unwrap();
            prop_assert_eq!(string(&text), (content, false));
        }
    }
}
