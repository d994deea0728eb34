//! A penalty that keeps kernels orthogonal.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Distance of a convolution's kernels from an orthonormal set: `‖W Wᵀ - I‖²`, shape `[1]`.
///
/// `W` has one row for each slice of `kernel` `[out, in, depth, height, width]` along its first axis (input channels for
/// a transposed convolution). With more rows than columns they cannot all be orthogonal; then the columns are compared,
/// `‖Wᵀ W - I‖²`. Both are 0 for an orthonormal set and differ by a constant.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::orthogonality_penalty;
///
/// let device = Device::flex();
/// let identity = Tensor::<2>::eye(4, &device).reshape([4, 4, 1, 1, 1]);
/// assert_eq!(orthogonality_penalty(identity.clone()).into_scalar::<f32>(), 0.0);
/// assert_eq!(orthogonality_penalty(identity * 2.0).into_scalar::<f32>(), 36.0); // 4 (4 - 1)²
/// ```
///
/// # Source
/// "Soft orthogonality" of Bansal et al. (arXiv:1810.09102).
#[must_use]
pub fn orthogonality_penalty(kernel: Tensor<5>) -> Tensor<1> {
    let [rows, inputs, depth, height, width] = kernel.dims();
    let columns = inputs * depth * height * width;
    let matrix = kernel.reshape([rows, columns]);
    let transposed = matrix.clone().transpose();
    let gram = if rows <= columns { matrix.matmul(transposed) } else { transposed.matmul(matrix) };
    let identity = Tensor::<2>::eye(rows.min(columns), &gram.device()).cast(gram.dtype());
    let off = gram - identity;
    (off.clone() * off).sum()
}

/// The sum of [`orthogonality_penalty`] over every convolution kernel of a network, shape `[1]`; `None` if it has none.
///
/// A kernel is a floating-point parameter of rank 5. Multiply by a small factor, 1e-4 or so, and add to the loss; the
/// gradient reaches the kernels. It is a term of the loss and no part of any optimizer.
///
/// ```
/// use burn::nn::conv::Conv3dConfig;
/// use burn::tensor::Device;
/// use medseg_losses::module_orthogonality_penalty;
///
/// let device = Device::flex();
/// let convolution = Conv3dConfig::new([1, 4], [3, 3, 3]).init(&device);
/// let penalty = module_orthogonality_penalty(&convolution).expect("a kernel").mul_scalar(1e-4);
/// assert!(penalty.into_scalar::<f32>() > 0.0);
/// ```
#[must_use]
pub fn module_orthogonality_penalty<M: Module>(module: &M) -> Option<Tensor<1>> {
    let mut kernels = Kernels { penalty: None };
    module.visit(&mut kernels);
    kernels.penalty
}

struct Kernels {
    penalty: Option<Tensor<1>>,
}

impl ModuleVisitor for Kernels {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D != 5 {
            return;
        }
        let kernel = param.val();
        let shape: [usize; 5] = std::array::from_fn(|axis| kernel.dims()[axis]);
        let penalty = orthogonality_penalty(kernel.reshape(shape));
        self.penalty = Some(match self.penalty.take() {
            Some(sum) => sum + penalty,
            None => penalty,
        });
    }
}
