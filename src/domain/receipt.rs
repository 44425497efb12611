//! The ledger's entry: what is known of one unit, and everything needed to prove it later.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::{ChatType, Hour, Md5Hex, Sha256Hex, Unit};

/// The recorded state of a unit. A unit without a receipt is pending: never asked, or too young.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The vendor had no file for it yet. Due at every run.
    NotReady,
    /// The last try failed. Due at every run.
    Failed,
    /// Its rows are published.
    Committed,
    /// The vendor has no messages for it.
    Empty,
    /// The vendor no longer has it.
    Lost,
}

impl State {
    /// All states, in the order in which reports list them.
    pub const ALL: [State; 5] = [State::Committed, State::Empty, State::NotReady, State::Failed, State::Lost];

    /// As in receipts and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            State::NotReady => "not_ready",
            State::Failed => "failed",
            State::Committed => "committed",
            State::Empty => "empty",
            State::Lost => "lost",
        }
    }

    /// Nothing more is due but a recheck.
    pub fn is_final(self) -> bool {
        match self {
            State::Committed | State::Empty | State::Lost => true,
            State::NotReady | State::Failed => false,
        }
    }
}

/// Why a unit is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostReason {
    /// The vendor answered 1005: deleted.
    Expired,
    /// The vendor answered 1004 at an age at which it means nothing any more.
    NotReadyPastRetention,
    /// It left the vendor's retention before it was finished.
    OutOfRetention,
    /// It was gone before anybody watched: nobody's loss.
    BeforeFirstRun,
}

impl LostReason {
    /// As in receipts and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            LostReason::Expired => "expired",
            LostReason::NotReadyPastRetention => "not_ready_past_retention",
            LostReason::OutOfRetention => "out_of_retention",
            LostReason::BeforeFirstRun => "before_first_run",
        }
    }
}

/// What went wrong with a try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `history`, `download` or `archive`.
    pub stage: String,
    /// A word for the kind of failure, stable across versions.
    pub class: String,
    /// The same as a sentence.
    pub cause: String,
}

/// One of the vendor's archives, as it was received and as it unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRecord {
    /// The host it was downloaded from; never the address, which is a secret while it lives.
    pub url_host: Option<String>,
    /// MD5 of the `.gz`.
    pub gzip_md5: Md5Hex,
    /// Length of the `.gz`.
    pub gzip_bytes: u64,
    /// MD5 of the content.
    pub file_md5: Md5Hex,
    /// Length of the content.
    pub file_bytes: u64,
    /// Elements in it.
    pub lines: u64,
    /// What could not be checked because the vendor's reply or the header left it out: `GzipSize GzipMD5 FileSize
    /// FileMD5 SdkAppId ChatType MsgTime`; and `File`, where the archive was found in the lake and nobody knows whether
    /// the unit had others.
    #[serde(default)]
    pub unchecked: Vec<String>,
}

/// A file of the lake with rows in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParquetRecord {
    /// Relative to the lake.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Digest.
    pub sha256: Sha256Hex,
    /// Rows.
    pub rows: u64,
}

/// A kept archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    /// Relative to the lake.
    pub path: String,
    /// Digest.
    pub sha256: Sha256Hex,
}

/// A file of the lake with rejects in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectsRecord {
    /// Relative to the lake.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Digest.
    pub sha256: Sha256Hex,
}

/// How the last asking about a finished unit went, where it changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAgain {
    /// When.
    #[serde(serialize_with = "seconds")]
    pub at: DateTime<Utc>,
    /// `unchanged`, `restored`, `conflict`, `not_ready`, `expired`, `no_file` or `failed`.
    pub answer: String,
    /// What went wrong, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Archives that the vendor offered instead of those the unit was committed from, and that were not taken because
/// something of the unit is not in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// When.
    #[serde(serialize_with = "seconds")]
    pub at: DateTime<Utc>,
    /// MD5s of the contents offered, in the order of the vendor's reply.
    pub file_md5: Vec<Md5Hex>,
    /// Where they are in `quarantine/`.
    #[serde(default)]
    pub quarantine: Vec<String>,
    /// What is not in them.
    pub cause: String,
}

/// The receipt of a unit. All times are whole seconds in UTC; paths are relative to the lake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The state.
    pub state: State,
    /// Why it is lost.
    pub reason: Option<LostReason>,
    /// The app.
    pub sdkappid: u64,
    /// The unit's log.
    pub chat_type: ChatType,
    /// The unit's hour.
    pub hour: Hour,
    /// Runs that tried this unit.
    pub attempts: u64,
    /// When the first of them did.
    #[serde(serialize_with = "seconds")]
    pub first_seen_at: DateTime<Utc>,
    /// When the state was last found; a failed asking about a finished unit does not count.
    #[serde(serialize_with = "seconds")]
    pub checked_at: DateTime<Utc>,
    /// When its rows were published.
    #[serde(serialize_with = "optional_seconds")]
    pub committed_at: Option<DateTime<Utc>>,
    /// When a run that ended with exit code 4 reported its loss.
    #[serde(serialize_with = "optional_seconds")]
    pub reported_at: Option<DateTime<Utc>>,
    /// The archives, in the order of the vendor's reply.
    #[serde(default)]
    pub archives: Vec<ArchiveRecord>,
    /// Elements in all archives: `lines = rows + duplicates + rejects`.
    pub lines: u64,
    /// Messages in the table.
    pub rows: u64,
    /// Messages byte-equal to an earlier one of the unit.
    pub duplicates: u64,
    /// Elements that are no messages.
    pub rejects: u64,
    /// The table's file; none where there are no rows.
    pub parquet: Option<ParquetRecord>,
    /// The kept archives, in the same order.
    #[serde(default)]
    pub raw: Vec<RawRecord>,
    /// Where the rejects are; none where there are none.
    pub rejects_file: Option<RejectsRecord>,
    /// Bytes that could not be used, or are used no longer.
    #[serde(default)]
    pub quarantine: Vec<String>,
    /// Of these, the archives that a person's order replaced. They are ours, and never make room for others.
    #[serde(default)]
    pub set_aside: Vec<String>,
    /// The earliest `msg_time`.
    #[serde(serialize_with = "optional_seconds")]
    pub min_msg_time: Option<DateTime<Utc>>,
    /// The latest `msg_time`.
    #[serde(serialize_with = "optional_seconds")]
    pub max_msg_time: Option<DateTime<Utc>>,
    /// Archives offered later that were not taken.
    #[serde(default)]
    pub conflict: Option<Conflict>,
    /// What went wrong with the last try of an unfinished unit.
    pub error: Option<Failure>,
    /// The last asking about a finished unit.
    #[serde(default)]
    pub asked_again: Option<AskedAgain>,
    /// The program that brought the unit into its state.
    pub tool_version: String,
    /// The version of the table's columns.
    pub schema_version: u32,
}

impl Receipt {
    /// The receipt of a unit first tried at `now`, with nothing in it yet.
    pub fn new(unit: Unit, sdkappid: u64, state: State, now: DateTime<Utc>, schema_version: u32) -> Receipt {
        Receipt {
            state,
            reason: None,
            sdkappid,
            chat_type: unit.chat_type,
            hour: unit.hour,
            attempts: 0,
            first_seen_at: now,
            checked_at: now,
            committed_at: None,
            reported_at: None,
            archives: Vec::new(),
            lines: 0,
            rows: 0,
            duplicates: 0,
            rejects: 0,
            parquet: None,
            raw: Vec::new(),
            rejects_file: None,
            quarantine: Vec::new(),
            set_aside: Vec::new(),
            min_msg_time: None,
            max_msg_time: None,
            conflict: None,
            error: None,
            asked_again: None,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            schema_version,
        }
    }

    /// The unit.
    pub fn unit(&self) -> Unit {
        Unit { hour: self.hour, chat_type: self.chat_type }
    }

    /// The unit was made of archives with exactly these `FileMD5`s, in any order. One that is not known equals none.
    pub fn is_made_of<'a>(&self, file_md5s: impl Iterator<Item = Option<&'a Md5Hex>>) -> bool {
        let mut ours: Vec<Option<&Md5Hex>> = self.archives.iter().map(|archive| Some(&archive.file_md5)).collect();
        let mut theirs: Vec<Option<&Md5Hex>> = file_md5s.collect();
        ours.sort();
        theirs.sort();
        ours == theirs
    }

    /// Quarantined bytes that stay when others come: what was ours, and what is in conflict with it.
    pub fn stays_in_quarantine(&self, path: &String) -> bool {
        self.set_aside.contains(path)
            || self.conflict.as_ref().is_some_and(|conflict| conflict.quarantine.contains(path))
    }

    /// Names archives that a person's order replaced.
    pub fn set_aside(&mut self, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            for list in [&mut self.quarantine, &mut self.set_aside] {
                if !list.contains(&path) {
                    list.push(path.clone());
                }
            }
        }
    }

    /// The last try failed; a finished unit is finished all the same.
    pub fn last_try_failed(&self) -> bool {
        let asked_again = self.asked_again.as_ref();
        self.state == State::Failed || asked_again.is_some_and(|asked| asked.error.is_some())
    }

    /// A loss that somebody answers for and that no run has reported.
    pub fn is_unreported_loss(&self) -> bool {
        self.is_loss() && self.reported_at.is_none()
    }

    /// A loss that somebody answers for.
    pub fn is_loss(&self) -> bool {
        self.state == State::Lost && self.reason != Some(LostReason::BeforeFirstRun)
    }
}

/// RFC 3339 in UTC, whole seconds.
pub fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn seconds<S: Serializer>(instant: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*instant))
}

fn optional_seconds<S: Serializer>(instant: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match instant {
        Some(instant) => seconds(instant, serializer),
        None => serializer.serialize_none(),
    }
}
