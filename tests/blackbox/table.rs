//! The table as its readers see it: the columns of a row, the fields of each element type, the shape of the file.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use parquet::basic::Compression;
use serde_json::{Value, json};

use crate::support::archive::group;
use crate::support::*;

/// The rows of these elements of one chat type, from the documented layout.
#[track_caller]
pub fn rows(chat_type: &str, elements: &[impl AsRef<str>]) -> Vec<Value> {
    let bench = Bench::new();
    bench.vendor.answers(chat_type, H20, [files([Archive::with(chat_type, H20, elements)])]);
    bench.sync(1).set("--chat-type", chat_type).run().exits(0);
    bench.lake.assert_consistent();
    bench.lake.rows(chat_type, H20)
}

/// The one item of `elements` that `content` of this type becomes.
#[track_caller]
fn element(msg_type: &str, content: &Value) -> Value {
    let message = json!({"MsgBody": [{"MsgType": msg_type, "MsgContent": content}]});
    rows("C2C", &[message.to_string()])[0]["elements"][0].clone()
}

/// What `extra` holds, as JSON.
pub fn extra(of: &Value) -> Value {
    of["extra"].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

#[test]
fn a_one_to_one_message_fills_its_columns() {
    let message = json!({
        "From_Account": "bob", "To_Account": "alice", "MsgTimestamp": H20_START + 6, "MsgSeq": 3_452_069_198_i64,
        "MsgRandom": 4_294_967_295_i64, "MsgFromPlatform": "iOS", "ClientIP": "203.0.113.7", "CloudCustomData": "{\"reply\":1}",
        "MsgBody": [
            {"MsgType": "TIMTextElem", "MsgContent": {"Text": "你好"}},
            {"MsgType": "TIMFaceElem", "MsgContent": {"Index": 6, "Data": "abc\u{0}\u{1}"}},
            {"MsgType": "TIMTextElem", "MsgContent": {"Text": "👋"}},
        ],
    });
    let expected = json!({
        "sdk_app_id": SDKAPPID, "archive_hour": H20, "source_file": 0, "source_line": 2,
        "conversation_id": "C2C|alice|bob", "message_key": format!("3452069198_4294967295_{}", H20_START + 6),
        "from_account": "bob", "to_account": "alice", "msg_time": "2026-11-19T12:00:06Z", "msg_seq": 3_452_069_198_i64,
        "msg_random": 4_294_967_295_i64, "platform": "iOS", "client_ip": "203.0.113.7", "cloud_custom_data": "{\"reply\":1}",
        "text": "你好\n👋",
        "elements": [
            {"type": "TIMTextElem", "text": "你好"},
            {"type": "TIMFaceElem", "face_index": 6, "data": "abc\u{0}\u{1}"},
            {"type": "TIMTextElem", "text": "👋"},
        ],
    });
    assert_eq!(rows("C2C", &[message.to_string()]), [expected]);
}

#[test]
fn a_group_message_fills_its_columns() {
    let expected = json!({
        "sdk_app_id": SDKAPPID, "archive_hour": H20, "source_file": 0, "source_line": 2,
        "conversation_id": "GROUP|@TGS#1FDFVPAE2", "message_key": "9", "from_account": "alice", "group_id": "@TGS#1FDFVPAE2",
        "msg_time": "2026-11-19T12:00:06Z", "msg_seq": 9, "text": "hi", "elements": [{"type": "TIMTextElem", "text": "hi"}],
    });
    assert_eq!(rows("Group", &[group(9, "hi")]), [expected]);
}

#[test]
fn a_conversation_is_the_same_from_both_sides_and_its_id_can_be_taken_apart() {
    let between = |from: &str, to: &str| json!({"From_Account": from, "To_Account": to}).to_string();
    let messages = [
        between("bob", "alice"),
        between("alice", "bob"),
        between("alice", "alice"),
        between("a", "Z"),
        between("é", "z"),
        between("a|b", r"c\d"),
        between("a^", "a|"),
        between("10", "9"),
        json!({"From_Account": "alice"}).to_string(),
        json!({"From_Account": "alice", "To_Account": 7}).to_string(),
    ];
    let ids: Vec<Value> = rows("C2C", &messages).iter().map(|row| row["conversation_id"].clone()).collect();
    assert_eq!(
        ids,
        [
            json!("C2C|alice|bob"),
            json!("C2C|alice|bob"),
            json!("C2C|alice|alice"),
            json!("C2C|Z|a"),
            json!("C2C|z|é"),
            json!(r"C2C|a\|b|c\\d"),
            json!(r"C2C|a^|a\|"),
            json!("C2C|10|9"),
            Value::Null,
            Value::Null,
        ]
    );
    let groups = [json!({"GroupId": r"a|b\c"}), json!({"From_Account": "alice"})].map(|message| message.to_string());
    let ids: Vec<Value> = rows("Group", &groups).iter().map(|row| row["conversation_id"].clone()).collect();
    assert_eq!(ids, [json!(r"GROUP|a\|b\\c"), Value::Null]);
}

#[test]
fn the_message_key_is_made_from_the_columns_and_null_where_one_is_null() {
    let messages = [
        r#"{"MsgSeq":1,"MsgRandom":2,"MsgTimestamp":3}"#,
        r#"{"MsgSeq":"1","MsgRandom":"2","MsgTimestamp":"3","X":1}"#,
        r#"{"MsgSeq":1,"MsgRandom":2}"#,
        r#"{"MsgSeq":1,"MsgTimestamp":3}"#,
        r#"{"MsgRandom":2,"MsgTimestamp":3}"#,
        r#"{"MsgSeq":1.0,"MsgRandom":2,"MsgTimestamp":3}"#,
        r#"{"MsgSeq":5,"MsgRandom":2,"MsgTimestamp":3,"MsgKey":"of_the_sender"}"#,
    ];
    let rows = rows("C2C", &messages);
    let keys: Vec<Value> = rows.iter().map(|row| row["message_key"].clone()).collect();
    let null = Value::Null;
    assert_eq!(keys, [json!("1_2_3"), json!("1_2_3"), null.clone(), null.clone(), null.clone(), null, json!("5_2_3")]);
    assert_eq!(extra(&rows[6]), json!({"MsgKey": "of_the_sender"}));
}

#[test]
fn msg_time_holds_whole_seconds_in_range_and_extra_the_rest() {
    let stamps = [
        "0",
        "9223372036",
        "9223372037",
        "-1",
        "1.5",
        "1e9",
        "1795089606.0",
        "null",
        "\"1795089606\"",
        "\"-1\"",
        "true",
    ];
    let messages: Vec<String> = stamps.iter().map(|stamp| format!("{{\"MsgTimestamp\":{stamp}}}")).collect();
    let rows = rows("C2C", &messages);
    let times: Vec<Value> = rows.iter().map(|row| row["msg_time"].clone()).collect();
    let mut expected = vec![Value::Null; stamps.len()];
    expected[0] = json!("1970-01-01T00:00:00Z");
    expected[1] = json!("2262-04-11T23:47:16Z");
    expected[8] = json!("2026-11-19T12:00:06Z");
    assert_eq!(times, expected);
    for (row, stamp) in rows.iter().zip(stamps).skip(2) {
        assert_eq!(
            row["extra"].as_str().unwrap().replace(' ', ""),
            format!("{{\"MsgTimestamp\":{stamp}}}"),
            "as written"
        );
    }
}

#[test]
fn the_receipt_spans_the_times_of_the_messages_not_of_the_hour() {
    let bench = Bench::new();
    let at = |stamp: &str| format!("{{\"MsgTimestamp\":{stamp}}}");
    let elements = [at("1448974806"), at("1795089606"), at("-5"), at("\"1448974800\"")];
    bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &elements)])]);
    bench.vendor.answers("C2C", H19, [files([Archive::with("C2C", H19, &["{}"])])]);
    bench.sync(2).run().exits(0);
    let receipt = bench.lake.receipt("C2C", H20);
    assert!(receipt["min_msg_time"].as_str().unwrap().starts_with("2015-12-01T13:00:00"), "{receipt:#}");
    assert!(receipt["max_msg_time"].as_str().unwrap().starts_with("2026-11-19T12:00:06"), "{receipt:#}");
    let receipt = bench.lake.receipt("C2C", H19);
    assert_eq!((&receipt["min_msg_time"], &receipt["max_msg_time"]), (&Value::Null, &Value::Null));
}

#[test]
fn an_empty_message_is_a_row_of_nulls() {
    let expected = json!({"sdk_app_id": SDKAPPID, "archive_hour": H20, "source_file": 0, "source_line": 2});
    assert_eq!(rows("C2C", &["{}"]), [expected]);
}

#[test]
fn an_empty_body_is_an_empty_list() {
    let rows = rows("C2C", &[r#"{"MsgBody":[]}"#]);
    assert_eq!(rows[0]["elements"], json!([]));
    assert_eq!((&rows[0]["text"], &rows[0]["extra"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_custom_element_fills_data_desc_ext_and_sound() {
    let content = json!({"Data": "{\"k\":1}", "Desc": "", "Ext": "e", "Sound": "s.mp3"});
    let expected = json!({"type": "TIMCustomElem", "data": "{\"k\":1}", "desc": "", "ext": "e", "sound": "s.mp3"});
    assert_eq!(element("TIMCustomElem", &content), expected);
    assert_eq!(element("TIMCustomElem", &json!({"Data": "d"})), json!({"type": "TIMCustomElem", "data": "d"}));
}

#[test]
fn a_location_element_fills_desc_latitude_and_longitude() {
    let content = json!({"Desc": "gate", "Latitude": 39.9, "Longitude": -116.4});
    let expected = json!({"type": "TIMLocationElem", "desc": "gate", "latitude": 39.9, "longitude": -116.4});
    assert_eq!(element("TIMLocationElem", &content), expected);
}

#[test]
fn a_sound_element_fills_its_fields_from_new_and_old_senders() {
    let content = json!({"UUID": "u", "Url": "https://m/a", "Size": 6235, "Second": 3, "Download_Flag": 2});
    let expected = json!({"type": "TIMSoundElem", "uuid": "u", "url": "https://m/a", "size_bytes": 6235, "duration_seconds": 3,
        "download_flag": 2});
    assert_eq!(element("TIMSoundElem", &content), expected);
    let old = json!({"UUID": "305c0201", "Size": 6235, "Second": 3});
    assert_eq!(
        element("TIMSoundElem", &old),
        json!({"type": "TIMSoundElem", "uuid": "305c0201", "size_bytes": 6235, "duration_seconds": 3})
    );
}

#[test]
fn a_file_element_fills_its_fields() {
    let content =
        json!({"UUID": "u", "Url": "https://m/f", "FileSize": 177, "FileName": "合同.pdf", "Download_Flag": 2});
    let expected = json!({"type": "TIMFileElem", "uuid": "u", "url": "https://m/f", "size_bytes": 177, "file_name": "合同.pdf",
        "download_flag": 2});
    assert_eq!(element("TIMFileElem", &content), expected);
}

#[test]
fn an_image_element_fills_its_fields_and_its_images() {
    let content = json!({"UUID": "u", "ImageFormat": 255, "ImageInfoArray": [
        {"Type": 1, "Size": 1_853_095, "Width": 2448, "Height": 3264, "URL": "https://m/0"},
        {"Type": 3, "Size": 1, "URL": "https://m/198"},
        {},
    ]});
    let expected = json!({"type": "TIMImageElem", "uuid": "u", "format": "255", "images": [
        {"type": 1, "size_bytes": 1_853_095, "width": 2448, "height": 3264, "url": "https://m/0"},
        {"type": 3, "size_bytes": 1, "url": "https://m/198"},
        {},
    ]});
    assert_eq!(element("TIMImageElem", &content), expected);
    assert_eq!(element("TIMImageElem", &json!({"ImageInfoArray": []})), json!({"type": "TIMImageElem", "images": []}));
}

#[test]
fn an_image_list_of_which_one_item_does_not_fit_goes_whole_into_extra_and_images_takes_what_it_can() {
    let list = json!([{"Type": 1, "Size": "large", "URL": "https://m/0"}, {"Type": 3, "Size": 1, "Angle": 90}]);
    let element = element("TIMImageElem", &json!({"UUID": "u", "ImageFormat": "JPG", "ImageInfoArray": list}));
    assert_eq!(extra(&element), json!({"ImageFormat": "JPG", "ImageInfoArray": list}));
    assert_eq!(element["images"], json!([{"type": 1, "url": "https://m/0"}, {"type": 3, "size_bytes": 1}]));
    assert_eq!((&element["uuid"], &element["format"]), (&json!("u"), &Value::Null));
}

#[test]
fn a_video_element_fills_its_fields_and_its_thumb() {
    let content = json!({"VideoUrl": "https://m/v", "VideoUUID": "v", "VideoSize": 1194, "VideoSecond": 5, "VideoFormat": "mp4",
        "VideoDownloadFlag": 2, "ThumbUrl": "https://m/t", "ThumbUUID": "t", "ThumbSize": 139, "ThumbWidth": 720,
        "ThumbHeight": 1280, "ThumbFormat": "JPG", "ThumbDownloadFlag": 2});
    let expected = json!({"type": "TIMVideoFileElem", "uuid": "v", "url": "https://m/v", "format": "mp4", "size_bytes": 1194,
        "duration_seconds": 5, "download_flag": 2, "thumb": {"uuid": "t", "url": "https://m/t", "format": "JPG",
        "size_bytes": 139, "width": 720, "height": 1280, "download_flag": 2}});
    assert_eq!(element("TIMVideoFileElem", &content), expected);
    let bare = element("TIMVideoFileElem", &json!({"VideoUUID": "v"}));
    assert_eq!(bare, json!({"type": "TIMVideoFileElem", "uuid": "v"}), "no thumb where no key of it is there");
}

#[test]
fn any_other_element_keeps_its_content_whole_in_extra() {
    let relay = json!({"Title": "log", "MsgNum": 1, "AbstractList": ["A: hi"], "MsgList": [{"MsgSeq": 85, "MsgBody": [
        {"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi"}}]}]});
    for msg_type in ["TIMRelayElem", "TIMGroupTipElem", "timtextelem", ""] {
        let element = element(msg_type, &relay);
        assert_eq!(extra(&element), relay, "{msg_type}");
        assert_eq!(element.as_object().unwrap().len(), 2, "type and extra alone: {element}");
    }
    assert_eq!(element("TIMRelayElem", &json!({})), json!({"type": "TIMRelayElem"}));
}

#[test]
fn keys_foreign_to_the_type_go_to_the_elements_extra() {
    let text =
        element("TIMTextElem", &json!({"Text": "a", "Data": "no field of a text", "text": "another letter case"}));
    assert_eq!(text["text"], "a");
    assert_eq!(text["data"], Value::Null);
    assert_eq!(extra(&text), json!({"Data": "no field of a text", "text": "another letter case"}));
}

#[test]
fn text_is_null_where_there_is_no_text_element() {
    let face = r#"{"MsgBody":[{"MsgType":"TIMFaceElem","MsgContent":{"Data":"x"}}]}"#;
    let blank = r#"{"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":""}}]}"#;
    let rows = rows("C2C", &[face, blank]);
    assert_eq!((&rows[0]["text"], &rows[1]["text"]), (&Value::Null, &json!("")));
}

#[test]
fn the_schema_is_the_contracts() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 1)])]);
    bench.sync(1).run().exits(0);

    let integer = |name: &str| (name.to_owned(), DataType::Int64);
    let text = |name: &str| (name.to_owned(), DataType::Utf8);
    let image = vec![integer("type"), integer("size_bytes"), integer("width"), integer("height"), text("url")];
    let thumb = vec![
        text("uuid"),
        text("url"),
        text("format"),
        integer("size_bytes"),
        integer("width"),
        integer("height"),
        integer("download_flag"),
    ];
    let mut element: Vec<(String, DataType)> = ["type", "text", "data", "desc", "ext", "sound"].map(text).into();
    element.extend([
        integer("face_index"),
        ("latitude".into(), DataType::Float64),
        ("longitude".into(), DataType::Float64),
    ]);
    element.extend(["uuid", "url", "format", "file_name"].map(text));
    element.extend(["size_bytes", "duration_seconds", "download_flag"].map(integer));
    element.extend([("images".into(), list(structure(image))), ("thumb".into(), structure(thumb)), text("extra")]);
    let mut columns = vec![integer("sdk_app_id"), text("archive_hour"), integer("source_file"), integer("source_line")];
    columns.extend(["conversation_id", "message_key", "from_account", "to_account", "group_id"].map(text));
    columns.push(("msg_time".into(), DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))));
    columns.extend([integer("msg_seq"), integer("msg_random")]);
    columns.extend(["platform", "client_ip", "cloud_custom_data", "text"].map(text));
    columns.extend([("elements".into(), list(structure(element))), text("extra")]);

    let schema = bench.lake.schema("C2C", H20);
    let found: Vec<_> = schema.fields().iter().map(|field| (field.name().clone(), plain(field.data_type()))).collect();
    assert_eq!(found, columns);
    let not_null: Vec<&str> =
        schema.fields().iter().filter(|field| !field.is_nullable()).map(|field| field.name().as_str()).collect();
    assert_eq!(not_null, ["sdk_app_id", "archive_hour", "source_file", "source_line"]);
}

fn structure(fields: Vec<(String, DataType)>) -> DataType {
    DataType::Struct(fields.into_iter().map(|(name, data_type)| Field::new(name, data_type, true)).collect())
}

fn list(item: DataType) -> DataType {
    DataType::List(Field::new("item", item, true).into())
}

/// The type without what the contract leaves open: the name of a list's item and its nullability.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(item) => list(plain(item.data_type())),
        DataType::Struct(fields) => {
            let plain: Fields =
                fields.iter().map(|field| Field::new(field.name(), plain(field.data_type()), true)).collect();
            DataType::Struct(plain)
        }
        other => other.clone(),
    }
}

#[test]
fn the_parquet_file_is_zstd_with_page_index_bloom_filters_and_metadata() {
    let bench = Bench::new();
    bench.vendor.answers("Group", H20, [files([archive("Group", H20, 50)])]);
    bench.sync(1).set("--chat-type", "Group").run().exits(0);
    let footer = bench.lake.footer("Group", H20);
    for group in footer.row_groups() {
        for column in group.columns() {
            let path = column.column_path().string();
            assert!(matches!(column.compression(), Compression::ZSTD(_)), "{path}");
            assert!(
                column.column_index_offset().is_some() && column.offset_index_offset().is_some(),
                "page index of {path}"
            );
            if ["conversation_id", "from_account", "to_account", "group_id"].contains(&path.as_str()) {
                assert!(column.bloom_filter_offset().is_some(), "bloom filter of {path}");
            }
        }
    }
    let pairs = footer.file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
    for (key, expected) in [
        ("timlake.schema_version", "1"),
        ("timlake.sdkappid", "1400000000"),
        ("timlake.chat_type", "Group"),
        ("timlake.hour", H20),
    ] {
        assert_eq!(value(key).as_deref(), Some(expected), "{key}");
    }
}

#[test]
fn row_groups_hold_no_more_than_a_million_rows_and_no_needless_few() {
    let bench = Bench::new();
    let many: Vec<String> = (0..120_000).map(|seq| format!("{{\"MsgSeq\":{seq}}}")).collect();
    bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &many)])]);
    bench.sync(1).run().exits(0);
    let groups: Vec<i64> = bench.lake.footer("C2C", H20).row_groups().iter().map(|group| group.num_rows()).collect();
    assert!(groups == [120_000] || groups == [100_000, 20_000], "{groups:?}");
}
