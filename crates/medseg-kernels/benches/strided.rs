//! Strided, anisotropic, transposed and few-channel convolutions of nnU-Net's and MONAI's networks, with their gradients:
//! time, speed and share of what the cores can multiply.
//!
//! `cargo bench --profile dev -p medseg-kernels --bench strided [-- PART_OF_A_ROW'S_NAME...]`
//!
//! Speed is in multiplications and additions of the direct sum. The peak is measured between the layers, on as many
//! threads; `MEDSEG_BENCH_ROUNDS` sets the rounds (default 5), of which the fastest counts.
//! On a machine that is busy otherwise, `MEDSEG_BENCH_CPU=1 RAYON_NUM_THREADS=1` gives one thread's processor time (Linux).
//! `benches/peers/strided.py` measures the same layers with PyTorch.

#[path = "fma_peak/clock.rs"]
mod clock;
#[path = "fma_peak/peak.rs"]
mod peak;

use clock::seconds_of;
use medseg_kernels::Conv3d;
use medseg_kernels::conv::{Sink, Source};

/// Kernel, stride, padding.
type Window = [[usize; 3]; 3];

const HALVING: Window = [[3; 3], [2; 3], [1; 3]];
const HALVING_IN_PLANE: Window = [[3; 3], [1, 2, 2], [1; 3]];
const FLAT_HALVING: Window = [[1, 3, 3], [1, 2, 2], [0, 1, 1]];
const FLAT: Window = [[1, 3, 3], [1; 3], [0, 1, 1]];
const ALONG_DEPTH: Window = [[3, 1, 1], [1; 3], [1, 0, 0]];
const LONG_DEPTH: Window = [[7, 1, 1], [1; 3], [3, 0, 0]];
const LONG_WIDTH: Window = [[1, 1, 7], [1; 3], [0, 0, 3]];
const SHORTCUT: Window = [[1; 3], [2; 3], [0; 3]];
const DOUBLING: Window = [[2; 3], [2; 3], [0; 3]];
const DOUBLING_IN_PLANE: Window = [[1, 2, 2], [1, 2, 2], [0; 3]];
const FIRST: Window = [[3; 3], [1; 3], [1; 3]];

/// A layer: window, channels read and written, shape read.
struct Layer(bool, Window, [usize; 2], [usize; 3]);

const fn conv(window: Window, channels: [usize; 2], shape: [usize; 3]) -> Layer {
    Layer(false, window, channels, shape)
}

const fn transposed(window: Window, channels: [usize; 2], shape: [usize; 3]) -> Layer {
    Layer(true, window, channels, shape)
}

const LAYERS: [Layer; 24] = [
    conv(HALVING, [32, 64], [128; 3]),
    conv(HALVING, [64, 128], [64; 3]),
    conv(HALVING, [128, 256], [32; 3]),
    conv(HALVING, [256, 320], [16; 3]),
    conv(HALVING, [320, 320], [8; 3]),
    conv(HALVING_IN_PLANE, [64, 128], [32, 64, 64]),
    conv(HALVING_IN_PLANE, [320, 320], [8; 3]),
    conv(FLAT_HALVING, [32, 64], [32, 128, 128]),
    conv(FLAT_HALVING, [128, 256], [16, 40, 40]),
    conv(FLAT, [32, 32], [32, 128, 128]),
    conv(ALONG_DEPTH, [64, 64], [32, 64, 64]),
    conv(LONG_DEPTH, [32, 32], [64; 3]),
    conv(LONG_WIDTH, [32, 32], [64; 3]),
    conv(SHORTCUT, [32, 64], [128; 3]),
    conv(SHORTCUT, [128, 256], [32; 3]),
    conv(SHORTCUT, [320, 320], [8; 3]),
    transposed(DOUBLING, [64, 32], [64; 3]),
    transposed(DOUBLING, [128, 64], [32; 3]),
    transposed(DOUBLING, [320, 256], [8; 3]),
    transposed(DOUBLING, [320, 320], [4; 3]),
    transposed(DOUBLING_IN_PLANE, [64, 32], [32, 64, 64]),
    conv(FIRST, [1, 16], [128; 3]),
    conv(FIRST, [1, 32], [128; 3]),
    conv(FIRST, [4, 32], [128; 3]),
];

const PASSES: [&str; 3] = ["forward", "input gradient", "weight gradient"];

fn triple(sizes: [usize; 3]) -> String {
    match sizes {
        [a, b, c] if a == b && b == c => a.to_string(),
        [a, b, c] => format!("{a}x{b}x{c}"),
    }
}

impl Layer {
    fn name(&self) -> String {
        let Self(transposed, [kernel, stride, _], [from, to], shape) = *self;
        let kind = if transposed { "transposed " } else { "" };
        format!("{kind}{} / {}, {from}->{to}, {}", triple(kernel), triple(stride), triple(shape))
    }

    /// Prints a row for each pass that is asked for.
    fn measure(&self, rounds: usize, threads: usize, parts: &[String]) {
        let Self(transposed, [kernel, stride, padding], channels, read) = *self;
        let asked = |pass: &&str| {
            let name = format!("{} {pass}", self.name());
            parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()))
        };
        let passes: Vec<&str> = PASSES.into_iter().filter(asked).collect();
        if passes.is_empty() {
            return;
        }
        // The convolution whose gradient a transposed one is.
        let [from, to] = if transposed { [channels[1], channels[0]] } else { channels };
        let conv = Conv3d::new(from, to, kernel).with_stride(stride).with_padding(padding);
        let shape = if transposed { std::array::from_fn(|a| (read[a] - 1) * stride[a] + kernel[a]) } else { read };
        let out_shape = conv.output_shape(shape);
        let [voxels, out_voxels, taps] = [shape, out_shape, kernel].map(|s| s.iter().product::<usize>());
        let random = |count: usize| -> Vec<f32> { (0..count).map(|n| (n % 1013) as f32 / 512.0 - 1.0).collect() };
        let (x, grad, weight) = (random(from * voxels), random(to * out_voxels), random(from * to * taps));
        let (mut y, mut x_grad) = (vec![0.0; grad.len()], vec![0.0; x.len()]);
        let source = Source::new(&x, 1, from, shape);
        let mut seconds = vec![f64::INFINITY; passes.len()];
        let mut peak = 0.0f64;
        for _ in 0..rounds {
            peak = peak.max(measured_peak(threads));
            for (pass, seconds) in passes.iter().zip(&mut seconds) {
                *seconds = seconds.min(seconds_of(|| match (*pass, transposed) {
                    ("weight gradient", _) => drop(std::hint::black_box(conv.weight_grad(&source, &grad))),
                    ("forward", false) | ("input gradient", true) => {
                        conv.forward(&source, &weight, &Sink::new(&mut y, 1, to, out_voxels));
                    }
                    _ => conv.input_grad(&grad, &weight, shape, &Sink::new(&mut x_grad, 1, from, voxels)),
                }));
            }
        }
        let flop = 2.0 * (out_voxels * taps * from * to) as f64;
        for (pass, seconds) in passes.into_iter().zip(seconds) {
            let speed = flop / seconds / 1e9;
            let share = 100.0 * speed / peak;
            println!("{:40} {pass:16} {:9.2} ms {speed:7.1} GFLOP/s {share:5.1} %", self.name(), seconds * 1e3);
        }
    }
}

/// The products that the threads can make, in the widest vectors; infinite where nothing measures them.
fn measured_peak(threads: usize) -> f64 {
    peak::units().first().map_or(f64::INFINITY, |unit| peak::speed(*unit, 1_000_000, threads))
}

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    let rounds = std::env::var("MEDSEG_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let threads = rayon::current_num_threads();
    println!("{threads} threads, peak {:.0} GFLOP/s", measured_peak(threads));
    for layer in &LAYERS {
        layer.measure(rounds, threads, &parts);
    }
}
