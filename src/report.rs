//! What a run did, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::attention::{Attention, NAMED, quarantined_files, units};
use crate::continuity::Taken;
use crate::domain::Unit;
use crate::domain::receipt::{Receipt, State, rfc3339};
use crate::exit::Exit;
use crate::pipeline::UnitOutcome;
use crate::run::{BREAKER, Ended, RunReport};
use crate::tim::Stop;

/// What lists everything of which a report names the first few.
const ALL: &str = "`timlake status --json` lists them";

/// What a run did and what it ends with.
pub struct Report {
    /// The command.
    pub command: &'static str,
    /// The lake's folder.
    pub lake: PathBuf,
    /// The time at which it planned.
    pub now: DateTime<Utc>,
    /// Units that were due.
    pub due: usize,
    /// What became of them.
    pub run: RunReport,
    /// The command that goes on where this one stopped, where it is not the same for everybody.
    pub resume: Option<String>,
    /// Losses this run reports.
    pub losses: Vec<Unit>,
    /// The gaps in the groups of the hours it took; none where it was not looked for them.
    pub groups: Option<Taken>,
    /// What it ends with.
    pub exit: Exit,
}

/// Sums over the units that were tried.
#[derive(Default)]
pub struct Sums {
    /// Units by the state they are in now; those whose try failed count as failed.
    pub outcomes: BTreeMap<State, usize>,
    /// Finished units among them that were asked for again and kept as they were.
    pub unchanged: usize,
    /// Messages that this run put into the table.
    pub rows: u64,
    /// Exact duplicates among them, dropped.
    pub duplicates: u64,
    /// Elements that are no messages.
    pub rejects: u64,
}

impl Report {
    /// Sums over the units that were tried.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums { outcomes: State::ALL.map(|state| (state, 0)).into(), ..Sums::default() };
        for outcome in &self.run.outcomes {
            *sums.outcomes.entry(state_of(outcome)).or_default() += 1;
            sums.unchanged += usize::from(is_unchanged(outcome));
            if outcome.taken {
                sums.rows += outcome.receipt.rows;
                sums.duplicates += outcome.receipt.duplicates;
                sums.rejects += outcome.receipt.rejects;
            }
        }
        sums
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let sums = self.sums();
        // Writing into a string cannot fail.
        let lake = self.lake.display();
        let _ =
            writeln!(text, "{} of `{lake}`: {} due, {} done", self.command, units(self.due), self.run.outcomes.len());
        for state in State::ALL {
            let of_state = |outcome: &&UnitOutcome| state_of(outcome) == state && !is_unchanged(outcome);
            let count = self.run.outcomes.iter().filter(of_state).count();
            if count > 0 {
                let _ = writeln!(text, "  {:<10} {count:>5}  {}", state.as_str().replace('_', " "), note(state, &sums));
            }
        }
        if sums.unchanged > 0 {
            let _ = writeln!(
                text,
                "  {:<10} {:>5}  finished before; asked for again and kept as they were",
                "unchanged", sums.unchanged
            );
        }
        self.write_failures(&mut text);
        let attention = Attention { lake: &self.lake, all: ALL };
        attention.conflicts(&mut text, &self.conflicting());
        attention.quarantined(&mut text, &self.failed());
        attention.rejects(&mut text, &self.taken());
        self.write_losses(&mut text);
        text + &self.groups.as_ref().map(Taken::text).unwrap_or_default()
    }

    fn write_failures(&self, text: &mut String) {
        let failed: Vec<_> =
            self.run.outcomes.iter().filter_map(|outcome| Some((outcome, outcome.failure.as_ref()?))).collect();
        for (outcome, failure) in failed.iter().take(NAMED) {
            let _ = writeln!(text, "{} failed at {}: {}", outcome.unit, failure.stage, failure.cause);
        }
        if failed.len() > NAMED {
            let _ = writeln!(text, "… and {} more: {ALL}, with the cause of each", failed.len() - NAMED);
        }
    }

    /// Receipts of units for which other archives were offered now, and not taken.
    fn conflicting(&self) -> Vec<&Receipt> {
        self.receipts_where(is_conflict)
    }

    /// Receipts of units that failed now.
    fn failed(&self) -> Vec<&Receipt> {
        self.receipts_where(|outcome| outcome.failure.is_some())
    }

    /// Receipts of units whose archives were taken now.
    fn taken(&self) -> Vec<&Receipt> {
        self.receipts_where(|outcome| outcome.taken)
    }

    fn receipts_where(&self, which: impl Fn(&UnitOutcome) -> bool) -> Vec<&Receipt> {
        self.run.outcomes.iter().filter(|outcome| which(outcome)).map(|outcome| &outcome.receipt).collect()
    }

    fn write_losses(&self, text: &mut String) {
        let (Some(first), Some(last)) = (self.losses.first(), self.losses.last()) else { return };
        let once = match self.exit {
            Exit::Lost => "this is said once",
            _ => "it will be said again, because this run ends with another exit code",
        };
        let count = self.losses.len();
        let _ = writeln!(
            text,
            "found lost: {} ({first} to {last}); the vendor deleted them before they were archived. \
             Whoever answers for the archive must know; {once}",
            units(count)
        );
    }

    /// The one sentence on stderr where the run ended before its units were done.
    pub fn complaint(&self) -> Option<anyhow::Error> {
        Some(match self.run.ended.as_ref()? {
            Ended::Stop(Stop::Credentials(said) | Stop::Setup(said) | Stop::Clock(said)) => anyhow!("{said}"),
            Ended::Lake(unit, error) => chain(error).context(format!("at {unit}")),
            Ended::Breaker(failure) => anyhow!(
                "stopped after {BREAKER} units in a row failed alike ({}): the vendor or the network is down; run again later",
                failure.cause
            ),
            Ended::Signal(_) => {
                anyhow!("interrupted: the lake is consistent; the same command goes on where this one stopped")
            }
        })
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let sums = self.sums();
        let outcomes: BTreeMap<&str, usize> =
            sums.outcomes.iter().map(|(state, count)| (state.as_str(), *count)).collect();
        json!({
            "report_version": 1,
            "command": self.command,
            "lake": self.lake.display().to_string(),
            "now": rfc3339(self.now),
            "exit_code": self.exit.code(),
            "due": self.due,
            "outcomes": outcomes,
            "unchanged": sums.unchanged,
            "conflicts": self.conflicting().len(),
            "quarantined": quarantined_files(&self.conflicting()) + quarantined_files(&self.failed()),
            "rows": sums.rows,
            "duplicates": sums.duplicates,
            "rejects": sums.rejects,
            "stopped": self.complaint().map(|complaint| format!("{complaint:#}")),
            "resume": self.resume,
            "losses": self.losses.iter().map(Unit::to_string).collect::<Vec<_>>(),
            "groups": self.groups,
            "units": self.run.outcomes.iter().map(unit_json).collect::<Vec<_>>(),
        })
    }
}

/// An error and its causes, as one that prints them all.
fn chain(error: &dyn std::error::Error) -> anyhow::Error {
    match error.source() {
        Some(source) => chain(source).context(error.to_string()),
        None => anyhow!("{error}"),
    }
}

/// A finished unit that was asked for again, and nothing came of it.
fn is_unchanged(outcome: &UnitOutcome) -> bool {
    outcome.failure.is_none() && !outcome.taken && outcome.receipt.asked_again.is_some()
}

/// Other archives were offered and not taken.
fn is_conflict(outcome: &UnitOutcome) -> bool {
    outcome.failure.is_none() && outcome.receipt.asked_again.as_ref().is_some_and(|asked| asked.answer == "conflict")
}

fn state_of(outcome: &UnitOutcome) -> State {
    if outcome.failure.is_some() { State::Failed } else { outcome.receipt.state }
}

fn note(state: State, sums: &Sums) -> String {
    match state {
        State::Committed => format!(
            "{} messages, {} exact duplicates dropped, {} rejects kept aside",
            sums.rows, sums.duplicates, sums.rejects
        ),
        State::Empty => "the vendor has no messages for them".to_owned(),
        State::NotReady => "the vendor has no file yet; asked again at the next run".to_owned(),
        State::Failed => "tried again at the next run".to_owned(),
        State::Lost => "the vendor has them no longer".to_owned(),
    }
}

fn unit_json(outcome: &UnitOutcome) -> Value {
    let UnitOutcome { unit, receipt, failure, taken } = outcome;
    json!({
        "unit": unit.to_string(),
        "chat_type": unit.chat_type,
        "hour": unit.hour,
        "state": receipt.state,
        "reason": receipt.reason,
        "taken": taken,
        "rows": receipt.rows,
        "duplicates": receipt.duplicates,
        "rejects": receipt.rejects,
        "parquet": receipt.parquet,
        "rejects_file": receipt.rejects_file,
        "quarantine": receipt.quarantine,
        "conflict": receipt.conflict,
        "error": failure,
    })
}
