//! Spatial transforms of a CT of 512×512×200 voxels and of a patch of 128³, and a training step's way from the file.
//!
//! `cargo bench -p medseg-transforms --bench transforms`; `benches/peers/transforms.py` runs the same rows against MONAI's,
//! taking turns: with `MEDSEG_BENCH_SERVE` set this program does a row for each line of its input (the row's name, then
//! what it needs) and answers with the seconds it took.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use medseg_kernels::memory::prefer_large_pages;
use medseg_transforms::{
    BorderMode, Intensity, Kernel, Pipeline, RandAffine, RandCropByPosNegLabel, RandElastic, Range, Resize, Respace,
    Sample, SpatialPad,
};
use medseg_volume::{Dhw, Geometry, read_image, read_label};
use ndarray::Array3;

const CT: [usize; 3] = [200, 512, 512];
const CT_SPACING: Dhw<f64> = Dhw { d: 2.5, h: 0.8, w: 0.8 };

/// Something of any frequency, without a generator's cost; in large pages, as images that were read are, and numpy's arrays.
fn volume(lengths: [usize; 3]) -> Array3<f32> {
    let mut volume = Array3::zeros(lengths);
    volume.as_slice_mut().into_iter().for_each(prefer_large_pages);
    for ((d, h, w), value) in volume.indexed_iter_mut() {
        *value = ((d * 7 + h * 13 + w * 31) % 257) as f32 / 257.0 + (w as f32 * 0.05).sin();
    }
    volume
}

fn sample(lengths: [usize; 3], labelled: bool) -> Arc<Sample> {
    let label =
        labelled.then(|| Array3::from_shape_fn(lengths, |(d, h, w)| u8::from((d / 16 + h / 16 + w / 16) % 3 == 0)));
    let geometry = Geometry::from_spacing(CT_SPACING).expect("a geometry");
    Arc::new(Sample::new("bench", volume(lengths), label, geometry))
}

fn resize() -> Pipeline {
    Pipeline::new().then(Resize { size: Dhw::splat(128), kernel: Kernel::Linear, align_corners: false })
}

fn spacing() -> Pipeline {
    Pipeline::new().then(Respace::to(Dhw::splat(1.5)))
}

fn deformation() -> Pipeline {
    let (kernel, padding) = (Kernel::Linear, BorderMode::Border);
    Pipeline::new()
        .then(RandAffine {
            rotate: Dhw::splat(Range::symmetric(0.5)),
            scale: Dhw::splat(Range(0.8, 1.2)),
            ..RandAffine::default()
        })
        .then(RandElastic { p: 1.0, sigma: Range(6.0, 6.0), magnitude: Range(100.0, 200.0), kernel, padding })
}

/// Load, window, pad, four crops.
fn training_crops(image: &str, label: &str) -> usize {
    let (mut image, label) = (read_image(image).expect("an image"), read_label(label).expect("a label"));
    Intensity::Window { low: -300.0, high: 300.0 }.apply(&mut image.data);
    let sample = Sample::new("bench", image.data, Some(label.data), image.geometry);
    let size = Dhw::splat(128);
    let pipeline = Pipeline::new().then(SpatialPad::new(size)).then(RandCropByPosNegLabel {
        size,
        pos: 1.0,
        neg: 1.0,
        samples: 4,
        by_class: false,
    });
    pipeline.apply(sample, 1).expect("crops").len()
}

fn run(pipeline: &Pipeline, sample: &Arc<Sample>) {
    black_box(pipeline.apply_one(sample.clone(), 3).expect("a result"));
}

fn serve() {
    let (ct, patch) = (sample(CT, false), sample([128; 3], true));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split('\t').collect();
        let start = Instant::now();
        match words.as_slice() {
            ["resize"] => run(&resize(), &ct),
            ["spacing"] => run(&spacing(), &ct),
            ["deformation"] => run(&deformation(), &patch),
            ["crops", image, label] => assert_eq!(training_crops(image, label), 4),
            other => panic!("no row {other:?}"),
        }
        println!("{}", start.elapsed().as_secs_f64());
        std::io::stdout().flush().expect("an open output");
    }
}

fn bench(c: &mut Criterion) {
    if std::env::var_os("MEDSEG_BENCH_SERVE").is_some() {
        return serve();
    }
    let mut group = c.benchmark_group("transforms");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    let (ct, patch) = (sample(CT, false), sample([128; 3], true));
    group.bench_function("resize 512x512x200 to 128^3", |b| b.iter(|| run(&resize(), &ct)));
    group.bench_function("spacing 512x512x200 to 1.5 mm", |b| b.iter(|| run(&spacing(), &ct)));
    group.bench_function("affine and elastic of 128^3 with label", |b| b.iter(|| run(&deformation(), &patch)));
}

criterion_group!(benches, bench);
criterion_main!(benches);
