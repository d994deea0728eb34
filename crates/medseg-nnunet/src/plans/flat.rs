//! The network of plans before nnU-Net 2.4, which have no `architecture`.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::network::{FEATURES, STAGES};
use super::problem::PlansProblem;

/// Describes the network of flat plans in the words of newer ones.
///
/// Source: nnU-Net v2, `ConfigurationManager`.
pub(super) fn architecture(configuration: &Fields<'_>) -> Result<Map<String, Value>, PlansProblem> {
    let class = configuration.class("UNet_class_name")?;
    let convs = if class == "ResidualEncoderUNet" { "n_blocks_per_stage" } else { "n_conv_per_stage" };
    let base = configuration.whole("UNet_base_num_features", &FEATURES)?;
    let most = configuration.whole("unet_max_num_features", &FEATURES)?;
    let stages = configuration.list("n_conv_per_stage_encoder")?.len();
    if !STAGES.contains(&stages) {
        let expected = format!("a list of {} to {} numbers", STAGES.start(), STAGES.end());
        return Err(configuration.expected("n_conv_per_stage_encoder", expected));
    }
    let dimensions = configuration.list("patch_size")?.len();
    // At most 8192 · 2^15 fits in 32 bits.
    let features: Vec<usize> = (0..stages).map(|stage| (base << stage).min(most)).collect();
    let network = json!({
        "network_class_name": class,
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": features,
            "conv_op": format!("Conv{dimensions}d"),
            "kernel_sizes": configuration.required("conv_kernel_sizes")?,
            "strides": configuration.required("pool_op_kernel_sizes")?,
            convs: configuration.required("n_conv_per_stage_encoder")?,
            "n_conv_per_stage_decoder": configuration.required("n_conv_per_stage_decoder")?,
            "conv_bias": true,
            "norm_op": format!("InstanceNorm{dimensions}d"),
            "norm_op_kwargs": {"eps": 1e-5, "affine": true},
            "nonlin": "LeakyReLU",
        },
    });
    match network {
        Value::Object(network) => Ok(network),
        _ => Err(configuration.expected("UNet_class_name", "a network")),
    }
}
