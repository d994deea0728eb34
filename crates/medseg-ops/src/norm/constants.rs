//! The parameters of norms that have none.

#[cfg(feature = "cube")]
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "cube")]
use burn::tensor::Device;
use burn::tensor::{DType, Tensor};

#[cfg(feature = "cube")]
use crate::kernels::{Kernels, kernels};

/// A number that stands for a missing parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    /// 1: a weight, or the factor of a channel dropout.
    One,
    /// 0: a bias.
    Zero,
}

impl Constant {
    /// As often as `shape` says, in f32, beside `x`. On a GPU one number in memory stands for all: no kernel fills them.
    pub(super) fn tensor<const D: usize>(self, x: &Tensor<5>, shape: [usize; D]) -> Tensor<D> {
        #[cfg(feature = "cube")]
        if kernels(x) == Some(Kernels::Cube) {
            return self.number(&x.device()).reshape([1; D]).expand(shape);
        }
        match self {
            Self::One => Tensor::ones(shape, (&x.device(), DType::F32)),
            Self::Zero => Tensor::zeros(shape, (&x.device(), DType::F32)),
        }
    }

    /// On a device, made once for all norms, without autodiff.
    #[cfg(feature = "cube")]
    fn number(self, device: &Device) -> Tensor<1> {
        static MADE: Mutex<Vec<(Constant, Device, Tensor<1>)>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., number)) = made.iter().find(|(constant, of, _)| *constant == self && of == device) {
            return number.clone();
        }
        let device = device.clone().without_autodiff();
        let number = match self {
            Self::One => Tensor::ones([1], (&device, DType::F32)),
            Self::Zero => Tensor::zeros([1], (&device, DType::F32)),
        };
        made.push((self, device, number.clone()));
        number
    }
}
