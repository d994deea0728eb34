//! Every instruction path against sums written out, at sides around and far from a vector's width.

use super::lanes::Path;
use super::{Volumes, conv3, conv3_weight_gradient, flip, pack, pointwise, pointwise_weight_gradient};

/// Small whole numbers, so that sums are exact in f32 whatever their order.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
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
        assert!(self.forward(path, &x, self.x, &weights, self.output, self.padding) == y, "output, {what}");
        let flipped = flip(&weights, self.output, self.x.channels, self.kernel.pow(3));
        let back = self.padding.map(|p| self.kernel - 1 - p);
        let out = Volumes { batch: self.x.batch, channels: self.output, sides: self.out_sides() };
        assert!(self.forward(path, &gradient, out, &flipped, self.x.channels, back) == of_x, "input, {what}");
        let got = if self.kernel == 1 {
            pointwise_weight_gradient(path, &x, self.x, &gradient, self.output)
        } else {
            conv3_weight_gradient(path, &x, self.x, &gradient, self.output, self.padding)
        };
        assert!(got == of_weights, "weights, {what}");
    }

    fn forward(&self, path: Path, x: &[f32], of: Volumes, weights: &[f32], out: usize, pad: [usize; 3]) -> Vec<f32> {
        let packed = pack(weights, out, of.channels, self.kernel.pow(3));
        if self.kernel == 1 { pointwise(path, x, of, &packed, out) } else { conv3(path, x, of, &packed, out, pad).0 }
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
            for padding in [[1; 3], [2, 1, 2]] {
                Case { x, output, kernel: 3, padding }.check(path);
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
