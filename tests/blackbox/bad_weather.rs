//! The network and the vendor misbehave: what passes is ridden out, what stays fails the unit, and only that.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::archive::ADDRESS;
use crate::support::*;

/// Weather that a retry or two gets through.
fn passing() -> Vec<Answer> {
    let mut weather: Vec<Answer> = [1003, 60008, 60013, 60014, 70169, 70500].into_iter().map(code).collect();
    weather.extend([500, 502, 503, 504].into_iter().map(Answer::Status));
    weather.extend([
        Answer::Reset,
        Answer::Text(""),
        Answer::Text("<html>busy</html>"),
        Answer::Text("{\"ActionStatus\":\"OK\","),
    ]);
    weather
}

#[test]
fn weather_that_passes_is_ridden_out() {
    let bench = Bench::new();
    let weather = passing();
    let hours: Vec<String> = (0..weather.len() as i64).map(hours_back).collect();
    for (hour, bad) in hours.iter().zip(weather) {
        bench.vendor.answers("C2C", hour, [bad.clone(), bad, files([archive("C2C", hour, 2)])]);
    }
    bench.sync(hours.len() as u32).set("--concurrency", "16").run().exits(0);
    for hour in &hours {
        assert_eq!(bench.vendor.calls_for("C2C", hour), 3, "{hour}");
        assert_eq!(bench.lake.state("C2C", hour), "committed", "{hour}");
        assert_eq!(bench.lake.receipt("C2C", hour)["attempts"], 1, "the unit was tried once");
    }
    bench.lake.assert_consistent();
}

#[test]
fn weather_that_stays_fails_the_unit_after_four_tries_or_more_within_a_minute_or_so() {
    let bench = Bench::new();
    let weather = passing();
    let hours: Vec<String> = (1..=weather.len() as i64).map(hours_back).collect();
    for (hour, bad) in hours.iter().zip(weather) {
        bench.vendor.answers("C2C", hour, [bad]);
    }
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    let began = Instant::now();
    bench.sync(hours.len() as u32 + 1).set("--concurrency", "20").run().exits(3);
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
    for hour in &hours {
        assert!(bench.vendor.calls_for("C2C", hour) >= 4, "{hour}");
        bench.lake.assert_failed("C2C", hour, "history");
    }
    assert_eq!(bench.lake.state("C2C", H20), "committed", "the others are not held up");
    bench.lake.assert_consistent();
}

#[test]
fn tries_are_spaced_wider_and_wider() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [Answer::Status(502)]);
    bench.sync(1).run().exits(3);
    let at: Vec<Instant> = bench.vendor.calls().iter().map(|call| call.at).collect();
    let pauses: Vec<Duration> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause > Duration::from_millis(50)), "{pauses:?}");
    assert!(pauses.last() > pauses.first(), "{pauses:?}");
}

#[test]
fn the_causes_name_what_the_vendor_said() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [code(99999)]);
    bench.vendor.answers("C2C", H19, [code(60022)]);
    bench.sync(2).run().exits(3);
    for (hour, number) in [(H20, "99999"), (H19, "60022")] {
        let cause = bench.lake.assert_failed("C2C", hour, "history");
        assert!(cause.contains(number) && cause.contains("scripted error"), "code and ErrorInfo: {cause}");
    }
}

#[test]
fn too_much_asked_for_slows_the_whole_run_down() {
    for slow_down in [Answer::Status(429), code(60007), code(60011), code(60018), code(60019)] {
        let bench = Bench::new();
        // The oldest is asked for first.
        let oldest = hours_back(7);
        bench.vendor.answers("C2C", &oldest, [slow_down.clone(), files([archive("C2C", &oldest, 1)])]);
        bench.sync(8).run().exits(0);
        assert_eq!(bench.lake.state("C2C", &oldest), "committed", "{slow_down:?}");
        let calls = bench.vendor.calls();
        let last_of_the_others =
            calls.iter().filter(|call| call.unit() != calls[0].unit()).map(|call| call.at).max().unwrap();
        // Seven calls at ten a second would be through after 0.7 s.
        let took = last_of_the_others - calls[0].at;
        assert!(took > Duration::from_millis(1000), "as fast as before: {took:?} after {slow_down:?}");
    }
}

#[test]
fn too_much_asked_for_without_end_fails_the_unit() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [Answer::Status(429)]);
    bench.vendor.answers("C2C", H19, [code(60011)]);
    bench.sync(2).run().exits(3);
    for hour in [H20, H19] {
        assert!(bench.vendor.calls_for("C2C", hour) >= 4);
        bench.lake.assert_failed("C2C", hour, "history");
    }
}

#[test]
fn a_stalled_reply_or_download_is_given_up_and_tried_again() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [Answer::Stall, files([archive("C2C", H20, 2)])]);
    bench.vendor.answers("C2C", H19, [files([archive("C2C", H19, 2).served([Transfer::Stall, Transfer::Whole])])]);
    bench.sync(2).run().exits(0);
    assert_eq!(bench.lake.state("C2C", H20), "committed");
    assert_eq!(bench.lake.state("C2C", H19), "committed");
}

#[test]
fn downloads_that_fail_once_are_tried_again() {
    let bench = Bench::new();
    let faults = [
        Transfer::Cut(0),
        Transfer::Cut(50),
        Transfer::Short(50),
        Transfer::Garbled,
        Transfer::Status(500),
        Transfer::Status(503),
        Transfer::Status(401),
        Transfer::Status(403),
        Transfer::Status(404),
        Transfer::Status(410),
        Transfer::Status(429),
        Transfer::Reset,
    ];
    let hours: Vec<String> = (0..faults.len() as i64).map(hours_back).collect();
    for (hour, fault) in hours.iter().zip(faults.clone()) {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 2).served([fault, Transfer::Whole])])]);
    }
    bench.sync(hours.len() as u32).set("--concurrency", "16").run().exits(0);
    for (hour, fault) in hours.iter().zip(faults) {
        assert_eq!(bench.lake.state("C2C", hour), "committed", "{fault:?}");
    }
    bench.lake.assert_consistent();
    assert!(bench.lake.files(&["quarantine"]).is_empty());
}

#[test]
fn bytes_that_differ_from_gzip_size_or_md5_are_asked_for_four_times_then_quarantined() {
    let bench = Bench::new();
    let cases = [(H20, Transfer::Garbled), (H19, Transfer::Short(40))];
    for (hour, fault) in cases.clone() {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 2).served([fault])])]);
    }
    let wrong_size = archive("C2C", H18, 2);
    bench.vendor.answers("C2C", H18, [files([wrong_size.clone().declaring("GzipSize", 1_000_000)])]);
    let wrong_md5 = archive("C2C", H17, 2);
    bench.vendor.answers("C2C", H17, [files([wrong_md5.clone().declaring("GzipMD5", "0".repeat(32))])]);
    bench.sync(4).run().exits(3);

    for hour in [H20, H19, H18, H17] {
        assert_eq!(bench.vendor.calls_for("C2C", hour), 4, "four calls of get_history for {hour}");
        bench.lake.assert_failed("C2C", hour, "download");
    }
    assert_eq!(bench.vendor.downloads().len(), 16);
    let whole = archive("C2C", H20, 2).gzip;
    let mut garbled = whole.clone();
    garbled[whole.len() / 2] ^= 0x40;
    bench.lake.assert_quarantined("C2C", H20, &garbled);
    bench.lake.assert_quarantined("C2C", H19, &archive("C2C", H19, 2).gzip[..40]);
    bench.lake.assert_quarantined("C2C", H18, &wrong_size.gzip);
    bench.lake.assert_quarantined("C2C", H17, &wrong_md5.gzip);
    let cause = bench.lake.receipt("C2C", H18)["error"]["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("1000000") && cause.contains(&wrong_size.gzip.len().to_string()), "both values: {cause}");
    let cause = bench.lake.receipt("C2C", H17)["error"]["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains(&"0".repeat(32)) && cause.contains(&wrong_md5.gzip_md5()), "both values: {cause}");
    bench.lake.assert_consistent();
}

#[test]
fn an_address_that_lapsed_is_asked_for_again_four_tries_in_all() {
    let bench = Bench::new();
    let hours = [H20, H19, H18, H17];
    for (hour, status) in hours.into_iter().zip([401, 403, 404, 410]) {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 2).served([Transfer::Status(status)])])]);
    }
    bench.sync(4).run().exits(3);
    for (hour, status) in hours.into_iter().zip(["401", "403", "404", "410"]) {
        assert_eq!(bench.vendor.calls_for("C2C", hour), 4, "{status}");
        let cause = bench.lake.assert_failed("C2C", hour, "download");
        assert!(cause.contains(status), "{cause}");
        assert_eq!(bench.lake.receipt("C2C", hour)["quarantine"], json!([]), "nothing came");
    }
}

#[test]
fn a_download_host_that_stays_down_fails_the_unit() {
    let bench = Bench::new();
    for (hour, fault) in [(H20, Transfer::Status(503)), (H19, Transfer::Cut(30)), (H18, Transfer::Reset)] {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 2).served([fault])])]);
    }
    bench.vendor.answers(
        "C2C",
        H17,
        [files([archive("C2C", H17, 2).at("http://127.0.0.1:1/msg_history/4/{token}.gz")])],
    );
    bench.sync(4).run().exits(3);
    for hour in [H20, H19, H18, H17] {
        bench.lake.assert_failed("C2C", hour, "download");
    }
    bench.lake.assert_consistent();
}

#[test]
fn an_address_that_is_no_web_address_refused() {
    let bench = Bench::new();
    let addresses =
        ["/msg_history/4/{token}.gz", "ftp://127.0.0.1/{token}.gz", "file:///etc/hostname", "", "http://", "{token}"];
    let hours: Vec<String> = (0..addresses.len() as i64).map(hours_back).collect();
    for (hour, address) in hours.iter().zip(addresses) {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 2).at(address)])]);
    }
    bench.sync(hours.len() as u32).run().exits(3);
    for hour in &hours {
        assert_eq!(bench.lake.receipt("C2C", hour)["state"], "failed", "{hour}");
    }
    assert_eq!(bench.vendor.downloads().len(), 0);
}

#[test]
fn redirects_without_end_fail_the_unit() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2).served([Transfer::MovedTo(ADDRESS)])])]);
    bench.sync(1).run().exits(3);
    bench.lake.assert_failed("C2C", H20, "download");
    assert!(bench.vendor.downloads().len() < 200);
}

#[test]
fn a_reply_that_is_json_but_no_reply_fails_the_unit() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [Answer::Json(json!([1, 2]))]);
    bench.vendor.answers("C2C", H19, [Answer::Json(json!({"ErrorCode": 0, "File": "none"}))]);
    bench.vendor.answers(
        "C2C",
        H18,
        [Answer::Json(json!({"ErrorCode": 0, "ActionStatus": "OK", "File": [{"FileSize": 5}]}))],
    );
    bench.vendor.answers("C2C", H17, [Answer::Status(418)]);
    bench.sync(4).run().exits(3);
    for hour in [H20, H19, H18, H17] {
        bench.lake.assert_failed("C2C", hour, "history");
    }
}

#[test]
fn twenty_failures_in_a_row_for_one_cause_stop_the_run() {
    let bench = Bench::new();
    bench.vendor.otherwise(code(99999));
    let run = bench.sync(40).set("--concurrency", "1").run().exits(3);
    assert_eq!(bench.vendor.calls().len(), 20);
    assert_eq!(bench.vendor.calls()[19].unit(), format!("C2C/{}", hours_back(20)), "the twenty oldest");
    assert_eq!(bench.lake.state("C2C", H20), "pending");
    assert!(run.stderr.lines().any(|line| line.contains("20") || line.contains("twenty")), "{run}");
}

#[test]
fn a_vendor_that_is_down_stops_the_run() {
    let bench = Bench::new();
    bench.vendor.otherwise(Answer::Status(502));
    bench.sync(60).set("--concurrency", "20").run().exits(3);
    let asked: std::collections::BTreeSet<String> = bench.vendor.calls().iter().map(|call| call.unit()).collect();
    assert!((20..60).contains(&asked.len()), "asked for {} of 60", asked.len());
}

#[test]
fn one_success_among_the_failures_keeps_the_run_going() {
    let bench = Bench::new();
    bench.vendor.otherwise(code(99999));
    let middle = hours_back(19);
    bench.vendor.answers("C2C", &middle, [files([archive("C2C", &middle, 1)])]);
    bench.sync(39).set("--concurrency", "1").run().exits(3);
    assert_eq!(bench.vendor.calls().len(), 39);
}

#[test]
fn hours_that_keep_failing_do_not_keep_newer_ones_from_being_archived() {
    let bench = Bench::new();
    bench.vendor.otherwise(code(99999));
    let good: Vec<String> = (0..10).map(hours_back).collect();
    for hour in &good {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 1)])]);
    }
    bench.sync(40).set("--concurrency", "1").run().exits(3);
    assert!(good.iter().all(|hour| bench.lake.state("C2C", hour) == "pending"), "the breaker came first");
    bench.sync(40).set("--concurrency", "1").run().exits(3);
    assert!(good.iter().all(|hour| bench.lake.state("C2C", hour) == "committed"));
}

#[test]
fn failures_for_different_causes_keep_the_run_going() {
    let bench = Bench::new();
    for back in 0..24 {
        bench.vendor.answers("C2C", &hours_back(back), [code(99990 + back % 2)]);
    }
    bench.sync(24).set("--concurrency", "1").run().exits(3);
    assert_eq!(bench.vendor.calls().len(), 24);
}
