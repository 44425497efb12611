//! The Prometheus textfile: what a monitor needs to know of the last run.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::exit::Exit;
use crate::report::Report;

/// Replaces the file at once. A run that could not begin leaves its exit code and its time.
///
/// # Errors
/// Where the folder cannot be written; the old file is there still.
pub fn write(path: &Path, exit: Exit, now: DateTime<Utc>, report: Option<&Report>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = crate::spool::unfinished_file(folder)?;
    file.write_all(text(exit, now, report).as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn text(exit: Exit, now: DateTime<Utc>, report: Option<&Report>) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, samples: &[(String, u64)]| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# HELP timlake_{name} {help}\n# TYPE timlake_{name} gauge");
        for (labels, value) in samples {
            let _ = writeln!(text, "timlake_{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value)];
    gauge("last_run_timestamp_seconds", "When the last run began.", &one(now.timestamp().unsigned_abs()));
    gauge("last_run_exit_code", "What the last run ended with.", &one(u64::from(exit.code())));
    let Some(report) = report else { return text };
    let sums = report.sums();
    let units: Vec<(String, u64)> = sums
        .outcomes
        .iter()
        .map(|(state, count)| (format!("{{state=\"{}\"}}", state.as_str()), *count as u64))
        .collect();
    gauge("last_run_due_units", "Units that were due.", &one(report.due as u64));
    gauge("last_run_units", "Units tried, by the state they are in now.", &units);
    gauge("last_run_rows", "Messages put into the table.", &one(sums.rows));
    gauge("last_run_duplicates", "Exact duplicates dropped.", &one(sums.duplicates));
    gauge("last_run_rejects", "Elements that are no messages.", &one(sums.rejects));
    gauge("last_run_losses", "Lost units reported.", &one(report.losses.len() as u64));
    text
}
