//! The kernels against Burn's own convolution.

use medseg_ops::{ConvOptions, composed, conv3d};

use super::compare::{assert_close, inputs, with_gradients};
use crate::numbers::Numbers;

fn check(seed: u64, x: [usize; 5], output: usize, kernel: usize, padding: [usize; 3]) {
    let inputs = inputs(seed, x, [output, x[1], kernel, kernel, kernel]);
    let options = ConvOptions { padding, ..ConvOptions::default() };
    let (got, want) = (with_gradients(conv3d, &inputs, options), with_gradients(composed::conv3d, &inputs, options));
    for (part, (got, want)) in ["output", "x", "weight", "bias"].iter().zip(got.iter().zip(&want)) {
        assert_close(&format!("{x:?} -> {output}, kernel {kernel}, padding {padding:?}: {part}"), got, want, 2e-5);
    }
}

#[test]
fn kernels_agree_with_burns_convolution() {
    check(1, [1, 1, 1, 1, 1], 1, 3, [1; 3]);
    check(2, [1, 1, 5, 6, 7], 8, 3, [1; 3]);
    check(3, [2, 3, 4, 1, 9], 5, 3, [1; 3]);
    check(4, [1, 8, 12, 13, 48], 8, 3, [1; 3]);
    check(5, [4, 24, 6, 5, 17], 8, 3, [1; 3]);
    check(6, [2, 16, 3, 3, 3], 32, 3, [1; 3]);
    check(7, [1, 65, 2, 3, 2], 33, 3, [1; 3]);
    check(8, [1, 4, 9, 40, 33], 6, 3, [0; 3]);
    check(9, [1, 2, 3, 4, 5], 3, 3, [2, 0, 1]);
    check(10, [2, 5, 3, 4, 31], 7, 1, [0; 3]);
    check(11, [1, 24, 20, 20, 20], 8, 1, [0; 3]);
    check(12, [3, 8, 1, 2, 3], 1, 1, [0; 3]);
}

#[test]
fn kernels_agree_with_burns_convolution_on_random_shapes() {
    let mut numbers = Numbers::new(20);
    for seed in 0..30 {
        let x = [3, 17, 7, 9, 40].map(|end| 1 + numbers.below(end));
        let output = 1 + numbers.below(17);
        // At least 1, so that a kernel of 3 fits into a single voxel.
        check(100 + seed, x, output, 3, std::array::from_fn(|_| 1 + numbers.below(2)));
        check(200 + seed, x, output, 1, [0; 3]);
    }
}
