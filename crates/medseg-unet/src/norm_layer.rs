//! The norms behind the blocks' convolutions.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{DType, Device, Tensor, TensorData, module};
use medseg_ops::instance_norm3d;

use crate::Norm;
use crate::layout::NormLayout;
use crate::parameters::Parameters;

/// Added to the variance in every norm of a [`UNet`](crate::UNet).
pub(crate) const EPS: f64 = 1e-5;

/// A norm with its parameters.
#[derive(Debug, Module)]
pub(crate) struct NormLayer {
    weight: Option<Param<Tensor<1>>>,
    bias: Option<Param<Tensor<1>>>,
    running_mean: Option<RunningState<Tensor<1>>>,
    running_var: Option<RunningState<Tensor<1>>>,
    #[module(skip)]
    kind: Norm,
    #[module(skip)]
    eps: f64,
}

impl NormLayer {
    /// Takes its parameters out of `parameters`, which has been checked against the layout.
    pub fn new(layout: &NormLayout, parameters: &mut Parameters, device: &Device) -> Self {
        let mut tensor = |part: &str| {
            let values = parameters.take(&layout.name_of(part));
            Tensor::<1>::from_data(TensorData::new(values, [layout.channels]), device)
        };
        let (affine, statistics) = (layout.kind.affine(), layout.kind.has_statistics());
        Self {
            weight: affine.then(|| Param::from_tensor(tensor("weight"))),
            bias: affine.then(|| Param::from_tensor(tensor("bias"))),
            running_mean: statistics.then(|| RunningState::new(tensor("running_mean"))),
            running_var: statistics.then(|| RunningState::new(tensor("running_var"))),
            kind: layout.kind,
            eps: layout.eps,
        }
    }

    /// Weight and bias, if it has them.
    pub fn affine(&self) -> Option<(Tensor<1>, Tensor<1>)> {
        Some((self.weight.as_ref()?.val(), self.bias.as_ref()?.val()))
    }

    /// x normalised. `[batch, channel, depth, height, width]`
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        match self.kind {
            Norm::Instance { .. } => instance_norm3d(x, self.affine(), self.eps),
            Norm::Group { groups } => self.group(x, groups),
            Norm::Batch { momentum } => self.batch(x, momentum),
        }
    }

    /// A group's channels lie one after the other, so they are one channel of a thicker image.
    fn group(&self, x: Tensor<5>, groups: usize) -> Tensor<5> {
        let dims @ [batch, channels, depth, height, width] = x.dims();
        let thick = x.reshape([batch, groups, channels / groups * depth, height, width]);
        let y = instance_norm3d(thick, None, self.eps).reshape(dims);
        let Some((weight, bias)) = self.affine() else { unreachable!("a group norm has a weight and a bias") };
        let row = |t: Tensor<1>| t.cast(y.dtype()).reshape([1, channels, 1, 1, 1]);
        let (weight, bias) = (row(weight), row(bias));
        y * weight + bias
    }

    /// Half-precision x is normalised in the parameters' precision and rounded at the end.
    fn batch(&self, x: Tensor<5>, momentum: f64) -> Tensor<5> {
        let dtype = x.dtype();
        match dtype {
            DType::F16 | DType::BF16 => self.batch_in_full(x.cast(DType::F32), momentum).cast(dtype),
            _ => self.batch_in_full(x, momentum),
        }
    }

    fn batch_in_full(&self, x: Tensor<5>, momentum: f64) -> Tensor<5> {
        let (Some((weight, bias)), Some(mean), Some(var)) = (self.affine(), &self.running_mean, &self.running_var)
        else {
            unreachable!("a batch norm has a weight, a bias and running statistics")
        };
        let [batch, _, depth, height, width] = x.dims();
        let count = batch * depth * height * width;
        // Of no image there are no statistics, and nothing to learn.
        if !x.device().is_autodiff() || count == 0 {
            return module::batch_norm(x, weight, bias, mean.value_sync(), var.value_sync(), self.eps);
        }
        let seen = module::batch_norm_train(x, weight, bias, self.eps);
        // As PyTorch: normalised by the biased variance, remembered as the unbiased one. Its single voxel has none.
        let unbiased = count as f64 / (count.max(2) - 1) as f64;
        move_towards(mean, seen.mean, momentum);
        move_towards(var, seen.variance.mul_scalar(unbiased), momentum);
        seen.output
    }

    /// Weight and bias, if it has them, with their names in the layout's.
    pub fn parameters(&self) -> Vec<(&'static str, Tensor<1>)> {
        let value = |part, p: &Option<Param<Tensor<1>>>| p.as_ref().map(|p| (part, p.val()));
        [value("weight", &self.weight), value("bias", &self.bias)].into_iter().flatten().collect()
    }

    /// The running statistics, if it has them.
    pub fn statistics(&self) -> Vec<(&'static str, Tensor<1>)> {
        let value = |part, s: &Option<RunningState<Tensor<1>>>| s.as_ref().map(|s| (part, s.value_sync()));
        [value("running_mean", &self.running_mean), value("running_var", &self.running_var)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Takes over a share of what a batch shows, at once: what is saved later must not lack the last step.
fn move_towards(state: &RunningState<Tensor<1>>, seen: Tensor<1>, momentum: f64) {
    let moved = state.value_sync().mul_scalar(1.0 - momentum) + seen.detach().mul_scalar(momentum);
    state.update(moved.detach());
    state.value_sync();
}
