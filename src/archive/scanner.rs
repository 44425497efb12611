//! Finds where one JSON value ends while its bytes are still arriving.
//!
//! [`crate::json::Reader`] needs the whole value in one slice. This scanner takes it in pieces of any size, so that an
//! element longer than memory should hold can still be stepped over. It judges the grammar alone: not UTF-8, and
//! nesting only by remembering how deep it went.

use crate::json::{BracketStack, MAX_DEPTH, is_white_space, plain_length};

/// What [`Scanner::feed`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// All bytes belong to the value and it goes on.
    More,
    /// The value ended after this many of the bytes.
    Done(usize),
    /// The byte at this offset cannot stand there.
    Broken(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a value.
    Value,
    /// Right after `[`: a value or `]`.
    FirstItem,
    /// Right after `{`: a key or `}`.
    FirstKey,
    /// After a comma in an object.
    Key,
    /// After a key.
    Colon,
    /// After a value inside a bracket.
    AfterValue,
    /// In a string; `key` where it is one.
    String { key: bool },
    /// After a backslash.
    Escape { key: bool },
    /// In `\uXXXX`, that many digits to come.
    Hex { key: bool, left: u8 },
    /// In a number.
    Number(Number),
    /// In `true`, `false` or `null`: what is to come.
    Word(&'static [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Number {
    /// The state after `byte`, or `None` where the number ends before it.
    fn after(self, byte: u8) -> Option<Number> {
        use Number::*;
        match (self, byte) {
            (Minus, b'0') => Some(Zero),
            (Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => Some(Integer),
            (Zero | Integer, b'.') => Some(Point),
            (Point | Fraction, b'0'..=b'9') => Some(Fraction),
            (Zero | Integer | Fraction, b'e' | b'E') => Some(E),
            (E, b'+' | b'-') => Some(Sign),
            (E | Sign | Exponent, b'0'..=b'9') => Some(Exponent),
            _ => None,
        }
    }

    fn may_end(self) -> bool {
        matches!(self, Number::Zero | Number::Integer | Number::Fraction | Number::Exponent)
    }
}

/// Scans one value that begins at the first byte fed.
pub struct Scanner {
    state: State,
    open: BracketStack,
    deepest: usize,
    break_at_line_feed: bool,
}

impl Scanner {
    /// A scanner at the start of a value. Where elements may not go across a line break, `break_at_line_feed` makes a
    /// line feed anywhere inside the value [`Scan::Broken`].
    pub fn new(break_at_line_feed: bool) -> Scanner {
        Scanner { state: State::Value, open: BracketStack::default(), deepest: 0, break_at_line_feed }
    }

    /// The value went deeper than is read.
    pub fn too_deep(&self) -> bool {
        self.deepest > MAX_DEPTH
    }

    /// A number has no closing sign: at the end of the input it is complete if it may end here.
    pub fn complete_at_end(&self) -> bool {
        self.open.is_empty() && matches!(self.state, State::Number(number) if number.may_end())
    }

    /// Takes the next bytes. After anything but [`Scan::More`] the scanner is spent.
    pub fn feed(&mut self, bytes: &[u8]) -> Scan {
        let mut at = 0;
        while at < bytes.len() {
            if let State::String { .. } = self.state {
                at += plain_length(&bytes[at..]);
                if at == bytes.len() {
                    break;
                }
            }
            match self.step(bytes[at]) {
                Step::Next => at += 1,
                Step::Again => {}
                Step::EndAfter => return Scan::Done(at + 1),
                Step::EndBefore => return Scan::Done(at),
                Step::Broken => return Scan::Broken(at),
            }
        }
        Scan::More
    }

    fn step(&mut self, byte: u8) -> Step {
        if byte == b'\n' && self.break_at_line_feed {
            // A number at the outermost level ends here; everything else is cut.
            return if self.complete_at_end() { Step::EndBefore } else { Step::Broken };
        }
        match self.state {
            State::String { key } => self.in_string(byte, key),
            State::Escape { key } => self.in_escape(byte, key),
            State::Hex { key, left } => self.in_hex(byte, key, left),
            State::Number(number) => self.in_number(byte, number),
            State::Word(rest) => self.in_word(byte, rest),
            _ if is_white_space(byte) => Step::Next,
            State::Value => self.value(byte),
            State::FirstItem if byte == b']' => self.close(),
            State::FirstItem => self.value(byte),
            State::FirstKey if byte == b'}' => self.close(),
            State::FirstKey | State::Key if byte == b'"' => self.go(State::String { key: true }),
            State::Colon if byte == b':' => self.go(State::Value),
            State::AfterValue => self.after_value(byte),
            State::FirstKey | State::Key | State::Colon => Step::Broken,
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        Step::Next
    }

    fn value(&mut self, byte: u8) -> Step {
        match byte {
            b'{' => self.enter(true, State::FirstKey),
            b'[' => self.enter(false, State::FirstItem),
            b'"' => self.go(State::String { key: false }),
            b'-' => self.go(State::Number(Number::Minus)),
            b'0' => self.go(State::Number(Number::Zero)),
            b'1'..=b'9' => self.go(State::Number(Number::Integer)),
            b't' => self.go(State::Word(b"rue")),
            b'f' => self.go(State::Word(b"alse")),
            b'n' => self.go(State::Word(b"ull")),
            _ => Step::Broken,
        }
    }

    fn enter(&mut self, object: bool, state: State) -> Step {
        self.open.push(object);
        self.deepest = self.deepest.max(self.open.len());
        self.go(state)
    }

    fn close(&mut self) -> Step {
        self.open.pop();
        self.ended(Step::EndAfter)
    }

    /// A value has ended: inside a bracket we go on, else `outermost` tells how the whole ends.
    fn ended(&mut self, outermost: Step) -> Step {
        if self.open.is_empty() {
            return outermost;
        }
        self.state = State::AfterValue;
        if outermost == Step::EndBefore { Step::Again } else { Step::Next }
    }

    fn after_value(&mut self, byte: u8) -> Step {
        match (byte, self.open.top()) {
            (b',', Some(true)) => self.go(State::Key),
            (b',', Some(false)) => self.go(State::Value),
            (b'}', Some(true)) | (b']', Some(false)) => self.close(),
            _ => Step::Broken,
        }
    }

    fn in_string(&mut self, byte: u8, key: bool) -> Step {
        match byte {
            b'"' if key => self.go(State::Colon),
            b'"' => self.ended(Step::EndAfter),
            b'\\' => self.go(State::Escape { key }),
            0..=0x1f => Step::Broken,
            _ => Step::Next,
        }
    }

    fn in_escape(&mut self, byte: u8, key: bool) -> Step {
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.go(State::String { key }),
            b'u' => self.go(State::Hex { key, left: 4 }),
            _ => Step::Broken,
        }
    }

    fn in_hex(&mut self, byte: u8, key: bool, left: u8) -> Step {
        if !byte.is_ascii_hexdigit() {
            return Step::Broken;
        }
        self.go(if left == 1 { State::String { key } } else { State::Hex { key, left: left - 1 } })
    }

    fn in_number(&mut self, byte: u8, number: Number) -> Step {
        match number.after(byte) {
            Some(next) => self.go(State::Number(next)),
            None if number.may_end() => self.ended(Step::EndBefore),
            None => Step::Broken,
        }
    }

    fn in_word(&mut self, byte: u8, rest: &'static [u8]) -> Step {
        match rest.split_first() {
            Some((&expected, rest)) if expected == byte && rest.is_empty() => self.ended(Step::EndAfter),
            Some((&expected, rest)) if expected == byte => self.go(State::Word(rest)),
            _ => Step::Broken,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The byte is taken.
    Next,
    /// The byte ended a number inside a bracket and is to be judged anew.
    Again,
    /// The whole value ends with this byte.
    EndAfter,
    /// The whole value ended before this byte.
    EndBefore,
    /// The byte cannot stand here.
    Broken,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(text: &[u8], step: usize, lines: bool) -> Scan {
        let mut scanner = Scanner::new(lines);
        let mut before = 0;
        for piece in text.chunks(step) {
            match scanner.feed(piece) {
                Scan::More => before += piece.len(),
                Scan::Done(at) => return Scan::Done(before + at),
                Scan::Broken(at) => return Scan::Broken(before + at),
            }
        }
        if scanner.complete_at_end() { Scan::Done(text.len()) } else { Scan::More }
    }

    #[test]
    fn the_end_of_a_value_is_found_and_what_follows_left_alone() {
        assert_eq!(scan(br#"{"a":[1,{"b":"]}"}]},{"#, 3, true), Scan::Done(20));
        assert_eq!(scan(b"12,", 1, true), Scan::Done(2));
        assert_eq!(scan(b"true]", 1, true), Scan::Done(4));
        assert_eq!(scan(br#""a\"b","#, 2, true), Scan::Done(6));
    }

    #[test]
    fn a_line_feed_breaks_a_value_where_the_file_is_in_lines_only() {
        assert_eq!(scan(b"{\n}", 8, true), Scan::Broken(1));
        assert_eq!(scan(b"{\n}", 8, false), Scan::Done(3));
    }

    #[test]
    fn nesting_without_end_is_remembered_and_not_refused() {
        let mut scanner = Scanner::new(true);
        assert_eq!(scanner.feed("[".repeat(512).as_bytes()), Scan::More);
        assert!(!scanner.too_deep());
        assert_eq!(scanner.feed(b"["), Scan::More);
        assert!(scanner.too_deep());
    }

    proptest! {
        #[test]
        fn what_the_scanner_takes_for_a_value_is_one_for_serde_json_too(
            text in r#"[\[\]{}:,"\\0-9.eE+\-a ntrufls\n]{0,24}"#, step in 1usize..8,
        ) {
            let trimmed = text.trim_start_matches([' ', '\n', '\t', '\r']);
            let theirs = serde_json::Deserializer::from_str(trimmed).into_iter::<serde::de::IgnoredAny>().next();
            let whole = matches!(theirs, Some(Ok(_)));
            match scan(trimmed.as_bytes(), step, false) {
                Scan::Done(at) => prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&trimmed[..at]).is_ok()),
                Scan::Broken(_) | Scan::More => prop_assert!(!whole, "{trimmed:?}"),
            }
        }
    }
}
