//! The losses of a step, read when they are needed.

use burn::tensor::Tensor;

use crate::TrainError;

/// The losses of a step's cases in their order.
pub(super) enum Losses {
    /// Shape `[1]` each, on the devices that compute them.
    OnDevice(Vec<Tensor<1>>),
    /// Their values.
    Read(Vec<f32>),
}

impl Losses {
    /// Their values; waits for the devices.
    pub(super) fn read(self) -> Result<Vec<f32>, TrainError> {
        match self {
            Self::OnDevice(losses) => losses.into_iter().map(read).collect(),
            Self::Read(losses) => Ok(losses),
        }
    }
}

/// The value of a tensor of one number; waits for its device.
pub(super) fn read(number: Tensor<1>) -> Result<f32, TrainError> {
    number.try_into_scalar().map_err(|e| TrainError::Device(e.to_string()))
}
