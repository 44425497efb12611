//! What a person or a pipe reads: results on stdout, the last word on stderr.

use std::io::{self, Write};

use crate::telemetry;

/// Prints a result. A reader that has gone away is no failure of ours.
///
/// # Errors
/// Where stdout cannot be written, for example because its disk is full.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// One JSON document.
pub fn json(document: &serde_json::Value) -> String {
    format!("{document:#}\n")
}

/// Prints a result as one JSON document, while it is made: a long one is never in memory as a whole.
///
/// # Errors
/// As [`print()`].
pub fn print_json(document: &impl serde::Serialize) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let written = serde_json::to_writer_pretty(&mut stdout, document).map_err(io::Error::from);
    match written.and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says in one sentence why the run ends: among log lines of JSON as one of them. Nothing can be done where stderr is
/// gone too.
pub fn error(error: &anyhow::Error) {
    if telemetry::is_json() {
        tracing::error!("{error:#}");
    } else {
        let _ = writeln!(io::stderr(), "error: {error:#}");
    }
}
