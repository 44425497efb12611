//! Elements that are no messages: each keeps its bytes, its place and the reason.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::support::*;

/// A file in lines of these raw lines between two sound messages, and where each raw line begins.
fn lines(raw: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let mut text = format!("{}\n{},\n", header("C2C", H20), c2c(1, "first")).into_bytes();
    let mut offsets = Vec::new();
    for line in raw {
        offsets.push(text.len());
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    // Enough rows that the rejects are the few.
    text.extend(format!("{}\n]}}\n", (2..20).map(|seq| c2c(seq, "more")).collect::<Vec<_>>().join(",\n")).into_bytes());
    (text, offsets)
}

/// Commits this text and gives the rejects.
#[track_caller]
fn rejects(text: &[u8]) -> (Vec<Value>, Bench) {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([Archive::of(text)])]);
    bench.sync(1).run().exits(0);
    bench.lake.assert_consistent();
    (bench.lake.rejects("C2C", H20), bench)
}

fn reject(line: u64, offset: usize, reason: &str, bytes: &[u8]) -> Value {
    json!({"source_file": 0, "source_line": line, "byte_offset": offset, "reason": reason, "bytes_base64": BASE64.encode(bytes)})
}

#[test]
fn each_reject_keeps_its_bytes_its_place_and_the_reason() {
    let deep = format!("{{\"X\":{}{}}}", "[".repeat(512), "]".repeat(512));
    let deep_line = format!("{deep},");
    let raw: [&[u8]; 8] = [
        b"{\"From_Account\":\"a\",},",
        b"  \t{\"Text\":\"\xff\xfe\"} , ",
        b"[1,2],",
        b"\"text\",",
        b"null,",
        deep_line.as_bytes(),
        b"plain words,",
        b"\xc3(,",
    ];
    let (text, at) = lines(&raw);
    let (rejects, bench) = rejects(&text);
    assert_eq!(
        rejects,
        [
            reject(3, at[0], "not_json", b"{\"From_Account\":\"a\",}"),
            reject(4, at[1] + 3, "not_utf8", b"{\"Text\":\"\xff\xfe\"}"),
            reject(5, at[2], "not_an_object", b"[1,2]"),
            reject(6, at[3], "not_an_object", b"\"text\""),
            reject(7, at[4], "not_an_object", b"null"),
            reject(8, at[5], "too_deep", deep.as_bytes()),
            reject(9, at[6], "not_json", b"plain words"),
            reject(10, at[7], "not_utf8", b"\xc3("),
        ]
    );
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!((&receipt["lines"], &receipt["rows"], &receipt["rejects"]), (&json!(27), &json!(19), &json!(8)));
    assert_eq!(receipt["archives"][0]["lines"], 27);
    assert_eq!(receipt["rejects_file"]["path"], format!("rejects/C2C/2026-11-19/{H20}.jsonl"));
}

#[test]
fn the_elements_before_a_broken_one_on_its_line_are_read_and_the_rest_is_one_reject() {
    let line = format!("{},{{\"MsgSeq\":}},{},", c2c(50, "before"), c2c(51, "behind"));
    let (text, at) = lines(&[line.as_bytes()]);
    let (rejects, bench) = rejects(&text);
    let start = c2c(50, "before").len() + 1;
    assert_eq!(rejects, [reject(3, at[0] + start, "not_json", line[start..].trim_end_matches(',').as_bytes())]);
    let texts: Vec<Value> = bench.lake.rows("C2C", H20).iter().take(3).map(|row| row["text"].clone()).collect();
    assert_eq!(texts, ["first", "before", "more"]);
}

#[test]
fn equal_rejects_are_all_kept() {
    let (text, at) = lines(&[b"oops,", b"oops,", b"oops"]);
    let (rejects, bench) = rejects(&text);
    let expected: Vec<Value> = (0..3).map(|i| reject(3 + i as u64, at[i], "not_json", b"oops")).collect();
    assert_eq!(rejects, expected);
    assert_eq!(bench.lake.receipt("C2C", H20)["duplicates"], 0);
}

#[test]
fn rejects_never_change_the_exit_code() {
    let (text, _) = lines(&[b"oops"]);
    let (_, bench) = rejects(&text);
    assert_eq!(bench.lake.state("C2C", H20), "committed");
}

#[test]
fn nesting_is_read_to_512_levels_the_message_itself_the_first() {
    let nested = |arrays: usize| format!("{{\"MsgSeq\":77,\"X\":{}{}}}", "[".repeat(arrays), "]".repeat(arrays));
    let (kept, dropped) = (nested(511), nested(512));
    let (text, at) = lines(&[format!("{kept},").as_bytes(), format!("{dropped},").as_bytes()]);
    let (rejects, bench) = rejects(&text);
    assert_eq!(rejects, [reject(4, at[1], "too_deep", dropped.as_bytes())]);
    let row = bench.lake.rows("C2C", H20).into_iter().find(|row| row["msg_seq"] == 77).unwrap();
    assert!(row["extra"].as_str().unwrap().contains(&"[".repeat(511)));
}

#[test]
fn very_deep_nesting_is_rejected_and_breaks_nothing() {
    let bottomless = "[".repeat(1 << 20);
    let (text, _) = lines(&[format!("{{\"X\":{bottomless}").as_bytes(), "{\"a\":".repeat(1 << 17).as_bytes()]);
    let (rejects, _) = rejects(&text);
    assert_eq!(rejects.len(), 2);
    assert!(rejects.iter().all(|reject| reject["reason"] == "too_deep"));
}

#[test]
fn an_element_longer_than_16_mib_is_rejected_and_one_of_16_mib_is_not() {
    let of_length = |length: usize| {
        let frame = r#"{"MsgSeq":77,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":""}}]}"#;
        frame.replace(r#""Text":"""#, &format!(r#""Text":"{}""#, "x".repeat(length - frame.len())))
    };
    let (kept, dropped) = (of_length(16 << 20), of_length((16 << 20) + 1));
    let (text, at) = lines(&[format!("{kept},").as_bytes(), format!("{dropped},").as_bytes()]);
    let (rejects, bench) = rejects(&text);
    assert_eq!(rejects.len(), 1);
    assert!(rejects[0] == reject(4, at[1], "too_long", dropped.as_bytes()), "the reject is not the long one");
    assert!(bench.lake.rows("C2C", H20).iter().any(|row| row["msg_seq"] == 77));
}

#[test]
fn the_first_reason_that_fits_is_given() {
    let long_and_broken = [b"\xff".repeat(16 << 20), b"\xff{".to_vec()].concat();
    let deep_and_no_object = format!("{}{}", "[".repeat(600), "]".repeat(600));
    let bytes_and_no_json = b"{\"\xff\":";
    let (text, _) = lines(&[&long_and_broken, deep_and_no_object.as_bytes(), bytes_and_no_json]);
    let (rejects, _) = rejects(&text);
    let reasons: Vec<&Value> = rejects.iter().map(|reject| &reject["reason"]).collect();
    assert_eq!(reasons, ["too_long", "too_deep", "not_utf8"]);
}

#[test]
fn in_a_file_not_in_lines_an_element_that_is_no_object_is_a_reject() {
    let head = header("C2C", H20);
    let text = format!("{head}{},[1],{}]}}", c2c(1, "a"), c2c(2, "b"));
    let (rejects, bench) = rejects(text.as_bytes());
    assert_eq!(rejects, [reject(3, head.len() + c2c(1, "a").len() + 1, "not_an_object", b"[1]")]);
    assert_eq!(bench.lake.rows("C2C", H20).len(), 2);
}
