//! Log lines on stderr, and a progress bar that they do not tear.
//!
//! Only our own lines are shown, at any verbosity: libraries below us log addresses and headers, and some of those are
//! secrets. For the same reason no environment variable widens the filter.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use indicatif::ProgressBar;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

static JSON: OnceLock<bool> = OnceLock::new();

static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Starts logging at a level from -2 (errors) over 0 (what a person should know) to 2 (everything).
pub fn init(format: LogFormat, verbosity: i16) {
    JSON.get_or_init(|| format == LogFormat::Json);
    let level = match verbosity {
        ..=-2 => Level::ERROR,
        -1 | 0 => Level::WARN,
        1 => Level::INFO,
        2.. => Level::DEBUG,
    };
    let ours = Targets::new().with_target(env!("CARGO_PKG_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(AboveBar).with_target(false);
    let registry = tracing_subscriber::registry();
    match format {
        LogFormat::Text => {
            let colours = console::colors_enabled_stderr();
            registry.with(lines.with_ansi(colours).with_filter(ours)).init();
        }
        LogFormat::Json => registry.with(lines.json().with_filter(ours)).init(),
    }
}

/// Log lines are JSON objects.
pub fn is_json() -> bool {
    JSON.get().copied().unwrap_or_default()
}

/// From now on log lines are written above this bar.
pub fn bar(bar: ProgressBar) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
}

/// The bar is gone.
pub fn no_bar() {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

#[derive(Clone, Copy)]
struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(|| io::stderr().write_all(line)),
            None => io::stderr().write_all(line),
        }?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBar {
    type Writer = AboveBar;

    fn make_writer(&'a self) -> AboveBar {
        AboveBar
    }
}
