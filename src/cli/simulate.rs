//! `timlake simulate`: the simulated vendor alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use crate::exit::{Exit, Failed};
use crate::out;
use crate::run::Signals;
use crate::settings::Settings;
use crate::simulator::{self, Config, Faults, MAX_CALLS_PER_SECOND, MESSAGES_PER_HOUR};

/// The key the simulator takes where none is given: everybody may know it.
pub(super) const FAKE_KEY: &str = "fake-secret-key-of-the-simulator";

/// The app the simulator plays where none is given.
pub(super) const FAKE_SDKAPPID: u64 = 1_400_000_000;

/// What to simulate.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The same seed gives the same messages
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Messages an hour of each chat type, on average
    #[arg(long, default_value_t = MESSAGES_PER_HOUR, value_name = "NUMBER")]
    messages_per_hour: u32,
    /// What goes wrong and how often, such as 502:0.05,cut:0.02,late:0.1
    #[arg(long, default_value = "", value_name = "KIND:PROBABILITY,…")]
    fault: Faults,
    /// Answer as fast as asked, instead of 10 calls a second as the vendor does
    #[arg(long)]
    no_rate_limit: bool,
}

/// Simulates until it is interrupted.
pub async fn run(args: SimulateArgs, settings: &Settings) -> Result<Exit, Failed> {
    let signals = Signals::watch().context("cannot watch for signals").map_err(Failed::setup)?;
    let given = settings.secrets.key().map_err(Failed::setup)?;
    let clock = settings.clock;
    let sdkappid = settings.sdkappid.unwrap_or(FAKE_SDKAPPID);
    let config = Config {
        listen: args.listen,
        sdkappid,
        identifier: settings.identifier.clone(),
        secret_key: given.clone().unwrap_or_else(|| SecretString::from(FAKE_KEY)),
        seed: args.seed,
        now: Arc::new(move || clock.now()),
        max_calls_per_second: (!args.no_rate_limit).then_some(MAX_CALLS_PER_SECOND),
        messages_per_hour: args.messages_per_hour,
        faults: args.fault,
    };
    let running = simulator::start(config).await.map_err(|error| Failed::setup(anyhow!(error)))?;
    // The settings of a `sync` against it. A key that was given is not repeated.
    let mut variables = vec![
        ("TIMLAKE_ENDPOINT", running.endpoint().to_owned()),
        ("TIMLAKE_SDKAPPID", sdkappid.to_string()),
        ("TIMLAKE_IDENTIFIER", settings.identifier.clone()),
    ];
    variables.extend(given.is_none().then(|| ("TIMLAKE_SECRET_KEY", FAKE_KEY.to_owned())));
    let printed = if settings.json {
        let variables: BTreeMap<_, _> = variables.into_iter().collect();
        out::print_json(&json!({ "report_version": 1, "command": "simulate", "environment": variables }))
    } else {
        out::print(&variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect::<String>())
    };
    printed.context("cannot print the endpoint").map_err(Failed::setup)?;
    signals.stop().cancelled().await;
    running.stop().await;
    Ok(signals.received().unwrap_or(Exit::Done))
}
