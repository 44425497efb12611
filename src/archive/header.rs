//! The archive's first object, left open: which app, chat type and hour it is of.

use std::io::Read;

use super::error::FramingError;
use super::source::Source;
use crate::domain::{Hour, Unit};
use crate::json::{JsonError, Kind, Reader, Value};

/// A header is under a hundred bytes in the vendor's documentation; what goes on for this long is another kind of file.
const HEADER_LIMIT: usize = 1024 * 1024;

/// UTF-8's byte order mark. The vendor's documentation mentions none; it is stepped over where there is one.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What the header says of itself, each key as written where it is there: `SdkAppId` (a number), `ChatType` and `MsgTime`
/// (strings), in the spelling that the vendor documents (cloud.tencent.com/document/product/269/1650). `null` counts as
/// not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `SdkAppId`.
    pub sdkappid: Option<String>,
    /// `ChatType`.
    pub chat_type: Option<String>,
    /// `MsgTime`, the Beijing hour.
    pub msg_time: Option<String>,
}

impl Header {
    /// The keys that are not there.
    pub fn absent(&self) -> impl Iterator<Item = &'static str> {
        let keys = [("SdkAppId", &self.sdkappid), ("ChatType", &self.chat_type), ("MsgTime", &self.msg_time)];
        keys.into_iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect::<Vec<_>>().into_iter()
    }

    /// The unit it names; `None` where its chat type or hour is absent or none.
    pub fn unit(&self) -> Option<Unit> {
        let hour = Hour::from_digits(self.msg_time.as_deref()?).ok()?;
        Some(Unit { hour, chat_type: self.chat_type.as_deref()?.parse().ok()? })
    }

    /// Compares what is there with what was asked for.
    ///
    /// # Errors
    /// [`FramingError::HeaderMismatch`] with both values of the first key that differs.
    pub fn check(&self, sdkappid: u64, unit: Unit) -> Result<(), FramingError> {
        let mismatch = |key: &'static str, expected: String, found: &Option<String>| match found {
            Some(found) if !found.eq_ignore_ascii_case(&expected) => {
                Err(FramingError::HeaderMismatch { key, expected, found: shortened(found) })
            }
            _ => Ok(()),
        };
        mismatch("SdkAppId", sdkappid.to_string(), &self.sdkappid)?;
        mismatch("ChatType", unit.chat_type.to_string(), &self.chat_type)?;
        mismatch("MsgTime", unit.hour.to_string(), &self.msg_time)
    }
}

/// Reads up to and with the `[` of `MsgList`.
///
/// # Errors
/// [`FramingError::Truncated`] where the file ends before, [`FramingError::NotALog`] where it begins otherwise.
pub fn read<R: Read>(source: &mut Source<R>) -> Result<Header, FramingError> {
    while source.window().len() < BYTE_ORDER_MARK.len() && source.fill()? {}
    if source.window().starts_with(BYTE_ORDER_MARK) {
        source.consume(BYTE_ORDER_MARK.len());
    }
    loop {
        match parse(source.window()) {
            Ok((header, length)) => {
                source.consume(length);
                return Ok(header);
            }
            Err(JsonError::Incomplete) if source.window().len() < HEADER_LIMIT => {
                if !source.fill()? {
                    return Err(FramingError::Truncated);
                }
            }
            Err(_) => return Err(FramingError::NotALog),
        }
    }
}

fn parse(window: &[u8]) -> Result<(Header, usize), JsonError> {
    let mut reader = Reader::new(window);
    let mut header = Header::default();
    let mut first = true;
    reader.open(b'{', 1)?;
    while reader.next(first, b'}')? {
        first = false;
        let key = reader.key()?;
        let name = std::str::from_utf8(&window[key.span.range()]).map_err(|_| JsonError::Broken)?;
        if name == "MsgList" {
            reader.expect(b'[')?;
            return Ok((header, reader.position()));
        }
        let value = reader.value(2)?;
        match name {
            "SdkAppId" => header.sdkappid = as_written(window, value)?,
            "ChatType" => header.chat_type = as_written(window, value)?,
            "MsgTime" => header.msg_time = as_written(window, value)?,
            _ => {}
        }
    }
    Err(JsonError::Broken)
}

/// A string's content or any other value's text: a number where the vendor documents a string, and the other way
/// round, names the same thing.
fn as_written(window: &[u8], value: Value) -> Result<Option<String>, JsonError> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| JsonError::Broken);
    let whole = text(&window[value.span.range()])?;
    Ok(match value.kind {
        Kind::String(content) => {
            let all = std::str::from_utf8(window.get(..value.span.end as usize).unwrap_or_default());
            Some(all.map(|all| content.decode(all).into_owned()).unwrap_or(whole))
        }
        Kind::Word if whole == "null" => None,
        _ => Some(whole),
    })
}

fn shortened(text: &str) -> String {
    const LIMIT: usize = 40;
    match text.char_indices().nth(LIMIT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
