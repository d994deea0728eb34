//! Random numbers and seeds that depend on the seed, the epoch and the case alone.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The case number whose stream orders an epoch's cases.
const ORDER: u32 = u32::MAX;

/// The generator for one case in one epoch.
///
/// Each (epoch, case) has its own stream of the ChaCha8 generator of `seed`, so that what is drawn depends neither on
/// the order in which threads come to the cases nor on where a run was resumed.
///
/// # Examples
/// ```
/// use medseg_data::rng_for;
/// use rand::Rng;
/// let first = rng_for(7, 3, 12).next_u64();
/// assert_eq!(first, rng_for(7, 3, 12).next_u64());
/// assert_ne!(first, rng_for(7, 3, 13).next_u64());
/// assert_ne!(first, rng_for(7, 4, 12).next_u64());
/// ```
#[must_use]
pub fn rng_for(seed: u64, epoch: u32, case: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(epoch) << 32 | u64::from(case));
    rng
}

/// The numbers `0..count` in the random order of one epoch.
///
/// It is drawn from the stream of case `u32::MAX`, so it is independent of what [`rng_for`] gives for real cases.
#[must_use]
pub fn epoch_order(seed: u64, epoch: u32, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut rng_for(seed, epoch, ORDER));
    order
}

/// A seed that depends on every bit of its parts (SplitMix64's finaliser; Steele, Lea and Flood, 2014).
#[must_use]
pub fn mix(seed: u64, a: u64, b: u64) -> u64 {
    [a, b].into_iter().fold(seed, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// The FNV-1a hash: a number for a name, the same on every machine.
#[must_use]
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn an_order_is_a_permutation_that_changes_with_epoch_and_seed() {
        let order = epoch_order(1, 2, 50);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
        assert_eq!(order, epoch_order(1, 2, 50));
        assert_ne!(order, epoch_order(1, 3, 50));
        assert_ne!(order, epoch_order(2, 2, 50));
    }

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(
            [fnv1a(b""), fnv1a(b"a"), fnv1a(b"foobar")],
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
    }

    #[test]
    fn streams_of_large_numbers_do_not_meet() {
        let draws = [(0, 1), (1, 0), (u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX)]
            .map(|(epoch, case)| rng_for(9, epoch, case).next_u64());
        let different: std::collections::BTreeSet<_> = draws.iter().collect();
        assert_eq!(different.len(), draws.len());
    }
}
