//! Which elements a unit has already had, byte for byte.

use std::hash::{BuildHasher, Hasher, RandomState};

use siphasher::sip128::{Hasher128, SipHasher13};

/// A set of byte strings, remembered as 128-bit keyed hashes.
///
/// - *Exact for all practical purposes.* A message dropped for a collision would be lost silently, so the hash is wide
///   enough that 10⁸ elements collide with a chance of 10⁻²², and its key is drawn anew for every set, so that nobody
///   can prepare messages that do. What the set answers does not depend on the key.
/// - *Small.* At most 24 bytes an element, also while it grows: it is split into [`SHARDS`] tables, and each grows by a
///   quarter at a time.
pub struct Seen {
    key: (u64, u64),
    shards: Vec<Shard>,
}

/// So many tables that the one being copied while it grows does not matter.
const SHARDS: usize = 256;

impl Default for Seen {
    fn default() -> Seen {
        let random = || RandomState::new().build_hasher().finish();
        Seen { key: (random(), random()), shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }
}

/// The hash of one element under the key of one [`Seen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u128);

impl Seen {
    /// The element's hash.
    pub fn fingerprint(&self, element: &[u8]) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(element);
        // Zero marks an empty slot.
        Fingerprint(hasher.finish128().as_u128().max(1))
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
    (element.0 >> 120) as usize % SHARDS
}

/// A table with open addressing; 0 is an empty slot.
#[derive(Default)]
struct Shard {
    slots: Vec<u128>,
    filled: usize,
}

impl Shard {
    /// The slot the element is in, or the empty one where it belongs (none where the table has no slots at all).
    fn find(&self, element: Fingerprint) -> Result<usize, Option<usize>> {
        if self.slots.is_empty() {
            return Err(None);
        }
        // The low half picks the slot: multiplied and shifted it spreads over any table size.
        let mut at = ((element.0 as u64 as u128 * self.slots.len() as u128) >> 64) as usize;
        loop {
            match self.slots[at] {
                0 => return Err(Some(at)),
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
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        for element in old.into_iter().filter(|&slot| slot != 0) {
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
    fn an_element_costs_at_most_24_bytes() {
        let mut seen = Seen::default();
        for n in 0u32..200_000 {
            seen.insert(seen.fingerprint(&n.to_le_bytes()));
            let bytes: usize = seen.shards.iter().map(|shard| shard.slots.len() * 16).sum();
            assert!(n < 20_000 || bytes <= 24 * n as usize, "{bytes} bytes for {n}");
        }
    }
}
