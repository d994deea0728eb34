//! Components and intensities of a CT of 512×512×200 voxels.
//!
//! `cargo bench -p medseg-transforms --bench components`; `benches/peers/components.py` runs the same rows against scipy's
//! and MONAI's, taking turns: with `MEDSEG_BENCH_SERVE` set this program does a row for each line of its input and answers
//! with the seconds it took.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use medseg_transforms::{
    AdjustGamma, BlurBorder, ClipIntensityPercentiles, Connectivity, FillHoles, GaussianNoise, GaussianSmooth,
    HistogramNormalize, IntensityChange, NormalizeIntensity, fill_holes, keep_largest, label_components,
};
use medseg_volume::Dhw;
use ndarray::Array3;

const CT: (usize, usize, usize) = (200, 512, 512);

/// A wavy organ with holes, and specks outside; the formula is repeated in the peer.
fn mask() -> Array3<u8> {
    Array3::from_shape_fn(CT, |(d, h, w)| {
        let [z, y, x] = [(d as f64 - 100.0) / 70.0, (h as f64 - 256.0) / 160.0, (w as f64 - 220.0) / 150.0];
        let waves = 0.1 * (9.0 * x).sin() * (8.0 * y).cos() + 0.05 * (7.0 * z).sin();
        let organ = (z * z + y * y + x * x).sqrt() < 0.9 + waves;
        let speck = (d * 31 + h * 17 + w * 7) % 1009 < 3;
        u8::from(organ != speck)
    })
}

/// Air and tissue of whole numbers, as CT has them; the formula is repeated in the peer.
fn image() -> Array3<f32> {
    Array3::from_shape_fn(CT, |(d, h, w)| {
        let [y, x] = [(h as f64 - 256.0) / 200.0, (w as f64 - 256.0) / 240.0];
        let noise = ((d * 131 + h * 71 + w * 37) % 211) as f64 - 105.0;
        let inside = y * y + x * x < 1.0;
        (if inside { 40.0 + 60.0 * (5.0 * x).sin() + noise } else { -1000.0 + noise / 10.0 }).round() as f32
    })
}

fn change(row: &str) -> Option<IntensityChange> {
    Some(match row {
        "percentile clip" => ClipIntensityPercentiles { lower: Some(5.0), upper: Some(95.0) }.into(),
        "z-score" => NormalizeIntensity { nonzero: true, ..NormalizeIntensity::default() }.into(),
        "histogram normalise" => HistogramNormalize::default().into(),
        "gaussian blur" => GaussianSmooth { sigma: Dhw::splat(1.0), border: BlurBorder::Zero }.into(),
        "gaussian noise" => GaussianNoise { mean: 0.0, std: 20.0, seed: 1 }.into(),
        "gamma" => AdjustGamma { gamma: 0.8, invert: false, retain_stats: false }.into(),
        _ => return None,
    })
}

const ROWS: [&str; 10] = [
    "largest component, 6",
    "largest component, 26",
    "all components, 26",
    "fill holes",
    "percentile clip",
    "z-score",
    "histogram normalise",
    "gaussian blur",
    "gaussian noise",
    "gamma",
];

/// Does a row on a copy, which is made first, and says how long it took.
fn run(row: &str, mask: &Array3<u8>, image: &Array3<f32>) -> Duration {
    if let Some(change) = change(row) {
        let mut image = image.clone();
        let start = Instant::now();
        change.apply(&mut image.view_mut()).expect("parameters that make sense");
        black_box(&image);
        return start.elapsed();
    }
    let mut mask = mask.clone();
    let start = Instant::now();
    match row {
        "largest component, 6" => keep_largest(&mut mask, Connectivity::Face),
        "largest component, 26" => keep_largest(&mut mask, Connectivity::Vertex),
        "all components, 26" => drop(black_box(label_components(&mask.view(), Connectivity::Vertex))),
        "fill holes" => fill_holes(&mut mask, Connectivity::Face),
        other => panic!("no row {other}"),
    }
    black_box(&mask);
    start.elapsed()
}

fn serve() {
    let (mask, image) = (mask(), image());
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        println!("{}", run(&line, &mask, &image).as_secs_f64());
        std::io::stdout().flush().expect("an open output");
    }
}

fn bench(c: &mut Criterion) {
    if std::env::var_os("MEDSEG_BENCH_SERVE").is_some() {
        return serve();
    }
    let mut group = c.benchmark_group("512x512x200");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    let (mask, image) = (mask(), image());
    for row in ROWS {
        group.bench_function(row, |b| b.iter_custom(|times| (0..times).map(|_| run(row, &mask, &image)).sum()));
    }
    // Every label's holes at once: the label map of the same size.
    group.bench_function("fill holes of labels", |b| {
        b.iter_batched(
            || mask.clone(),
            |mut mask| FillHoles::default().apply(&mut mask),
            criterion::BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
