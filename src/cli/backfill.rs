//! `timlake backfill`: an explicit range of hours.

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use clap::Args;

use super::runner::{Done, Session, policy, receipts, with_metrics};
use crate::domain::Hour;
use crate::exit::{Exit, Failed};
use crate::out;
use crate::plan::{self, Rerun};
use crate::settings::Settings;

/// Which hours, and which of them.
#[derive(Clone, Debug, Args)]
pub struct BackfillArgs {
    /// The first hour: YYYYMMDDHH in Beijing time, or an RFC 3339 instant in it
    #[arg(long, value_name = "H")]
    pub from: Hour,
    /// The hour after the last
    #[arg(long, value_name = "H")]
    pub to: Hour,
    /// Which units to ask for: those without a final state, only failed ones, or all, finished ones too
    #[arg(long, default_value = "missing", value_name = "missing|failed|all")]
    pub rerun: Rerun,
}

/// Judges a range of hours: in order, and none that has not begun.
pub(super) fn check_range(from: Hour, to: Hour, now: DateTime<Utc>) -> Result<(), Failed> {
    if from > to {
        return Err(Failed::setup(anyhow!("--from {from} is after --to {to}: give the earlier hour as --from")));
    }
    let Some(current) = Hour::containing(now) else { return Ok(()) };
    for (name, hour, last) in [("from", from, current), ("to", to, current.plus(1))] {
        if hour > last {
            return Err(Failed::setup(anyhow!(
                "--{name} {hour} is in the future: the current hour in Beijing is {current}; --{name} may be at most {last}"
            )));
        }
    }
    Ok(())
}

/// Does the units of a range.
pub async fn run(args: BackfillArgs, settings: Settings) -> Result<Exit, Failed> {
    with_metrics(settings, async |settings| backfill(args, settings).await, |report, _| Ok(report.text())).await
}

async fn backfill(args: BackfillArgs, settings: Settings) -> Result<Done, Failed> {
    check_range(args.from, args.to, settings.clock.now())?;
    // Whoever asks for all of it again may do so because something of it is damaged.
    let session = Session::open(settings)?.rereading(args.rerun == Rerun::All);
    let range = (args.from, args.to);
    let known = receipts(&session.lake, &session.settings.chat_types, Some(range))?;
    let mut tasks = Vec::new();
    for (&chat_type, receipts) in &known {
        let policy = policy(&session.settings);
        tasks.extend(plan::backfill(chat_type, session.now, &policy, range, args.rerun, receipts));
    }
    let resume = resume();
    if !session.settings.json {
        // Told before the work begins: whoever has to stop it wants to know.
        let _ = out::print(&format!("to resume: {resume}\n"));
    }
    let mut done = session.work("backfill", tasks, &known).await?;
    done.report.resume = Some(resume);
    Ok(done)
}

/// The command as it was typed: whatever it said besides the range stands there too, and no secret can.
fn resume() -> String {
    std::env::args_os().map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word as a shell would take it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
