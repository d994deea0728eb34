//! Names of a state dict that a prediction does not need.

use super::MonaiNetwork;

impl MonaiNetwork {
    /// True for a name of the state dict that no prediction needs.
    ///
    /// These are the second names `skip_layers.…` of a DynUNet's weights, its heads for deep supervision, the last convolution
    /// of a SegResNet that does not use it, and the counters of batch norms.
    ///
    /// ```
    /// # let text = r#"{"_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
    /// #   "kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2]}"#;
    /// # let network = medseg_monai::MonaiNetwork::from_json(text)?;
    /// assert!(network.is_repeat("skip_layers.downsample.conv1.conv.weight"));
    /// assert!(!network.is_repeat("input_block.conv1.conv.weight"));
    /// # Ok::<(), medseg_monai::BundleProblem>(())
    /// ```
    #[must_use]
    pub fn is_repeat(&self, name: &str) -> bool {
        self.repeats.iter().any(|start| name.starts_with(start)) || name.ends_with(".num_batches_tracked")
    }
}
