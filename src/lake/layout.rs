//! Where everything lies in a lake. Every path is built and taken apart here and nowhere else.
//!
//! ```text
//! lake.json                                                    the manifest
//! messages/chat_type=C2C/dt=2026-11-19/2026111921.parquet      the table: Parquet files and nothing else
//! raw/chat_type=C2C/dt=2026-11-19/2026111921.0-92a00693.gz     the vendor's archives, bytes as received
//! receipts/C2C/2026-11-19/2026111921.json                      the ledger
//! rejects/C2C/2026-11-19/2026111921.jsonl                      elements that are no messages
//! quarantine/C2C/2026-11-19/2026111921.0-0f3e11aa.gz           the last bytes that could not be used
//! .provenance/lake.json                                        the manifest's copy
//! .provenance/C2C/2026-11-19/2026111921.json                   what the archives cannot say of themselves
//! .publishing/C2C-2026111921                                   marks a unit from its first file to its receipt
//! .reporting                                                   losses, while their receipts are told that they were reported
//! .spool/  .lock                                               unfinished files; who may write
//! ```

use std::fmt;

use chrono::NaiveDate;

use crate::domain::{ChatType, Hour, Md5Hex, Unit};

/// A path relative to the lake's root, with `/` between its parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LakePath(String);

impl LakePath {
    /// As it is written in receipts.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From a receipt of this lake; `None` where it leads out of the lake.
    pub fn from_receipt(text: &str) -> Option<LakePath> {
        let inside = |part: &str| !part.is_empty() && part != "." && part != "..";
        text.split('/').all(inside).then(|| LakePath(text.to_owned()))
    }

    /// Lies in that folder, and not deeper.
    pub fn is_in(&self, folder: &LakePath) -> bool {
        self.0.strip_suffix(self.name()).and_then(|above| above.strip_suffix('/')) == Some(folder.as_str())
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// This path with one more part.
    #[must_use]
    pub fn join(&self, name: &str) -> LakePath {
        LakePath(format!("{}/{name}", self.0))
    }
}

impl fmt::Display for LakePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The manifest.
pub fn manifest() -> LakePath {
    LakePath("lake.json".to_owned())
}

/// The manifest's copy.
pub fn copy_of_manifest() -> LakePath {
    LakePath(".provenance/lake.json".to_owned())
}

/// The folder of all receipts.
pub fn receipts() -> LakePath {
    LakePath("receipts".to_owned())
}

/// The folder of one chat type's receipts; one folder a day in it.
pub fn receipts_of(chat_type: ChatType) -> LakePath {
    LakePath(format!("receipts/{chat_type}"))
}

/// The folder of the receipts of one day.
pub fn receipts_of_day(chat_type: ChatType, day: NaiveDate) -> LakePath {
    LakePath(format!("receipts/{chat_type}/{day}"))
}

/// A unit's receipt.
pub fn receipt(unit: Unit) -> LakePath {
    receipts_of_day(unit.chat_type, unit.hour.date()).join(&format!("{}.json", unit.hour))
}

/// The hour of a receipt by its file's name.
pub fn hour_of_receipt(name: &str) -> Option<Hour> {
    Hour::from_digits(name.strip_suffix(".json")?).ok()
}

/// The day of a folder of receipts by its name.
pub fn day_of_receipts(name: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(name, "%Y-%m-%d").ok()
}

/// A unit's rows.
pub fn parquet(unit: Unit) -> LakePath {
    partition("messages", unit).join(&format!("{}.parquet", unit.hour))
}

/// A unit's rejects.
pub fn rejects(unit: Unit) -> LakePath {
    LakePath(format!("rejects/{}/{}/{}.jsonl", unit.chat_type, unit.hour.date(), unit.hour))
}

/// The folder of a unit's archives; other units' are in it too.
pub fn raw_folder(unit: Unit) -> LakePath {
    partition("raw", unit)
}

/// One of a unit's archives: its place in the vendor's `File` list, and the MD5 of its bytes.
pub fn raw(unit: Unit, place: usize, gzip_md5: &Md5Hex) -> LakePath {
    raw_folder(unit).join(&archive_name(unit, place, gzip_md5))
}

/// Bytes of a unit that could not be used.
pub fn quarantine(unit: Unit, place: usize, gzip_md5: &Md5Hex) -> LakePath {
    quarantine_folder(unit).join(&archive_name(unit, place, gzip_md5))
}

/// The place in the vendor's `File` list of an archive by its file's name, where it is one of this unit.
pub fn place_of_archive(unit: Unit, name: &str) -> Option<usize> {
    let rest = name.strip_prefix(&format!("{}.", unit.hour))?.strip_suffix(".gz")?;
    let (place, md5) = rest.split_once('-')?;
    let canonical = md5.len() == 8 && place.bytes().all(|b| b.is_ascii_digit());
    canonical.then(|| place.parse().ok()).flatten()
}

/// Where a unit's quarantined bytes lie; other units' of the day are there too.
pub fn quarantine_folder(unit: Unit) -> LakePath {
    LakePath(format!("quarantine/{}/{}", unit.chat_type, unit.hour.date()))
}

/// What a unit's archives cannot say of themselves.
pub fn provenance(unit: Unit) -> LakePath {
    LakePath(format!(".provenance/{}/{}/{}.json", unit.chat_type, unit.hour.date(), unit.hour))
}

/// The folders that tell of archives: their own, and what they cannot say of themselves.
pub fn folders_of_archives() -> [LakePath; 2] {
    ["raw", ".provenance"].map(|name| LakePath(name.to_owned()))
}

/// The folders that tell that a lake has been written into.
pub fn folders_of_data() -> [LakePath; 3] {
    ["receipts", "messages", "raw"].map(|name| LakePath(name.to_owned()))
}

/// The folders of everything but the ledger.
pub fn data_folders() -> [LakePath; 4] {
    ["messages", "raw", "rejects", "quarantine"].map(|name| LakePath(name.to_owned()))
}

/// The unit that a file belongs to by its path; `None` where it is none of ours.
pub fn unit_of(path: &LakePath) -> Option<Unit> {
    let mut parts = path.as_str().split('/').skip(1);
    let (chat_type, day, name) = (parts.next()?, parts.next()?, parts.next()?);
    let unit = Unit {
        hour: Hour::from_digits(name.get(..10)?).ok()?,
        chat_type: chat_type.strip_prefix("chat_type=").unwrap_or(chat_type).parse().ok()?,
    };
    let is_day = day.strip_prefix("dt=").unwrap_or(day) == unit.hour.date().to_string();
    (is_day && parts.next().is_none()).then_some(unit)
}

/// The folder of marks.
pub fn marks() -> LakePath {
    LakePath(".publishing".to_owned())
}

/// The mark of a unit that is being published.
pub fn mark(unit: Unit) -> LakePath {
    marks().join(&format!("{}-{}", unit.chat_type, unit.hour))
}

/// The unit of a mark by its file's name.
pub fn unit_of_mark(name: &str) -> Option<Unit> {
    let (chat_type, hour) = name.split_once('-')?;
    Some(Unit { hour: Hour::from_digits(hour).ok()?, chat_type: chat_type.parse().ok()? })
}

/// The list of the losses that a run is reporting.
pub fn reporting() -> LakePath {
    LakePath(".reporting".to_owned())
}

fn partition(of: &str, unit: Unit) -> LakePath {
    LakePath(format!("{of}/chat_type={}/dt={}", unit.chat_type, unit.hour.date()))
}

fn archive_name(unit: Unit, place: usize, gzip_md5: &Md5Hex) -> String {
    format!("{}.{place}-{}.gz", unit.hour, gzip_md5.short())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(chat_type: ChatType, hour: &str) -> Unit {
        Unit { hour: hour.parse().unwrap(), chat_type }
    }

    #[test]
    fn paths_are_those_that_readers_rely_on() {
        let unit = unit(ChatType::C2c, "2026111921");
        let md5 = Md5Hex::from_vendor("92A00693794328453010e083e8193eed");
        assert_eq!(parquet(unit).as_str(), "messages/chat_type=C2C/dt=2026-11-19/2026111921.parquet");
        assert_eq!(raw(unit, 0, &md5).as_str(), "raw/chat_type=C2C/dt=2026-11-19/2026111921.0-92a00693.gz");
        assert_eq!(receipt(unit).as_str(), "receipts/C2C/2026-11-19/2026111921.json");
        assert_eq!(rejects(unit).as_str(), "rejects/C2C/2026-11-19/2026111921.jsonl");
        assert_eq!(quarantine(unit, 1, &md5).as_str(), "quarantine/C2C/2026-11-19/2026111921.1-92a00693.gz");
    }

    #[test]
    fn a_path_in_a_receipt_cannot_leave_the_lake() {
        assert!(LakePath::from_receipt("raw/chat_type=C2C/x.gz").is_some());
        for path in ["", "/etc/passwd", "../x", "raw/../../x", "raw//x", "./x"] {
            assert!(LakePath::from_receipt(path).is_none(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn names_are_taken_apart_into_what_they_were_built_from(
            hours in 200_000i64..600_000, place in 0usize..1000, digest in any::<[u8; 16]>(), group in any::<bool>(),
        ) {
            let chat_type = if group { ChatType::Group } else { ChatType::C2c };
            let hour = Hour::from_digits("2000010100").unwrap().plus(hours - 200_000);
            let unit = Unit { hour, chat_type };
            let path = raw(unit, place, &Md5Hex::from_digest(digest));
            prop_assert_eq!(place_of_archive(unit, path.name()), Some(place));
            let next = Unit { hour: hour.plus(1), chat_type };
            prop_assert_eq!(place_of_archive(next, path.name()), None);
            prop_assert_eq!(hour_of_receipt(receipt(unit).name()), Some(hour));
            for path in [&path, &parquet(unit), &rejects(unit)] {
                prop_assert_eq!(unit_of(path), Some(unit));
            }
            prop_assert_eq!(unit_of_mark(mark(unit).name()), Some(unit));
            prop_assert_eq!(day_of_receipts(&hour.date().to_string()), Some(hour.date()));
        }
    }
}
