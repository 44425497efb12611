//! From a row alone the archive's message can be built again; an exact repeat, and nothing less, is dropped.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::rebuild::{exact, message};
use crate::support::*;
use crate::table::{extra, rows};

/// Asserts that each message is got back from its row, and gives the rows.
#[track_caller]
fn rebuilt(messages: &[impl AsRef<str>]) -> Vec<Value> {
    let rows = rows("C2C", messages);
    assert_eq!(rows.len(), messages.len());
    for (row, text) in rows.iter().zip(messages) {
        assert_eq!(message(row), exact(text.as_ref()), "{row:#}");
    }
    rows
}

#[test]
fn lifelike_messages_are_got_back() {
    let line = |name: &str| {
        let gzip = std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        std::io::read_to_string(flate2::read::MultiGzDecoder::new(gzip.as_slice())).unwrap()
    };
    let text = line("documented-c2c.gz") + &line("media-c2c.gz");
    let messages: Vec<&str> =
        text.lines().filter(|line| line.starts_with("{\"From")).map(|line| line.trim_end_matches(',')).collect();
    assert_eq!(messages.len(), 5);
    rebuilt(&messages);
}

#[test]
fn what_a_column_does_not_hold_exactly_goes_to_extra_as_written() {
    let cases = [
        (r#"{"MsgSeq":"12"}"#, json!(12)),
        (r#"{"MsgSeq":12.0}"#, Value::Null),
        (r#"{"MsgSeq":1e1}"#, Value::Null),
        (r#"{"MsgSeq":9223372036854775808}"#, Value::Null),
        (r#"{"MsgSeq":-9223372036854775809}"#, Value::Null),
        (r#"{"MsgSeq":123456789012345678901234567890.10}"#, Value::Null),
        (r#"{"MsgSeq":"9223372036854775808"}"#, Value::Null),
        (r#"{"MsgSeq":"-12"}"#, Value::Null),
        (r#"{"MsgSeq":" 12"}"#, Value::Null),
        (r#"{"MsgSeq":""}"#, Value::Null),
        (r#"{"MsgSeq":null}"#, Value::Null),
        (r#"{"MsgSeq":true}"#, Value::Null),
        (r#"{"msgSeq":12}"#, Value::Null),
    ];
    let messages: Vec<&str> = cases.iter().map(|(message, _)| *message).collect();
    for (row, (text, seq)) in rebuilt(&messages).iter().zip(&cases) {
        assert_eq!(row["msg_seq"], *seq, "{text}");
        assert_eq!(row["extra"].as_str().unwrap().replace(": ", ":"), *text, "verbatim");
    }
}

#[test]
fn what_a_column_holds_exactly_leaves_no_extra() {
    let messages = [
        r#"{"MsgSeq":9223372036854775807,"MsgRandom":-9223372036854775808}"#,
        r#"{"MsgSeq":0,"From_Account":"","To_Account":"\u4f60\u597d\n\u0000\ud83d\udc4b","ClientIP":"::1"}"#,
        r#"{"MsgBody":[{"MsgType":"TIMLocationElem","MsgContent":{"Latitude":39.90,"Longitude":1.164e2,"Desc":"\/"}}]}"#,
        r#"{"MsgBody":[{"MsgContent":{"Latitude":40,"Longitude":0.1},"MsgType":"TIMLocationElem"}]}"#,
    ];
    for row in rebuilt(&messages) {
        assert_eq!(row["extra"], Value::Null, "{row:#}");
        assert_eq!(row["elements"][0]["extra"], Value::Null, "{row:#}");
    }
}

#[test]
fn a_float_that_no_double_prints_back_goes_to_extra_with_its_digits() {
    let numbers = ["0.30000000000000004441", "1e400", "123456789012345678901", "\"39.9\""];
    let location = |number: &str| {
        format!(r#"{{"MsgBody":[{{"MsgType":"TIMLocationElem","MsgContent":{{"Latitude":{number}}}}}]}}"#)
    };
    let messages: Vec<String> = numbers.iter().map(|number| location(number)).collect();
    for (row, number) in rebuilt(&messages).iter().zip(numbers) {
        let element = &row["elements"][0];
        assert_eq!(element["extra"].as_str().unwrap().replace(' ', ""), format!(r#"{{"Latitude":{number}}}"#));
        assert_eq!(extra(row), Value::Null, "the element's own extra holds it");
    }
}

#[test]
fn unknown_fields_are_kept_verbatim() {
    let messages = [
        r#"{"MsgSeq":1,"TopicId":"t","MsgPriority":1.50,"GroupAtInfo":[{"GroupAt_AllFlag":0}],"Deep":{"a":{"a":1,"a":2}}}"#,
        r#"{"MsgSeq":2,"From_Account":123,"To_Account":null,"ClientIP":["a"],"CloudCustomData":{"k":1}}"#,
    ];
    let rows = rows("C2C", &messages);
    let first = rows[0]["extra"].as_str().unwrap();
    for verbatim in
        [r#""MsgPriority":1.50"#, r#""Deep":{"a":{"a":1,"a":2}}"#, r#""TopicId":"t""#, r#"[{"GroupAt_AllFlag":0}]"#]
    {
        assert!(first.contains(verbatim), "{first}");
    }
    assert!(!first.contains("_raw"), "keys repeated in what we do not take apart are verbatim anyway: {first}");
    assert_eq!(message(&rows[1]), exact(messages[1]));
    assert_eq!(
        extra(&rows[1]),
        json!({"From_Account": 123, "To_Account": null, "ClientIP": ["a"], "CloudCustomData": {"k": 1}})
    );
}

#[test]
fn a_body_that_is_not_as_documented_goes_whole_into_extra_and_what_fits_fills_the_columns() {
    let hi = json!({"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}});
    let filled = json!([{"type": "TIMTextElem", "text": "hi"}]);
    let cases = [
        (json!({"MsgType": "TIMTextElem"}), Value::Null),
        (json!("text"), Value::Null),
        (Value::Null, Value::Null),
        (json!([hi, {"MsgType": "TIMFaceElem"}]), filled.clone()),
        (json!([{"MsgContent": {"Text": "no type"}}, hi]), filled.clone()),
        (json!([hi, {"MsgType": 7, "MsgContent": {}}]), filled.clone()),
        (json!([hi, {"MsgType": "TIMTextElem", "MsgContent": "text"}]), filled.clone()),
        (json!([hi, "text", null, 3, []]), filled.clone()),
        (json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}, "More": 1}]), filled),
    ];
    let messages: Vec<String> = cases.iter().map(|(body, _)| json!({"MsgBody": body}).to_string()).collect();
    for (row, (body, elements)) in rebuilt(&messages).iter().zip(cases) {
        assert_eq!(extra(row), json!({"MsgBody": body}));
        assert_eq!(row["elements"], elements, "{body}");
        assert_eq!(row["text"], if elements.is_null() { Value::Null } else { json!("hi") }, "{body}");
    }
}

#[test]
fn lone_surrogates_keep_the_elements_text() {
    let messages = [
        r#"{"MsgSeq":1,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"a\ud83db"}}],"X":1}"#,
        r#"{"MsgSeq":2,"From_Account":"\udc4b"}"#,
        r#"{"MsgSeq":3,"Later":["\ud83d"]}"#,
        r#"{"MsgSeq":4,"\ud83d":1}"#,
        r#"{"MsgSeq":5,"MsgBody":[{"MsgType":"TIMRelayElem","MsgContent":{"Title":"\ud83d\ud83d"}}]}"#,
    ];
    let rows = rows("C2C", &messages);
    for (row, text) in rows.iter().zip(messages) {
        assert_eq!(extra(row), json!({"_raw": text}));
    }
    assert_eq!(rows[0]["text"], "a\u{fffd}b");
    assert_eq!(rows[1]["from_account"], "\u{fffd}");
    assert_eq!(rows[2]["msg_seq"], 3);
}

#[test]
fn repeated_keys_keep_the_elements_text_and_the_last_value_fills_the_columns() {
    let messages = [
        r#"{"MsgSeq":1,"MsgSeq":2}"#,
        r#"{"MsgSeq":1,"Msg\u0053eq":3}"#,
        r#"{"Other":1,"Other":1}"#,
        r#"{"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"a","Text":"b"}}]}"#,
        r#"{"MsgBody":[{"MsgType":"TIMTextElem","MsgType":"TIMTextElem","MsgContent":{"Text":"c"}}]}"#,
        r#"{"MsgBody":[{"MsgType":"TIMImageElem","MsgContent":{"ImageInfoArray":[{"Type":1,"Type":2}]}}]}"#,
    ];
    let rows = rows("C2C", &messages);
    for (row, text) in rows.iter().zip(messages) {
        assert_eq!(extra(row), json!({"_raw": text}));
    }
    assert_eq!((&rows[0]["msg_seq"], &rows[1]["msg_seq"]), (&json!(2), &json!(3)));
    assert_eq!((&rows[3]["text"], &rows[4]["text"]), (&json!("b"), &json!("c")));
    assert_eq!(rows[5]["elements"][0]["images"], json!([{"type": 2}]));
}

#[test]
fn a_message_with_a_raw_of_its_own_keeps_the_elements_text() {
    let messages = [r#"{"MsgSeq":1,"_raw":"mine"}"#, r#"{"MsgSeq":2,"_raw":{"a":1.0}}"#];
    for (row, text) in rebuilt(&messages).iter().zip(messages) {
        assert_eq!(extra(row), json!({"_raw": text}));
        assert!(row["msg_seq"].is_number());
    }
}

#[test]
fn white_space_around_an_element_is_no_part_of_its_raw_text() {
    let text = r#"{ "MsgSeq" : 1, "_raw":	2 }"#;
    let file = format!("{}\n  {text}\t ,\n]}}\n", header("C2C", H20));
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([Archive::of(file)])]);
    bench.sync(1).run().exits(0);
    assert_eq!(extra(&bench.lake.rows("C2C", H20)[0]), json!({"_raw": text}));
}

#[test]
fn only_byte_equal_elements_are_duplicates() {
    let bench = Bench::new();
    let lines = [
        r#"{"MsgSeq":1,"MsgRandom":2}"#,
        "  {\"MsgSeq\":1,\"MsgRandom\":2}\t ",
        r#"{"MsgRandom":2,"MsgSeq":1}"#,
        r#"{"MsgSeq": 1,"MsgRandom":2}"#,
        r#"{"MsgSeq":1,"MsgRandom":2,"X":null}"#,
        r#"{"MsgSeq":1,"MsgRandom":2}"#,
    ];
    bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &lines)])]);
    bench.sync(1).run().exits(0);
    let kept: Vec<i64> = bench.lake.rows("C2C", H20).iter().map(|row| row["source_line"].as_i64().unwrap()).collect();
    assert_eq!(kept, [2, 4, 5, 6]);
    assert_eq!(bench.lake.receipt("C2C", H20)["duplicates"], 2);
    bench.lake.assert_consistent();
}

/// A text that JSON and our columns may trip over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,6}".prop_map(|text| json!(text).to_string()),
        "\\PC{0,8}".prop_map(|text| json!(text).to_string()),
        "[0-9]{1,20}".prop_map(|text| json!(text).to_string()),
        Just(r#""\u0000\ud83d\udc4b\/\\\"]}""#.to_owned()),
        Just(r#""\ud83d""#.to_owned()),
    ]
}

/// A JSON text of any kind, of which a column may hold some.
fn anything() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        text(),
        any::<i64>().prop_map(|number| number.to_string()),
        (0..5_000_000_000_i64).prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?".prop_map(|number| number),
        Just("null".to_owned()),
        Just("true".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((text(), inner), 0..4).prop_map(object),
        ]
    })
}

fn object(members: impl IntoIterator<Item = (String, String)>) -> String {
    let members: Vec<String> = members.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// An object of which most keys are these.
fn keyed(
    keys: &'static [&'static str],
    value: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = String> {
    let key = prop_oneof![
        12 => prop::sample::select(keys).prop_map(|key| format!("\"{key}\"")),
        1 => text(),
    ];
    prop::collection::vec((key, value), 0..7).prop_map(object)
}

const CONTENT: &[&str] = &[
    "Text",
    "Data",
    "Desc",
    "Ext",
    "Sound",
    "Index",
    "Latitude",
    "Longitude",
    "UUID",
    "Url",
    "Size",
    "Second",
    "Download_Flag",
    "FileSize",
    "FileName",
    "ImageFormat",
    "VideoUUID",
    "VideoUrl",
    "VideoSize",
    "VideoSecond",
    "VideoFormat",
    "VideoDownloadFlag",
    "ThumbUUID",
    "ThumbUrl",
    "ThumbFormat",
    "ThumbSize",
    "ThumbWidth",
    "ThumbHeight",
    "ThumbDownloadFlag",
];
const TYPES: &[&str] = &[
    "TIMTextElem",
    "TIMCustomElem",
    "TIMFaceElem",
    "TIMLocationElem",
    "TIMSoundElem",
    "TIMFileElem",
    "TIMImageElem",
    "TIMVideoFileElem",
    "TIMRelayElem",
];
const MESSAGE: &[&str] = &[
    "From_Account",
    "To_Account",
    "GroupId",
    "MsgTimestamp",
    "MsgSeq",
    "MsgRandom",
    "MsgFromPlatform",
    "ClientIP",
    "CloudCustomData",
    "MsgKey",
    "from_account",
    "MsgBody",
    "_raw",
];

fn content() -> impl Strategy<Value = String> {
    let images = prop::collection::vec(keyed(&["Type", "Size", "Width", "Height", "URL"], anything()), 0..3);
    prop_oneof![
        4 => keyed(CONTENT, anything()),
        1 => images.prop_map(|images| format!("{{\"UUID\":\"u\",\"ImageInfoArray\":[{}]}}", images.join(","))),
    ]
}

fn item() -> impl Strategy<Value = String> {
    let documented = (prop::sample::select(TYPES), content())
        .prop_map(|(msg_type, content)| format!("{{\"MsgType\":\"{msg_type}\",\"MsgContent\":{content}}}"));
    prop_oneof![9 => documented, 1 => keyed(&["MsgType", "MsgContent"], anything())]
}

fn arbitrary_message() -> impl Strategy<Value = String> {
    let body = prop::collection::vec(item(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
    (keyed(MESSAGE, anything()), prop::option::of(body)).prop_map(|(fields, body)| match body {
        // Beside a `MsgBody` among the fields this one is a repeated key, as it should be now and then.
        Some(body) if fields == "{}" => format!("{{\"MsgBody\":{body}}}"),
        Some(body) => format!("{},\"MsgBody\":{body}}}", &fields[..fields.len() - 1]),
        None => fields,
    })
}

#[test]
fn arbitrary_messages_are_got_back() {
    let mut runner = TestRunner::deterministic();
    let nth = |i: usize, runner: &mut TestRunner| {
        let text = arbitrary_message().new_tree(runner).unwrap().current();
        // No two alike, so that none is dropped as a repeat.
        if text == "{}" { format!("{{\"n\":{i}}}") } else { format!("{{\"n\":{i},{}", &text[1..]) }
    };
    let messages: Vec<String> = (0..1500).map(|i| nth(i, &mut runner)).collect();
    let rows = rows("C2C", &messages);
    assert_eq!(rows.len(), messages.len());
    let mut by_columns = 0;
    for (row, text) in rows.iter().zip(&messages) {
        match row["extra"].as_str().map(exact).as_ref().and_then(|extra| extra.get("_raw")) {
            Some(raw) => assert_eq!(raw, text),
            None => {
                by_columns += 1;
                assert_eq!(message(row), exact(text), "{row:#}");
            }
        }
    }
    assert!(by_columns > 300, "only {by_columns} of {} went by the columns", messages.len());
}

/// The rebuilding is this suite's own; here it is held against what it must not confuse.
#[test]
fn rebuilding_tells_a_lost_digit() {
    let row = json!({"msg_seq": 12, "extra": "{\"X\":1.50}"});
    assert_eq!(message(&row), exact(r#"{"X":1.5,"MsgSeq":12}"#));
    assert_ne!(message(&row), exact(r#"{"X":1.51,"MsgSeq":12}"#));
}
