//! `timlake sync`: the scheduled job.

use super::runner::{Session, policy, receipts, with_metrics};
use crate::domain::ChatType;
use crate::exit::{Exit, Failed};
use crate::lake::Manifest;
use crate::plan;
use crate::report::Report;
use crate::run::Ended;
use crate::settings::Settings;
use crate::tim::Stop;

/// Does every due unit of the last seven days.
pub async fn run(settings: Settings) -> Result<Exit, Failed> {
    with_metrics(settings, sync).await
}

/// The same, for `demo`.
pub(super) async fn sync(settings: Settings) -> Result<Report, Failed> {
    let mut session = Session::open(settings)?;
    let before = session.manifest.clone();
    watch(&mut session)?;
    let known = receipts(&session.lake, &session.settings.chat_types, None)?;
    let mut tasks = Vec::new();
    for (&chat_type, receipts) in &known {
        let watch = &session.manifest.chat_types[&chat_type];
        tasks.extend(plan::sync(chat_type, session.now, &policy(&session.settings), watch, receipts));
    }
    tasks.sort_by_key(|task| task.unit);
    let lake = session.lake.clone();
    let report = session.work("sync", tasks, &known).await?;
    if matches!(report.run.ended, Some(Ended::Stop(Stop::Clock(_)))) && report.run.outcomes.is_empty() {
        // What a wrong clock took for the beginning of the watch is no beginning.
        lake.put_manifest(&before)?;
    }
    Ok(report)
}

/// The first `sync` of a chat type writes down, before it asks for anything, what the lake answers for from now on.
fn watch(session: &mut Session) -> Result<(), Failed> {
    let known = session.manifest.clone();
    for &chat_type in &session.settings.chat_types {
        watch_one(&mut session.manifest, chat_type, session.now, session.settings.lookback)?;
    }
    if session.manifest != known {
        session.lake.put_manifest(&session.manifest)?;
    }
    Ok(())
}

/// Adds the first watch of a chat type that is not watched yet.
pub(super) fn watch_one(
    manifest: &mut Manifest,
    chat_type: ChatType,
    now: chrono::DateTime<chrono::Utc>,
    lookback: chrono::Duration,
) -> Result<(), Failed> {
    let too_far = || Failed::setup(anyhow::anyhow!("--lookback reaches back before there was anything to look at"));
    let watch = plan::first_watch(now, lookback).ok_or_else(too_far)?;
    manifest.chat_types.entry(chat_type).or_insert(watch);
    Ok(())
}
