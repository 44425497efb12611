//! Chance that can be thrown again: the same key gives the same throws, on every machine.

/// The odd constant of SplitMix64, 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). Small, fast, and good
/// enough for made-up messages; nothing secret may be drawn from it.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    /// Dice whose throws depend on every part of the key and on their order.
    pub(super) fn keyed(parts: &[u64]) -> Dice {
        Dice { state: parts.iter().fold(GAMMA, |state, part| mix(state.wrapping_add(GAMMA) ^ part)) }
    }

    /// A number out of all of 64 bits.
    pub(super) fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.throw()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of `from..to`.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }

    /// True once in `times` throws.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// True with this probability: never at 0, always at 1.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        let fraction = (self.throw() >> 11) as f64 / (1u64 << 53) as f64;
        fraction < probability
    }

    /// One of a list that is not empty.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }

    /// 32 lower-case hex digits, as an MD5 is written.
    pub(super) fn hex32(&mut self) -> String {
        format!("{:016x}{:016x}", self.throw(), self.throw())
    }
}

/// SplitMix64's finalizer: a bijection of 64 bits in which every bit depends on every other.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A bijection of 32 bits (the finalizer of MurmurHash3): different numbers stay different and look like chance.
pub(super) fn scramble(mut z: u32) -> u32 {
    z = (z ^ (z >> 16)).wrapping_mul(0x85eb_ca6b);
    z = (z ^ (z >> 13)).wrapping_mul(0xc2b2_ae35);
    z ^ (z >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_throws_the_same_and_another_key_or_order_does_not() {
        let throws = |key: &[u64]| -> Vec<u64> {
            let mut dice = Dice::keyed(key);
            (0..8).map(|_| dice.throw()).collect()
        };
        assert_eq!(throws(&[1, 2, 3]), throws(&[1, 2, 3]));
        assert_ne!(throws(&[1, 2, 3]), throws(&[1, 3, 2]));
        assert_ne!(throws(&[1, 2]), throws(&[1, 2, 0]));
    }

    #[test]
    fn throws_are_even_enough() {
        let mut dice = Dice::keyed(&[7]);
        let hits = (0..10_000).filter(|_| dice.one_in(10)).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }

    #[test]
    fn probability_zero_never_happens_and_one_always_does() {
        let mut dice = Dice::keyed(&[7]);
        assert!((0..1000).all(|_| !dice.happens(0.0)));
        assert!((0..1000).all(|_| dice.happens(1.0)));
    }

    #[test]
    fn scrambled_numbers_stay_different() {
        let scrambled: std::collections::HashSet<u32> = (0..100_000).map(scramble).collect();
        assert_eq!(scrambled.len(), 100_000);
    }
}
