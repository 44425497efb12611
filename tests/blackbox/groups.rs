//! Group continuity: what the numbers of each group say of messages that are missing.

use std::fs;

use serde_json::{Value, json};

use crate::support::program::Invocation;
use crate::support::*;

/// An archive of group messages, each a group and its `MsgSeq`.
fn groups(hour: &str, messages: &[(&str, i64)]) -> Archive {
    let message = |&(group_id, msg_seq): &(&str, i64)| {
        json!({"From_Account": "alice", "GroupId": group_id, "MsgSeq": msg_seq, "MsgTimestamp": H20_START, "MsgBody": []})
            .to_string()
    };
    Archive::with("Group", hour, &messages.iter().map(message).collect::<Vec<_>>())
}

/// The same of one group.
fn group(hour: &str, msg_seqs: impl IntoIterator<Item = i64>) -> Archive {
    groups(hour, &msg_seqs.into_iter().map(|msg_seq| ("g", msg_seq)).collect::<Vec<_>>())
}

fn sync(bench: &Bench, hours: u32) -> Invocation {
    bench.sync(hours).set("--chat-type", "Group")
}

/// A lake of these archives, of consecutive hours up to [`H20`].
fn lake(archives: &[(&str, Archive)]) -> Bench {
    let bench = Bench::new();
    for (hour, archive) in archives {
        bench.vendor.answers("Group", hour, [files([archive.clone()])]);
    }
    sync(&bench, archives.len() as u32).run().exits(0);
    bench
}

fn verify(bench: &Bench) -> Invocation {
    bench.command("verify").arg("--groups").set("--chat-type", "Group")
}

fn looked_at(bench: &Bench) -> Value {
    verify(bench).arg("--json").run().exits(0).json()["groups"].clone()
}

/// Each gap as group, first and last number, first and last hour.
fn gaps(looked: &Value) -> Vec<Value> {
    let gap = |gap: &Value| json!([gap["group_id"], gap["first"], gap["last"], gap["from_hour"], gap["to_hour"]]);
    looked["gaps"].as_array().unwrap().iter().map(gap).collect()
}

#[test]
fn numbers_that_go_on_have_no_gap_wherever_they_begin() {
    let bench = lake(&[(H19, group(H19, 41..=50)), (H20, group(H20, 51..=60))]);
    let looked = looked_at(&bench);
    assert_eq!((&looked["units"], &looked["groups"], &looked["gaps"]), (&json!(2), &json!(1), &json!([])));
    let text = verify(&bench).run().exits(0).stdout;
    assert!(text.contains("no gaps") && !text.contains("Recalled"), "{text}");
}

#[test]
fn gaps_within_an_hour_and_between_hours_are_told_with_their_hours_and_change_no_exit_code() {
    let bench = lake(&[(H18, group(H18, [1, 2, 5])), (H19, group(H19, [6, 7])), (H20, group(H20, [9]))]);
    let looked = looked_at(&bench);
    assert_eq!(gaps(&looked), [json!(["g", 3, 4, H18, H18]), json!(["g", 8, 8, H19, H20])]);
    assert_eq!(looked["gaps"][0]["messages"], 2);
    assert_eq!(
        (&looked["ranges"], &looked["messages"], &looked["groups_with_gaps"], &looked["unexplained"]),
        (&json!(2), &json!(3), &json!(1), &json!(2))
    );
    let text = verify(&bench).run().exits(0).stdout;
    for said in
        ["2 ranges of MsgSeq (3 messages) are missing in 1 group", "g: MsgSeq 3 to 4 (2 messages) in", "Recalled"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(bench.command("verify").arg("--json").run().exits(0).json()["groups"], Value::Null, "not asked for");
}

#[test]
fn repeated_late_and_disordered_numbers_are_no_gaps() {
    let bench = lake(&[
        (H18, group(H18, [1, 3, 2, 6])),
        // 4 and 5 came an hour late, 6 stands in both hours.
        (H19, group(H19, [7, 5, 4, 6])),
        (H20, group(H20, [10, 9, 8])),
    ]);
    assert_eq!(gaps(&looked_at(&bench)), Vec::<Value>::new());
}

#[test]
fn every_group_is_counted_for_itself() {
    let of_19 = groups(H19, &[("b", 1), ("a", 7), ("b", 2), ("a", 9), ("c", 1)]);
    let bench = lake(&[(H19, of_19), (H20, groups(H20, &[("b", 4), ("c", 2), ("a", 10)]))]);
    let looked = looked_at(&bench);
    assert_eq!(gaps(&looked), [json!(["a", 8, 8, H19, H19]), json!(["b", 3, 3, H19, H20])]);
    assert_eq!((&looked["groups"], &looked["groups_with_gaps"]), (&json!(3), &json!(2)));
}

#[test]
fn a_lost_hour_explains_the_gap_around_it() {
    let bench = Bench::new();
    bench.vendor.answers("Group", H18, [files([group(H18, [1, 2])])]);
    bench.vendor.answers("Group", H19, [code(1005)]);
    bench.vendor.answers("Group", H20, [files([group(H20, [8, 9])])]);
    let report = sync(&bench, 3).run().exits(4).stdout;
    assert!(
        report.contains("group continuity in the hours taken: 1 range of MsgSeq (5 messages) is missing"),
        "{report}"
    );
    assert!(report.contains(&format!("Group/{H19} is lost")), "{report}");
    let looked = looked_at(&bench);
    assert_eq!(gaps(&looked), [json!(["g", 3, 7, H18, H20])]);
    assert_eq!(looked["gaps"][0]["explanations"], json!([{"first": H19, "last": H19, "why": "lost"}]));
    assert_eq!(looked["unexplained"], 0);
    assert!(verify(&bench).run().stdout.contains(&format!("Group/{H19} is lost")));
}

#[test]
fn rejects_explain_a_gap_in_their_hour() {
    let archive = Archive::with("Group", H20, &[text(1), "[\"broken\"]".to_owned(), text(3)]);
    let bench = Bench::new();
    bench.vendor.answers("Group", H20, [files([archive])]);
    sync(&bench, 1).run().exits(0);
    assert_eq!(looked_at(&bench)["gaps"][0]["explanations"], json!([{"first": H20, "last": H20, "why": "rejects"}]));
}

fn text(msg_seq: u64) -> String {
    archive::group(msg_seq, "text")
}

#[test]
fn a_group_that_seems_begun_anew_is_said_to_be() {
    let bench = lake(&[(H19, group(H19, [70, 71])), (H20, group(H20, [1, 2]))]);
    let looked = looked_at(&bench);
    assert_eq!(gaps(&looked), [json!(["g", 3, 69, H19, H20])]);
    assert_eq!(looked["gaps"][0]["out_of_order"], true);
    assert!(verify(&bench).run().stdout.contains("begun anew?"));
}

#[test]
fn what_has_no_number_is_left_out_and_extreme_numbers_do_no_harm() {
    let odd = [
        r#"{"GroupId":"g","MsgBody":[]}"#,
        r#"{"MsgSeq":5,"MsgBody":[]}"#,
        r#"{"GroupId":"g","MsgSeq":-9223372036854775808,"MsgBody":[]}"#,
        r#"{"GroupId":"g","MsgSeq":9223372036854775807,"MsgBody":[]}"#,
        r#"{"GroupId":"\u001b[31mh","MsgSeq":9223372036854775807,"MsgBody":[]}"#,
        r#"{"GroupId":"\u001b[31mh","MsgSeq":1,"MsgBody":[]}"#,
        r#"{"GroupId":"g","MsgSeq":1,"MsgBody":[]}"#,
        r#"{"GroupId":"i","MsgSeq":9223372036854775807,"MsgBody":[]}"#,
        r#"{"GroupId":"i","MsgSeq":1,"MsgBody":[]}"#,
    ];
    let bench = Bench::new();
    bench.vendor.answers("Group", H20, [files([Archive::with("Group", H20, &odd)])]);
    sync(&bench, 1).run().exits(0);
    let looked = looked_at(&bench);
    assert_eq!((&looked["unnumbered"], &looked["ranges"]), (&json!(3), &json!(3)));
    assert_eq!(looked["gaps"][0]["messages"], i64::MAX - 2);
    assert_eq!(looked["messages"], u64::MAX, "as many as can be told");
    let text = verify(&bench).run().exits(0).stdout;
    assert!(!text.contains('\u{1b}'), "a group's name reaches the terminal: {text}");
}

#[test]
fn only_the_range_is_looked_at() {
    let bench = lake(&[(H18, group(H18, [1])), (H19, group(H19, [3, 5])), (H20, group(H20, [7]))]);
    let of_range = |from: &str, to: &str| {
        let run = verify(&bench).set("--from", from).set("--to", to).arg("--json").run().exits(0);
        run.json()["groups"].clone()
    };
    assert_eq!(gaps(&of_range(H19, H20)), [json!(["g", 4, 4, H19, H19])]);
    assert_eq!(gaps(&of_range(H18, H20)).len(), 2);
    assert_eq!(of_range(H17, H18)["units"], 0);
    let text = verify(&bench).set("--from", H17).set("--to", H18).run().exits(0).stdout;
    assert!(text.contains("nothing can be said"), "{text}");
}

#[test]
fn without_groups_it_says_so() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 3)])]);
    bench.sync(1).run().exits(0);
    let of_c2c = bench.command("verify").arg("--groups");
    assert!(of_c2c.clone().run().exits(0).stdout.contains("--chat-type leaves Group out"));
    assert_eq!(of_c2c.arg("--json").run().exits(0).json()["groups"], Value::Null);
    assert!(verify(&bench).run().exits(0).stdout.contains("no Group hour with messages was read"));
}

#[test]
fn a_damaged_table_is_damage_and_an_explanation() {
    let bench = lake(&[(H18, group(H18, [1])), (H19, group(H19, [2, 3])), (H20, group(H20, [4]))]);
    fs::write(bench.lake.parquet_path("Group", H19), "no table").unwrap();
    let looked = verify(&bench).arg("--json").run().exits(6).json()["groups"].clone();
    assert_eq!((&looked["unread"], gaps(&looked)), (&json!([H19]), vec![json!(["g", 2, 3, H18, H20])]));
    assert_eq!(looked["gaps"][0]["explanations"][0]["why"], "unread");
}

#[test]
fn people_are_shown_the_first_gaps_and_programs_all() {
    let bench = lake(&[(H20, group(H20, (0..26).map(|n| 1 + 2 * n)))]);
    assert_eq!(gaps(&looked_at(&bench)).len(), 25);
    let text = verify(&bench).run().exits(0).stdout;
    assert_eq!(text.matches("g: MsgSeq").count(), 20);
    assert!(text.contains("… and 5 more: --json lists them all"), "{text}");
}

#[test]
fn a_sync_tells_the_gap_between_what_it_took_and_the_hour_before() {
    let bench = Bench::new();
    let answers = [(H18, group(H18, [1, 3])), (H19, group(H19, [4, 5, 7])), (H20, group(H20, [10, 11]))];
    for (hour, archive) in answers {
        bench.vendor.answers("Group", hour, [files([archive])]);
    }
    let earlier = bench.backfill(H18, H20).set("--chat-type", "Group").arg("--json").run().exits(0).json();
    assert_eq!((&earlier["groups"]["ranges"], &earlier["groups"]["first"]["first"]), (&json!(2), &json!(2)));
    // Of the hour before, only what lies next to the new one is news.
    let later = sync(&bench, 1).arg("--json").run().exits(0).json()["groups"].clone();
    assert_eq!((&later["units"], &later["ranges"], &later["messages"]), (&json!(2), &json!(1), &json!(2)));
    assert_eq!((&later["first"]["first"], &later["first"]["last"]), (&json!(8), &json!(9)));
    // Nothing was taken, so there is nothing to tell.
    let again = sync(&bench, 1).run().exits(0).stdout;
    assert!(!again.contains("group continuity"), "{again}");
}

#[test]
fn a_sync_says_nothing_of_hours_it_did_not_read_or_that_are_still_due() {
    let bench = Bench::new();
    let h16 = &hours_back(4);
    let answers =
        [(h16.as_str(), [1]), (H17, [2]), (H18, [3]), (H20, [6])].map(|(hour, seqs)| (hour, group(hour, seqs)));
    for (hour, archive) in answers {
        bench.vendor.answers("Group", hour, [files([archive])]);
    }
    // 19 is not ready: its messages may still come.
    let first = sync(&bench, 5).run().exits(0).stdout;
    assert!(!first.contains("group continuity"), "{first}");
    assert_eq!(looked_at(&bench)["gaps"][0]["explanations"][0]["why"], "not_ready");
    bench.vendor.answers("Group", H19, [files([group(H19, [4, 5])])]);
    let second = sync(&bench, 5).arg("--json").run().exits(0).json()["groups"].clone();
    assert_eq!((&second["units"], &second["ranges"]), (&json!(3), &json!(0)), "{second}");
    // 16 and 20 have grown and are taken again. 18 is not read, so nothing is said of its 3.
    for (hour, archive) in [(h16.as_str(), group(h16, [1, 0])), (H20, group(H20, [6, 7]))] {
        bench.vendor.answers("Group", hour, [files([archive])]);
    }
    let again = bench.backfill(h16, &hours_back(-1)).set("--chat-type", "Group").set("--rerun", "all");
    let again = again.arg("--json").run().exits(0).json()["groups"].clone();
    assert_eq!((&again["units"], &again["ranges"]), (&json!(4), &json!(0)), "{again}");
}

#[test]
fn a_table_that_cannot_be_read_does_not_fail_a_sync() {
    let bench = Bench::new();
    for (hour, archive) in [(H19, group(H19, [1, 2])), (H20, group(H20, [5, 6]))] {
        bench.vendor.answers("Group", hour, [files([archive])]);
    }
    bench.backfill(H19, H20).set("--chat-type", "Group").run().exits(0);
    fs::write(bench.lake.parquet_path("Group", H19), "no table").unwrap();
    let run = sync(&bench, 1).run().exits(0).says(&["are not looked at", H19]);
    assert!(!run.stdout.contains("group continuity"), "{run}");
}

#[test]
fn a_demo_has_no_gaps_and_an_hour_that_is_gone_shows() {
    let bench = Bench::new();
    let demo = |words: &[&str]| Invocation::bare(words, bench.home.path()).set("--lake", bench.lake.root());
    demo(&["demo", "--messages-per-hour", "60"]).run().exits(0);
    let looked = demo(&["verify", "--groups", "--json"]).run().exits(0).json()["groups"].clone();
    assert_eq!((&looked["gaps"], &looked["unnumbered"]), (&json!([]), &json!(0)));
    assert!(looked["units"].as_u64().unwrap() > 100, "{looked}");

    let receipts: Vec<String> = bench.lake.files(&["receipts/Group"]).into_keys().collect();
    let of_evening = receipts[30..].iter().find(|path| path.ends_with("20.json")).unwrap();
    let hour = &of_evening[of_evening.len() - "2026111920.json".len()..of_evening.len() - ".json".len()];
    let rows = bench.lake.receipt("Group", hour)["rows"].clone();
    fs::remove_file(bench.lake.root().join(of_evening)).unwrap();
    fs::remove_file(bench.lake.parquet_path("Group", hour)).unwrap();
    let looked = demo(&["verify", "--groups", "--json"]).run().exits(0).json()["groups"].clone();
    assert_eq!(
        (&looked["messages"], &looked["unexplained"]),
        (&rows, &json!(0)),
        "every message of the hour is missed"
    );
    assert_eq!(looked["gaps"][0]["explanations"][0], json!({"first": hour, "last": hour, "why": "pending"}));
}
