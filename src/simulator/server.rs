//! The vendor's side of a request: a call of `get_history`, or the download of an archive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use super::addresses::{Addresses, LIFE, PREFIX, Target};
use super::calendar::edition_at;
use super::corpus::Corpus;
use super::gate::{Gate, check_route, question};
use super::rate::RateLimit;
use super::refusal::{self, Refusal};
use super::reply::{self, Body, Found};
use super::shelf::Shelf;
use super::weather::{CallFault, DownloadFault, Weather};
use super::{Clock, Config, locked};
use crate::domain::Unit;

/// A question takes 50 bytes; more than this is something else.
const BODY_LIMIT: usize = 64 * 1024;

/// No answer at all: the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("reset by the simulator's --fault")]
pub(super) struct NoAnswer;

/// The vendor.
pub(super) struct Vendor {
    endpoint: String,
    seed: u64,
    now: Clock,
    gate: Gate,
    limit: Option<Mutex<RateLimit>>,
    weather: Weather,
    corpus: Arc<Corpus>,
    shelf: Shelf,
    addresses: Mutex<Addresses>,
    calls: AtomicU64,
    downloads: AtomicU64,
}

impl Vendor {
    /// The vendor behind `endpoint`.
    pub(super) fn new(endpoint: String, config: Config) -> Vendor {
        let corpus = Arc::new(Corpus::new(config.seed, config.sdkappid, config.messages_per_hour));
        Vendor {
            endpoint,
            seed: config.seed,
            now: config.now,
            gate: Gate { sdkappid: config.sdkappid, identifier: config.identifier, secret_key: config.secret_key },
            limit: config.max_calls_per_second.map(RateLimit::new).map(Mutex::new),
            weather: Weather::new(config.seed, &config.faults),
            shelf: Shelf::new(Arc::clone(&corpus)),
            corpus,
            addresses: Mutex::new(Addresses::new()),
            calls: AtomicU64::new(0),
            downloads: AtomicU64::new(0),
        }
    }

    /// Calls and downloads asked for so far, whatever the answer was.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.downloads.load(Ordering::Relaxed))
    }

    /// Answers one request. The `Date` is that of the clock by which hours are old and addresses lapse.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
        let mut response = if request.uri().path().starts_with(PREFIX) {
            self.download(&request).await?
        } else {
            self.call(request).await?
        };
        if let Ok(date) = HeaderValue::from_str(&http_date((self.now)())) {
            response.headers_mut().insert(DATE, date);
        }
        Ok(response)
    }

    /// The body is read whatever the answer, so that the connection can be used again.
    async fn call(&self, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await.ok().map(Collected::to_bytes);
        if !self.within_limit() {
            return Ok(reply::answer(Err(refusal::TOO_FREQUENT)));
        }
        match self.weather.on_call() {
            Some(CallFault::Reset) => Err(NoAnswer),
            Some(CallFault::Status(code)) => Ok(reply::status(code)),
            Some(CallFault::Html) => Ok(reply::html()),
            Some(CallFault::Empty) => Ok(reply::empty()),
            Some(CallFault::Code(code)) => Ok(reply::answer(Err(Refusal::injected(code)))),
            None => Ok(reply::answer(self.history(&head, body).await)),
        }
    }

    fn within_limit(&self) -> bool {
        self.limit.as_ref().is_none_or(|limit| locked(limit).admit(Instant::now()))
    }

    /// `get_history`. UserSigs are judged by the real clock, whatever the simulated one says: they are signed by it.
    async fn history(&self, head: &Parts, body: Option<Bytes>) -> Result<Found, Refusal> {
        check_route(&head.method, head.uri.path())?;
        self.gate.admit(head.uri.query().unwrap_or_default(), Utc::now())?;
        let unit = question(&body.ok_or(refusal::BAD_HTTP)?)?;
        self.files(unit, (self.now)()).await
    }

    async fn files(&self, unit: Unit, now: DateTime<Utc>) -> Result<Found, Refusal> {
        if self.corpus.messages(unit) == 0 {
            return Err(refusal::NOT_READY);
        }
        let edition = edition_at(now, unit, self.seed, &self.weather)?;
        let archives = self.shelf.archives(unit, edition).await.map_err(|_| refusal::SYSTEM_ERROR)?;
        let mut found = Found::new(unit);
        for (file, archive) in archives.iter().enumerate() {
            let path = locked(&self.addresses).make(Target { unit, edition, file }, now);
            found.push(format!("{}{path}", self.endpoint), now + LIFE, archive);
        }
        Ok(found)
    }

    async fn download(&self, request: &Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
        self.downloads.fetch_add(1, Ordering::Relaxed);
        if request.method() != Method::GET {
            return Ok(reply::status(405));
        }
        let fault = self.weather.on_download();
        let Some(gzip) = self.gzip(request.uri().path()).await else {
            return Ok(reply::status(404));
        };
        match fault {
            Some(DownloadFault::Reset) => Err(NoAnswer),
            Some(DownloadFault::Status(code)) => Ok(reply::status(code)),
            Some(DownloadFault::Lapse) => Ok(reply::status(404)),
            Some(DownloadFault::Cut) => Ok(reply::cut(&gzip)),
            Some(DownloadFault::Corrupt) => Ok(reply::corrupt(&gzip)),
            Some(DownloadFault::Stall) => Ok(reply::stall(&gzip)),
            None => Ok(reply::archive(gzip)),
        }
    }

    /// The bytes behind a path, where it is good.
    async fn gzip(&self, path: &str) -> Option<Bytes> {
        let target = locked(&self.addresses).find(path, (self.now)())?;
        let archives = self.shelf.archives(target.unit, target.edition).await.ok()?;
        archives.get(target.file).map(|archive| archive.gzip.clone())
    }
}

/// As in `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110).
fn http_date(now: DateTime<Utc>) -> String {
    now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        assert_eq!(http_date(DateTime::from_timestamp(784_111_777, 0).unwrap()), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
