//! Layouts are built together with what must be read of them, and read in pieces of every size.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What was handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Handed {
    Element(String),
    Rejected(String, RejectReason),
}

/// Takes elements the way the normalizer does, but for judging them by serde_json.
#[derive(Default)]
struct Recorder {
    handed: Vec<(Handed, Place)>,
    quick: usize,
}

impl Elements for Recorder {
    fn try_message(&mut self, bytes: &[u8], place: Place) -> io::Result<bool> {
        let one_object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).is_ok();
        if one_object {
            self.quick += 1;
            self.element(bytes, place)?;
        }
        Ok(one_object)
    }

    fn element(&mut self, bytes: &[u8], place: Place) -> io::Result<()> {
        self.handed.push((Handed::Element(String::from_utf8(bytes.to_vec()).unwrap()), place));
        Ok(())
    }

    fn reject(&mut self, bytes: RejectedBytes<'_>, place: Place, reason: RejectReason) -> io::Result<()> {
        let RejectedBytes::Held(bytes) = bytes else { panic!("nothing here is that long") };
        self.handed.push((Handed::Rejected(String::from_utf8(bytes.to_vec()).unwrap(), reason), place));
        Ok(())
    }
}

/// Hands out its bytes in pieces of at most so many.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(buffer.len()).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn read_in_pieces(content: &str, piece: usize) -> Result<Recorder, FramingError> {
    let mut recorder = Recorder::default();
    let spool = tempfile::tempdir().unwrap();
    read(Pieces(content.as_bytes(), piece), spool.path(), |_| Ok(()), &mut recorder)?;
    Ok(recorder)
}

const HEADERS: [&str; 4] = [
    r#"{"SdkAppId":1,"ChatType":"C2C","MsgTime":"2026111921","MsgList":["#,
    r#"{ "MsgTime" : "2026111921", "Other":{"MsgList":[1]}, "MsgList" : ["#,
    "{\n\"SdkAppId\":1,\r\n\"MsgList\":[",
    r#"{"MsgList":["#,
];

const GOOD: [&str; 7] = [
    r#"{"a":1}"#,
    r#"{"a":[{"b":[1]}]}"#,
    r#"{"a":"]}"}"#,
    r#"{"a":"x\"]}\\"}"#,
    r#"{"你":"好,[{"}"#,
    r#"{"a" : { } , "b" : [ ] }"#,
    "{}",
];

const NO_OBJECTS: [&str; 5] = ["5", "\"]}\"", "[1,[2]]", "null", "-0.5e3"];

const BROKEN: [&str; 9] = [
    r#"{"a":"#,
    r#"{"a":1]}"#,
    r#"{"a":"x"#,
    "garbage, and more",
    "}",
    r#"{"a":1}{"b":2}"#,
    r#"{"a":1} {"b":2}"#,
    r#"{"a":tru},{"b":1}"#,
    "12ab",
];

/// One line of a file in lines: values, and perhaps one that breaks at its end.
#[derive(Clone, Debug)]
struct Line {
    values: Vec<&'static str>,
    broken: Option<&'static str>,
    blank_before: bool,
    comma: bool,
}

fn line() -> impl Strategy<Value = Line> {
    let value = prop_oneof![6 => select(&GOOD[..]), 1 => select(&NO_OBJECTS[..])];
    let values = prop_oneof![4 => vec(value.clone(), 1), 1 => vec(value, 0..4)];
    let broken = proptest::option::weighted(0.15, select(&BROKEN[..]));
    (values, broken, proptest::bool::weighted(0.1), proptest::bool::weighted(0.9))
        .prop_map(|(values, broken, blank_before, comma)| Line { values, broken, blank_before, comma })
}

/// Writes a layout and remembers what must be read of it.
#[derive(Default)]
struct Writer {
    content: String,
    expected: Vec<(Handed, Place)>,
    in_lines: bool,
}

impl Writer {
    fn value(&mut self, value: &str, broken: bool) {
        let line = match self.in_lines {
            true => 1 + self.content.matches('\n').count() as u64,
            false => 2 + self.expected.len() as u64,
        };
        let place = Place { line, offset: self.content.len() as u64 };
        let handed = match broken {
            true => Handed::Rejected(value.to_owned(), RejectReason::NotJson),
            false => Handed::Element(value.to_owned()),
        };
        self.expected.push((handed, place));
        self.content.push_str(value);
    }
}

fn in_lines(header: &str, lines: &[Line], crlf: bool, bom: bool, end: &str) -> Writer {
    let line_break = if crlf { "\r\n" } else { "\n" };
    let mut writer = Writer { in_lines: true, ..Writer::default() };
    writer.content = format!("{}{header}{line_break}", if bom { "\u{feff}" } else { "" });
    let last_is_broken = lines.last().is_some_and(|line| line.broken.is_some());
    for (at, line) in lines.iter().enumerate() {
        if line.blank_before {
            writer.content.push_str(&format!(" \t{line_break}"));
        }
        for (at, value) in line.values.iter().enumerate() {
            if at > 0 {
                writer.content.push_str(" ,");
            }
            writer.value(value, false);
        }
        if let Some(broken) = line.broken {
            if !line.values.is_empty() {
                writer.content.push(',');
            }
            writer.value(broken, true);
        }
        if line.comma {
            writer.content.push_str(", ");
        }
        if at + 1 < lines.len() || last_is_broken || end.starts_with(' ') {
            writer.content.push_str(line_break);
        }
    }
    writer.content.push_str(end);
    writer
}

proptest! {
    #[test]
    fn files_in_lines_are_read_whole_whatever_their_pieces(
        header in select(&HEADERS[..]), lines in vec(line(), 0..12), crlf: bool, bom: bool,
        end in select(&["]}", " ]}\n", "]\n}\n\n", " ] } \r\n"][..]), piece in 1usize..60,
    ) {
        let Writer { content, expected, .. } = in_lines(header, &lines, crlf, bom, end);
        let recorder = read_in_pieces(&content, piece).unwrap();
        prop_assert_eq!(recorder.handed, expected, "{}", content);
    }

    #[test]
    fn files_not_in_lines_are_read_by_structure_alone(
        header in select(&HEADERS[..]), values in vec(prop_oneof![select(&GOOD[..]), select(&NO_OBJECTS[..])], 0..12),
        gap in select(&["", " ", "\n", " \r\n\t"][..]), trailing_comma: bool, piece in 1usize..60,
    ) {
        let mut writer = Writer { content: header.to_owned(), ..Writer::default() };
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                writer.content.push_str(&format!("{gap},{gap}"));
            }
            writer.value(value, false);
        }
        if trailing_comma && !values.is_empty() {
            writer.content.push(',');
        }
        // A break right behind the header would make it a file in lines.
        writer.content.push_str(if values.is_empty() { "]}" } else { gap });
        if !values.is_empty() {
            writer.content.push_str("]}");
        }
        let recorder = read_in_pieces(&writer.content, piece).unwrap();
        prop_assert_eq!(recorder.handed, writer.expected, "{}", writer.content);
    }

    #[test]
    fn a_file_cut_anywhere_fails(
        header in select(&HEADERS[..]), lines in vec(line(), 0..6), cut in any::<prop::sample::Index>(), piece in 1usize..60,
    ) {
        let Writer { content, .. } = in_lines(header, &lines, false, false, "]}");
        let cut = content.floor_char_boundary(cut.index(content.len()));
        prop_assert!(read_in_pieces(&content[..cut], piece).is_err(), "{}", &content[..cut]);
    }
}

#[test]
fn the_documented_layout_takes_the_quick_way() {
    let content = format!("{}\n{},\n{}\n]}}", HEADERS[0], GOOD[0], GOOD[1]);
    let recorder = read_in_pieces(&content, 7).unwrap();
    assert_eq!((recorder.handed.len(), recorder.quick), (2, 2));
}

#[test]
fn what_follows_the_end_is_damage() {
    for end in ["]}x", "]}]}", "]}{}", "]}\n{\"a\":1}", "],\"More\":1}", "]]"] {
        let content = format!("{}\n{},\n{end}", HEADERS[0], GOOD[0]);
        assert!(matches!(read_in_pieces(&content, 64), Err(FramingError::AfterTheEnd(_))), "{end}");
    }
}

#[test]
fn a_broken_element_fails_a_file_that_is_not_in_lines() {
    for broken in [r#"{"a":tru}"#, r#"{"a":1}{"b":2}"#, "garbage", r#"{"a":1} {"#] {
        let content = format!("{}{},{broken}]}}", HEADERS[0], GOOD[0]);
        let error = read_in_pieces(&content, 64).err();
        assert!(matches!(error, Some(FramingError::BrokenElement { number: 2, .. })), "{broken}: {error:?}");
    }
}

#[test]
fn what_is_no_log_is_told_apart_from_one_that_was_cut() {
    for content in ["[]", "x", "{\"a\":1}", "{\"MsgList\":{}}", "PK\u{3}\u{4}", "{\"MsgList\" 1"] {
        assert!(matches!(read_in_pieces(content, 3), Err(FramingError::NotALog)), "{content}");
    }
    for content in ["", "{", "{\"SdkAppId\":14", "{\"MsgList\":[", "{\"MsgList\":[\n", "\u{feff}{\"MsgList\":[]"] {
        assert!(matches!(read_in_pieces(content, 3), Err(FramingError::Truncated)), "{content}");
    }
}
