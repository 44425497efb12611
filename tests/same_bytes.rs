//! The same archive gives the same bytes: as in the version before, and however busy the machine is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fmt::Write;
use std::fs;
use std::thread;

use common::{Unit, read_unit};
use sha2::{Digest, Sha256};

/// Every kind of element, values that only `extra` holds, duplicates, rejects, and more than one row group.
fn content(unit: &Unit) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut out = unit.header() + "\n";
    for seq in 0..140_000u32 {
        let (from, to, bits) = (random.u32(..900), random.u32(..900), random.u64(..));
        let element = match random.u32(..20) {
            0 => r#"{"MsgType":"TIMFaceElem","MsgContent":{"Index":6,"Data":"tt06"}}"#.to_owned(),
            1 => format!(
                r#"{{"MsgType":"TIMCustomElem","MsgContent":{{"Data":"{{\"n\":{bits}}}","Desc":"d","Ext":"","Other":[1.50]}}}}"#
            ),
            2 => format!(
                r#"{{"MsgType":"TIMLocationElem","MsgContent":{{"Desc":"here","Latitude":22.{},"Longitude":1e400}}}}"#,
                bits >> 40
            ),
            3 => format!(
                r#"{{"MsgType":"TIMSoundElem","MsgContent":{{"Url":"https://m/{bits:x}","UUID":"{bits:X}","Size":{},"Second":3}}}}"#,
                bits >> 50
            ),
            4 => format!(
                r#"{{"MsgType":"TIMFileElem","MsgContent":{{"Url":"https://m/{bits:x}","FileSize":"17","FileName":"报价 {seq}.pdf"}}}}"#
            ),
            5 => format!(
                r#"{{"MsgType":"TIMImageElem","MsgContent":{{"UUID":"{bits:x}","ImageFormat":1,"ImageInfoArray":[{{"Type":1,"Size":{},"Width":2,"Height":3,"URL":"https://m/{bits:x}/0"}},{{"Type":3}}]}}}}"#,
                bits >> 44
            ),
            6 => format!(
                r#"{{"MsgType":"TIMVideoFileElem","MsgContent":{{"VideoUrl":"https://m/{bits:x}","VideoSecond":9,"ThumbUUID":"{bits:x}t","ThumbSize":77}}}}"#
            ),
            7 => format!(r#"{{"MsgType":"TIMRelayElem","MsgContent":{{"Title":"t","MsgList":[{{"MsgSeq":{seq}}}]}}}}"#),
            _ => format!(r#"{{"MsgType":"TIMTextElem","MsgContent":{{"Text":"好的 {:x}\n👋"}}}}"#, bits >> 48),
        };
        let body = if bits % 9 == 0 { format!("{element},{element}") } else { element };
        let line = match bits % 1000 {
            0 => "{broken".to_owned(),
            1 => format!(r#"{{"MsgSeq":{seq},"MsgSeq":"\ud800"}}"#),
            _ => format!(
                r#"{{"From_Account":"user{from}","To_Account":"user|{to}","MsgTimestamp":{},"MsgSeq":{seq},"MsgRandom":{},"MsgFromPlatform":"iOS","ClientIP":"203.0.113.{}","CloudCustomData":"c{}","MsgBody":[{body}]}}"#,
                1_795_089_600 + bits % 3600,
                bits >> 32,
                bits % 256,
                bits % 50,
            ),
        };
        let copies = if bits % 500 == 0 { 2 } else { 1 };
        (0..copies).for_each(|_| writeln!(out, "{line},").unwrap());
    }
    out.truncate(out.len() - 2);
    (out + "\n]}\n").into_bytes()
}

fn digest_of_its_table(content: &[u8], unit: &Unit) -> String {
    let read = read_unit(content, unit).unwrap();
    assert!(read.counts.duplicates > 0 && read.counts.rejects > 0, "{:?}", read.counts);
    let digest = Sha256::digest(fs::read(read.table.path()).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Of the table of [`content`]. Where it changes on purpose, the change log says so.
const DIGEST: &str = "560ced15ef5a4b4eae6b18fdba58692bb8a862f2728e42963ccdc91de066a68f";

#[test]
fn the_table_is_the_same_as_ever_alone_and_among_one_two_and_eight_at_once() {
    let unit = Unit::c2c();
    let content = content(&unit);
    assert_eq!(digest_of_its_table(&content, &unit), DIGEST);
    for at_once in [2, 8] {
        thread::scope(|scope| {
            let reading = (0..at_once).map(|_| scope.spawn(|| digest_of_its_table(&content, &unit)));
            for digest in reading.collect::<Vec<_>>() {
                assert_eq!(digest.join().unwrap(), DIGEST, "{at_once} at once");
            }
        });
    }
}
