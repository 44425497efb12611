//! What the vendor's error codes ask of us.
//!
//! Codes of `get_history` itself and of all its REST calls are *documented* (its page 269/1650 and the list 269/1671; the
//! names `Err_File_Not_Ready` and `Err_File_Expired` are *observed*). What to do about each is ours.

/// What an `ErrorCode` means for the unit that was asked for, or for the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 0: answered.
    Ok,
    /// No file yet, or no messages in that hour: the vendor has one code for both.
    NotReady,
    /// The file is deleted.
    Expired,
    /// The vendor's own trouble: worth another try.
    Transient,
    /// Asked too often: worth another try, and the whole run slows down.
    TooFast,
    /// The UserSig is no longer good: worth another one.
    UserSigStale,
    /// The vendor does not accept who asks; the remedy.
    Credentials(&'static str),
    /// The account, its package or this program is set up wrongly; the remedy.
    Setup(&'static str),
    /// Nothing we know.
    Unknown,
}

/// The class of an `ErrorCode`.
pub fn class_of(code: i64) -> Class {
    match code {
        0 => Class::Ok,
        1004 => Class::NotReady,
        1005 => Class::Expired,
        1003 | 60008 | 60013 | 60014 | 70169 | 70500 => Class::Transient,
        60007 | 60011 | 60018 | 60019 => Class::TooFast,
        70001 | 70052 => Class::UserSigStale,

        60004 | 60005 => Class::Credentials("check --identifier and the secret key"),
        60010 | 70403 => Class::Credentials("make --identifier an admin account of the app in the vendor's console"),
        60021 => Class::Credentials("allow this machine's address for REST calls in the vendor's console"),
        70002 | 70003 | 70005 => Class::Credentials("the UserSig is empty or damaged: give the secret key instead"),
        70009 => Class::Credentials("the key is another app's: copy the secret key of this --sdkappid again"),
        70013 => Class::Credentials("the UserSig was made for another account: give the --identifier it was made for"),
        70014 => Class::Credentials("the UserSig was made for another app: give the --sdkappid it was made for"),
        70050 => Class::Credentials("locked after too many refusals: mend the credentials and wait a minute"),
        70051 => Class::Credentials("the account is on the vendor's black list: choose another --identifier"),
        70107 => Class::Credentials("the account does not exist in the app: import it, or choose another --identifier"),
        70114 => Class::Credentials("the vendor restricts this account for security: ask its support"),
        70402 => Class::Credentials("check --identifier: the vendor takes it for no valid account"),

        1001 | 60002 | 60003 | 60009 | 60012 | 60015 => Class::Setup(
            "the vendor takes the request for malformed: check --endpoint and what stands between, then update timlake",
        ),
        1002 => Class::Setup("check that --identifier is an admin account of the app"),
        60006 => Class::Setup("check --sdkappid: the vendor takes it for no app"),
        60016 | 60017 => Class::Setup("the app is disabled at the vendor: enable it in the console"),
        60020 => Class::Setup("the app's package is not bought, ran out, or is not in effect yet: see the console"),
        70016 | 70020 => Class::Setup("the vendor does not know the app there: check --sdkappid and --region"),
        _ => Class::Unknown,
    }
}
