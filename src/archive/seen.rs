//! Which elements a unit has already had, byte for byte.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};

use siphasher::sip128::{Hasher128, SipHasher13};

use super::canonical::canonical;
use super::framing::RejectedBytes;

/// A set of byte strings, remembered as 96-bit keyed hashes.
///
/// - *Exact for all practical purposes.* A message dropped for a collision would be lost silently, so the hash is wide
///   enough that 10⁸ elements collide with a chance of 10⁻¹³, and its key is drawn anew for every set, so that nobody
///   can prepare messages that do. What the set answers does not depend on the key.
/// - *Small.* At most 18 bytes an element, also while it grows: it is split into tables, and each grows by a
///   quarter at a time.
pub struct Seen {
    key: (u64, u64),
    shards: Vec<Shard>,
}

/// So many tables that the one being copied while it grows does not matter, and so few that those of a large unit are
/// large enough for the allocator to give each back to the system when it has been outgrown.
const SHARDS: usize = 64;

impl Default for Seen {
    fn default() -> Seen {
        let random = || RandomState::new().build_hasher().finish();
        Seen { key: (random(), random()), shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }
}

/// The hash of one element under the key of one [`Seen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u32; 3]);

/// Marks an empty slot; no fingerprint is equal to it.
const EMPTY: [u32; 3] = [0; 3];

impl Fingerprint {
    fn of(hasher: &SipHasher13) -> Fingerprint {
        let hash = hasher.finish128();
        Fingerprint([(hash.h1 >> 32) as u32, (hash.h1 as u32).max(1), hash.h2 as u32])
    }
}

impl Seen {
    /// The element's hash.
    pub fn fingerprint(&self, element: &[u8]) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(element);
        Fingerprint::of(&hasher)
    }

    /// The hash of what `reader` gives to its end.
    fn fingerprint_of(&self, mut reader: impl Read) -> io::Result<Fingerprint> {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        let mut piece = vec![0; 64 * 1024];
        loop {
            match reader.read(&mut piece)? {
                0 => return Ok(Fingerprint::of(&hasher)),
                count => hasher.write(&piece[..count]),
            }
        }
    }

    /// The hash of a message as JSON: texts that are equal as JSON have the same.
    pub fn fingerprint_json(&self, message: &str) -> Fingerprint {
        match canonical(message) {
            Ok(canonical) => self.fingerprint(canonical.as_bytes()),
            Err(_) => self.fingerprint(message.as_bytes()),
        }
    }

    /// The hash of the bytes of an element that is no message.
    ///
    /// # Errors
    /// Where those that were too many to hold cannot be read back.
    pub fn fingerprint_rejected(&self, bytes: RejectedBytes<'_>) -> io::Result<Fingerprint> {
        match bytes {
            RejectedBytes::Held(bytes) => Ok(self.fingerprint(bytes)),
            RejectedBytes::Spooled(file, length) => self.fingerprint_of(file.take(length)),
        }
    }

    /// It was inserted before.
    pub fn contains(&self, element: Fingerprint) -> bool {
        self.shards[shard_of(element)].find(element).is_ok()
    }

    /// Remembers it.
    pub fn insert(&mut self, element: Fingerprint) {
        self.shards[shard_of(element)].insert(element);
    }
}

fn shard_of(element: Fingerprint) -> usize {
    element.0[2] as usize % SHARDS
}

/// A table with open addressing.
#[derive(Default)]
struct Shard {
    slots: Vec<[u32; 3]>,
    filled: usize,
}

impl Shard {
    /// The slot the element is in, or the empty one where it belongs (none where the table has no slots at all).
    fn find(&self, element: Fingerprint) -> Result<usize, Option<usize>> {
        if self.slots.is_empty() {
            return Err(None);
        }
        // The first word picks the slot: multiplied and shifted it spreads over any table size.
        let mut at = ((u64::from(element.0[0]) * self.slots.len() as u64) >> 32) as usize;
        loop {
            match self.slots[at] {
                EMPTY => return Err(Some(at)),
                found if found == element.0 => return Ok(at),
                _ => at = if at + 1 == self.slots.len() { 0 } else { at + 1 },
            }
        }
    }

    fn insert(&mut self, element: Fingerprint) {
        // Seven eighths full at most: with linear steps beyond that the searches get long.
        if self.filled >= self.slots.len() * 7 / 8 {
            self.grow();
        }
        if let Err(Some(empty)) = self.find(element) {
            self.slots[empty] = element.0;
            self.filled += 1;
        }
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 5 / 4).max(8);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        for element in old.into_iter().filter(|&slot| slot != EMPTY) {
            if let Err(Some(empty)) = self.find(Fingerprint(element)) {
                self.slots[empty] = element;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_contained_and_nothing_else() {
        let mut seen = Seen::default();
        for n in 0u32..50_000 {
            let fingerprint = seen.fingerprint(&n.to_le_bytes());
            assert!(!seen.contains(fingerprint));
            seen.insert(fingerprint);
        }
        for n in 0u32..60_000 {
            assert_eq!(seen.contains(seen.fingerprint(&n.to_le_bytes())), n < 50_000);
        }
    }

    #[test]
    fn an_element_costs_at_most_18_bytes() {
        let mut seen = Seen::default();
        for n in 0u32..200_000 {
            seen.insert(seen.fingerprint(&n.to_le_bytes()));
            let bytes: usize = seen.shards.iter().map(|shard| shard.slots.len() * 12).sum();
            assert!(n < 20_000 || bytes <= 18 * n as usize, "{bytes} bytes for {n}");
        }
    }
}
