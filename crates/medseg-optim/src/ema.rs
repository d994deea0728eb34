//! Exponential moving average of a model's weights.

use std::any::Any;
use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::OptimError;
use crate::error::require;
use crate::setters::setters;

/// Settings of [`Ema`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmaConfig {
    /// Share of the old average that an update keeps, 0 to below 1.
    pub decay: f64,
    /// Keeps less in the first updates, `(1 + n) / (10 + n)` in the `n`-th from 0, until that exceeds `decay`: otherwise
    /// the first weights, which are random, stay in the average for thousands of updates.
    pub warmup: bool,
}

impl Default for EmaConfig {
    fn default() -> Self {
        Self { decay: 0.999, warmup: true }
    }
}

setters!(EmaConfig {
    with_decay: decay, f64;
    with_warmup: warmup, bool;
});

impl EmaConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] if `decay` is not at least 0 and below 1.
    pub fn validate(&self) -> Result<(), OptimError> {
        require((0.0..1.0).contains(&self.decay), "decay", self.decay, "at least 0 and below 1")
    }

    /// An average that starts as the weights of `model`.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init<M: Module>(&self, model: &M) -> Result<Ema<M>, OptimError> {
        self.resume(model.valid(), EmaState { updates: 0 })
    }

    /// Goes on from a saved average (loaded with its parameter ids) and state.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn resume<M: Module>(&self, average: M, state: EmaState) -> Result<Ema<M>, OptimError> {
        self.validate()?;
        Ok(Ema { config: *self, average: average.valid(), state })
    }
}

/// State of an [`Ema`] to save besides its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaState {
    /// Updates so far.
    pub updates: u64,
}

/// Exponential moving average of a model's weights: `average ← average + (1 - decay) (weight - average)`.
///
/// Predict with [`average`](Self::average), train the model itself. Only floating-point parameters are averaged.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use medseg_optim::EmaConfig;
///
/// let device = Device::flex().autodiff();
/// let model = LinearConfig::new(3, 1).init(&device);
/// let mut ema = EmaConfig { decay: 0.99, warmup: false }.init(&model)?;
/// // after each optimizer step:
/// ema.update(&model)?;
/// let network = ema.average(); // a module like the model, without gradients
/// assert_eq!(network.weight.val().into_data(), model.weight.val().into_data());
/// # Ok::<(), medseg_optim::OptimError>(())
/// ```
///
/// # Resuming
/// Save the average as any module in a format that keeps parameter ids (Burn's burnpack), and [`state`](Self::state);
/// [`EmaConfig::resume`] goes on with the same bits.
#[derive(Clone, Debug)]
pub struct Ema<M> {
    config: EmaConfig,
    average: M,
    state: EmaState,
}

impl<M: Module> Ema<M> {
    /// Moves the average towards the model's present weights.
    ///
    /// # Errors
    /// [`OptimError::ForeignModel`] if the model lacks a parameter of the average or has it in another shape; the average
    /// is then as it was.
    pub fn update(&mut self, model: &M) -> Result<(), OptimError> {
        let mut weights = Weights::default();
        model.valid().visit(&mut weights);
        let mut check = Check { weights: &weights, foreign: 0 };
        self.average.visit(&mut check);
        if check.foreign > 0 {
            return Err(OptimError::ForeignModel { parameters: check.foreign });
        }
        let mut approach = Approach { weights, share: 1.0 - self.decay() };
        let average = self.average.clone();
        #[cfg(feature = "cube")]
        let average = crate::cube::approaches_together(|| average.map(&mut approach));
        #[cfg(not(feature = "cube"))]
        let average = average.map(&mut approach);
        self.average = average;
        self.state.updates += 1;
        Ok(())
    }

    /// The averaged model.
    #[must_use]
    pub fn average(&self) -> &M {
        &self.average
    }

    /// The position, to be saved with the averaged model.
    #[must_use]
    pub fn state(&self) -> EmaState {
        self.state
    }

    /// The share of the old average that the next update keeps.
    #[must_use]
    pub fn decay(&self) -> f64 {
        let updates = self.state.updates as f64;
        let early = if self.config.warmup { (1.0 + updates) / (10.0 + updates) } else { 1.0 };
        self.config.decay.min(early)
    }
}

/// A model's weights by parameter, each a `Tensor<D>`.
#[derive(Default)]
struct Weights(HashMap<ParamId, Box<dyn Any>>);

impl Weights {
    fn get<const D: usize>(&self, id: ParamId) -> Option<&Tensor<D>> {
        self.0.get(&id)?.downcast_ref()
    }
}

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, Box::new(param.val()));
    }
}

/// Counts the parameters that have no weight of their shape.
struct Check<'a> {
    weights: &'a Weights,
    foreign: usize,
}

impl ModuleVisitor for Check<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let fits = self.weights.get::<D>(param.id).is_some_and(|weight| weight.dims() == param.val().dims());
        self.foreign += usize::from(!fits);
    }
}

struct Approach {
    weights: Weights,
    share: f64,
}

impl ModuleMapper for Approach {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(weight) = self.weights.get::<D>(param.id).cloned() else {
            return param;
        };
        param.map(|average| {
            let weight = weight.to_device(&average.device());
            #[cfg(feature = "cube")]
            if crate::cube::covers(&average.device(), average.dtype()) && weight.dtype() == average.dtype() {
                return crate::cube::approached(average, weight, self.share);
            }
            average.clone() + (weight - average).mul_scalar(self.share)
        })
    }
}
