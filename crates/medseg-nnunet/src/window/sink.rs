//! Receivers of finished logits.

use half::f16;
use ndarray::{Array3, Array4, ArrayView3, Axis};

/// An error of a receiver or of a network.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A receiver of logits, slice by slice along the first axis.
///
/// A slice is handed over as soon as no later window changes it, so the logits of a whole image need not exist at once.
pub trait LogitsSink {
    /// Receives slice `at` of the image without padding: f16 logits [class, height, width]. Slices come in order from 0.
    ///
    /// # Errors
    /// Any error ends the prediction.
    fn slice(&mut self, at: usize, logits: ArrayView3<'_, f16>) -> Result<(), BoxError>;
}

/// Two receivers of the same logits.
impl<A: LogitsSink, B: LogitsSink> LogitsSink for (A, B) {
    fn slice(&mut self, at: usize, logits: ArrayView3<'_, f16>) -> Result<(), BoxError> {
        self.0.slice(at, logits)?;
        self.1.slice(at, logits)
    }
}

/// The logits of a whole image, [class, depth, height, width].
#[derive(Clone, Debug, Default)]
pub struct WholeLogits {
    slices: Vec<Array3<f16>>,
}

impl WholeLogits {
    /// The slices received, as one array.
    ///
    /// # Errors
    /// If no slice was received, or if their shapes differ.
    pub fn finish(self) -> Result<Array4<f16>, BoxError> {
        let views: Vec<_> = self.slices.iter().map(|slice| slice.view()).collect();
        Ok(ndarray::stack(Axis(1), &views)?.as_standard_layout().into_owned())
    }
}

impl LogitsSink for WholeLogits {
    fn slice(&mut self, _at: usize, logits: ArrayView3<'_, f16>) -> Result<(), BoxError> {
        self.slices.push(logits.to_owned());
        Ok(())
    }
}
