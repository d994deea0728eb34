//! The convolutions of a residual U-Net in f32 and in bf16 on tiles (AMX), in turn: time, speed and error.
//!
//! `cargo bench --profile dev -p medseg-kernels --bench tiles [-- PART_OF_A_ROW'S_NAME...]`
//!
//! Inputs are read through a norm and a ReLU, as in the network, or upsampled where a skip connection meets what comes from
//! below. Speed is in multiplications and additions of the direct sum; the tiles' peak is sixteen times that of vectors,
//! which is measured between the layers. Bytes are those of the maps that are read and written once. `MEDSEG_BENCH_ROUNDS`
//! sets the rounds (default 5), of which the median counts. The error is the root of the mean square, relative to that of
//! the output in f32.

#[path = "fma_peak/clock.rs"]
mod clock;
#[path = "fma_peak/peak.rs"]
mod peak;

use clock::seconds_of;
use medseg_kernels::conv::{Part, Read, Scale, Sink, Source};
use medseg_kernels::memory::Buffer;
use medseg_kernels::{Arithmetic, Conv3d};

/// Products of the tiles a product of vectors of f32.
const TILES: f64 = 16.0;

/// Size of the kernel, channels of the skip connection, of the upsampled map and of the output, size of a volume.
struct Layer(usize, [usize; 3], usize);

const LAYERS: [Layer; 14] = [
    Layer(3, [1, 0, 16], 128),
    Layer(3, [16, 0, 16], 128),
    Layer(3, [16, 32, 16], 128),
    Layer(1, [16, 32, 16], 128),
    Layer(1, [16, 0, 1], 128),
    Layer(3, [32, 0, 32], 64),
    Layer(3, [32, 64, 32], 64),
    Layer(1, [32, 64, 32], 64),
    Layer(3, [64, 0, 64], 32),
    Layer(3, [64, 128, 64], 32),
    Layer(3, [128, 0, 128], 16),
    Layer(3, [128, 256, 128], 16),
    Layer(3, [128, 0, 256], 8),
    Layer(3, [256, 0, 256], 8),
];

impl Layer {
    fn name(&self) -> String {
        let Self(kernel, [skip, below, out], size) = self;
        let from = if *below > 0 { format!("{skip}+{below}") } else { skip.to_string() };
        format!("{kernel}x{kernel}x{kernel}, {from}->{out}, {size}")
    }

    fn measure(&self, rounds: usize, threads: usize) {
        let Self(kernel, [skip, below, out], size) = *self;
        let voxels = size.pow(3);
        let mut state = 1u32;
        let mut random = |count: usize| -> Vec<f32> {
            let mut number = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            (0..count).map(|_| number()).collect()
        };
        // On large pages, as the maps of a network are.
        let [mut x, mut small] = [skip * voxels, below * voxels / 8].map(Buffer::new);
        x.copy_from_slice(&random(skip * voxels));
        small.copy_from_slice(&random(below * voxels / 8));
        let weight = random((skip + below) * out * kernel.pow(3));
        let scales = vec![Scale { shift: 0.1, rest: 0.0, scale: 1.2, bias: 0.1, slope: 0.0 }; skip];
        let read = if skip > 1 && below == 0 { Read::NormRelu(&scales) } else { Read::Plain };
        let parts = [
            Part { values: &x, channels: skip, read },
            Part { values: &small, channels: below, read: Read::Upsampled { align_corners: true } },
        ];
        let source = Source::from_parts(1, [size; 3], &parts[..if below > 0 { 2 } else { 1 }]);
        let conv = Conv3d::new(skip + below, out, [kernel; 3]).with_padding([kernel / 2; 3]);
        let mut ways = vec![(Arithmetic::F32, Buffer::new(out * voxels), Vec::new())];
        ways.extend(Arithmetic::fastest_bf16().map(|way| (way, Buffer::new(out * voxels), Vec::new())));
        let mut peak = 0.0f64;
        for round in 0..=rounds {
            peak = peak.max(peak::units().first().map_or(0.0, |unit| peak::speed(*unit, 1_000_000, threads)));
            for (way, y, seconds) in &mut ways {
                let conv = conv.with_arithmetic(*way);
                let spent = seconds_of(|| {
                    conv.forward(&source, &weight, &Sink::new(y, 1, out, voxels).with_sums(size));
                });
                // The first round touches the memory.
                if round > 0 {
                    seconds.push(spent);
                }
            }
        }
        let flop = 2.0 * ((skip + below) * out * voxels * kernel.pow(3)) as f64;
        let bytes = 4.0 * (x.len() + small.len() + out * voxels) as f64;
        let exact = ways[0].1.to_vec();
        for (way, y, seconds) in &mut ways {
            seconds.sort_by(f64::total_cmp);
            let seconds = seconds[seconds.len() / 2];
            let share = 100.0 * flop / seconds / 1e9 / (peak * if *way == Arithmetic::F32 { 1.0 } else { TILES });
            let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
            let lost = square(&mut y.iter().zip(&exact).map(|(y, x)| y - x)) / square(&mut exact.iter().copied());
            println!(
                "{:28} {way:10?} {:8.2} ms {:7.0} GFLOP/s {share:5.1} % of the peak {:6.1} GB/s, error {:.1e}",
                self.name(),
                seconds * 1e3,
                flop / seconds / 1e9,
                bytes / seconds / 1e9,
                lost.sqrt()
            );
        }
    }
}

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    let rounds = std::env::var("MEDSEG_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let threads = rayon::current_num_threads();
    for layer in &LAYERS {
        let name = layer.name();
        if parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str())) {
            layer.measure(rounds, threads);
        }
    }
}
