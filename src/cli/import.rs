//! `timlake import`: archives kept elsewhere, of any age.

mod files;
mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;

use self::files::{Archive, Found};
use self::report::Report;
use super::runner::{manifest_of, tell_fault, works};
use crate::domain::Unit;
use crate::exit::{Exit, Failed};
use crate::lake::Lake;
use crate::out;
use crate::pipeline::{Works, import_unit};
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

/// The files of each unit, in argument order.
type Units = BTreeMap<Unit, Vec<PathBuf>>;

/// Imports the files, unit by unit.
pub async fn run(args: ImportArgs, settings: Settings) -> Result<Exit, Failed> {
    let signals = Signals::watch().context("cannot watch for signals").map_err(Failed::setup)?;
    let lake = Lake::at(&settings.lake)?;
    let known = lake.manifest(settings.sdkappid)?.map(|manifest| manifest.sdkappid).or(settings.sdkappid);
    let stop = signals.stop().clone();
    let finding = tokio::task::spawn_blocking(move || files::find(&args.files, &|| stop.is_cancelled()));
    let found = finding.await.context("looking for the files broke off").map_err(Failed::setup)?;
    if let Some(exit) = signals.received() {
        return Ok(exit);
    }
    let Found { archives, refused, passed_over } = found;
    let mut report =
        Report { lake: settings.lake.clone(), units: Vec::new(), refused, passed_over, not_tried: 0, exit: Exit::Done };
    // Where there is nothing to import, nothing is made: neither a lake nor a lock.
    if !archives.is_empty() {
        let sdkappid = one_app(known, &archives)?;
        let _lock = lake.lock()?;
        let manifest = manifest_of(&lake, sdkappid)?;
        // The same archives once more are a way to mend a unit.
        let works = Arc::new(Works { reread: true, ..works(&settings, &lake, &manifest, &signals)? });
        import(group(archives), args.replace, &works, &settings, &mut report).await;
        report.exit = report.exit.and(signals.received().unwrap_or(Exit::Done));
    }
    if report.has_refused() {
        report.exit = report.exit.and(Exit::Failed);
    }
    let printed = if settings.json { out::print_json(&report.json()) } else { out::print(&report.text()) };
    printed.context("cannot print the report").map_err(Failed::setup)?;
    Ok(report.exit)
}

/// Does all units of a lake that is held, several at once; what became of them is in the report then.
async fn import(units: Units, replace: bool, works: &Arc<Works>, settings: &Settings, report: &mut Report) {
    let all = units.len();
    let tasks =
        units.into_iter().map(|(unit, files)| (unit, move |works: &Works| import_unit(unit, &files, replace, works)));
    let offline = run::offline(tasks, works, settings.concurrency, settings.progress).await;
    report.exit = report.exit.and(tell_fault(offline.fault));
    report.not_tried = all - offline.outcomes.len();
    report.units = offline.outcomes;
}

/// The one app of the lake and of all files; before anything is imported.
fn one_app(known: Option<u64>, archives: &[Archive]) -> Result<u64, Failed> {
    let named = |archive: &Archive| archive.header.sdkappid.as_deref().and_then(|app| app.trim().parse::<u64>().ok());
    let Some(sdkappid) = known.or(archives.iter().find_map(named)) else {
        return Err(Failed::setup(anyhow!("no file's header names an app: give --sdkappid")));
    };
    let is_foreign = |archive: &&Archive| archive.header.sdkappid.is_some() && named(archive) != Some(sdkappid);
    match archives.iter().find(is_foreign) {
        None => Ok(sdkappid),
        Some(Archive { file, header, .. }) => Err(Failed::setup(anyhow!(
            "`{}` is of app {}, and the lake is of app {sdkappid}: leave it out, or give another --lake; nothing was imported",
            file.display(),
            header.sdkappid.as_deref().unwrap_or_default()
        ))),
    }
}

fn group(archives: Vec<Archive>) -> Units {
    let mut units = Units::new();
    for Archive { file, unit, .. } in archives {
        units.entry(unit).or_default().push(file);
    }
    units
}
