//! Rows of resampled logits.

use half::f16;

use super::taps::Taps;
use super::{ExportGeometry, LogitResampling};
use crate::half_rows::{round_f64, widen};
use crate::resample::Rounding;

/// Resampling by source voxels and weights of each axis.
#[derive(Clone, Debug)]
pub(super) struct Resampler {
    pub(super) taps: [Taps; 3],
    torch: bool,
    /// Height and width of the logits.
    plane: [usize; 2],
}

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    half: Vec<f16>,
    single: Vec<f32>,
    double: Vec<f64>,
    sums: Vec<f64>,
    rows: [Vec<f32>; 4],
}

impl Resampler {
    pub(super) fn new(geometry: &ExportGeometry) -> Self {
        let ExportGeometry { network, cropped, resampling, .. } = *geometry;
        let (torch, separate) = match resampling {
            LogitResampling::Linear { separate } => (false, separate),
            LogitResampling::Torch { separate } => (true, separate),
            LogitResampling::Identity => (false, None),
        };
        let rounding = match separate {
            Some(0) => Rounding::of_slices(cropped[1], cropped[2]),
            Some(1) => Rounding::of_slices(cropped[0], cropped[2]),
            Some(_) => Rounding::of_slices(cropped[0], cropped[1]),
            None => Rounding::Twice,
        };
        let taps = [0, 1, 2].map(|axis| {
            let (from, to) = (network[axis], cropped[axis]);
            match (torch, separate == Some(axis)) {
                (false, false) => Taps::linear(from, to),
                (false, true) => Taps::nearest(from, to),
                (true, false) => Taps::torch_linear(from, to, rounding),
                (true, true) => Taps::torch_nearest(from, to),
            }
        });
        Self { taps, torch, plane: [network[1], network[2]] }
    }

    /// Row (`z`, `y`) of channel `class` on the cropped grid; `slice(z)` returns a slice of the logits, [class, height, width].
    pub(super) fn row<'a>(
        &self,
        slice: impl Fn(usize) -> &'a [f16],
        class: usize,
        [z, y]: [usize; 2],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let [height, width] = self.plane;
        let source = |z: usize, y: usize| &slice(z)[(class * height + y) * width..][..width];
        if self.taps.iter().all(|taps| taps.single) {
            let [zs, ys, xs] = &self.taps;
            let row = source(zs.low[z], ys.low[y]);
            scratch.single.resize(width, 0.0);
            widen(row, &mut scratch.single);
            for (out, x) in out.iter_mut().zip(&xs.low) {
                *out = scratch.single[*x];
            }
        } else if self.torch {
            self.torch_row(source, [z, y], out, scratch);
        } else {
            self.linear_row(source, [z, y], out, scratch);
        }
    }

    /// SciPy's sum: each voxel times its three weights, first axis first; the last axis fastest in the sum. All in f64.
    fn linear_row<'a>(
        &self,
        source: impl Fn(usize, usize) -> &'a [f16],
        [z, y]: [usize; 2],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let [zs, ys, xs] = &self.taps;
        let Scratch { half, single, double, sums, .. } = scratch;
        single.resize(self.plane[1], 0.0);
        double.resize(self.plane[1], 0.0);
        sums.clear();
        sums.resize(out.len(), 0.0);
        half.resize(out.len(), f16::ZERO);
        for (z, of_z) in zs.at(z) {
            for (y, of_y) in ys.at(y) {
                widen(source(z, y), single);
                for (product, value) in double.iter_mut().zip(&*single) {
                    *product = f64::from(*value) * of_z * of_y;
                }
                if xs.single {
                    for (sum, low) in sums.iter_mut().zip(&xs.low) {
                        *sum += double[*low];
                    }
                } else {
                    let taps = xs.low.iter().zip(&xs.high).zip(&xs.weights);
                    for (sum, ((low, high), [first, second])) in sums.iter_mut().zip(taps) {
                        *sum += double[*low] * first;
                        *sum += double[*high] * second;
                    }
                }
            }
        }
        round_f64(sums, out, half);
    }

    /// PyTorch's sums: along the last axis, then along the one before, then along the first; each fused.
    fn torch_row<'a>(
        &self,
        source: impl Fn(usize, usize) -> &'a [f16],
        [z, y]: [usize; 2],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let [zs, ys, xs] = &self.taps;
        let Scratch { single, rows, .. } = scratch;
        let [plane, line, ..] = rows;
        single.resize(self.plane[1], 0.0);
        plane.resize(out.len(), 0.0);
        line.resize(out.len(), 0.0);
        let mut along_x = |z: usize, y: usize, row: &mut [f32]| {
            widen(source(z, y), single);
            let taps = xs.low.iter().zip(&xs.high).zip(&xs.weights);
            for (value, ((low, high), weights)) in row.iter_mut().zip(taps) {
                *value = if xs.single { single[*low] } else { fused(single[*low], single[*high], *weights) };
            }
        };
        let mut along_y = |z: usize, row: &mut [f32]| {
            along_x(z, ys.low[y], row);
            if !ys.single {
                along_x(z, ys.high[y], line);
                combine(row, line, ys.weights[y]);
            }
        };
        along_y(zs.low[z], out);
        if !zs.single {
            along_y(zs.high[z], plane);
            combine(out, plane, zs.weights[z]);
        }
    }
}

fn combine(row: &mut [f32], other: &[f32], weights: [f64; 2]) {
    for (value, other) in row.iter_mut().zip(other) {
        *value = fused(*value, *other, weights);
    }
}

/// `a · first + (b · second)`, the first product and the sum fused. f64 holds a product of f32 exactly.
fn fused(a: f32, b: f32, [first, second]: [f64; 2]) -> f32 {
    (f64::from(a) * first + f64::from(b * second as f32)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::separate_axis;
    use medseg_testing::Golden;

    /// To the last bit of f16 (SciPy) or f32 (PyTorch).
    #[test]
    fn resampled_logits_are_those_of_scipy_and_pytorch() {
        for golden in Golden::all("resampled") {
            let logits = golden.tensor("logits");
            let [_, d, h, w] = logits.dims::<4>();
            let logits: Vec<f16> = logits.values.iter().map(|bits| f16::from_bits(*bits as u16)).collect();
            let spacing: Vec<f64> = serde_json::from_value(golden.params["spacing"].clone()).expect("a spacing");
            let spacing = [spacing[0], spacing[1], spacing[2]];
            let separate = separate_axis(spacing, spacing, None);
            let torch = golden.params["kind"] == "torch";
            let [_, depth, height, width] = golden.tensor("expected").dims::<4>();
            let geometry = ExportGeometry {
                network: [d, h, w],
                cropped: [depth, height, width],
                full: [depth, height, width],
                start: [0; 3],
                transpose_backward: [0, 1, 2],
                resampling: if torch {
                    LogitResampling::Torch { separate }
                } else {
                    LogitResampling::Linear { separate }
                },
            };
            let resampler = Resampler::new(&geometry);
            let mut got = vec![0.0; depth * height * width];
            let mut scratch = Scratch::default();
            for (at, row) in got.chunks_mut(width).enumerate() {
                let slice = |z: usize| &logits[z * h * w..][..h * w];
                resampler.row(slice, 0, [at / height, at % height], row, &mut scratch);
            }
            let want = golden.tensor("expected").f32();
            let differ = got.iter().zip(&want).filter(|(got, want)| got.to_bits() != want.to_bits()).count();
            assert_eq!(differ, 0, "{} of {}: values", golden.name, got.len());
        }
    }
}
