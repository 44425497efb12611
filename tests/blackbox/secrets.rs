//! No log line, error text, receipt or metric holds the key, a UserSig or an address's token, at any verbosity.

use std::fs;
use std::path::Path;

use memchr::memmem;

use crate::support::archive::ADDRESS;
use crate::support::*;

/// A ready UserSig for the runs whose own nobody gets to see.
const FAKE_USERSIG: &str = "eJyrVgrxCdYrSy1SslJQMg*fake-usersig-for-tests_";

/// Asserts that none of the vendor's secrets, nor the key, stands in the outputs or in any file below the bench's home.
#[track_caller]
fn assert_no_secret(bench: &Bench, runs: &[Run]) {
    let mut secrets = bench.vendor.secrets();
    secrets.push(FAKE_USERSIG.to_owned());
    let encoded: Vec<String> =
        secrets.iter().map(|secret| url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()).collect();
    secrets.extend(encoded);
    secrets.extend(secrets.clone().iter().map(|secret| secret.replace('*', "%2A")));
    secrets.push(SECRET_KEY.to_owned());
    let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
    for run in runs {
        texts.push((format!("stdout of {}", run.words), run.stdout.clone().into_bytes()));
        texts.push((format!("stderr of {}", run.words), run.stderr.clone().into_bytes()));
    }
    read_all(bench.home.path(), &mut texts);
    for (name, text) in texts.iter().filter(|(name, _)| !name.ends_with("secret.key")) {
        for secret in &secrets {
            if let Some(at) = memmem::find(text, secret.as_bytes()) {
                let around = &text[at.saturating_sub(120)..(at + secret.len() + 40).min(text.len())];
                panic!("{name} holds `{secret}`: …{}…", String::from_utf8_lossy(around));
            }
        }
    }
}

fn read_all(folder: &Path, texts: &mut Vec<(String, Vec<u8>)>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            read_all(&path, texts);
        } else {
            texts.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// Scripts this bench so that every hour meets another fault, and gives how many hours that are.
fn every_fault(bench: &Bench) -> u32 {
    let passing = [
        Answer::Status(502),
        Answer::Status(429),
        Answer::Reset,
        Answer::Text("<html>"),
        Answer::Text(""),
        code(1003),
        code(60011),
        code(70001),
        Answer::Quoting(70500),
    ];
    let lasting = [Answer::Quoting(99999), Answer::Quoting(12345), Answer::Quoting(1004), Answer::Quoting(1005)];
    let transfers = [
        Transfer::Cut(20),
        Transfer::Short(20),
        Transfer::Garbled,
        Transfer::Status(403),
        Transfer::Status(502),
        Transfer::Reset,
        Transfer::MovedTo(ADDRESS),
        Transfer::MovedTo("ftp://127.0.0.1/{token}.gz"),
        Transfer::MovedTo("http://127.0.0.1:1/{token}.gz"),
    ];
    let addresses = [
        "/msg/{token}.gz",
        "ftp://127.0.0.1/{token}",
        "{token}",
        "http://{token}:x@127.0.0.1:1/",
        "http://127.0.0.1:1/?t={token}",
    ];

    let mut hours = (0..).map(hours_back);
    let sound = |hour: &str| archive("C2C", hour, 2);
    let mut count = 0;
    let mut script = |answers: &dyn Fn(&str) -> Vec<Answer>| {
        let hour = hours.next().unwrap();
        bench.vendor.answers("C2C", &hour, answers(&hour));
        count += 1;
    };
    for answer in passing {
        script(&|hour| vec![answer.clone(), files([sound(hour)])]);
    }
    for answer in lasting {
        script(&|_| vec![answer.clone()]);
    }
    for transfer in transfers {
        script(&|hour| vec![files([sound(hour).served([transfer.clone(), Transfer::Whole])])]);
        script(&|hour| vec![files([sound(hour).served([transfer.clone()])])]);
    }
    for address in addresses {
        script(&|hour| vec![files([sound(hour).at(address)])]);
    }
    script(&|hour| vec![files([sound(hour).declaring("FileMD5", "0")])]);
    script(&|_| vec![files([sound("2026010100")])]);
    count
}

#[test]
fn no_secret_is_written_anywhere_under_every_fault() {
    let bench = Bench::new();
    let hours = every_fault(&bench);
    let loud = |sync: program::Invocation| {
        sync.arg("-vv")
            .arg("--json")
            .set("--concurrency", "40")
            .set("--metrics-file", bench.home.path().join("timlake.prom"))
    };
    let run = loud(bench.sync(hours)).run();
    assert!(matches!(run.code, Some(3 | 4)), "{run}");
    let again = loud(bench.sync(1)).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").run();
    assert!(matches!(again.code, Some(3 | 4)), "{again}");
    let text = bench.sync(1).arg("-vv").set("--concurrency", "40").run();
    let status = bench.command("status").arg("-vv").run();
    let plan = bench.command("plan").arg("-vv").arg("--json").run();
    assert!(run.stderr.len() > 1000, "it was not loud: {run}");
    assert_no_secret(&bench, &[run, again, text, status, plan]);
}

#[test]
fn no_secret_is_written_when_the_vendor_refuses_the_credentials() {
    for number in [70003, 60006] {
        let bench = Bench::new();
        bench.vendor.otherwise(Answer::Quoting(number));
        let run = bench.sync(2).arg("-vv").run();
        let json = bench
            .sync(2)
            .unset("--secret-key-file")
            .env("TIMLAKE_SECRET_KEY", SECRET_KEY)
            .arg("-vv")
            .set("--log-format", "json");
        assert_no_secret(&bench, &[run, json.run()]);
    }
}

#[test]
fn no_secret_is_written_when_the_vendor_cannot_be_reached() {
    let bench = Bench::new();
    let sync = bench.sync(1).unset("--secret-key-file").env("TIMLAKE_USERSIG", FAKE_USERSIG).arg("-vv");
    let unreachable = sync.clone().set("--endpoint", "http://127.0.0.1:1").run().exits(3);
    let proxied =
        sync.set("--endpoint", "https://vendor.example").env("HTTPS_PROXY", "http://127.0.0.1:1").run().exits(3);
    assert_no_secret(&bench, &[unreachable, proxied]);
}

#[test]
fn no_secret_is_written_when_the_run_is_interrupted() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.vendor.hold_downloads();
    let running = bench.sync(1).arg("-vv").start();
    bench.vendor.wait_for_downloads(1);
    running.signal("INT");
    let run = running.wait().exits(130);
    assert_no_secret(&bench, &[run]);
}
