//! Instance normalisation, alone and with what follows it in a U-Net block.

mod batch;
pub(crate) mod composed;
#[cfg(feature = "extension")]
mod constants;
#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "extension")]
pub(crate) mod extension;
#[cfg(feature = "flex")]
pub(crate) mod flex;
mod group;

pub use batch::{RunningStatistics, batch_norm3d};
use burn::tensor::Tensor;
pub use group::group_norm3d;

/// Weight and bias of a norm, one value a channel each.
type Affine = (Tensor<1>, Tensor<1>);

/// Instance norm, channel dropout and a ReLU or leaky ReLU: the steps between two convolutions.
///
/// Stands for `relu(factors · (weight · normalised + bias))`; the default is a norm without parameters, with eps 1e-5, and
/// a ReLU.
#[derive(Clone, Debug)]
pub struct NormRelu {
    /// Weight and bias `[channels]` each; none means 1 and 0.
    pub affine: Option<(Tensor<1>, Tensor<1>)>,
    /// Factors of a channel dropout `[batch, channels]`, constants that are not negative, such as those of
    /// [`dropout_factors`](crate::dropout_factors); none means 1.
    pub factors: Option<Tensor<2>>,
    /// Factor of the ReLU for values below 0: 0 for a ReLU, 0.01 for a usual leaky one.
    pub slope: f64,
    /// Added to the variance.
    pub eps: f64,
}

impl Default for NormRelu {
    fn default() -> Self {
        Self { affine: None, factors: None, slope: 0.0, eps: 1e-5 }
    }
}

impl NormRelu {
    /// Panics unless weight, bias and factors fit `x`.
    pub(crate) fn check(&self, name: &str, x: &Tensor<5>) {
        let [batch, channels, ..] = x.dims();
        check_affine(name, channels, self.affine.as_ref());
        if let Some(shape) = self.factors.as_ref().map(Tensor::dims) {
            assert!(
                shape == [batch, channels],
                "{name}: factors of {shape:?} for {batch} samples of {channels} channels"
            );
        }
    }

    #[cfg(feature = "extension")]
    pub(crate) fn params(&self) -> extension::NormParams {
        extension::NormParams { eps: self.eps, slope: Some(self.slope as f32) }
    }
}

/// Normalises every channel of every sample of `x` `[batch, channel, depth, height, width]` to mean 0 and variance 1:
/// `(x - mean) / sqrt(variance + eps)`, with the biased variance (divided by the number of voxels), then scales and
/// shifts by `affine`, a weight and a bias of one value a channel.
///
/// Large offsets cost no accuracy, and a constant channel gives exactly 0 (or its bias). There are no running
/// statistics: training and evaluation are the same. As PyTorch's `InstanceNorm3d`.
///
/// # Panics
/// When the weight or the bias does not have one value a channel.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let x = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex()).reshape([1, 1, 1, 1, 2]);
/// let y: Vec<f32> = medseg_ops::instance_norm3d(x, None, 0.0).into_data().try_to_vec().unwrap();
/// assert_eq!(y, [-1.0, 1.0]);
/// ```
pub fn instance_norm3d(x: Tensor<5>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> Tensor<5> {
    check_affine("instance_norm3d", x.dims()[1], affine.as_ref());
    #[cfg(feature = "extension")]
    {
        let norm = NormRelu { affine: affine.clone(), eps, ..NormRelu::default() };
        if let Some(parameters) = extension::NormTensors::covered(&x, &norm) {
            return extension::instance_norm(x, parameters, extension::NormParams { slope: None, ..norm.params() });
        }
    }
    composed::instance_norm3d(x, affine, eps)
}

/// Instance norm, channel dropout and ReLU in one pass.
///
/// # Shapes
/// - x and output: `[batch, channel, depth, height, width]`
///
/// # Panics
/// When weight, bias or factors do not fit `x`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_ops::{NormRelu, norm_relu};
///
/// let x = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex()).reshape([1, 1, 1, 1, 2]);
/// let leaky = NormRelu { slope: 0.25, eps: 0.0, ..NormRelu::default() };
/// let y: Vec<f32> = norm_relu(x, leaky).into_data().try_to_vec().unwrap();
/// assert_eq!(y, [-0.25, 1.0]);
/// ```
pub fn norm_relu(x: Tensor<5>, norm: NormRelu) -> Tensor<5> {
    norm.check("norm_relu", &x);
    #[cfg(feature = "extension")]
    if let Some(parameters) = extension::NormTensors::covered(&x, &norm) {
        return extension::instance_norm(x, parameters, norm.params());
    }
    composed::norm_relu(x, norm)
}

/// `relu(norm(a) + norm(b))` in one pass: the end of a residual block, where one branch comes from its convolutions and
/// the other from its 1×1×1 shortcut. Each comes with the weight and bias of its norm, if it has them; `slope` is that of
/// [`NormRelu`].
///
/// # Panics
/// When the shapes of the branches differ, or weight or bias do not have one value a channel.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let x = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex()).reshape([1, 1, 1, 1, 2]);
/// let y = medseg_ops::norm_add_relu([(x.clone(), None), (x, None)], 0.0, 0.0);
/// let y: Vec<f32> = y.into_data().try_to_vec().unwrap();
/// assert_eq!(y, [0.0, 2.0]);
/// ```
pub fn norm_add_relu(branches: [(Tensor<5>, Option<(Tensor<1>, Tensor<1>)>); 2], slope: f64, eps: f64) -> Tensor<5> {
    check_branches(&branches);
    #[cfg(feature = "extension")]
    if extension::covers_branches(&branches) {
        return extension::add_relu(branches, extension::NormParams { eps, slope: Some(slope as f32) });
    }
    composed::norm_add_relu(branches, slope, eps)
}

/// Panics unless weight and bias have one value a channel.
fn check_affine(name: &str, channels: usize, affine: Option<&Affine>) {
    if let Some((weight, bias)) = affine {
        let (weight, bias) = (weight.dims()[0], bias.dims()[0]);
        assert!(
            weight == channels && bias == channels,
            "{name}: {channels} channels, but {weight} weights and {bias} biases"
        );
    }
}

/// Panics unless the branches of a residual block agree in shape.
fn check_branches(branches: &[(Tensor<5>, Option<Affine>); 2]) {
    let [(a, of_a), (b, of_b)] = branches;
    assert_eq!(a.dims(), b.dims(), "norm_add_relu: the branches differ in shape");
    for affine in [of_a, of_b] {
        check_affine("norm_add_relu", a.dims()[1], affine.as_ref());
    }
}
