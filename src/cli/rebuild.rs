//! `timlake rebuild`: the table, the rejects and missing receipts, made again from the kept archives.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};

use super::backfill::check_range;
use super::runner::{tell_fault, works};
use crate::domain::{Hour, Unit};
use crate::exit::{Exit, Failed};
use crate::lake::{FORMAT_VERSION, Lake, LakeError, Manifest};
use crate::out;
use crate::pipeline::{Rebuilt, Works, rebuild_unit};
use crate::run::{self, Offline, Signals};
use crate::settings::Settings;
use crate::table::schema::SCHEMA_VERSION;

/// Which hours.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// The first hour [default: all of them]
    #[arg(long, value_name = "H", requires = "to")]
    from: Option<Hour>,
    /// The hour after the last
    #[arg(long, value_name = "H", requires = "from")]
    to: Option<Hour>,
}

/// Makes the units of the range again, each all or nothing.
pub async fn run(args: RebuildArgs, settings: Settings) -> Result<Exit, Failed> {
    let signals = Signals::watch().context("cannot watch for signals").map_err(Failed::setup)?;
    let lake = Lake::at(&settings.lake)?;
    if !lake.root().is_dir() {
        return Err(no_lake(&lake));
    }
    let _lock = lake.lock()?;
    if lake.mend_manifest()? {
        tracing::warn!("lake.json was missing or damaged; it is written again from its copy");
    }
    let Some(manifest) = lake.manifest(settings.sdkappid)? else { return Err(no_lake(&lake)) };
    let range = args.from.zip(args.to);
    if let Some((from, to)) = range {
        check_range(from, to, settings.clock.now())?;
    }
    // What is kept stays, whatever is done with archives yet to come.
    let works = Works { keep_raw: true, ..works(&settings, &lake, &manifest, &signals)? };
    let tasks = units(&lake, range)?.into_iter().map(|unit| (unit, move |works: &Works| rebuild_unit(unit, works)));
    let mut offline = run::offline(tasks, &Arc::new(works), settings.concurrency, settings.progress).await;
    let tally = Tally::of(&offline);
    let exit = if tally.not_rebuilt > 0 { Exit::Failed } else { Exit::Done };
    let exit = exit.and(tell_fault(offline.fault.take())).and(signals.received().unwrap_or(Exit::Done));
    if range.is_none() && exit == Exit::Done && manifest.format_version < FORMAT_VERSION {
        lake.put_manifest(&Manifest { format_version: FORMAT_VERSION, ..manifest })?;
    }
    let text = if settings.json { out::json(&report_json(&offline, &tally, exit)) } else { text(&offline, &tally) };
    out::print(&text).context("cannot print the report").map_err(Failed::setup)?;
    Ok(exit)
}

fn no_lake(lake: &Lake) -> Failed {
    let error = anyhow!("there is no lake at `{}`: check --lake", lake.root().display());
    Failed { exit: Exit::Lake, error }
}

/// Everything that has a receipt or archives, or whose publication was interrupted.
fn units(lake: &Lake, range: Option<(Hour, Hour)>) -> Result<BTreeSet<Unit>, LakeError> {
    let inside = |unit: &Unit| range.is_none_or(|(from, to)| (from..to).contains(&unit.hour));
    let known = [lake.units_with_receipts()?, lake.units_with_archives()?, lake.interrupted()?];
    Ok(known.into_iter().flatten().filter(inside).collect())
}

/// Units by what became of them.
#[derive(Default)]
struct Tally {
    made: usize,
    intact: usize,
    nothing_kept: usize,
    /// Of those without archives: units whose rows are of an older version of the table, and stay so.
    older_schema: usize,
    not_rebuilt: usize,
}

impl Tally {
    fn of(offline: &Offline<Rebuilt>) -> Tally {
        let mut tally = Tally::default();
        for (_, rebuilt) in &offline.outcomes {
            match rebuilt {
                Rebuilt::Made(_) => tally.made += 1,
                Rebuilt::Intact => tally.intact += 1,
                Rebuilt::NothingKept { schema_version } => {
                    tally.nothing_kept += 1;
                    tally.older_schema += usize::from(schema_version.is_some_and(|version| version < SCHEMA_VERSION));
                }
                Rebuilt::NotRebuilt(_) => tally.not_rebuilt += 1,
            }
        }
        tally
    }
}

fn text(offline: &Offline<Rebuilt>, tally: &Tally) -> String {
    let mut text = String::new();
    for (unit, rebuilt) in &offline.outcomes {
        // Writing into a string cannot fail.
        let _ = match rebuilt {
            Rebuilt::Intact | Rebuilt::NothingKept { .. } => Ok(()),
            Rebuilt::Made(receipt) => {
                let state = receipt.state.as_str();
                writeln!(text, "{unit}  made again: {state}, {} messages, {} rejects", receipt.rows, receipt.rejects)
            }
            Rebuilt::NotRebuilt(cause) => writeln!(text, "{unit}  not rebuilt, left as it was: {cause}"),
        };
    }
    let Tally { made, intact, nothing_kept, older_schema, not_rebuilt } = tally;
    let _ = writeln!(
        text,
        "units made again: {made}; found as their archives make them: {intact}; without archives, as recorded: {nothing_kept}; not rebuilt: {not_rebuilt}"
    );
    if *older_schema > 0 {
        let _ = writeln!(
            text,
            "units whose rows stay at an older version of the table, because their archives are not kept: {older_schema}"
        );
    }
    if *not_rebuilt > 0 {
        text.push_str(
            "for those not rebuilt: restore the files named from a backup and run this again, or `timlake backfill --rerun all` while the vendor has the hour\n",
        );
    }
    text
}

fn report_json(offline: &Offline<Rebuilt>, tally: &Tally, exit: Exit) -> Value {
    let (mut made, mut not_rebuilt) = (Vec::new(), Vec::new());
    for (unit, rebuilt) in &offline.outcomes {
        match rebuilt {
            Rebuilt::Intact | Rebuilt::NothingKept { .. } => {}
            Rebuilt::Made(receipt) => made.push(json!({
                "unit": unit.to_string(), "chat_type": unit.chat_type, "hour": unit.hour,
                "state": receipt.state, "rows": receipt.rows, "duplicates": receipt.duplicates, "rejects": receipt.rejects,
            })),
            Rebuilt::NotRebuilt(cause) => not_rebuilt.push(json!({
                "unit": unit.to_string(), "chat_type": unit.chat_type, "hour": unit.hour, "cause": cause,
            })),
        }
    }
    json!({
        "report_version": 1,
        "command": "rebuild",
        "exit_code": exit.code(),
        "made": made,
        "intact": tally.intact,
        "nothing_kept": tally.nothing_kept,
        "older_schema": tally.older_schema,
        "not_rebuilt": not_rebuilt,
    })
}
