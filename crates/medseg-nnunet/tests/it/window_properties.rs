//! Properties of the sliding window on random images.

use std::convert::Infallible;
use std::ops::ControlFlow;

use half::f16;
use medseg_nnunet::window::{Sums, WholeLogits, WindowConfig, gaussian};
use medseg_testing::noise;
use ndarray::{Array3, Array4, ArrayView4, Axis, s};
use proptest::prelude::*;

use crate::halves::bits;

fn image(channels: usize, [d, h, w]: [usize; 3], seed: u64) -> Array4<f32> {
    let values = noise(channels * d * h * w, seed).into_iter().map(|v| (v * 8.0 - 4.0) as f32).collect();
    Array4::from_shape_vec((channels, d, h, w), values).expect("an image")
}

/// A network whose output depends on the place in the window.
fn uneven(window: ArrayView4<'_, f32>) -> Result<Array4<f32>, Infallible> {
    let (_, d, h, w) = window.dim();
    let value = |(c, z, y, x): (usize, usize, usize, usize)| {
        let tilt = (z * 5 + y * 3 + x) as f32 * 0.1;
        window[[0, z, y, x]] * (c as f32 - 0.7) + tilt
    };
    Ok(Array4::from_shape_fn((2, d, h, w), value))
}

fn predict(config: WindowConfig, patch: &[usize], image: &Array4<f32>) -> Array4<f16> {
    let window = config.init(patch).expect("settings");
    let mut logits = WholeLogits::default();
    window.run(image.view(), 2, uneven, &mut logits, |_, _| ControlFlow::Continue(())).expect("logits");
    logits.finish().expect("slices")
}

/// Logits of a network that returns its input times a constant, in 2D or 3D.
fn scale(image: &Array4<f32>, constant: f32, flat: bool, sums: Sums) -> Array4<f16> {
    let patch: &[usize] = if flat { &[6, 5] } else { &[4, 6, 5] };
    let window = WindowConfig::default().with_mirror_axes([0, 1]).with_sums(sums).init(patch).expect("settings");
    let mut logits = WholeLogits::default();
    let network = |window: ArrayView4<'_, f32>| Ok::<_, Infallible>(&window * constant);
    window.run(image.view(), 1, network, &mut logits, |_, _| ControlFlow::Continue(())).expect("logits");
    logits.finish().expect("slices")
}

/// Sums of the whole padded image at once, voxel by voxel.
fn whole(patch: [usize; 3], image: &Array4<f32>) -> Array4<f16> {
    let (_, d, h, w) = image.dim();
    let window = WindowConfig::default().init(&patch).expect("settings");
    let plan = window.plan([d, h, w]).expect("a plan");
    let [pd, ph, pw] = plan.padded_shape();
    let [bd, bh, bw] = [(pd - d) / 2, (ph - h) / 2, (pw - w) / 2];
    let mut padded = Array4::<f32>::zeros((1, pd, ph, pw));
    padded.slice_mut(s![.., bd..bd + d, bh..bh + h, bw..bw + w]).assign(image);
    let mut sums = Array4::from_elem((2, pd, ph, pw), f16::ZERO);
    let mut weights = Array3::from_elem((pd, ph, pw), f16::ZERO);
    let map = gaussian(&patch);
    for z in &plan.starts()[0] {
        for y in &plan.starts()[1] {
            for x in &plan.starts()[2] {
                let part = s![.., *z..z + patch[0], *y..y + patch[1], *x..x + patch[2]];
                let logits = uneven(padded.slice(part).as_standard_layout().view()).expect("logits");
                for ((c, i, j, k), value) in logits.indexed_iter() {
                    let (at, weight) = ([z + i, y + j, x + k], map[[i, j, k]].to_f32());
                    let sum = &mut sums[[c, at[0], at[1], at[2]]];
                    *sum = f16::from_f32(sum.to_f32() + value * weight);
                    if c == 0 {
                        weights[at] = f16::from_f32(weights[at].to_f32() + weight);
                    }
                }
            }
        }
    }
    for mut class in sums.axis_iter_mut(Axis(0)) {
        class.zip_mut_with(&weights, |sum, weight| *sum = f16::from_f32(sum.to_f32() / weight.to_f32()));
    }
    sums.slice(s![.., bd..bd + d, bh..bh + h, bw..bw + w]).to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn slabs_equal_the_sums_of_the_whole_image(
        shape in [1_usize..14, 1..12, 1..12], patch in [1_usize..7, 2..8, 2..8], seed in any::<u64>(),
    ) {
        let image = image(1, shape, seed);
        prop_assert_eq!(bits(&predict(WindowConfig::default(), &patch, &image)), bits(&whole(patch, &image)));
    }

    #[test]
    fn the_number_of_threads_changes_nothing(
        shape in [1_usize..12, 1..12, 1..12], axes in prop::sample::subsequence(vec![0, 1, 2], 0..=3), seed in any::<u64>(),
    ) {
        let image = image(1, shape, seed);
        let config = WindowConfig::default().with_mirror_axes(axes);
        let of = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            bits(&pool.install(|| predict(config.clone(), &[5, 6, 4], &image)))
        };
        prop_assert_eq!(of(1), of(5));
    }

    /// The product with a power of two is exact, so sums and weights round alike.
    #[test]
    fn powers_of_two_are_restored_exactly(
        shape in [1_usize..14, 1..12, 1..12], power in 0_i32..6, flat in any::<bool>(),
    ) {
        let constant = 2.0_f32.powi(power);
        let logits = scale(&Array4::ones((1, shape[0], shape[1], shape[2])), constant, flat, Sums::Half);
        prop_assert!(logits.iter().all(|value| value.to_f32() == constant));
    }

    /// Sums in f32 are rounded to f16 once, at the end.
    #[test]
    fn a_network_that_returns_its_input_is_restored(
        shape in [1_usize..14, 1..12, 1..12], constant in -8.0_f32..8.0, flat in any::<bool>(),
    ) {
        let image = image(1, shape, 5);
        for (got, input) in scale(&image, constant, flat, Sums::Fast).iter().zip(&image) {
            let want = input * constant;
            prop_assert!((got.to_f32() - want).abs() <= 6e-4 * want.abs() + 1e-6, "{} is not {}", got, want);
        }
    }
}
