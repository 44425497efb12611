//! Download addresses: new for every call, not to be guessed, good for 20 minutes.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use chrono::{DateTime, Duration, Utc};

use super::corpus::Edition;
use crate::domain::Unit;

/// What every path begins with (*observed*: `download.tim.qq.com/msg_history/<2, 3 or 4>/<token>.gz`).
pub(super) const PREFIX: &str = "/msg_history/";

/// How long an address is good for (*observed*: all three published replies have it 20 minutes after the call).
pub(super) const LIFE: Duration = Duration::minutes(20);

/// 100-nanosecond steps from 1582-10-15, where the clock of a UUID begins, to 1970 (RFC 9562).
const UUID_EPOCH: i64 = 0x01b2_1dd2_1381_4000;

/// Which file an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The hour and chat type.
    pub(super) unit: Unit,
    /// What the file held when the address was made.
    pub(super) edition: Edition,
    /// Its place among the unit's files.
    pub(super) file: usize,
}

/// The addresses that are still good.
pub(super) struct Addresses {
    /// Keys of the operating system's own entropy: tokens cannot be guessed without them.
    secret: RandomState,
    made: u64,
    live: HashMap<String, (Target, DateTime<Utc>)>,
}

impl Addresses {
    /// None yet.
    pub(super) fn new() -> Addresses {
        Addresses { secret: RandomState::new(), made: 0, live: HashMap::new() }
    }

    /// A new path that leads to `target` until [`LIFE`] after `now`. Forgets the ones that have lapsed.
    pub(super) fn make(&mut self, target: Target, now: DateTime<Utc>) -> String {
        self.live.retain(|_, (_, made)| is_good(*made, now));
        self.made += 1;
        let path = format!("{PREFIX}{}/{}.gz", 2 + self.made % 3, self.token(now));
        self.live.insert(path.clone(), (target, now));
        path
    }

    /// Where the path leads at `now`; `None` where it never did or no longer does.
    pub(super) fn find(&self, path: &str, now: DateTime<Utc>) -> Option<Target> {
        self.live.get(path).filter(|(_, made)| is_good(*made, now)).map(|(target, _)| *target)
    }

    /// Eight hex digits and a version 1 UUID without dashes, as the vendor's tokens are built (*observed*).
    fn token(&self, now: DateTime<Utc>) -> String {
        let clock = now.timestamp_micros().saturating_mul(10).saturating_add(UUID_EPOCH) as u64;
        let (low, middle, high) = (clock as u32, (clock >> 32) as u16, (clock >> 48) as u16 & 0x0fff);
        let (first, second) = (self.secret.hash_one((self.made, 1)), self.secret.hash_one((self.made, 2)));
        let variant = (first >> 32) as u16 & 0x3fff | 0x8000;
        format!("{:08x}{low:08x}{middle:04x}1{high:03x}{variant:04x}{:012x}", first as u32, second >> 16)
    }
}

fn is_good(made: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - made < LIFE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ChatType;

    fn target() -> Target {
        let unit = Unit { hour: "2026111921".parse().unwrap(), chat_type: ChatType::C2c };
        Target { unit, edition: Edition::Final, file: 0 }
    }

    #[test]
    fn an_address_has_the_vendors_form_and_is_new_for_every_call() {
        let (mut addresses, now) = (Addresses::new(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let (one, other) = (addresses.make(target(), now), addresses.make(target(), now));
        assert_ne!(one, other);
        let (place, token) = one.strip_prefix("/msg_history/").unwrap().split_once('/').unwrap();
        assert!(["2", "3", "4"].contains(&place));
        let token = token.strip_suffix(".gz").unwrap();
        assert!(token.len() == 40 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(&token[20..21], "1");
    }

    #[test]
    fn an_address_is_good_for_twenty_minutes_and_others_never() {
        let (mut addresses, now) = (Addresses::new(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let path = addresses.make(target(), now);
        assert_eq!(addresses.find(&path, now + Duration::seconds(1199)), Some(target()));
        assert_eq!(addresses.find(&path, now + LIFE), None);
        assert_eq!(addresses.find("/msg_history/2/0000.gz", now), None);
    }

    #[test]
    fn the_token_tells_the_time_as_a_version_1_uuid_does() {
        // 2015-12-02 16:25:23.28 in Beijing is the clock of the vendor's documented example.
        let now = DateTime::from_timestamp_micros(1_449_044_723_280_000).unwrap();
        let clock = now.timestamp_micros() * 10 + UUID_EPOCH;
        let path = Addresses::new().make(target(), now);
        let token = path.rsplit('/').next().unwrap();
        let read = |range: std::ops::Range<usize>| i64::from_str_radix(&token[range], 16).unwrap();
        assert_eq!(read(8..16) | read(16..20) << 32 | read(21..24) << 48, clock);
    }
}
