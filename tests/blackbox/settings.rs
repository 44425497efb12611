//! Settings: flag, else environment, else config file, else default; and what is no setting is refused with a sentence
//! that says what to write instead.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::support::lake::read_json;
use crate::support::program::{Invocation, secret_file};
use crate::support::*;

/// Whom the run said it is.
fn identifier(bench: &Bench) -> String {
    bench.vendor.calls().last().unwrap().query["identifier"].clone()
}

#[test]
fn a_flag_outweighs_the_environment_which_outweighs_the_config_file_which_outweighs_the_default() {
    let bench = Bench::new();
    let config = bench.home.path().join("timlake.toml");
    fs::write(&config, "identifier = \"from-file\"\n").unwrap();
    let plain = bench.sync(1);
    let with_file = plain.clone().set("--config", &config);
    let with_environment = with_file.clone().env("TIMLAKE_IDENTIFIER", "from-environment");
    let with_flag = with_environment.clone().set("--identifier", "from-flag");
    for (sync, expected) in [
        (plain, "administrator"),
        (with_file, "from-file"),
        (with_environment, "from-environment"),
        (with_flag, "from-flag"),
    ] {
        sync.run().exits(0);
        assert_eq!(identifier(&bench), expected);
    }
}

#[test]
fn every_setting_can_come_from_the_environment_alone() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.vendor.answers("Group", H20, [files([archive("Group", H20, 2)])]);
    let metrics = bench.home.path().join("timlake.prom");
    Invocation::bare(&["sync"], bench.home.path())
        .env("TIMLAKE_LAKE", bench.lake.root())
        .env("TIMLAKE_SDKAPPID", SDKAPPID.to_string())
        .env("TIMLAKE_IDENTIFIER", "root")
        .env("TIMLAKE_SECRET_KEY_FILE", bench.key_file())
        .env("TIMLAKE_REGION", "singapore")
        .env("TIMLAKE_ENDPOINT", bench.vendor.url())
        .env("TIMLAKE_CHAT_TYPE", "c2c,GROUP")
        .env("TIMLAKE_LOOKBACK", "3h")
        .env("TIMLAKE_SETTLE", "30m")
        .env("TIMLAKE_EMPTY_AFTER", "90m")
        .env("TIMLAKE_RECHECK", "24h,3d")
        .env("TIMLAKE_MAX_QPS", "10")
        .env("TIMLAKE_CONCURRENCY", "2")
        .env("TIMLAKE_KEEP_RAW", "false")
        .env("TIMLAKE_SPOOL", bench.home.path().join("spool"))
        .env("TIMLAKE_NOW", NOW)
        .env("TIMLAKE_METRICS_FILE", &metrics)
        .run()
        .exits(0);
    assert_eq!(identifier(&bench), "root");
    for chat_type in ["C2C", "Group"] {
        assert_eq!(bench.lake.state(chat_type, H20), "committed");
        assert_eq!(bench.lake.state(chat_type, H19), "empty", "1004 at two hours");
    }
    assert_eq!(bench.lake.files(&["raw"]).len(), 0);
    assert!(metrics.exists());
}

#[test]
fn settings_can_come_from_the_config_file_alone() {
    let bench = Bench::new();
    let config = bench.home.path().join("timlake.toml");
    let text = format!(
        "lake = {:?}\nsdkappid = {SDKAPPID}\nendpoint = {:?}\nlookback = \"3h\"\nsettle = \"30m\"\nconcurrency = 2\nnow = {NOW:?}\n",
        bench.lake.root(),
        bench.vendor.url(),
    );
    fs::write(&config, text).unwrap();
    let sync = Invocation::bare(&["sync"], bench.home.path()).set("--config", &config);
    sync.env("TIMLAKE_SECRET_KEY", SECRET_KEY).run().exits(0);
    assert_eq!(bench.vendor.calls().len(), 4, "two hours of two chat types");
}

#[test]
fn the_lake_is_in_the_working_folder_unless_told_otherwise() {
    let bench = Bench::new();
    bench.sync(1).unset("--lake").run().exits(0);
    assert!(bench.home.path().join("lake/lake.json").exists());
}

#[test]
fn chat_types_are_repeatable_and_in_any_letter_case() {
    let bench = Bench::new();
    let sync = bench.sync(1).unset("--chat-type");
    sync.clone().arg("--chat-type").arg("GROUP").run().exits(0);
    sync.arg("--chat-type").arg("c2c").arg("--chat-type").arg("group").run().exits(0);
    let asked: Vec<String> =
        bench.vendor.calls().iter().map(|call| call.body["ChatType"].as_str().unwrap().to_owned()).collect();
    assert_eq!(asked[0], "Group");
    assert!(asked[1..].contains(&"C2C".to_owned()) && asked[1..].contains(&"Group".to_owned()), "{asked:?}");
}

#[test]
fn a_value_that_cannot_be_is_refused_with_exit_2_before_anything_is_done() {
    let bench = Bench::new();
    for (flag, value, named) in [
        ("--endpoint", "not a url", "endpoint"),
        ("--endpoint", "http://vendor.example", "https"),
        ("--endpoint", "ftp://127.0.0.1", "endpoint"),
        ("--region", "atlantis", "singapore"),
        ("--chat-type", "C2B", "Group"),
        ("--max-qps", "11", "10"),
        ("--max-qps", "0", "max-qps"),
        ("--max-qps", "many", "max-qps"),
        ("--concurrency", "0", "concurrency"),
        ("--lookback", "a week", "lookback"),
        ("--settle", "an hour ago", "settle"),
        ("--empty-after", "soon", "empty-after"),
        ("--recheck", "24h,often", "recheck"),
        ("--now", "yesterday", "now"),
        ("--sdkappid", "my-app", "sdkappid"),
    ] {
        let run = bench.sync(1).set(flag, value).run().exits(2);
        assert!(run.stderr.contains(named), "{flag} {value}: {run}");
    }
    assert_eq!(bench.vendor.calls().len(), 0);
    assert!(!bench.lake.root().exists());
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    let bench = Bench::new();
    bench.backfill(H20, H19).run().refused(&["from"]);
    bench.backfill(H20, "2026112300").run().refused(&["2026112300"]);
    bench.backfill("2026112300", "2026112301").run().refused(&["20261123"]);
    bench.backfill("2026-11-19", H20).run().refused(&["2026-11-19", "YYYYMMDDHH"]);
    bench.backfill("2026111924", H20).run().refused(&["2026111924"]);
    bench.backfill("2026022900", H20).run().refused(&["2026022900"]);
    bench.backfill(H18, H20).set("--rerun", "some").run().refused(&["missing", "failed", "all"]);
    bench.backfill(H18, H20).unset("--to").run().refused(&["--to"]);
    assert_eq!(bench.vendor.calls().len(), 0);
}

#[test]
fn now_may_be_later_than_the_clock_only_with_a_loopback_endpoint() {
    let bench = Bench::new();
    // No such proxy: were it to ask the vendor, nothing would leave the machine.
    let later = bench.sync(1).now("2099-01-01T00:00:00Z");
    later.clone().unset("--endpoint").env("HTTPS_PROXY", "http://127.0.0.1:1").run().refused(&["now"]);
    later.run().exits(0);
    assert_eq!(bench.vendor.calls()[0].body["MsgTime"], "2099010106");
}

#[test]
fn an_app_and_credentials_are_needed_to_ask() {
    let bench = Bench::new();
    bench.sync(1).unset("--sdkappid").run().refused(&["sdkappid"]);
    bench.sync(1).unset("--secret-key-file").run().refused(&["secret-key-file"]);
    assert_eq!(bench.vendor.calls().len(), 0);
}

#[test]
fn a_key_file_that_is_missing_or_empty_is_refused_by_name() {
    let bench = Bench::new();
    let file = bench.home.path().join("other.key");
    bench.sync(1).set("--secret-key-file", &file).run().refused(&["other.key"]);
    for text in ["", "\n", "  \r\n"] {
        secret_file(&file, text);
        bench.sync(1).set("--secret-key-file", &file).run().refused(&["other.key", "empty"]);
        bench.sync(1).unset("--secret-key-file").set("--usersig-file", &file).run().refused(&["other.key", "empty"]);
    }
    assert_eq!(bench.vendor.calls().len(), 0);
}

#[test]
fn a_final_line_break_is_no_part_of_a_secret() {
    let bench = Bench::new();
    secret_file(&bench.key_file(), &format!("{SECRET_KEY}\r\n"));
    bench.sync(1).run().exits(0);
    usersig::verified(&bench.vendor.calls()[0].query["usersig"], SECRET_KEY, SDKAPPID, "administrator");
}

#[test]
fn a_secret_file_that_others_may_read_is_warned_of() {
    let bench = Bench::new();
    let quiet = bench.sync(1).run().exits(0);
    assert!(!quiet.stderr.contains("secret.key"), "{quiet}");
    fs::set_permissions(bench.key_file(), fs::Permissions::from_mode(0o644)).unwrap();
    bench.sync(1).run().exits(0).says(&["secret.key"]);
}

#[test]
fn a_config_file_that_cannot_be_read_is_refused_by_name() {
    let bench = Bench::new();
    let config = bench.home.path().join("mine.toml");
    bench.sync(1).set("--config", &config).run().refused(&["mine.toml"]);
    for text in ["lookback = ", "lookback = 3", "= 7", "\u{0}", "[lookback]\ndays = 7"] {
        fs::write(&config, text).unwrap();
        bench.sync(1).unset("--lookback").set("--config", &config).run().refused(&["mine.toml"]);
    }
    fs::create_dir(bench.home.path().join("folder.toml")).unwrap();
    bench.sync(1).set("--config", bench.home.path().join("folder.toml")).run().refused(&["folder.toml"]);
    assert_eq!(bench.vendor.calls().len(), 0);
}

#[test]
fn an_unknown_key_in_the_config_file_is_named_with_the_nearest_known_one() {
    let bench = Bench::new();
    let config = bench.home.path().join("timlake.toml");
    for (key, nearest) in [("lookbak", "lookback"), ("sdk_appid", "sdkappid"), ("identifer", "identifier")] {
        fs::write(&config, format!("{key} = \"x\"\n")).unwrap();
        bench.sync(1).set("--config", &config).run().refused(&[key, nearest]);
    }
}

#[test]
fn no_secret_is_taken_from_a_flag_or_the_config_file() {
    let bench = Bench::new();
    let config = bench.home.path().join("timlake.toml");
    for key in ["secret_key", "secret-key", "usersig"] {
        fs::write(&config, format!("{key} = \"{SECRET_KEY}\"\n")).unwrap();
        let run = bench.sync(1).set("--config", &config).run().exits(2);
        assert!(!run.stderr.contains(SECRET_KEY), "{run}");
    }
    for flag in ["--secret-key", "--usersig"] {
        bench.sync(1).set(flag, "x").run().exits(2);
    }
}

#[test]
fn a_lake_path_that_is_a_file_refused() {
    let bench = Bench::new();
    bench.sync(1).set("--lake", bench.key_file()).run().refused(&["secret.key"]);
    assert_eq!(bench.vendor.calls().len(), 0);
}

#[test]
fn help_shows_the_flag_and_the_environment_name_of_every_setting() {
    let bench = Bench::new();
    let help = Invocation::bare(&["sync", "--help"], bench.home.path()).run().exits(0).stdout;
    for (flag, environment) in [
        ("--lake", "TIMLAKE_LAKE"),
        ("--sdkappid", "TIMLAKE_SDKAPPID"),
        ("--identifier", "TIMLAKE_IDENTIFIER"),
        ("--secret-key-file", "TIMLAKE_SECRET_KEY_FILE"),
        ("--usersig-file", "TIMLAKE_USERSIG_FILE"),
        ("--region", "TIMLAKE_REGION"),
        ("--endpoint", "TIMLAKE_ENDPOINT"),
        ("--chat-type", "TIMLAKE_CHAT_TYPE"),
        ("--lookback", "TIMLAKE_LOOKBACK"),
        ("--settle", "TIMLAKE_SETTLE"),
        ("--empty-after", "TIMLAKE_EMPTY_AFTER"),
        ("--recheck", "TIMLAKE_RECHECK"),
        ("--max-qps", "TIMLAKE_MAX_QPS"),
        ("--concurrency", "TIMLAKE_CONCURRENCY"),
        ("--no-keep-raw", "TIMLAKE_KEEP_RAW"),
        ("--spool", "TIMLAKE_SPOOL"),
        ("--now", "TIMLAKE_NOW"),
        ("--metrics-file", "TIMLAKE_METRICS_FILE"),
        ("--config", ""),
        ("--json", ""),
        ("--log-format", ""),
        ("--no-progress", ""),
        ("--verbose", ""),
        ("--quiet", ""),
    ] {
        assert!(help.contains(flag), "{flag}:\n{help}");
        assert!(help.contains(environment), "{environment}:\n{help}");
    }
    assert!(!help.contains(SECRET_KEY));
}

#[test]
fn a_secret_in_the_environment_is_not_shown_by_help() {
    let bench = Bench::new();
    let help =
        Invocation::bare(&["sync", "--help"], bench.home.path()).env("TIMLAKE_SECRET_KEY", SECRET_KEY).run().exits(0);
    assert!(!help.stdout.contains(SECRET_KEY));
}

#[test]
fn every_command_accepts_every_setting() {
    let bench = Bench::new();
    let everything = |command: Invocation| {
        command
            .set("--lookback", "2h")
            .set("--region", "tokyo")
            .set("--identifier", "administrator")
            .set("--empty-after", "24h")
            .set("--recheck", "off")
            .set("--spool", bench.home.path().join("spool"))
            .set("--metrics-file", bench.home.path().join("timlake.prom"))
            .set("--log-format", "json")
            .arg("--no-keep-raw")
            .arg("--no-progress")
            .arg("-v")
    };
    everything(bench.sync(1)).run().exits(0);
    everything(bench.backfill(H19, H20)).run().exits(0);
    everything(bench.command("plan")).run().exits(0);
    everything(bench.command("status")).run().exits(0);
}

#[test]
fn stdout_carries_the_result_and_stderr_the_log() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [code(99999)]);
    let run = bench.sync(1).arg("--json").arg("-vv").set("--log-format", "json").run().exits(3);
    run.json();
    assert!(!run.stderr.trim().is_empty());
    for line in run.stderr.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry.is_object(), "{line}");
    }
}

#[test]
fn a_quiet_run_with_nothing_to_warn_of_says_nothing() {
    let bench = Bench::new();
    let run = bench.sync(1).arg("-q").run().exits(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn metrics_are_replaced_at_the_end_of_every_run_failed_ones_too() {
    let bench = Bench::new();
    let metrics = bench.home.path().join("timlake.prom");
    bench.vendor.answers("C2C", H20, [code(1004), code(99999), code(70003)]);
    let mut texts = Vec::new();
    for exit_code in [0, 3, 77] {
        bench.sync(1).set("--metrics-file", &metrics).run().exits(exit_code);
        texts.push(fs::read_to_string(&metrics).unwrap());
    }
    for text in &texts {
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("timlake_"), "{line}");
            value.parse::<f64>().unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
    assert!(texts[0] != texts[1] && texts[1] != texts[2], "{texts:#?}");
    let beside: Vec<_> = fs::read_dir(bench.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name.to_string_lossy().contains("prom") && name != "timlake.prom"), "{beside:?}");
}

#[test]
fn the_spool_may_lie_on_another_file_system_and_is_left_empty() {
    let bench = Bench::new();
    let memory = Path::new("/dev/shm");
    let spool = if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() };
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.vendor.answers("C2C", H19, [files([archive("C2C", H19, 2).declaring("FileSize", 1)])]);
    bench.sync(2).set("--spool", spool.path()).run().exits(3);
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    bench.lake.assert_consistent();
    bench.lake.assert_quarantined("C2C", H19, &archive("C2C", H19, 2).gzip);
    assert_eq!(files_below(spool.path()), 0, "nothing is left behind");
    assert_eq!(files_below(&bench.lake.root().join(".spool")), 0);
}

fn files_below(path: &Path) -> usize {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

#[test]
fn files_follow_the_umask() {
    let bench = Bench::new();
    let lines = [c2c(1, "a"), c2c(2, "b"), "broken".to_owned()];
    bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &lines)])]);
    bench.vendor.answers("C2C", H19, [files([Archive::of("no archive")])]);
    bench.sync(2).after("umask 027").run().exits(3);
    let everything = bench.lake.everything();
    assert!(everything.len() >= 6, "{everything:?}");
    for path in everything.keys() {
        let path = bench.lake.root().join(path);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o640, "{}", path.display());
        assert_eq!(mode(path.parent().unwrap()), 0o750, "{}", path.display());
    }
}

#[test]
fn usersig_issues_what_the_vendor_accepts_and_checks_what_it_is_given() {
    let bench = Bench::new();
    let account = |words: &[&str]| {
        Invocation::bare(words, bench.home.path())
            .set("--sdkappid", SDKAPPID.to_string())
            .set("--secret-key-file", bench.key_file())
    };
    let issued = account(&["usersig", "issue"]).run().exits(0).stdout.trim().to_owned();
    usersig::verified(&issued, SECRET_KEY, SDKAPPID, "administrator");
    let file = bench.home.path().join("usersig");
    secret_file(&file, &issued);
    let check = account(&["usersig", "check"]).set("--usersig-file", &file);
    let checked = check.clone().run().exits(0);
    assert!(checked.stdout.contains("administrator") && checked.stdout.contains("1400000000"), "{checked}");
    let wrong = [
        check.clone().set("--sdkappid", "1400000001"),
        check.clone().set("--identifier", "eve"),
        check.clone().unset("--secret-key-file").env("TIMLAKE_SECRET_KEY", "another-fake-key"),
    ];
    for check in wrong {
        let run = check.run();
        assert!(run.code.is_some_and(|code| code != 0), "{run}");
    }
    secret_file(&file, &issued[..30]);
    let run = check.run();
    assert!(run.code.is_some_and(|code| code != 0), "{run}");
}

#[test]
fn the_demo_archives_a_week_without_account_or_network() {
    let bench = Bench::new();
    let run = Invocation::bare(&["demo"], bench.home.path()).env("HTTPS_PROXY", "http://127.0.0.1:1").run().exits(0);
    assert!(run.stdout.contains("timlake-demo"), "{run}");
    let lake = Lake::at(bench.home.path().join("timlake-demo"));
    lake.assert_consistent();
    let receipts: Vec<Value> =
        lake.files(&["receipts"]).keys().map(|path| read_json(&lake.root().join(path))).collect();
    assert!(receipts.len() >= 300, "{}", receipts.len());
    assert!(receipts.iter().all(|receipt| receipt["state"] != "failed"));
    assert!(receipts.iter().map(|receipt| receipt["rows"].as_u64().unwrap_or(0)).sum::<u64>() > 1000);
}
