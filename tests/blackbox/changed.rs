//! A committed hour is asked for again, and the vendor offers other archives than before.

use std::fs;

use serde_json::{Value, json};

use crate::support::lake::{date, read_json};
use crate::support::*;

/// Odd enough that the table alone could get it wrong: coerced, foreign and irregular values.
const ODD: [&str; 4] = [
    r#"{"From_Account":"a","To_Account":"b","MsgSeq":"12","MsgRandom":7,"MsgTimestamp":1795089601,"MsgBody":[{"MsgType":"TIMLocationElem","MsgContent":{"Desc":"x","Latitude":39.90,"Longitude":1e2,"More":[1.50]}}]}"#,
    r#"{"MsgSeq":1,"MsgSeq":2,"Unknown":{"b":1,"a":"\u00e9\/"}}"#,
    r#"{"From_Account":"\ud83d","MsgBody":{"not":"a list"}}"#,
    r#"{"To_Account":"\u4f60","MsgBody":[{"MsgContent":{"Text":"t"},"MsgType":"TIMTextElem"},{"MsgType":"TIMTextElem"}]}"#,
];

fn elements(extra: &[&str]) -> Vec<String> {
    ODD.iter().chain(extra).map(|element| (*element).to_owned()).collect()
}

fn rerun(bench: &Bench) -> program::Invocation {
    bench.backfill(H20, &hours_back(-1)).set("--rerun", "all")
}

/// Commits the first archives, asks again, and is answered with the others.
fn asked_again(first: Vec<Archive>, second: Vec<Archive>, flags: &[&str]) -> (Bench, Value, Run) {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files(first), files(second)]);
    let with = |run: program::Invocation| flags.iter().fold(run, |run, flag| run.arg(flag));
    with(bench.sync(1)).run().exits(0);
    let before = bench.lake.receipt("C2C", H20);
    let run = with(rerun(&bench)).run();
    (bench, before, run)
}

fn of(elements: &[String]) -> Archive {
    Archive::with("C2C", H20, elements)
}

#[test]
fn an_archive_that_has_grown_replaces_the_earlier_one() {
    for flags in [&[][..], &["--no-keep-raw"]] {
        let grown = of(&elements(&[&c2c(900, "late"), "[1]"]));
        let (bench, before, run) = asked_again(vec![of(&elements(&["[1]"]))], vec![grown.clone()], flags);
        run.exits(0);
        let receipt = bench.lake.receipt("C2C", H20);
        assert_eq!((&before["rows"], &receipt["rows"]), (&json!(4), &json!(5)), "{flags:?}");
        assert_eq!(receipt["archives"][0]["gzip_md5"], grown.gzip_md5());
        assert_eq!((&receipt["attempts"], &receipt["first_seen_at"]), (&json!(2), &before["first_seen_at"]));
        assert_eq!(receipt["conflict"], Value::Null);
        assert_eq!(bench.lake.files(&["raw"]).len(), usize::from(flags.is_empty()), "the earlier archive is gone");
        assert_eq!(bench.lake.rows("C2C", H20).len(), 5);
        bench.lake.assert_consistent();
    }
}

#[test]
fn an_archive_in_which_something_is_missing_does_not() {
    for flags in [&[][..], &["--no-keep-raw"]] {
        // One message less, and one more; or the reject gone.
        for other in [[&ODD[..3], &[c2c(900, "late").as_str(), "[1]"]].concat(), ODD.to_vec()] {
            let other: Vec<String> = other.iter().map(|element| (*element).to_owned()).collect();
            let offered = of(&other);
            let (bench, before, run) = asked_again(vec![of(&elements(&["[1]"]))], vec![offered.clone()], flags);
            let run = run.exits(0).says(&["quarantine"]);
            let receipt = bench.lake.receipt("C2C", H20);
            for key in ["state", "rows", "archives", "parquet", "raw", "committed_at", "rejects_file"] {
                assert_eq!(receipt[key], before[key], "{key} of {run}");
            }
            assert_eq!(receipt["conflict"]["file_md5"].as_array().unwrap().len(), 1);
            assert!(receipt["conflict"]["cause"].as_str().unwrap().contains("not in them"));
            bench.lake.assert_quarantined("C2C", H20, &offered.gzip);
            bench.lake.assert_consistent();
        }
    }
}

#[test]
fn the_same_archives_in_another_order_or_without_digests_are_no_change() {
    let (one, two) = (of(&[c2c(1, "one")]), of(&[c2c(2, "two")]));
    let bare = |archive: &Archive| archive.clone().undeclared("FileMD5");
    for again in [vec![two.clone(), one.clone()], vec![bare(&one), bare(&two)]] {
        let (bench, before, run) = asked_again(vec![one.clone(), two.clone()], again, &[]);
        run.exits(0);
        let receipt = bench.lake.receipt("C2C", H20);
        assert_eq!(receipt["asked_again"]["answer"], "unchanged");
        assert_eq!(receipt["archives"], before["archives"]);
        bench.lake.assert_consistent();
    }
}

#[test]
fn other_archives_that_are_damaged_leave_the_unit_as_it_was_and_fail_the_run() {
    let damaged = Archive::gzipped(b"x", gzip(b"something else")).undeclared("FileSize").undeclared("FileMD5");
    let (bench, before, run) = asked_again(vec![of(&elements(&[]))], vec![damaged], &[]);
    run.exits(3);
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!((&receipt["state"], &receipt["rows"]), (&json!("committed"), &before["rows"]));
    assert_eq!(receipt["asked_again"]["answer"], "failed");
    assert_eq!(receipt["checked_at"], before["checked_at"], "a failure does not count as asked");
    bench.lake.assert_consistent();
}

#[test]
fn a_replacement_killed_between_table_and_receipt_is_finished() {
    let grown = of(&elements(&[&c2c(900, "late")]));
    let (bench, before, _) = asked_again(vec![of(&elements(&[]))], vec![grown], &[]);
    let (after, receipt) = (bench.lake.data(), bench.lake.receipt("C2C", H20));
    // The earlier receipt, the earlier archive beside the new one, and the mark.
    fs::write(bench.lake.receipt_path("C2C", H20), before.to_string()).unwrap();
    let earlier = of(&elements(&[]));
    let old = bench.lake.root().join(before["raw"][0]["path"].as_str().unwrap());
    fs::write(old, &earlier.gzip).unwrap();
    let superseded = &before["raw"][0]["path"];
    let mark = json!({"raw": receipt["raw"], "archives": receipt["archives"], "superseded": [superseded]});
    fs::write(bench.lake.root().join(format!(".publishing/C2C-{H20}")), mark.to_string()).unwrap();
    bench.sync(1).set("--recheck", "off").run().exits(0);
    assert_eq!(bench.lake.data(), after);
    assert_eq!(read_json(&bench.lake.receipt_path("C2C", H20))["rows"], 5);
    bench.lake.assert_consistent();
}

#[test]
fn a_replacement_killed_before_the_table_leaves_the_earlier_unit() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([of(&elements(&[]))]), code(1005)]);
    bench.sync(1).run().exits(0);
    let (before, receipt) = (bench.lake.data(), bench.lake.receipt("C2C", H20));
    let grown = of(&elements(&[&c2c(900, "late")]));
    let path = format!("raw/chat_type=C2C/dt={}/{H20}.0-{}.gz", date(H20), &grown.gzip_md5()[..8]);
    fs::write(bench.lake.root().join(&path), &grown.gzip).unwrap();
    let mut archive = receipt["archives"][0].clone();
    archive["gzip_md5"] = json!(grown.gzip_md5());
    let sha256 = lake::sha256(&grown.gzip);
    let mark = json!({"raw": [{"path": path, "sha256": sha256}], "archives": [archive]});
    fs::write(bench.lake.root().join(format!(".publishing/C2C-{H20}")), mark.to_string()).unwrap();
    bench.sync(1).set("--recheck", "off").run().exits(0);
    assert_eq!(bench.lake.data(), before);
    assert_eq!(bench.lake.receipt("C2C", H20), receipt);
}

/// A gzip that breaks off, of which the vendor gives no digest.
fn broken() -> Archive {
    let whole = of(&elements(&[&c2c(901, "other")]));
    let half = whole.gzip[..whole.gzip.len() / 2].to_vec();
    ["FileSize", "FileMD5"].into_iter().fold(Archive::gzipped(b"", half), Archive::undeclared)
}

#[test]
fn damaged_bytes_make_room_for_the_next_ones_but_those_in_conflict_stay() {
    let (first, shrunk) = (of(&elements(&["[1]"])), of(&elements(&[])));
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([first]), files([broken()]), files([shrunk.clone()]), files([broken()])]);
    bench.sync(1).run().exits(0);
    let quarantined = || bench.lake.files(&["quarantine"]).into_keys().collect::<Vec<_>>();
    rerun(&bench).run().exits(3);
    let damaged = quarantined();
    assert_eq!(damaged.len(), 1);
    rerun(&bench).run().exits(0);
    let conflicting = quarantined();
    assert!(conflicting.len() == 1 && conflicting != damaged, "the damaged bytes made room: {conflicting:?}");
    rerun(&bench).run().exits(3);
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!(receipt["conflict"]["quarantine"], json!(conflicting));
    assert_eq!(quarantined().len(), 2, "what is in conflict may hold what we do not have");
    assert_eq!(receipt["quarantine"].as_array().unwrap().len(), 2);
    bench.lake.assert_consistent();
    bench.command("verify").run().exits(0);
}

#[test]
fn archives_that_a_person_replaced_never_make_room_for_others() {
    let bench = Bench::new();
    let (first, other) = (of(&elements(&["[1]"])), of(&elements(&[])));
    bench.vendor.answers(
        "C2C",
        H20,
        [files([first.clone()]), files([broken()]), files([of(&elements(&["[2]"])[1..])])],
    );
    bench.sync(1).run().exits(0);
    let path = bench.home.path().join("other.gz");
    fs::write(&path, &other.gzip).unwrap();
    bench.command("import").arg(path.to_str().unwrap()).arg("--replace").run().exits(0);
    for code in [3, 0] {
        rerun(&bench).run().exits(code);
        let receipt = bench.lake.receipt("C2C", H20);
        let set_aside = receipt["set_aside"][0].as_str().unwrap();
        assert_eq!(fs::read(bench.lake.root().join(set_aside)).unwrap(), first.gzip);
        assert!(receipt["quarantine"].as_array().unwrap().contains(&json!(set_aside)));
        assert_eq!(receipt["set_aside"].as_array().unwrap().len(), 1);
    }
    bench.command("verify").run().exits(0);
}
