//! `timlake import`: archives kept elsewhere, of any age.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};

use super::runner::{manifest_of, tell_fault, works};
use crate::archive::{self, Header};
use crate::domain::Unit;
use crate::domain::receipt::Receipt;
use crate::exit::{Exit, Failed};
use crate::lake::Lake;
use crate::out;
use crate::pipeline::{Imported, Works, import_unit};
use crate::run::{self, Signals};
use crate::settings::Settings;

/// Which files.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Archives, or folders of them; their headers name app, chat type and hour
    #[arg(required = true, value_name = "FILE.gz")]
    files: Vec<PathBuf>,
    /// Replace what an hour was made of before by these archives; the old ones go to quarantine
    #[arg(long)]
    replace: bool,
}

/// The outcome of one unit, or of a file that belongs to none.
enum Line {
    Unit(Unit, Imported),
    File(PathBuf, String),
}

/// Imports the files, unit by unit.
pub async fn run(args: ImportArgs, settings: Settings) -> Result<Exit, Failed> {
    let signals = Signals::watch().context("cannot watch for signals").map_err(Failed::setup)?;
    let lake = Lake::at(&settings.lake)?;
    let known = lake.manifest(settings.sdkappid)?.map(|manifest| manifest.sdkappid).or(settings.sdkappid);
    let (headers, mut lines) = headers_of(&args.files);
    let sdkappid = one_app(known, &headers)?;
    let units = group(headers, &mut lines);
    let _lock = lake.lock()?;
    let manifest = manifest_of(&lake, sdkappid)?;
    let works = Arc::new(works(&settings, &lake, &manifest, &signals)?);

    let tasks = units
        .into_iter()
        .map(|(unit, files)| (unit, move |works: &Works| import_unit(unit, &files, args.replace, works)));
    let offline = run::offline(tasks, &works, settings.concurrency, settings.progress).await;
    let mut exit = tell_fault(offline.fault).and(signals.received().unwrap_or(Exit::Done));
    lines.extend(offline.outcomes.into_iter().map(|(unit, imported)| Line::Unit(unit, imported)));
    if lines.iter().any(is_refused) {
        exit = exit.and(Exit::Failed);
    }
    let text = if settings.json { out::json(&report_json(&lines, exit)) } else { text(&lines) };
    out::print(&text).context("cannot print the report").map_err(Failed::setup)?;
    Ok(exit)
}

/// The header of every file, in argument order; folders stand for the `.gz` files below them, by name.
fn headers_of(files: &[PathBuf]) -> (Vec<(PathBuf, Header)>, Vec<Line>) {
    let (mut headers, mut lines) = (Vec::new(), Vec::new());
    for file in files {
        match below(file) {
            Err(error) => lines.push(Line::File(file.clone(), error.to_string())),
            Ok(files) if files.is_empty() => {
                lines.push(Line::File(file.clone(), "the folder has no .gz file in it".to_owned()));
            }
            Ok(files) => {
                for file in files {
                    match header_of(&file) {
                        Ok(header) => headers.push((file, header)),
                        Err(cause) => lines.push(Line::File(file, cause)),
                    }
                }
            }
        }
    }
    (headers, lines)
}

fn below(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            files.extend(below(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "gz") {
            files.push(entry);
        }
    }
    Ok(files)
}

fn header_of(file: &Path) -> Result<Header, String> {
    let header = File::open(file).map_err(|error| error.to_string())?;
    let header = archive::header_of(header).map_err(|error| format!("{:#}", anyhow!(error)))?;
    match header.unit() {
        Some(_) => Ok(header),
        None => Err("its header names no chat type and hour, so nobody can say where it belongs".to_owned()),
    }
}

/// The one app of the lake and of all files; before anything is imported.
fn one_app(known: Option<u64>, headers: &[(PathBuf, Header)]) -> Result<u64, Failed> {
    let named = |header: &Header| header.sdkappid.as_deref().and_then(|app| app.trim().parse::<u64>().ok());
    let first = headers.iter().find_map(|(_, header)| named(header));
    let Some(sdkappid) = known.or(first) else {
        return Err(Failed::setup(anyhow!("no file's header names an app: give --sdkappid")));
    };
    match headers.iter().find(|(_, header)| header.sdkappid.is_some() && named(header) != Some(sdkappid)) {
        None => Ok(sdkappid),
        Some((file, header)) => Err(Failed::setup(anyhow!(
            "`{}` is of app {}, and the lake is of app {sdkappid}: leave it out, or give another --lake; nothing was imported",
            file.display(),
            header.sdkappid.as_deref().unwrap_or_default()
        ))),
    }
}

/// The files of each unit, in argument order.
fn group(headers: Vec<(PathBuf, Header)>, lines: &mut Vec<Line>) -> BTreeMap<Unit, Vec<PathBuf>> {
    let mut units: BTreeMap<Unit, Vec<PathBuf>> = BTreeMap::new();
    for (file, header) in headers {
        match header.unit() {
            Some(unit) => units.entry(unit).or_default().push(file),
            None => lines.push(Line::File(file, "its header names no unit".to_owned())),
        }
    }
    units
}

fn is_refused(line: &Line) -> bool {
    matches!(line, Line::File(..) | Line::Unit(_, Imported::Refused { .. }))
}

fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    let (mut taken, mut rows, mut same, mut refused) = (0, 0, 0, 0);
    for line in lines {
        // Writing into a string cannot fail.
        let _ = match line {
            Line::Unit(unit, Imported::Taken(receipt)) => {
                taken += 1;
                rows += receipt.rows;
                writeln!(
                    text,
                    "{unit}  {}, {} messages, {} duplicates, {} rejects",
                    receipt.state.as_str(),
                    receipt.rows,
                    receipt.duplicates,
                    receipt.rejects
                )
            }
            Line::Unit(unit, Imported::Same(_)) => {
                same += 1;
                writeln!(text, "{unit}  the same archives as before: nothing to do")
            }
            Line::Unit(unit, Imported::Refused { file, cause }) => {
                refused += 1;
                let file = file.as_ref().map(|file| format!("`{}`: ", file.display())).unwrap_or_default();
                writeln!(text, "{unit}  refused: {file}{cause}")
            }
            Line::File(file, cause) => {
                refused += 1;
                writeln!(text, "`{}`  refused: {cause}", file.display())
            }
        };
    }
    let _ =
        writeln!(text, "units imported: {taken}, with {rows} messages; the same as before: {same}; refused: {refused}");
    text
}

fn report_json(lines: &[Line], exit: Exit) -> Value {
    let unit_json = |unit: &Unit, outcome: &str, receipt: &Receipt| {
        json!({
            "unit": unit.to_string(), "chat_type": unit.chat_type, "hour": unit.hour, "outcome": outcome,
            "state": receipt.state, "rows": receipt.rows, "duplicates": receipt.duplicates, "rejects": receipt.rejects,
        })
    };
    let (mut units, mut refused) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Unit(unit, Imported::Taken(receipt)) => units.push(unit_json(unit, "imported", receipt)),
            Line::Unit(unit, Imported::Same(receipt)) => units.push(unit_json(unit, "same", receipt)),
            Line::Unit(unit, Imported::Refused { file, cause }) => {
                refused.push(json!({ "unit": unit.to_string(), "file": file, "cause": cause }));
            }
            Line::File(file, cause) => refused.push(json!({ "unit": null, "file": file, "cause": cause })),
        }
    }
    json!({ "report_version": 1, "command": "import", "exit_code": exit.code(), "units": units, "refused": refused })
}
