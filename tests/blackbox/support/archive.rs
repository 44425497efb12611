//! Archives as the vendor serves them, whole or broken in one chosen way.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::SDKAPPID;

/// How one download of an archive goes.
#[derive(Clone, Debug)]
pub enum Transfer {
    /// All bytes.
    Whole,
    /// All bytes, without a `Content-Length`.
    Chunked,
    /// All bytes, with a `Content-Encoding: gzip` that a client may take for its own business.
    SaidToBeEncoded,
    /// All are promised, this many come, then the connection ends.
    Cut(usize),
    /// This many come, and the length says that these are all.
    Short(usize),
    /// As many bytes as promised; one of them is not what it was.
    Garbled,
    /// An HTTP status and no archive.
    Status(u16),
    /// A redirect; `{token}` in the text stands for a fresh token of this archive, `{vendor}` for the server's own URL.
    MovedTo(&'static str),
    /// The connection is reset before a byte comes.
    Reset,
    /// Nothing comes.
    Stall,
}

/// One archive: what is in the gzip, what `get_history` says of it, how its downloads go.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The bytes served.
    pub gzip: Vec<u8>,
    /// `FileSize`, `FileMD5`, `GzipSize`, `GzipMD5` as `get_history` tells them.
    declared: Vec<(&'static str, Value)>,
    /// The address with `{token}` and `{vendor}` still in it.
    address: &'static str,
    /// One a download; the last repeats.
    transfers: Vec<Transfer>,
    served: Arc<AtomicUsize>,
}

/// A fresh address of the server itself.
pub const ADDRESS: &str = "{vendor}/msg_history/4/{token}.gz";

impl Archive {
    /// A sound archive of this text.
    pub fn of(plain: impl AsRef<[u8]>) -> Archive {
        let plain = plain.as_ref();
        Archive::gzipped(plain, gzip(plain))
    }

    /// A sound archive of these elements in the documented layout.
    pub fn with(chat_type: &str, hour: &str, elements: &[impl AsRef<str>]) -> Archive {
        Archive::of(documented(chat_type, hour, elements))
    }

    /// These gzip bytes, whatever they are, said to hold `plain`: only the gzip's own digest and size are theirs.
    pub fn gzipped(plain: &[u8], gzip: Vec<u8>) -> Archive {
        let declared = vec![
            ("FileSize", json!(plain.len())),
            ("FileMD5", json!(md5(plain))),
            ("GzipSize", json!(gzip.len())),
            ("GzipMD5", json!(md5(&gzip))),
        ];
        Archive { gzip, declared, address: ADDRESS, transfers: vec![Transfer::Whole], served: Arc::default() }
    }

    /// Says something else of it than what is true.
    pub fn declaring(mut self, key: &'static str, value: impl Into<Value>) -> Archive {
        self.declared.retain(|(k, _)| *k != key);
        self.declared.push((key, value.into()));
        self
    }

    /// Says nothing of this.
    pub fn undeclared(mut self, key: &'static str) -> Archive {
        self.declared.retain(|(k, _)| *k != key);
        self
    }

    /// Hands out this address instead of [`ADDRESS`].
    pub fn at(mut self, address: &'static str) -> Archive {
        self.address = address;
        self
    }

    /// How its downloads go, one after the other; the last repeats.
    pub fn served(mut self, transfers: impl IntoIterator<Item = Transfer>) -> Archive {
        self.transfers = transfers.into_iter().collect();
        self
    }

    /// How the next download goes.
    pub fn next_transfer(&self) -> Transfer {
        let turn = self.served.fetch_add(1, Ordering::SeqCst);
        self.transfers[turn.min(self.transfers.len() - 1)].clone()
    }

    /// Its address with this token.
    pub fn url(&self, vendor: &str, token: &str) -> String {
        self.address.replace("{vendor}", vendor).replace("{token}", token)
    }

    /// Its entry in `File`.
    pub fn entry(&self, url: &str) -> Value {
        let mut entry = json!({"URL": url, "ExpireTime": "2026-11-19 22:20:00"});
        for (key, value) in &self.declared {
            entry[key] = value.clone();
        }
        entry
    }

    /// The MD5 of the bytes served.
    pub fn gzip_md5(&self) -> String {
        md5(&self.gzip)
    }
}

/// What stands before the first message: `{"SdkAppId":…,"MsgList":[`.
pub fn header(chat_type: &str, hour: &str) -> String {
    format!(r#"{{"SdkAppId":{SDKAPPID},"ChatType":"{chat_type}","MsgTime":"{hour}","MsgList":["#)
}

/// The layout of the vendor's document: the header's line, one element a line, `]}`.
pub fn documented(chat_type: &str, hour: &str, elements: &[impl AsRef<str>]) -> String {
    let lines: Vec<&str> = elements.iter().map(AsRef::as_ref).collect();
    format!("{}\n{}\n]}}\n", header(chat_type, hour), lines.join(",\n"))
}

/// A one-to-one text message.
pub fn c2c(seq: u64, text: &str) -> String {
    message(json!({"From_Account": "alice", "To_Account": "bob", "MsgRandom": 7}), seq, text)
}

/// A group text message; groups have no `MsgRandom`.
pub fn group(seq: u64, text: &str) -> String {
    message(json!({"From_Account": "alice", "GroupId": "@TGS#1FDFVPAE2"}), seq, text)
}

fn message(mut message: Value, seq: u64, text: &str) -> String {
    message["MsgSeq"] = json!(seq);
    message["MsgTimestamp"] = json!(super::H20_START + 6);
    message["MsgBody"] = json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": text}}]);
    message.to_string()
}

/// A message of this chat type.
pub fn text_message(chat_type: &str, seq: u64, text: &str) -> String {
    if chat_type == "C2C" { c2c(seq, text) } else { group(seq, text) }
}

/// `n` messages of this chat type, each with a text of its own.
pub fn messages(chat_type: &str, n: u64) -> Vec<String> {
    (1..=n).map(|seq| text_message(chat_type, seq, &format!("第 {seq} 条 👋"))).collect()
}

/// A sound archive of `n` messages.
pub fn archive(chat_type: &str, hour: &str, n: u64) -> Archive {
    Archive::with(chat_type, hour, &messages(chat_type, n))
}

/// `bytes` as one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 32 lower-case hex digits.
pub fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
