//! Every instruction isa against sums written out, for every kernel, stride and padding of a few.

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
        let positions: usize = out.iter().product();
        for (n, o) in (0..self.batch).flat_map(|n| (0..self.output).map(move |o| (n, o))) {
            for (c, at) in (0..self.channels).flat_map(|c| (0..positions).map(move |at| (c, at))) {
                let place = [at / (out[1] * out[2]), at / out[2] % out[1], at % out[2]];
                for (tap, t) in self.geometry.places().into_iter().enumerate() {
                    let met: Vec<usize> =
                        (0..3).filter_map(|axis| self.geometry.met(axis, place[axis], t[axis])).collect();
                    if let [z, y, x] = met[..] {
                        let input = (((n * self.channels + c) * d + z) * h + y) * w + x;
                        let weight = (o * self.channels + c) * self.geometry.taps() + tap;
                        visit((n * self.output + o) * positions + at, input, weight);
                    }
                }
            }
        }
    }

    fn check(&self, isa: Isa) {
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

#[test]
fn every_isa_is_exact_for_every_kernel_stride_and_padding() {
    for isa in Isa::available() {
        for n in 0..64 {
            let kernel = [1 + n % 3, 1 + n / 3 % 3, 1 + n / 9 % 3];
            let stride = [1 + n % 2, 1 + n / 2 % 2, 1 + n / 4 % 3];
            let padding = std::array::from_fn(|a| (n + a) % (kernel[a] + 1));
            let width = [1, 3, 7, 15, 16, 17, 33, 50][n % 8];
            let input = [kernel[0] + n % 4, kernel[1] + n % 5, kernel[2] + width];
            let geometry = Geometry::new(input, kernel, stride, padding);
            Case { batch: 1 + n % 2, channels: 1 + n % 4, output: 1 + n * 5 % 11, geometry }.check(isa);
        }
    }
}

#[test]
fn every_isa_is_exact_where_the_work_is_cut_up() {
    for isa in Isa::available() {
        let geometry = Geometry::new([4, 21, 130], [3; 3], [2; 3], [1; 3]);
        Case { batch: 1, channels: 60, output: 9, geometry }.check(isa);
        let geometry = Geometry::new([4, 42, 66], [2; 3], [2; 3], [0; 3]);
        Case { batch: 2, channels: 19, output: 9, geometry }.check(isa);
    }
}
