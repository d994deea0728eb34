//! Sizes of two masks and of their intersection, at the speed of memory.

use rayon::prelude::*;

/// Bytes of one task.
const TASK: usize = 1 << 18;
/// Counters side by side, each a byte, so that the compiler keeps them in vector registers.
const LANES: usize = 64;
/// A counter's bytes are added up before they can overflow.
const ROUNDS: usize = 255;

/// Sizes of the intersection, the first mask and the second; `in_a` and `in_b` say 1 for a byte inside and 0 otherwise.
pub(crate) fn in_parallel(
    a: &[u8],
    b: &[u8],
    in_a: impl Fn(u8) -> u8 + Sync,
    in_b: impl Fn(u8) -> u8 + Sync,
) -> [u64; 3] {
    a.par_chunks(TASK).zip(b.par_chunks(TASK)).map(|(a, b)| serial(a, b, &in_a, &in_b)).reduce(|| [0; 3], add)
}

/// The same on one thread.
pub(crate) fn serial(a: &[u8], b: &[u8], in_a: impl Fn(u8) -> u8, in_b: impl Fn(u8) -> u8) -> [u64; 3] {
    let blocks = a.chunks(LANES * ROUNDS).zip(b.chunks(LANES * ROUNDS));
    blocks.map(|(a, b)| block(a, b, &in_a, &in_b)).fold([0; 3], add)
}

pub(crate) fn add(a: [u64; 3], b: [u64; 3]) -> [u64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// At most [`ROUNDS`] times [`LANES`] bytes.
fn block(a: &[u8], b: &[u8], in_a: impl Fn(u8) -> u8, in_b: impl Fn(u8) -> u8) -> [u64; 3] {
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    let mut counts = [[0_u8; LANES]; 3];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            let (x, y) = (in_a(a[lane]), in_b(b[lane]));
            // A counter is at most `ROUNDS`; a check for an overflow would keep it out of the vector registers.
            counts[0][lane] = counts[0][lane].wrapping_add(x & y);
            counts[1][lane] = counts[1][lane].wrapping_add(x);
            counts[2][lane] = counts[2][lane].wrapping_add(y);
        }
    }
    let mut sums = counts.map(|lanes| lanes.iter().map(|&n| u64::from(n)).sum());
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        let (x, y) = (in_a(a), in_b(b));
        sums = add(sums, [x & y, x, y].map(u64::from));
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_counting_one_by_one_at_every_length() {
        let a: Vec<u8> = (0..40_000_u32).map(|i| ((i * 7919) >> 3) as u8 % 3).collect();
        let b: Vec<u8> = (0..40_000_u32).map(|i| ((i * 104_729) >> 5) as u8 % 3).collect();
        let inside = |v| u8::from(v == 2);
        for n in [0, 1, 63, 64, 65, LANES * ROUNDS - 1, LANES * ROUNDS, LANES * ROUNDS + 1, 40_000] {
            let count = |rule: &dyn Fn(u8, u8) -> bool| (0..n).filter(|&i| rule(a[i], b[i])).count() as u64;
            let want = [count(&|x, y| x == 2 && y == 2), count(&|x, _| x == 2), count(&|_, y| y == 2)];
            assert_eq!(serial(&a[..n], &b[..n], inside, inside), want);
            assert_eq!(in_parallel(&a[..n], &b[..n], inside, inside), want);
        }
    }

    #[test]
    fn full_counters_do_not_overflow() {
        let ones = vec![1; LANES * ROUNDS * 2 + 5];
        assert_eq!(serial(&ones, &ones, |v| v, |v| v), [ones.len() as u64; 3]);
    }
}
