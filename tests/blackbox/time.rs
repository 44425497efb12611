//! Beijing time everywhere, whatever the machine's zone: midnight, year's end, leap days.

use std::collections::BTreeMap;

use crate::support::*;

/// Syncs the three hours before `now` in the zone `zone` and gives the units asked for and the lake's data.
fn synced(zone: Option<&str>, now: &str, hours: &[&str]) -> (Vec<String>, BTreeMap<String, String>) {
    let bench = Bench::new();
    for hour in hours {
        bench.vendor.answers("C2C", hour, [files([archive("C2C", hour, 3)])]);
    }
    let sync = bench.sync(hours.len() as u32).now(now).set("--concurrency", "1");
    match zone {
        Some(zone) => sync.env("TZ", zone),
        None => sync,
    }
    .run()
    .exits(0);
    bench.lake.assert_consistent();
    assert!(hours.iter().all(|hour| bench.lake.state("C2C", hour) == "committed"), "{zone:?}");
    (bench.vendor.calls().iter().map(|call| call.unit()).collect(), bench.lake.data())
}

#[track_caller]
fn is_the_same_in_every_zone(now: &str, hours: &[&str], dates: &[&str]) {
    let here = synced(None, now, hours);
    let units: Vec<String> = hours.iter().map(|hour| format!("C2C/{hour}")).collect();
    assert_eq!(here.0, units);
    for (hour, date) in hours.iter().zip(dates) {
        let path = format!("messages/chat_type=C2C/dt={date}/{hour}.parquet");
        assert!(here.1.contains_key(&path), "{path} in {:?}", here.1.keys());
    }
    for zone in ["America/New_York", "Asia/Shanghai", "Pacific/Kiritimati", "UTC", "Nowhere/Atlantis"] {
        assert_eq!(synced(Some(zone), now, hours), here, "{zone}");
    }
}

#[test]
fn midnight_in_beijing_is_where_the_day_changes() {
    is_the_same_in_every_zone("2026-11-18T18:00:00Z", &["2026111823", "2026111900"], &["2026-11-18", "2026-11-19"]);
}

#[test]
fn a_years_end_is_the_same_in_every_zone() {
    is_the_same_in_every_zone("2025-12-31T18:00:00Z", &["2025123123", "2026010100"], &["2025-12-31", "2026-01-01"]);
}

#[test]
fn a_leap_day_is_the_same_in_every_zone() {
    is_the_same_in_every_zone("2024-02-28T18:00:00Z", &["2024022823", "2024022900"], &["2024-02-28", "2024-02-29"]);
    is_the_same_in_every_zone("2024-02-29T18:00:00Z", &["2024022923", "2024030100"], &["2024-02-29", "2024-03-01"]);
}

#[test]
fn the_hour_that_new_york_has_twice_is_two_hours_in_beijing() {
    is_the_same_in_every_zone(
        "2026-11-01T08:00:00Z",
        &["2026110112", "2026110113", "2026110114"],
        &["2026-11-01", "2026-11-01", "2026-11-01"],
    );
}

#[test]
fn now_in_any_offset_is_the_same_instant() {
    let hours = [H20];
    let expected = synced(None, NOW, &hours);
    for now in ["2026-11-19T22:00:00+08:00", "2026-11-19T09:00:00-05:00", "2026-11-19T14:00:00.000Z"] {
        assert_eq!(synced(Some("America/New_York"), now, &hours), expected, "{now}");
    }
}

#[test]
fn without_now_the_machines_clock_is_taken() {
    let bench = Bench::new();
    let before = chrono::Utc::now().timestamp();
    bench.sync(3).unset("--now").env("TZ", "America/New_York").run().exits(0);
    // An hour that is settled (30 minutes old) or will be while the test runs.
    let newest = |unix: i64| hour_at(unix - 1800 - 3600);
    let asked: Vec<String> =
        bench.vendor.calls().iter().map(|call| call.body["MsgTime"].as_str().unwrap().to_owned()).collect();
    let after = chrono::Utc::now().timestamp();
    assert!(asked.contains(&newest(before)) || asked.contains(&newest(after)), "{asked:?}");
}
