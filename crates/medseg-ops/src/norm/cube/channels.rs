//! Statistics and parameters of the channels that a unit holds.

use cubecl::prelude::*;

/// Statistics, weight and bias of a unit's channels.
#[derive(Clone, Copy, CubeType)]
pub(super) struct Channels<N: Size> {
    shift: Vector<f32, N>,
    rest: Vector<f32, N>,
    /// One over the standard deviation.
    scale: Vector<f32, N>,
    /// Times the factor, if there are factors.
    weight: Vector<f32, N>,
    bias: Vector<f32, N>,
}

#[cube]
impl<N: Size> Channels<N> {
    /// The channels of a sample that begin with `channel`, of `channels`.
    pub(super) fn load(
        statistics: &Tensor<f32>,
        weight: &Tensor<f32>,
        bias: &Tensor<f32>,
        sample: usize,
        channel: usize,
        channels: usize,
    ) -> Channels<N> {
        let row = (sample * channels + channel) * statistics.stride(0);
        let column = statistics.stride(1);
        Channels::<N> {
            shift: gather::<N>(statistics, row, statistics.stride(0)),
            rest: gather::<N>(statistics, row + column, statistics.stride(0)),
            scale: gather::<N>(statistics, row + 2 * column, statistics.stride(0)),
            weight: gather::<N>(weight, channel * weight.stride(0), weight.stride(0)),
            bias: gather::<N>(bias, channel * bias.stride(0), bias.stride(0)),
        }
    }

    /// With weight and bias multiplied by the sample's factors.
    pub(super) fn times(self, factors: &Tensor<f32>, sample: usize, channel: usize) -> Channels<N> {
        let factors = factors_of::<N>(factors, sample, channel);
        Channels::<N> {
            shift: self.shift,
            rest: self.rest,
            scale: self.scale,
            weight: self.weight * factors,
            bias: self.bias * factors,
        }
    }

    /// Mean 0 and variance 1.
    pub(super) fn normalised(&self, x: Vector<f32, N>) -> Vector<f32, N> {
        (x - self.shift - self.rest) * self.scale
    }

    /// Applies weight and bias to a normalised value.
    pub(super) fn weighted(&self, normalised: Vector<f32, N>) -> Vector<f32, N> {
        normalised * self.weight + self.bias
    }

    /// The gradient of the input: `gradient` is that of the weighted value, and `mean` and `projection` what it loses, its
    /// mean and that of its products with the normalised channel.
    pub(super) fn input_grad(
        &self,
        grad: Vector<f32, N>,
        normalised: Vector<f32, N>,
        mean: Vector<f32, N>,
        projection: Vector<f32, N>,
    ) -> Vector<f32, N> {
        (grad - mean - normalised * projection) * (self.scale * self.weight)
    }
}

/// The factors of a sample's channels that begin with `channel`.
#[cube]
pub(super) fn factors_of<N: Size>(factors: &Tensor<f32>, sample: usize, channel: usize) -> Vector<f32, N> {
    gather::<N>(factors, sample * factors.stride(0) + channel * factors.stride(1), factors.stride(1))
}

/// As many values as a vector holds, `step` apart.
#[cube]
fn gather<N: Size>(values: &Tensor<f32>, first: usize, step: usize) -> Vector<f32, N> {
    let mut gathered = Vector::<f32, N>::empty();
    #[unroll]
    for lane in 0..N::value() {
        gathered.insert(lane, values[first + lane * step]);
    }
    gathered
}

/// A ReLU with this slope below 0. NaN passes through.
#[cube]
pub(super) fn relu<N: Size>(x: Vector<f32, N>, slope: f32) -> Vector<f32, N> {
    let low = x.less_equal(&Vector::broadcast(0.0));
    select_many(low, x * Vector::broadcast(slope), x)
}

/// The gradient that a ReLU with this input lets through.
#[cube]
pub(super) fn relu_grad<N: Size>(x: Vector<f32, N>, grad: Vector<f32, N>, slope: f32) -> Vector<f32, N> {
    let low = x.less_equal(&Vector::broadcast(0.0));
    select_many(low, grad * Vector::broadcast(slope), grad)
}
