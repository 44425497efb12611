//! `timlake usersig`: makes a UserSig, or takes one apart and verifies it.

use anyhow::{Context, anyhow};
use chrono::{DateTime, Duration, Utc};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::domain::receipt::rfc3339;
use crate::exit::{Exit, Failed};
use crate::out;
use crate::settings::Settings;
use crate::tim::usersig::{UserSig, UserSigError, issue};

/// Make or check.
#[derive(Debug, Args)]
pub struct UsersigArgs {
    #[command(subcommand)]
    command: UsersigCommand,
}

#[derive(Debug, Subcommand)]
enum UsersigCommand {
    /// Prints a UserSig for --identifier of --sdkappid, made from the secret key
    Issue(IssueArgs),
    /// Says what the UserSig in --usersig-file (or TIMLAKE_USERSIG) is; verifies it where the secret key is given too
    Check,
}

#[derive(Debug, Args)]
struct IssueArgs {
    /// How long it is good for
    #[arg(long, default_value = "24h", value_name = "AGE")]
    expire: humantime::Duration,
}

/// Runs the command.
pub fn run(args: &UsersigArgs, settings: &Settings) -> Result<Exit, Failed> {
    // UserSigs are signed and judged by the real clock, whatever --now says.
    let now = Utc::now();
    match &args.command {
        UsersigCommand::Issue(args) => run_issue(args, settings, now).map_err(Failed::setup),
        UsersigCommand::Check => run_check(settings, now),
    }
}

fn run_issue(args: &IssueArgs, settings: &Settings, now: DateTime<Utc>) -> anyhow::Result<Exit> {
    let key = settings
        .secrets
        .key()?
        .ok_or_else(|| anyhow!("a UserSig is made from the secret key: give --secret-key-file"))?;
    let sdkappid = settings.sdkappid.ok_or_else(|| anyhow!("a UserSig is made for one app: give --sdkappid"))?;
    let expire = Duration::from_std(*args.expire)
        .ok()
        .filter(|expire| (1..=i64::from(u32::MAX)).contains(&expire.num_seconds()));
    let expire = expire.ok_or_else(|| anyhow!("--expire: write a length of time such as 24h or 180d"))?;
    let usersig = issue(&key, sdkappid, &settings.identifier, now, expire, None);
    if settings.json {
        out::print_json(&json!({ "report_version": 1, "command": "usersig issue", "usersig": usersig.expose_secret() }))
    } else {
        out::print(&format!("{}\n", usersig.expose_secret()))
    }
    .context("cannot print the UserSig")?;
    Ok(Exit::Done)
}

fn run_check(settings: &Settings, now: DateTime<Utc>) -> Result<Exit, Failed> {
    let usersig = settings.secrets.usersig().map_err(Failed::setup)?;
    let usersig =
        usersig.ok_or_else(|| Failed::setup(anyhow!("give --usersig-file, a file that holds the UserSig")))?;
    let key = settings.secrets.key().map_err(Failed::setup)?;
    let refused = |error| Failed {
        exit: Exit::Credentials,
        error: anyhow!("{error}: make another with `timlake usersig issue`"),
    };
    let parts = UserSig::unpack(usersig.expose_secret()).map_err(refused)?;
    let verdict = verdict(&parts, key.as_ref(), settings, now);
    let report =
        if settings.json { out::json(&parts_json(&parts, key.is_some(), verdict.is_ok())) } else { parts_text(&parts) };
    out::print(&report).context("cannot print the parts").map_err(Failed::setup)?;
    verdict.map_err(refused)?;
    if !settings.json {
        let compared = if key.is_some() { "good" } else { "not compared: give --secret-key-file too" };
        out::print(&format!("signature   {compared}\n")).context("cannot print the parts").map_err(Failed::setup)?;
    }
    Ok(Exit::Done)
}

/// Judges what can be judged: app and account where they were given, the time, and the HMAC where the key is there.
fn verdict(
    parts: &UserSig,
    key: Option<&SecretString>,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<(), UserSigError> {
    let sdkappid = settings.sdkappid.unwrap_or(parts.sdkappid);
    let identifier = if settings.identifier_given { &settings.identifier } else { &parts.identifier };
    parts.verify_owner(sdkappid, identifier)?;
    match key {
        Some(key) => parts.verify(key, sdkappid, identifier, now),
        None => parts.verify_time(now),
    }
}

fn parts_text(parts: &UserSig) -> String {
    let instant = |instant: Option<DateTime<Utc>>| instant.map_or_else(|| "no instant at all".to_owned(), rfc3339);
    format!(
        "app         {}\naccount     {}\nmade        {}\ngood until  {}\n",
        parts.sdkappid,
        parts.identifier.escape_debug(),
        instant(DateTime::from_timestamp(parts.time, 0)),
        instant(parts.expires_at()),
    )
}

fn parts_json(parts: &UserSig, verified: bool, good: bool) -> serde_json::Value {
    json!({
        "report_version": 1,
        "command": "usersig check",
        "sdkappid": parts.sdkappid,
        "identifier": parts.identifier,
        "made_at": DateTime::from_timestamp(parts.time, 0).map(rfc3339),
        "good_until": parts.expires_at().map(rfc3339),
        "signature_compared": verified,
        "good": good,
    })
}
