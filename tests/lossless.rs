//! Every message can be built again from its row, read back from the Parquet file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Unit, archive_of, equal_as_json, read_unit, rebuilt};
use proptest::collection::vec;
use proptest::prelude::*;

/// A JSON number as anybody might write it.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0u64..100).prop_map(|n| n.to_string()),
        2 => any::<i64>().prop_map(|n| n.to_string()),
        1 => "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        1 => any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| f.to_string()),
    ]
}

/// A JSON string, with every kind of escape, whole surrogate pairs and halves of them.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-zA-Z0-9 你好😀|/{}\\[\\],:]{0,8}",
        1 => Just(r"\n".to_owned()),
        1 => Just(r#"\""#.to_owned()),
        1 => Just(r"\\".to_owned()),
        1 => Just(r"\/".to_owned()),
        1 => Just(r"\u0000".to_owned()),
        1 => Just(r"\u4f60".to_owned()),
        1 => Just(r"\ud83d\ude00".to_owned()),
        1 => Just(r"\ud83d".to_owned()),
    ];
    vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// A string of digits where an integer belongs, and other things that are nearly one.
fn digits() -> impl Strategy<Value = String> {
    "\"-?[0-9]{0,20}\""
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![number(), string(), digits(), Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            vec((key(), inner), 0..4).prop_map(object),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![string(), Just("\"Text\"".to_owned()), Just("\"_raw\"".to_owned()), Just("\"msgseq\"".to_owned())]
}

fn object(members: Vec<(String, String)>) -> String {
    let members: Vec<String> = members.into_iter().map(|(key, value)| format!("{key} :{value}")).collect();
    format!("{{{}}}", members.join(", "))
}

/// One of `keys` with a value that mostly fits, or any key with any value.
fn member(keys: &'static [&'static str]) -> impl Strategy<Value = (String, String)> {
    let known = proptest::sample::select(keys).prop_map(|key| format!("\"{key}\""));
    prop_oneof![
        12 => (known, prop_oneof![3 => string(), 3 => number(), 1 => digits(), 1 => value()]),
        1 => (key(), value()),
    ]
}

const CONTENT_KEYS: &[&str] = &[
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
    "Title",
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
    "timtextelem",
];

fn images() -> impl Strategy<Value = (String, String)> {
    let image = vec(member(&["Type", "Size", "Width", "Height", "URL"]), 0..6).prop_map(object);
    let item = prop_oneof![9 => image, 1 => value()];
    vec(item, 0..3).prop_map(|items| ("\"ImageInfoArray\"".to_owned(), format!("[{}]", items.join(","))))
}

fn element() -> impl Strategy<Value = String> {
    let content =
        (vec(member(CONTENT_KEYS), 0..8), proptest::option::of(images())).prop_map(|(mut members, images)| {
            members.extend(images);
            object(members)
        });
    let of_type =
        prop_oneof![9 => proptest::sample::select(TYPES).prop_map(|name| format!("\"{name}\"")), 1 => value()];
    let content = prop_oneof![12 => content, 1 => value()];
    (of_type, content, any::<bool>(), proptest::option::weighted(0.1, (key(), value()))).prop_map(
        |(of_type, content, type_first, foreign)| {
            let mut members = vec![("\"MsgType\"".to_owned(), of_type), ("\"MsgContent\"".to_owned(), content)];
            if !type_first {
                members.reverse();
            }
            members.extend(foreign);
            object(members)
        },
    )
}

fn message() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "From_Account",
        "To_Account",
        "GroupId",
        "MsgFromPlatform",
        "ClientIP",
        "CloudCustomData",
        "MsgSeq",
        "MsgRandom",
        "MsgTimestamp",
        "MsgKey",
    ];
    let body = prop_oneof![12 => vec(element(), 0..4).prop_map(|items| format!("[{}]", items.join(","))), 1 => value()];
    (vec(member(KEYS), 0..10), proptest::option::weighted(0.9, body)).prop_map(|(mut members, body)| {
        members.extend(body.map(|body| ("\"MsgBody\"".to_owned(), body)));
        object(members)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_message_comes_back_from_its_row(messages in vec(message(), 1..12)) {
        let unit = Unit::c2c();
        let lines: Vec<&str> = messages.iter().map(String::as_str).collect();
        let read = read_unit(&archive_of(&unit, &lines), &unit).unwrap();
        prop_assert_eq!(read.counts.rejects, 0);
        let mut distinct = messages.clone();
        let mut seen = std::collections::HashSet::new();
        distinct.retain(|message| seen.insert(message.clone()));
        let rows = rebuilt(&read);
        prop_assert_eq!(rows.len(), distinct.len());
        for (row, message) in rows.iter().zip(&distinct) {
            prop_assert!(equal_as_json(row, message), "{} became {}", message, row);
        }
    }
}

#[test]
fn a_message_nested_to_the_last_level_and_one_of_16_mib_come_back_and_no_more() {
    const MIB_16: usize = 16 * 1024 * 1024;
    let unit = Unit::c2c();
    let deep = format!("{{\"deep\":{}{}}}", "[".repeat(511), "]".repeat(511));
    let too_deep = format!("{{\"deep\":{}{}}}", "[".repeat(512), "]".repeat(512));
    let of_length = |bytes: usize| format!("{{\"From_Account\":\"{}\"}}", "x".repeat(bytes - 19));
    let (long, too_long) = (of_length(MIB_16), of_length(MIB_16 + 1));
    assert_eq!(long.len(), MIB_16);
    let read = read_unit(&archive_of(&unit, &[&deep, &too_deep, &long, &too_long]), &unit).unwrap();
    assert_eq!((read.counts.rows, read.counts.rejects), (2, 2));
    let rows = rebuilt(&read);
    assert!(equal_as_json(&rows[0], &deep));
    assert_eq!(rows[1], long);
    let reasons: Vec<_> = read.rejects.iter().map(|reject| reject.reason.as_str()).collect();
    assert_eq!(reasons, ["too_deep", "too_long"]);
    assert_eq!(read.rejects[1].bytes, too_long.as_bytes());
}
