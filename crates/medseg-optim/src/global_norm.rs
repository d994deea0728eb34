//! The norm of all gradients together, and clipping by it.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};

use crate::OptimError;
use crate::error::require;

/// Added to the norm before dividing by it, as PyTorch does.
const EPSILON: f64 = 1e-6;

/// Scales the gradients of a whole module down so that together they are no longer than `max_norm`; returns the L2 norm
/// they had, shape `[1]`, or `None` if no parameter has a gradient.
///
/// All gradients are multiplied by the same `min(1, max_norm / (norm + 1e-6))`: PyTorch's `clip_grad_norm_`. Burn's own
/// [`GradientClipping::Norm`](burn::grad_clipping::GradientClipping) clips each tensor by itself, which turns the
/// direction of the step. An infinite or undefined norm makes the gradients undefined; look at the returned norm where
/// that may happen.
///
/// [`NovoGrad`](crate::NovoGrad) divides each tensor's gradient by a running norm of it, so clipping only keeps a single
/// outlier from entering that norm and the momentum; it does not shorten steps as it does for SGD.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::optim::GradientsParams;
/// use burn::tensor::{Device, Tensor};
/// use medseg_optim::clip_global_norm;
///
/// let device = Device::flex().autodiff();
/// let model = LinearConfig::new(3, 1).init(&device);
/// let loss = model.forward(Tensor::<2>::ones([4, 3], &device)).sum() * 100.0;
/// let mut gradients = GradientsParams::from_grads(loss.backward(), &model);
/// let norm = clip_global_norm(&mut gradients, &model, 1.0)?.expect("gradients");
/// assert!((norm.into_scalar::<f32>() - 800.0).abs() < 0.1); // weights 400 each, bias 400
/// let norm = clip_global_norm(&mut gradients, &model, 1.0)?.expect("gradients");
/// assert!((norm.into_scalar::<f32>() - 1.0).abs() < 1e-5);
/// # Ok::<(), medseg_optim::OptimError>(())
/// ```
///
/// # Errors
/// [`OptimError::OutOfRange`] if `max_norm` is not above 0 and finite.
pub fn clip_global_norm<M: Module>(
    gradients: &mut GradientsParams,
    module: &M,
    max_norm: f64,
) -> Result<Option<Tensor<1>>, OptimError> {
    require(max_norm.is_finite() && max_norm > 0.0, "max_norm", max_norm, "above 0 and finite")?;
    let Some(norm) = global_norm(gradients, module) else {
        return Ok(None);
    };
    let factor = (norm.clone() + EPSILON).recip().mul_scalar(max_norm).clamp_max(1.0);
    module.visit(&mut Scale { gradients, factor });
    Ok(Some(norm))
}

/// The L2 norm of the gradients of a whole module, shape `[1]`, or `None` if no parameter has a gradient; infinite or
/// undefined if any of them is.
#[must_use]
pub fn global_norm<M: Module>(gradients: &GradientsParams, module: &M) -> Option<Tensor<1>> {
    let add_up = || {
        let mut squares = Squares { gradients, sum: None };
        module.visit(&mut squares);
        squares.sum
    };
    #[cfg(feature = "cube")]
    let sum = crate::cube::squares_together(add_up);
    #[cfg(not(feature = "cube"))]
    let sum = add_up();
    sum.map(Tensor::sqrt)
}

/// Adds up the squares of all gradients.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            return;
        };
        let gradient = match &self.sum {
            Some(sum) => gradient.to_device(&sum.device()),
            None => gradient,
        };
        #[cfg(feature = "cube")]
        if crate::cube::covers(&gradient.device(), gradient.dtype()) {
            self.sum = Some(crate::cube::sum_of_squares(gradient, self.sum.take()));
            return;
        }
        // The square of a half-precision number overflows beyond 256.
        let gradient = match gradient.dtype() {
            DType::F16 | DType::BF16 => gradient.cast(DType::F32),
            _ => gradient,
        };
        let square = (gradient.clone() * gradient).sum();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + square,
            None => square,
        });
    }
}

/// Multiplies all gradients by one number.
struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<1>,
}

impl Scale<'_> {
    fn scale<const D: usize>(&mut self, id: ParamId, gradient: Tensor<D>) {
        let factor = self.factor.clone().to_device(&gradient.device()).cast(gradient.dtype());
        self.gradients.register(id, gradient * factor.reshape([1; D]));
    }
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.scale(param.id, gradient);
        }
    }
}
