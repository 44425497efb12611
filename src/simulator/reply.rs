//! What goes back over the wire: the vendor's JSON, archives whole and spoiled, and bare HTTP statuses.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Asia::Shanghai;
use futures_util::stream::{self, StreamExt};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::corpus::Archive;
use super::refusal::Refusal;
use crate::domain::Unit;

/// A body of any kind; an error in it closes the connection.
pub(super) type Body = BoxBody<Bytes, io::Error>;

/// Long enough for what was sent before to leave, so that a download is cut and not a connection reset.
const BEFORE_CUT: Duration = Duration::from_millis(50);

/// Longer than any sensible time-out between two reads.
const STALL: Duration = Duration::from_secs(600);

/// The answer with files. Field names and their letter case are *documented*, the echo of chat type and hour, which
/// refusals lack, is *observed* (cloud.tencent.com/document/product/269/1650 and published replies).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Found {
    file: Vec<FileEntry>,
    action_status: &'static str,
    error_info: &'static str,
    error_code: u32,
    chat_type: &'static str,
    msg_time: String,
}

/// One archive of the hour.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FileEntry {
    #[serde(rename = "URL")]
    url: String,
    expire_time: String,
    file_size: u64,
    #[serde(rename = "FileMD5")]
    file_md5: String,
    gzip_size: u64,
    #[serde(rename = "GzipMD5")]
    gzip_md5: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refused {
    action_status: &'static str,
    error_info: &'static str,
    error_code: u32,
}

impl Found {
    /// No files yet.
    pub(super) fn new(unit: Unit) -> Found {
        Found {
            file: Vec::new(),
            action_status: "OK",
            error_info: "",
            error_code: 0,
            chat_type: unit.chat_type.as_str(),
            msg_time: unit.hour.to_string(),
        }
    }

    /// Adds an archive. The time is Beijing's, without saying so (*observed*).
    pub(super) fn push(&mut self, url: String, expires_at: DateTime<Utc>, archive: &Archive) {
        self.file.push(FileEntry {
            url,
            expire_time: expires_at.with_timezone(&Shanghai).format("%Y-%m-%d %H:%M:%S").to_string(),
            file_size: archive.file_bytes,
            file_md5: archive.file_md5.clone(),
            gzip_size: archive.gzip.len() as u64,
            gzip_md5: archive.gzip_md5.clone(),
        });
    }
}

/// OK with files, or the refusal; HTTP 200 in both cases (*documented*).
pub(super) fn answer(found: Result<Found, Refusal>) -> Response<Body> {
    let json = match found {
        Ok(found) => serde_json::to_vec(&found),
        Err(Refusal { code, info }) => {
            serde_json::to_vec(&Refused { action_status: "FAIL", error_info: info, error_code: code })
        }
    };
    whole("application/json", json.unwrap_or_default().into())
}

/// A web page where JSON belongs.
pub(super) fn html() -> Response<Body> {
    whole("text/html", Bytes::from_static(b"<html><body><h1>The page is temporarily unavailable</h1></body></html>"))
}

/// HTTP 200 and not one byte.
pub(super) fn empty() -> Response<Body> {
    whole("application/json", Bytes::new())
}

/// A status and a line about it, as gateways answer.
pub(super) fn status(code: u16) -> Response<Body> {
    let mut response = whole("text/plain", format!("{code}\n").into());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// The archive as it is.
pub(super) fn archive(gzip: Bytes) -> Response<Body> {
    whole("application/gzip", gzip)
}

/// The archive with one bit in its middle turned over.
pub(super) fn corrupt(gzip: &Bytes) -> Response<Body> {
    let mut bytes = gzip.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0x10;
    }
    archive(bytes.into())
}

/// Half the archive under the length of the whole, then the end of the connection.
pub(super) fn cut(gzip: &Bytes) -> Response<Body> {
    halved(gzip, BEFORE_CUT, |_| Err(io::Error::other("cut by the simulator's --fault")))
}

/// Half the archive, a long silence, the other half.
pub(super) fn stall(gzip: &Bytes) -> Response<Body> {
    halved(gzip, STALL, |rest| Ok(Frame::data(rest)))
}

fn halved(gzip: &Bytes, pause: Duration, end: fn(Bytes) -> io::Result<Frame<Bytes>>) -> Response<Body> {
    let (first, rest) = (gzip.slice(..gzip.len() / 2), gzip.slice(gzip.len() / 2..));
    let later = async move {
        tokio::time::sleep(pause).await;
        end(rest)
    };
    let frames = stream::iter([Ok(Frame::data(first))]).chain(stream::once(later));
    let mut response = typed("application/gzip", BodyExt::boxed(StreamBody::new(frames)));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(gzip.len()));
    response
}

fn whole(kind: &'static str, bytes: Bytes) -> Response<Body> {
    typed(kind, Full::new(bytes).map_err(|never| match never {}).boxed())
}

fn typed(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
