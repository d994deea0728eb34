//! 3D tensor operations that Burn lacks or runs slowly, for medical image networks.
//!
//! Free functions on `Tensor<5>` of `[batch, channel, depth, height, width]`, differentiable on an autodiff device:
//!
//! | function | what |
//! |---|---|
//! | [`conv3d`], [`conv_transpose3d`] | convolutions |
//! | [`conv3d_concat`] | convolution of a skip connection and what comes from below, neither upsampled nor concatenated first |
//! | [`norm_relu_conv3d`] | convolution with the norm, dropout and ReLU before it |
//! | [`instance_norm3d`], [`norm_relu`], [`norm_add_relu`] | instance norm, and with what follows it: [`NormRelu`] |
//! | [`max_pool3d`] | max pooling |
//! | [`upsample_trilinear2x`] | twice as many voxels along every axis |
//! | [`dropout3d`], [`dropout`], [`dropout_factors`] | channels or elements left out in training |
//! | [`release_memory`] | gives back what is saved for the tensors to come |
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use medseg_ops::{ConvOptions, conv3d, max_pool3d};
//!
//! let device = Device::flex();
//! let x = Tensor::<5>::ones([1, 2, 4, 6, 8], &device);
//! let weight = Tensor::<5>::ones([3, 2, 3, 3, 3], &device);
//! let y = conv3d(x, weight, None, ConvOptions { padding: [1; 3], ..ConvOptions::default() });
//! assert_eq!(max_pool3d(y, 2, 2, 0).dims(), [1, 3, 2, 3, 4]);
//! ```
//!
//! # Backends
//! With the feature `flex`, f32 tensors on Burn's Flex device take hand-written kernels, registered as a Burn backend
//! extension with their own backward passes; results do not depend on the number of threads. With `cube`, f32, f16
//! and bf16 tensors on a GPU take kernels written for CubeCL. Everything else (other devices, other types) takes the
//! same functions of [`composed`], made of Burn's own operations; they are also what the kernels are tested against.
//!
//! On a device with gradient checkpointing (`Device::gradient_checkpointing`) norms and what follows them are computed again
//! in the backward pass instead of being saved; on the CPU with the same bits.
//!
//! A 3×3×3 convolution of stride 1 is computed by Winograd's minimal filtering along depth and height, a 1×1×1 one as a
//! product of a small matrix with every voxel, any other kernel and stride by copying what each tap meets, a few rows at a
//! time. [`Precision::Bf16`] makes the first one's products in bf16.

#[cfg(feature = "extension")]
mod checkpoints;
mod conv;
#[cfg(feature = "cube")]
mod cube;
mod dropout;
#[cfg(feature = "flex")]
mod flex_values;
#[cfg(feature = "extension")]
mod kernels;
mod memory;
mod norm;
mod pool;
mod precision;
mod upsample;

pub use conv::{ConvOptions, Precision, Upsample, conv_transpose3d, conv3d, conv3d_concat, norm_relu_conv3d};
pub use dropout::{dropout, dropout_factors, dropout3d};
pub use memory::release_memory;
pub use norm::{NormRelu, instance_norm3d, norm_add_relu, norm_relu};
pub use pool::max_pool3d;
pub use upsample::upsample_trilinear2x;

/// The operations of this crate out of Burn's own tensor operations, for every backend.
pub mod composed {
    pub use crate::conv::composed::{conv_transpose3d, conv3d, conv3d_concat, norm_relu_conv3d};
    pub use crate::norm::composed::{instance_norm3d, norm_add_relu, norm_relu};
    pub use crate::pool::composed::max_pool3d;
    pub use crate::upsample::composed::upsample_trilinear2x;
}
