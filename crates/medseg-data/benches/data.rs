//! What the loader and the caches cost: a loader's overhead an item, an item from memory, from the disk, and prepared
//! anew. The case is a CT of 512x512x200 voxels (stored as i16, gzipped) that is windowed and padded for crops of 128³.
//!
//! `cargo bench -p medseg-data --bench data`

use std::convert::Infallible;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use medseg_data::{
    CachedDataset, Case, CompactImage, CompactLabel, CompactSample, DataError, DiskCache, Loader, LoaderOptions,
};
use medseg_transforms::{BoxDhw, Intensity, Sample, SpatialPad, crop};
use medseg_volume::{Dhw, Geometry, Volume, write_image_i16, write_label};
use ndarray::{Array3, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SHAPE: (usize, usize, usize) = (200, 512, 512);

/// A body of noisy tissue of all densities in noisy air, with a liver, as files.
fn write_case(folder: &Path) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let from = |h: usize, w: usize, centre: f64| (h as f64 - 255.5).hypot(w as f64 - centre);
    let ct = Array3::from_shape_fn(SHAPE, |(_, h, w)| {
        let noise = (0..4).map(|_| rng.random_range(-17..=17)).sum::<i16>();
        if from(h, w, 255.5) < 200.0 { 255 - h as i16 + noise } else { -1000 + noise / 4 }
    });
    let liver = Array3::from_shape_fn(SHAPE, |(d, h, w)| {
        let radius = 60.0 + 20.0 * (d as f64 / 17.0).sin() + 10.0 * ((h + d) as f64 / 11.0).sin();
        u8::from((50..150).contains(&d) && from(h, w, 195.5) < radius)
    });
    let geometry = Geometry::from_spacing(Dhw { d: 1.5, h: 0.8, w: 0.8 }).expect("a geometry");
    let case = Case::new("ct", folder.join("ct.nii.gz"), Some(folder.join("liver.nii.gz")));
    write_image_i16(&case.image, &Volume::new(ct, geometry.clone())).expect("a file");
    write_label(folder.join("liver.nii.gz"), &Volume::new(liver, geometry)).expect("a file");
    case
}

/// What the experiments do once a case.
fn windowed(case: &Case) -> Result<Sample, DataError> {
    let mut sample = case.read()?;
    Intensity::Window { low: -300.0, high: 300.0 }.apply(&mut sample.image);
    let pad = SpatialPad::new(Dhw::splat(128));
    sample.image = pad.apply(&sample.image.index_axis(Axis(0), 0), 0.0).insert_axis(Axis(0));
    sample.label = sample.label.map(|label| pad.apply(&label.view(), 0));
    Ok(sample)
}

fn compact(case: &Case) -> Result<CompactSample, DataError> {
    windowed(case).map(|sample| CompactSample::new(&sample))
}

fn dataset(case: &Case, budget: usize) -> CachedDataset<CompactSample> {
    CachedDataset::new(vec![case.clone()], budget, compact, CompactSample::bytes)
}

fn caches(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let case = write_case(folder.path());
    let sample = windowed(&case).expect("a sample");
    let packed = CompactSample::new(&sample);
    println!("{} bytes as arrays, {} compact", 4 * sample.image.len(), packed.bytes());

    let mut group = c.benchmark_group("cache");
    group.sample_size(10);
    let anew = dataset(&case, 0);
    group.bench_function("prepare anew", |b| b.iter(|| anew.get(0).expect("an item")));
    let disk = Arc::new(DiskCache::open(folder.path().join("cache"), u64::MAX).expect("a folder"));
    let from_disk = dataset(&case, 0).on_disk(disk, "window");
    from_disk.get(0).expect("an item");
    group.bench_function("read from disk", |b| b.iter(|| from_disk.get(0).expect("an item")));
    let kept = dataset(&case, usize::MAX);
    group.bench_function("memory", |b| b.iter(|| kept.get(0).expect("an item")));
    group.finish();
    codes(c, &sample, &packed);
}

fn codes(c: &mut Criterion, sample: &Sample, packed: &CompactSample) {
    let mut group = c.benchmark_group("compact");
    group.sample_size(10);
    let (image, label) = (sample.image.index_axis(Axis(0), 0), sample.label.as_ref().expect("a label").view());
    group.bench_function("pack image", |b| b.iter(|| CompactImage::new(&image)));
    group.bench_function("pack label", |b| b.iter(|| CompactLabel::new(&label)));
    let region = BoxDhw { start: Dhw { d: 30, h: 100, w: 90 }, size: Dhw::splat(128) };
    group.bench_function("crop of an array", |b| b.iter(|| crop(&image, &region, 0.0)));
    group.bench_function("crop of a compact image", |b| b.iter(|| packed.channels[0].crop(&region, 0.0)));
    group.bench_function("crop of a compact label", |b| b.iter(|| packed.label.as_ref().map(|l| l.crop(&region, 0))));
    group.finish();
}

fn loader(c: &mut Criterion) {
    let mut group = c.benchmark_group("loader");
    group.sample_size(20);
    for workers in [0, 1, 2] {
        let options = LoaderOptions { workers, prefetch: 4 };
        group.bench_function(format!("1000 empty items, {workers} workers"), |b| {
            b.iter(|| {
                Loader::new(1000, options, Ok::<_, Infallible>).map(|n| black_box(n.unwrap_or(0))).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, loader, caches);
criterion_main!(benches);
