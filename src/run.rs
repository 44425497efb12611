//! Many units at once: oldest first, until they are done or something stops the run.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::domain::Unit;
use crate::domain::receipt::Failure;
use crate::exit::Exit;
use crate::lake::LakeError;
use crate::pipeline::{self, Rooms, UnitError, UnitOutcome, Works, archive_unit};
use crate::plan::Task;
use crate::telemetry;
use crate::tim::Stop;

/// So many units in a row failing for the same cause, none between them succeeding, and the vendor or the network is
/// down: trying the rest would only wait for each in turn.
pub const BREAKER: usize = 20;

/// What a run did.
#[derive(Debug, Default)]
pub struct RunReport {
    /// The units that were tried, oldest first.
    pub outcomes: Vec<UnitOutcome>,
    /// Why the run ended before all units were tried, where it did.
    pub ended: Option<Ended>,
}

impl RunReport {
    /// The run ends because of this: of several causes the one that tells most is kept, the others are logged.
    fn end(&mut self, cause: Ended, rooms: &Rooms) {
        rooms.works.stop.cancel();
        let (kept, other) = match self.ended.take() {
            None => (cause, None),
            Some(known) if known.exit() <= cause.exit() => (known, Some(cause)),
            Some(known) => (cause, Some(known)),
        };
        self.ended = Some(kept);
        if let Some(Ended::Lake(_, error)) = other {
            tracing::error!("{error}");
        }
    }
}

/// Why a run ended early.
#[derive(Debug)]
pub enum Ended {
    /// The vendor will not answer any unit.
    Stop(Stop),
    /// The lake or the spool is at fault, noticed at this unit.
    Lake(Unit, LakeError),
    /// Too many failures in a row, all like this one.
    Breaker(Failure),
    /// A signal.
    Signal(Exit),
}

impl Ended {
    /// What the run ends with because of it.
    pub fn exit(&self) -> Exit {
        match self {
            Ended::Stop(Stop::Credentials(_)) => Exit::Credentials,
            Ended::Stop(Stop::Setup(_) | Stop::Clock(_)) => Exit::Setup,
            Ended::Lake(_, error) => Exit::from(error),
            Ended::Breaker(_) => Exit::Failed,
            Ended::Signal(exit) => *exit,
        }
    }
}

/// Watches for SIGINT and SIGTERM: the first ends the run in order, a second one at once. Either way the lake is
/// consistent.
#[derive(Clone)]
pub struct Signals {
    stop: CancellationToken,
    received: Arc<OnceLock<Exit>>,
}

impl Signals {
    /// Starts to watch.
    ///
    /// # Errors
    /// Where the operating system does not let us.
    pub fn watch() -> std::io::Result<Signals> {
        let signals = Signals { stop: CancellationToken::new(), received: Arc::default() };
        for (kind, exit) in [(SignalKind::interrupt(), Exit::Interrupted), (SignalKind::terminate(), Exit::Terminated)]
        {
            let (mut received, signals) = (signal(kind)?, signals.clone());
            tokio::spawn(async move {
                while received.recv().await.is_some() {
                    if signals.received.set(exit).is_err() {
                        std::process::exit(i32::from(exit.code()));
                    }
                    tracing::warn!("told to stop: units that are not being published are dropped; they stay due");
                    signals.stop.cancel();
                }
            });
        }
        Ok(signals)
    }

    /// Cancelled once a signal came, or the run is over.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The signal that came, if one did.
    pub fn received(&self) -> Option<Exit> {
        self.received.get().copied()
    }
}

/// Does the tasks in their order, `concurrency` at once. Every outcome in the report is durable.
pub async fn run(
    tasks: Vec<Task>,
    rooms: &Arc<Rooms>,
    concurrency: usize,
    signals: &Signals,
    progress: bool,
) -> RunReport {
    let bar = bar(tasks.len(), progress);
    let mut report = RunReport::default();
    let mut breaker = Breaker::default();
    let mut waiting = in_order(tasks);
    let mut in_flight = FuturesUnordered::new();
    loop {
        while in_flight.len() < concurrency && !rooms.works.stop.is_cancelled() {
            let Some(task) = waiting.pop_front() else { break };
            in_flight.push(one(task, rooms));
        }
        let Some((unit, result)) = in_flight.next().await else { break };
        match result {
            Ok(outcome) => {
                bar.inc(1);
                log(&outcome);
                if let Some(failure) = breaker.count(&outcome) {
                    report.end(Ended::Breaker(failure), rooms);
                }
                report.outcomes.push(outcome);
            }
            Err(UnitError::Interrupted) => {}
            Err(UnitError::Stop(stop)) => report.end(Ended::Stop(stop), rooms),
            Err(UnitError::Lake(error)) => report.end(Ended::Lake(unit, error), rooms),
        }
    }
    bar.finish_and_clear();
    telemetry::no_bar();
    if let Some(exit) = signals.received() {
        report.end(Ended::Signal(exit), rooms);
    }
    report.outcomes.sort_by_key(|outcome| outcome.unit);
    report
}

/// Oldest first. But where so many units failed before that they alone could stop the run again, they come last: hours
/// that keep failing must not keep the others from being archived.
fn in_order(tasks: Vec<Task>) -> VecDeque<Task> {
    if tasks.iter().filter(|task| task.failed_before()).count() < BREAKER {
        return tasks.into();
    }
    let (failed, mut others): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(Task::failed_before);
    others.extend(failed);
    others.into()
}

/// Units that were worked on without the vendor.
#[derive(Debug)]
pub struct Offline<T> {
    /// What became of each, in their order; those that a stop kept from being done are not among them.
    pub outcomes: Vec<(Unit, T)>,
    /// The lake or the spool was at fault, noticed at this unit; the work ended there.
    pub fault: Option<(Unit, LakeError)>,
}

/// Does work that needs no vendor, `concurrency` units at once. A fault of the lake ends it.
pub async fn offline<T: Send + 'static, F>(
    tasks: impl ExactSizeIterator<Item = (Unit, F)>,
    works: &Arc<Works>,
    concurrency: usize,
    progress: bool,
) -> Offline<T>
where
    F: FnOnce(&Works) -> Result<T, UnitError> + Send + 'static,
{
    let bar = bar(tasks.len(), progress);
    let on_disk = tasks.map(|(unit, task)| {
        let works = Arc::clone(works);
        async move {
            let task =
                move |works: &Works| if works.stop.is_cancelled() { Err(UnitError::Interrupted) } else { task(works) };
            (unit, pipeline::on_disk(works, task).await)
        }
    });
    let mut results = futures_util::stream::iter(on_disk).buffer_unordered(concurrency);
    let mut offline = Offline { outcomes: Vec::new(), fault: None };
    while let Some((unit, result)) = results.next().await {
        bar.inc(1);
        match result {
            Ok(outcome) => offline.outcomes.push((unit, outcome)),
            Err(UnitError::Interrupted | UnitError::Stop(_)) => {}
            Err(UnitError::Lake(error)) => {
                works.stop.cancel();
                offline.fault.get_or_insert((unit, error));
            }
        }
    }
    bar.finish_and_clear();
    telemetry::no_bar();
    offline.outcomes.sort_by_key(|(unit, _)| *unit);
    offline
}

async fn one(task: Task, rooms: &Arc<Rooms>) -> (Unit, Result<UnitOutcome, UnitError>) {
    (task.unit, archive_unit(task, rooms).await)
}

fn log(outcome: &UnitOutcome) {
    let UnitOutcome { unit, receipt, failure, .. } = outcome;
    match failure {
        Some(failure) => {
            tracing::warn!(%unit, stage = failure.stage, class = failure.class, "{unit} failed: {}", failure.cause);
        }
        None => {
            let state = receipt.state.as_str();
            tracing::info!(%unit, state, rows = receipt.rows, "{unit} is {state}, {} rows", receipt.rows);
        }
    }
    if receipt.rejects > 0 && outcome.taken {
        let path = receipt.rejects_file.as_ref().map_or("rejects/", |file| file.path.as_str());
        tracing::warn!(%unit, rejects = receipt.rejects, "{unit}: elements that are no messages: {}; look at them in {path}", receipt.rejects);
    }
}

/// Counts failures of one kind in a row.
#[derive(Default)]
struct Breaker {
    last: Option<(String, String)>,
    in_a_row: usize,
}

impl Breaker {
    /// The failure, when it was one too many.
    fn count(&mut self, outcome: &UnitOutcome) -> Option<Failure> {
        let Some(failure) = &outcome.failure else {
            *self = Breaker::default();
            return None;
        };
        let kind = Some((failure.stage.clone(), failure.class.clone()));
        self.in_a_row = if self.last == kind { self.in_a_row + 1 } else { 1 };
        self.last = kind;
        (self.in_a_row >= BREAKER).then(|| failure.clone())
    }
}

fn bar(units: usize, progress: bool) -> ProgressBar {
    if !progress {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} units, {eta} left");
    let bar = ProgressBar::new(units as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    telemetry::bar(bar.clone());
    bar
}
