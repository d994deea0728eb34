//! Parameters of layers, as Burn modules.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor, TensorData};
use medseg_architecture::{Parameter, ParameterRole};

/// The parameters of one node; those that its layer lacks are absent.
#[derive(Debug, Module)]
pub(crate) struct LayerParameters {
    kernel: Option<Param<Tensor<5>>>,
    weight: Option<Param<Tensor<1>>>,
    bias: Option<Param<Tensor<1>>>,
    running_mean: Option<RunningState<Tensor<1>>>,
    running_variance: Option<RunningState<Tensor<1>>>,
}

impl LayerParameters {
    /// The layer of these parameters, whose numbers of values are those of their shapes.
    pub fn new(parameters: Vec<(Parameter, Vec<f32>)>, device: &Device) -> Self {
        let (mut kernel, mut weight, mut bias, mut running_mean, mut running_variance) = (None, None, None, None, None);
        for (parameter, values) in parameters {
            let row = |values: Vec<f32>| {
                let shape = [values.len()];
                Tensor::<1>::from_data(TensorData::new(values, shape), device)
            };
            match parameter.role {
                ParameterRole::Kernel => {
                    let data = TensorData::new(values, parameter.shape);
                    kernel = Some(Param::from_tensor(Tensor::from_data(data, device)));
                }
                ParameterRole::NormWeight | ParameterRole::Slope => weight = Some(Param::from_tensor(row(values))),
                ParameterRole::Bias | ParameterRole::NormBias => bias = Some(Param::from_tensor(row(values))),
                ParameterRole::RunningMean => running_mean = Some(RunningState::new(row(values))),
                ParameterRole::RunningVariance => running_variance = Some(RunningState::new(row(values))),
                _ => unreachable!("every role of medseg-architecture is listed"),
            }
        }
        Self { kernel, weight, bias, running_mean, running_variance }
    }

    /// Kernel of a convolution.
    pub fn kernel(&self) -> Tensor<5> {
        self.kernel.as_ref().map(Param::val).expect("a convolution has a kernel")
    }

    /// Bias of a convolution, if it has one.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }

    /// Weight and bias of a norm, if it has them.
    pub fn affine(&self) -> Option<(Tensor<1>, Tensor<1>)> {
        Some((self.weight.as_ref()?.val(), self.bias.as_ref()?.val()))
    }

    /// Slopes of a PReLU.
    pub fn slopes(&self) -> Tensor<1> {
        self.weight.as_ref().map(Param::val).expect("a PReLU has slopes")
    }

    /// Running mean and variance of a batch norm.
    pub fn statistics(&self) -> [&RunningState<Tensor<1>>; 2] {
        let both = (self.running_mean.as_ref(), self.running_variance.as_ref());
        let (Some(mean), Some(variance)) = both else { unreachable!("a batch norm has running statistics") };
        [mean, variance]
    }

    /// The values of a parameter.
    pub fn data(&self, role: ParameterRole) -> Option<TensorData> {
        let row = |row: &Option<Param<Tensor<1>>>| row.as_ref().map(|row| row.val().into_data());
        let state =
            |state: &Option<RunningState<Tensor<1>>>| state.as_ref().map(|state| state.value_sync().into_data());
        match role {
            ParameterRole::Kernel => self.kernel.as_ref().map(|kernel| kernel.val().into_data()),
            ParameterRole::NormWeight | ParameterRole::Slope => row(&self.weight),
            ParameterRole::Bias | ParameterRole::NormBias => row(&self.bias),
            ParameterRole::RunningMean => state(&self.running_mean),
            ParameterRole::RunningVariance => state(&self.running_variance),
            _ => None,
        }
    }
}
