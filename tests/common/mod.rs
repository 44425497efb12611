//! A unit read through the library alone, without a vendor or a lake.
#![allow(dead_code)]

use std::fs::File;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use timlake::archive::{
    self, ArchiveError, Counts, Expected, Place, Promised, RejectReason, RejectedBytes, Seen, Sink,
};
use timlake::domain::message::Message;
use timlake::domain::{self, ChatType};
use timlake::table::{TableWriter, message_json};

/// The app of all test archives.
pub const SDKAPPID: u64 = 1_400_000_000;

/// A unit.
pub struct Unit(pub domain::Unit);

impl Unit {
    /// A one-to-one hour.
    pub fn c2c() -> Unit {
        Unit(domain::Unit { hour: "2026111921".parse().unwrap(), chat_type: ChatType::C2c })
    }

    /// The header that opens its archive, up to and with the `[`.
    pub fn header(&self) -> String {
        let domain::Unit { hour, chat_type } = self.0;
        format!("{{\"SdkAppId\":{SDKAPPID},\"ChatType\":\"{chat_type}\",\"MsgTime\":\"{hour}\",\"MsgList\":[")
    }
}

/// An element that is no message, as it was handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// As in the rejects file.
    pub reason: String,
    /// Where it begins.
    pub place: (u64, u64),
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a unit's content became.
pub struct ReadUnit {
    /// The Parquet file.
    pub table: tempfile::NamedTempFile,
    /// The elements.
    pub counts: Counts,
    /// Those that are no messages.
    pub rejects: Vec<Reject>,
    /// Each message's own text and place.
    pub messages: Vec<(String, (u64, u64))>,
}

/// The documented layout: one message a line.
pub fn archive_of(unit: &Unit, messages: &[&str]) -> Vec<u8> {
    format!("{}\n{}\n]}}\n", unit.header(), messages.join(",\n")).into_bytes()
}

/// Reads decompressed content as the archive of `unit`.
pub fn read_unit(content: &[u8], unit: &Unit) -> Result<ReadUnit, ArchiveError> {
    let spool = tempfile::tempdir().unwrap();
    let table = tempfile::NamedTempFile::new().unwrap();
    let mut sink = Collector {
        table: TableWriter::new(table.reopen().unwrap(), SDKAPPID, unit.0, spool.path()).unwrap(),
        rejects: Vec::new(),
        messages: Vec::new(),
    };
    let expected = Expected { sdkappid: SDKAPPID, unit: unit.0, promised: Promised::default() };
    let summary = archive::read(gzip(content), &expected, spool.path(), &mut Seen::default(), &mut sink, &|| false)?;
    let written = sink.table.finish().unwrap();
    assert_eq!(written.rows, summary.counts.rows);
    Ok(ReadUnit { table, counts: summary.counts, rejects: sink.rejects, messages: sink.messages })
}

fn gzip(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    let mut encoder = GzEncoder::new(&mut file, Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap();
    io::Seek::rewind(&mut file).unwrap();
    file
}

struct Collector {
    table: TableWriter,
    rejects: Vec<Reject>,
    messages: Vec<(String, (u64, u64))>,
}

impl Sink for Collector {
    fn message(&mut self, message: &Message, text: &str, place: Place) -> io::Result<()> {
        self.messages.push((text.to_owned(), (place.line, place.offset)));
        self.table.push(message, text, 0, place.line)
    }

    fn reject(&mut self, bytes: RejectedBytes<'_>, place: Place, reason: RejectReason) -> io::Result<()> {
        let mut kept = Vec::new();
        match bytes {
            RejectedBytes::Held(bytes) => kept.extend_from_slice(bytes),
            RejectedBytes::Spooled(file, length) => {
                file.take(length).read_to_end(&mut kept)?;
            }
        }
        let reason = serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned();
        self.rejects.push(Reject { reason, place: (place.line, place.offset), bytes: kept });
        Ok(())
    }
}

/// The messages of all rows, built again from the Parquet file.
pub fn rebuilt(read: &ReadUnit) -> Vec<String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(read.table.reopen().unwrap()).unwrap().build().unwrap();
    let mut messages = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        messages.extend((0..batch.num_rows()).map(|row| message_json(&batch, row).unwrap()));
    }
    messages
}

/// Equal as JSON: object key order aside, numbers by their value. What only equal texts can give back must be equal text.
pub fn equal_as_json(one: &str, other: &str) -> bool {
    one == other
        || match (
            serde_json::from_str::<serde_json::Value>(&with_plain_numbers(one)),
            serde_json::from_str::<serde_json::Value>(&with_plain_numbers(other)),
        ) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

/// JSON with every number as a string of its digits and exponent, written in the one shortest way.
fn with_plain_numbers(json: &str) -> String {
    let bytes = json.as_bytes();
    let (mut out, mut at) = (String::new(), 0);
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
                out.push_str(&json[start..at]);
            }
            b'-' | b'0'..=b'9' => {
                while at < bytes.len() && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') {
                    at += 1;
                }
                out.push_str(&format!("\"number {}\"", plain(&json[start..at])));
            }
            _ => {
                at += 1;
                while !json.is_char_boundary(at) {
                    at += 1;
                }
                out.push_str(&json[start..at]);
            }
        }
    }
    out
}

fn plain(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let exponent = exponent.parse::<i64>().unwrap() - fraction.len() as i64;
    let trimmed = digits.trim_end_matches('0');
    let exponent = exponent + (digits.len() - trimmed.len()) as i64;
    match trimmed.trim_start_matches('0') {
        "" => "0".to_owned(),
        significant => format!("{sign}{significant}e{exponent}"),
    }
}
