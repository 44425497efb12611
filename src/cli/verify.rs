//! `timlake verify`: everything the receipts name, read again.

use std::fmt::Write;

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;

use super::backfill::check_range;
use crate::domain::Hour;
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
    let scope = Scope { range, deep: args.deep, threads: settings.concurrency };
    let (stop, progress) = (signals.stop().clone(), settings.progress);
    let verifying = tokio::task::spawn_blocking(move || {
        let bar = if progress { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let tick = |units: usize| {
            bar.set_length(units as u64);
            bar.inc(1);
        };
        let verified = verify(&lake, &scope, &stop, &tick);
        bar.finish_and_clear();
        verified
    });
    let verified = verifying.await.context("verifying broke off").map_err(Failed::setup)??;
    if let Some(exit) = signals.received() {
        return Ok(exit);
    }
    let exit = if verified.found_damage() { Exit::Damage } else { Exit::Done };
    let text = if settings.json { report_json(&verified, exit) } else { text(&verified) };
    out::print(&text).context("cannot print the report").map_err(Failed::setup)?;
    Ok(exit)
}

/// So many stretches of the map are shown as text: who needs all of them reads the JSON.
const STRETCHES: usize = 24;

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

fn report_json(verified: &Verified, exit: Exit) -> String {
    out::json(&json!({ "report_version": 1, "command": "verify", "exit_code": exit.code(), "verified": verified }))
}
