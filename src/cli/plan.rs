//! `timlake plan`: what would be done and why; changes nothing.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;

use super::backfill::check_range;
use super::runner::{policy, receipts};
use super::sync::watch_one;
use crate::domain::Hour;
use crate::domain::receipt::rfc3339;
use crate::exit::{Exit, Failed};
use crate::lake::{Lake, Manifest};
use crate::out;
use crate::plan::{self, Rerun, Task};
use crate::settings::Settings;

/// A range, to see what `backfill` would do instead of `sync`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The first hour of a backfill
    #[arg(long, value_name = "H", requires = "to")]
    from: Option<Hour>,
    /// The hour after the last of a backfill
    #[arg(long, value_name = "H", requires = "from")]
    to: Option<Hour>,
    /// Which units a backfill asks for [default: missing]
    #[arg(long, value_name = "missing|failed|all", requires = "from")]
    rerun: Option<Rerun>,
}

/// Prints the plan.
pub fn run(args: &PlanArgs, settings: &Settings) -> Result<Exit, Failed> {
    let now = settings.clock.now();
    let lake = Lake::at(&settings.lake)?;
    let manifest = lake.manifest(settings.sdkappid)?;
    let range = args.from.zip(args.to);
    if let Some((from, to)) = range {
        check_range(from, to, now)?;
    }
    let known = receipts(&lake, &settings.chat_types, range)?;
    // Without a lake, or for a chat type that is new: what the first sync would write there.
    let mut manifest = manifest.unwrap_or_else(|| Manifest::new(settings.sdkappid.unwrap_or_default()));
    let mut tasks = Vec::new();
    for (&chat_type, receipts) in &known {
        watch_one(&mut manifest, chat_type, now, settings.lookback)?;
        let policy = policy(settings);
        tasks.extend(match range {
            Some(range) => {
                let rerun = args.rerun.unwrap_or(Rerun::Missing);
                plan::backfill(chat_type, now, &policy, range, rerun, receipts)
            }
            None => plan::sync(chat_type, now, &policy, &manifest.chat_types[&chat_type], receipts),
        });
    }
    plan::finish(&mut tasks, &lake.interrupted()?, &known);
    let printed = if settings.json {
        let due: Vec<_> = tasks.iter().map(task_json).collect();
        out::print_json(&json!({ "report_version": 1, "command": "plan", "now": rfc3339(now), "due": due }))
    } else {
        out::print(&text(&tasks))
    };
    printed.context("cannot print the plan").map_err(|error: anyhow::Error| Failed::setup(anyhow!(error)))?;
    Ok(Exit::Done)
}

fn text(tasks: &[Task]) -> String {
    let mut text = String::new();
    for Task { unit, action, why, .. } in tasks {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{:<20} {:<8} {why}", unit.to_string(), action.as_str().replace('_', " "));
    }
    let _ = writeln!(text, "units due: {}", tasks.len());
    text
}

fn task_json(task: &Task) -> serde_json::Value {
    json!({
        "unit": task.unit.to_string(),
        "chat_type": task.unit.chat_type,
        "hour": task.unit.hour,
        "state": task.state(),
        "action": task.action.as_str(),
        "why": task.why,
    })
}
