//! Dropout: which elements, how many, how large.

use super::compare::{Numbers, assert_close, values, with_grad};
use super::golden::Case;
use burn::tensor::{Device, Tensor};
use std::sync::Mutex;

/// Burn's generator is one for the whole process: tests that draw from it take turns.
static GENERATOR: Mutex<()> = Mutex::new(());

fn ones(shape: [usize; 5]) -> Tensor<5> {
    Tensor::ones(shape, &Device::flex().autodiff())
}

/// The fraction of zeros must lie within four standard deviations of p.
fn assert_fraction(p: f64, zeros: usize, count: usize) {
    let fraction = zeros as f64 / count as f64;
    let sigma = (p * (1.0 - p) / count as f64).sqrt();
    assert!((fraction - p).abs() <= 4.0 * sigma, "{zeros} of {count} dropped at p = {p}");
}

#[test]
fn golden_values() {
    let _turn = GENERATOR.lock();
    for golden in Case::all("dropout") {
        let p = golden.param("p").as_f64().unwrap();
        golden.check("expected_eval", &values(medseg_ops::dropout(golden.tensor("input", &Device::flex()), p)));
        // Where the golden mask and ours both keep a voxel, its value is the golden one; else it is 0.
        let device = Device::flex().autodiff();
        let (input, want) = (golden.get("input"), golden.get("expected_train"));
        let mut kept = 0;
        for (i, y) in values(medseg_ops::dropout(golden.tensor("input", &device), p)).into_iter().enumerate() {
            if y != 0.0 && want[i] != 0.0 {
                assert_close(golden.name(), &[y], &[want[i]], 1e-6, 1e-7);
                kept += 1;
            }
            assert!(y == 0.0 || (y - input[i] / (1.0 - p as f32)).abs() <= 1e-6 * y.abs().max(1.0));
        }
        assert!(kept > 0 || p >= 0.9, "{}: nothing compared", golden.name());
    }
}

#[test]
fn voxels_are_dropped_one_by_one() {
    let _turn = GENERATOR.lock();
    Device::flex().seed(11);
    for p in [0.1, 0.3, 0.5, 0.9] {
        let y = values(medseg_ops::dropout(ones([2, 5, 20, 20, 50]), p));
        let zeros = y.iter().filter(|&&y| y == 0.0).count();
        assert_fraction(p, zeros, y.len());
        let scale = (1.0 / (1.0 - p)) as f32;
        assert!(y.iter().all(|&y| y == 0.0 || (y - scale).abs() < 1e-5 * scale));
    }
}

#[test]
fn channels_are_dropped_whole() {
    let _turn = GENERATOR.lock();
    Device::flex().seed(12);
    for p in [0.2, 0.5] {
        let y = values(medseg_ops::dropout3d(ones([50, 100, 2, 3, 2]), p));
        let scale = (1.0 / (1.0 - p)) as f32;
        let mut zeros = 0;
        for channel in y.chunks(12) {
            assert!(channel.iter().all(|y| *y == channel[0]), "a channel is dropped in part");
            assert!(channel[0] == 0.0 || (channel[0] - scale).abs() < 1e-5 * scale);
            zeros += usize::from(channel[0] == 0.0);
        }
        assert_fraction(p, zeros, 5000);
    }
}

#[test]
fn gradients_pass_where_voxels_do() {
    let _turn = GENERATOR.lock();
    let x = Numbers::new(13).tensor([3, 4, 3, 4, 5], &Device::flex().autodiff());
    let ones = x.ones_like();
    for op in [medseg_ops::dropout, medseg_ops::dropout3d] {
        let (y, grad) = with_grad(|x| op(x, 0.4), &x, &ones);
        let want: Vec<f32> = y.iter().zip(values(x.clone())).map(|(y, x)| y / x).collect();
        assert_close("gradient", &grad, &want, 1e-5, 1e-6);
        assert!(grad.contains(&0.0) && grad.iter().any(|&g| g > 1.0));
    }
}

#[test]
fn a_seed_gives_the_same_mask() {
    let _turn = GENERATOR.lock();
    for op in [medseg_ops::dropout, medseg_ops::dropout3d] {
        let [first, again, other] = [21, 21, 22].map(|seed| {
            Device::flex().autodiff().seed(seed);
            values(op(ones([4, 16, 3, 3, 3]), 0.5))
        });
        assert_eq!(first, again);
        assert_ne!(first, other);
    }
}

#[test]
fn identity_without_gradients_and_at_zero() {
    let mut numbers = Numbers::new(14);
    let plain = numbers.tensor([2, 3, 4, 5, 6], &Device::flex());
    let tracked = numbers.tensor([2, 3, 4, 5, 6], &Device::flex().autodiff());
    for op in [medseg_ops::dropout, medseg_ops::dropout3d] {
        assert_eq!(values(op(plain.clone(), 0.7)), values(plain.clone()));
        assert_eq!(values(op(tracked.clone(), 0.0)), values(tracked.clone()));
        assert!(values(op(tracked.clone(), 1.0)).iter().all(|&y| y == 0.0));
    }
}

#[test]
#[should_panic(expected = "probability")]
fn a_probability_above_one_is_refused() {
    medseg_ops::dropout3d(ones([1, 1, 1, 1, 1]), 1.5);
}
