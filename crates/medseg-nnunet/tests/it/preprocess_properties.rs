//! Properties of resampling and preprocessing that hold for every image.

use medseg_nnunet::{
    LabelResampling, LabelResizeRule, Normalization, PreprocessConfig, Resampling, preprocess, resample_image,
    resample_segmentation,
};
use medseg_testing::{bits, noise};
use ndarray::{Array3, Array4, Axis};
use proptest::prelude::*;

const ISOTROPIC: [f64; 3] = [1.0; 3];
const THICK: [f64; 3] = [5.0, 1.0, 1.0];

fn image(channels: usize, [d, h, w]: [usize; 3], seed: u64) -> Array4<f32> {
    let values = noise(channels * d * h * w, seed).into_iter().map(|value| value as f32).collect();
    Array4::from_shape_vec((channels, d, h, w), values).unwrap()
}

fn shape() -> impl Strategy<Value = [usize; 3]> {
    [1..20_usize, 1..20_usize, 1..20_usize]
}

fn resampling() -> impl Strategy<Value = Resampling> {
    let order = || prop::sample::select(vec![0, 1, 3]);
    let force = || prop::sample::select(vec![None, Some(false), Some(true)]);
    prop_oneof![
        (order(), order(), force()).prop_map(|(order, order_z, force_separate)| Resampling::Spline {
            order,
            order_z,
            force_separate
        }),
        force().prop_map(|force_separate| Resampling::Torch { force_separate }),
    ]
}

fn in_threads<T: Send>(threads: usize, compute: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(compute)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_constant_stays_constant(old in shape(), new in shape(), how in resampling(), value in -1e3..1e3_f32) {
        let image = Array4::from_elem((1, old[0], old[1], old[2]), value);
        let got = resample_image(&image, new, THICK, ISOTROPIC, &how).unwrap();
        prop_assert!(got.iter().all(|got| (got - value).abs() <= 2e-7 * value.abs()));
    }

    #[test]
    fn equal_shapes_change_nothing(shape in shape(), how in resampling(), seed in any::<u64>()) {
        let image = image(2, shape, seed);
        prop_assert_eq!(&resample_image(&image, shape, THICK, [2.0; 3], &how).unwrap(), &image);
    }

    #[test]
    fn a_flip_before_is_a_flip_after(old in shape(), new in shape(), axis in 1..4_usize, seed in any::<u64>()) {
        // Orders 0 and a separate axis have ties, which a flip resolves the other way.
        for order in [1, 3] {
            let how = Resampling::Spline { order, order_z: 1, force_separate: None };
            let mut image = image(1, old, seed);
            let mut want = resample_image(&image, new, THICK, ISOTROPIC, &how).unwrap();
            image.invert_axis(Axis(axis));
            want.invert_axis(Axis(axis));
            let got = resample_image(&image, new, THICK, ISOTROPIC, &how).unwrap();
            prop_assert!(got.iter().zip(&want).all(|(got, want)| (got - want).abs() < 1e-6));
        }
    }

    #[test]
    fn splines_stay_within_the_image(old in shape(), new in shape(), seed in any::<u64>()) {
        let image = image(1, old, seed);
        let got = resample_image(&image, new, ISOTROPIC, ISOTROPIC, &Resampling::default()).unwrap();
        let limits = |array: &Array4<f32>| array.iter().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        let ((least, largest), (low, high)) = (limits(&image), limits(&got));
        prop_assert!(least <= low && high <= largest);
    }

    #[test]
    fn threads_change_no_bit(old in shape(), new in shape(), how in resampling(), seed in any::<u64>()) {
        let image = image(1, old, seed);
        let run = || resample_image(&image, new, THICK, ISOTROPIC, &how).unwrap();
        prop_assert_eq!(bits(&in_threads(1, run)), bits(&in_threads(3, run)));
    }

    #[test]
    fn no_label_appears(old in shape(), new in shape(), seed in any::<u64>(), half in any::<bool>()) {
        let labels = image(1, old, seed).index_axis_move(Axis(0), 0).mapv(|value| (value * 4.0) as i16 * 7 - 1);
        let rule = if half { LabelResizeRule::AtLeastHalf } else { LabelResizeRule::Largest };
        let how = LabelResampling::Spline { order: 1, force_separate: None, rule };
        let got = resample_segmentation(&labels, new, THICK, ISOTROPIC, &how).unwrap();
        prop_assert!(got.iter().all(|label| labels.iter().any(|from| from == label) || half && *label == 0));
    }

    #[test]
    fn normalized_images_have_mean_0_and_deviation_1(shape in shape(), seed in any::<u64>()) {
        prop_assume!(shape.iter().product::<usize>() > 1);
        let config = PreprocessConfig {
            transpose_forward: [2, 0, 1],
            transpose_backward: [1, 2, 0],
            spacing: ISOTROPIC.to_vec(),
            normalizations: vec![Normalization::ZScore { masked: false }, Normalization::RescaleTo01],
            image_resampling: Resampling::default(),
            previous: None,
        };
        let image = image(2, shape, seed).mapv(|value| value + 0.5);
        let got = preprocess(image, ISOTROPIC, None, &config).unwrap();
        prop_assert_eq!(got.properties.full_shape, [shape[2], shape[0], shape[1]]);
        let voxels: Vec<f64> = got.data.index_axis(Axis(0), 0).iter().map(|value| f64::from(*value)).collect();
        let mean = voxels.iter().sum::<f64>() / voxels.len() as f64;
        let variance = voxels.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / voxels.len() as f64;
        prop_assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{} {}", mean, variance);
        let rescaled = got.data.index_axis(Axis(0), 1);
        prop_assert!(rescaled.iter().all(|value| (0.0..=1.0).contains(value)));
    }
}

/// More rows than one slab holds, so that parts of lines are filtered: as by a volume that fits into one.
#[test]
fn slabs_show_no_seam() {
    let columns = 700;
    let [d, h] = [400, 300];
    let narrow = image(1, [d, h, 2], 5);
    let wide = Array4::from_shape_fn((1, d, h, columns), |(_, d, h, w)| narrow[[0, d, h, w % 2]]);
    let how = Resampling::Spline { order: 3, order_z: 0, force_separate: Some(false) };
    let new = [101, 210];
    let wide = resample_image(&wide, [new[0], new[1], columns], ISOTROPIC, ISOTROPIC, &how).unwrap();
    let narrow = resample_image(&narrow, [new[0], new[1], 2], ISOTROPIC, ISOTROPIC, &how).unwrap();
    for column in 0..2 {
        let (wide, narrow) = (wide.index_axis(Axis(3), column + 100), narrow.index_axis(Axis(3), column));
        let largest = wide.iter().zip(narrow).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest <= f32::EPSILON, "{largest}");
    }
}

#[test]
fn a_mask_of_one_label_stays_so() {
    let labels = Array3::from_elem((3, 4, 5), -1);
    let got = resample_segmentation(&labels, [5, 3, 9], ISOTROPIC, ISOTROPIC, &LabelResampling::default()).unwrap();
    assert!(got.iter().all(|label| *label == -1));
}
