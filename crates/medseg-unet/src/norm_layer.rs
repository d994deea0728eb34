//! The norms behind the blocks' convolutions.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor, TensorData};
use medseg_ops::{RunningStatistics, batch_norm3d, group_norm3d, instance_norm3d};

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
            Norm::Group { groups } => group_norm3d(x, groups, self.affine(), self.eps),
            Norm::Batch { momentum } => self.batch(x, momentum),
        }
    }

    fn batch(&self, x: Tensor<5>, momentum: f64) -> Tensor<5> {
        let (Some(affine), Some(mean), Some(variance)) = (self.affine(), &self.running_mean, &self.running_var) else {
            unreachable!("a batch norm has a weight, a bias and running statistics")
        };
        batch_norm3d(x, affine, RunningStatistics { mean, variance, momentum }, self.eps)
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
