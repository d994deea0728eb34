//! Intensities against formulas written out, and what becomes of NaN, infinities, constants and nothing.

use medseg_transforms::{Intensity, NormalizeIntensity, ScaleIntensityRange};
use ndarray::{Array3, array};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CLEAN: [Intensity; 5] = [
    Intensity::Window { low: -175.0, high: 250.0 },
    Intensity::ZScore { nonzero: false },
    Intensity::ZScore { nonzero: true },
    Intensity::Percentile { low: 0.5, high: 99.5 },
    Intensity::Percentile { low: 0.0, high: 100.0 },
];

/// Images of CT-like values with some zeros.
fn images(seed: u64) -> impl Iterator<Item = Array3<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..100).map(move |_| {
        let lengths: [usize; 3] = std::array::from_fn(|_| rng.random_range(1..8));
        Array3::from_shape_simple_fn(lengths, || {
            if rng.random_bool(0.2) { 0.0 } else { rng.random_range(-1000f32..2000.0) }
        })
    })
}

fn applied(how: Intensity, image: &Array3<f32>) -> Array3<f32> {
    let mut image = image.clone();
    how.apply(&mut image);
    image
}

fn assert_near(got: &Array3<f32>, want: impl Fn(f64) -> f64, image: &Array3<f32>) {
    for (got, value) in got.iter().zip(image) {
        let want = want(f64::from(*value));
        assert!((f64::from(*got) - want).abs() < 1e-4, "{value} became {got}, not {want}");
    }
}

#[test]
fn a_window_clips_and_scales() {
    for image in images(1) {
        let got = applied(Intensity::Window { low: -175.0, high: 250.0 }, &image);
        assert_near(&got, |v| ((v + 175.0) / 425.0).clamp(0.0, 1.0), &image);
    }
}

#[test]
fn z_scores_have_mean_0_and_deviation_1() {
    for image in images(2) {
        for nonzero in [false, true] {
            let chosen = image.iter().map(|v| f64::from(*v)).filter(|v| !nonzero || *v != 0.0);
            let values: Vec<f64> = chosen.collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
            let got = applied(Intensity::ZScore { nonzero }, &image);
            assert_near(&got, |v| if nonzero && v == 0.0 { 0.0 } else { (v - mean) / deviation }, &image);
        }
    }
}

#[test]
fn percentiles_lie_between_order_statistics() {
    for image in images(3) {
        for (low, high) in [(0.0, 100.0), (0.5, 99.5), (10.0, 37.5)] {
            let mut sorted: Vec<f64> = image.iter().map(|v| f64::from(*v)).collect();
            sorted.sort_by(f64::total_cmp);
            let percentile = |percent: f64| {
                let at = percent / 100.0 * (sorted.len() - 1) as f64;
                let below = sorted[at.floor() as usize];
                below + at.fract() * (sorted[at.ceil() as usize] - below)
            };
            let (a, b) = (percentile(low), percentile(high));
            let got = applied(Intensity::Percentile { low: low as f32, high: high as f32 }, &image);
            assert_near(&got, |v| if b > a { ((v - a) / (b - a)).clamp(0.0, 1.0) } else { 0.0 }, &image);
        }
    }
}

#[test]
fn a_network_is_never_given_nan_or_infinity() {
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for how in CLEAN {
        for image in images(4).take(20) {
            // With a few such voxels the others become what they become without them.
            let mut line: Vec<f32> = image.iter().copied().collect();
            let clean = applied(how, &Array3::from_shape_vec((1, 1, line.len()), line.clone()).unwrap());
            line.extend(bad);
            let got = applied(how, &Array3::from_shape_vec((1, 1, line.len()), line).unwrap());
            assert!(got.iter().all(|v| v.is_finite()), "{how:?}");
            assert!(clean.iter().zip(&got).all(|(a, b)| a == b), "{how:?}");
        }
        for value in bad.into_iter().chain([0.0, 7.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE]) {
            assert!(applied(how, &Array3::from_elem((2, 3, 4), value)).iter().all(|v| v.is_finite()), "{value}");
        }
        assert!(applied(how, &Array3::zeros((0, 3, 4))).is_empty());
        let extremes = applied(how, &array![[[f32::MIN, -1.0, 0.0, 1.0, f32::MAX]]]);
        assert!(extremes.iter().all(|v| v.is_finite()), "{how:?}: {extremes}");
    }
}

#[test]
fn a_constant_image_becomes_0() {
    for how in CLEAN.into_iter().skip(1) {
        assert_eq!(applied(how, &Array3::from_elem((2, 3, 4), -40.0)), Array3::<f32>::zeros((2, 3, 4)), "{how:?}");
    }
}

#[test]
fn percentiles_that_coincide_leave_no_outlier() {
    let mut image = Array3::zeros((5, 5, 5));
    image[[2, 2, 2]] = 1000.0;
    assert!(applied(Intensity::Percentile { low: 1.0, high: 90.0 }, &image).iter().all(|v| *v == 0.0));
}

#[test]
fn not_a_number_stays_one_where_values_are_only_scaled() {
    for clip in [false, true] {
        for (a_max, b) in [(1.0, Some(2.0)), (1.0, None), (0.0, Some(2.0))] {
            let mut image = array![[[f32::NAN, 0.5]]];
            ScaleIntensityRange { a_min: 0.0, a_max, b_min: b.map(|v| -v), b_max: b, clip }.apply(&mut image);
            assert!(image[[0, 0, 0]].is_nan() && image[[0, 0, 1]].is_finite(), "{image}");
        }
    }
    let mut image = array![[[f32::NAN, f32::INFINITY, 1.0, 3.0]]];
    NormalizeIntensity::default().apply(&mut image);
    assert!(image[[0, 0, 0]].is_nan());
    assert_eq!(image.iter().skip(1).copied().collect::<Vec<_>>(), [f32::INFINITY, -1.0, 1.0]);
}

#[test]
fn ranges_that_mean_nothing_are_refused() {
    let refused = [
        Intensity::Window { low: 1.0, high: 1.0 },
        Intensity::Window { low: 2.0, high: 1.0 },
        Intensity::Window { low: f32::NAN, high: 1.0 },
        Intensity::Window { low: 0.0, high: f32::INFINITY },
        Intensity::Window { low: f32::MIN, high: f32::MAX },
        Intensity::Percentile { low: -1.0, high: 50.0 },
        Intensity::Percentile { low: 1.0, high: 101.0 },
        Intensity::Percentile { low: 1.0, high: 300.0 },
        Intensity::Percentile { low: 50.0, high: 50.0 },
        Intensity::Percentile { low: f32::NAN, high: 50.0 },
    ];
    for how in refused {
        let error = how.validate().unwrap_err().to_string();
        assert!(error.contains("window") || error.contains("percentile"), "{error}");
        // Whoever does not ask gets some result.
        assert!(applied(how, &Array3::from_elem((2, 3, 4), 1.0)).iter().all(|v| v.is_finite()), "{how:?}");
    }
    assert!(CLEAN.iter().all(|how| how.validate().is_ok()));
}
