//! A loss is reported until one run has ended with exit code 4, and not again after that, whatever is killed when.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::program::Invocation;
use crate::support::*;

/// Three hours that the vendor has deleted, and one that it has.
fn vendor_that_deleted_three_hours() -> Bench {
    let bench = Bench::new();
    for hour in [H17, H18, H20] {
        bench.vendor.answers("C2C", hour, [code(1005)]);
    }
    bench.vendor.answers("C2C", H19, [files([archive("C2C", H19, 2)])]);
    bench
}

fn lost() -> Value {
    json!([H17, H18, H20].map(|hour| format!("C2C/{hour}")))
}

fn sync(bench: &Bench) -> Invocation {
    // One after the other, so that a step is the same step in every run.
    bench.sync(4).set("--concurrency", "1").arg("--json")
}

/// Runs to the given step and is killed there; `false` where it came to its end before.
fn is_killed_at(step: u64, sync: Invocation) -> bool {
    let run = sync.env("TIMLAKE_TEST_KILL_AT", step.to_string()).run();
    assert!(run.signal == Some(9) || run.code == Some(4), "{run}");
    run.signal == Some(9)
}

/// Runs to the end: it must end with 4 and name all three losses.
#[track_caller]
fn assert_reports_all(bench: &Bench, when: &str) {
    let run = sync(bench).run();
    assert_eq!((run.code, &run.json()["losses"]), (Some(4), &lost()), "{when}: {run}");
}

/// Runs to the end: there is nothing to be said any more.
#[track_caller]
fn assert_reports_nothing_more(bench: &Bench, when: &str) {
    let run = sync(bench).run();
    assert_eq!((run.code, &run.json()["losses"]), (Some(0), &json!([])), "{when}: {run}");
    for hour in [H17, H18, H20] {
        assert_eq!(bench.lake.receipt("C2C", hour)["reported_at"], NOW, "{when}");
    }
    assert!(!list_of(bench).exists(), "{when}");
    assert_eq!(bench.lake.state("C2C", H19), "committed");
    bench.lake.assert_consistent();
}

fn list_of(bench: &Bench) -> PathBuf {
    bench.lake.root().join(".reporting")
}

/// The step at which a first run has written into some of the receipts, but not into all, that their loss was reported.
static IN_BETWEEN: LazyLock<u64> = LazyLock::new(|| {
    let in_between = |step: &u64| {
        let bench = vendor_that_deleted_three_hours();
        assert!(is_killed_at(*step, sync(&bench)), "it was never killed in between");
        list_of(&bench).exists() && reported(&bench) == [true, true, false]
    };
    (1..).find(in_between).unwrap()
});

/// A lake whose first run was killed at that step.
fn killed_while_it_reported() -> Bench {
    let bench = vendor_that_deleted_three_hours();
    assert!(is_killed_at(*IN_BETWEEN, sync(&bench)));
    bench
}

/// Of which losses the receipt says that they were reported.
fn reported(bench: &Bench) -> [bool; 3] {
    [H17, H18, H20].map(|hour| bench.lake.receipt("C2C", hour)["reported_at"].is_string())
}

#[test]
fn killed_at_any_step_of_the_run_that_finds_them_the_next_run_reports_all_losses_and_the_one_after_none() {
    let mut steps = 0;
    loop {
        let bench = vendor_that_deleted_three_hours();
        let when = format!("killed at step {}", steps + 1);
        if !is_killed_at(steps + 1, sync(&bench)) {
            assert_reports_nothing_more(&bench, "not killed");
            break;
        }
        assert_reports_all(&bench, &when);
        assert_reports_nothing_more(&bench, &when);
        steps += 1;
    }
    assert!(steps > 20, "killed at {steps} steps: the manifest, four receipts, the list, three receipts again");
}

#[test]
fn killed_at_any_step_of_the_run_that_reports_them_again_nothing_is_swallowed_either() {
    let mut steps = 0;
    let bench = killed_while_it_reported();
    let list = fs::read(list_of(&bench)).unwrap();
    let receipts = [H17, H18, H20].map(|hour| bench.lake.receipt_path("C2C", hour));
    let before = receipts.each_ref().map(|path| fs::read(path).unwrap());
    loop {
        // The rest of the lake stays as it is from here on.
        for (path, bytes) in receipts.iter().zip(&before).chain([(&list_of(&bench), &list)]) {
            fs::write(path, bytes).unwrap();
        }
        let when = format!("killed again at step {}", steps + 1);
        if !is_killed_at(steps + 1, sync(&bench)) {
            assert_reports_nothing_more(&bench, "not killed");
            break;
        }
        assert_reports_all(&bench, &when);
        assert_reports_nothing_more(&bench, &when);
        steps += 1;
    }
    assert!(steps > 10, "killed at {steps} steps: receipts taken back, the list, receipts, the list");
}

#[test]
fn a_run_that_ends_otherwise_leaves_them_to_be_reported() {
    let bench = killed_while_it_reported();
    bench.vendor.otherwise(code(70003));
    sync(&bench).now(now_plus(1.0)).run().exits(77);
    assert_eq!(reported(&bench), [false; 3]);
    // A run that does not look at them does not lose them either.
    sync(&bench).set("--chat-type", "Group").run().exits(77);
    bench.vendor.otherwise(code(1004));
    sync(&bench).set("--chat-type", "Group").run().exits(0);
    assert_reports_all(&bench, "after others");
    assert_reports_nothing_more(&bench, "after others");
}

#[test]
fn an_hour_that_came_back_meanwhile_is_not_reported() {
    let bench = killed_while_it_reported();
    let file = bench.home.path().join("kept.gz");
    fs::write(&file, archive("C2C", H18, 2).gzip).unwrap();
    bench.command("import").arg(file.to_str().unwrap()).run().exits(0);
    let run = sync(&bench).run().exits(4);
    assert_eq!(run.json()["losses"], json!([format!("C2C/{H17}"), format!("C2C/{H20}")]));
    assert_eq!(bench.lake.state("C2C", H18), "committed");
    sync(&bench).run().exits(0);
    bench.lake.assert_consistent();
}

#[test]
fn a_damaged_list_has_every_loss_reported_once_more() {
    for damage in ["", "[{\"hour\":\"2026", "[{\"hour\":\"2026111917\"}]"] {
        let bench = killed_while_it_reported();
        fs::write(list_of(&bench), damage).unwrap();
        let run = sync(&bench).run().exits(4).says(&[".reporting"]);
        assert_eq!(run.json()["losses"], lost());
        assert_reports_nothing_more(&bench, damage);
    }
}

#[test]
fn plan_and_status_leave_an_unfinished_report_alone() {
    let bench = killed_while_it_reported();
    let before = bench.lake.files(&["."]);
    assert_eq!(bench.plan(|plan| plan), Vec::<Value>::new());
    bench.command("status").arg("--check").run().exits(4);
    assert_eq!(bench.lake.files(&["."]), before);
}
