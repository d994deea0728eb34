//! The network, as a function from windows to logits.

use std::error::Error;

use burn::tensor::{Tensor, TensorData};

use crate::error::InferenceError;

/// Anything that turns a batch of windows into logits: usually a closure around a network's `forward`.
///
/// Closures implement the trait, whether they return a tensor or a `Result` of one:
///
/// ```
/// use burn::tensor::Tensor;
/// use medseg_inference::{InferenceError, Predictor};
///
/// fn takes(_: &mut impl Predictor) {}
///
/// takes(&mut |windows: Tensor<5>| windows * 2.0);
/// takes(&mut |windows: Tensor<5>| Err::<Tensor<5>, _>(format!("no memory for {windows}")));
/// ```
pub trait Predictor {
    /// Predicts one batch of windows.
    ///
    /// # Shapes
    /// - `windows`: `[batch, in_channels, depth, height, width]`
    /// - output: `[batch, out_channels, depth, height, width]`, logits; `out_channels` is the predictor's choice but the same
    ///   for every batch
    ///
    /// # Errors
    /// The predictor's own failure; it ends the inference and reaches the caller.
    fn predict(&mut self, windows: Tensor<5>) -> Result<Tensor<5>, InferenceError>;
}

/// A closure's return value that makes it a [`Predictor`]: logits, or a `Result` of logits.
pub trait IntoPrediction {
    /// The logits, or the error as an [`InferenceError`].
    ///
    /// # Errors
    /// The closure's own error, boxed as [`InferenceError::Predictor`].
    fn into_prediction(self) -> Result<Tensor<5>, InferenceError>;
}

impl IntoPrediction for Tensor<5> {
    fn into_prediction(self) -> Result<Tensor<5>, InferenceError> {
        Ok(self)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> IntoPrediction for Result<Tensor<5>, E> {
    fn into_prediction(self) -> Result<Tensor<5>, InferenceError> {
        self.map_err(|error| InferenceError::Predictor(error.into()))
    }
}

impl<F, R> Predictor for F
where
    F: FnMut(Tensor<5>) -> R + ?Sized,
    R: IntoPrediction,
{
    fn predict(&mut self, windows: Tensor<5>) -> Result<Tensor<5>, InferenceError> {
        self(windows).into_prediction()
    }
}

/// Scores of one batch, on the host.
pub(crate) struct Logits {
    data: TensorData,
    /// Output channels.
    pub(crate) channels: usize,
}

impl Logits {
    /// Brings the predictor's output `[batch, channels, depth, height, width]` to the host.
    pub(crate) fn new(output: Tensor<5>) -> Result<Self, InferenceError> {
        let channels = output.dims()[1];
        let data = output.try_into_data_as::<f32>().map_err(|error| InferenceError::Device(error.into()))?;
        Ok(Self { data, channels })
    }

    /// `[batch, channels, depth, height, width]`, C order.
    pub(crate) fn values(&self) -> Result<&[f32], InferenceError> {
        self.data.as_slice().map_err(|error| InferenceError::Device(error.into()))
    }

    /// The memory, for another batch; empty if the backend allocated it in its own way.
    pub(crate) fn into_buffer(self) -> Vec<f32> {
        self.data.into_bytes().try_into_vec().unwrap_or_default()
    }
}

/// Runs the predictor on one batch and checks the shape of what comes back.
pub(crate) fn predict_checked(predictor: &mut dyn Predictor, windows: Tensor<5>) -> Result<Tensor<5>, InferenceError> {
    let shape = windows.dims();
    let output = predictor.predict(windows)?;
    let got = output.dims();
    if got[1] == 0 || got[0] != shape[0] || got[2..] != shape[2..] {
        return Err(InferenceError::OutputShape { windows: shape, got });
    }
    Ok(output)
}
