//! Framing: every layout in which a file may come is read to the same messages.

use serde_json::{Value, json};

use crate::support::*;

const ONE: &str = r#"{"From_Account":"a","To_Account":"b","MsgSeq":1,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"one"}}]}"#;
const TWO: &str = r#"{"From_Account":"b","To_Account":"a","MsgSeq":2,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"]}"}}]}"#;
const THREE: &str = r#"{"From_Account":"a","To_Account":"b","MsgSeq":3,"Later":[{"a":[]},[{}]]}"#;

/// Commits one hour with this text and gives its rows' `(msg_seq, source_line)` and its receipt.
#[track_caller]
fn read(text: impl AsRef<[u8]>) -> (Vec<(i64, i64)>, Value) {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([Archive::of(text)])]);
    bench.sync(1).run().exits(0);
    bench.lake.assert_consistent();
    let place = |row: &Value| (row["msg_seq"].as_i64().unwrap(), row["source_line"].as_i64().unwrap());
    (bench.lake.rows("C2C", H20).iter().map(place).collect(), bench.lake.receipt("C2C", H20))
}

/// Asserts that the text is read to ONE, TWO and THREE, beginning on these lines, with nothing else in it.
#[track_caller]
fn reads_on_lines(text: impl AsRef<[u8]>, lines: [i64; 3]) {
    let (rows, receipt) = read(text);
    assert_eq!(rows, [(1, lines[0]), (2, lines[1]), (3, lines[2])]);
    assert_eq!((&receipt["lines"], &receipt["rejects"], &receipt["duplicates"]), (&json!(3), &json!(0), &json!(0)));
}

fn head() -> String {
    header("C2C", H20)
}

#[test]
fn the_documented_layout_is_read() {
    reads_on_lines(documented("C2C", H20, &[ONE, TWO, THREE]), [2, 3, 4]);
}

#[test]
fn a_file_without_a_final_line_break_is_read() {
    reads_on_lines(documented("C2C", H20, &[ONE, TWO, THREE]).trim_end(), [2, 3, 4]);
}

#[test]
fn a_file_with_crlf_is_read() {
    reads_on_lines(documented("C2C", H20, &[ONE, TWO, THREE]).replace('\n', "\r\n"), [2, 3, 4]);
}

#[test]
fn a_file_with_a_byte_order_mark_is_read() {
    reads_on_lines(format!("\u{feff}{}", documented("C2C", H20, &[ONE, TWO, THREE])), [2, 3, 4]);
    reads_on_lines(format!("\u{feff}{}{ONE},{TWO},{THREE}]}}", head()), [2, 3, 4]);
}

#[test]
fn a_trailing_comma_after_the_last_message_is_read() {
    reads_on_lines(format!("{}\n{ONE},\n{TWO},\n{THREE},\n]}}\n", head()), [2, 3, 4]);
    reads_on_lines(format!("{}{ONE},{TWO},{THREE},]}}", head()), [2, 3, 4]);
}

#[test]
fn blank_lines_and_white_space_are_no_elements() {
    reads_on_lines(format!("{}\n\n{ONE},\n  \n\t{TWO} ,\n\r\n\n {THREE}\t\n\n]}}\n\n \n", head()), [3, 5, 8]);
}

#[test]
fn several_messages_on_a_line_are_read() {
    reads_on_lines(format!("{}\n{ONE},{TWO},\n{THREE}\n]}}\n", head()), [2, 2, 3]);
    reads_on_lines(format!("{}\n{ONE}, {TWO} ,{THREE}\n]}}\n", head()), [2, 2, 2]);
}

#[test]
fn a_list_closed_on_the_last_messages_line_is_read() {
    reads_on_lines(format!("{}\n{ONE},\n{TWO},\n{THREE}]}}\n", head()), [2, 3, 4]);
    reads_on_lines(format!("{}\n{ONE},\n{TWO},{THREE},]}}", head()), [2, 3, 3]);
    reads_on_lines(format!("{}\n{ONE},\n{TWO},\n{THREE} ] }} \n", head()), [2, 3, 4]);
}

#[test]
fn a_list_whose_end_is_on_two_lines_is_read() {
    reads_on_lines(format!("{}\n{ONE},\n{TWO},\n{THREE}\n]\n}}\n", head()), [2, 3, 4]);
}

#[test]
fn a_file_on_one_line_is_read_and_its_elements_are_counted_for_lines() {
    reads_on_lines(format!("{}{ONE},{TWO},{THREE}]}}", head()), [2, 3, 4]);
}

#[test]
fn a_file_not_in_lines_may_break_lines_inside_its_elements() {
    let broken = |text: &str| text.replace("\"MsgSeq\"", "\n\r\n \"MsgSeq\"\n");
    reads_on_lines(format!("{}{}\n,\n\n{}\n,{}\n]\n}}\n", head(), broken(ONE), broken(TWO), broken(THREE)), [2, 3, 4]);
}

#[test]
fn a_header_on_several_lines_in_another_order_is_read() {
    let head = format!(
        "{{\n  \"MsgTime\" : \"{H20}\",\n  \"Version\": {{\"MsgList\": [1]}},\n  \"ChatType\":\"C2C\",\n\"SdkAppId\":{SDKAPPID},\n\"MsgList\" : ["
    );
    reads_on_lines(format!("{head}\n{ONE},\n{TWO},\n{THREE}\n]}}\n"), [7, 8, 9]);
}

#[test]
fn header_keys_that_are_absent_are_unchecked_and_the_receipt_says_so() {
    for (head, unchecked) in [
        (format!("{{\"ChatType\":\"C2C\",\"MsgTime\":\"{H20}\",\"MsgList\":["), json!(["SdkAppId"])),
        (format!("{{\"SdkAppId\":{SDKAPPID},\"MsgTime\":\"{H20}\",\"MsgList\":["), json!(["ChatType"])),
        (format!("{{\"SdkAppId\":{SDKAPPID},\"ChatType\":\"C2C\",\"MsgList\":["), json!(["MsgTime"])),
        ("{\"MsgList\":[".to_owned(), json!(["ChatType", "MsgTime", "SdkAppId"])),
    ] {
        let (rows, receipt) = read(format!("{head}\n{ONE}\n]}}\n"));
        assert_eq!(rows, [(1, 2)]);
        let mut names: Vec<String> = serde_json::from_value(receipt["archives"][0]["unchecked"].clone()).unwrap();
        names.sort();
        assert_eq!(json!(names), unchecked);
    }
}

#[test]
fn a_line_of_the_size_of_many_buffers_is_read() {
    let long = format!(
        r#"{{"MsgSeq":2,"MsgBody":[{{"MsgType":"TIMTextElem","MsgContent":{{"Text":"{}"}}}}]}}"#,
        "长".repeat(1 << 20)
    );
    reads_on_lines(format!("{}\n{ONE},\n{long},\n{THREE}\n]}}\n", head()), [2, 3, 4]);
    reads_on_lines(format!("{}{ONE},{long},{THREE}]}}", head()), [2, 3, 4]);
}

#[test]
fn a_broken_line_is_one_reject_and_reading_goes_on_with_the_next() {
    let bench = Bench::new();
    let text = format!("{}\n{ONE},\n{{\"From_Account\":\"a\n{TWO},\n{THREE}\n]}}\n", head());
    bench.vendor.answers("C2C", H20, [files([Archive::of(&text)])]);
    bench.sync(1).run().exits(0);
    let lines: Vec<_> = bench.lake.rows("C2C", H20).iter().map(|row| row["source_line"].as_i64().unwrap()).collect();
    assert_eq!(lines, [2, 4, 5]);
    assert_eq!(bench.lake.rejects("C2C", H20)[0]["source_line"], 3);
    bench.lake.assert_consistent();
}
