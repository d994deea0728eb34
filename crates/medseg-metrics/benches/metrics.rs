//! Dice, and HD95 + ASSD + surface Dice together, of one pair of masks of 256×256×128 voxels: two lumpy organs, a
//! few voxels apart. `cargo bench -p medseg-metrics`; `benches/peers/metrics.py` measures the same with MONAI and scipy on
//! the same voxels.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use medseg_metrics::{Dhw, EmptyPolicy, SurfaceDistances, VoxelGrid, confusion, distance_transform, lesion_detection};
use ndarray::Array3;

/// Depth, height, width.
const SHAPE: (usize, usize, usize) = (128, 256, 256);
const SPACING: Dhw<f64> = Dhw { d: 2.5, h: 0.8, w: 0.8 };
const TOLERANCE_MM: f64 = 2.0;

/// A ball with waves on its surface; `phase` moves them. The formula is repeated in the peer.
fn organ(phase: f64) -> Array3<u8> {
    Array3::from_shape_fn(SHAPE, |(d, h, w)| {
        let [z, y, x] = [(d as f64 - 64.0) / 50.0, (h as f64 - 128.0) / 95.0, (w as f64 - 120.0) / 100.0];
        let waves = 0.1 * (9.0 * x + phase).sin() * (8.0 * y - phase).cos() + 0.05 * (7.0 * z + 2.0 * phase).sin();
        u8::from((z * z + y * y + x * x).sqrt() < 0.9 + waves)
    })
}

/// A ball of 40 voxels around `[40, at, at]`.
fn ball(at: f64) -> Array3<u8> {
    Array3::from_shape_fn(SHAPE, |(d, h, w)| {
        let offsets = [d as f64 - 40.0, h as f64 - at, w as f64 - at];
        u8::from(offsets.iter().map(|x| x * x).sum::<f64>() <= 1600.0)
    })
}

fn bench(c: &mut Criterion) {
    let (predicted, reference) = (organ(0.4), organ(0.0));
    let (predicted, reference) = (predicted.view(), reference.view());
    let mut group = c.benchmark_group("metrics 256x256x128");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    let dice = || confusion(predicted, reference).expect("masks of one shape").dice(EmptyPolicy::default());
    let surface = || {
        let distances = SurfaceDistances::new(predicted, reference, SPACING).expect("masks of one shape");
        (distances.hd95(), distances.assd(), distances.surface_dice(TOLERANCE_MM).expect("a tolerance"))
    };
    println!("Dice {}, HD95, ASSD, surface Dice {:?}", dice(), surface());
    group.bench_function("dice", |b| b.iter(dice));
    group.bench_function("hd95, assd, surface dice", |b| b.iter(surface));
    // The worst case: no voxel finds the other surface nearby.
    let (corner, opposite) = (ball(41.0), ball(214.0));
    group.bench_function("hd95, assd, surface dice of masks far apart", |b| {
        b.iter(|| SurfaceDistances::new(corner.view(), opposite.view(), SPACING).map(|distances| distances.hd95()));
    });
    // A gantry tilt of 25 degrees: slices shifted along the height axis.
    let sheared = VoxelGrid::from_vectors([[0.0, 1.166, 2.5], [0.0, 0.8, 0.0], [0.8, 0.0, 0.0]]).expect("a grid");
    let on_sheared = |a, b| SurfaceDistances::new(a, b, sheared).map(|distances| distances.hd95());
    group.bench_function("hd95 on a sheared grid", |b| b.iter(|| on_sheared(predicted, reference)));
    group.bench_function("hd95 on a sheared grid of masks far apart", |b| {
        b.iter(|| on_sheared(corner.view(), opposite.view()));
    });
    group.bench_function("lesions", |b| b.iter(|| lesion_detection(predicted, reference, 0.0)));
    group.sample_size(10);
    group.bench_function("distance transform", |b| b.iter(|| distance_transform(reference, SPACING)));
    group.bench_function("distance transform on a sheared grid", |b| b.iter(|| distance_transform(reference, sheared)));
}

criterion_group!(benches, bench);
criterion_main!(benches);
