//! The promises of the corpus, checked on a week of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use serde_json::Value;

use super::*;
use crate::domain::Hour;

const APP: u64 = 1_400_000_000;

fn corpus() -> Corpus {
    Corpus::new(1, APP, 400)
}

fn unit(chat_type: ChatType, hour: &str) -> Unit {
    Unit { hour: hour.parse().unwrap(), chat_type }
}

fn plain(archive: &Archive) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&archive.gzip[..]).read_to_string(&mut text).unwrap();
    text
}

/// Every message line of the unit without its comma, file after file.
fn lines(corpus: &Corpus, unit: Unit) -> Vec<String> {
    let archives = corpus.archives(unit, Edition::Final).unwrap();
    let lines = archives.iter().flat_map(|archive| {
        let text = plain(archive);
        let body = text.split_once('\n').unwrap().1.strip_suffix("\n]}").unwrap().to_owned();
        body.lines().map(|line| line.trim_end_matches(',').to_owned()).collect::<Vec<_>>()
    });
    lines.collect()
}

/// The distinct messages of the unit.
fn messages(corpus: &Corpus, unit: Unit) -> Vec<Value> {
    let mut seen = HashSet::new();
    let distinct = lines(corpus, unit).into_iter().filter(|line| seen.insert(line.clone()));
    distinct.map(|line| serde_json::from_str(&line).unwrap()).collect()
}

fn week(chat_type: ChatType) -> impl Iterator<Item = Unit> {
    let from: Hour = "2026111418".parse().unwrap();
    from.until(from.plus(168)).map(move |hour| Unit { hour, chat_type })
}

#[test]
fn the_same_unit_is_the_same_bytes_and_another_seed_app_hour_or_type_is_not() {
    let archives = |seed, app, chat_type, hour| {
        Corpus::new(seed, app, 400).archives(unit(chat_type, hour), Edition::Final).unwrap()
    };
    let one = archives(1, APP, ChatType::C2c, "2026111921");
    assert_eq!(one, archives(1, APP, ChatType::C2c, "2026111921"));
    assert_ne!(one, archives(2, APP, ChatType::C2c, "2026111921"));
    assert_ne!(one, archives(1, APP + 1, ChatType::C2c, "2026111921"));
    assert_ne!(one, archives(1, APP, ChatType::C2c, "2026112021"));
    assert_ne!(one, archives(1, APP, ChatType::Group, "2026111921"));
}

#[test]
fn a_file_has_the_documented_layout_and_is_one_json_document() {
    let archives = corpus().archives(unit(ChatType::Group, "2026111908"), Edition::Final).unwrap();
    let text = plain(&archives[0]);
    let header = r#"{"SdkAppId":1400000000,"ChatType":"Group","MsgTime":"2026111908","MsgList":["#;
    assert_eq!(text.lines().next(), Some(header));
    assert_eq!(text.lines().last(), Some("]}"));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["MsgList"].as_array().unwrap().len(), text.lines().count() - 2);
}

#[test]
fn every_line_is_a_message_with_the_fields_of_its_chat_type() {
    for message in messages(&corpus(), unit(ChatType::C2c, "2026111921")) {
        assert!(message["From_Account"].is_string() && message["To_Account"].is_string(), "{message}");
        assert!(message["MsgRandom"].as_u64().unwrap() <= u64::from(u32::MAX), "{message}");
        assert!(message.get("GroupId").is_none() && message["MsgBody"].is_array(), "{message}");
    }
    for message in messages(&corpus(), unit(ChatType::Group, "2026111921")) {
        assert!(message["GroupId"].is_string() && message["ClientIP"].is_string(), "{message}");
        assert!(message.get("MsgRandom").is_none() && message.get("To_Account").is_none(), "{message}");
    }
}

#[test]
fn times_lie_in_the_hour_and_ascend_but_for_a_few_seconds() {
    for chat_type in ChatType::ALL {
        let unit = unit(chat_type, "2026111921");
        let start = unit.hour.start().timestamp();
        let times: Vec<i64> =
            messages(&corpus(), unit).iter().map(|message| message["MsgTimestamp"].as_i64().unwrap()).collect();
        assert!(times.iter().all(|time| (start..start + 3600).contains(time)));
        assert!(times.windows(2).all(|pair| pair[1] >= pair[0] - 3));
        assert!(times.windows(2).any(|pair| pair[1] < pair[0]));
    }
}

#[test]
fn a_weeks_one_to_one_keys_never_repeat_inside_a_conversation() {
    let (corpus, mut keys, mut count) = (corpus(), HashSet::new(), 0);
    for unit in week(ChatType::C2c) {
        for message in messages(&corpus, unit) {
            let mut pair = [message["From_Account"].to_string(), message["To_Account"].to_string()];
            pair.sort();
            let key = format!("{}_{}_{}", message["MsgSeq"], message["MsgRandom"], message["MsgTimestamp"]);
            assert!(keys.insert((pair, key)), "{message}");
            count += 1;
        }
    }
    assert!((60_000..75_000).contains(&count), "{count}");
}

#[test]
fn a_weeks_group_numbers_are_contiguous_in_every_group_and_begin_where_the_count_before_ends() {
    let corpus = corpus();
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in week(ChatType::Group).flat_map(|unit| messages(&corpus, unit)) {
        let group = message["GroupId"].as_str().unwrap().to_owned();
        numbers.entry(group).or_default().push(message["MsgSeq"].as_u64().unwrap());
    }
    assert_eq!(numbers.len(), corpus.people.groups());
    for (group, mut numbers) in numbers {
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{group}");
        assert!(numbers[0] > 1 && numbers[numbers.len() - 1] <= u64::from(u32::MAX), "{group}");
    }
}

#[test]
fn a_groups_first_message_ever_has_number_one() {
    let opening = messages(&corpus(), unit(ChatType::Group, "2024010100"));
    let first = opening.iter().filter(|message| message["MsgSeq"] == 1).count();
    let groups: HashSet<&str> = opening.iter().map(|message| message["GroupId"].as_str().unwrap()).collect();
    assert_eq!(first, groups.len());
}

#[test]
fn now_and_then_a_line_stands_twice_and_the_count_of_messages_leaves_it_out() {
    let (corpus, mut repeated) = (corpus(), 0);
    for unit in week(ChatType::Group).take(48) {
        let lines = lines(&corpus, unit);
        let distinct = lines.iter().collect::<HashSet<_>>().len();
        assert_eq!(distinct as u64, corpus.messages(unit));
        repeated += lines.len() - distinct;
    }
    assert!(repeated > 10, "{repeated}");
}

#[test]
fn busy_hours_come_in_several_files_that_share_nothing() {
    let corpus = corpus();
    let files = |hour| corpus.archives(unit(ChatType::C2c, hour), Edition::Final).unwrap().len();
    assert_eq!(files("2026111907"), 1);
    assert!(files("2026112121") > 1);
    let unit = unit(ChatType::C2c, "2026112121");
    assert_eq!(messages(&corpus, unit).len() as u64, corpus.messages(unit));
}

#[test]
fn an_hour_without_messages_has_no_file() {
    let silent = unit(ChatType::Group, "2026111904");
    assert_eq!(corpus().messages(silent), 0);
    assert!(corpus().archives(silent, Edition::Final).unwrap().is_empty());
}

#[test]
fn the_final_edition_adds_to_the_first_and_takes_nothing_away() {
    let (corpus, unit) = (corpus(), unit(ChatType::C2c, "2026111908"));
    let first = plain(&corpus.archives(unit, Edition::First).unwrap()[0]);
    let last = plain(&corpus.archives(unit, Edition::Final).unwrap()[0]);
    let begun = first.strip_suffix("\n]}").unwrap();
    assert!(last.starts_with(begun) && last.len() > first.len());
}

#[test]
fn every_type_of_element_occurs_and_text_is_the_most_frequent() {
    let corpus = corpus();
    let mut types: HashMap<String, usize> = HashMap::new();
    let (mut several, mut total) = (0, 0);
    for message in week(ChatType::C2c).take(48).flat_map(|unit| messages(&corpus, unit)) {
        let body = message["MsgBody"].as_array().unwrap();
        (several, total) = (several + usize::from(body.len() > 1), total + 1);
        for element in body {
            *types.entry(element["MsgType"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(types.len(), 9, "{types:?}");
    assert!((total / 12..total / 8).contains(&several), "{several} of {total}");
    assert!((total * 6 / 10..total * 8 / 10).contains(&types["TIMTextElem"]), "{types:?}");
}

#[test]
fn an_hour_of_a_million_messages_is_counted_without_being_made() {
    let large = Corpus::new(1, APP, 500_000);
    assert!(large.messages(unit(ChatType::C2c, "2026112121")) > 1_000_000);
    let groups = large.streams(ChatType::Group);
    let hour = "2027123123".parse().unwrap();
    assert!(groups.map(|group| large.group.before(group, hour)).all(|number| number < u64::from(u32::MAX)));
}
