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
use crate::lake::{Lake, LakeError};
use crate::out;
use crate::pipeline::{Rebuilt, Works, rebuild_unit};
use crate::run::{self, Offline, Signals};
use crate::settings::Settings;

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
    let not_rebuilt = offline.outcomes.iter().any(|(_, rebuilt)| matches!(rebuilt, Rebuilt::NotRebuilt(_)));
    let exit = if not_rebuilt { Exit::Failed } else { Exit::Done };
    let exit = exit.and(tell_fault(offline.fault.take())).and(signals.received().unwrap_or(Exit::Done));
    let text = if settings.json { out::json(&report_json(&offline, exit)) } else { text(&offline) };
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

fn text(offline: &Offline<Rebuilt>) -> String {
    let mut text = String::new();
    let (mut intact, mut made, mut nothing_kept, mut not_rebuilt) = (0, 0, 0, 0);
    for (unit, rebuilt) in &offline.outcomes {
        // Writing into a string cannot fail.
        let _ = match rebuilt {
            Rebuilt::Intact => {
                intact += 1;
                Ok(())
            }
            Rebuilt::NothingKept => {
                nothing_kept += 1;
                Ok(())
            }
            Rebuilt::Made(receipt) => {
                made += 1;
                let state = receipt.state.as_str();
                writeln!(text, "{unit}  made again: {state}, {} messages, {} rejects", receipt.rows, receipt.rejects)
            }
            Rebuilt::NotRebuilt(cause) => {
                not_rebuilt += 1;
                writeln!(text, "{unit}  not rebuilt, left as it was: {cause}")
            }
        };
    }
    let _ = writeln!(
        text,
        "units made again: {made}; found as their archives make them: {intact}; without archives, as recorded: {nothing_kept}; not rebuilt: {not_rebuilt}"
    );
    if not_rebuilt > 0 {
        text.push_str(
            "for those not rebuilt: restore the files named from a backup and run this again, or `timlake backfill --rerun all` while the vendor has the hour\n",
        );
    }
    text
}

fn report_json(offline: &Offline<Rebuilt>, exit: Exit) -> Value {
    let (mut made, mut not_rebuilt, mut intact, mut nothing_kept) = (Vec::new(), Vec::new(), 0, 0);
    for (unit, rebuilt) in &offline.outcomes {
        match rebuilt {
            Rebuilt::Intact => intact += 1,
            Rebuilt::NothingKept => nothing_kept += 1,
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
        "intact": intact,
        "nothing_kept": nothing_kept,
        "not_rebuilt": not_rebuilt,
    })
}
