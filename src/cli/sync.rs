//! `timlake sync`: the scheduled job.

use anyhow::anyhow;
use chrono::{DateTime, Duration, Utc};

use super::runner::{Done, Session, policy, receipts, with_metrics};
use crate::domain::{ChatType, Watch};
use crate::exit::{Exit, Failed};
use crate::lake::Manifest;
use crate::plan;
use crate::run::Ended;
use crate::settings::Settings;
use crate::tim::Stop;

/// How far ahead of ours the clock of the run that began a watch may have been.
const SLACK: Duration = Duration::minutes(5);

/// Does every due unit of the last seven days.
pub async fn run(settings: Settings) -> Result<Exit, Failed> {
    with_metrics(settings, sync, |report, _| Ok(report.text())).await
}

/// The same, for `demo` too.
pub(super) async fn sync(settings: Settings) -> Result<Done, Failed> {
    let mut session = Session::open(settings)?;
    let before = session.manifest.clone();
    watch(&mut session)?;
    let known = receipts(&session.lake, &session.settings.chat_types, None)?;
    let mut tasks = Vec::new();
    for (&chat_type, receipts) in &known {
        let watch = &session.manifest.chat_types[&chat_type];
        tasks.extend(plan::sync(chat_type, session.now, &policy(&session.settings), watch, receipts));
    }
    let done = session.work("sync", tasks, &known).await?;
    if matches!(done.report.run.ended, Some(Ended::Stop(Stop::Clock(_)))) && done.report.run.outcomes.is_empty() {
        // What a wrong clock took for the beginning of the watch is no beginning.
        done.restore(&before);
    }
    Ok(done)
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

/// Adds the first watch of a chat type that is not watched yet. One that began in the future was written under a wrong
/// clock: it begins now, and reaches as far back as either says.
pub(super) fn watch_one(
    manifest: &mut Manifest,
    chat_type: ChatType,
    now: DateTime<Utc>,
    lookback: Duration,
) -> Result<(), Failed> {
    let too_far = || Failed::setup(anyhow!("--lookback reaches back before there was anything to look at"));
    let first = plan::first_watch(now, lookback).ok_or_else(too_far)?;
    let watch = manifest.chat_types.entry(chat_type).or_insert(first);
    if watch.first_sync_at > now + SLACK {
        tracing::warn!("{chat_type} is watched since a time that has not come yet; watching it from now on");
        *watch = Watch { watched_since: watch.watched_since.min(first.watched_since), first_sync_at: now };
    }
    Ok(())
}
