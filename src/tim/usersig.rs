//! UserSig: the signature that proves to the vendor who asks.
//!
//! The form (TLSSigAPIv2) is *observed*: read from the vendor's own Python (`tls-sig-api-v2` 1.1) and Go
//! (`tencentyun/tls-sig-api-v2-golang`) packages. It is a JSON object, zlib-wrapped, in base64 with three letters
//! exchanged so that it is safe in a URL. Its `TLS.sig` is an HMAC-SHA256 over four lines of text (five with a user
//! buffer), keyed with the *text* of the secret key, not with the bytes its hex digits stand for.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Duration, Utc};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// A UserSig taken apart. Holds no key; its `sig` is good only together with the rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSig {
    /// `2.0`, the only version of this form.
    #[serde(rename = "TLS.ver")]
    pub version: String,
    /// The account it was made for.
    #[serde(rename = "TLS.identifier")]
    pub identifier: String,
    /// The app it was made for.
    #[serde(rename = "TLS.sdkappid")]
    pub sdkappid: u64,
    /// How long it is good for, in seconds from [`UserSig::time`]: a duration, not an instant.
    #[serde(rename = "TLS.expire")]
    pub expire: i64,
    /// When it was made, in Unix seconds.
    #[serde(rename = "TLS.time")]
    pub time: i64,
    /// The user buffer in base64, where there is one.
    #[serde(rename = "TLS.userbuf", default, skip_serializing_if = "Option::is_none")]
    pub userbuf: Option<String>,
    /// The HMAC in base64.
    #[serde(rename = "TLS.sig")]
    pub sig: String,
}

/// Without the HMAC: with it, the rest could be used.
impl std::fmt::Debug for UserSig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let UserSig { identifier, sdkappid, expire, time, .. } = self;
        write!(f, "UserSig({identifier} of {sdkappid}, {expire} s from {time})")
    }
}

/// Why a text is no UserSig, or not one to rely on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UserSigError {
    /// Not the base64 with `*`, `-` and `_`, or not zlib inside it.
    #[error("the UserSig cannot be unpacked; it may have been cut short or pasted with a line break")]
    Packing,
    /// Unpacked, but not the JSON of a UserSig.
    #[error("the UserSig unpacks to something else than a UserSig")]
    Form,
    /// Made for another app.
    #[error("the UserSig was made for app {found}, not for {expected}")]
    App {
        /// The app asked about.
        expected: u64,
        /// The app in the UserSig.
        found: u64,
    },
    /// Made for another account.
    #[error("the UserSig was made for account `{found}`, not for `{expected}`")]
    Identifier {
        /// The account asked about.
        expected: String,
        /// The account in the UserSig.
        found: String,
    },
    /// Past its time.
    #[error("the UserSig ran out at {0}")]
    Expired(DateTime<Utc>),
    /// The HMAC is not what this key gives.
    #[error("the UserSig was made with another secret key")]
    Key,
}

/// A UserSig unpacks to a few hundred bytes; what grows beyond this is something else.
const UNPACKED_LIMIT: u64 = 64 * 1024;

/// Makes a UserSig for `identifier` of app `sdkappid`, good from `now` for `expire` (whole seconds).
pub fn issue(
    key: &SecretString,
    sdkappid: u64,
    identifier: &str,
    now: DateTime<Utc>,
    expire: Duration,
    userbuf: Option<&[u8]>,
) -> SecretString {
    let mut parts = UserSig {
        version: "2.0".to_owned(),
        identifier: identifier.to_owned(),
        sdkappid,
        expire: expire.num_seconds(),
        time: now.timestamp(),
        userbuf: userbuf.map(|bytes| BASE64.encode(bytes)),
        sig: String::new(),
    };
    parts.sig = BASE64.encode(parts.mac(key).finalize().into_bytes());
    SecretString::from(parts.pack())
}

impl UserSig {
    /// Takes a UserSig apart without judging it.
    ///
    /// # Errors
    /// [`UserSigError::Packing`] or [`UserSigError::Form`].
    pub fn unpack(text: &str) -> Result<UserSig, UserSigError> {
        let base64: String = text
            .trim()
            .chars()
            .map(|c| match c {
                '*' => '+',
                '-' => '/',
                '_' => '=',
                other => other,
            })
            .collect();
        let zlib = BASE64.decode(base64).map_err(|_| UserSigError::Packing)?;
        let mut json = Vec::new();
        ZlibDecoder::new(zlib.as_slice())
            .take(UNPACKED_LIMIT)
            .read_to_end(&mut json)
            .map_err(|_| UserSigError::Packing)?;
        serde_json::from_slice(&json).map_err(|_| UserSigError::Form)
    }

    /// The last instant at which the UserSig is good; `None` where its numbers name no instant.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.time.checked_add(self.expire)?, 0)
    }

    /// Judges the UserSig as the vendor's own verification does: app, account, time, then the HMAC.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub fn verify(
        &self,
        key: &SecretString,
        sdkappid: u64,
        identifier: &str,
        now: DateTime<Utc>,
    ) -> Result<(), UserSigError> {
        self.verify_owner(sdkappid, identifier)?;
        self.verify_time(now)?;
        let sig = BASE64.decode(&self.sig).map_err(|_| UserSigError::Key)?;
        self.mac(key).verify_slice(&sig).map_err(|_| UserSigError::Key)
    }

    /// Judges whose it says it is.
    ///
    /// # Errors
    /// [`UserSigError::App`] or [`UserSigError::Identifier`].
    pub fn verify_owner(&self, sdkappid: u64, identifier: &str) -> Result<(), UserSigError> {
        if self.sdkappid != sdkappid {
            return Err(UserSigError::App { expected: sdkappid, found: self.sdkappid });
        }
        if self.identifier != identifier {
            return Err(UserSigError::Identifier { expected: identifier.to_owned(), found: self.identifier.clone() });
        }
        Ok(())
    }

    /// Judges the time alone, for a UserSig whose key is not at hand.
    ///
    /// # Errors
    /// [`UserSigError::Expired`].
    pub fn verify_time(&self, now: DateTime<Utc>) -> Result<(), UserSigError> {
        match self.expires_at() {
            Some(end) if now.timestamp() <= end.timestamp() => Ok(()),
            end => Err(UserSigError::Expired(end.unwrap_or_default())),
        }
    }

    fn mac(&self, key: &SecretString) -> Hmac<Sha256> {
        let mut content = format!(
            "TLS.identifier:{}\nTLS.sdkappid:{}\nTLS.time:{}\nTLS.expire:{}\n",
            self.identifier, self.sdkappid, self.time, self.expire
        );
        if let Some(userbuf) = &self.userbuf {
            content.push_str(&format!("TLS.userbuf:{userbuf}\n"));
        }
        let mut mac = keyed(key);
        mac.update(content.as_bytes());
        mac
    }

    fn pack(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        // Writing into a vector cannot fail.
        let packed = zlib.write_all(&json).and_then(|()| zlib.finish()).unwrap_or_default();
        BASE64
            .encode(packed)
            .chars()
            .map(|c| match c {
                '+' => '*',
                '/' => '-',
                '=' => '_',
                other => other,
            })
            .collect()
    }
}

/// HMAC takes a key of any length.
#[allow(clippy::expect_used)]
fn keyed(key: &SecretString) -> Hmac<Sha256> {
    Hmac::new_from_slice(key.expose_secret().as_bytes()).expect("HMAC-SHA256 takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    // The sample key of the vendor's public README, and vectors made with `tls-sig-api-v2` 1.1 at fixed times.
    const SAMPLE_KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
    const V1: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFEzNPXFmekgGwyjTAPy0l2y3BNL01KDMwPynUorUjwizV29jb1CUhyzfAMsjYNNvMvCjH1tlWoBGhAzGw__";
    const V2: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUsTAzgQuWZOaChAzN0RQXZ6aDLKn0cUzVLjcPD00NLS1MCrPM0A*JMLcoNTLMD3HP1M60jCowLDUOKMiLNDOwVaoFAD4PNPI_";
    const SDKAPPID: u64 = 1_400_000_000;

    fn key() -> SecretString {
        SecretString::from(SAMPLE_KEY)
    }

    fn at(unix: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(unix, 0).unwrap()
    }

    #[test]
    fn the_vendors_own_signatures_unpack_and_verify() {
        let v1 = UserSig::unpack(V1).unwrap();
        assert_eq!(v1.sig, "1Z5PngDjGaufeSiPoBuxdHY7EK3JTdAjMP93S4KvV3M=");
        assert_eq!(v1.verify(&key(), SDKAPPID, "xiaojun", at(1_600_000_000 + 15_552_000)), Ok(()));
        let v2 = UserSig::unpack(V2).unwrap();
        assert_eq!(v2.verify(&key(), SDKAPPID, "administrator", at(1_700_000_000)), Ok(()));
    }

    #[test]
    fn ours_hold_what_the_vendors_hold() {
        let issued = issue(&key(), SDKAPPID, "administrator", at(1_700_000_000), Duration::seconds(86_400), None);
        assert_eq!(UserSig::unpack(issued.expose_secret()).unwrap(), UserSig::unpack(V2).unwrap());
    }

    #[test]
    fn a_user_buffer_is_signed_as_a_fifth_line() {
        let issued =
            issue(&key(), SDKAPPID, "administrator", at(1_700_000_000), Duration::seconds(86_400), Some(b"abc"));
        let parts = UserSig::unpack(issued.expose_secret()).unwrap();
        assert_eq!(parts.userbuf.as_deref(), Some("YWJj"));
        assert_eq!(parts.sig, "8genqljbpEaJZVMsIbmfmZ/85Nx6/a80jcuFHDVj+RM=");
    }

    #[test]
    fn another_app_account_key_or_time_is_told_apart() {
        let v2 = UserSig::unpack(V2).unwrap();
        let now = at(1_700_000_000);
        assert!(matches!(v2.verify(&key(), 1, "administrator", now), Err(UserSigError::App { .. })));
        assert!(matches!(v2.verify(&key(), SDKAPPID, "eve", now), Err(UserSigError::Identifier { .. })));
        assert_eq!(v2.verify(&SecretString::from("fake"), SDKAPPID, "administrator", now), Err(UserSigError::Key));
        assert_eq!(v2.verify_time(at(1_700_086_400)), Ok(()));
        assert_eq!(v2.verify_time(at(1_700_086_401)), Err(UserSigError::Expired(at(1_700_086_400))));
    }

    #[test]
    fn a_signature_cut_short_or_foreign_is_refused() {
        assert_eq!(UserSig::unpack(&V2[..40]), Err(UserSigError::Packing));
        assert_eq!(UserSig::unpack("not a signature"), Err(UserSigError::Packing));
    }
}
