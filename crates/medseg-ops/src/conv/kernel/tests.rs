//! Every instruction path against sums written out, at sides around and far from a vector's width.

use super::lanes::Path;
use super::{
    Arithmetic, Part, Read, Scale, Sink, Source, Use, pointwise, pointwise_weight_gradient, pointwise_weights,
    transformed, winograd, winograd_weight_gradient,
};
use crate::upsample::axis::Axis;

/// Sides of a batch of channel-first volumes.
#[derive(Clone, Copy, Debug)]
struct Volumes {
    batch: usize,
    channels: usize,
    sides: [usize; 3],
}

impl Volumes {
    fn len(&self) -> usize {
        self.batch * self.channels * self.sides.iter().product::<usize>()
    }
}

/// Small whole numbers, so that sums are exact in f32 whatever their order.
pub(super) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 9) as f32 - 4.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

struct Case {
    x: Volumes,
    output: usize,
    kernel: usize,
    padding: [usize; 3],
}

impl Case {
    fn out_sides(&self) -> [usize; 3] {
        std::array::from_fn(|a| self.x.sides[a] + 2 * self.padding[a] + 1 - self.kernel)
    }

    /// Calls `visit(output index, input index, weight index)` for every product of the convolution.
    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (k, [d, h, w], out) = (self.kernel, self.x.sides, self.out_sides());
        for n in 0..self.x.batch {
            for (o, c) in (0..self.output).flat_map(|o| (0..self.x.channels).map(move |c| (o, c))) {
                for position in 0..out.iter().product() {
                    let at = [position / (out[1] * out[2]), position / out[2] % out[1], position % out[2]];
                    for tap in 0..k.pow(3) {
                        let offset = [tap / (k * k), tap / k % k, tap % k];
                        let from: [isize; 3] =
                            std::array::from_fn(|a| (at[a] + offset[a]) as isize - self.padding[a] as isize);
                        if (0..3).all(|a| (0..self.x.sides[a] as isize).contains(&from[a])) {
                            let [z, y, x] = from.map(|v| v as usize);
                            visit(
                                (n * self.output + o) * out.iter().product::<usize>() + position,
                                (((n * self.x.channels + c) * d + z) * h + y) * w + x,
                                (o * self.x.channels + c) * k.pow(3) + tap,
                            );
                        }
                    }
                }
            }
        }
    }

    fn check(&self, path: Path) {
        let voxels: usize = self.out_sides().iter().product();
        let x = numbers(self.x.len(), 1);
        let weights = numbers(self.output * self.x.channels * self.kernel.pow(3), 2);
        let gradient = numbers(self.x.batch * self.output * voxels, 3);
        let (mut y, mut of_x) = (vec![0.0f32; gradient.len()], vec![0.0f32; x.len()]);
        let mut of_weights = vec![0.0f32; weights.len()];
        self.products(|o, i, w| {
            y[o] += x[i] * weights[w];
            of_x[i] += gradient[o] * weights[w];
            of_weights[w] += gradient[o] * x[i];
        });
        let what = format!("{path:?} {:?} -> {} k{} p{:?}", self.x, self.output, self.kernel, self.padding);
        let parts = [Part { values: &x, channels: self.x.channels, read: Read::Plain }];
        let source = Source::new(self.x.batch, self.x.sides, &parts);
        assert!(self.forward(path, &source, &weights) == y, "output, {what}");
        assert!(self.weights(path, &source, &gradient) == of_weights, "weights, {what}");
        assert!(self.input(path, &gradient, &weights) == of_x, "input, {what}");
        // Numbers this small are exact in bf16 too. Where there are no tiles, their layout is still tested.
        for half in [Arithmetic::Half, Arithmetic::Tiles] {
            if self.kernel != 3 || (half == Arithmetic::Half && !half.available()) {
                continue;
            }
            let mut out = vec![f32::NAN; y.len()];
            let sink = Sink::new(self.x.batch, voxels, [(&mut out, self.output)]);
            let words = transformed(&weights, self.output, self.x.channels, Use::Forward, half);
            winograd(path, half, &source, &words, self.padding, &sink);
            assert!(out == y, "{half:?}, {what}");
        }
    }

    fn forward(&self, path: Path, x: &Source<'_>, weights: &[f32]) -> Vec<f32> {
        let voxels = self.out_sides().iter().product();
        let mut out = vec![f32::NAN; x.batch * self.output * voxels];
        let sink = Sink::new(x.batch, voxels, [(&mut out, self.output)]);
        if self.kernel == 1 {
            pointwise(path, x, &pointwise_weights(weights, self.output, x.channels(), false), &sink);
        } else {
            winograd(
                path,
                Arithmetic::Single,
                x,
                &transformed(weights, self.output, x.channels(), Use::Forward, Arithmetic::Single),
                self.padding,
                &sink,
            );
        }
        out
    }

    fn input(&self, path: Path, gradient: &[f32], weights: &[f32]) -> Vec<f32> {
        let Volumes { batch, channels, sides } = self.x;
        let parts = [Part { values: gradient, channels: self.output, read: Read::Plain }];
        let source = Source::new(batch, self.out_sides(), &parts);
        let mut out = vec![f32::NAN; self.x.len()];
        let sink = Sink::new(batch, sides.iter().product(), [(&mut out, channels)]);
        if self.kernel == 1 {
            pointwise(path, &source, &pointwise_weights(weights, self.output, channels, true), &sink);
        } else {
            let weights = transformed(weights, self.output, channels, Use::InputGradient, Arithmetic::Single);
            winograd(path, Arithmetic::Single, &source, &weights, self.padding.map(|p| 2 - p), &sink);
        }
        out
    }

    fn weights(&self, path: Path, x: &Source<'_>, gradient: &[f32]) -> Vec<f32> {
        if self.kernel == 1 {
            pointwise_weight_gradient(path, x, gradient, self.output)
        } else {
            winograd_weight_gradient(path, x, gradient, self.output, self.padding)
        }
    }
}

#[test]
fn every_path_is_exact_at_odd_sides_and_channels() {
    let widths = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 49];
    for path in Path::available() {
        for (n, width) in widths.into_iter().enumerate() {
            let (channels, output) = (1 + n * 5 % 7, 1 + n * 3 % 10);
            let sides = [1 + n % 4, 1 + n * 2 % 5, width];
            let x = Volumes { batch: 1 + n % 3, channels, sides };
            for padding in [[1; 3], [2, 1, 2], [1, 2, 0]] {
                if sides[2] + 2 * padding[2] >= 3 {
                    Case { x, output, kernel: 3, padding }.check(path);
                }
            }
            if sides.iter().all(|side| *side >= 3) {
                Case { x, output, kernel: 3, padding: [0; 3] }.check(path);
            }
            Case { x, output, kernel: 1, padding: [0; 3] }.check(path);
        }
    }
}

#[test]
fn every_path_is_exact_for_many_channels_and_for_long_volumes() {
    for path in Path::available() {
        let deep = Volumes { batch: 1, channels: 70, sides: [3, 2, 3] };
        Case { x: deep, output: 37, kernel: 3, padding: [1; 3] }.check(path);
        Case { x: deep, output: 37, kernel: 1, padding: [0; 3] }.check(path);
        let long = Volumes { batch: 1, channels: 2, sides: [41, 13, 19] };
        Case { x: long, output: 5, kernel: 3, padding: [1; 3] }.check(path);
        Case { x: long, output: 5, kernel: 1, padding: [0; 3] }.check(path);
    }
}

#[test]
fn every_path_is_exact_for_every_number_of_channels() {
    for path in Path::available() {
        for channels in 1..=17 {
            let x = Volumes { batch: 1 + channels % 2, channels, sides: [2, 3, 5] };
            Case { x, output: 18 - channels, kernel: 3, padding: [1; 3] }.check(path);
            Case { x, output: 18 - channels, kernel: 1, padding: [0; 3] }.check(path);
        }
    }
}

#[test]
fn every_path_is_exact_where_the_work_is_cut_up() {
    // Few rows to a task, and more voxels than the gradient of the weights holds at a time.
    let wide = Volumes { batch: 1, channels: 60, sides: [9, 63, 65] };
    // Several blocks of output channels to a task, the last ones fewer.
    let blocks = Volumes { batch: 3, channels: 2, sides: [41, 5, 6] };
    for path in Path::available() {
        Case { x: wide, output: 1, kernel: 3, padding: [1; 3] }.check(path);
        Case { x: blocks, output: 17, kernel: 3, padding: [1; 3] }.check(path);
    }
}

/// The values of a part as a convolution reads them, by formulas written out voxel by voxel.
fn as_read(part: &Part<'_>, batch: usize, [d, h, w]: [usize; 3]) -> Vec<f32> {
    let mut read = Vec::new();
    for row in 0..batch * part.channels {
        for position in 0..d * h * w {
            let at = [position / (h * w), position / w % h, position % w];
            read.push(match part.read {
                Read::Plain => part.values[row * d * h * w + position],
                Read::Rectified(scales) => {
                    let Scale { shift, rest, scale, bias, slope } = scales[row];
                    let y = ((part.values[row * d * h * w + position] - shift) - rest) * scale + bias;
                    if y > 0.0 { y } else { y * slope }
                }
                Read::Enlarged(axes) => {
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
fn inputs_are_joined_normalised_and_enlarged_while_they_are_read() {
    // Weights of 1/4 and 3/4 keep the sums exact.
    let (batch, small) = (2, [2, 3, 9]);
    let sides = small.map(|side| 2 * side);
    let axes = small.map(|side| Axis::new(side, false));
    let voxels: usize = sides.iter().product();
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
        Part { values: &b, channels: 2, read: Read::Rectified(&scales) },
        Part { values: &c, channels: 4, read: Read::Enlarged(&axes) },
    ];
    let read = parts.map(|part| as_read(&part, batch, sides));
    let plain: Vec<Part<'_>> = parts
        .iter()
        .zip(&read)
        .map(|(part, values)| Part { values, channels: part.channels, read: Read::Plain })
        .collect();
    let (source, plain) = (Source::new(batch, sides, &parts), Source::new(batch, sides, &plain));
    for path in Path::available() {
        for (kernel, padding) in [(3, [1; 3]), (3, [0, 2, 1]), (1, [0; 3])] {
            let case = Case { x: Volumes { batch, channels: 9, sides }, output: 5, kernel, padding };
            let weights = numbers(5 * 9 * kernel.pow(3), 4);
            assert!(case.forward(path, &source, &weights) == case.forward(path, &plain, &weights), "{path:?} {kernel}");
            let gradient = numbers(batch * 5 * case.out_sides().iter().product::<usize>(), 5);
            assert!(case.weights(path, &source, &gradient) == case.weights(path, &plain, &gradient), "{path:?}");
        }
    }
}

#[test]
fn the_gradient_of_joined_inputs_goes_to_both() {
    let (batch, sides) = (2, [3, 4, 17]);
    let case = Case { x: Volumes { batch, channels: 11, sides }, output: 6, kernel: 3, padding: [1; 3] };
    let voxels: usize = sides.iter().product();
    let (gradient, weights) = (numbers(batch * 6 * voxels, 1), numbers(6 * 11 * 27, 2));
    for path in Path::available() {
        let whole = case.input(path, &gradient, &weights);
        let (mut first, mut second) = (vec![f32::NAN; batch * 4 * voxels], vec![f32::NAN; batch * 7 * voxels]);
        let sink = Sink::new(batch, voxels, [(&mut first, 4), (&mut second, 7)]);
        let parts = [Part { values: &gradient, channels: 6, read: Read::Plain }];
        let packed = transformed(&weights, 6, 11, Use::InputGradient, Arithmetic::Single);
        winograd(path, Arithmetic::Single, &Source::new(batch, sides, &parts), &packed, [1; 3], &sink);
        for (n, sample) in whole.chunks_exact(11 * voxels).enumerate() {
            assert!(sample[..4 * voxels] == first[n * 4 * voxels..][..4 * voxels], "{path:?}");
            assert!(sample[4 * voxels..] == second[n * 7 * voxels..][..7 * voxels], "{path:?}");
        }
    }
}
