//! The vendor's error codes that the simulator gives.
//!
//! Codes and meanings are *documented*: 1001 to 1005 with the API (cloud.tencent.com/document/product/269/1650), the
//! others with the REST API as a whole (cloud.tencent.com/document/product/679/131708). The texts of 1004 and 1005 are
//! *observed*, all others our own words. Which code answers which of several mistakes is *assumed*.

/// An answer other than OK. HTTP says 200 all the same (*documented*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `ErrorCode`.
    pub(super) code: u32,
    /// `ErrorInfo`.
    pub(super) info: &'static str,
}

impl Refusal {
    const fn new(code: u32, info: &'static str) -> Refusal {
        Refusal { code, info }
    }

    /// The code that a fault asks for.
    pub(super) const fn injected(code: u32) -> Refusal {
        Refusal::new(code, "refused by the simulator's --fault")
    }
}

/// Another command of the same service.
pub(super) const UNKNOWN_COMMAND: Refusal = Refusal::new(1001, "illegal request, check the request URL");
/// A field is missing or not as the protocol wants it.
pub(super) const BAD_PARAMETER: Refusal =
    Refusal::new(1002, "illegal parameter: ChatType must be \"C2C\" or \"Group\" and MsgTime \"YYYYMMDDHH\"");
/// The simulator itself has failed.
pub(super) const SYSTEM_ERROR: Refusal = Refusal::new(1003, "system error");
/// Not generated yet, or no messages in that hour: one code for both.
pub(super) const NOT_READY: Refusal = Refusal::new(1004, "Err_File_Not_Ready");
/// Deleted after seven days.
pub(super) const EXPIRED: Refusal = Refusal::new(1005, "Err_File_Expired");
/// Not a POST, no REST path, or a query parameter that is not as it should be.
pub(super) const BAD_HTTP: Refusal = Refusal::new(
    60002,
    "HTTP parse error: POST /v4/... with sdkappid, identifier, usersig, random and contenttype=json",
);
/// The body is empty or no JSON.
pub(super) const BAD_JSON: Refusal = Refusal::new(60003, "request JSON parse error");
/// The account or the signature is missing in the URL.
pub(super) const NO_ACCOUNT: Refusal = Refusal::new(60004, "identifier or usersig is missing in the URL");
/// `sdkappid` is no number.
pub(super) const BAD_APP: Refusal = Refusal::new(60006, "SDKAppID is invalid");
/// Another service.
pub(super) const UNKNOWN_SERVICE: Refusal = Refusal::new(60009, "resource error, check the request URL");
/// A good UserSig, but not of the app's admin account.
pub(super) const NOT_ADMIN: Refusal = Refusal::new(60010, "the request needs the App admin account");
/// Too many calls of the app.
pub(super) const TOO_FREQUENT: Refusal = Refusal::new(60011, "request rate limit of the SDKAppID exceeded");
/// No `sdkappid` in the URL.
pub(super) const NO_APP: Refusal = Refusal::new(60012, "SDKAppID is missing in the URL");
/// The UserSig has run out.
pub(super) const USERSIG_EXPIRED: Refusal = Refusal::new(70001, "UserSig expired");
/// The UserSig has length 0.
pub(super) const USERSIG_EMPTY: Refusal = Refusal::new(70002, "UserSig is empty");
/// The UserSig cannot be unpacked.
pub(super) const USERSIG_BROKEN: Refusal =
    Refusal::new(70003, "UserSig cannot be parsed, check that it is not cut short");
/// The UserSig was made with another key.
pub(super) const USERSIG_KEY: Refusal = Refusal::new(70009, "UserSig verification failed: made with another key");
/// The UserSig was made for another account.
pub(super) const USERSIG_ACCOUNT: Refusal = Refusal::new(70013, "identifier differs from the one in UserSig");
/// The UserSig was made for another app.
pub(super) const USERSIG_APP: Refusal = Refusal::new(70014, "SDKAppID differs from the one in UserSig");
/// This data centre does not know the app.
pub(super) const UNKNOWN_APP: Refusal = Refusal::new(70020, "SDKAppID not found, check the data centre");
