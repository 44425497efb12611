//! The rooms of the house keep to themselves: read off the `use` lines and paths of the source.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// All source files under `src`, with their text up to their unit tests.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let text = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
    };
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    files.iter().filter(|path| !path.ends_with("tests.rs")).map(|path| (name(path), text(path))).collect()
}

/// The room a file belongs to: `tim` for `tim.rs` and all of `tim/`.
fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// The rooms of ours that a text names.
fn rooms_named(text: &str) -> Vec<&str> {
    text.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
        .collect()
}

#[test]
fn the_edges_know_the_nouns_and_never_each_other() {
    const EDGES: [&str; 5] = ["tim", "download", "archive", "table", "lake"];
    const BELOW: [&str; 6] = ["domain", "json", "http", "retry", "spool", "failpoint"];
    for (file, text) in sources().iter().filter(|(file, _)| EDGES.contains(&room(file))) {
        for named in rooms_named(text) {
            assert!(named == room(file) || BELOW.contains(&named), "{file} names {named}");
        }
    }
}

#[test]
fn the_nouns_know_nobody() {
    for (file, text) in sources().iter().filter(|(file, _)| room(file) == "domain") {
        for named in rooms_named(text) {
            assert!(["domain", "json"].contains(&named), "{file} names {named}");
        }
    }
}

#[test]
fn every_package_with_much_to_say_has_one_owner() {
    let owners: [(&str, &[&str]); 7] = [
        ("reqwest::", &["http", "tim", "download"]),
        ("parquet::", &["table"]),
        ("arrow::", &["table"]),
        ("flate2::", &["archive", "tim", "simulator"]),
        ("clap::", &["cli", "settings", "telemetry"]),
        ("hyper::", &["simulator"]),
        ("indicatif::", &["run", "telemetry", "cli"]),
    ];
    for (file, text) in sources() {
        for (package, rooms) in owners {
            let named =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| line.contains(package));
            assert!(!named || rooms.contains(&room(&file)), "{file} names {package}");
        }
    }
}
