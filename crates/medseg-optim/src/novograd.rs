//! The NovoGrad optimizer.

use burn::optim::{LearningRate, ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::OptimError;
#[cfg(feature = "cube")]
use crate::cube::{NovoGradStep, NovoGradTensors, novograd};
use crate::error::{require, require_not_negative};
use crate::setters::setters;

/// Settings of [`NovoGrad`]; the default is MONAI's.
///
/// ```
/// use medseg_optim::NovoGradConfig;
///
/// let optimizer = NovoGradConfig { weight_decay: 1e-4, ..NovoGradConfig::default() }.init()?;
/// assert!(!optimizer.has_gradient_clipping());
/// # Ok::<(), medseg_optim::OptimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NovoGradConfig {
    /// Decay of the momentum (β₁), 0 to below 1.
    pub beta_1: f64,
    /// Decay of the running squared gradient norm (β₂), 0 to below 1.
    pub beta_2: f64,
    /// Added to the norm before dividing by it.
    pub epsilon: f64,
    /// Times the parameter, added to the normalised gradient before it enters the momentum.
    pub weight_decay: f64,
    /// Multiplies what enters the momentum by `1 - β₁`, so that the momentum is an average and not a sum.
    pub grad_averaging: bool,
    /// Divides by the largest running norm seen so far (AMSGrad).
    pub amsgrad: bool,
}

impl Default for NovoGradConfig {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.98, epsilon: 1e-8, weight_decay: 0.0, grad_averaging: false, amsgrad: false }
    }
}

setters!(NovoGradConfig {
    with_beta_1: beta_1, f64;
    with_beta_2: beta_2, f64;
    with_epsilon: epsilon, f64;
    with_weight_decay: weight_decay, f64;
    with_grad_averaging: grad_averaging, bool;
    with_amsgrad: amsgrad, bool;
});

impl NovoGradConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), OptimError> {
        for (parameter, beta) in [("beta_1", self.beta_1), ("beta_2", self.beta_2)] {
            require((0.0..1.0).contains(&beta), parameter, beta, "at least 0 and below 1")?;
        }
        require_not_negative("epsilon", self.epsilon)?;
        require_not_negative("weight_decay", self.weight_decay)
    }

    /// The bare optimizer, for a parameter group of a [`ModuleOptimizer`] or for single tensors.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn build(&self) -> Result<NovoGrad, OptimError> {
        self.validate()?;
        Ok(NovoGrad { config: *self })
    }

    /// The optimizer of a whole module.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<ModuleOptimizer, OptimError> {
        Ok(ModuleOptimizer::from(self.build()?))
    }
}

/// NovoGrad: momentum on gradients that are normalised tensor by tensor.
///
/// Each parameter tensor keeps one momentum tensor `m` and one number `v`, a running mean of the squared L2 norm of
/// its gradient. A step with gradient `g`, learning rate `η` and weight decay `λ` is
///
/// ```text
/// v ← ‖g‖²                        if v = 0 (the first step, or only zero gradients so far)
/// v ← β₂ v + (1 - β₂) ‖g‖²        otherwise
/// u ← g / (√v + ε) + λ p          with grad_averaging: u ← (1 - β₁) u
/// m ← β₁ m + u
/// p ← p - η m
/// ```
///
/// There is no bias correction; the rule for `v = 0` stands in for it. With `amsgrad` the largest `v` so far takes the
/// place of `v` in the quotient. State per parameter is half of Adam's: one tensor and one number.
///
/// # What it is not
/// NovoGrad has no orthogonal regularisation and clips no gradient. It normalises each tensor's gradient by a running
/// second moment of its norm. The first step therefore has unit length in every tensor, however small or large its
/// gradient is: a bias moves as far as a big kernel, and learning rates are not those of Adam. Gradients can be clipped
/// before the step ([`clip_global_norm`](crate::clip_global_norm), or tensor by tensor
/// [`ModuleOptimizer::with_grad_clipping`]), a penalty belongs to the loss. `weight_decay` enters after the
/// normalisation but before the momentum: neither the L2 penalty that MONAI's documentation calls it, nor AdamW's
/// direct shrinkage.
///
/// # Source
/// Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks"
/// (arXiv:1905.11286). The form is that of MONAI's `Novograd`, whose steps it reproduces to rounding.
///
/// # Cost
/// Seven passes over a parameter tensor (nine with weight decay), two of them for the norm. On a GPU, with the feature
/// `cube`, two kernels read the gradient twice and the rest once; [`step`](crate::step) gives them eight tensors at a time.
/// `v` stays on the device, so a step never waits for a GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NovoGrad {
    config: NovoGradConfig,
}

/// State of [`NovoGrad`] for one parameter tensor of rank `D`.
#[derive(Clone, Debug)]
pub struct NovoGradState<const D: usize> {
    momentum: Tensor<D>,
    /// Running squared norm `[1]`.
    squared_norm: Tensor<1>,
    /// Largest running squared norm `[1]`, with `amsgrad`.
    largest_squared_norm: Option<Tensor<1>>,
}

impl<const D: usize> NovoGradState<D> {
    /// The momentum, shaped like the parameter.
    #[must_use]
    pub fn momentum(&self) -> Tensor<D> {
        self.momentum.clone()
    }

    /// The running squared L2 norm of the gradient, shape `[1]`.
    #[must_use]
    pub fn squared_norm(&self) -> Tensor<1> {
        self.squared_norm.clone()
    }
}

impl NovoGrad {
    /// The running squared norm after a gradient of squared norm `current`.
    fn running_norm(&self, previous: Option<Tensor<1>>, current: Tensor<1>) -> Tensor<1> {
        let Some(previous) = previous else {
            return current;
        };
        let unset = previous.clone().equal_elem(0.0);
        let blended = previous.mul_scalar(self.config.beta_2) + current.clone().mul_scalar(1.0 - self.config.beta_2);
        blended.mask_where(unset, current)
    }

    /// A step in two kernels.
    #[cfg(feature = "cube")]
    fn step_on_gpu<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<NovoGradState<D>>,
    ) -> (Tensor<D>, Option<NovoGradState<D>>) {
        let NovoGradConfig { beta_1, beta_2, epsilon, weight_decay, amsgrad, .. } = self.config;
        let (first, share) = (state.is_none(), self.momentum_share());
        let step = NovoGradStep { lr, beta_1, beta_2, epsilon, share, weight_decay, amsgrad, first };
        let (momentum, squared_norm, largest) = match state {
            Some(NovoGradState { momentum, squared_norm, largest_squared_norm }) => {
                let largest = largest_squared_norm.unwrap_or_else(|| squared_norm.clone());
                (momentum, squared_norm, largest)
            }
            None => {
                let any = Tensor::empty([1], &tensor.device());
                (grad.clone(), any.clone(), any)
            }
        };
        let before = NovoGradTensors { tensor, momentum, squared_norm, largest_squared_norm: largest };
        let after = novograd(before, grad, step);
        let largest_squared_norm = amsgrad.then_some(after.largest_squared_norm);
        let state = NovoGradState { momentum: after.momentum, squared_norm: after.squared_norm, largest_squared_norm };
        (after.tensor, Some(state))
    }

    /// `(1 - β₁)` where the momentum averages, else 1.
    fn momentum_share(&self) -> f64 {
        if self.config.grad_averaging { 1.0 - self.config.beta_1 } else { 1.0 }
    }
}

impl Optimizer for NovoGrad {
    type State<const D: usize> = NovoGradState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        #[cfg(feature = "cube")]
        if crate::cube::covers(&tensor.device(), tensor.dtype()) && tensor.dtype() == grad.dtype() {
            return self.step_on_gpu(lr, tensor, grad, state);
        }
        let (momentum, previous_norm, previous_largest) = match state {
            Some(state) => (Some(state.momentum), Some(state.squared_norm), state.largest_squared_norm),
            None => (None, None, None),
        };
        let squared_norm = self.running_norm(previous_norm, (grad.clone() * grad.clone()).sum());
        let largest_squared_norm = self.config.amsgrad.then(|| match previous_largest {
            Some(largest) => largest.max_pair(squared_norm.clone()),
            None => squared_norm.clone(),
        });

        let share = self.momentum_share();
        let divisor = largest_squared_norm.as_ref().unwrap_or(&squared_norm).clone().sqrt() + self.config.epsilon;
        let factor = divisor.recip().mul_scalar(share);
        let mut update = grad * factor.reshape([1; D]);
        if self.config.weight_decay != 0.0 {
            update = update + tensor.clone().mul_scalar(share * self.config.weight_decay);
        }
        let momentum = match momentum {
            Some(momentum) => momentum.mul_scalar(self.config.beta_1) + update,
            None => update,
        };
        let tensor = tensor - momentum.clone().mul_scalar(lr);
        (tensor, Some(NovoGradState { momentum, squared_norm, largest_squared_norm }))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        NovoGradState {
            momentum: state.momentum.to_device(device),
            squared_norm: state.squared_norm.to_device(device),
            largest_squared_norm: state.largest_squared_norm.map(|norm| norm.to_device(device)),
        }
    }
}

/// Names of the entries of a saved state.
const MOMENTUM: &str = "momentum";
const SQUARED_NORM: &str = "squared_norm";
const LARGEST_SQUARED_NORM: &str = "largest_squared_norm";

impl<const D: usize> RecordState for NovoGradState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, MOMENTUM, self.momentum.to_data());
        out.push_tensor(prefix, SQUARED_NORM, self.squared_norm.to_data());
        if let Some(norm) = &self.largest_squared_norm {
            out.push_tensor(prefix, LARGEST_SQUARED_NORM, norm.to_data());
        }
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        Some(Self {
            momentum: Tensor::from_data(source.take_tensor(prefix, MOMENTUM)?, device),
            squared_norm: Tensor::from_data(source.take_tensor(prefix, SQUARED_NORM)?, device),
            largest_squared_norm: source
                .take_tensor(prefix, LARGEST_SQUARED_NORM)
                .map(|norm| Tensor::from_data(norm, device)),
        })
    }
}
