//! What the user typed.

mod backfill;
mod demo;
mod import;
mod plan;
mod rebuild;
mod runner;
mod simulate;
mod status;
mod sync;
mod usersig;
mod verify;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exit::{Exit, Failed};
use crate::settings::{Given, Settings};
use crate::telemetry::LogFormat;

/// Saves Tencent Cloud IM's hourly message archives before the vendor deletes them, as a Parquet table.
///
/// Every hour the vendor writes one log of all one-to-one messages and one of all group messages; seven days later it
/// deletes them. Run `timlake sync` every hour. `timlake demo` shows it without an account.
#[derive(Debug, Parser)]
#[command(name = "timlake", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The settings every command accepts.
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Archives a simulated week into ./timlake-demo and shows it; needs no account and no network
    Demo(demo::DemoArgs),
    /// Archives every due hour of the last seven days: the scheduled job
    Sync,
    /// Archives an explicit range of hours
    Backfill(backfill::BackfillArgs),
    /// Makes units from archives kept elsewhere, of any age
    Import(import::ImportArgs),
    /// Shows what sync, or backfill, would do and why; changes nothing
    Plan(plan::PlanArgs),
    /// Shows the state of every hour, and what the vendor deletes next
    Status(status::StatusArgs),
    /// Reads everything again that the receipts name, and reports what is missing, damaged or extra
    Verify(verify::VerifyArgs),
    /// Makes tables, rejects and missing receipts again from the kept archives; needs no network
    Rebuild(rebuild::RebuildArgs),
    /// Runs the simulated vendor alone, on this machine
    Simulate(simulate::SimulateArgs),
    /// Makes a UserSig, or takes one apart and verifies it
    Usersig(usersig::UsersigArgs),
}

/// Settings: a flag, else its environment variable, else the key in the `--config` file, else the default. They are
/// taken as text here and judged in one place, [`crate::settings`].
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings (flag, else environment, else file)")]
pub struct GlobalArgs {
    /// TOML file with settings, by the names given as [file: …]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,
    /// The lake: a folder [file: lake] [default: ./lake]
    #[arg(long, global = true, env = "TIMLAKE_LAKE", hide_env_values = true, value_name = "FOLDER")]
    lake: Option<String>,
    /// The app; a lake belongs to one [file: sdkappid]
    #[arg(long, global = true, env = "TIMLAKE_SDKAPPID", hide_env_values = true, value_name = "ID")]
    sdkappid: Option<String>,
    /// The app's admin account [file: identifier] [default: administrator]
    #[arg(long, global = true, env = "TIMLAKE_IDENTIFIER", hide_env_values = true, value_name = "ACCOUNT")]
    identifier: Option<String>,
    /// File with the app's secret key, from which UserSigs are issued; TIMLAKE_SECRET_KEY may hold the key itself [file: secret-key-file]
    #[arg(long, global = true, env = "TIMLAKE_SECRET_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    secret_key_file: Option<String>,
    /// File with a ready UserSig instead of a key; TIMLAKE_USERSIG may hold it itself [file: usersig-file]
    #[arg(long, global = true, env = "TIMLAKE_USERSIG_FILE", hide_env_values = true, value_name = "FILE")]
    usersig_file: Option<String>,
    /// The app's data centre: china singapore seoul tokyo frankfurt silicon-valley jakarta riyadh mumbai [file: region] [default: china]
    #[arg(long, global = true, env = "TIMLAKE_REGION", hide_env_values = true, value_name = "REGION")]
    region: Option<String>,
    /// Base URL of the vendor's API instead of a region; http only to a loopback address [file: endpoint]
    #[arg(long, global = true, env = "TIMLAKE_ENDPOINT", hide_env_values = true, value_name = "URL")]
    endpoint: Option<String>,
    /// C2C or Group; repeatable, comma-separated in the environment [file: chat-type] [default: both]
    #[arg(long, global = true, env = "TIMLAKE_CHAT_TYPE", hide_env_values = true, value_name = "TYPE", action = ArgAction::Append)]
    chat_type: Vec<String>,
    /// How far back the first sync looks [file: lookback] [default: 7d]
    #[arg(
        long,
        global = true,
        env = "TIMLAKE_LOOKBACK",
        hide_env_values = true,
        allow_hyphen_values = true,
        value_name = "AGE"
    )]
    lookback: Option<String>,
    /// Age at which an hour is first asked for, counted from its end [file: settle] [default: 1h]
    #[arg(
        long,
        global = true,
        env = "TIMLAKE_SETTLE",
        hide_env_values = true,
        allow_hyphen_values = true,
        value_name = "AGE"
    )]
    settle: Option<String>,
    /// Age from which the vendor's "not ready" means "no messages" [file: empty-after] [default: 24h]
    #[arg(
        long,
        global = true,
        env = "TIMLAKE_EMPTY_AFTER",
        hide_env_values = true,
        allow_hyphen_values = true,
        value_name = "AGE"
    )]
    empty_after: Option<String>,
    /// Ages at which a finished hour is asked for once more, or off [file: recheck] [default: 24h,3d,6d]
    #[arg(
        long,
        global = true,
        env = "TIMLAKE_RECHECK",
        hide_env_values = true,
        allow_hyphen_values = true,
        value_name = "AGES"
    )]
    recheck: Option<String>,
    /// Calls to the vendor in any one second, at most 10 [file: max-qps] [default: 8]
    #[arg(
        long,
        global = true,
        env = "TIMLAKE_MAX_QPS",
        hide_env_values = true,
        allow_hyphen_values = true,
        value_name = "CALLS"
    )]
    max_qps: Option<String>,
    /// Hours worked on at once [file: concurrency] [default: CPU count]
    #[arg(
        long,
        global = true,
        env = "TIMLAKE_CONCURRENCY",
        hide_env_values = true,
        allow_hyphen_values = true,
        value_name = "UNITS"
    )]
    concurrency: Option<String>,
    /// Do not keep the vendor's .gz archives [env: TIMLAKE_KEEP_RAW=false] [file: keep-raw = false]
    #[arg(long, global = true)]
    no_keep_raw: bool,
    /// Folder for unfinished files [file: spool] [default: inside the lake]
    #[arg(long, global = true, env = "TIMLAKE_SPOOL", hide_env_values = true, value_name = "FOLDER")]
    spool: Option<String>,
    /// Plan and stamp receipts as if it were this RFC 3339 instant; later than the clock only with a loopback endpoint [file: now]
    #[arg(long, global = true, env = "TIMLAKE_NOW", hide_env_values = true, value_name = "INSTANT")]
    now: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// How log lines on stderr look
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    /// Log more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Log less; twice for errors only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    quiet: u8,
    /// Draw no progress bar (there is none either where stderr is not a terminal)
    #[arg(long, global = true)]
    no_progress: bool,
    /// Prometheus textfile, replaced at the end of every run [file: metrics-file]
    #[arg(long, global = true, env = "TIMLAKE_METRICS_FILE", hide_env_values = true, value_name = "FILE")]
    metrics_file: Option<String>,
}

impl GlobalArgs {
    /// The level of log lines, from -2 (errors only) to 2 (everything).
    pub fn verbosity(&self) -> i16 {
        i16::from(self.verbose) - i16::from(self.quiet)
    }

    /// How log lines look.
    pub fn log_format(&self) -> LogFormat {
        self.log_format
    }

    /// Draw progress bars where stderr is a terminal.
    pub fn progress(&self) -> bool {
        !self.no_progress && self.quiet == 0 && self.log_format == LogFormat::Text
    }
}

/// Takes the command line apart.
///
/// # Errors
/// What clap says of it; `--help` and `--version` are such errors too.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<(Cli, Given), clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    // Settings may stand before or behind the command: its matches know of both.
    let mut innermost = &matches;
    while let Some((_, deeper)) = innermost.subcommand() {
        innermost = deeper;
    }
    let given = Given::from_matches(innermost);
    Ok((cli, given))
}

/// Runs the command and says what to end with.
///
/// # Errors
/// [`Failed`]: where nothing could be done.
pub async fn run(cli: Cli, given: &Given) -> Result<Exit, Failed> {
    let progress = cli.global.progress();
    let settings = |given: &Given| Settings::resolve(given, progress).map_err(Failed::setup);
    match cli.command {
        Command::Demo(args) => demo::run(args, given, progress).await,
        Command::Sync => sync::run(settings(given)?).await,
        Command::Backfill(args) => backfill::run(args, settings(given)?).await,
        Command::Import(args) => import::run(args, settings(given)?).await,
        Command::Plan(args) => plan::run(&args, &settings(given)?),
        Command::Status(args) => status::run(&args, &settings(given)?),
        Command::Verify(args) => verify::run(args, settings(given)?).await,
        Command::Rebuild(args) => rebuild::run(args, settings(given)?).await,
        Command::Simulate(args) => simulate::run(args, &settings(given)?).await,
        Command::Usersig(args) => usersig::run(&args, &settings(given)?),
    }
}
