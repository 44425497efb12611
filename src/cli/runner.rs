//! What `sync`, `backfill` and `demo` have in common: a lake held, units done, a report, an exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::continuity::{Taken, look_at_taken};
use crate::domain::receipt::Receipt;
use crate::domain::{ChatType, Hour, Unit};
use crate::download::Downloader;
use crate::exit::{Exit, Failed};
use crate::lake::{Lake, LakeError, Lock, Manifest};
use crate::pipeline::{Rooms, Works};
use crate::plan::{self, Policy, Receipts, Task};
use crate::report::Report;
use crate::run::{self, RunReport, Signals};
use crate::settings::Settings;
use crate::spool::Digests;
use crate::tim::{Client, ClientConfig, Credentials, Pace, Signer};
use crate::{metrics, out, spool};

/// A lake held for writing, and everything recorded in it that the run must know.
pub struct Session {
    /// The settings.
    pub settings: Settings,
    /// The lake.
    pub lake: Lake,
    /// Whose it is and since when it is watched.
    pub manifest: Manifest,
    /// The time at which the run plans.
    pub now: DateTime<Utc>,
    reread: bool,
    credentials: Credentials,
    signals: Signals,
    _lock: Lock,
}

/// The settings that decide what is due.
pub fn policy(settings: &Settings) -> Policy {
    Policy { settle: settings.settle, recheck: settings.recheck.clone() }
}

/// The receipts of the chosen chat types with hours in `[from, to)`; all of them where there is no range.
///
/// # Errors
/// Where one is damaged.
pub fn receipts(
    lake: &Lake,
    chat_types: &[ChatType],
    range: Option<(Hour, Hour)>,
) -> Result<BTreeMap<ChatType, Receipts>, LakeError> {
    chat_types.iter().map(|&chat_type| Ok((chat_type, lake.receipts(chat_type, range)?))).collect()
}

/// Runs `command`, leaves the metrics behind whatever comes of it, and prints the report. The last thing a run does is
/// to write down that it reported losses: until then they count as unreported.
///
/// # Errors
/// As `command`.
pub async fn with_metrics(
    settings: Settings,
    command: impl AsyncFnOnce(Settings) -> Result<Done, Failed>,
    show: impl FnOnce(&Report, &Settings) -> Result<String, Failed>,
) -> Result<Exit, Failed> {
    let now = settings.clock.now();
    let result = command(settings.clone()).await;
    if let Some(path) = &settings.metrics_file {
        let exit = result.as_ref().map_or_else(|failed| failed.exit, |done| done.report.exit);
        if let Err(error) = metrics::write(path, exit, now, result.as_ref().ok().map(|done| &done.report)) {
            tracing::error!("cannot write the metrics file `{}`: {error}", path.display());
        }
    }
    let Done { report, losses, session } = result?;
    if let Some(complaint) = report.complaint() {
        out::error(&complaint);
    }
    let text = if settings.json { out::json(&report.json()) } else { show(&report, &settings)? };
    if let Err(error) = out::print(&text) {
        // What was done is done; a loss that could not be told stays unreported.
        out::error(&anyhow!(error).context("cannot print the report"));
        return Ok(report.exit);
    }
    if report.exit == Exit::Lost {
        session.lake.mark_reported(&losses, now)?;
    }
    Ok(report.exit)
}

/// A run whose report is still to be printed. The lake is held until then.
pub struct Done {
    /// What it did.
    pub report: Report,
    losses: Vec<Receipt>,
    session: Session,
}

impl Done {
    /// Puts an earlier manifest back, while the lake is still held. What the run ends with stays the same.
    pub fn restore(&self, manifest: &Manifest) {
        if let Err(error) = self.session.lake.put_manifest(manifest) {
            tracing::error!("{error}");
        }
    }
}

impl Session {
    /// Takes the lake, after everything that can be wrong with the settings has been judged.
    ///
    /// # Errors
    /// [`Failed`]; nothing is changed then but that the lake's folder may have been made.
    pub fn open(settings: Settings) -> Result<Session, Failed> {
        let signals = Signals::watch().context("cannot watch for signals").map_err(Failed::setup)?;
        let lake = Lake::at(&settings.lake)?;
        // A lake of another app is told before anything else is asked for.
        let known = lake.manifest(settings.sdkappid)?;
        let sdkappid = settings.sdkappid.ok_or_else(|| Failed::setup(no_app(known.as_ref())))?;
        let credentials = settings.secrets.credentials().map_err(Failed::setup)?;
        let lock = lake.lock()?;
        let manifest = manifest_of(&lake, sdkappid)?;
        lake.take_back_reports()?;
        let now = settings.clock.now();
        Ok(Session { settings, lake, manifest, now, reread: false, credentials, signals, _lock: lock })
    }

    /// Reads the files of finished units again when their archives are asked for again.
    #[must_use]
    pub fn rereading(self, reread: bool) -> Session {
        Session { reread, ..self }
    }

    /// Does the tasks, and what an interrupted run left to be finished. A loss among the `known` receipts that no run has
    /// reported yet is reported by this one.
    ///
    /// # Errors
    /// [`Failed`]: where no task could be begun.
    pub async fn work(
        self,
        command: &'static str,
        mut tasks: Vec<Task>,
        known: &BTreeMap<ChatType, Receipts>,
    ) -> Result<Done, Failed> {
        plan::finish(&mut tasks, &self.lake.interrupted()?, known);
        let due = tasks.len();
        let rooms = Arc::new(self.rooms()?);
        let run = run::run(tasks, &rooms, self.settings.concurrency, &self.signals, self.settings.progress).await;
        let losses = unreported(known, &run);
        let exit = exit_of(&run, &losses);
        let lake = self.settings.lake.clone();
        let units = losses.iter().map(Receipt::unit).collect();
        let groups = self.look_at_groups(&run).await;
        let report = Report { command, lake, now: self.now, due, run, resume: None, losses: units, groups, exit };
        Ok(Done { report, losses, session: self })
    }

    /// The gaps in the groups of the hours that a run took. Only looked for where it came to its end, and whatever goes
    /// wrong with it, the run is what it was.
    async fn look_at_groups(&self, run: &RunReport) -> Option<Taken> {
        if run.ended.is_some() {
            return None;
        }
        let taken = run.outcomes.iter().filter(|outcome| outcome.taken).map(|outcome| outcome.receipt.clone());
        let taken: Vec<Receipt> = taken.collect();
        let (lake, stop, threads) = (self.lake.clone(), self.signals.stop().clone(), self.settings.concurrency);
        let looking = tokio::task::spawn_blocking(move || look_at_taken(&lake, &taken, threads, &stop));
        let looked = looking.await.map_err(anyhow::Error::from).and_then(|looked| Ok(looked?));
        looked.unwrap_or_else(|error| {
            tracing::warn!("the groups of the hours taken are not looked at: {error:#}");
            None
        })
    }

    fn rooms(&self) -> Result<Rooms, Failed> {
        let settings = &self.settings;
        let works = works(settings, &self.lake, &self.manifest, &self.signals)?;
        let works = Arc::new(Works { reread: self.reread, ..works });
        let signer = Signer::new(self.credentials.clone(), self.manifest.sdkappid, settings.identifier.clone());
        let config = ClientConfig {
            endpoint: settings.endpoint.clone(),
            loopback: settings.loopback,
            check_clock: settings.clock == Clock::System,
        };
        Ok(Rooms {
            tim: Client::new(config, signer, Pace::new(settings.max_qps)).map_err(Failed::setup)?,
            download: Downloader::new(settings.loopback, &works.spool).map_err(Failed::setup)?,
            works,
        })
    }
}

/// Where archives become units of a lake that is held.
///
/// # Errors
/// Where the spool cannot be made.
pub fn works(settings: &Settings, lake: &Lake, manifest: &Manifest, signals: &Signals) -> Result<Works, Failed> {
    Ok(Works {
        lake: lake.clone(),
        manifest: manifest.clone(),
        spool: spool_of(settings, lake)?,
        keep_raw: settings.keep_raw,
        reread: false,
        empty_after: settings.empty_after,
        clock: settings.clock,
        stop: signals.stop().clone(),
    })
}

/// What work without the vendor ends with as far as the lake is concerned; its fault is told on stderr.
pub fn tell_fault(fault: Option<(Unit, LakeError)>) -> Exit {
    let Some((unit, error)) = fault else { return Exit::Done };
    let exit = Exit::from(&error);
    out::error(&anyhow!(error).context(format!("at {unit}")));
    exit
}

/// The lake's manifest, made where there is none yet. The lake must be held.
///
/// # Errors
/// Where the lake is another app's, or cannot be written.
pub fn manifest_of(lake: &Lake, sdkappid: u64) -> Result<Manifest, LakeError> {
    if let Some(manifest) = lake.manifest(Some(sdkappid))? {
        return Ok(manifest);
    }
    let manifest = Manifest::new(sdkappid);
    lake.put_manifest(&manifest)?;
    Ok(manifest)
}

fn no_app(known: Option<&Manifest>) -> anyhow::Error {
    let remedy = match known {
        Some(manifest) => format!("give --sdkappid {}, the app this lake belongs to", manifest.sdkappid),
        None => "give --sdkappid, the number that the vendor's console shows for the app".to_owned(),
    };
    anyhow!("the vendor must know which app is meant: {remedy}")
}

/// The folder for unfinished files: inside the lake, or one of this lake's own in the folder that was given.
fn spool_of(settings: &Settings, lake: &Lake) -> Result<PathBuf, Failed> {
    let Some(given) = &settings.spool else { return Ok(lake.staging()) };
    let root = lake.root().canonicalize().unwrap_or_else(|_| lake.root().to_owned());
    // The same for the same lake, so that what a killed run left is found and cleared.
    let mut digests = Digests::default();
    let _ = digests.write_all(root.as_os_str().as_encoded_bytes());
    let (_, lakes_own, _) = digests.finish();
    let folder = given.join(format!("timlake-{lakes_own}"));
    spool::prepare(&folder).map_err(|source| LakeError::Io { verb: "prepare", path: folder.clone(), source })?;
    Ok(folder)
}

/// The losses that somebody answers for and that no run has reported: as they were before the run, and as it left them.
fn unreported(known: &BTreeMap<ChatType, Receipts>, run: &RunReport) -> Vec<Receipt> {
    let tried: BTreeSet<Unit> = run.outcomes.iter().map(|outcome| outcome.unit).collect();
    let before = known.values().flat_map(BTreeMap::values).filter(|receipt| !tried.contains(&receipt.unit()));
    let after = run.outcomes.iter().map(|outcome| &outcome.receipt);
    before.chain(after).filter(|receipt| receipt.is_unreported_loss()).cloned().collect()
}

fn exit_of(run: &RunReport, losses: &[Receipt]) -> Exit {
    let failed = run.outcomes.iter().any(|outcome| outcome.failure.is_some());
    let units = if failed { Exit::Failed } else { Exit::Done };
    let lost = if losses.is_empty() { Exit::Done } else { Exit::Lost };
    units.and(lost).and(run.ended.as_ref().map_or(Exit::Done, run::Ended::exit))
}
