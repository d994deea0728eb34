//! Random numbers that depend on the seed, the epoch and the case alone.

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
pub fn rng_for(seed: u64, epoch: u32, case: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(epoch) << 32 | u64::from(case));
    rng
}

/// The numbers `0..count` in the random order of one epoch.
///
/// It is drawn from the stream of case `u32::MAX`, so it is independent of what [`rng_for`] gives for real cases.
pub fn epoch_order(seed: u64, epoch: u32, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut rng_for(seed, epoch, ORDER));
    order
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
    fn streams_of_large_numbers_do_not_meet() {
        let draws = [(0, 1), (1, 0), (u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX)]
            .map(|(epoch, case)| rng_for(9, epoch, case).next_u64());
        let different: std::collections::BTreeSet<_> = draws.iter().collect();
        assert_eq!(different.len(), draws.len());
    }
}
