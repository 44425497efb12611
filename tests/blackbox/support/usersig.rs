//! A UserSig taken apart and checked as the vendor does it, written from the vendor's own packages.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The parts of a UserSig that is good for `identifier` now; fails on any other.
#[track_caller]
pub fn verified(usersig: &str, key: &str, sdkappid: u64, identifier: &str) -> Value {
    let base64 = usersig.replace('*', "+").replace('-', "/").replace('_', "=");
    let mut json = String::new();
    ZlibDecoder::new(BASE64.decode(base64).unwrap().as_slice()).read_to_string(&mut json).unwrap();
    let parts: Value = serde_json::from_str(&json).unwrap();
    let (time, expire) = (parts["TLS.time"].as_i64().unwrap(), parts["TLS.expire"].as_i64().unwrap());
    let content =
        format!("TLS.identifier:{identifier}\nTLS.sdkappid:{sdkappid}\nTLS.time:{time}\nTLS.expire:{expire}\n");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(content.as_bytes());
    let sig = BASE64.decode(parts["TLS.sig"].as_str().unwrap()).unwrap();
    mac.verify_slice(&sig).unwrap_or_else(|_| panic!("another key, app or account: {parts}"));
    let now = chrono::Utc::now().timestamp();
    assert!((time - 300..=time + expire).contains(&now), "not good now: {parts}");
    parts
}
