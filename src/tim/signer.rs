//! The UserSig in use, renewed before it runs out.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::usersig::issue;

/// What the user gave to prove who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The app's secret key: UserSigs are issued from it.
    Key(SecretString),
    /// A ready UserSig: when it runs out, so do we.
    UserSig(SecretString),
}

/// How long an issued UserSig is good. The vendor advises at least 24 hours (*documented* with code 70001); a short life
/// limits what a leaked one is worth.
const VALIDITY: Duration = Duration::hours(24);

/// It is renewed when less than this is left.
const RENEW_BEFORE: Duration = Duration::hours(1);

/// Hands out the UserSig for one account of one app.
pub struct Signer {
    credentials: Credentials,
    sdkappid: u64,
    identifier: String,
    current: Mutex<Option<Issued>>,
}

struct Issued {
    usersig: SecretString,
    renew_at: DateTime<Utc>,
    generation: i32,
}

impl Signer {
    /// For `identifier` of app `sdkappid`.
    pub fn new(credentials: Credentials, sdkappid: u64, identifier: String) -> Signer {
        Signer { credentials, sdkappid, identifier, current: Mutex::new(None) }
    }

    /// The app.
    pub fn sdkappid(&self) -> u64 {
        self.sdkappid
    }

    /// The account.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The UserSig to use at `now`, the real clock's time.
    pub fn usersig(&self, now: DateTime<Utc>) -> SecretString {
        let key = match &self.credentials {
            Credentials::UserSig(usersig) => return usersig.clone(),
            Credentials::Key(key) => key,
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(issued) if now < issued.renew_at => issued.usersig.clone(),
            issued => {
                let generation = issued.as_ref().map_or(0, |issued| issued.generation + 1);
                // Two issued in one second would be equal; each lives a second longer than the one before.
                let expire = VALIDITY + Duration::seconds(i64::from(generation));
                let usersig = issue(key, self.sdkappid, &self.identifier, now, expire, None);
                *current =
                    Some(Issued { usersig: usersig.clone(), renew_at: now + VALIDITY - RENEW_BEFORE, generation });
                usersig
            }
        }
    }

    /// The vendor no longer takes `refused`: the next one will be another. False where there is no key to issue it from.
    pub fn renew(&self, refused: &SecretString) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(issued) = &mut *current
            && issued.usersig.expose_secret() == refused.expose_secret()
        {
            issued.renew_at = DateTime::<Utc>::MIN_UTC;
        }
        matches!(self.credentials, Credentials::Key(_))
    }

    /// `text` without any secret we hold, nor the UserSig that was `used` (another may have been issued since), for messages
    /// that repeat what somebody else said.
    pub fn redact(&self, text: &str, used: &SecretString) -> String {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (Credentials::Key(given) | Credentials::UserSig(given)) = &self.credentials;
        let issued = current.as_ref().map(|issued| &issued.usersig);
        let secrets: Vec<&str> = issued.into_iter().chain([used, given]).map(|secret| secret.expose_secret()).collect();
        let is_part = |word: &str| {
            let is_whole = secrets.contains(&word);
            is_whole || (word.len() >= SHORTEST_PART && secrets.iter().any(|secret| secret.contains(word)))
        };
        let mut redacted = text.to_owned();
        for secret in &secrets {
            redacted = redacted.replace(secret, "[secret]");
        }
        let letters = |c: char| c.is_ascii_alphanumeric() || "*-_+/=".contains(c);
        for word in text.split(|c| !letters(c)).flat_map(|word| word.split('=').chain([word])) {
            if is_part(word) {
                redacted = redacted.replace(word, "[secret]");
            }
        }
        redacted
    }
}

/// So many letters of a secret are too many to repeat.
const SHORTEST_PART: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new(Credentials::Key(SecretString::from("fake-key")), 1_400_000_000, "administrator".to_owned())
    }

    #[test]
    fn a_usersig_is_used_again_until_an_hour_before_its_end() {
        let (signer, now) = (signer(), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let first = signer.usersig(now);
        assert_eq!(signer.usersig(now + Duration::hours(22)).expose_secret(), first.expose_secret());
        assert_ne!(signer.usersig(now + Duration::hours(23)).expose_secret(), first.expose_secret());
    }

    #[test]
    fn a_refused_usersig_is_followed_by_another_even_in_the_same_second() {
        let (signer, now) = (signer(), DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let first = signer.usersig(now);
        assert!(signer.renew(&first));
        let second = signer.usersig(now);
        assert_ne!(second.expose_secret(), first.expose_secret());
        // Somebody else's refusal of the first does not cost the second.
        assert!(signer.renew(&first));
        assert_eq!(signer.usersig(now).expose_secret(), second.expose_secret());
    }

    #[test]
    fn what_others_say_is_repeated_without_our_secrets() {
        let signer = signer();
        let usersig = signer.usersig(Utc::now());
        let said = format!("bad request: usersig={} key=fake-key", usersig.expose_secret());
        assert_eq!(signer.redact(&said, &usersig), "bad request: usersig=[secret] key=[secret]");
        let part = format!("usersig={}... is bad", &usersig.expose_secret()[10..50]);
        assert_eq!(signer.redact(&part, &usersig), "usersig=[secret]... is bad");
    }
}
