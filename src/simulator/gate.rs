//! Who may ask, and what was asked: the checks before `get_history` looks for a file.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use hyper::Method;
use secrecy::SecretString;
use serde_json::Value;

use super::refusal::{self, Refusal};
use crate::domain::{ChatType, Hour, Unit};
use crate::tim::usersig::{UserSig, UserSigError};

/// Where `get_history` is (*documented*, cloud.tencent.com/document/product/269/1650).
const SERVICE: &str = "/v4/open_msg_svc/";
const COMMAND: &str = "get_history";

/// The app's account, and the checks against it.
pub(super) struct Gate {
    /// The app.
    pub(super) sdkappid: u64,
    /// Its admin account.
    pub(super) identifier: String,
    /// Its secret key.
    pub(super) secret_key: SecretString,
}

/// Whether this is the way to `get_history`.
pub(super) fn check_route(method: &Method, path: &str) -> Result<(), Refusal> {
    match path.strip_prefix(SERVICE) {
        _ if method != Method::POST || !path.starts_with("/v4/") => Err(refusal::BAD_HTTP),
        Some(COMMAND) => Ok(()),
        Some(_) => Err(refusal::UNKNOWN_COMMAND),
        None => Err(refusal::UNKNOWN_SERVICE),
    }
}

impl Gate {
    /// Whether the query is complete and its UserSig the admin's, `now` by the real clock. Names and values are
    /// case-sensitive and every one of the five is required (*documented*, tencentcloud.com/zh/document/product/1047/34620);
    /// real servers have been seen to let a missing or odd `random` pass, this one does not.
    pub(super) fn admit(&self, query: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let sdkappid = self.app(query.get("sdkappid"))?;
        let (Some(identifier), Some(usersig)) = (query.get("identifier"), query.get("usersig")) else {
            return Err(refusal::NO_ACCOUNT);
        };
        let random_is_number = query.get("random").is_some_and(|random| is_random(random));
        if !random_is_number || query.get("contenttype").is_none_or(|kind| kind != "json") {
            return Err(refusal::BAD_HTTP);
        }
        self.check_usersig(usersig, sdkappid, identifier, now)
    }

    fn app(&self, sdkappid: Option<&String>) -> Result<u64, Refusal> {
        match sdkappid.ok_or(refusal::NO_APP)?.parse::<u64>() {
            Ok(sdkappid) if sdkappid == self.sdkappid => Ok(sdkappid),
            Ok(_) => Err(refusal::UNKNOWN_APP),
            Err(_) => Err(refusal::BAD_APP),
        }
    }

    fn check_usersig(&self, usersig: &str, app: u64, identifier: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        if identifier.is_empty() {
            return Err(refusal::NO_ACCOUNT);
        }
        if usersig.is_empty() {
            return Err(refusal::USERSIG_EMPTY);
        }
        let judged = UserSig::unpack(usersig).and_then(|parts| parts.verify(&self.secret_key, app, identifier, now));
        judged.map_err(|error| usersig_refusal(&error))?;
        if identifier == self.identifier { Ok(()) } else { Err(refusal::NOT_ADMIN) }
    }
}

fn usersig_refusal(error: &UserSigError) -> Refusal {
    match error {
        UserSigError::Packing | UserSigError::Form => refusal::USERSIG_BROKEN,
        UserSigError::App { .. } => refusal::USERSIG_APP,
        UserSigError::Identifier { .. } => refusal::USERSIG_ACCOUNT,
        UserSigError::Expired(_) => refusal::USERSIG_EXPIRED,
        UserSigError::Key => refusal::USERSIG_KEY,
    }
}

/// An unsigned 32-bit integer in decimal (*documented*).
fn is_random(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok()
}

/// The unit that a body asks for. Both fields are strings, `Group` has a capital G (*documented*).
pub(super) fn question(body: &[u8]) -> Result<Unit, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|_| refusal::BAD_JSON)?;
    let chat_type = body["ChatType"].as_str().ok_or(refusal::BAD_PARAMETER)?;
    let hour = body["MsgTime"].as_str().ok_or(refusal::BAD_PARAMETER)?;
    Ok(Unit {
        hour: Hour::from_digits(hour).map_err(|_| refusal::BAD_PARAMETER)?,
        chat_type: exactly(chat_type).ok_or(refusal::BAD_PARAMETER)?,
    })
}

/// Values are case-sensitive here, unlike on our command line.
fn exactly(text: &str) -> Option<ChatType> {
    ChatType::ALL.into_iter().find(|chat_type| chat_type.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tim::usersig::issue;
    use chrono::Duration;
    use secrecy::ExposeSecret;

    const APP: u64 = 1_400_000_000;

    fn gate() -> Gate {
        let secret_key = SecretString::from("sample key");
        Gate { sdkappid: APP, identifier: "administrator".to_owned(), secret_key }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn signed(key: &str, app: u64, account: &str) -> String {
        let key = SecretString::from(key);
        issue(&key, app, account, now(), Duration::hours(24), None).expose_secret().to_owned()
    }

    /// The code that the query is refused with, 0 where it is admitted.
    fn code(query: &str) -> u32 {
        gate().admit(query, now()).err().map_or(0, |refusal| refusal.code)
    }

    fn query(app: u64, account: &str, usersig: &str) -> String {
        format!("sdkappid={app}&identifier={account}&usersig={usersig}&random=4294967295&contenttype=json")
    }

    #[test]
    fn the_admins_own_usersig_is_admitted() {
        assert_eq!(code(&query(APP, "administrator", &signed("sample key", APP, "administrator"))), 0);
    }

    #[test]
    fn each_flaw_of_a_usersig_has_its_code() {
        let good = signed("sample key", APP, "administrator");
        assert_eq!(code(&query(APP, "administrator", "")), 70002);
        assert_eq!(code(&query(APP, "administrator", &good[..40])), 70003);
        assert_eq!(code(&query(APP, "administrator", &signed("fake", APP, "administrator"))), 70009);
        assert_eq!(code(&query(APP, "eve", &good)), 70013);
        assert_eq!(code(&query(APP, "administrator", &signed("sample key", 1, "administrator"))), 70014);
        assert_eq!(code(&query(APP, "eve", &signed("sample key", APP, "eve"))), 60010);
        let late = now() + Duration::seconds(86_401);
        assert_eq!(gate().admit(&query(APP, "administrator", &good), late), Err(refusal::USERSIG_EXPIRED));
    }

    #[test]
    fn each_flaw_of_a_query_has_its_code() {
        let good = query(APP, "administrator", &signed("sample key", APP, "administrator"));
        assert_eq!(code(""), 60012);
        assert_eq!(code(&good.replace("sdkappid", "SdkAppId")), 60012);
        assert_eq!(code(&good.replace("sdkappid=1400000000", "sdkappid=demo")), 60006);
        assert_eq!(code(&good.replace("sdkappid=1400000000", "sdkappid=1400000001")), 70020);
        assert_eq!(code(&good.replace("identifier", "account")), 60004);
        assert_eq!(code(&good.replace("=administrator", "=")), 60004);
        assert_eq!(code(&good.replace("usersig=", "sig=")), 60004);
        for random in ["random=4294967296", "random=-1", "random=+1", "random=", "random=x", "rnd=1"] {
            assert_eq!(code(&good.replace("random=4294967295", random)), 60002, "{random}");
        }
        assert_eq!(code(&good.replace("contenttype=json", "contenttype=JSON")), 60002);
        assert_eq!(code(&good.replace("&contenttype=json", "")), 60002);
    }

    #[test]
    fn each_wrong_way_has_its_code() {
        let code = |method, path| check_route(&method, path).err().map_or(0, |refusal| refusal.code);
        assert_eq!(code(Method::POST, "/v4/open_msg_svc/get_history"), 0);
        assert_eq!(code(Method::GET, "/v4/open_msg_svc/get_history"), 60002);
        assert_eq!(code(Method::POST, "/"), 60002);
        assert_eq!(code(Method::POST, "/v4/open_msg_svc/get_histories"), 1001);
        assert_eq!(code(Method::POST, "/v4/openim/sendmsg"), 60009);
    }

    #[test]
    fn a_body_is_both_strings_or_nothing() {
        let code = |body: &str| question(body.as_bytes()).err().map_or(0, |refusal| refusal.code);
        let unit = question(br#"{"ChatType":"Group","MsgTime":"2026111921"}"#).unwrap();
        assert_eq!((unit.chat_type, unit.hour.to_string().as_str()), (ChatType::Group, "2026111921"));
        for body in ["", "ChatType=C2C", "{"] {
            assert_eq!(code(body), 60003, "{body}");
        }
        for body in [
            "{}",
            "[]",
            "7",
            r#"{"ChatType":"group","MsgTime":"2026111921"}"#,
            r#"{"ChatType":"C2C","MsgTime":2026111921}"#,
            r#"{"ChatType":"C2C","MsgTime":"2026111924"}"#,
            r#"{"ChatType":"C2C","MsgTime":"2026-11-19T21:00:00+08:00"}"#,
            r#"{"ChatType":"C2C"}"#,
        ] {
            assert_eq!(code(body), 1002, "{body}");
        }
    }
}
