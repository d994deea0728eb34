//! Parameters, gradients and stage outputs of a network, by name.

use burn::tensor::{Gradients, Tensor, TensorData};

use crate::UNet;
use crate::layout::Layout;

impl UNet {
    /// Every parameter with its name (`conv0_0.conv1.weight`, ..., `final.weight`), in the order of the forward pass; the
    /// norms' are called `conv0_0.norm1.weight` and `.bias`, if they have any.
    ///
    /// # Shapes
    /// Weights are `[out, in, kernel, kernel, kernel]`, of transposed convolutions `[in, out, 2, 2, 2]`; biases, and what
    /// belongs to norms, `[out]`.
    #[must_use]
    pub fn named_parameters(&self) -> Vec<(String, TensorData)> {
        let layout = Layout::new(self.config());
        self.convs().zip(layout.convs()).flat_map(|(conv, of)| conv.parameters(of)).collect()
    }

    /// The running mean and variance of every batch norm (`conv0_0.norm1.running_mean`, `.running_var`): what a weight file
    /// holds besides the parameters. Empty with other norms.
    #[must_use]
    pub fn named_statistics(&self) -> Vec<(String, TensorData)> {
        let layout = Layout::new(self.config());
        self.convs().zip(layout.convs()).flat_map(|(conv, of)| conv.statistics(of)).collect()
    }

    /// The gradient of every parameter with the parameter's name and shape, in the order of
    /// [`named_parameters`](Self::named_parameters), for instance to log norms. A parameter without a gradient (frozen,
    /// or of a network on a device without autodiff) is left out.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use medseg_unet::UNetConfig;
    ///
    /// let device = Device::flex().autodiff();
    /// let network = UNetConfig { channels: vec![2, 4], ..UNetConfig::default() }.init_seeded(1, &device)?;
    /// let gradients = network.forward(Tensor::ones([1, 1, 4, 4, 4], &device)).mean().backward();
    /// let named = network.named_gradients(&gradients);
    /// assert_eq!(named[0].0, "conv0_0.conv1.weight");
    /// assert_eq!(named.len(), network.named_parameters().len());
    /// # Ok::<(), medseg_unet::UNetError>(())
    /// ```
    #[must_use]
    pub fn named_gradients(&self, gradients: &Gradients) -> Vec<(String, TensorData)> {
        let layout = Layout::new(self.config());
        self.convs().zip(layout.convs()).flat_map(|(conv, of)| conv.gradients(of, gradients)).collect()
    }

    /// The output of every stage under its name (`conv0_0`, ..., `final`), in the order of the forward pass: for
    /// pictures, and to find the first stage where two implementations part.
    ///
    /// Holds all of them in memory. On a device with autodiff dropout is active, as in [`forward`](Self::forward).
    ///
    /// # Shapes
    /// Level l's stages give [batch, channels of level l, ...] on the padded grid halved l times; `final` is not cut
    /// back either.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[must_use]
    pub fn stage_outputs(&self, x: Tensor<5>) -> Vec<(String, Tensor<5>)> {
        let layout = Layout::new(self.config());
        let mut outputs = Vec::new();
        let (x, _) = self.padded(x);
        let last = self.stages(x, &mut |output| outputs.push(output.clone()));
        outputs.push(self.last(last));
        let stages = layout.encoder.into_iter().chain(layout.decoder);
        let names = stages.map(|stage| stage.name).chain([layout.last.name]);
        names.zip(outputs).collect()
    }
}
