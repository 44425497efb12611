//! What a person or a pipe reads: results on stdout, the last word on stderr.

use std::io::{self, Write};

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

/// Prints a result as one JSON document.
///
/// # Errors
/// As [`print()`].
pub fn print_json(document: &serde_json::Value) -> io::Result<()> {
    print(&format!("{document:#}\n"))
}

/// Says in one sentence why the run ends. Nothing can be done where stderr is gone too.
pub fn error(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "error: {error:#}");
}
