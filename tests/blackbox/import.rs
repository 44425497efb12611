//! `timlake import`: archives kept elsewhere.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::program::Invocation;
use crate::support::*;

/// Writes an archive into a file of its own.
fn file(bench: &Bench, name: &str, archive: &Archive) -> PathBuf {
    let path = bench.home.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &archive.gzip).unwrap();
    path
}

fn import(bench: &Bench, files: &[&PathBuf]) -> Invocation {
    let words: Vec<&str> = std::iter::once("import").chain(files.iter().map(|file| file.to_str().unwrap())).collect();
    Invocation::bare(&words, bench.home.path()).set("--lake", bench.lake.root()).set("--now", NOW)
}

#[test]
fn an_imported_unit_has_the_bytes_of_a_synced_one() {
    let bench = Bench::new();
    let archives = [archive("C2C", H20, 3), Archive::with("C2C", H20, &[c2c(900, "more")])];
    bench.vendor.answers("C2C", H20, [files(archives.clone())]);
    bench.sync(1).run().exits(0);

    let other = Bench::new();
    let [one, two] = [0, 1].map(|at| file(&other, &format!("{at}.gz"), &archives[at]));
    import(&other, &[&one, &two]).run().exits(0);
    assert_eq!(other.lake.data(), bench.lake.data());
    assert_eq!(other.lake.card()["sdkappid"], SDKAPPID);
    assert_eq!(other.lake.card()["chat_types"], json!({}), "an import watches nothing");
    assert!(one.exists() && two.exists(), "the files stay where they are");
    other.lake.assert_consistent();
}

#[test]
fn any_number_of_files_in_any_order_and_from_folders_and_the_same_again_is_nothing_to_do() {
    let bench = Bench::new();
    file(&bench, "in/a/1.gz", &archive("C2C", H20, 2));
    file(&bench, "in/b.gz", &archive("Group", H19, 1));
    file(&bench, "in/notes.txt", &archive("Group", H18, 1));
    let old = file(&bench, "old.gz", &archive("C2C", "2015120121", 2));
    let folder = bench.home.path().join("in");
    let run = import(&bench, &[&old, &folder, &old]).arg("--json").run().exits(0).json();
    assert_eq!(run["units"].as_array().unwrap().len(), 3);
    let before = bench.lake.everything();
    let run = import(&bench, &[&old, &folder]).arg("--json").run().exits(0).json();
    assert!(run["units"].as_array().unwrap().iter().all(|unit| unit["outcome"] == "same"));
    assert_eq!(bench.lake.everything(), before);
}

#[test]
fn other_archives_than_before_are_refused_without_replace_and_the_old_ones_go_to_quarantine_with_it() {
    let bench = Bench::new();
    let (first, second) = (archive("C2C", H20, 2), Archive::with("C2C", H20, &[c2c(900, "other")]));
    let (one, two) = (file(&bench, "1.gz", &first), file(&bench, "2.gz", &second));
    import(&bench, &[&one]).run().exits(0);
    let before = bench.lake.everything();
    let run = import(&bench, &[&two]).run().exits(3);
    assert!(run.stdout.contains("--replace"), "{run}");
    assert_eq!(bench.lake.everything(), before);

    import(&bench, &[&two]).arg("--replace").run().exits(0);
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!((&receipt["rows"], &receipt["archives"][0]["gzip_md5"]), (&json!(1), &json!(second.gzip_md5())));
    bench.lake.assert_quarantined("C2C", H20, &first.gzip);
    assert_eq!(bench.lake.files(&["raw"]).len(), 1);
    bench.lake.assert_consistent();
}

#[test]
fn a_file_of_another_app_is_refused_by_name_before_anything_is_imported() {
    let bench = Bench::new();
    let good = file(&bench, "good.gz", &archive("C2C", H20, 2));
    let foreign = documented("C2C", H19, &[c2c(1, "x")]).replace(&SDKAPPID.to_string(), "1600000000");
    let foreign = file(&bench, "foreign.gz", &Archive::of(foreign));
    import(&bench, &[&good, &foreign]).run().refused(&["foreign.gz", "1600000000"]);
    assert!(!bench.lake.root().join("receipts").exists());
    import(&bench, &[&good]).set("--sdkappid", "1600000000").run().refused(&["good.gz"]);
}

#[test]
fn what_is_no_archive_is_refused_with_a_line_each_and_the_rest_goes_on() {
    let bench = Bench::new();
    let good = file(&bench, "good.gz", &archive("C2C", H20, 2));
    let whole = archive("C2C", H19, 5);
    let bad = |name: &str, bytes: &[u8]| {
        let path = bench.home.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let files = [
        bad("empty.gz", b""),
        bad("cut.gz", &whole.gzip[..whole.gzip.len() - 6]),
        bad("plain.gz", b"not gzip at all"),
        bad("tar.gz", &gzip(&[0; 1024])),
        bad("nameless.gz", &gzip(b"{\"MsgList\":[\n]}")),
        bad(
            "broken.gz",
            &gzip(
                documented("C2C", H18, &[c2c(1, "x")])
                    .trim_end()
                    .trim_end_matches(']')
                    .trim_end_matches('}')
                    .as_bytes(),
            ),
        ),
        bench.home.path().join("missing.gz"),
    ];
    fs::create_dir(bench.home.path().join("nothing")).unwrap();
    let folder = bench.home.path().join("nothing");
    let all: Vec<&PathBuf> = files.iter().chain([&folder, &good]).collect();
    let run = import(&bench, &all).run().exits(3);
    for file in files.iter().chain([&folder]) {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(run.stdout.lines().any(|line| line.contains(name) && line.contains("refused")), "{name}: {run}");
    }
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    assert_eq!(bench.lake.files(&["receipts"]).len(), 1);
}

#[test]
fn lost_empty_and_failed_hours_are_mended_by_an_import() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [code(99999)]);
    bench.vendor.answers("C2C", H19, [code(1005)]);
    bench.vendor.answers("C2C", H18, [files([])]);
    bench.sync(3).run().exits(4);
    let files = [H20, H19, H18].map(|hour| file(&bench, &format!("{hour}.gz"), &archive("C2C", hour, 2)));
    import(&bench, &files.iter().collect::<Vec<_>>()).run().exits(0);
    for hour in [H20, H19, H18] {
        let receipt = bench.lake.receipt("C2C", hour);
        assert_eq!(
            (&receipt["state"], &receipt["reason"], &receipt["error"]),
            (&json!("committed"), &Value::Null, &Value::Null)
        );
        assert_eq!(receipt["attempts"], 2);
    }
    bench.lake.assert_consistent();
}

#[test]
fn an_import_into_a_lake_that_is_held_ends_with_75() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 1)])]);
    bench.vendor.hold_downloads();
    let sync = bench.sync(1).start();
    bench.vendor.wait_for_downloads(1);
    let file = file(&bench, "1.gz", &archive("C2C", H19, 2));
    import(&bench, &[&file]).run().exits(75);
    bench.vendor.release();
    sync.wait().exits(0);
}
