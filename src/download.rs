//! Address → archive on the local spool, its length and digests taken while it streams.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::ACCEPT_ENCODING;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Response, StatusCode};
use tempfile::TempPath;
use tokio::sync::mpsc;

use crate::domain::{FileEntry, Md5Hex, Sha256Hex, innermost};
use crate::http::{self, NoCertificates};
use crate::spool::{Digests, unfinished_file};

/// So long may nothing arrive before a download counts as stalled: four stalls and a unit has cost a minute.
const STALLED: Duration = Duration::from_secs(15);

/// Slower than this, in bytes a second, a download counts as stalled too once it has lasted a minute: whoever drips a
/// byte now and then must not hold the lake.
const SLOWEST: u64 = 1024;

/// The longest archive whose length is not promised: what the vendor's own programs count lengths with (*observed*: 32
/// bits in its Java package).
const LONGEST_UNPROMISED: u64 = u32::MAX as u64;

/// So many redirects are followed; the vendor is known for none.
const REDIRECTS: usize = 5;

/// Chunks between the socket and the disk.
const CHUNKS_IN_FLIGHT: usize = 16;

/// An archive on the spool: bytes as received, whatever `Content-Encoding` says of them. The file removes itself unless
/// it is moved away.
#[derive(Debug)]
pub struct Download {
    /// Where it lies.
    pub file: TempPath,
    /// Its length.
    pub bytes: u64,
    /// Its MD5.
    pub md5: Md5Hex,
    /// Its SHA-256.
    pub sha256: Sha256Hex,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address is no longer good: ask for a new one. 401, 403, 404 or 410.
    #[error("the download address has lapsed (HTTP {})", .0.as_u16())]
    Lapsed(StatusCode),
    /// The download host had trouble.
    #[error("the download host answered HTTP {}", .0.as_u16())]
    Status(StatusCode),
    /// The connection failed, broke or stalled.
    #[error("the download failed: {0}")]
    Network(String),
    /// Other bytes arrived than were promised; those that did are kept.
    #[error("{cause}")]
    Mismatch {
        /// `gzip_bytes` or `gzip_md5`.
        class: &'static str,
        /// Both values.
        cause: String,
        /// What arrived, as far as it was read.
        received: Box<Download>,
    },
    /// The address, or one it redirects to, is not `https`.
    #[error("the download address is not https: refused, because anybody between could read and change what comes")]
    Insecure,
    /// The spool cannot be written.
    #[error("cannot write into the spool `{}`", .folder.display())]
    Spool {
        /// The spool.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl DownloadError {
    /// A word for the kind of failure, stable across versions.
    pub fn class(&self) -> String {
        match self {
            DownloadError::Lapsed(_) => "address_lapsed".to_owned(),
            DownloadError::Status(status) => format!("http_{}", status.as_u16()),
            DownloadError::Network(_) => "network".to_owned(),
            DownloadError::Mismatch { class, .. } => (*class).to_owned(),
            DownloadError::Insecure => "insecure_address".to_owned(),
            DownloadError::Spool { .. } => "spool".to_owned(),
        }
    }

    /// The host was asked too often.
    pub fn is_too_fast(&self) -> bool {
        matches!(self, DownloadError::Status(StatusCode::TOO_MANY_REQUESTS))
    }

    /// Whether another try may do better.
    pub fn is_permanent(&self) -> bool {
        match self {
            DownloadError::Insecure | DownloadError::Spool { .. } => true,
            DownloadError::Lapsed(_)
            | DownloadError::Status(_)
            | DownloadError::Network(_)
            | DownloadError::Mismatch { .. } => false,
        }
    }
}

/// Downloads archives. One for a run: it holds the pooled connections.
pub struct Downloader {
    http: reqwest::Client,
    loopback: bool,
    spool: PathBuf,
}

impl Downloader {
    /// A downloader into the folder `spool`. Plain `http` is allowed only where the vendor's endpoint is on `loopback`.
    ///
    /// # Errors
    /// [`NoCertificates`].
    pub fn new(loopback: bool, spool: &Path) -> Result<Downloader, NoCertificates> {
        let http = http::client(loopback, |builder| {
            builder
                .redirect(Policy::custom(move |attempt| follow(attempt, loopback)))
                // The next host need not know where we come from: our address is a secret.
                .referer(false)
                .connect_timeout(STALLED)
                .read_timeout(STALLED)
        })?;
        Ok(Downloader { http, loopback, spool: spool.to_owned() })
    }

    /// Fetches one archive and holds it against what the vendor said of it: `GzipSize` and `GzipMD5`.
    ///
    /// # Errors
    /// [`DownloadError`]; nothing is left on the spool but what a [`DownloadError::Mismatch`] holds.
    pub async fn fetch(&self, entry: &FileEntry) -> Result<Download, DownloadError> {
        if !is_allowed(entry.address.expose().scheme(), self.loopback) {
            return Err(DownloadError::Insecure);
        }
        // Nothing is gained by compressing a .gz again, and the bytes must be those that the MD5 is of.
        let request = self.http.get(entry.address.expose().clone()).header(ACCEPT_ENCODING, "identity");
        let response = request.send().await.map_err(network)?;
        match response.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE) => {
                return Err(DownloadError::Lapsed(status));
            }
            status => return Err(DownloadError::Status(status)),
        }
        let received = self.receive(response, entry.gzip_bytes).await?;
        compare(received, entry)
    }

    /// Streams the body to the spool, hashing and writing on a thread of its own. Stops behind `limit` bytes: what is
    /// longer than promised is wrong however it goes on.
    async fn receive(&self, mut response: Response, limit: Option<u64>) -> Result<Download, DownloadError> {
        let (to_disk, chunks) = mpsc::channel::<Bytes>(CHUNKS_IN_FLIGHT);
        let folder = self.spool.clone();
        let disk = tokio::task::spawn_blocking(move || write(&folder, chunks));
        let (mut bytes, began) = (0, Instant::now());
        let broken = loop {
            match response.chunk().await {
                Ok(None) => break None,
                Err(error) => break Some(network(error)),
                Ok(Some(chunk)) => {
                    bytes += chunk.len() as u64;
                    let disk_failed = to_disk.send(chunk).await.is_err();
                    if disk_failed || limit.is_some_and(|limit| bytes > limit) {
                        break None;
                    }
                    if bytes > LONGEST_UNPROMISED && limit.is_none() {
                        break Some(DownloadError::Network(format!("no GzipSize is promised, and {bytes} bytes came")));
                    }
                    let seconds = began.elapsed().as_secs();
                    if seconds >= 60 && bytes / seconds < SLOWEST {
                        break Some(DownloadError::Network(format!("only {bytes} bytes came in {seconds} seconds")));
                    }
                }
            }
        };
        drop(to_disk);
        let spool = |source| DownloadError::Spool { folder: self.spool.clone(), source };
        let written = disk.await.map_err(|panic| spool(io::Error::other(panic)))?.map_err(spool)?;
        match broken {
            Some(error) => Err(error),
            None => Ok(written),
        }
    }
}

fn write(folder: &Path, mut chunks: mpsc::Receiver<Bytes>) -> io::Result<Download> {
    let file = unfinished_file(folder)?;
    let mut out: &File = file.as_file();
    let mut digests = Digests::default();
    while let Some(chunk) = chunks.blocking_recv() {
        out.write_all(&chunk)?;
        digests.write_all(&chunk)?;
    }
    let (bytes, md5, sha256) = digests.finish();
    Ok(Download { file: file.into_temp_path(), bytes, md5, sha256 })
}

fn compare(received: Download, entry: &FileEntry) -> Result<Download, DownloadError> {
    let mismatch = |class, cause, received| Err(DownloadError::Mismatch { class, cause, received: Box::new(received) });
    if let Some(promised) = entry.gzip_bytes.filter(|&promised| promised != received.bytes) {
        let found = received.bytes;
        let cause = match found > promised {
            true => format!("more than the promised GzipSize of {promised} bytes arrived"),
            false => format!("{found} bytes arrived, but GzipSize promises {promised}"),
        };
        return mismatch("gzip_size", cause, received);
    }
    if let Some(promised) = entry.gzip_md5.as_ref().filter(|&promised| *promised != received.md5) {
        let cause = format!("the MD5 of what arrived is {}, but GzipMD5 promises {promised}", received.md5);
        return mismatch("gzip_md5", cause, received);
    }
    Ok(received)
}

fn is_allowed(scheme: &str, loopback: bool) -> bool {
    scheme == "https" || (scheme == "http" && loopback)
}

fn follow(attempt: Attempt<'_>, loopback: bool) -> reqwest::redirect::Action {
    if !is_allowed(attempt.url().scheme(), loopback) {
        return attempt.error(InsecureRedirect);
    }
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(TooManyRedirects);
    }
    attempt.follow()
}

#[derive(Debug, thiserror::Error)]
#[error("redirected to an address that is not https")]
struct InsecureRedirect;

#[derive(Debug, thiserror::Error)]
#[error("redirected too often")]
struct TooManyRedirects;

/// A network error without its URL, which holds the token.
fn network(error: reqwest::Error) -> DownloadError {
    let error = error.without_url();
    if error.is_redirect() && innermost(&error) == InsecureRedirect.to_string() {
        return DownloadError::Insecure;
    }
    DownloadError::Network(innermost(&error))
}
