//! The reply of `get_history`, read with as few demands as possible.
//!
//! Fields are *documented* (cloud.tencent.com/document/product/269/1650) but for the echo of `ChatType` and `MsgTime`,
//! which is *observed* on success only. Unknown fields are ignored; numbers are taken from strings too; what is `null` or
//! empty is not there.

use serde_json::{Map, Value};
use url::Url;

use crate::domain::{Address, FileEntry, Md5Hex, Unit};

/// A reply as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// `ErrorCode`; 0 is success.
    pub code: i64,
    /// `ErrorInfo`.
    pub info: String,
    /// `File`.
    pub files: Vec<FileEntry>,
}

/// Why a body is no reply of `get_history`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReplyError {
    /// An empty body.
    #[error("the reply is empty")]
    Empty,
    /// Not a JSON object with an `ErrorCode`.
    #[error("the reply is not the vendor's JSON; something between may have answered instead")]
    NotAReply,
    /// The reply is to another question.
    #[error("the reply is about `{found}`, not about {asked}")]
    OtherUnit {
        /// What was asked for.
        asked: Unit,
        /// What the echo names.
        found: String,
    },
    /// An entry of `File` without a usable `URL`.
    #[error("entry {0} of the reply's File has no usable URL")]
    NoAddress(usize),
}

impl Reply {
    /// Reads a body.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn parse(body: &[u8], asked: Unit) -> Result<Reply, ReplyError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(ReplyError::Empty);
        }
        let Ok(Value::Object(reply)) = serde_json::from_slice(body) else { return Err(ReplyError::NotAReply) };
        let code = match (integer(&reply, "ErrorCode"), text(&reply, "ActionStatus")) {
            (Some(code), _) => code,
            (None, Some("OK")) if reply.get("File").is_some_and(Value::is_array) => 0,
            _ => return Err(ReplyError::NotAReply),
        };
        if code == 0 && text(&reply, "ActionStatus").is_some_and(|status| status != "OK") {
            return Err(ReplyError::NotAReply);
        }
        let info = text(&reply, "ErrorInfo").unwrap_or_default().to_owned();
        if code != 0 {
            return Ok(Reply { code, info, files: Vec::new() });
        }
        check_echo(&reply, asked)?;
        let entries = match reply.get("File") {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(entries)) => entries,
            // A form we do not know must not finish an hour.
            Some(_) => return Err(ReplyError::NotAReply),
        };
        let files = entries.iter().enumerate().map(|(at, entry)| file_entry(entry).ok_or(ReplyError::NoAddress(at)));
        Ok(Reply { code, info, files: files.collect::<Result<_, _>>()? })
    }
}

fn check_echo(reply: &Map<String, Value>, asked: Unit) -> Result<(), ReplyError> {
    let other = |found: String| Err(ReplyError::OtherUnit { asked, found: found.chars().take(40).collect() });
    if let Some(chat_type) = text(reply, "ChatType").filter(|c| !c.eq_ignore_ascii_case(asked.chat_type.as_str())) {
        return other(chat_type.to_owned());
    }
    let hour = text(reply, "MsgTime").map(str::to_owned).or_else(|| integer(reply, "MsgTime").map(|n| n.to_string()));
    match hour.filter(|hour| *hour != asked.hour.to_string()) {
        Some(hour) => other(hour),
        None => Ok(()),
    }
}

fn file_entry(entry: &Value) -> Option<FileEntry> {
    let entry = entry.as_object()?;
    let bytes = |key| integer(entry, key).and_then(|n| u64::try_from(n).ok());
    let md5 = |key| text(entry, key).map(Md5Hex::from_vendor);
    Some(FileEntry {
        address: Address::from(Url::parse(text(entry, "URL")?).ok()?),
        gzip_bytes: bytes("GzipSize"),
        gzip_md5: md5("GzipMD5"),
        file_bytes: bytes("FileSize"),
        file_md5: md5("FileMD5"),
    })
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn integer(object: &Map<String, Value>, key: &str) -> Option<i64> {
    match object.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ChatType;

    fn asked() -> Unit {
        Unit { hour: "2020091116".parse().unwrap(), chat_type: ChatType::C2c }
    }

    // As published by a user of the vendor, with an address of our own.
    const PUBLISHED: &str = r#"{"ChatType":"C2C","MsgTime":"2020091116","File":[{"URL":"https://download.example/msg_history/4/token.gz","ExpireTime":"2020-09-15 15:50:07","FileSize":7273,"FileMD5":"6fde5543bbc4a5aea5e35a64edf0553e","GzipSize":1535,"GzipMD5":"92A00693794328453010e083e8193eed"}],"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;

    #[test]
    fn a_published_reply_is_read() {
        let reply = Reply::parse(PUBLISHED.as_bytes(), asked()).unwrap();
        let file = &reply.files[0];
        assert_eq!((file.file_bytes, file.gzip_bytes), (Some(7273), Some(1535)));
        assert_eq!(file.gzip_md5, Some(Md5Hex::from_vendor("92a00693794328453010e083e8193eed")));
    }

    #[test]
    fn an_address_prints_without_its_token() {
        let reply = Reply::parse(PUBLISHED.as_bytes(), asked()).unwrap();
        assert_eq!(format!("{:?}", reply.files[0].address), "Address(download.example)");
    }

    #[test]
    fn codes_are_read_with_or_without_an_echo_and_unknown_fields() {
        let reply = br#"{"ActionStatus":"FAIL","ErrorInfo":"Err_File_Not_Ready","ErrorCode":"1004","RequestId":"x"}"#;
        assert_eq!(Reply::parse(reply, asked()).unwrap().code, 1004);
    }

    #[test]
    fn what_is_no_reply_is_told_apart() {
        assert_eq!(Reply::parse(b" ", asked()), Err(ReplyError::Empty));
        assert_eq!(Reply::parse(b"<html>", asked()), Err(ReplyError::NotAReply));
        assert_eq!(Reply::parse(b"{}", asked()), Err(ReplyError::NotAReply));
        let other = PUBLISHED.replace("2020091116", "2020091117");
        assert!(matches!(Reply::parse(other.as_bytes(), asked()), Err(ReplyError::OtherUnit { .. })));
        let no_url = PUBLISHED.replace("URL", "Url");
        assert_eq!(Reply::parse(no_url.as_bytes(), asked()), Err(ReplyError::NoAddress(0)));
    }
}
