//! A step of a whole module.

use burn::module::Module;
use burn::optim::{GradientsParams, LearningRate, ModuleOptimizer};

/// [`ModuleOptimizer::step`], on a GPU in fewer launches: [`NovoGrad`](crate::NovoGrad) takes several tensors at once. The
/// result has the same bits.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::optim::GradientsParams;
/// use burn::tensor::{Device, Tensor};
/// use medseg_optim::{NovoGradConfig, step};
///
/// let device = Device::flex().autodiff();
/// let model = LinearConfig::new(3, 1).init(&device);
/// let mut optimizer = NovoGradConfig::default().init()?;
/// let loss = model.forward(Tensor::<2>::ones([4, 3], &device)).sum();
/// let gradients = GradientsParams::from_grads(loss.backward(), &model);
/// let model = step(&mut optimizer, 0.01, model, gradients);
/// assert_eq!(model.weight.dims(), [3, 1]);
/// # Ok::<(), medseg_optim::OptimError>(())
/// ```
pub fn step<M: Module>(optimizer: &mut ModuleOptimizer, lr: LearningRate, module: M, gradients: GradientsParams) -> M {
    #[cfg(feature = "cube")]
    return crate::cube::steps_together(|| optimizer.step(lr, module, gradients));
    #[cfg(not(feature = "cube"))]
    optimizer.step(lr, module, gradients)
}
