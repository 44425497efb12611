//! `timlake demo`: a simulated week, from the first call to the map.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use secrecy::SecretString;

use super::runner::with_metrics;
use super::simulate::{FAKE_KEY, FAKE_SDKAPPID};
use super::status::coverage;
use super::sync::sync;
use crate::exit::{Exit, Failed};
use crate::lake::Lake;
use crate::settings::{Given, Settings};
use crate::simulator::{self, Config, Faults, MESSAGES_PER_HOUR};

/// What to show.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The same seed gives the same messages
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Messages an hour of each chat type, on average
    #[arg(long, default_value_t = MESSAGES_PER_HOUR, value_name = "NUMBER")]
    messages_per_hour: u32,
}

/// Starts the simulator, archives its last seven days, prints the map and where the files are.
pub async fn run(args: DemoArgs, given: &Given, progress: bool) -> Result<Exit, Failed> {
    // The simulator's time must be known before its address is, so its address cannot be given yet.
    let mut given = given.clone();
    given.forget(&["region", "spool", "sdkappid", "identifier", "secret-key-file", "usersig-file"]);
    given.set("endpoint", "http://127.0.0.1:1");
    let clock = Settings::resolve(&given, progress).map_err(Failed::setup)?.clock;
    let config = Config {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        sdkappid: FAKE_SDKAPPID,
        identifier: "administrator".to_owned(),
        secret_key: SecretString::from(FAKE_KEY),
        seed: args.seed,
        now: Arc::new(move || clock.now()),
        max_calls_per_second: None,
        messages_per_hour: args.messages_per_hour,
        faults: Faults::default(),
    };
    let running = simulator::start(config).await.map_err(|error| Failed::setup(anyhow!(error)))?;
    let settings = demo_settings(given, running.endpoint(), progress)?;
    let shown = with_metrics(settings, sync, |report, settings| {
        let lake = Lake::at(&settings.lake)?;
        let map = coverage(None, None, &lake, settings)?.text();
        Ok(format!("{}\n{map}\n{}", report.text(), where_the_files_are(settings)))
    });
    let exit = shown.await?;
    running.stop().await;
    // A demo that was not run for a week has lost hours too, but nobody answers for them.
    Ok(if exit == Exit::Lost { Exit::Done } else { exit })
}

/// What was given, but for what makes it the demo: its lake unless another was given, its vendor, its account.
fn demo_settings(mut given: Given, endpoint: &str, progress: bool) -> Result<Settings, Failed> {
    given.set("endpoint", endpoint);
    given.set("sdkappid", FAKE_SDKAPPID.to_string());
    given.set("identifier", "administrator");
    // The environment names the real lake, which simulated messages must not get into.
    if !given.has_flag("lake") {
        given.set("lake", "./timlake-demo");
    }
    let mut settings = Settings::resolve(&given, progress).map_err(Failed::setup)?;
    settings.secrets = crate::settings::Secrets::fake_key(FAKE_KEY);
    settings.max_qps = None;
    Ok(settings)
}

fn where_the_files_are(settings: &Settings) -> String {
    let lake = settings.lake.display();
    format!(
        "The table      {lake}/messages/chat_type=C2C|Group/dt=YYYY-MM-DD/*.parquet\n\
         The archives   {lake}/raw/\n\
         The ledger     {lake}/receipts/\n\n\
         Look into it with DuckDB:\n  \
         duckdb -c \"SELECT dt, chat_type, count(*) FROM '{lake}/messages/**/*.parquet' GROUP BY ALL ORDER BY ALL\"\n"
    )
}
