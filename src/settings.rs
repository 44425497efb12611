//! What the program needs, resolved once: a flag, else the environment, else the config file, else the default.

mod config_file;
mod parse;
mod secrets;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Duration, Utc};
use clap::ArgMatches;
use clap::parser::ValueSource;
use url::{Host, Url};

use crate::clock::Clock;
use crate::domain::ChatType;
use crate::plan::RETENTION;
use crate::tim::Region;

pub use secrets::{Secrets, looks_like_a_secret};

/// The settings that have a flag, an environment variable (`TIMLAKE_…`) and a key in the config file of the same name.
const NAMES: [&str; 18] = [
    "lake",
    "sdkappid",
    "identifier",
    "secret-key-file",
    "usersig-file",
    "region",
    "endpoint",
    "chat-type",
    "lookback",
    "settle",
    "empty-after",
    "recheck",
    "max-qps",
    "concurrency",
    "keep-raw",
    "spool",
    "now",
    "metrics-file",
];

/// Where a value was given; the later one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    File,
    Environment,
    Flag,
}

/// A value as it was given.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    text: String,
    source: Source,
}

/// Everything that was given, by the setting's name.
#[derive(Clone, Debug, Default)]
pub struct Given {
    values: BTreeMap<&'static str, Value>,
    config: Option<PathBuf>,
    json: bool,
}

impl Given {
    /// Flags and environment variables, as clap has them.
    pub fn from_matches(matches: &ArgMatches) -> Given {
        let mut given = Given {
            config: matches.get_one::<String>("config").map(PathBuf::from),
            json: matches.get_flag("json"),
            values: BTreeMap::new(),
        };
        for name in NAMES.into_iter().filter(|&name| name != "keep-raw") {
            let id = name.replace('-', "_");
            let Some(texts) = matches.get_many::<String>(&id) else { continue };
            let text = texts.cloned().collect::<Vec<_>>().join(",");
            let source = match matches.value_source(&id) {
                Some(ValueSource::EnvVariable) => Source::Environment,
                _ => Source::Flag,
            };
            // An empty variable is how schedulers say "not set"; an empty flag is a mistake that must be told.
            if source == Source::Flag || !text.is_empty() {
                given.values.insert(name, Value { text, source });
            }
        }
        if matches.get_flag("no_keep_raw") {
            given.values.insert("keep-raw", Value { text: "false".to_owned(), source: Source::Flag });
        } else if let Some(text) = variable("TIMLAKE_KEEP_RAW") {
            given.values.insert("keep-raw", Value { text, source: Source::Environment });
        }
        given
    }

    /// Sets a value as if by its flag.
    pub fn set(&mut self, name: &'static str, text: impl Into<String>) {
        self.values.insert(name, Value { text: text.into(), source: Source::Flag });
    }

    /// Takes back what was given for settings that a command has no use for.
    pub fn forget(&mut self, names: &[&str]) {
        self.values.retain(|name, _| !names.contains(name));
    }

    /// The setting was given by its flag.
    pub fn has_flag(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| value.source == Source::Flag)
    }

    /// The value, judged by `parse`; what it says of it is told together with where the value was given.
    fn get<T>(&self, name: &'static str, parse: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
        let Some(value) = self.values.get(name) else { return Ok(None) };
        let parsed =
            if value.text.trim().is_empty() { Err(anyhow::anyhow!("it is empty")) } else { parse(&value.text) };
        parsed.map(Some).with_context(|| self.place(name, value.source))
    }

    fn place(&self, name: &str, source: Source) -> String {
        match source {
            Source::Flag => format!("--{name}"),
            Source::Environment => format!("TIMLAKE_{}", name.replace('-', "_").to_uppercase()),
            Source::File => format!("{name} in `{}`", self.config.as_deref().unwrap_or("?".as_ref()).display()),
        }
    }
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lake's folder.
    pub lake: PathBuf,
    /// The app; `None` where none was given.
    pub sdkappid: Option<u64>,
    /// The admin account.
    pub identifier: String,
    /// It was given, and is not the default.
    pub identifier_given: bool,
    /// Where the key or UserSig is; read only by commands that need it.
    pub secrets: Secrets,
    /// The base URL of the vendor's API.
    pub endpoint: Url,
    /// The endpoint is on this machine.
    pub loopback: bool,
    /// The chat types, in order.
    pub chat_types: Vec<ChatType>,
    /// How far back the first `sync` looks.
    pub lookback: Duration,
    /// Age at which an hour is first asked for.
    pub settle: Duration,
    /// Age from which 1004 means "no messages".
    pub empty_after: Duration,
    /// Ages at which a finished unit is asked for again, ascending.
    pub recheck: Vec<Duration>,
    /// Calls a second; `None` for no limit, which only the demo's simulator gets.
    pub max_qps: Option<f64>,
    /// Units in flight.
    pub concurrency: usize,
    /// Keep the vendor's archives.
    pub keep_raw: bool,
    /// Where unfinished files lie, where not inside the lake.
    pub spool: Option<PathBuf>,
    /// The time.
    pub clock: Clock,
    /// Print JSON.
    pub json: bool,
    /// Draw progress bars where stderr is a terminal.
    pub progress: bool,
    /// The Prometheus textfile.
    pub metrics_file: Option<PathBuf>,
}

impl Settings {
    /// Judges what was given, together with the config file.
    ///
    /// # Errors
    /// One sentence that says which value is wrong, where it was given, and what to write instead.
    pub fn resolve(given: &Given, progress: bool) -> Result<Settings> {
        let mut given = given.clone();
        if let Some(path) = given.config.clone() {
            for (name, text) in config_file::read(&path)? {
                given.values.entry(name).or_insert(Value { text, source: Source::File });
            }
        }
        let given = &given;
        let endpoint = given.get("endpoint", parse::endpoint)?;
        let region = given.get("region", |text| Ok(text.parse::<Region>()?))?;
        let endpoint = match (endpoint, region) {
            (Some(endpoint), _) => endpoint,
            (None, region) => parse::region_endpoint(region)?,
        };
        let loopback = is_loopback(&endpoint);
        if endpoint.scheme() != "https" && !loopback {
            bail!("--endpoint: plain http is for loopback addresses only: write https://…, or http://127.0.0.1:PORT");
        }
        let clock = clock(given, loopback)?;
        let recheck = given
            .get("recheck", parse::recheck)?
            .unwrap_or_else(|| vec![Duration::hours(24), Duration::days(3), Duration::days(6)]);
        if let Some(never) = recheck.iter().find(|age| **age >= RETENTION) {
            tracing::warn!(
                "--recheck: nothing is asked for at an age of {} h, because the vendor keeps 7 d",
                never.num_hours()
            );
        }
        Ok(Settings {
            lake: given.get("lake", parse::lake)?.unwrap_or_else(|| PathBuf::from("./lake")),
            sdkappid: given.get("sdkappid", parse::sdkappid)?,
            identifier_given: given.values.contains_key("identifier"),
            identifier: given.get("identifier", parse::identifier)?.unwrap_or_else(|| "administrator".to_owned()),
            secrets: Secrets::given(given)?,
            loopback,
            endpoint,
            chat_types: given.get("chat-type", parse::chat_types)?.unwrap_or_else(|| ChatType::ALL.to_vec()),
            lookback: given.get("lookback", parse::age)?.unwrap_or(Duration::days(7)),
            settle: given.get("settle", parse::age)?.unwrap_or(Duration::hours(1)),
            empty_after: given.get("empty-after", parse::age)?.unwrap_or(Duration::hours(24)),
            recheck,
            max_qps: Some(given.get("max-qps", parse::max_qps)?.unwrap_or(8.0)),
            concurrency: given.get("concurrency", parse::concurrency)?.unwrap_or_else(cpus),
            keep_raw: given.get("keep-raw", parse::boolean)?.unwrap_or(true),
            spool: given.get("spool", |text| Ok(PathBuf::from(text)))?,
            clock,
            json: given.json,
            progress,
            metrics_file: given.get("metrics-file", |text| Ok(PathBuf::from(text)))?,
        })
    }
}

fn clock(given: &Given, loopback: bool) -> Result<Clock> {
    let Some(now) = given.get("now", parse::instant)? else { return Ok(Clock::System) };
    let real: DateTime<Utc> = Utc::now();
    if now > real && !loopback {
        bail!(
            "--now: {now} is later than the clock, which is for simulators only: hours would count as lost that the \
             vendor still has; give an earlier instant, or a loopback --endpoint"
        );
    }
    Ok(Clock::Fixed(now))
}

fn is_loopback(endpoint: &Url) -> bool {
    match endpoint.host() {
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
