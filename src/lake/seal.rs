//! Documents of the lake that show whether they were changed after they were written.
//!
//! The last member of such a document, `self_sha256`, is the SHA-256 of all others: of the document as JSON with sorted keys,
//! no white space and no escapes that JSON does not ask for, without itself and without the times and attempts of receipts:
//! `attempts`, `asked_again`, `first_seen_at`, `checked_at`, `committed_at`, `reported_at` and every `at`, however deep. So receipts of the same archives have the same seal, whenever they were
//! written. In Python, after those members are taken out:
//!
//! ```text
//! hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
//! ```
//!
//! A document without a seal, written by hand for instance, is taken as it is.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::Sha256Hex;

const SEAL: &str = "self_sha256";

/// What a seal does not cover.
const LEFT_OUT: [&str; 8] =
    [SEAL, "attempts", "asked_again", "first_seen_at", "checked_at", "committed_at", "reported_at", "at"];

#[derive(Serialize)]
struct Sealed<'a, T> {
    #[serde(flatten)]
    document: &'a T,
    self_sha256: Sha256Hex,
}

/// The document with its seal, indented for the people who will read it, with a line break at its end.
pub(super) fn sealed(document: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let self_sha256 = digest(serde_json::to_value(document)?)?;
    let mut bytes = serde_json::to_vec_pretty(&Sealed { document, self_sha256 })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The document says something else than when it was sealed.
pub(super) fn is_broken(document: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(document) else { return true };
    match document.get(SEAL).cloned() {
        None => false,
        Some(seal) => !digest(document).is_ok_and(|digest| seal == digest.to_string()),
    }
}

fn digest(mut document: Value) -> serde_json::Result<Sha256Hex> {
    take_out_times(&mut document);
    // Objects of this library are sorted by key.
    let bytes = serde_json::to_vec(&document)?;
    Ok(Sha256Hex::from_digest(Sha256::digest(bytes).into()))
}

fn take_out_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
            members.values_mut().for_each(take_out_times);
        }
        Value::Array(items) => items.iter_mut().for_each(take_out_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_seal_covers_everything_but_times_and_attempts() {
        let document =
            json!({"b": 1, "a": ["é", null], "checked_at": "x", "attempts": 1, "deep": {"at": 2, "c": true}});
        let sealed: Value = serde_json::from_slice(&sealed(&document).unwrap()).unwrap();
        // printf '{"a":["é",null],"b":1,"deep":{"c":true}}' | sha256sum
        assert_eq!(sealed[SEAL], "db31936f209486bd2f9726c770d1ca24ad6a76ac53f41fcfbae7e1714cedc1e2");
        let broken = |change: fn(&mut Value)| {
            let mut changed = sealed.clone();
            change(&mut changed);
            is_broken(changed.to_string().as_bytes())
        };
        assert!(!broken(|_| {}), "other white space is the same document");
        assert!(!broken(|document| document["checked_at"] = json!("y")));
        assert!(!broken(|document| document["deep"]["at"] = json!(3)));
        assert!(broken(|document| document["deep"]["c"] = json!(false)));
        assert!(broken(|document| document["a"] = json!([])));
        assert!(broken(|document| document[SEAL] = json!("0")));
        assert!(!is_broken(document.to_string().as_bytes()), "written by hand");
        assert!(is_broken(b"{"));
    }
}
