//! The loops of instance norm over one channel of one sample, or a part of it.

use crate::vectorised::vectorised;

/// Values one step of a sum takes: enough partial sums to fill the vector units.
const LANES: usize = 16;

/// How a channel is normalised: `((x - shift) - rest) * scale`. `shift + rest` is the mean, `shift` being its nearest
/// f32, so that a large mean cancels exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub(crate) shift: f32,
    pub(crate) rest: f32,
    pub(crate) scale: f32,
}

impl Moments {
    /// From the sums of `x - origin` and of its square over `count` voxels.
    pub(super) fn new(origin: f32, [sum, squares]: [f64; 2], count: usize, eps: f64) -> Self {
        let mean = sum / count as f64;
        let variance = squares / count as f64 - mean * mean;
        // Rounding may leave a little less than nothing; a NaN must stay one.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        let shift = (f64::from(origin) + mean) as f32;
        let rest = (f64::from(origin) - f64::from(shift) + mean) as f32;
        Self { shift, rest, scale: (variance + eps).sqrt().recip() as f32 }
    }

    #[inline(always)]
    fn centred(self, x: f32) -> f32 {
        (x - self.shift) - self.rest
    }
}

/// What a normalised channel is multiplied by and what is added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub(crate) weight: f32,
    pub(crate) bias: f32,
}

/// One branch of a residual block: a channel's moments and what follows its norm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub(super) moments: Moments,
    pub(super) affine: Affine,
}

impl Branch {
    /// The normalised value, and what the affine step makes of it.
    #[inline(always)]
    fn of(self, x: f32) -> [f32; 2] {
        let normalised = self.moments.centred(x) * self.moments.scale;
        [normalised, normalised * self.affine.weight + self.affine.bias]
    }
}

/// What the gradient of a normalised channel loses: its mean, and its projection on the normalised channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct GradMoments {
    mean: f32,
    projection: f32,
}

impl GradMoments {
    /// From the sums of the gradient and of its product with the normalised channel over `count` voxels.
    pub(super) fn new([sum, products]: [f64; 2], count: usize) -> Self {
        Self { mean: (sum / count as f64) as f32, projection: (products / count as f64) as f32 }
    }
}

/// A ReLU with this slope below 0. NaN passes through, as in Burn and PyTorch.
#[inline(always)]
fn relu(x: f32, slope: f32) -> f32 {
    let [high, low] = if x <= 0.0 { [0.0, x] } else { [x, 0.0] };
    high + low * slope
}

/// The gradient that a ReLU with this input lets through.
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
    /// Sums of `x - origin` and of its square.
    pub(super) fn sums(x: &[f32], origin: f32) -> [f64; 2] {
        let origin = f64::from(origin);
        let (mut sum, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let mut add = |lane: usize, x: f32| {
            let difference = f64::from(x) - origin;
            sum[lane] += difference;
            squares[lane] += difference * difference;
        };
        let (chunks, tail) = x.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, &x) in chunk.iter().enumerate() {
                add(lane, x);
            }
        }
        for (lane, &x) in tail.iter().enumerate() {
            add(lane, x);
        }
        [fold(sum), fold(squares)]
    }

    /// Normalises, scales and shifts, through a ReLU of this slope if `RELU`.
    pub(super) fn apply<const RELU: bool>(
        x: &[f32],
        out: &mut [f32],
        moments: Moments,
        affine: Affine,
        slope: f32,
    ) {
        let scale = moments.scale * affine.weight;
        for (out, &x) in out.iter_mut().zip(x) {
            let y = moments.centred(x) * scale + affine.bias;
            *out = if RELU { relu(y, slope) } else { y };
        }
    }

    /// [`apply`] in place.
    pub(super) fn apply_in_place<const RELU: bool>(x: &mut [f32], moments: Moments, affine: Affine, slope: f32) {
        let scale = moments.scale * affine.weight;
        for x in x {
            let y = moments.centred(*x) * scale + affine.bias;
            *x = if RELU { relu(y, slope) } else { y };
        }
    }

    /// Sums of the gradient behind the ReLU (if `RELU`) and of its product with the normalised channel.
    pub(super) fn grad_sums<const RELU: bool>(
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
    pub(super) fn apply_grad<const RELU: bool>(
        x: &[f32],
        grad: &mut [f32],
        moments: Moments,
        affine: Affine,
        slope: f32,
        lost: GradMoments,
    ) {
        let scale = moments.scale * affine.weight;
        for (grad, &x) in grad.iter_mut().zip(x) {
            let centred = moments.centred(x);
            let through = if RELU { relu_grad(centred * scale + affine.bias, *grad, slope) } else { *grad };
            *grad = (through - lost.mean - centred * moments.scale * lost.projection) * scale;
        }
    }

    /// ReLU of the sum of two normalised channels.
    pub(super) fn add_relu(a: &[f32], b: &[f32], out: &mut [f32], branches: [Branch; 2], slope: f32) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = relu(branches[0].of(a)[1] + branches[1].of(b)[1], slope);
        }
    }

    /// [`add_relu`], written over `a`.
    pub(super) fn add_relu_in_place(a: &mut [f32], b: &[f32], branches: [Branch; 2], slope: f32) {
        for (a, &b) in a.iter_mut().zip(b) {
            *a = relu(branches[0].of(*a)[1] + branches[1].of(b)[1], slope);
        }
    }

    /// Sums of the gradient behind the ReLU and of its products with both normalised channels.
    pub(super) fn add_relu_grad_sums(
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
    pub(super) fn add_relu_apply_grad(
        a: &[f32],
        b: &[f32],
        grad: &mut [f32],
        grad_b: &mut [f32],
        branches: [Branch; 2],
        slope: f32,
        lost: [GradMoments; 2],
    ) {
        let scales = branches.map(|of| of.moments.scale * of.affine.weight);
        for (((grad, grad_b), &a), &b) in grad.iter_mut().zip(grad_b).zip(a).zip(b) {
            let ([a, of_a], [b, of_b]) = (branches[0].of(a), branches[1].of(b));
            let through = relu_grad(of_a + of_b, *grad, slope);
            *grad = (through - lost[0].mean - a * lost[0].projection) * scales[0];
            *grad_b = (through - lost[1].mean - b * lost[1].projection) * scales[1];
        }
    }
}
