//! `timlake status`: the coverage map.

use anyhow::{Context, anyhow};
use clap::Args;

use super::backfill::check_range;
use super::runner::receipts;
use crate::coverage::Coverage;
use crate::domain::Hour;
use crate::exit::{Exit, Failed};
use crate::lake::Lake;
use crate::out;
use crate::plan::first_watch;
use crate::settings::Settings;

/// Which hours to show, and whether to judge them.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The first hour shown [default: seven days ago]
    #[arg(long, value_name = "H")]
    from: Option<Hour>,
    /// The hour after the last one shown [default: the current hour]
    #[arg(long, value_name = "H")]
    to: Option<Hour>,
    /// Exit with 4 if a shown hour is lost, else with 3 if one failed: for monitors
    #[arg(long)]
    check: bool,
}

/// Prints the map.
pub fn run(args: &StatusArgs, settings: &Settings) -> Result<Exit, Failed> {
    let lake = Lake::at(&settings.lake)?;
    if lake.manifest(settings.sdkappid)?.is_none() {
        let missing = format!("there is no lake at `{}` yet", lake.root().display());
        if args.check {
            let error = anyhow!("{missing}: check --lake, or run `timlake sync` first");
            return Err(Failed { exit: Exit::Lake, error });
        }
        tracing::warn!("{missing}: everything is pending");
    }
    let coverage = coverage(args.from, args.to, &lake, settings)?;
    let printed = if settings.json { out::print_json(&coverage.json()) } else { out::print(&coverage.text()) };
    printed.context("cannot print the map").map_err(Failed::setup)?;
    Ok(if args.check { coverage.check() } else { Exit::Done })
}

/// The map of `[from, to)`, by default of the last seven days.
pub(super) fn coverage(
    from: Option<Hour>,
    to: Option<Hour>,
    lake: &Lake,
    settings: &Settings,
) -> Result<Coverage, Failed> {
    let now = settings.clock.now();
    let out_of_range = || Failed::setup(anyhow!("the clock is outside the years this program knows"));
    let to = to.or_else(|| Hour::containing(now)).ok_or_else(out_of_range)?;
    let week = chrono::Duration::days(7);
    let from = match from {
        Some(from) => from,
        None => first_watch(now, week).map(|watch| watch.watched_since).ok_or_else(out_of_range)?.min(to),
    };
    check_range(from, to, now)?;
    let receipts = receipts(lake, &settings.chat_types, Some((from, to)))?;
    let watched = lake.manifest(settings.sdkappid)?.map(|manifest| manifest.chat_types).unwrap_or_default();
    Ok(Coverage { now, from, to, lake: lake.root().to_owned(), receipts, watched })
}
