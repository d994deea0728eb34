//! Plans as nnU-Net wrote them before 2.4, and as those of TotalSegmentator's models are.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use medseg_nnunet::{CHECKPOINT, Fold, Model, PredictOptions, read_case};
use serde_json::{Value, json};

use crate::fixture;

/// Writes a configuration's network in the flat settings of old plans.
fn flatten(configuration: &mut Value) {
    let network = configuration.as_object_mut().unwrap().remove("architecture").unwrap();
    let (class, arguments) = (network["network_class_name"].as_str().unwrap(), &network["arch_kwargs"]);
    let convs = if class.ends_with("ResidualEncoderUNet") { "n_blocks_per_stage" } else { "n_conv_per_stage" };
    for (key, value) in [
        ("UNet_class_name", json!(class.rsplit('.').next())),
        ("UNet_base_num_features", arguments["features_per_stage"][0].clone()),
        ("unet_max_num_features", arguments["features_per_stage"].as_array().unwrap().last().unwrap().clone()),
        ("n_conv_per_stage_encoder", arguments[convs].clone()),
        ("n_conv_per_stage_decoder", arguments["n_conv_per_stage_decoder"].clone()),
        ("conv_kernel_sizes", arguments["kernel_sizes"].clone()),
        ("pool_op_kernel_sizes", arguments["strides"].clone()),
    ] {
        configuration[key] = value;
    }
}

#[test]
fn old_flat_plans_give_the_same_masks() {
    for name in ["plain_aniso", "res_iso_transposed", "plain_regions", "plain_2d"] {
        let (from, to) = (fixture(name), tempfile::tempdir().unwrap());
        let mut plans: Value = serde_json::from_slice(&fs::read(from.join("plans.json")).unwrap()).unwrap();
        plans["configurations"].as_object_mut().unwrap().values_mut().for_each(flatten);
        fs::write(to.path().join("plans.json"), plans.to_string()).unwrap();
        fs::copy(from.join("dataset.json"), to.path().join("dataset.json")).unwrap();
        fs::create_dir(to.path().join("fold_0")).unwrap();
        fs::copy(from.join("fold_0").join(CHECKPOINT), to.path().join("fold_0").join(CHECKPOINT)).unwrap();
        let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|file| from.join(file));
        let mask = |model: &Path| {
            let model = Model::open_with(model, Some(&[Fold::Number(0)]), CHECKPOINT, &Device::flex()).unwrap();
            assert_eq!(read_case(&images, model.reader()).unwrap().data.dim().0, model.channels());
            model.predict(&images, &PredictOptions::default().with_mirroring(false)).unwrap().mask
        };
        assert_eq!(mask(to.path()), mask(&from), "{name}");
    }
}
