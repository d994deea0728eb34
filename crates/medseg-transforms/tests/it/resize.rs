//! Resizing against naive oracles and against its own inverse.

use medseg_transforms::{Interpolation, resize, resize_nearest, resize_nearest_exact};
use medseg_volume::Dhw;
use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random(rng: &mut ChaCha8Rng) -> Array3<f32> {
    let lengths: [usize; 3] = std::array::from_fn(|_| rng.random_range(1..9));
    Array3::from_shape_simple_fn(lengths, || rng.random_range(-5.0..5.0))
}

fn target(rng: &mut ChaCha8Rng) -> Dhw<usize> {
    Dhw::from(std::array::from_fn(|_| rng.random_range(1..13)))
}

/// Trilinear at a place given in voxels, one corner at a time.
fn trilinear(image: &Array3<f32>, at: [f64; 3]) -> f64 {
    let lengths: [usize; 3] = image.dim().into();
    let mut sum = 0.0;
    for corner in 0..8usize {
        let (mut weight, mut index) = (1.0, [0; 3]);
        for axis in 0..3 {
            let (low, high) = (at[axis].floor(), (corner >> axis) & 1);
            let fraction = at[axis] - low;
            weight *= if high == 1 { fraction } else { 1.0 - fraction };
            index[axis] = (low as usize + high).min(lengths[axis] - 1);
        }
        sum += weight * f64::from(image[index]);
    }
    sum
}

#[test]
fn trilinear_agrees_with_eight_corners() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        let (image, to) = (random(&mut rng), target(&mut rng));
        let from: [usize; 3] = image.dim().into();
        for align_corners in [false, true] {
            let got = resize(&image.view(), to, Interpolation::Trilinear { align_corners });
            assert_eq!(Dhw::from(got.dim()), to);
            for ((d, h, w), value) in got.indexed_iter() {
                let at: [f64; 3] = std::array::from_fn(|axis| {
                    let (i, f, t) = ([d, h, w][axis] as f64, from[axis] as f64, to.to_array()[axis] as f64);
                    let at = match (align_corners, t > 1.0) {
                        (true, true) => i * (f - 1.0) / (t - 1.0),
                        (true, false) => 0.0,
                        (false, _) => ((i + 0.5) * f / t - 0.5).max(0.0),
                    };
                    at.min(f - 1.0)
                });
                let want = trilinear(&image, at);
                assert!((f64::from(*value) - want).abs() < 1e-5, "{from:?} to {to}: {value} for {want}");
            }
        }
    }
}

#[test]
fn nearest_takes_the_low_corner_and_nearest_exact_the_centre() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..200 {
        let (image, to) = (random(&mut rng), target(&mut rng));
        let from: [usize; 3] = image.dim().into();
        let (corner, centre) = (resize_nearest(&image.view(), to), resize_nearest_exact(&image.view(), to));
        assert_eq!(centre, resize(&image.view(), to, Interpolation::NearestExact));
        for ((d, h, w), value) in corner.indexed_iter() {
            // In whole numbers, which f32 agrees with at these sizes.
            let index = |twice: usize| -> [usize; 3] {
                std::array::from_fn(|axis| (2 * [d, h, w][axis] + twice) * from[axis] / (2 * to.to_array()[axis]))
            };
            assert_eq!(*value, image[index(0)]);
            assert_eq!(centre[[d, h, w]], image[index(1)], "{from:?} to {to} at {d} {h} {w}");
        }
    }
}

#[test]
fn equal_sizes_give_the_image_and_constants_stay() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let ways = [
        Interpolation::Nearest,
        Interpolation::NearestExact,
        Interpolation::Area,
        Interpolation::Trilinear { align_corners: false },
        Interpolation::Trilinear { align_corners: true },
    ];
    for how in ways {
        let image = random(&mut rng);
        assert_eq!(resize(&image.view(), image.dim().into(), how), image);
        let constant = resize(&Array3::from_elem((3, 4, 5), 7.25).view(), target(&mut rng), how);
        assert!(constant.iter().all(|v| (v - 7.25).abs() < 1e-5), "{how:?}");
    }
}

#[test]
fn the_centres_of_a_mask_survive_the_way_to_a_coarse_grid_and_back() {
    // A ball; a corner's voxel would move it by half a coarse voxel.
    let ball = Array3::from_shape_fn((40, 60, 50), |(d, h, w)| {
        let away = [(d, 20.0), (h, 30.0), (w, 25.0)].map(|(at, centre)| (at as f32 - centre).powi(2));
        u8::from(away.iter().sum::<f32>() < 225.0)
    });
    let back = |to: fn(&ndarray::ArrayView3<'_, u8>, Dhw<usize>) -> Array3<u8>| {
        to(&to(&ball.view(), Dhw::splat(20)).view(), ball.dim().into())
    };
    let dice = |mask: Array3<u8>| {
        let both = mask.iter().zip(&ball).filter(|(a, b)| **a == 1 && **b == 1).count();
        2.0 * both as f64 / (mask.iter().chain(&ball).filter(|v| **v == 1).count() as f64)
    };
    let (exact, corner) = (dice(back(resize_nearest_exact)), dice(back(resize_nearest)));
    assert!(exact > 0.93 && exact > corner, "{exact} and {corner}");
}

#[test]
fn an_empty_image_gives_zeros() {
    let empty = Array3::<f32>::zeros((0, 4, 5));
    let to = Dhw { d: 2, h: 2, w: 2 };
    assert_eq!(
        resize(&empty.view(), to, Interpolation::Trilinear { align_corners: false }),
        Array3::<f32>::zeros((2, 2, 2))
    );
    assert_eq!(resize(&Array3::ones((2, 2, 2)).view(), Dhw { d: 0, ..to }, Interpolation::Area).len(), 0);
}
