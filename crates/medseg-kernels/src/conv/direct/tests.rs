//! Every instruction set against sums written out, for every kernel, stride and padding of a few.

use super::region::{Region, region_size};
use super::{Geometry, direct, transposed, weight_grad};
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::conv::tests::numbers;
use crate::isa::Isa;

struct Case {
    batch: usize,
    channels: usize,
    output: usize,
    geometry: Geometry,
}

impl Case {
    /// Calls `visit(output index, input index, weight index)` for every product of the convolution.
    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let Geometry { input: [d, h, w], output: out, .. } = self.geometry;
        let (positions, places) = (out.iter().product::<usize>(), self.geometry.places());
        // Output position, tap and input voxel of every product of a pair of channels.
        let mut met = Vec::new();
        for at in 0..positions {
            let place = [at / (out[1] * out[2]), at / out[2] % out[1], at % out[2]];
            for (tap, t) in places.iter().enumerate() {
                let along = |axis: usize| self.geometry.met(axis, place[axis], t[axis]);
                if let (Some(z), Some(y), Some(x)) = (along(0), along(1), along(2)) {
                    met.push([at, tap, (z * h + y) * w + x]);
                }
            }
        }
        for (n, o) in (0..self.batch).flat_map(|n| (0..self.output).map(move |o| (n, o))) {
            for c in 0..self.channels {
                let (input, weight) = ((n * self.channels + c) * d * h * w, (o * self.channels + c) * places.len());
                for [at, tap, voxel] in &met {
                    visit((n * self.output + o) * positions + at, input + voxel, weight + tap);
                }
            }
        }
    }

    fn check(&self) {
        let [voxels, out_voxels] = [self.geometry.input, self.geometry.output].map(|s| s.iter().product::<usize>());
        let x = numbers(self.batch * self.channels * voxels, 1);
        let weights = numbers(self.output * self.channels * self.geometry.taps(), 2);
        let gradient = numbers(self.batch * self.output * out_voxels, 3);
        let (mut y, mut grad_x) = (vec![0.0f32; gradient.len()], vec![0.0f32; x.len()]);
        let mut grad_weight = vec![0.0f32; weights.len()];
        self.products(|o, i, w| {
            y[o] += x[i] * weights[w];
            grad_x[i] += gradient[o] * weights[w];
            grad_weight[w] += gradient[o] * x[i];
        });
        let source = Source::new(&x, self.batch, self.channels, self.geometry.input);
        let spread = Source::new(&gradient, self.batch, self.output, self.geometry.output);
        for isa in Isa::available() {
            let (mut got_y, mut got_x) = (vec![f32::NAN; y.len()], vec![f32::NAN; x.len()]);
            let sink = Sink::new(&mut got_y, self.batch, self.output, out_voxels);
            direct(isa, &source, &self.geometry, &weights, &sink);
            let sink = Sink::new(&mut got_x, self.batch, self.channels, voxels);
            transposed(isa, &spread, &self.geometry, &weights, &sink);
            let got = weight_grad(isa, &source, &gradient, &self.geometry, self.output);
            assert!(got_y == y, "output, {isa:?} {:?}", self.geometry);
            assert!(got_x == grad_x, "input, {isa:?} {:?}", self.geometry);
            assert!(got == grad_weight, "weights, {isa:?} {:?}", self.geometry);
        }
    }
}

#[test]
fn every_isa_is_exact_for_every_kernel_stride_and_padding() {
    for n in 0..64 {
        let kernel = [1 + n % 3, 1 + n / 3 % 3, 1 + n / 9 % 3];
        let stride = [1 + n % 2, 1 + n / 2 % 2, 1 + n / 4 % 3];
        let padding = std::array::from_fn(|a| (n + a) % (kernel[a] + 1));
        let width = [1, 3, 7, 15, 16, 17, 33, 50][n % 8];
        let input = [kernel[0] + n % 4, kernel[1] + n % 5, kernel[2] + width];
        let geometry = Geometry::new(input, kernel, stride, padding);
        Case { batch: 1 + n % 2, channels: 1 + n % 4, output: 1 + n * 5 % 11, geometry }.check();
    }
}

#[test]
fn every_isa_is_exact_where_the_work_is_cut_up() {
    let geometry = Geometry::new([4, 21, 130], [3; 3], [2; 3], [1; 3]);
    Case { batch: 1, channels: 60, output: 9, geometry }.check();
    let geometry = Geometry::new([4, 42, 66], [2; 3], [2; 3], [0; 3]);
    Case { batch: 2, channels: 19, output: 9, geometry }.check();
}

/// Shapes for every way that input is laid out, divided and summed: batch, channels, kernel, stride, padding, input.
type Shapes = (usize, [usize; 2], [usize; 3], [usize; 3], [usize; 3], [usize; 3]);

fn check_all(shapes: &[Shapes]) {
    for &(batch, [channels, output], kernel, stride, padding, input) in shapes {
        Case { batch, channels, output, geometry: Geometry::new(input, kernel, stride, padding) }.check();
    }
}

#[test]
fn every_isa_is_exact_for_groups_of_channels_whose_sums_are_added_up() {
    check_all(&[
        // Copies for every tap, whole vectors and parts of them.
        (1, [320, 9], [3; 3], [2; 3], [1; 3], [8; 3]),
        (2, [250, 3], [3; 3], [1, 2, 2], [1; 3], [4, 5, 5]),
        // Rows of whole vectors, written in place.
        (1, [200, 17], [3; 3], [2; 3], [1; 3], [4, 7, 32]),
        (1, [300, 3], [1, 3, 3], [1, 2, 2], [0, 1, 1], [5, 16, 64]),
        // Rows that end within a vector, of too many channels to be held together.
        (1, [700, 1], [3; 3], [1; 3], [1; 3], [3, 4, 31]),
    ]);
}

#[test]
fn every_isa_is_exact_for_rows_that_end_within_a_vector() {
    check_all(&[
        (2, [3, 2], [3, 1, 1], [1; 3], [1, 0, 0], [5, 6, 31]),
        (1, [2, 3], [1, 1, 7], [1; 3], [0, 0, 3], [3, 4, 47]),
        (1, [5, 13], [2; 3], [2; 3], [0; 3], [7, 9, 11]),
        (1, [20, 12], [2; 3], [2; 3], [0; 3], [40, 38, 36]),
        (1, [12, 20], [1; 3], [2; 3], [0; 3], [40, 38, 36]),
        (3, [5, 13], [1; 3], [2; 3], [0; 3], [7, 9, 11]),
        (1, [9, 20], [1, 2, 2], [1, 2, 2], [0; 3], [3, 10, 14]),
        (1, [3, 2], [2, 2, 3], [3, 4, 5], [1; 3], [9, 10, 40]),
    ]);
}

#[test]
fn every_isa_sums_the_gradients_of_weights_exactly_over_few_and_many_positions() {
    check_all(&[
        (1, [1, 9], [3; 3], [1; 3], [1; 3], [19, 22, 23]),
        (1, [2, 3], [7, 1, 1], [1; 3], [3, 0, 0], [20, 21, 23]),
        (2, [1, 30], [1, 1, 7], [1; 3], [0, 0, 3], [9, 22, 25]),
        (1, [1, 20], [1, 2, 9], [1, 2, 1], [0, 0, 4], [9, 42, 25]),
        (1, [1, 20], [2, 1, 2], [2, 1, 2], [0; 3], [22, 20, 44]),
        (1, [13, 2], [1, 3, 3], [1; 3], [0, 1, 1], [11, 22, 24]),
        (2, [4, 3], [1; 3], [1, 2, 2], [0; 3], [17, 33, 34]),
    ]);
}

#[test]
fn regions_cover_every_row_once() {
    for output in [[1, 1, 1], [7, 5, 3], [64, 64, 64], [3, 50, 33], [13, 1, 200]] {
        for (most, reach, joined) in [(1, [0, 0], None), (256, [1, 1], Some(16)), (4096, [6, 0], None)] {
            let size = region_size(output, most, reach, [2, 1], joined);
            assert!(size[0] * size[1] * output[2] <= most.max(output[2]), "{size:?} of {output:?}");
            let mut rows = vec![0; output[0] * output[1]];
            for region in Region::all(1, output, size) {
                for voxel in region.planes(output) {
                    let first = voxel / output[2];
                    rows[first..first + region.size[1]].iter_mut().for_each(|count| *count += 1);
                }
            }
            assert!(rows.iter().all(|count| *count == 1), "{size:?} of {output:?}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let shapes: [Shapes; 5] = [
        (1, [70, 40], [3; 3], [2; 3], [1; 3], [8; 3]),
        (2, [3, 9], [3; 3], [2; 3], [1; 3], [33, 20, 41]),
        (1, [20, 12], [2; 3], [2; 3], [0; 3], [40, 38, 36]),
        (1, [1, 7], [3; 3], [1; 3], [1; 3], [21, 22, 23]),
        (1, [33, 5], [3, 1, 1], [1; 3], [1, 0, 0], [25, 16, 24]),
    ];
    for (batch, [channels, output], kernel, stride, padding, input) in shapes {
        let geometry = Geometry::new(input, kernel, stride, padding);
        let [voxels, out_voxels] = [input, geometry.output].map(|shape| shape.iter().product::<usize>());
        let fractions = |count: usize| -> Vec<f32> { (0..count).map(|n| (n as f32 * 0.37).sin()).collect() };
        let x = fractions(batch * channels * voxels);
        let (gradient, weights) =
            (fractions(batch * output * out_voxels), fractions(output * channels * geometry.taps()));
        let run = || {
            let (mut y, mut grad_x) = (vec![0.0f32; gradient.len()], vec![0.0f32; x.len()]);
            let source = Source::new(&x, batch, channels, input);
            direct(Isa::detect(), &source, &geometry, &weights, &Sink::new(&mut y, batch, output, out_voxels));
            let spread = Source::new(&gradient, batch, output, geometry.output);
            let sink = Sink::new(&mut grad_x, batch, channels, voxels);
            transposed(Isa::detect(), &spread, &geometry, &weights, &sink);
            (y, grad_x, weight_grad(Isa::detect(), &source, &gradient, &geometry, output))
        };
        let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
        let one = with(1);
        for threads in [2, 5] {
            let several = with(threads);
            assert!(several.0 == one.0, "output, {threads} threads, {geometry:?}");
            assert!(several.1 == one.1, "input's gradient, {threads} threads, {geometry:?}");
            assert!(several.2 == one.2, "weights' gradient, {threads} threads, {geometry:?}");
        }
    }
}
