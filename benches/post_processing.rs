//! Largest component and hole filling of a mask of 512 × 512 × 400 voxels, and its way back from a coarser grid.
//!
//! `cargo bench --bench post_processing`; throughput is in voxels. `benches/peers/post_processing.py` gives it a mask
//! (`MEDSEG_BENCH_MASK`, written back to `MEDSEG_BENCH_RESULT`) and measures SciPy and MONAI on the same one in turn.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use medseg::inference::{BeyondMask, LabelInterpolation, PostProcessing, restore_labels};
use medseg::volume::{Dhw, Geometry, Volume, read_label, write_label};
use ndarray::Array3;

/// An organ with holes, some other parts, and spurious components.
fn phantom(shape: Dhw<usize>) -> Array3<u8> {
    let part = |at: [usize; 3], centre: [f64; 3], radius: f64| {
        let sides = shape.to_array();
        let inside = |a: usize| ((at[a] as f64 / sides[a] as f64 - centre[a]) / radius).powi(2);
        inside(0) + inside(1) + inside(2) < 1.0
    };
    Array3::from_shape_fn((shape.d, shape.h, shape.w), |(z, y, x)| {
        let at = [z, y, x];
        let hash = (z * 7919 + y * 104_729 + x * 1_299_709) % 65_521;
        let organ = part(at, [0.5, 0.45, 0.4], 0.27) && !part(at, [0.5, 0.5, 0.4], 0.03) && hash > 30;
        u8::from(organ || part(at, [0.2, 0.8, 0.8], 0.08) || hash < 3)
    })
}

fn given() -> Option<Array3<u8>> {
    std::env::var_os("MEDSEG_BENCH_MASK").map(|path| read_label(path).expect("a mask").data)
}

fn bench(c: &mut Criterion) {
    let shape = Dhw { d: 400, h: 512, w: 512 };
    let mask = given().unwrap_or_else(|| phantom(shape));
    let geometry = Geometry::from_spacing(Dhw { d: 1.0, h: 0.8, w: 0.8 }).expect("a spacing");
    let post = PostProcessing::default().keep_largest(1).fill_holes();
    if let Some(path) = std::env::var_os("MEDSEG_BENCH_RESULT") {
        let mut cleaned = mask.clone();
        post.apply(&mut cleaned, &geometry).expect("a result");
        write_label(path, &Volume::new(cleaned, geometry.clone())).expect("a file");
    }
    let mut group = c.benchmark_group("post_processing");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(mask.len() as u64));
    group.bench_function("largest component and holes", |b| {
        let clean = |mut mask| {
            post.apply(&mut mask, &geometry).expect("a result");
            mask
        };
        b.iter_batched(|| mask.clone(), clean, BatchSize::LargeInput);
    });
    let small = Dhw { d: 200, h: 256, w: 256 };
    let coarse = Volume::new(phantom(small), geometry.resized(shape, small));
    for (name, how) in [("nearest", LabelInterpolation::Nearest), ("linear", LabelInterpolation::Linear)] {
        group.bench_function(format!("restored, {name}"), |b| {
            b.iter(|| restore_labels(&coarse, shape, &geometry, how, BeyondMask::Border).expect("a result"));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
