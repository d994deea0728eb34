//! Parameters and gradients of a network, by name.

use burn::tensor::{Gradients, TensorData};

use super::StagedUNet;
use super::layout::StagedLayout;

impl StagedUNet {
    /// Every parameter under nnU-Net's name (`encoder.stages.0.0.convs.0.conv.weight`, ...), in the order of the forward
    /// pass.
    ///
    /// # Shapes
    /// As [`parameter_shapes`](crate::parameter_shapes).
    #[must_use]
    pub fn named_parameters(&self) -> Vec<(String, TensorData)> {
        let layout = StagedLayout::new(self.config());
        let all = self.convs().zip(layout.convs()).flat_map(|(conv, of)| conv.parameters(of));
        all.map(|(name, data)| (name, stored(&layout, data))).collect()
    }

    /// The running mean and variance of every batch norm (`....norm.running_mean`, `.running_var`). Empty with other
    /// norms.
    #[must_use]
    pub fn named_statistics(&self) -> Vec<(String, TensorData)> {
        let layout = StagedLayout::new(self.config());
        self.convs().zip(layout.convs()).flat_map(|(conv, of)| conv.statistics(of)).collect()
    }

    /// The gradient of every parameter with the parameter's name and shape, in the order of
    /// [`named_parameters`](Self::named_parameters).
    ///
    /// A parameter without a gradient is left out: those of the lower logits after a pass of [`forward`](Self::forward),
    /// and the bias before an instance norm, which subtracts it again. It is not even added.
    #[must_use]
    pub fn named_gradients(&self, gradients: &Gradients) -> Vec<(String, TensorData)> {
        let layout = StagedLayout::new(self.config());
        let all = self.convs().zip(layout.convs()).flat_map(|(conv, of)| conv.gradients(of, gradients));
        all.map(|(name, data)| (name, stored(&layout, data))).collect()
    }
}

/// A tensor with its shape in files.
fn stored(layout: &StagedLayout, data: TensorData) -> TensorData {
    let (bytes, shape, dtype) = data.into_parts();
    TensorData::from_bytes(bytes, layout.stored_shape(shape.to_vec()), dtype)
}
