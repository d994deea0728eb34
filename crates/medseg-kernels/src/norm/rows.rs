//! The loops of instance norm over one channel of one sample, or a part of it.

use crate::isa::{LINE, ahead_of, vectorised};

/// Values one step of a sum takes: enough partial sums to fill the vector units.
const LANES: usize = LINE;

/// Mean and standard deviation of a row: it is normalised as `((x - shift) - rest) * scale`.
///
/// `shift + rest` is the mean, `shift` being its nearest f32, so that a large mean cancels exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean, rounded to f32.
    pub shift: f32,
    /// The part of the mean that `shift` lost in rounding.
    pub rest: f32,
    /// One over the standard deviation: `1 / sqrt(variance + eps)`.
    pub scale: f32,
}

impl Moments {
    /// From the sums of `x - origin` and of its square over `count` voxels.
    pub(crate) fn new(origin: f32, [sum, squares]: [f64; 2], count: usize, eps: f64) -> Self {
        let mean = sum / count as f64;
        let variance = squares / count as f64 - mean * mean;
        // Rounding may leave a little less than nothing; a NaN must stay one.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        let shift = (f64::from(origin) + mean) as f32;
        let rest = (f64::from(origin) - f64::from(shift) + mean) as f32;
        Self { shift, rest, scale: (variance + eps).sqrt().recip() as f32 }
    }

    /// The mean.
    #[must_use]
    pub fn mean(self) -> f64 {
        f64::from(self.shift) + f64::from(self.rest)
    }

    #[inline(always)]
    fn centred(self, x: f32) -> f32 {
        (x - self.shift) - self.rest
    }
}

/// Weight and bias of a normalised row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// The factor of the normalised value.
    pub weight: f32,
    /// The number that is added then.
    pub bias: f32,
}

impl Affine {
    /// No change.
    pub const IDENTITY: Self = Self { weight: 1.0, bias: 0.0 };
}

/// One branch of a residual block: a channel's moments and what follows its norm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) moments: Moments,
    pub(crate) affine: Affine,
}

impl Branch {
    /// The normalised value, and what the affine step makes of it.
    #[inline(always)]
    fn of(self, x: f32) -> [f32; 2] {
        let normalised = self.moments.centred(x) * self.moments.scale;
        [normalised, normalised * self.affine.weight + self.affine.bias]
    }
}

/// Means over a row: of the gradient, and of its products with the normalised values x̂. The gradient of the input is
/// `(grad - mean(grad) - x̂ · mean(grad · x̂)) · scale · weight`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GradMoments {
    grad: f32,
    grad_xhat: f32,
}

impl GradMoments {
    /// From the sums of the gradient and of its product with the normalised channel over `count` voxels.
    pub(crate) fn new([sum, products]: [f64; 2], count: usize) -> Self {
        Self { grad: (sum / count as f64) as f32, grad_xhat: (products / count as f64) as f32 }
    }
}

/// A ReLU with this slope below 0. NaN passes through, as in Burn and PyTorch.
#[inline(always)]
fn relu(x: f32, slope: f32) -> f32 {
    let [high, low] = if x <= 0.0 { [0.0, x] } else { [x, 0.0] };
    high + low * slope
}

/// The gradient that a ReLU with this input passes on.
#[inline(always)]
fn relu_grad(x: f32, grad: f32, slope: f32) -> f32 {
    if x <= 0.0 { grad * slope } else { grad }
}

/// Adds the partial sums pairwise, in a fixed order.
#[inline(always)]
fn fold(lanes: [f64; LANES]) -> f64 {
    let mut lanes = lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

vectorised! {
    /// Sums of the values and of their squares over a row of voxels: as [`sums`] with an origin of 0.
    pub(crate) fn row_sums(row: &[f32]) -> [f64; 2] {
        let (mut sum, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let (chunks, tail) = row.as_chunks::<LANES>();
        for chunk in chunks {
            let values = chunk.map(f64::from);
            for lane in 0..LANES {
                sum[lane] += values[lane];
                squares[lane] += values[lane] * values[lane];
            }
        }
        for (lane, &x) in tail.iter().enumerate() {
            sum[lane] += f64::from(x);
            squares[lane] += f64::from(x) * f64::from(x);
        }
        [fold(sum), fold(squares)]
    }

    /// Sums of `x - origin` and of its square.
    pub(crate) fn sums(x: &[f32], origin: f32) -> [f64; 2] {
        let origin = f64::from(origin);
        let (mut sum, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let (chunks, tail) = x.as_chunks::<LANES>();
        for chunk in chunks {
            ahead_of(chunk);
            let differences: [f64; LANES] = std::array::from_fn(|lane| f64::from(chunk[lane]) - origin);
            for lane in 0..LANES {
                sum[lane] += differences[lane];
                squares[lane] += differences[lane] * differences[lane];
            }
        }
        for (lane, &x) in tail.iter().enumerate() {
            let difference = f64::from(x) - origin;
            sum[lane] += difference;
            squares[lane] += difference * difference;
        }
        [fold(sum), fold(squares)]
    }

    /// Normalises, scales and shifts, through a ReLU of this slope if `RELU`.
    pub(crate) fn apply<const RELU: bool>(
        x: &[f32],
        out: &mut [f32],
        moments: Moments,
        affine: Affine,
        slope: f32,
    ) {
        let scale = moments.scale * affine.weight;
        let apply = |out: &mut f32, x: f32| {
            let y = moments.centred(x) * scale + affine.bias;
            *out = if RELU { relu(y, slope) } else { y };
        };
        let ((x, x_tail), (out, out_tail)) = (x.as_chunks::<LINE>(), out.as_chunks_mut::<LINE>());
        for (out, x) in out.iter_mut().zip(x) {
            ahead_of(x);
            out.iter_mut().zip(x).for_each(|(out, &x)| apply(out, x));
        }
        out_tail.iter_mut().zip(x_tail).for_each(|(out, &x)| apply(out, x));
    }

    /// [`apply`] in place.
    pub(crate) fn apply_in_place<const RELU: bool>(x: &mut [f32], moments: Moments, affine: Affine, slope: f32) {
        let scale = moments.scale * affine.weight;
        let apply = |x: &mut f32| {
            let y = moments.centred(*x) * scale + affine.bias;
            *x = if RELU { relu(y, slope) } else { y };
        };
        let (lines, tail) = x.as_chunks_mut::<LINE>();
        for line in lines {
            ahead_of(line);
            line.iter_mut().for_each(apply);
        }
        tail.iter_mut().for_each(apply);
    }

    /// Sums of the gradient behind the ReLU (if `RELU`) and of its product with the normalised channel.
    pub(crate) fn grad_sums<const RELU: bool>(
        x: &[f32],
        grad: &[f32],
        moments: Moments,
        affine: Affine,
        slope: f32,
    ) -> [f64; 2] {
        let scale = moments.scale * affine.weight;
        let (mut sum, mut products) = ([0.0; LANES], [0.0; LANES]);
        let mut add = |lane: usize, x: f32, grad: f32| {
            let centred = moments.centred(x);
            let grad = if RELU { relu_grad(centred * scale + affine.bias, grad, slope) } else { grad };
            sum[lane] += f64::from(grad);
            products[lane] += f64::from(grad * (centred * moments.scale));
        };
        let ((xs, x_tail), (grads, grad_tail)) = (x.as_chunks::<LANES>(), grad.as_chunks::<LANES>());
        for (x, grad) in xs.iter().zip(grads) {
            ahead_of(x);
            ahead_of(grad);
            for lane in 0..LANES {
                add(lane, x[lane], grad[lane]);
            }
        }
        for (lane, (&x, &grad)) in x_tail.iter().zip(grad_tail).enumerate() {
            add(lane, x, grad);
        }
        [fold(sum), fold(products)]
    }

    /// Replaces the gradient of the output by that of the input.
    pub(crate) fn apply_grad<const RELU: bool>(
        x: &[f32],
        grad: &mut [f32],
        moments: Moments,
        affine: Affine,
        slope: f32,
        means: GradMoments,
    ) {
        let scale = moments.scale * affine.weight;
        let apply = |grad: &mut f32, x: f32| {
            let centred = moments.centred(x);
            let through = if RELU { relu_grad(centred * scale + affine.bias, *grad, slope) } else { *grad };
            *grad = (through - means.grad - centred * moments.scale * means.grad_xhat) * scale;
        };
        let ((x, x_tail), (grad, grad_tail)) = (x.as_chunks::<LINE>(), grad.as_chunks_mut::<LINE>());
        for (grad, x) in grad.iter_mut().zip(x) {
            ahead_of(x);
            ahead_of(grad);
            grad.iter_mut().zip(x).for_each(|(grad, &x)| apply(grad, x));
        }
        grad_tail.iter_mut().zip(x_tail).for_each(|(grad, &x)| apply(grad, x));
    }

    /// ReLU of the sum of two normalised channels.
    pub(crate) fn add_relu(a: &[f32], b: &[f32], out: &mut [f32], branches: [Branch; 2], slope: f32) {
        let add = |out: &mut f32, a: f32, b: f32| *out = relu(branches[0].of(a)[1] + branches[1].of(b)[1], slope);
        let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LINE>(), b.as_chunks::<LINE>());
        let (out, out_tail) = out.as_chunks_mut::<LINE>();
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            ahead_of(a);
            ahead_of(b);
            out.iter_mut().zip(a).zip(b).for_each(|((out, &a), &b)| add(out, a, b));
        }
        out_tail.iter_mut().zip(a_tail).zip(b_tail).for_each(|((out, &a), &b)| add(out, a, b));
    }

    /// [`add_relu`], written over `a`.
    pub(crate) fn add_relu_in_place(a: &mut [f32], b: &[f32], branches: [Branch; 2], slope: f32) {
        let add = |a: &mut f32, b: f32| *a = relu(branches[0].of(*a)[1] + branches[1].of(b)[1], slope);
        let ((a, a_tail), (b, b_tail)) = (a.as_chunks_mut::<LINE>(), b.as_chunks::<LINE>());
        for (a, b) in a.iter_mut().zip(b) {
            ahead_of(a);
            ahead_of(b);
            a.iter_mut().zip(b).for_each(|(a, &b)| add(a, b));
        }
        a_tail.iter_mut().zip(b_tail).for_each(|(a, &b)| add(a, b));
    }

    /// Sums of the gradient behind the ReLU and of its products with both normalised channels.
    pub(crate) fn add_relu_grad_sums(
        a: &[f32],
        b: &[f32],
        grad: &[f32],
        branches: [Branch; 2],
        slope: f32,
    ) -> [f64; 3] {
        let mut sums = [[0.0; LANES]; 3];
        let mut add = |lane: usize, a: f32, b: f32, grad: f32| {
            let ([a, of_a], [b, of_b]) = (branches[0].of(a), branches[1].of(b));
            let grad = relu_grad(of_a + of_b, grad, slope);
            sums[0][lane] += f64::from(grad);
            sums[1][lane] += f64::from(grad * a);
            sums[2][lane] += f64::from(grad * b);
        };
        let ((xs, a_tail), (ys, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        let (grads, grad_tail) = grad.as_chunks::<LANES>();
        for ((a, b), grad) in xs.iter().zip(ys).zip(grads) {
            ahead_of(a);
            ahead_of(b);
            ahead_of(grad);
            for lane in 0..LANES {
                add(lane, a[lane], b[lane], grad[lane]);
            }
        }
        for (lane, ((&a, &b), &grad)) in a_tail.iter().zip(b_tail).zip(grad_tail).enumerate() {
            add(lane, a, b, grad);
        }
        sums.map(fold)
    }

    /// Replaces the gradient of the output by that of `a` and writes that of `b`.
    pub(crate) fn add_relu_apply_grad(
        a: &[f32],
        b: &[f32],
        grad: &mut [f32],
        grad_b: &mut [f32],
        branches: [Branch; 2],
        slope: f32,
        means: [GradMoments; 2],
    ) {
        let scales = branches.map(|of| of.moments.scale * of.affine.weight);
        let apply = |grad: &mut f32, grad_b: &mut f32, a: f32, b: f32| {
            let ([a, of_a], [b, of_b]) = (branches[0].of(a), branches[1].of(b));
            let through = relu_grad(of_a + of_b, *grad, slope);
            *grad = (through - means[0].grad - a * means[0].grad_xhat) * scales[0];
            *grad_b = (through - means[1].grad - b * means[1].grad_xhat) * scales[1];
        };
        let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LINE>(), b.as_chunks::<LINE>());
        let (grads, grad_tail) = grad.as_chunks_mut::<LINE>();
        let (grads_b, grad_b_tail) = grad_b.as_chunks_mut::<LINE>();
        for (((grad, grad_b), a), b) in grads.iter_mut().zip(grads_b).zip(a).zip(b) {
            ahead_of(a);
            ahead_of(b);
            ahead_of(grad);
            for lane in 0..LINE {
                apply(&mut grad[lane], &mut grad_b[lane], a[lane], b[lane]);
            }
        }
        for (((grad, grad_b), &a), &b) in grad_tail.iter_mut().zip(grad_b_tail).zip(a_tail).zip(b_tail) {
            apply(grad, grad_b, a, b);
        }
    }
}
