//! Results do not depend on the number of threads.

use medseg_transforms::{
    Connectivity, Intensity, Interpolation, fill_holes, foreground_box, keep_largest, label_components, resize,
};
use medseg_volume::Dhw;
use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What every parallel function makes of one image, to the bit.
fn all(image: &Array3<f32>) -> Vec<Vec<u32>> {
    let bits = |image: &Array3<f32>| image.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let mask = image.mapv(|v| u8::from(v > 0.3));
    let mut results = Vec::new();
    for how in [Intensity::ZScore { nonzero: true }, Intensity::Percentile { low: 1.0, high: 99.0 }] {
        let mut image = image.clone();
        how.apply(&mut image);
        results.push(bits(&image));
    }
    for how in [Interpolation::Trilinear { align_corners: false }, Interpolation::Area, Interpolation::Nearest] {
        results.push(bits(&resize(&image.view(), Dhw::from([13, 40, 17]), how)));
    }
    for edit in [keep_largest, fill_holes] {
        let mut mask = mask.clone();
        edit(&mut mask, Connectivity::Face);
        results.push(mask.iter().map(|v| u32::from(*v)).collect());
    }
    results.push(label_components(&mask.view(), Connectivity::Edge).labels.into_iter().collect());
    let region = foreground_box(&image.view(), |v| *v > 0.99, Dhw::splat(0)).unwrap();
    results.push(region.start.to_array().iter().map(|v| *v as u32).collect());
    results
}

#[test]
fn one_thread_and_many_give_the_same() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let image = Array3::from_shape_simple_fn((23, 31, 29), || rng.random_range(-1f32..1.0));
    let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| all(&image));
    let one = with(1);
    for threads in [2, 3, 8] {
        assert!(with(threads) == one, "{threads} threads");
    }
}
