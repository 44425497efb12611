//! The archive's message from its row alone, written from the contract's mapping and from nothing of the program.
//!
//! Numbers are compared by their value as written, not as doubles: a JSON text is read with every number turned into a
//! text of its own, in one canonical decimal form.

use serde_json::{Map, Value, json};

/// `(MsgType, [(key of MsgContent, field)])`, as in the contract; images and thumbs apart.
const ELEMENTS: [(&str, &[(&str, &str)]); 8] = [
    ("TIMTextElem", &[("Text", "text")]),
    ("TIMCustomElem", &[("Data", "data"), ("Desc", "desc"), ("Ext", "ext"), ("Sound", "sound")]),
    ("TIMFaceElem", &[("Index", "face_index"), ("Data", "data")]),
    ("TIMLocationElem", &[("Desc", "desc"), ("Latitude", "latitude"), ("Longitude", "longitude")]),
    (
        "TIMSoundElem",
        &[
            ("UUID", "uuid"),
            ("Url", "url"),
            ("Size", "size_bytes"),
            ("Second", "duration_seconds"),
            ("Download_Flag", "download_flag"),
        ],
    ),
    (
        "TIMFileElem",
        &[
            ("UUID", "uuid"),
            ("Url", "url"),
            ("FileSize", "size_bytes"),
            ("FileName", "file_name"),
            ("Download_Flag", "download_flag"),
        ],
    ),
    ("TIMImageElem", &[("UUID", "uuid")]),
    (
        "TIMVideoFileElem",
        &[
            ("VideoUUID", "uuid"),
            ("VideoUrl", "url"),
            ("VideoSize", "size_bytes"),
            ("VideoSecond", "duration_seconds"),
            ("VideoFormat", "format"),
            ("VideoDownloadFlag", "download_flag"),
        ],
    ),
];

const THUMB: [(&str, &str); 7] = [
    ("ThumbUUID", "uuid"),
    ("ThumbUrl", "url"),
    ("ThumbFormat", "format"),
    ("ThumbSize", "size_bytes"),
    ("ThumbWidth", "width"),
    ("ThumbHeight", "height"),
    ("ThumbDownloadFlag", "download_flag"),
];

const IMAGE: [(&str, &str); 5] =
    [("Type", "type"), ("Size", "size_bytes"), ("Width", "width"), ("Height", "height"), ("URL", "url")];

const MESSAGE: [(&str, &str); 8] = [
    ("From_Account", "from_account"),
    ("To_Account", "to_account"),
    ("GroupId", "group_id"),
    ("MsgSeq", "msg_seq"),
    ("MsgRandom", "msg_random"),
    ("MsgFromPlatform", "platform"),
    ("ClientIP", "client_ip"),
    ("CloudCustomData", "cloud_custom_data"),
];

/// The message that this row came from, as [`exact`] reads messages.
pub fn message(row: &Value) -> Value {
    let extra = overlay(row);
    if let Some(text) = extra.get("_raw") {
        return exact(text.as_str().unwrap());
    }
    let mut message = columns(row, &MESSAGE);
    if let Some(instant) = row["msg_time"].as_str() {
        let unix = chrono::DateTime::parse_from_rfc3339(instant).unwrap().timestamp();
        message.insert("MsgTimestamp".to_owned(), exact(&unix.to_string()));
    }
    if let Some(elements) = row["elements"].as_array() {
        message.insert("MsgBody".to_owned(), elements.iter().map(element).collect());
    }
    message.extend(extra);
    Value::Object(message)
}

fn element(element: &Value) -> Value {
    let known = ELEMENTS.iter().find(|(name, _)| element["type"] == *name);
    let mut content = known.map(|(_, fields)| columns(element, fields)).unwrap_or_default();
    if element["type"] == "TIMImageElem" {
        if let Some(format) = element["format"].as_str() {
            content.insert("ImageFormat".to_owned(), exact(format));
        }
        if let Some(images) = element["images"].as_array() {
            let images = images.iter().map(|image| Value::Object(columns(image, &IMAGE)));
            content.insert("ImageInfoArray".to_owned(), images.collect());
        }
    }
    content.extend(columns(&element["thumb"], &THUMB));
    content.extend(overlay(element));
    json!({"MsgType": element["type"], "MsgContent": content})
}

/// The filled ones of these fields, under their keys.
fn columns(from: &Value, fields: &[(&str, &str)]) -> Map<String, Value> {
    let filled = fields.iter().filter(|(_, field)| !from[*field].is_null());
    filled.map(|(key, field)| ((*key).to_owned(), exact(&from[*field].to_string()))).collect()
}

fn overlay(from: &Value) -> Map<String, Value> {
    let text = from["extra"].as_str().unwrap_or("{}");
    let Value::Object(extra) = exact(text) else { panic!("`extra` is no object: {text}") };
    assert!(from["extra"].is_null() || !extra.is_empty(), "an empty `extra`");
    extra
}

/// A JSON text with every number as `number:` and its canonical decimal form.
#[track_caller]
pub fn exact(text: &str) -> Value {
    let mut quoted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' => {
                rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(rest.len())
            }
            other => other.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        match first {
            '-' | '0'..='9' => quoted += &format!("\"number:{}\"", canonical(token)),
            _ => quoted += token,
        }
        rest = after;
    }
    serde_json::from_str(&quoted).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The length of the JSON string at the beginning, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `<sign><digits>e<exponent>` without needless zeros; equal numbers have equal forms.
fn canonical(number: &str) -> String {
    let (sign, magnitude) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let dropped = digits.len() - digits.trim_end_matches('0').len();
    let exponent = exponent.parse::<i64>().unwrap() - fraction.len() as i64 + dropped as i64;
    format!("{sign}{significant}e{exponent}")
}

#[test]
fn equal_numbers_have_equal_forms_and_others_do_not() {
    for (left, right) in
        [("1", "1.0"), ("1200", "1.2e3"), ("0.05", "5E-2"), ("-0", "0"), ("10", "1e1"), ("39.90", "39.9")]
    {
        assert_eq!(exact(left), exact(right));
    }
    assert_ne!(exact("9007199254740993"), exact("9007199254740992"));
    assert_ne!(exact("\"1\""), exact("1"));
}
