//! Archives that cannot be used: the unit fails, nothing of it is published, the bytes go to quarantine.

use std::time::Instant;

use crate::support::archive::md5;
use crate::support::*;

/// Syncs one hour that answers with this archive, and expects it to fail at `stage`.
fn fails_with(archive: Archive, stage: &str) -> (Bench, String) {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive])]);
    bench.sync(1).run().exits(3);
    let cause = bench.lake.assert_failed("C2C", H20, stage);
    (bench, cause)
}

/// The same for one whose bytes arrive as promised and go to quarantine.
fn is_quarantined(archive: Archive) -> String {
    let bytes = archive.gzip.clone();
    let (bench, cause) = fails_with(archive, "archive");
    bench.lake.assert_quarantined("C2C", H20, &bytes);
    bench.lake.assert_consistent();
    cause
}

fn plain() -> String {
    documented("C2C", H20, &messages("C2C", 20))
}

#[test]
fn truncated_gzip_fails_the_unit_and_publishes_nothing() {
    let whole = gzip(plain().as_bytes());
    is_quarantined(Archive::gzipped(plain().as_bytes(), whole[..whole.len() - 20].to_vec()));
}

#[test]
fn gzip_without_its_trailer_fails_the_unit() {
    let whole = gzip(plain().as_bytes());
    is_quarantined(Archive::gzipped(plain().as_bytes(), whole[..whole.len() - 8].to_vec()));
}

#[test]
fn gzip_cut_between_its_members_fails_the_unit() {
    let text = plain();
    let (first, _second) = text.as_bytes().split_at(text.len() / 2);
    is_quarantined(Archive::gzipped(text.as_bytes(), gzip(first)));
}

#[test]
fn gzip_with_a_wrong_checksum_fails_the_unit() {
    let mut damaged = gzip(plain().as_bytes());
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    is_quarantined(Archive::gzipped(plain().as_bytes(), damaged));
}

#[test]
fn trailing_garbage_after_the_gzip_fails_the_unit() {
    is_quarantined(Archive::gzipped(plain().as_bytes(), [gzip(plain().as_bytes()), b"garbage".to_vec()].concat()));
}

#[test]
fn bytes_that_are_no_gzip_fail_the_unit() {
    is_quarantined(Archive::gzipped(plain().as_bytes(), plain().into_bytes()));
}

#[test]
fn an_archive_of_no_bytes_fails_the_unit() {
    fails_with(Archive::gzipped(b"", Vec::new()), "archive");
}

#[test]
fn file_size_larger_than_what_is_there_fails_the_unit_saying_both() {
    let there = plain().len();
    let cause = is_quarantined(Archive::of(plain()).declaring("FileSize", there + 1));
    assert!(cause.contains(&there.to_string()) && cause.contains(&(there + 1).to_string()), "{cause}");
}

#[test]
fn another_file_md5_fails_the_unit_saying_both() {
    let other = md5(b"another file");
    let cause = is_quarantined(Archive::of(plain()).declaring("FileMD5", other.clone()));
    assert!(cause.contains(&other) && cause.contains(&md5(plain().as_bytes())), "{cause}");
}

#[test]
fn a_bomb_is_stopped_at_the_size_it_claims() {
    let claimed = plain().len();
    let bomb = format!("{}\n{}", header("C2C", H20), " ".repeat(200 << 20));
    let served = Archive::of(bomb).declaring("FileSize", claimed);
    let bytes = served.gzip.clone();
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([served])]);
    let began = Instant::now();
    // 64 MiB (128 where the shell counts in KiB) is far above what the program writes for it and far below what the bomb holds.
    let limited = if cfg!(target_os = "linux") { "ulimit -f 131072" } else { "true" };
    bench.sync(1).after(limited).run().exits(3);
    assert!(began.elapsed().as_secs() < 30, "it was read to the end");
    let cause = bench.lake.assert_failed("C2C", H20, "archive");
    assert!(cause.contains(&claimed.to_string()), "{cause}");
    bench.lake.assert_quarantined("C2C", H20, &bytes);
}

#[test]
fn an_empty_file_inside_the_gzip_fails_the_unit() {
    is_quarantined(Archive::of(""));
}

#[test]
fn a_file_that_is_no_message_log_fails_the_unit() {
    for text in [
        "<html>Service unavailable</html>",
        "[]",
        "{\"SdkAppId\":1400000000}",
        "{\"SdkAppId\":1400000000,\"MsgList\":{}}",
    ] {
        is_quarantined(Archive::of(text));
    }
}

#[test]
fn a_header_of_another_app_hour_or_chat_type_fails_the_unit_saying_both() {
    let lines = messages("C2C", 2).join(",\n");
    for (app, chat_type, hour, said, asked) in [
        (1_400_000_001, "C2C", H20, "1400000001", "1400000000"),
        (SDKAPPID, "Group", H20, "Group", "C2C"),
        (SDKAPPID, "C2C", H19, H19, H20),
    ] {
        let head = format!("{{\"SdkAppId\":{app},\"ChatType\":\"{chat_type}\",\"MsgTime\":\"{hour}\",\"MsgList\":[");
        let cause = is_quarantined(Archive::of(format!("{head}\n{lines}\n]}}\n")));
        assert!(cause.contains(said) && cause.contains(asked), "{cause}");
    }
}

#[test]
fn a_list_that_does_not_end_fails_the_unit() {
    let whole = plain();
    let list_end = whole.rfind("]}").unwrap();
    let one_line = whole.replace('\n', "");
    for cut in [
        // After a message, which ends in `]}` itself.
        &whole[..list_end],
        whole[..list_end].trim_end(),
        // Inside a message.
        &whole[..list_end - 10],
        // In the middle of the end.
        &whole[..=list_end],
        // The same where all is on one line.
        &one_line[..one_line.len() - 2],
        &one_line[..one_line.len() - 12],
    ] {
        is_quarantined(Archive::of(cut));
    }
}

#[test]
fn text_after_the_end_of_the_list_fails_the_unit() {
    for tail in ["x", "{}", &c2c(99, "late"), "\u{0}"] {
        is_quarantined(Archive::of(plain() + tail));
        is_quarantined(Archive::of(plain().replace('\n', "") + tail));
    }
}

#[test]
fn a_broken_element_in_a_file_that_is_not_in_lines_fails_the_unit() {
    let text = format!("{}{},{{\"MsgSeq\":}},{}]}}", header("C2C", H20), c2c(1, "a"), c2c(2, "b"));
    is_quarantined(Archive::of(text));
}

#[test]
fn more_rejects_than_rows_fail_the_unit_and_as_many_do_not() {
    let with_rejects = |rejects: usize| {
        let mut lines = messages("C2C", 2);
        lines.extend((0..rejects).map(|i| format!("not a message {i}")));
        Archive::with("C2C", H20, &lines)
    };
    is_quarantined(with_rejects(3));
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([with_rejects(2)])]);
    bench.sync(1).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    bench.lake.assert_consistent();
}

#[test]
fn a_failed_unit_is_due_again_and_keeps_when_it_was_first_seen() {
    let bench = Bench::new();
    let sound = archive("C2C", H20, 3);
    bench.vendor.answers("C2C", H20, [files([sound.clone().declaring("FileSize", 5)]), files([sound])]);
    bench.sync(1).run().exits(3);
    let failed = bench.lake.receipt("C2C", H20);
    bench.sync(1).run().exits(0);
    let committed = bench.lake.receipt("C2C", H20);
    assert_eq!(committed["state"], "committed");
    assert_eq!((failed["attempts"].as_u64(), committed["attempts"].as_u64()), (Some(1), Some(2)));
    assert_eq!(failed["first_seen_at"], committed["first_seen_at"]);
    assert!(committed["error"].is_null(), "{committed:#}");
    bench.lake.assert_consistent();
}
