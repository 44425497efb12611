//! Each exit code, and what the last lines on stderr say to the person who reads them.

use serde_json::json;

use crate::support::program::{Invocation, secret_file};
use crate::support::*;

#[test]
fn credentials_the_vendor_refuses_stop_the_run_with_77_and_its_words() {
    for number in
        [60004, 60005, 60010, 60021, 70002, 70003, 70005, 70009, 70013, 70014, 70050, 70051, 70107, 70114, 70402, 70403]
    {
        let bench = Bench::new();
        bench.vendor.otherwise(code(number));
        let run = bench.sync(5).set("--concurrency", "1").run().exits(77);
        let run = run.says(&[&number.to_string(), &format!("scripted error {number}")]);
        assert_eq!(bench.vendor.calls().len(), 1, "{run}");
    }
}

#[test]
fn an_account_not_set_up_stops_the_run_with_2_and_the_vendors_words() {
    for number in [1001, 1002, 60002, 60003, 60006, 60009, 60012, 60015, 60016, 60017, 60020, 70016, 70020] {
        let bench = Bench::new();
        bench.vendor.otherwise(code(number));
        let run = bench.sync(5).set("--concurrency", "1").run().exits(2);
        let run = run.says(&[&number.to_string(), &format!("scripted error {number}")]);
        assert_eq!(bench.vendor.calls().len(), 1, "{run}");
    }
}

#[test]
fn a_run_that_is_stopped_keeps_what_was_done_before() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H18, [files([archive("C2C", H18, 2)])]);
    bench.vendor.answers("C2C", H19, [code(70009)]);
    bench.sync(3).set("--concurrency", "1").run().exits(77);
    assert_eq!(bench.lake.state("C2C", H18), "committed");
    assert_eq!(bench.vendor.calls_for("C2C", H20), 0);
    bench.lake.assert_consistent();
}

#[test]
fn an_expired_usersig_is_renewed_once_where_there_is_a_key() {
    for number in [70001, 70052] {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [code(number), files([archive("C2C", H20, 2)])]);
        bench.sync(1).run().exits(0);
        assert_eq!(bench.vendor.calls_for("C2C", H20), 2);

        let bench = Bench::new();
        bench.vendor.otherwise(code(number));
        bench.sync(1).run().exits(77).says(&[&number.to_string()]);
        assert_eq!(bench.vendor.calls_for("C2C", H20), 2, "a new one, once");
    }
}

#[test]
fn an_expired_usersig_without_a_key_stops_the_run_with_77() {
    for number in [70001, 70052] {
        let bench = Bench::new();
        let file = bench.home.path().join("usersig");
        secret_file(&file, "eJyrVgrxCdYrSy1SslJQMg*fake-usersig_");
        bench.vendor.otherwise(code(number));
        bench
            .sync(1)
            .unset("--secret-key-file")
            .set("--usersig-file", file)
            .run()
            .exits(77)
            .says(&[&number.to_string()]);
        assert_eq!(bench.vendor.calls().len(), 1);
    }
}

#[test]
fn an_unknown_code_fails_that_unit_alone() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H19, [code(12345)]);
    bench.sync(3).run().exits(3);
    assert!(bench.lake.assert_failed("C2C", H19, "history").contains("12345"));
    assert_eq!([H18, H20].map(|hour| bench.lake.state("C2C", hour)), ["not_ready", "not_ready"]);
}

#[test]
fn nothing_due_and_nothing_ready_are_0() {
    let bench = Bench::new();
    bench.sync(1).set("--settle", "5h").run().exits(0);
    bench.sync(1).run().exits(0);
}

#[test]
fn a_lake_that_cannot_be_made_is_74() {
    let bench = Bench::new();
    let beneath_a_file = bench.key_file().join("lake");
    bench.sync(1).set("--lake", beneath_a_file).run().exits(74);
    if cfg!(target_os = "linux") {
        bench.sync(1).set("--lake", "/proc/timlake-test").run().exits(74).says(&["/proc/timlake-test"]);
    }
    assert_eq!(bench.vendor.calls().len(), 0);
}

#[test]
fn a_folder_of_the_lake_that_cannot_be_written_is_74_and_nothing_is_half_published() {
    for folder in ["messages", "raw", "receipts"] {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
        std::fs::create_dir(bench.lake.root()).unwrap();
        std::fs::write(bench.lake.root().join(folder), "in the way").unwrap();
        bench.sync(1).run().exits(74).says(&[folder]);
        assert_eq!(std::fs::read_to_string(bench.lake.root().join(folder)).unwrap(), "in the way");

        std::fs::remove_file(bench.lake.root().join(folder)).unwrap();
        bench.sync(1).run().exits(0);
        assert_eq!(bench.lake.state("C2C", H20), "committed");
        bench.lake.assert_consistent();
    }
}

#[test]
fn a_full_disk_is_74_and_nothing_is_half_published() {
    let bench = Bench::new();
    // Letters that no compression makes fit into the 32 KiB (64 where the shell counts in KiB) a file may have here.
    let noise = |seq: u64| (0..100).map(|i| archive::md5(format!("{seq} {i}").as_bytes())).collect::<String>();
    let large: Vec<String> = (0..100).map(|seq| c2c(seq, &noise(seq))).collect();
    bench.vendor.answers("C2C", H20, [files([Archive::with("C2C", H20, &large)])]);
    bench.vendor.answers("C2C", H19, [files([archive("C2C", H19, 2)])]);
    bench.sync(2).after("trap '' XFSZ; ulimit -f 64").run().exits(74);
    assert!(!bench.lake.parquet_path("C2C", H20).exists());
    assert_ne!(bench.lake.state("C2C", H20), "committed");
    bench.lake.assert_consistent();

    bench.sync(2).run().exits(0);
    assert_eq!([H19, H20].map(|hour| bench.lake.state("C2C", hour)), ["committed", "committed"]);
    bench.lake.assert_consistent();
}

#[test]
fn a_lake_that_another_run_holds_is_75_and_plan_and_status_run_beside_it() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.vendor.hold_downloads();
    let first = bench.sync(1).start();
    bench.vendor.wait_for_downloads(1);
    let calls = bench.vendor.calls().len();
    bench.sync(1).run().exits(75);
    bench.backfill(H19, H20).run().exits(75);
    bench.command("plan").run().exits(0);
    bench.command("status").run().exits(0);
    assert_eq!(bench.vendor.calls().len(), calls);
    bench.vendor.release();
    first.wait().exits(0);
    bench.sync(1).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    bench.lake.assert_consistent();
}

#[test]
fn a_lock_outlives_no_run_however_it_ended() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.vendor.hold_downloads();
    let first = bench.sync(1).start();
    bench.vendor.wait_for_downloads(1);
    first.signal("KILL");
    assert_eq!(first.wait().signal, Some(9));
    bench.vendor.release();
    bench.sync(1).run().exits(0);
}

#[test]
fn sigint_is_130_and_sigterm_143_and_the_lake_is_consistent() {
    for (signal, exit_code) in [("INT", 130), ("TERM", 143)] {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H18, [files([archive("C2C", H18, 2)])]);
        for hour in [H19, H20] {
            let stalled = archive("C2C", hour, 2).served([Transfer::Stall, Transfer::Whole]);
            bench.vendor.answers("C2C", hour, [files([stalled])]);
        }
        let running = bench.sync(3).start();
        bench.vendor.wait_for_downloads(3);
        let asked = std::time::Instant::now();
        running.signal(signal);
        running.wait().exits(exit_code);
        assert!(asked.elapsed().as_secs() < 10, "it took {:?} to end", asked.elapsed());
        bench.lake.assert_consistent();

        bench.sync(3).run().exits(0);
        assert!([H18, H19, H20].iter().all(|hour| bench.lake.state("C2C", hour) == "committed"));
        bench.lake.assert_consistent();
    }
}

#[test]
fn a_signal_while_waiting_for_the_next_try_ends_the_run_at_once() {
    let bench = Bench::new();
    bench.vendor.otherwise(Answer::Stall);
    let running = bench.sync(1).start();
    while bench.vendor.calls().is_empty() {
        std::thread::yield_now();
    }
    let asked = std::time::Instant::now();
    running.signal("TERM");
    running.wait().exits(143);
    assert!(asked.elapsed().as_secs() < 10);
}

#[test]
fn the_json_report_tells_the_exit_code_whatever_it_is() {
    for (answer, exit_code) in [(code(1004), 0), (code(99999), 3), (code(1005), 4)] {
        let bench = Bench::new();
        bench.vendor.answers("C2C", H20, [answer]);
        assert_eq!(bench.sync(1).arg("--json").run().exits(exit_code).json()["exit_code"], json!(exit_code));
    }
}

#[test]
fn unknown_commands_and_flags_are_2() {
    let bench = Bench::new();
    for words in [&["synk"][..], &["sync", "--lookbak", "3d"], &[], &["backfill"]] {
        let run = Invocation::bare(words, bench.home.path()).run();
        assert_eq!(run.code, Some(2), "{run}");
    }
}

#[test]
fn help_and_version_are_0_and_on_stdout() {
    let bench = Bench::new();
    for words in [&["--help"][..], &["--version"], &["help"], &["sync", "--help"], &["usersig", "issue", "--help"]] {
        let run = Invocation::bare(words, bench.home.path()).run().exits(0);
        assert!(!run.stdout.is_empty() && run.stderr.is_empty(), "{run}");
    }
}
