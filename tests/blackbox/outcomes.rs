//! How a unit ends when nothing is broken: committed, empty, not ready, lost.

use std::fs;

use serde_json::{Value, json};

use crate::support::archive::{ADDRESS, md5, text_message};
use crate::support::lake::sha256;
use crate::support::*;

#[test]
fn an_hour_with_messages_is_committed_with_a_receipt_that_says_everything() {
    let bench = Bench::new();
    let served = Archive::with("C2C", H20, &[c2c(1, "hi"), c2c(2, "你好"), c2c(1, "hi")]);
    bench.vendor.answers("C2C", H20, [files([served.clone()])]);
    bench.sync(1).run().exits(0);

    let receipt = bench.lake.receipt("C2C", H20);
    let raw = format!("raw/chat_type=C2C/dt=2026-11-19/{H20}.0-{}.gz", &served.gzip_md5()[..8]);
    let parquet = format!("messages/chat_type=C2C/dt=2026-11-19/{H20}.parquet");
    let parquet_bytes = fs::read(bench.lake.root().join(&parquet)).unwrap();
    assert_eq!(fs::read(bench.lake.root().join(&raw)).unwrap(), served.gzip, "the archive as received");

    let plain = documented("C2C", H20, &[c2c(1, "hi"), c2c(2, "你好"), c2c(1, "hi")]);
    for (key, expected) in [
        ("state", json!("committed")),
        ("sdkappid", json!(SDKAPPID)),
        ("chat_type", json!("C2C")),
        ("hour", json!(H20)),
        ("attempts", json!(1)),
        ("reported_at", Value::Null),
        ("lines", json!(3)),
        ("rows", json!(2)),
        ("duplicates", json!(1)),
        ("rejects", json!(0)),
        ("raw", json!([{"path": raw, "sha256": sha256(&served.gzip)}])),
        ("rejects_file", Value::Null),
        ("error", Value::Null),
        ("schema_version", json!(1)),
        ("tool_version", json!(env!("CARGO_PKG_VERSION"))),
        (
            "parquet",
            json!({"path": parquet, "bytes": parquet_bytes.len(), "sha256": sha256(&parquet_bytes), "rows": 2}),
        ),
    ] {
        assert_eq!(receipt[key], expected, "{key} of {receipt:#}");
    }
    let archive = &receipt["archives"][0];
    for (key, expected) in [
        ("url_host", json!("127.0.0.1")),
        ("gzip_md5", json!(served.gzip_md5())),
        ("gzip_bytes", json!(served.gzip.len())),
        ("file_md5", json!(md5(plain.as_bytes()))),
        ("file_bytes", json!(plain.len())),
        ("lines", json!(3)),
        ("unchecked", json!([])),
    ] {
        assert_eq!(archive[key], expected, "{key} of {archive:#}");
    }
    bench.lake.assert_consistent();
}

#[test]
fn times_in_receipts_are_the_runs_and_in_utc() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(1).now("2026-11-19T22:00:00+08:00").run().exits(0);
    let receipt = bench.lake.receipt("C2C", H20);
    for key in ["first_seen_at", "checked_at", "committed_at"] {
        let text = receipt[key].as_str().unwrap();
        assert!(text.starts_with("2026-11-19T14:00:00"), "{key}: {text}");
        assert!(text.ends_with('Z') || text.ends_with("+00:00"), "{key}: {text}");
    }
    for key in ["min_msg_time", "max_msg_time"] {
        assert!(receipt[key].as_str().unwrap().starts_with("2026-11-19T12:00:06"), "{key} of {receipt:#}");
    }
}

#[test]
fn both_chat_types_are_asked_for_unless_told_otherwise() {
    let bench = Bench::new();
    for chat_type in ["C2C", "Group"] {
        bench.vendor.answers(chat_type, H20, [files([archive(chat_type, H20, 2)])]);
    }
    bench.sync(1).both().run().exits(0);
    assert_eq!(bench.lake.rows("C2C", H20).len(), 2);
    assert_eq!(bench.lake.rows("Group", H20).len(), 2);
    assert!(bench.lake.root().join(format!("messages/chat_type=Group/dt=2026-11-19/{H20}.parquet")).exists());
    bench.lake.assert_consistent();
}

#[test]
fn code_1004_is_not_ready_while_young_and_empty_from_the_age_of_empty_after() {
    let bench = Bench::new();
    let run = bench.sync(3).set("--empty-after", "2h30m").arg("--json").run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "not_ready");
    assert_eq!(bench.lake.state("C2C", H19), "not_ready");
    assert_eq!(bench.lake.state("C2C", H18), "empty", "its age is three hours");
    assert_eq!(run.json()["outcomes"], json!({"committed": 0, "empty": 1, "not_ready": 2, "failed": 0, "lost": 0}));
    let empty = bench.lake.receipt("C2C", H18);
    assert_eq!((&empty["parquet"], &empty["archives"]), (&Value::Null, &json!([])));
    assert!(!bench.lake.parquet_path("C2C", H18).exists());
}

#[test]
fn ok_without_files_is_empty() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([])]);
    bench.vendor.answers("C2C", H19, [files([]).field("File", Value::Null)]);
    bench.sync(2).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "empty");
    assert_eq!(bench.lake.state("C2C", H19), "empty");
}

#[test]
fn archives_with_empty_lists_are_empty_and_kept() {
    let bench = Bench::new();
    let lists = [format!("{}\n]}}\n", header("C2C", H20)), format!("{}]}}", header("C2C", H19))];
    bench.vendor.answers("C2C", H20, [files([Archive::of(&lists[0])])]);
    bench.vendor.answers("C2C", H19, [files([Archive::of(&lists[1]), Archive::of(&lists[1])])]);
    bench.sync(2).run().exits(0);
    for (hour, archives) in [(H20, 1), (H19, 2)] {
        let receipt = bench.lake.receipt("C2C", hour);
        assert_eq!(
            (&receipt["state"], &receipt["lines"], &receipt["parquet"]),
            (&json!("empty"), &json!(0), &Value::Null)
        );
        assert_eq!(receipt["archives"].as_array().unwrap().len(), archives);
        assert_eq!(receipt["raw"].as_array().unwrap().len(), archives, "{receipt:#}");
        assert!(!bench.lake.parquet_path("C2C", hour).exists(), "a unit with no rows has no table");
    }
    bench.lake.assert_consistent();
}

#[test]
fn code_1005_is_lost_and_ends_the_run_with_4_once() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H19, [code(1005)]);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.sync(2).run().exits(4);
    let receipt = bench.lake.receipt("C2C", H19);
    assert_eq!((&receipt["state"], &receipt["reason"]), (&json!("lost"), &json!("expired")));
    assert!(receipt["reported_at"].is_string(), "{receipt:#}");
    assert_eq!(bench.lake.state("C2C", H20), "committed", "the others are not held up");
    bench.sync(2).run().exits(0);
    assert_eq!(bench.vendor.calls_for("C2C", H19), 1, "lost is not due before a recheck age");
}

#[test]
fn several_files_are_one_unit_in_their_order() {
    let bench = Bench::new();
    let parts = [
        Archive::with("C2C", H20, &[c2c(1, "one"), c2c(2, "two")]),
        Archive::with("C2C", H20, &[c2c(2, "two"), c2c(3, "three")]),
    ];
    bench.vendor.answers("C2C", H20, [files(parts.clone())]);
    bench.sync(1).run().exits(0);
    let rows = bench.lake.rows("C2C", H20);
    let places: Vec<_> =
        rows.iter().map(|row| (row["source_file"].clone(), row["source_line"].clone(), row["text"].clone())).collect();
    assert_eq!(
        places,
        [(json!(0), json!(2), json!("one")), (json!(0), json!(3), json!("two")), (json!(1), json!(3), json!("three"))]
    );
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!((&receipt["lines"], &receipt["duplicates"]), (&json!(4), &json!(1)), "repeats count across files");
    let raw: Vec<_> =
        receipt["raw"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect();
    let expected =
        [0, 1].map(|i| format!("raw/chat_type=C2C/dt=2026-11-19/{H20}.{i}-{}.gz", &parts[i].gzip_md5()[..8]));
    assert_eq!(raw, expected);
    bench.lake.assert_consistent();
}

#[test]
fn the_same_file_listed_twice_doubles_no_message() {
    let bench = Bench::new();
    let part = archive("C2C", H20, 3);
    bench.vendor.answers("C2C", H20, [files([part.clone(), part])]);
    bench.sync(1).run().exits(0);
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!((&receipt["rows"], &receipt["duplicates"]), (&json!(3), &json!(3)));
    bench.lake.assert_consistent();
}

#[test]
fn one_bad_file_of_several_fails_the_whole_unit() {
    let bench = Bench::new();
    let sound = archive("C2C", H20, 3);
    bench.vendor.answers("C2C", H20, [files([sound.clone(), sound.declaring("FileSize", 7)])]);
    bench.sync(1).run().exits(3);
    bench.lake.assert_failed("C2C", H20, "archive");
}

#[test]
fn a_reply_without_echo_or_with_unknown_fields_is_read() {
    let bench = Bench::new();
    let part = |hour| files([archive("C2C", hour, 2)]);
    bench.vendor.answers("C2C", H20, [part(H20).field("ChatType", Value::Null).field("MsgTime", Value::Null)]);
    bench.vendor.answers("C2C", H19, [part(H19).field("RequestId", json!("a-b-c")).field("Later", json!({"a": [1]}))]);
    bench.vendor.answers("C2C", H18, [part(H18).field("ActionStatus", Value::Null).field("ErrorInfo", Value::Null)]);
    bench.sync(3).run().exits(0);
    for hour in [H20, H19, H18] {
        assert_eq!(bench.lake.state("C2C", hour), "committed");
    }
}

#[test]
fn a_reply_that_speaks_of_another_hour_is_not_taken_for_this_one() {
    let bench = Bench::new();
    let nameless = Archive::of(format!("{{\"MsgList\":[\n{}\n]}}\n", c2c(1, "whose?")));
    bench.vendor.answers("C2C", H20, [files([nameless.clone()]).field("MsgTime", json!(H19))]);
    bench.vendor.answers("C2C", H19, [files([nameless]).field("ChatType", json!("Group"))]);
    bench.sync(2).run().exits(3);
    for (hour, said) in [(H20, H19), (H19, "Group")] {
        let cause = bench.lake.assert_failed("C2C", hour, "history");
        assert!(cause.contains(said), "{cause}");
    }
}

#[test]
fn digests_in_upper_case_are_the_same_digests() {
    let bench = Bench::new();
    let plain = documented("C2C", H20, &messages("C2C", 2));
    let sound = Archive::of(&plain);
    let gzip_md5 = sound.gzip_md5().to_uppercase();
    let shouted = sound.declaring("GzipMD5", gzip_md5).declaring("FileMD5", md5(plain.as_bytes()).to_uppercase());
    bench.vendor.answers("C2C", H20, [files([shouted])]);
    bench.sync(1).run().exits(0);
    assert_eq!(bench.lake.receipt("C2C", H20)["archives"][0]["unchecked"], json!([]));
}

#[test]
fn what_the_reply_does_not_tell_stays_unchecked_and_the_receipt_says_so() {
    let bench = Bench::new();
    let names = ["GzipSize", "GzipMD5", "FileSize", "FileMD5"];
    let hours = [H20, H19, H18, H17];
    for (name, hour) in names.into_iter().zip(hours) {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 2).undeclared(name)])]);
    }
    let all = hours_back(4);
    let bare = names.into_iter().fold(archive("C2C", &all, 2), Archive::undeclared);
    bench.vendor.answers("C2C", &all, [files([bare])]);
    bench.sync(5).run().exits(0);
    for (name, hour) in names.into_iter().zip(hours) {
        assert_eq!(bench.lake.receipt("C2C", hour)["archives"][0]["unchecked"], json!([name]), "{hour}");
    }
    let receipt = bench.lake.receipt("C2C", &all);
    let mut unchecked: Vec<_> =
        receipt["archives"][0]["unchecked"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    unchecked.sort_unstable();
    assert_eq!(unchecked, ["FileMD5", "FileSize", "GzipMD5", "GzipSize"]);
}

#[test]
fn raw_bytes_are_kept_as_received_whatever_content_encoding_says() {
    let bench = Bench::new();
    for (hour, transfer) in
        [(H20, Transfer::SaidToBeEncoded), (H19, Transfer::Chunked), (H18, Transfer::MovedTo(ADDRESS))]
    {
        let served = archive("C2C", hour, 3).served([transfer, Transfer::Whole]);
        bench.vendor.answers("C2C", hour, [files([served])]);
    }
    bench.sync(3).run().exits(0);
    for hour in [H20, H19, H18] {
        let raw = bench.lake.receipt("C2C", hour)["raw"][0]["path"].as_str().unwrap().to_owned();
        assert_eq!(fs::read(bench.lake.root().join(raw)).unwrap(), archive("C2C", hour, 3).gzip);
    }
}

#[test]
fn several_gzip_members_are_all_read() {
    let bench = Bench::new();
    let plain = documented("C2C", H20, &messages("C2C", 9));
    let (first, rest) = plain.as_bytes().split_at(300);
    let (second, third) = rest.split_at(200);
    let members = [gzip(first), gzip(b""), gzip(second), gzip(third), gzip(b"")].concat();
    bench.vendor.answers("C2C", H20, [files([Archive::gzipped(plain.as_bytes(), members)])]);
    bench.sync(1).run().exits(0);
    assert_eq!(bench.lake.rows("C2C", H20).len(), 9);
}

#[test]
fn without_keep_raw_no_archive_is_kept() {
    for by_environment in [false, true] {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
        let sync = bench.sync(1);
        if by_environment { sync.env("TIMLAKE_KEEP_RAW", "false") } else { sync.arg("--no-keep-raw") }.run().exits(0);
        let receipt = bench.lake.receipt("C2C", H20);
        assert_eq!((&receipt["rows"], &receipt["raw"]), (&json!(2), &json!([])));
        assert_eq!(receipt["archives"][0]["gzip_md5"].as_str().unwrap().len(), 32, "what it was is still known");
        bench.lake.assert_consistent();
    }
}

#[test]
fn the_vendors_documented_examples_go_through_the_whole_unit() {
    let fixture = |name: &str| fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let sound = |name: &str, file_md5: &str, file_size: u64| {
        Archive::gzipped(b"", fixture(name)).declaring("FileSize", file_size).declaring("FileMD5", file_md5)
    };
    let bench = Bench::new();
    let c2c = sound("documented-c2c.gz", "870bc89d8e829190c2db3fe05ba5a53d", 506);
    let media = sound("media-c2c.gz", "5112e8f462abff12a918d5308ef030fc", 1356);
    let group = sound("documented-group.gz", "e2d1d674530a6907e717f0f5961fe3bc", 412);
    bench.vendor.answers("C2C", "2015120121", [files([c2c, media])]);
    bench.vendor.answers("Group", "2015120121", [files([group])]);
    bench.sync(1).both().now("2015-12-01T15:00:00Z").run().exits(0);

    let rows = bench.lake.rows("C2C", "2015120121");
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0]["msg_time"], "2015-12-01T13:00:06Z");
    assert_eq!(rows[0]["message_key"], "3452069198_1287657_1448974806");
    assert_eq!(rows[1]["elements"][1], json!({"type": "TIMFaceElem", "face_index": 6, "data": "abc\u{0}\u{1}"}));
    assert_eq!(rows[3]["elements"][0]["images"][2]["url"], "https://media.example/198");
    assert_eq!(bench.lake.rows("Group", "2015120121").len(), 1);
    assert_eq!(bench.lake.receipt("Group", "2015120121")["duplicates"], 1, "the example holds one message twice");
    bench.lake.assert_consistent();
}

#[test]
fn the_table_has_a_row_for_each_message_however_many_there_are() {
    let bench = Bench::new();
    let many: Vec<String> = (0..20_000).map(|seq| text_message("Group", seq, "一二三四五六七八九十")).collect();
    bench.vendor.answers("Group", H20, [files([Archive::with("Group", H20, &many)])]);
    bench.sync(1).set("--chat-type", "group").run().exits(0);
    let rows = bench.lake.rows("Group", H20);
    assert_eq!(rows.len(), 20_000);
    assert!(rows.iter().zip(0..).all(|(row, seq)| row["msg_seq"] == seq && row["source_line"] == seq + 2));
    bench.lake.assert_consistent();
}

#[test]
fn the_run_is_reported_as_one_json_document() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [code(99999)]);
    bench.vendor.answers(
        "C2C",
        H19,
        [files([Archive::with("C2C", H19, &[c2c(1, "a"), c2c(1, "a"), c2c(2, "b"), "{".into()])])],
    );
    let report = bench.sync(3).arg("--json").run().exits(3).json();
    assert_eq!(
        (&report["report_version"], &report["command"], &report["exit_code"]),
        (&json!(1), &json!("sync"), &json!(3))
    );
    assert_eq!(
        (&report["due"], &report["rows"], &report["duplicates"], &report["rejects"]),
        (&json!(3), &json!(2), &json!(1), &json!(1))
    );
    assert_eq!(report["outcomes"], json!({"committed": 1, "empty": 0, "not_ready": 1, "failed": 1, "lost": 0}));
    let units = report["units"].as_array().unwrap();
    let unit = |hour: &str| units.iter().find(|unit| unit["unit"] == format!("C2C/{hour}")).unwrap();
    assert_eq!(unit(H18)["state"], "failed");
    assert!(unit(H18)["error"]["cause"].as_str().unwrap().contains("99999"));
    assert_eq!((&unit(H19)["state"], &unit(H19)["rows"]), (&json!("committed"), &json!(2)));
    assert_eq!((&unit(H20)["chat_type"], &unit(H20)["hour"]), (&json!("C2C"), &json!(H20)));
}
