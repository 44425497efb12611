//! The call `v4/open_msg_svc/get_history`: one hour of one chat type, asked for until there is an answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::error_code::{Class, class_of};
use super::pace::Pace;
use super::reply::Reply;
use super::signer::Signer;
use crate::domain::receipt::Failure;
use crate::domain::{FileEntry, Unit};
use crate::http::{self, NoCertificates};

/// The call's path (*documented*, cloud.tencent.com/document/product/269/1650).
const PATH: &str = "v4/open_msg_svc/get_history";

/// The vendor gives up on a call after 3 seconds (*documented*, "REST API 简介"); ours must wait longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A reply is a few hundred bytes a file; what is longer than this is something else.
const REPLY_LIMIT: usize = 1024 * 1024;

/// A vendor's clock further from ours than this stops the run: ages and "lost" would be wrong.
const CLOCK_TOLERANCE: chrono::Duration = chrono::Duration::minutes(5);

/// What the vendor has of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Archives, in order.
    Ready(Vec<FileEntry>),
    /// Answered, with no archive: undocumented, and taken for "no messages".
    NoFile,
    /// 1004: not generated yet, or no messages.
    NotReady,
    /// 1005: deleted.
    Expired,
}

/// Why the whole run must stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The vendor refused the credentials: what it said, and the remedy.
    Credentials(String),
    /// The account or the program is set up wrongly: the same.
    Setup(String),
    /// The vendor's clock and ours disagree: both, and the remedy.
    Clock(String),
}

/// Why a unit could not be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryError {
    /// This one; others may do better.
    Failed(Failure),
    /// None will do better.
    Stop(Stop),
}

/// How to reach the vendor.
pub struct ClientConfig {
    /// The base of the API's URL.
    pub endpoint: Url,
    /// The endpoint is this machine: no proxy stands between.
    pub loopback: bool,
    /// Compare the vendor's clock with ours.
    pub check_clock: bool,
}

/// Asks the vendor. One for a run: it holds the pooled connections and the pace.
pub struct Client {
    http: reqwest::Client,
    endpoint: Url,
    check_clock: bool,
    clock_confirmed: AtomicBool,
    signer: Signer,
    pace: Pace,
}

/// How one try went wrong.
enum Miss {
    /// Worth another try.
    Transient(Failure),
    /// Not worth one.
    Failed(Failure),
    /// Worth one with another UserSig.
    UserSigStale { refused: SecretString, sentence: String },
    /// The end of the run.
    Stop(Stop),
}

impl Client {
    /// A client that asks at `pace`, as whom `signer` says.
    ///
    /// # Errors
    /// [`NoCertificates`].
    pub fn new(config: ClientConfig, signer: Signer, pace: Pace) -> Result<Client, NoCertificates> {
        let http = http::client(config.loopback, |builder| {
            builder.redirect(reqwest::redirect::Policy::none()).connect_timeout(CALL_TIMEOUT / 2).timeout(CALL_TIMEOUT)
        })?;
        let clock_confirmed = AtomicBool::new(false);
        Ok(Client { http, endpoint: config.endpoint, check_clock: config.check_clock, clock_confirmed, signer, pace })
    }

    /// The vendor asked for patience elsewhere: the whole run asks less often.
    pub fn slow_down(&self) {
        self.pace.slow_down();
    }

    /// Makes sure that a reply of the vendor has been compared with our clock, by asking for `unit` if none has come yet.
    /// What is there of the unit does not matter here.
    ///
    /// # Errors
    /// [`HistoryError`]: where no reply comes, or the clocks disagree.
    pub async fn confirm_clock(&self, unit: Unit) -> Result<(), HistoryError> {
        if !self.check_clock || self.clock_confirmed.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.history(unit).await.map(|_| ())
    }

    /// Asks for a unit, up to four times, and once more with a new UserSig.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn history(&self, unit: Unit) -> Result<History, HistoryError> {
        let mut delays = crate::retry::delays();
        let mut renewed = false;
        loop {
            match self.ask(unit).await {
                Ok(history) => return Ok(history),
                Err(Miss::Failed(failure)) => return Err(HistoryError::Failed(failure)),
                Err(Miss::Stop(stop)) => return Err(HistoryError::Stop(stop)),
                Err(Miss::UserSigStale { refused, sentence }) => {
                    if renewed || !self.signer.renew(&refused) {
                        return Err(HistoryError::Stop(Stop::Credentials(sentence)));
                    }
                    renewed = true;
                }
                Err(Miss::Transient(failure)) => {
                    let Some(delay) = delays.next() else { return Err(HistoryError::Failed(failure)) };
                    tracing::warn!(%unit, class = failure.class, "{unit}: {}; asking again", failure.cause);
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    async fn ask(&self, unit: Unit) -> Result<History, Miss> {
        self.pace.turn().await;
        let usersig = self.signer.usersig(Utc::now());
        tracing::debug!(%unit, "{unit}: asking the vendor");
        let body = serde_json::json!({ "ChatType": unit.chat_type.as_str(), "MsgTime": unit.hour.to_string() });
        let request =
            self.http.post(self.url(&usersig)).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let response = request.send().await.map_err(|error| Miss::Transient(network(error)))?;
        self.compare_clocks(response.headers())?;
        let status = response.status();
        let body = read_limited(response).await.map_err(Miss::Transient)?;
        let reply = Reply::parse(&body, unit);
        match (status, reply) {
            (StatusCode::OK, Ok(reply)) => self.judge(reply, usersig),
            // Documented: API errors come with 200, and gateways answer otherwise. Some say more than their status.
            (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Ok(reply))
                if reply.code != 0 =>
            {
                self.judge(reply, usersig)
            }
            (StatusCode::OK, Err(error)) => Err(Miss::Transient(failure("reply", error.to_string()))),
            (status, _) => {
                if status == StatusCode::TOO_MANY_REQUESTS {
                    self.pace.slow_down();
                }
                let hint = if status.is_redirection() { "; redirects are not followed: check --endpoint" } else { "" };
                let cause = format!("the vendor's gateway answered HTTP {}{hint}", status.as_u16());
                Err(Miss::Transient(failure(&format!("http_{}", status.as_u16()), cause)))
            }
        }
    }

    fn judge(&self, reply: Reply, usersig: SecretString) -> Result<History, Miss> {
        let said = self.said(&reply, &usersig);
        let coded = || failure(&format!("code_{}", reply.code), format!("the vendor answered {said}"));
        match class_of(reply.code) {
            Class::Ok if reply.files.is_empty() => Ok(History::NoFile),
            Class::Ok => Ok(History::Ready(reply.files)),
            Class::NotReady => Ok(History::NotReady),
            Class::Expired => Ok(History::Expired),
            Class::Transient => Err(Miss::Transient(coded())),
            Class::TooFast => {
                self.pace.slow_down();
                Err(Miss::Transient(coded()))
            }
            Class::UserSigStale => Err(Miss::UserSigStale {
                refused: usersig,
                sentence: format!("the vendor refused the UserSig with {said}: give a new one, or the secret key"),
            }),
            Class::Credentials(remedy) => {
                Err(Miss::Stop(Stop::Credentials(format!("the vendor refused the credentials with {said}: {remedy}"))))
            }
            Class::Setup(remedy) => {
                Err(Miss::Stop(Stop::Setup(format!("the vendor refused the request with {said}: {remedy}"))))
            }
            Class::Unknown => Err(Miss::Failed(coded())),
        }
    }

    /// The vendor's code and words, on one line and without what is secret.
    fn said(&self, reply: &Reply, usersig: &SecretString) -> String {
        const LIMIT: usize = 300;
        let line: String = reply.info.chars().filter(|c| !c.is_control()).collect();
        let info: String = self.signer.redact(&line, usersig).chars().take(LIMIT).collect();
        format!("{} `{info}`", reply.code)
    }

    /// The five query parameters (*documented*); `random` is an unsigned 32-bit integer, new for each call.
    fn url(&self, usersig: &SecretString) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}/{PATH}", self.endpoint.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("sdkappid", &self.signer.sdkappid().to_string())
            .append_pair("identifier", self.signer.identifier())
            .append_pair("usersig", usersig.expose_secret())
            .append_pair("random", &fastrand::u32(..).to_string())
            .append_pair("contenttype", "json");
        url
    }

    fn compare_clocks(&self, headers: &HeaderMap) -> Result<(), Miss> {
        let date = headers.get(DATE).and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
        let (true, Some(date)) = (self.check_clock, date) else { return Ok(()) };
        let (theirs, ours) = (date.with_timezone(&Utc), Utc::now());
        if (theirs - ours).abs() <= CLOCK_TOLERANCE {
            self.clock_confirmed.store(true, Ordering::Relaxed);
            return Ok(());
        }
        Err(Miss::Stop(Stop::Clock(format!(
            "the vendor's clock says {}, this machine's {}: set this machine's clock, ages of hours depend on it",
            crate::domain::receipt::rfc3339(theirs),
            crate::domain::receipt::rfc3339(ours),
        ))))
    }
}

fn failure(class: &str, cause: String) -> Failure {
    Failure { stage: "history".to_owned(), class: class.to_owned(), cause }
}

/// A network error without its URL, which holds the UserSig.
fn network(error: reqwest::Error) -> Failure {
    let class = if error.is_timeout() { "timeout" } else { "network" };
    failure(class, format!("the vendor cannot be reached: {}", crate::domain::innermost(&error.without_url())))
}

async fn read_limited(mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        body.extend_from_slice(&chunk);
        if body.len() > REPLY_LIMIT {
            return Err(failure("reply", "the reply is longer than any of the vendor's".to_owned()));
        }
    }
    Ok(body)
}
