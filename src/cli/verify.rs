//! `timlake verify`: everything the receipts name, read again.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::backfill::check_range;
use crate::continuity::{Whole, look_at_all};
use crate::domain::{ChatType, Hour};
use crate::exit::{Exit, Failed};
use crate::lake::{Lake, LakeError};
use crate::out;
use crate::run::Signals;
use crate::settings::Settings;
use crate::verify::{Scope, Stretch, Verified, verify};

/// Which hours, and how thorough.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The first hour [default: all of them]
    #[arg(long, value_name = "H", requires = "to")]
    from: Option<Hour>,
    /// The hour after the last
    #[arg(long, value_name = "H", requires = "from")]
    to: Option<Hour>,
    /// Build every message again from its row and hold it against the kept archive
    #[arg(long)]
    deep: bool,
    /// Look for gaps in the numbers of each group's messages (MsgSeq) too; they do not change the exit code
    #[arg(long)]
    groups: bool,
}

/// Verifies and reports.
pub async fn run(args: VerifyArgs, settings: Settings) -> Result<Exit, Failed> {
    let signals = Signals::watch().context("cannot watch for signals").map_err(Failed::setup)?;
    let lake = Lake::at(&settings.lake)?;
    let known = match lake.manifest(settings.sdkappid) {
        // Something to report, not to stop at.
        Err(LakeError::Damaged { .. }) => true,
        manifest => manifest?.is_some(),
    };
    if !known {
        let error = anyhow!("there is no lake at `{}`: check --lake", lake.root().display());
        return Err(Failed { exit: Exit::Lake, error });
    }
    let range = args.from.zip(args.to);
    if let Some((from, to)) = range {
        check_range(from, to, settings.clock.now())?;
    }
    let scope = Scope { range, deep: args.deep, threads: settings.concurrency, now: settings.clock.now() };
    let groups = args.groups && settings.chat_types.contains(&ChatType::Group);
    let (stop, progress) = (signals.stop().clone(), settings.progress);
    let verifying = tokio::task::spawn_blocking(move || {
        let bar = if progress { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let tick = |units: usize| {
            bar.set_length(units as u64);
            bar.inc(1);
        };
        let looked = verify(&lake, &scope, &stop, &tick).and_then(|verified| {
            bar.reset();
            let groups = if groups { look_at_groups(&lake, &scope, &verified, &stop, &tick)? } else { None };
            Ok((verified, groups))
        });
        bar.finish_and_clear();
        looked
    });
    let (verified, groups) = verifying.await.context("verifying broke off").map_err(Failed::setup)??;
    if let Some(exit) = signals.received() {
        return Ok(exit);
    }
    let exit = if verified.found_damage() { Exit::Damage } else { Exit::Done };
    let text = match (settings.json, groups) {
        (true, groups) => report_json(&verified, groups.as_ref(), exit),
        (false, Some(groups)) => format!("{}\n{}", text(&verified), groups.text()),
        (false, None) if args.groups => format!("{}\n{GROUPS_LEFT_OUT}\n", text(&verified)),
        (false, None) => text(&verified),
    };
    out::print(&text).context("cannot print the report").map_err(Failed::setup)?;
    Ok(exit)
}

/// So many stretches of the map are shown as text: who needs all of them reads the JSON.
const STRETCHES: usize = 24;

/// Where somebody asks for groups and leaves them out at once.
const GROUPS_LEFT_OUT: &str = "Group continuity: not looked at, because --chat-type leaves Group out";

/// The gaps in the groups, as far as the tables in the scope are sound.
fn look_at_groups(
    lake: &Lake,
    scope: &Scope,
    verified: &Verified,
    stop: &CancellationToken,
    tick: &(impl Fn(usize) + Sync),
) -> Result<Option<Whole>, LakeError> {
    let damage = verified.findings.iter().filter(|finding| finding.kind.is_damage());
    let damaged = damage.map(|finding| finding.path.as_str()).collect();
    look_at_all(lake, scope.range, &damaged, scope.threads, stop, tick)
}

fn text(verified: &Verified) -> String {
    let mut text = String::new();
    for finding in &verified.findings {
        let kind = serde_json::to_value(finding.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
        // Writing into a string cannot fail.
        let _ =
            writeln!(text, "{:<8} {}: {}; {}", kind.unwrap_or_default(), finding.path, finding.what, finding.remedy);
    }
    let Verified { receipts, provable, recorded, files, bytes, rows, .. } = verified;
    let _ = writeln!(
        text,
        "receipts read: {receipts}; files read: {files}, with {bytes} bytes; rows decoded: {rows}\n\
         units that their kept archives prove: {provable}; units with rows that are recorded only: {recorded}"
    );
    for Stretch { chat_type, from, to, proof } in verified.map.iter().take(STRETCHES) {
        let _ = writeln!(text, "  {chat_type:<6} {from} to {}  {}", to.plus(-1), proof.words());
    }
    if verified.map.len() > STRETCHES {
        let _ =
            writeln!(text, "  … and {} more stretches of hours: --json has them all", verified.map.len() - STRETCHES);
    }
    let damage = verified.findings.iter().filter(|finding| finding.kind.is_damage()).count();
    let _ = writeln!(text, "damage found: {damage}; files beside the lake's own: {}", verified.findings.len() - damage);
    text
}

fn report_json(verified: &Verified, groups: Option<&Whole>, exit: Exit) -> String {
    out::json(&json!({
        "report_version": 1,
        "command": "verify",
        "exit_code": exit.code(),
        "verified": verified,
        "groups": groups,
    }))
}
