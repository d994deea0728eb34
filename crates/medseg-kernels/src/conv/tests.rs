//! Every instruction isa against sums written out, at shape around and far from a vector's width.

use super::direct::{Geometry, weight_grad};
use super::pointwise::{pointwise, pointwise_weight_grad, pointwise_weights};
use super::winograd::{Pass, Tile, transformed, winograd, winograd_weight_grad};
use super::{Arithmetic, Conv3d, Part, Read, Scale, Sink, Source};
use crate::isa::Isa;
use crate::upsample::{Axis, upsample_trilinear2x_grad};

/// Shape of a batch of channel-first volumes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Volumes {
    pub batch: usize,
    pub channels: usize,
    pub shape: [usize; 3],
}

impl Volumes {
    pub fn len(&self) -> usize {
        self.batch * self.channels * self.shape.iter().product::<usize>()
    }
}

/// Small whole numbers, so that sums are exact in f32 whatever their order.
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 9) as f32 - 4.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

pub(crate) struct Case {
    pub x: Volumes,
    pub output: usize,
    pub kernel: [usize; 3],
    pub padding: [usize; 3],
}

impl Case {
    pub fn output_shape(&self) -> [usize; 3] {
        std::array::from_fn(|a| self.x.shape[a] + 2 * self.padding[a] + 1 - self.kernel[a])
    }

    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Calls `visit(output index, input index, weight index)` for every product of the convolution.
    pub fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ([_, kh, kw], [d, h, w], out) = (self.kernel, self.x.shape, self.output_shape());
        for n in 0..self.x.batch {
            for (o, c) in (0..self.output).flat_map(|o| (0..self.x.channels).map(move |c| (o, c))) {
                for position in 0..out.iter().product() {
                    let at = [position / (out[1] * out[2]), position / out[2] % out[1], position % out[2]];
                    for tap in 0..self.taps() {
                        let offset = [tap / (kh * kw), tap / kw % kh, tap % kw];
                        let from: [isize; 3] =
                            std::array::from_fn(|a| (at[a] + offset[a]) as isize - self.padding[a] as isize);
                        if (0..3).all(|a| (0..self.x.shape[a] as isize).contains(&from[a])) {
                            let [z, y, x] = from.map(|v| v as usize);
                            visit(
                                (n * self.output + o) * out.iter().product::<usize>() + position,
                                (((n * self.x.channels + c) * d + z) * h + y) * w + x,
                                (o * self.x.channels + c) * self.taps() + tap,
                            );
                        }
                    }
                }
            }
        }
    }

    fn check(&self, isa: Isa) {
        let voxels: usize = self.output_shape().iter().product();
        let x = numbers(self.x.len(), 1);
        let weights = numbers(self.output * self.x.channels * self.taps(), 2);
        let gradient = numbers(self.x.batch * self.output * voxels, 3);
        let (mut y, mut grad_x) = (vec![0.0f32; gradient.len()], vec![0.0f32; x.len()]);
        let mut grad_weight = vec![0.0f32; weights.len()];
        self.products(|o, i, w| {
            y[o] += x[i] * weights[w];
            grad_x[i] += gradient[o] * weights[w];
            grad_weight[w] += gradient[o] * x[i];
        });
        let what = format!("{isa:?} {:?} -> {} k{:?} p{:?}", self.x, self.output, self.kernel, self.padding);
        let source = Source::new(&x, self.x.batch, self.x.channels, self.x.shape);
        for tile in self.tiles() {
            let sums = self.x.batch * voxels;
            assert!(
                self.close(tile, sums, &self.weights(isa, tile, &source, &gradient), &grad_weight),
                "{tile:?}, {what}"
            );
            assert!(
                self.close(tile, self.x.channels * self.taps(), &self.forward(isa, tile, &source, &weights), &y),
                "{tile:?}, {what}"
            );
            assert!(
                self.close(tile, self.output * self.taps(), &self.input(isa, tile, &gradient, &weights), &grad_x),
                "{tile:?}, {what}"
            );
        }
        // Numbers this small are exact in bf16 too.
        if let Some(&tile) = Tile::all(self.kernel).first().filter(|_| Arithmetic::Bf16.available()) {
            let mut out = vec![f32::NAN; y.len()];
            let sink = Sink::new(&mut out, self.x.batch, self.output, voxels);
            let words = transformed(tile, &weights, self.output, self.x.channels, Pass::Forward, Arithmetic::Bf16);
            winograd(isa, Arithmetic::Bf16, tile, &source, &words, self.padding, &sink);
            assert!(out == y, "{what}");
        }
    }

    /// The ways to make this case: every tile of its kernel, or none for a kernel without.
    fn tiles(&self) -> Vec<Option<Tile>> {
        let tiles: Vec<_> = Tile::all(self.kernel).iter().copied().map(Some).collect();
        if tiles.is_empty() { vec![None] } else { tiles }
    }

    /// True if sums of so many products are exact, or, by tiles of four rows, as good as they can be: a wrong product
    /// changes a sum by 1 at least.
    fn close(&self, tile: Option<Tile>, products: usize, got: &[f32], want: &[f32]) -> bool {
        let largest = 16.0 * products as f32;
        let error = if tile.is_some_and(|tile| tile.rows() == 4) { (4e-6 * largest).min(0.2) } else { 0.0 };
        got.len() == want.len() && got.iter().zip(want).all(|(got, want)| (got - want).abs() <= error)
    }

    fn forward(&self, isa: Isa, tile: Option<Tile>, x: &Source<'_>, weights: &[f32]) -> Vec<f32> {
        let voxels = self.output_shape().iter().product();
        let mut out = vec![f32::NAN; x.batch() * self.output * voxels];
        let sink = Sink::new(&mut out, x.batch(), self.output, voxels);
        let Some(tile) = tile else {
            pointwise(isa, x, &pointwise_weights(weights, self.output, x.channels(), Pass::Forward), None, &sink);
            return out;
        };
        let weights = transformed(tile, weights, self.output, x.channels(), Pass::Forward, Arithmetic::F32);
        winograd(isa, Arithmetic::F32, tile, x, &weights, self.padding, &sink);
        out
    }

    fn input(&self, isa: Isa, tile: Option<Tile>, gradient: &[f32], weights: &[f32]) -> Vec<f32> {
        let Volumes { batch, channels, shape } = self.x;
        let source = Source::new(gradient, batch, self.output, self.output_shape());
        let mut out = vec![f32::NAN; self.x.len()];
        let sink = Sink::new(&mut out, batch, channels, shape.iter().product());
        let Some(tile) = tile else {
            pointwise(isa, &source, &pointwise_weights(weights, self.output, channels, Pass::InputGrad), None, &sink);
            return out;
        };
        let weights = transformed(tile, weights, self.output, channels, Pass::InputGrad, Arithmetic::F32);
        let padding = std::array::from_fn(|a| self.kernel[a] - 1 - self.padding[a]);
        winograd(isa, Arithmetic::F32, tile, &source, &weights, padding, &sink);
        out
    }

    fn weights(&self, isa: Isa, tile: Option<Tile>, x: &Source<'_>, gradient: &[f32]) -> Vec<f32> {
        match self.kernel {
            [1, 1, 1] => pointwise_weight_grad(isa, x, gradient, self.output),
            [3, 3, 3] => winograd_weight_grad(isa, tile.expect("a tile"), x, gradient, self.output, self.padding),
            kernel => {
                let geometry = Geometry::new(self.x.shape, kernel, [1; 3], self.padding);
                weight_grad(isa, x, gradient, &geometry, self.output)
            }
        }
    }
}

#[test]
fn every_isa_is_exact_at_odd_sizes_and_channels() {
    let widths = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 49];
    for isa in Isa::available() {
        for (n, width) in widths.into_iter().enumerate() {
            let (channels, output) = (1 + n * 5 % 7, 1 + n * 3 % 10);
            let shape = [1 + n % 4, 1 + n * 2 % 5, width];
            let x = Volumes { batch: 1 + n % 3, channels, shape };
            for padding in [[1; 3], [2, 1, 2], [1, 2, 0]] {
                if shape[2] + 2 * padding[2] >= 3 {
                    Case { x, output, kernel: [3; 3], padding }.check(isa);
                    let [_, height, width] = padding;
                    Case { x, output, kernel: [1, 3, 3], padding: [0, height, width] }.check(isa);
                }
            }
            if shape.iter().all(|length| *length >= 3) {
                Case { x, output, kernel: [3; 3], padding: [0; 3] }.check(isa);
            }
            Case { x, output, kernel: [1; 3], padding: [0; 3] }.check(isa);
        }
    }
}

#[test]
fn every_isa_is_exact_for_many_channels_and_for_long_volumes() {
    for isa in Isa::available() {
        let deep = Volumes { batch: 1, channels: 70, shape: [3, 2, 3] };
        Case { x: deep, output: 37, kernel: [3; 3], padding: [1; 3] }.check(isa);
        Case { x: deep, output: 37, kernel: [1, 3, 3], padding: [0, 1, 1] }.check(isa);
        Case { x: deep, output: 37, kernel: [1; 3], padding: [0; 3] }.check(isa);
        let long = Volumes { batch: 1, channels: 2, shape: [41, 13, 19] };
        Case { x: long, output: 5, kernel: [3; 3], padding: [1; 3] }.check(isa);
        Case { x: long, output: 5, kernel: [1, 3, 3], padding: [0, 1, 1] }.check(isa);
        Case { x: long, output: 5, kernel: [1; 3], padding: [0; 3] }.check(isa);
    }
}

#[test]
fn every_isa_is_exact_for_every_number_of_channels() {
    for isa in Isa::available() {
        for channels in 1..=17 {
            let x = Volumes { batch: 1 + channels % 2, channels, shape: [2, 3, 5] };
            Case { x, output: 18 - channels, kernel: [3; 3], padding: [1; 3] }.check(isa);
            Case { x, output: 18 - channels, kernel: [1, 3, 3], padding: [0, 1, 1] }.check(isa);
            Case { x, output: 18 - channels, kernel: [1; 3], padding: [0; 3] }.check(isa);
        }
    }
}

#[test]
fn every_isa_is_exact_where_the_work_is_cut_up() {
    // Few rows to a task, and more voxels than the gradient of the weights holds at a time.
    let wide = Volumes { batch: 1, channels: 60, shape: [9, 63, 65] };
    // Several blocks of output channels to a task, the last ones fewer.
    let blocks = Volumes { batch: 3, channels: 2, shape: [41, 5, 6] };
    for isa in Isa::available() {
        Case { x: wide, output: 1, kernel: [3; 3], padding: [1; 3] }.check(isa);
        Case { x: wide, output: 1, kernel: [1, 3, 3], padding: [0, 1, 1] }.check(isa);
        Case { x: blocks, output: 17, kernel: [3; 3], padding: [1; 3] }.check(isa);
        Case { x: blocks, output: 17, kernel: [1, 3, 3], padding: [0, 1, 1] }.check(isa);
    }
}

/// The values of a part as a convolution reads them, by formulas written out voxel by voxel.
fn as_read(part: &Part<'_>, axes: &[Axis; 3], batch: usize, [d, h, w]: [usize; 3]) -> Vec<f32> {
    let mut read = Vec::new();
    for row in 0..batch * part.channels {
        for position in 0..d * h * w {
            let at = [position / (h * w), position / w % h, position % w];
            read.push(match part.read {
                Read::Plain => part.values[row * d * h * w + position],
                Read::NormRelu(scales) => {
                    let Scale { shift, rest, scale, bias, slope } = scales[row];
                    let y = ((part.values[row * d * h * w + position] - shift) - rest) * scale + bias;
                    if y > 0.0 { y } else { y * slope }
                }
                Read::Upsampled { .. } => {
                    let [sz, sy, sx]: [_; 3] = std::array::from_fn(|a| axes[a].sources(at[a]));
                    let small = [d / 2, h / 2, w / 2];
                    let mut sum = 0.0;
                    for (z, y, x) in (0..8).map(|n| (sz[n / 4], sy[n / 2 % 2], sx[n % 2])) {
                        let value = part.values[((row * small[0] + z.0) * small[1] + y.0) * small[2] + x.0];
                        sum += z.1 * y.1 * x.1 * value;
                    }
                    sum
                }
            });
        }
    }
    read
}

#[test]
fn inputs_are_concatenated_normalised_and_upsampled_while_they_are_read() {
    // Weights of 1/4 and 3/4 keep the sums exact.
    let (batch, small) = (2, [2, 3, 9]);
    let shape = small.map(|length| 2 * length);
    let axes = small.map(|length| Axis::new(length, false));
    let voxels: usize = shape.iter().product();
    let scales: Vec<Scale> = (0..batch * 2)
        .map(|n| Scale {
            shift: n as f32,
            rest: 0.5,
            scale: [0.5, 0.0, 1.0, -2.0][n],
            bias: [0.0, 1.0, -0.5, 2.0][n],
            slope: [0.0, 0.0, 0.25, 0.5][n],
        })
        .collect();
    let (a, b, c) =
        (numbers(batch * 3 * voxels, 1), numbers(batch * 2 * voxels, 2), numbers(batch * 4 * voxels / 8, 3));
    let parts = [
        Part { values: &a, channels: 3, read: Read::Plain },
        Part { values: &b, channels: 2, read: Read::NormRelu(&scales) },
        Part { values: &c, channels: 4, read: Read::Upsampled { align_corners: false } },
    ];
    let read = parts.map(|part| as_read(&part, &axes, batch, shape));
    let plain: Vec<Part<'_>> = parts
        .iter()
        .zip(&read)
        .map(|(part, values)| Part { values, channels: part.channels, read: Read::Plain })
        .collect();
    let (source, plain) = (Source::from_parts(batch, shape, &parts), Source::from_parts(batch, shape, &plain));
    for isa in Isa::available() {
        for (kernel, padding) in [([3; 3], [1; 3]), ([3; 3], [0, 2, 1]), ([1, 3, 3], [0, 1, 2]), ([1; 3], [0; 3])] {
            let case = Case { x: Volumes { batch, channels: 9, shape }, output: 5, kernel, padding };
            let weights = numbers(5 * 9 * case.taps(), 4);
            for tile in case.tiles() {
                let of = |source| case.forward(isa, tile, source, &weights);
                assert!(of(&source) == of(&plain), "{isa:?} {tile:?}");
            }
            let gradient = numbers(batch * 5 * case.output_shape().iter().product::<usize>(), 5);
            for tile in case.tiles() {
                let of = |source| case.weights(isa, tile, source, &gradient);
                assert!(of(&source) == of(&plain), "{isa:?} {tile:?}");
            }
        }
    }
}

#[test]
fn a_pointwise_convolution_multiplies_before_it_upsamples() {
    // Shapes around a vector's width and a tile's rows; more, as many and fewer output channels than upsampled ones.
    for (n, small) in [[1, 1, 1], [2, 3, 9], [1, 5, 8], [3, 2, 33]].into_iter().enumerate() {
        let (batch, shape) = (1 + n % 2, small.map(|length| 2 * length));
        let voxels: usize = shape.iter().product();
        for (skip, below, output) in [(3, 4, 4), (2, 9, 5), (17, 10, 9), (1, 3, 8)] {
            let (a, b) = (numbers(batch * skip * voxels, 1), numbers(batch * below * voxels / 8, 2));
            let weights = numbers(output * (skip + below), 3);
            let gradient = numbers(batch * output * voxels, 4);
            for align_corners in [false, true] {
                let axes = small.map(|length| Axis::new(length, align_corners));
                let large = Part { values: &b, channels: below, read: Read::Upsampled { align_corners } };
                let plain = Part { values: &a, channels: skip, read: Read::Plain };
                let read = as_read(&large, &axes, batch, shape);
                let made = Part { values: &read, channels: below, read: Read::Plain };
                let sources = [[plain, large], [plain, made]].map(|parts| Source::from_parts(batch, shape, &parts));
                for isa in Isa::available() {
                    let conv = Conv3d::new(skip + below, output, [1; 3]).with_isa(isa);
                    assert_eq!(conv.multiplies_before_upsampling(below), output <= below);
                    let found = sources.each_ref().map(|source| {
                        let mut out = vec![f32::NAN; batch * output * voxels];
                        conv.forward(source, &weights, &Sink::new(&mut out, batch, output, voxels));
                        [out, conv.weight_grad(source, &gradient)]
                    });
                    if output <= below {
                        // The gradient of what is upsampled, then gathered.
                        let mut whole = vec![f32::NAN; batch * (skip + below) * voxels];
                        conv.input_grad(
                            &gradient,
                            &weights,
                            shape,
                            &Sink::new(&mut whole, batch, skip + below, voxels),
                        );
                        let (mut plain, mut gathered) = (Vec::new(), vec![f32::NAN; b.len()]);
                        let rows = whole.chunks_exact((skip + below) * voxels);
                        for (sample, gathered) in rows.zip(gathered.chunks_exact_mut(below * voxels / 8)) {
                            let (of_plain, of_large) = sample.split_at(skip * voxels);
                            plain.extend_from_slice(of_plain);
                            upsample_trilinear2x_grad(of_large, small, align_corners, gathered);
                        }
                        let (mut got_plain, mut got) = (vec![f32::NAN; a.len()], vec![f32::NAN; b.len()]);
                        let parts = [&mut got_plain[..], &mut got[..]];
                        conv.upsampled_input_grad(&gradient, &weights, (small, align_corners), parts);
                        let error = if align_corners { 1e-3 } else { 0.0 };
                        assert!(got_plain == plain, "{isa:?} {small:?} {skip} {below} {output}");
                        assert!(got.iter().zip(&gathered).all(|(got, want)| (got - want).abs() <= error));
                    }
                    // Weights of 1/4 and 3/4 keep the sums exact; the others are rounded.
                    let error = |n: usize| if align_corners { [1e-4, 1e-5 * (batch * voxels) as f32][n] } else { 0.0 };
                    for (n, (got, want)) in found[0].iter().zip(&found[1]).enumerate() {
                        assert_eq!(got.len(), want.len());
                        let close = got.iter().zip(want).all(|(got, want)| (got - want).abs() <= error(n));
                        assert!(close, "{isa:?} {small:?} {skip} {below} {output} {align_corners} {n}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_gradient_of_concatenated_inputs_goes_to_both() {
    let (batch, shape) = (2, [3, 4, 17]);
    let case = Case { x: Volumes { batch, channels: 11, shape }, output: 6, kernel: [3; 3], padding: [1; 3] };
    let voxels: usize = shape.iter().product();
    let (gradient, weights) = (numbers(batch * 6 * voxels, 1), numbers(6 * 11 * 27, 2));
    for (isa, &tile) in
        Isa::available().into_iter().flat_map(|isa| Tile::all([3; 3]).iter().map(move |tile| (isa, tile)))
    {
        let whole = case.input(isa, Some(tile), &gradient, &weights);
        let (mut first, mut second) = (vec![f32::NAN; batch * 4 * voxels], vec![f32::NAN; batch * 7 * voxels]);
        let sink = Sink::from_parts(batch, voxels, [(&mut first, 4), (&mut second, 7)]);
        let packed = transformed(tile, &weights, 6, 11, Pass::InputGrad, Arithmetic::F32);
        winograd(isa, Arithmetic::F32, tile, &Source::new(&gradient, batch, 6, shape), &packed, [1; 3], &sink);
        for (n, sample) in whole.chunks_exact(11 * voxels).enumerate() {
            assert!(sample[..4 * voxels] == first[n * 4 * voxels..][..4 * voxels], "{isa:?}");
            assert!(sample[4 * voxels..] == second[n * 7 * voxels..][..7 * voxels], "{isa:?}");
        }
    }
}
