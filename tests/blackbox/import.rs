//! `timlake import`: archives kept elsewhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

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
fn a_unit_of_which_something_is_missing_is_mended_by_the_same_archive_or_replaced_by_another() {
    let bench = Bench::new();
    let same = file(&bench, "same.gz", &archive("C2C", H20, 3));
    let other = file(&bench, "other.gz", &archive("C2C", H20, 4));
    import(&bench, &[&same]).run().exits(0);
    let (sound, receipt) = (bench.lake.data(), bench.lake.receipt("C2C", H20));
    for folder in ["raw", "messages"] {
        fs::remove_dir_all(bench.lake.root().join(folder)).unwrap();
        import(&bench, &[&same]).run().exits(0);
        assert_eq!(bench.lake.data(), sound);
        assert_eq!(bench.lake.receipt("C2C", H20)["first_seen_at"], receipt["first_seen_at"]);
    }
    fs::remove_dir_all(bench.lake.root().join("raw")).unwrap();
    import(&bench, &[&other]).run().exits(3);
    import(&bench, &[&other]).arg("--replace").run().exits(0).says(&["was not there any more"]);
    assert_eq!(bench.lake.receipt("C2C", H20)["rows"], 4);
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

/// Writes a file of any bytes.
fn bytes(bench: &Bench, name: &str, bytes: &[u8]) -> PathBuf {
    let path = bench.home.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// The line that refuses this file or folder; there is exactly one.
#[track_caller]
fn refusal<'a>(run: &'a Run, path: &Path) -> &'a str {
    let name = format!("`{}`", path.display());
    let lines: Vec<&str> = run.stdout.lines().filter(|line| line.contains(&name)).collect();
    assert!(lines.len() == 1 && lines[0].contains("refused: "), "{name}: {run}");
    lines[0]
}

/// A tar archive with one file in it, as far as a reader of logs sees.
fn tar(content: &[u8]) -> Vec<u8> {
    let mut tar = vec![0; 512];
    tar[..9].copy_from_slice(b"hour.json");
    tar[257..262].copy_from_slice(b"ustar");
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

#[test]
fn files_that_are_something_else_are_refused_with_the_reason() {
    let bench = Bench::new();
    let good = file(&bench, "good.gz", &archive("C2C", H20, 2));
    let text = documented("C2C", H19, &[c2c(1, "x")]);
    let keys = text.replace("ChatType", "Type").replace("MsgTime", "Hour");
    let other_list = text.replace("MsgList", "Messages");
    let lines_alone = format!("{}\n{}\n", c2c(1, "a"), c2c(2, "b"));
    let week = text.replace(H19, "2026-11-19");
    let files: [(PathBuf, &str); 8] = [
        (bytes(&bench, "keys.gz", &gzip(keys.as_bytes())), "names no chat type and hour"),
        (bytes(&bench, "day.gz", &gzip(week.as_bytes())), "names no chat type and hour"),
        (bytes(&bench, "list.gz", &gzip(other_list.as_bytes())), "not a message log"),
        (bytes(&bench, "lines.gz", &gzip(lines_alone.as_bytes())), "not a message log"),
        (bytes(&bench, "array.gz", &gzip(b"[{\"MsgSeq\":1}]")), "not a message log"),
        (bytes(&bench, "is-a-tar.gz", &tar(text.as_bytes())), "not gzip"),
        (bytes(&bench, "of-a-tar.gz", &gzip(&tar(text.as_bytes()))), "not a message log"),
        (bytes(&bench, "empty.gz", b""), "the file is empty"),
    ];
    let all: Vec<&PathBuf> = files.iter().map(|(path, _)| path).chain([&good]).collect();
    let run = import(&bench, &all).run().exits(3);
    for (path, reason) in &files {
        assert!(refusal(&run, path).contains(reason), "{reason}: {run}");
        assert!(path.exists(), "refused files stay where they are");
    }
    assert!(run.stdout.contains("refused: 8"), "{run}");
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    bench.lake.assert_consistent();
}

#[test]
fn what_is_no_regular_file_is_refused_and_never_waited_for() {
    let bench = Bench::new();
    let at = |name: &str| bench.home.path().join(name);
    file(&bench, "in/good.gz", &archive("C2C", H20, 2));
    for folder in ["in/", ""] {
        let pipe = at(&format!("{folder}pipe.gz"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        UnixListener::bind(at(&format!("{folder}socket.gz"))).unwrap();
        symlink("nowhere", at(&format!("{folder}dangling.gz"))).unwrap();
        symlink("self.gz", at(&format!("{folder}self.gz"))).unwrap();
        fs::create_dir(at(&format!("{folder}folder.gz"))).unwrap();
    }
    // A link to where archives were once, on a disk that is not there now.
    symlink("/nowhere/archives", at("in/older")).unwrap();
    let names = ["pipe.gz", "socket.gz", "dangling.gz", "self.gz", "folder.gz"];
    let given: Vec<PathBuf> = names.iter().map(|name| at(name)).chain([at("in"), PathBuf::from("/dev/null")]).collect();
    let run = import(&bench, &given.iter().collect::<Vec<_>>()).run().exits(3);
    for name in names {
        refusal(&run, &at(name));
        refusal(&run, &at("in").join(name));
    }
    assert!(refusal(&run, &at("pipe.gz")).contains("named pipe"), "{run}");
    assert!(refusal(&run, &at("folder.gz")).contains("no .gz file in it"), "{run}");
    refusal(&run, &at("in/older"));
    assert!(refusal(&run, Path::new("/dev/null")).contains("device"), "{run}");
    assert!(run.stdout.contains("refused: 12"), "{run}");
    assert_eq!(bench.lake.state("C2C", H20), "committed");
}

#[test]
fn links_that_lead_in_circles_are_refused_and_every_file_is_taken_once() {
    let bench = Bench::new();
    let at = |name: &str| bench.home.path().join(name);
    file(&bench, "in/a/1.gz", &archive("C2C", H20, 2));
    file(&bench, "in/b/2.gz", &archive("C2C", H19, 2));
    symlink("..", at("in/a/up")).unwrap();
    symlink(".", at("in/b/here")).unwrap();
    // A second way to the same folder is no circle, and nothing new.
    symlink("a", at("in/c")).unwrap();
    symlink("../in/b/2.gz", at("in/again.gz")).unwrap();
    let run = import(&bench, &[&at("in")]).run().exits(3);
    for circle in ["in/a/up", "in/b/here"] {
        assert!(refusal(&run, &at(circle)).contains("leads back"), "{run}");
    }
    assert!(run.stdout.contains("units imported: 2, with 4 messages; the same as before: 0; refused: 2"), "{run}");
    for hour in [H20, H19] {
        assert_eq!(bench.lake.receipt("C2C", hour)["archives"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_file_or_folder_that_must_not_be_read_is_refused_and_the_rest_goes_on() {
    let bench = Bench::new();
    file(&bench, "in/good.gz", &archive("C2C", H20, 2));
    let closed = file(&bench, "in/closed.gz", &archive("C2C", H19, 2));
    let folder = file(&bench, "in/folder/1.gz", &archive("C2C", H18, 2)).parent().unwrap().to_owned();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&closed, 0o000);
    allow(&folder, 0o000);
    // Root may read everything.
    let is_root = fs::File::open(&closed).is_ok();
    let run = import(&bench, &[&bench.home.path().join("in")]).run();
    allow(&folder, 0o700);
    if is_root {
        run.exits(0);
    } else {
        let run = run.exits(3);
        refusal(&run, &closed);
        refusal(&run, &folder);
    }
    assert_eq!(bench.lake.state("C2C", H20), "committed");
}

#[test]
fn where_everything_is_refused_no_lake_is_made_and_each_reason_is_told() {
    let bench = Bench::new();
    let folder = bench.home.path().join("nothing");
    fs::create_dir(&folder).unwrap();
    let notes = bench.home.path().join("notes");
    bytes(&bench, "notes/readme.txt", b"no archive");
    let empty = bytes(&bench, "empty.gz", b"");
    let given = [&folder, &notes, &empty];
    let run = import(&bench, &given).run().exits(3);
    given.iter().for_each(|path| assert!(!refusal(&run, path).is_empty()));
    assert!(run.stdout.contains("not called .gz, passed over: 1"), "{run}");
    assert!(!bench.lake.root().exists());
    let report = import(&bench, &given).arg("--json").run().exits(3).json();
    let refused = report["refused"].as_array().unwrap();
    assert_eq!((refused.len(), &report["passed_over"], &report["units"]), (3, &json!(1), &json!([])));
    assert!(refused.iter().all(|refused| refused["file"].is_string() && refused["cause"].is_string()));
}

#[test]
fn a_file_given_twice_under_any_name_is_one_archive() {
    let bench = Bench::new();
    let one = file(&bench, "one.gz", &archive("C2C", H20, 2));
    let copy = file(&bench, "copy.GZ", &archive("C2C", H20, 2));
    let link = bench.home.path().join("link.gz");
    symlink(&one, &link).unwrap();
    import(&bench, &[&one, &one, &copy, &link, &bench.home.path().to_owned()]).run().exits(0);
    let receipt = bench.lake.receipt("C2C", H20);
    assert_eq!((&receipt["rows"], receipt["archives"].as_array().unwrap().len()), (&json!(2), 1));
    bench.lake.assert_consistent();
}

#[test]
fn names_in_capitals_and_names_that_are_no_text_are_read_too() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let folder = bench.home.path().join("in");
    file(&bench, "in/A.GZ", &archive("C2C", H20, 2));
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff.gz")), &archive("C2C", H19, 2).gzip).unwrap();
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xfe.gz")), b"no gzip").unwrap();
    let report = import(&bench, &[&folder]).arg("--json").run().exits(3).json();
    assert_eq!((&report["imported"], report["refused"].as_array().unwrap().len()), (&json!(2), 1));
    assert!(report["refused"][0]["file"].as_str().unwrap().ends_with(".gz"));
}

#[test]
fn thousands_of_files_need_few_open_ones_and_a_screen_of_output() {
    const FILES: i64 = 2000;
    let bench = Bench::new();
    let folder = bench.home.path().join("in");
    fs::create_dir(&folder).unwrap();
    for back in 0..FILES {
        // Four of each hour.
        let hour = hours_back(back / 4);
        let archive = Archive::with("C2C", &hour, &[c2c(back as u64, "x")]);
        fs::write(folder.join(format!("{back:05}.gz")), &archive.gzip).unwrap();
    }
    let damaged = bytes(&bench, "in/damaged.gz", &archive("C2C", H20, 5).gzip[..60]);
    let run = import(&bench, &[&folder]).after("ulimit -n 64").run().exits(3);
    assert!(run.stdout.contains(&format!("units imported: 500, with {FILES} messages")), "{run}");
    refusal(&run, &damaged);
    assert!(run.stdout.lines().count() < 30, "{run}");
    let run = import(&bench, &[&folder]).arg("--json").run().exits(3).json();
    assert_eq!((&run["same"], run["units"].as_array().unwrap().len()), (&json!(500), 500));
    bench.lake.assert_consistent();
}

#[test]
fn an_import_reports_rejects_and_replaced_archives_with_their_path() {
    let bench = Bench::new();
    let lines = [messages("C2C", 5), vec!["oops".to_owned()]].concat();
    let first = file(&bench, "1.gz", &Archive::with("C2C", H20, &lines));
    let second = file(&bench, "2.gz", &archive("C2C", H20, 2));
    let told = |run: &Run, path: &Value| {
        let path = bench.lake.root().join(path.as_str().unwrap());
        assert!(path.exists() && run.stdout.contains(path.to_str().unwrap()), "{}: {run}", path.display());
    };
    let run = import(&bench, &[&first]).run().exits(0);
    assert!(run.stdout.contains("rejects: 1, of 1 unit"), "{run}");
    told(&run, &bench.lake.receipt("C2C", H20)["rejects_file"]["path"]);
    let run = import(&bench, &[&second]).arg("--replace").run().exits(0);
    assert!(run.stdout.contains("quarantined before: 1 file"), "{run}");
    told(&run, &bench.lake.receipt("C2C", H20)["quarantine"][0]);
    let report = import(&bench, &[&first]).arg("--replace").arg("--json").run().exits(0).json();
    assert_eq!((&report["rejects"], &report["quarantined"]), (&json!(1), &json!(2)));
    assert_eq!(report["units"][0]["rejects_file"], bench.lake.receipt("C2C", H20)["rejects_file"]);
}
