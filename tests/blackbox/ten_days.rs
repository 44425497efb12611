//! Ten days and more, one `sync` an hour, against a vendor whose hours come late, grow, shrink, vanish and fail. After
//! every run its exit code, what it asked for and the losses it named, and at the end every unit, are what a model says.

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Value, json};

use crate::support::archive::text_message;
use crate::support::program::Invocation;
use crate::support::*;
use model::{Key, Model, Says};

/// Numbers that are the same at every run of the test.
struct Dice(u64);

impl Dice {
    /// One of `0..sides`.
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) % sides.unsigned_abs()) as i64
    }
}

/// One hour's life: what the vendor says of it from each age on.
fn life(dice: &mut Dice) -> Vec<(i64, Says)> {
    use Says::{Damaged, Fails, Gone, NoFile, NotReady};
    let one: Vec<u64> = (1..=2 + dice.roll(3) as u64).collect();
    let has = |messages: &[&[u64]]| Says::Has(messages.concat());
    let (first, grown, grown_twice) = (has(&[&one]), has(&[&[20], &one]), has(&[&one, &[30, 20]]));
    let (shrunk, other) = (has(&[&one[1..]]), has(&[&one[1..], &[40]]));
    let turned = Says::Has(one.iter().rev().copied().collect());
    let (soon, later) = (2 + dice.roll(4), 12 + dice.roll(120));
    let much_later = later + 1 + dice.roll(40);
    match dice.roll(100) / 2 {
        // Late.
        0..=5 => vec![(0, NotReady), (soon, first)],
        // Growing, shrinking, changing.
        8..=11 => vec![(0, first), (later, grown)],
        12..=13 => vec![(0, first), (soon, grown), (later, grown_twice)],
        14..=16 => vec![(0, first), (later, shrunk)],
        17 => vec![(0, first.clone()), (later, shrunk), (much_later, first)],
        18 => vec![(0, first), (later, shrunk), (much_later, grown)],
        19 => vec![(0, first), (later, other)],
        20 => vec![(0, first), (later, turned)],
        21 => vec![(0, first), (later, has(&[]))],
        // Vanishing, and coming back.
        22..=23 => vec![(0, first), (later, Gone)],
        24 => vec![(0, first), (later, NotReady), (much_later, grown)],
        25 => vec![(0, first), (later, NoFile)],
        26 => vec![(0, Gone)],
        27 => vec![(0, Gone), (later, first)],
        28 => vec![(0, NotReady), (soon, Gone)],
        29 => vec![(0, Gone), (later, Fails), (much_later, first)],
        // Empty, at first or for ever.
        30 => vec![(0, NoFile)],
        31 => vec![(0, NoFile), (later, first)],
        32 => vec![(0, has(&[])), (later, grown)],
        33 => vec![(0, NoFile), (later, Gone)],
        // Failing.
        34 => vec![(0, Fails), (soon, first)],
        35 => vec![(0, Damaged), (soon, first)],
        36 => vec![(0, Fails), (soon, Gone)],
        37 => vec![(0, first), (later, Fails), (later + soon, grown)],
        38 => vec![(0, first), (later, Damaged), (later + soon, shrunk)],
        _ => vec![(0, first)],
    }
}

/// The vendor's side of the play.
struct Script {
    lives: BTreeMap<Key, Vec<(i64, Says)>>,
    /// Times in which it answers everything alike.
    weather: Vec<(Range<i64>, Says)>,
}

impl Script {
    fn new(seed: u64, hours: Range<i64>, chat_types: &[&'static str]) -> Script {
        let mut dice = Dice(seed);
        let keys = hours.flat_map(|hour| chat_types.iter().map(move |&chat_type| (hour, chat_type)));
        Script { lives: keys.map(|key| (key, life(&mut dice))).collect(), weather: Vec::new() }
    }

    fn says(&self, key: Key, now: i64) -> Says {
        if let Some((_, weather)) = self.weather.iter().find(|(time, _)| time.contains(&now)) {
            return weather.clone();
        }
        let age = now - key.0 - 1;
        let until_now = self.lives[&key].iter().take_while(|(from, _)| *from <= age);
        until_now.last().map_or(Says::NotReady, |(_, says)| says.clone())
    }
}

fn digits((hour, _): Key) -> String {
    hour_at(H20_START + hour * 3600)
}

fn name(key: Key) -> String {
    format!("{}/{}", key.1, digits(key))
}

fn names(keys: impl IntoIterator<Item = Key>) -> BTreeSet<String> {
    keys.into_iter().map(name).collect()
}

fn answer(key: Key, says: &Says) -> Answer {
    let archive = |messages: &[u64]| {
        let text = |&number: &u64| text_message(key.1, number, &format!("{number} of {}", name(key)));
        Archive::with(key.1, &digits(key), &messages.iter().map(text).collect::<Vec<_>>())
    };
    match says {
        Says::Has(messages) => files([archive(messages)]),
        Says::Damaged => files([archive(&[1]).declaring("FileMD5", "00000000000000000000000000000000")]),
        Says::NoFile => files([]),
        Says::NotReady => code(1004),
        Says::Gone => code(1005),
        Says::Fails => code(99999),
        Says::Refuses => code(70003),
    }
}

/// The program and the model, side by side.
struct Play {
    bench: Bench,
    script: Script,
    model: Model,
    /// What the vendor was last told to say.
    rehearsed: BTreeMap<Key, Says>,
    chat_types: Vec<&'static str>,
    lookback: i64,
    /// Runs that find a loss and are to be killed before they have reported it.
    kills: usize,
    /// The losses named by runs that ended with 4.
    told: Vec<String>,
}

impl Play {
    fn new(script: Script, minute: i64, lookback: i64) -> Play {
        let model = Model { units: BTreeMap::new(), watched: BTreeMap::new(), minute };
        let (rehearsed, chat_types) = (BTreeMap::new(), vec!["C2C"]);
        Play { bench: Bench::new(), script, model, rehearsed, chat_types, lookback, kills: 0, told: Vec::new() }
    }

    /// What the vendor says of one hour, instead of what the dice say.
    fn lives(&mut self, key: Key, life: impl IntoIterator<Item = (i64, Says)>) {
        self.script.lives.insert(key, life.into_iter().collect());
    }

    /// A command at this time, with the default ages.
    fn command(&self, command: &str, now: i64) -> Invocation {
        let command = self.bench.command(command).set("--lookback", format!("{}h", self.lookback));
        let command = command.unset("--settle").set("--chat-type", self.chat_types.join(","));
        command.now(self.instant(now)).arg("--json")
    }

    /// When the `sync` of this hour starts.
    fn instant(&self, now: i64) -> String {
        let instant = H20_START + now * 3600 + self.model.minute * 60;
        let instant = chrono::DateTime::from_timestamp(instant, 0).unwrap();
        instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    /// One `sync` for each of these hours.
    #[track_caller]
    fn syncs(&mut self, times: Range<i64>) {
        times.for_each(|now| self.sync(now));
    }

    #[track_caller]
    fn sync(&mut self, now: i64) {
        self.rehearse(now);
        let script = &self.script;
        let expected = self.model.sync(now, &self.chat_types, self.lookback, |key| script.says(key, now));
        let before = self.bench.vendor.calls().len();
        let killed = expected.exit == 4 && self.kills > 0;
        if killed {
            self.kills -= 1;
            self.is_killed_between_receipt_and_report(now, *expected.losses.first().unwrap());
        }
        let run = self.command("sync", now).run();
        let when = format!("at hour {now}: {run}");
        assert_eq!(run.code, Some(expected.exit), "{when}");
        let losses: BTreeSet<String> =
            run.json()["losses"].as_array().unwrap().iter().map(|unit| unit.as_str().unwrap().to_owned()).collect();
        if expected.exit == 4 {
            self.told.extend(losses.iter().cloned());
        }
        if expected.exit == 77 {
            // How far it came is a matter of luck.
            return;
        }
        assert_eq!(losses, names(expected.losses), "{when}");
        if killed {
            // Whatever the killed runs left to be finished is finished now.
            let again = self.command("sync", now).run();
            assert!([Some(0), Some(3)].contains(&again.code), "{again}");
        }
        let calls = self.bench.vendor.calls();
        let asked: Vec<String> = calls[before..].iter().map(|call| call.unit()).collect();
        assert_eq!(asked.iter().cloned().collect::<BTreeSet<_>>(), names(expected.asked.clone()), "{when}");
        assert!(killed || asked.len() == expected.asked.len(), "asked twice for one: {when}");
    }

    /// Lets the vendor answer as at this time.
    fn rehearse(&mut self, now: i64) {
        for &key in self.script.lives.keys().filter(|key| key.0 < now) {
            let says = self.script.says(key, now);
            if self.rehearsed.get(&key) != Some(&says) {
                self.bench.vendor.answers(key.1, &digits(key), [answer(key, &says)]);
                self.rehearsed.insert(key, says);
            }
        }
    }

    /// Runs that are killed a step later each time, until one has left a receipt that says lost.
    #[track_caller]
    fn is_killed_between_receipt_and_report(&self, now: i64, loss: Key) {
        for step in 1.. {
            let run = self.command("sync", now).env("TIMLAKE_TEST_KILL_AT", step.to_string()).run();
            assert_eq!(run.signal, Some(9), "{run}");
            if self.bench.lake.state(loss.1, &digits(loss)) == "lost" {
                return;
            }
        }
    }

    /// Everything in the lake is as the model has it, and each loss was told once.
    #[track_caller]
    fn ends(self, now: i64) -> Model {
        let first = self.model.watched.values().map(|(since, _)| *since).min().unwrap();
        let status = self.command("status", now).set("--from", digits((first, ""))).run().exits(0).json();
        let shown: BTreeMap<&str, &Value> =
            status["units"].as_array().unwrap().iter().map(|unit| (unit["unit"].as_str().unwrap(), unit)).collect();
        for (&key, unit) in &self.model.units {
            let shown = shown[name(key).as_str()];
            assert_eq!(shown["state"], unit.state, "{}: {shown:#} {unit:?}", name(key));
            if unit.state != "pending" {
                self.assert_is(key, unit, shown);
            }
        }
        let receipts = count(&self.model, |unit| unit.state != "pending");
        assert_eq!(self.bench.lake.files(&["receipts"]).len(), receipts);
        self.assert_each_loss_was_told_once();
        self.bench.lake.assert_consistent();
        self.command("verify", now).run().exits(0);
        self.model
    }

    /// The receipt, what `status` shows, and the table are as the model has them.
    #[track_caller]
    fn assert_is(&self, key: Key, unit: &model::Unit, shown: &Value) {
        let lake = &self.bench.lake;
        let receipt = lake.receipt(key.1, &digits(key));
        let rows = unit.messages.len();
        for told in [shown, &receipt] {
            let found = ["state", "reason", "rows"].map(|field| told[field].clone());
            assert_eq!(found, [json!(unit.state), json!(unit.reason), json!(rows)], "{}: {told:#}", name(key));
            assert_eq!(!told["conflict"].is_null(), unit.conflict, "{}: {told:#}", name(key));
            assert_eq!(told["quarantine"] != json!([]), unit.quarantine, "{}: {told:#}", name(key));
            let reported = unit.state == "lost" && unit.reported;
            assert_eq!(told["reported_at"].is_string(), reported, "{}: {told:#}", name(key));
        }
        if ["committed", "empty"].contains(&unit.state) {
            let checked = self.instant(key.0 + 1 + unit.checked_at_age);
            assert_eq!(receipt["checked_at"], checked, "{}: {receipt:#}", name(key));
        }
        let table = if rows == 0 { Vec::new() } else { lake.rows(key.1, &digits(key)) };
        let numbers: Vec<u64> = table.iter().map(|row| row["msg_seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, unit.messages, "{}: {receipt:#}", name(key));
    }

    #[track_caller]
    fn assert_each_loss_was_told_once(&self) {
        let told: BTreeSet<String> = self.told.iter().cloned().collect();
        assert_eq!(told.len(), self.told.len(), "a loss was told twice: {:?}", self.told);
        let is_loss = |unit: &model::Unit| unit.state == "lost" && unit.reason != Some("before_first_run");
        let lost = names(self.model.units.iter().filter(|(_, unit)| is_loss(unit)).map(|(&key, _)| key));
        assert!(lost.is_subset(&told), "never told: {:?}", lost.difference(&told));
    }
}

/// How many units ended so.
fn count(model: &Model, is_so: impl Fn(&model::Unit) -> bool) -> usize {
    model.units.values().filter(|unit| is_so(unit)).count()
}

fn lost(model: &Model, reason: &str) -> usize {
    count(model, |unit| unit.reason == Some(reason))
}

const DAY: i64 = 24;

#[test]
fn ten_days_of_all_weathers_with_an_outage_of_three_and_a_chat_type_added_on_day_six() {
    let mut play = Play::new(Script::new(14, 0..10 * DAY, &["C2C", "Group"]), 0, 2);
    // Two hours for which there is no archive at the age of a day; of one there is later.
    play.lives((12, "C2C"), [(0, Says::NotReady)]);
    play.lives((40, "C2C"), [(0, Says::NotReady), (30, Says::Has(vec![1, 2]))]);
    play.kills = 2;
    play.script.weather.push((31..33, Says::Fails));
    play.syncs(2..5 * DAY + 20);
    play.chat_types.push("Group");
    play.syncs(5 * DAY + 20..6 * DAY + 12);
    play.syncs(9 * DAY + 12..10 * DAY);
    let told = play.told.len();
    let model = play.ends(10 * DAY - 1);
    for (kind, least, found) in [
        ("committed", 200, count(&model, |unit| unit.state == "committed")),
        ("empty", 10, count(&model, |unit| unit.state == "empty")),
        ("not ready", 1, count(&model, |unit| unit.state == "not_ready")),
        ("pending", 1, count(&model, |unit| unit.state == "pending")),
        ("grown", 5, count(&model, |unit| unit.messages.contains(&20))),
        ("in conflict", 5, count(&model, |unit| unit.conflict)),
        ("damaged once", 1, count(&model, |unit| unit.quarantine && !unit.conflict)),
        ("lost", 5, lost(&model, "expired")),
        ("found again", 1, told - lost(&model, "expired")),
    ] {
        assert!(found >= least, "the play has lost its variety: {found} units {kind}");
    }
}

#[test]
fn after_an_outage_of_nine_days_the_hours_that_left_the_retention_are_reported_once() {
    let mut play = Play::new(Script::new(3, -7 * DAY..11 * DAY, &["C2C"]), 17, 7 * DAY);
    // At the first run the oldest hours are gone: four of them before anybody could have asked.
    for hour in -7 * DAY..-7 * DAY + 6 {
        play.lives((hour, "C2C"), [(0, Says::Gone)]);
    }
    // And two that are unfinished when the outage begins.
    play.lives((5, "C2C"), [(0, Says::NotReady)]);
    play.lives((6, "C2C"), [(0, Says::Fails)]);
    play.syncs(0..12);
    play.kills = 1;
    play.syncs(9 * DAY + 12..10 * DAY);
    let model = play.ends(10 * DAY - 1);
    assert_eq!(lost(&model, "before_first_run"), 4);
    // Last asked for: the hour 9, when it was an hour old. First asked for again: the one that has just not left the
    // retention, at hour 228 the hour 60.
    assert!(lost(&model, "out_of_retention") >= 52);
}

#[test]
fn losses_of_nine_days_in_which_the_vendor_refuses_the_credentials_are_reported_once_it_accepts_them() {
    let mut play = Play::new(Script::new(4, 0..11 * DAY, &["C2C"]), 40, 1);
    play.script.weather.push((6..9 * DAY + 6, Says::Refuses));
    play.syncs(1..9 * DAY + 6);
    assert!(play.told.is_empty(), "exit code 77 hides them: {:?}", play.told);
    play.syncs(9 * DAY + 6..9 * DAY + 10);
    let model = play.ends(9 * DAY + 9);
    // From the hour 4 on, too young when the refusals began, to the hour 53.
    assert!(lost(&model, "out_of_retention") >= 50);
}
