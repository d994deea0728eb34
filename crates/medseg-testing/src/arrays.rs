//! Numbers and volumes that are the same in every run.

use ndarray::Array3;

/// Reproducible numbers in [0, 1) from Knuth's linear congruential generator, 24 bits each.
///
/// Burn's own generator is one for the whole process, so tests that run side by side cannot rely on it.
///
/// ```
/// let values = medseg_testing::noise(100, 7);
/// assert_eq!(values, medseg_testing::noise(100, 7));
/// assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
/// ```
#[must_use]
pub fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64
        })
        .collect()
}

/// A volume `[depth, height, width]` whose voxels are their own index in C order: 0, 1, 2, ...
///
/// Any mistake in axes, crops or flips changes a value. Exact for up to 2^24 voxels.
///
/// ```
/// let volume = medseg_testing::ramp([2, 3, 4]);
/// assert_eq!(volume[[1, 2, 3]], 23.0);
/// ```
#[must_use]
pub fn ramp(shape: [usize; 3]) -> Array3<f32> {
    let [_, height, width] = shape;
    Array3::from_shape_fn(shape, |(d, h, w)| ((d * height + h) * width + w) as f32)
}

/// A mask `[depth, height, width]` with 1 within `radius` voxels of `centre` and 0 elsewhere.
///
/// ```
/// let mask = medseg_testing::ball([9, 9, 9], [4.0; 3], 1.0);
/// assert_eq!(mask.iter().filter(|voxel| **voxel == 1).count(), 7);
/// ```
#[must_use]
pub fn ball(shape: [usize; 3], centre: [f64; 3], radius: f64) -> Array3<u8> {
    Array3::from_shape_fn(shape, |(d, h, w)| {
        let [d, h, w] = [d as f64 - centre[0], h as f64 - centre[1], w as f64 - centre[2]];
        u8::from(d.powi(2) + h.powi(2) + w.powi(2) <= radius * radius)
    })
}

/// An affine from voxels (i, j, k) to millimetres: oblique, anisotropic, first voxel away from the origin, axes closest to RAS.
///
/// ```
/// let affine = medseg_testing::oblique_affine();
/// let length: f64 = (0..3).map(|row| affine[row][2].powi(2)).sum();
/// assert!((length.sqrt() - 2.5).abs() < 1e-12);
/// ```
#[must_use]
pub fn oblique_affine() -> [[f64; 4]; 4] {
    let (a, b) = (0.35_f64, 0.2_f64);
    let rotation = [
        [a.cos(), -a.sin() * b.cos(), a.sin() * b.sin()],
        [a.sin(), a.cos() * b.cos(), -a.cos() * b.sin()],
        [0.0, b.sin(), b.cos()],
    ];
    let (mm, origin) = ([0.7, 0.9, 2.5], [-31.5, 12.25, 88.125]);
    let row = |r: usize| [rotation[r][0] * mm[0], rotation[r][1] * mm[1], rotation[r][2] * mm[2], origin[r]];
    [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]
}
