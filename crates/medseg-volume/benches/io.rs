//! Reading a CT of 512x512x300 as f32 and writing its mask, plain and gzipped; `benches/peers/io.py` compares with nibabel
//! and SimpleITK.
//!
//! `cargo bench -p medseg-volume --bench io`

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use medseg_volume::{
    Dhw, Geometry, ReadOptions, Volume, WriteOptions, read_image, read_image_with, read_info, write_label, write_volume,
};
use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A body of noisy tissue in noisy air.
fn ct(geometry: &Geometry) -> Volume<i16> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut noise = |width: i16| (0..4).map(|_| rng.random_range(-width..=width)).sum::<i16>();
    let data =
        Array3::from_shape_fn(
            (300, 512, 512),
            |(_, h, w)| {
                if within(h, w, 200.0) { 40 + noise(17) } else { -1000 + noise(4) }
            },
        );
    Volume::new(data, geometry.clone())
}

/// True for a voxel in a centred circle.
fn within(h: usize, w: usize, radius: f64) -> bool {
    (h as f64 - 255.5).hypot(w as f64 - 255.5) < radius
}

fn mask(geometry: &Geometry) -> Volume<u8> {
    let liver = |(d, h, w): (usize, usize, usize)| {
        let radius = 60.0 + 20.0 * (d as f64 / 17.0).sin() + 10.0 * ((h + d) as f64 / 11.0).sin();
        u8::from((60..220).contains(&d) && within(h, w + 60, radius))
    };
    Volume::new(Array3::from_shape_fn((300, 512, 512), liver), geometry.clone())
}

fn bench(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let geometry = Geometry::from_spacing(Dhw { d: 1.5, h: 0.8, w: 0.8 }).expect("a geometry");
    let image = ct(&geometry);
    let path = |name: &str| folder.path().join(name);
    for name in ["ct.nii", "ct.nii.gz"] {
        write_volume(path(name), &image, &WriteOptions::default()).expect("a file");
    }
    drop(image);
    let mut group = c.benchmark_group("io");
    group.sample_size(10);
    for name in ["ct.nii", "ct.nii.gz"] {
        group.bench_function(format!("read {name} as f32"), |b| b.iter(|| read_image(path(name)).expect("an image")));
        group.bench_function(format!("header of {name}"), |b| b.iter(|| read_info(path(name)).expect("a header")));
    }
    let options = ReadOptions::default().with_slices(150..160);
    let part = |path: &Path| read_image_with(path, &options).expect("slices");
    group.bench_function("read 10 slices of ct.nii", |b| b.iter(|| part(&path("ct.nii"))));
    let mask = mask(&geometry);
    let turned = Volume::new(mask.data.clone().reversed_axes(), geometry);
    for name in ["mask.nii", "mask.nii.gz"] {
        group.bench_function(format!("write {name}"), |b| b.iter(|| write_label(path(name), &mask).expect("a file")));
    }
    let write = |b: &mut criterion::Bencher| b.iter(|| write_label(path("turned.nii"), &turned).expect("a file"));
    group.bench_function("write a mask of the other memory order", write);
}

criterion_group!(benches, bench);
criterion_main!(benches);
