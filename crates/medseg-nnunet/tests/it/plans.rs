//! Plans and data sets, new and old.

use medseg_nnunet::{
    Dataset, Encoder, Nonlinearity, NormKind, Normalization, Plans, ResamplingFunction, ResidualBlock,
};
use serde_json::{Value, json};

use crate::fixture;

fn value(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

#[test]
fn a_configuration_is_read() {
    let plans = Plans::open(fixture("res_iso_transposed/plans.json")).unwrap();
    assert_eq!(plans.dataset_name, "Dataset777_T");
    assert_eq!(plans.image_reader_writer, "SimpleITKIO");
    assert_eq!((plans.transpose_forward, plans.transpose_backward), ([2, 0, 1], [1, 2, 0]));
    assert_eq!(plans.configuration_names().collect::<Vec<_>>(), ["3d_fullres"]);
    let configuration = plans.configuration("3d_fullres").unwrap();
    assert_eq!(configuration.patch_size, [24, 32, 32]);
    assert_eq!(configuration.spacing, [1.5, 1.25, 1.3]);
    let ct = Normalization::Ct { lower: -500.0, upper: 600.0, mean: 35.0, std: 250.0 };
    assert_eq!(configuration.normalization, [ct, Normalization::ZScore { masked: true }]);
    let spline = |order, is_seg| ResamplingFunction::Spline { is_seg, order, order_z: 0, separate_z: None };
    assert_eq!(configuration.resampling_data, spline(3, false));
    assert_eq!(configuration.resampling_seg, spline(1, true));
    assert_eq!(configuration.resampling_probabilities, spline(1, false));
    let network = configuration.architecture;
    let blocks = vec![1, 2, 2];
    assert_eq!(network.encoder, Encoder::Residual { blocks, block: ResidualBlock::Basic, stem_channels: 8 });
    assert_eq!((network.dimensions, network.stages(), network.conv_bias), (3, 3, true));
    assert_eq!(network.features, [8, 16, 24]);
    assert_eq!(network.strides, [[1, 1, 1], [2, 2, 2], [2, 1, 2]]);
    assert_eq!(network.decoder_convs, [1, 2]);
    assert_eq!((network.norm.kind, network.norm.eps, network.norm.affine), (NormKind::Instance, 1e-5, true));
    assert_eq!(network.nonlinearity, Nonlinearity::LeakyRelu { slope: 0.01 });
}

/// Plans from before nnU-Net 2.4, with a cascade.
fn old() -> Value {
    let function = "resample_data_or_seg_to_shape";
    let kwargs = json!({"is_seg": false, "order": 3, "order_z": 0, "force_separate_z": null});
    json!({
        "dataset_name": "Dataset001_Old", "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2], "another": {"setting": 1},
        "configurations": {
            "3d_lowres": {
                "preprocessor_name": "DefaultPreprocessor", "batch_size": 2, "patch_size": [64, 128, 128],
                "spacing": [3, 1.5, 1.5], "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [false],
                "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 32, "unet_max_num_features": 320,
                "n_conv_per_stage_encoder": [2, 2, 2, 2, 2], "n_conv_per_stage_decoder": [2, 2, 2, 2],
                "num_pool_per_axis": [3, 4, 4], "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
                "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2]],
                "resampling_fn_data": function, "resampling_fn_data_kwargs": kwargs,
                "resampling_fn_seg": function, "resampling_fn_seg_kwargs": {"is_seg": true, "order": 1},
                "resampling_fn_probabilities": function, "resampling_fn_probabilities_kwargs": kwargs,
                "next_stage": "3d_cascade_fullres"
            },
            "3d_fullres": {"inherits_from": "3d_lowres", "spacing": [1.5, 0.8, 0.8], "next_stage": null},
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
        },
        "foreground_intensity_properties_by_modality": {"0": {"mean": 99.5, "std": 40, "median": 100,
            "percentile_00_5": -20, "percentile_99_5": 200.5, "min": -1000, "max": 3000}}
    })
}

#[test]
fn old_flat_plans_describe_the_same_network() {
    let plans = Plans::from_json(&old().to_string()).unwrap();
    let lowres = plans.configuration("3d_lowres").unwrap();
    let network = &lowres.architecture;
    assert_eq!(network.features, [32, 64, 128, 256, 320]);
    assert_eq!(network.kernels[0], [1, 3, 3]);
    assert_eq!(network.strides[1], [1, 2, 2]);
    assert_eq!(network.encoder, Encoder::Plain { convs: vec![2; 5], nonlinearity_first: false });
    assert_eq!(network.decoder_convs, [2; 4]);
    assert!(network.conv_bias && network.norm.affine);
    let ct = Normalization::Ct { lower: -20.0, upper: 200.5, mean: 99.5, std: 40.0 };
    assert_eq!(lowres.normalization, [ct]);
    // Python's default of an absent force_separate_z is false, not null.
    let seg = ResamplingFunction::Spline { is_seg: true, order: 1, order_z: 0, separate_z: Some(false) };
    assert_eq!(lowres.resampling_seg, seg);

    let mut new = old();
    new["configurations"]["3d_lowres"]["architecture"] = json!({
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {"n_stages": 5, "features_per_stage": [32, 64, 128, 256, 320],
            "conv_op": "torch.nn.modules.conv.Conv3d", "conv_bias": true, "dropout_op": null,
            "kernel_sizes": [[1, 3, 3], 3, 3, 3, [3, 3, 3]], "n_conv_per_stage": 2, "n_conv_per_stage_decoder": 2,
            "strides": [1, [1, 2, 2], 2, 2, 2], "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": true}, "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": true}},
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"]
    });
    let new = Plans::from_json(&new.to_string()).unwrap();
    assert_eq!(new.configuration("3d_lowres").unwrap(), lowres);
}

#[test]
fn configurations_inherit_from_each_other() {
    let plans = Plans::from_json(&old().to_string()).unwrap();
    let lowres = plans.configuration("3d_lowres").unwrap();
    let cascade = plans.configuration("3d_cascade_fullres").unwrap();
    assert_eq!(cascade.previous_stage.as_deref(), Some("3d_lowres"));
    assert_eq!(cascade.spacing, [1.5, 0.8, 0.8]);
    assert_eq!(cascade.architecture, lowres.architecture);
    assert_eq!(plans.configuration("3d_fullres").unwrap().previous_stage, None);

    let mut circle = old();
    circle["configurations"]["3d_lowres"]["inherits_from"] = json!("3d_cascade_fullres");
    let circle = Plans::from_json(&circle.to_string()).unwrap();
    let message = circle.configuration("3d_fullres").unwrap_err().to_string();
    assert_eq!(message, "configuration 3d_fullres inherits from itself");
    let message = plans.configuration("2d").unwrap_err().to_string();
    assert_eq!(message, "there is no configuration 2d; there are 3d_cascade_fullres, 3d_fullres, 3d_lowres");
}

#[test]
fn wrong_settings_are_named() {
    let message = |change: &dyn Fn(&mut Value)| {
        let mut plans = value("plain_aniso/plans.json");
        change(&mut plans["configurations"]["3d_fullres"]);
        Plans::from_json(&plans.to_string()).unwrap().configuration("3d_fullres").unwrap_err().to_string()
    };
    let set = |pointer: &str, new: Value| {
        message(&|configuration| *configuration.pointer_mut(pointer).unwrap() = new.clone())
    };
    let at = "configurations.3d_fullres.";
    assert_eq!(
        set("/normalization_schemes/0", json!("MyNorm")),
        format!(
            "{at}normalization_schemes is \"MyNorm\", which is not supported; supported are CTNormalization, ZScoreNormalization, NoNormalization, RescaleTo01Normalization and RGBTo01Normalization"
        )
    );
    assert!(
        set("/resampling_fn_data", json!("mine")).contains("resampling_fn_data is \"mine\", which is not supported")
    );
    assert!(
        set("/resampling_fn_data_kwargs/order", json!(2))
            .ends_with("resampling_fn_data_kwargs.order should be 0, 1 or 3")
    );
    assert!(set("/resampling_fn_data_kwargs/force_separate_z", json!(2)).ends_with("should be true, false or null"));
    assert!(set("/use_mask_for_norm", json!([true])).ends_with("should be 2 truth values, one a channel"));
    assert!(set("/preprocessor_name", json!("Mine")).contains("\"Mine\", which is not supported"));
    assert!(set("/spacing", json!([1, 0, 1])).ends_with("spacing should be 3 numbers above 0"));
    assert!(set("/patch_size", json!([8, 32, 1_000_000])).ends_with("a list of whole numbers from 1 to 4096"));
    assert!(set("/patch_size", json!([4096, 4096, 4096])).contains("at most 268435456 voxels"));
    assert!(
        set("/patch_size", json!([8, 30, 24])).ends_with("a multiple of the product of the strides along each axis")
    );
    assert!(set("/patch_size", json!([8, 32])).ends_with("should be 2 numbers above 0"));

    let network = "/architecture/network_class_name";
    assert_eq!(
        set(network, json!("dynamic_network_architectures.architectures.primus.PrimusM")),
        "the network PrimusM is not supported; PlainConvUNet and ResidualEncoderUNet are"
    );
    let arch = |key: &str, new: Value| set(&format!("/architecture/arch_kwargs/{key}"), new);
    assert!(arch("n_stages", json!(1_000_000_000)).ends_with("n_stages should be whole numbers from 2 to 16"));
    assert!(arch("features_per_stage", json!([8, 16])).ends_with("3 whole numbers from 1 to 8192, or one for all"));
    assert!(arch("features_per_stage", json!([8, 16, -1])).ends_with("or one for all"));
    assert!(arch("features_per_stage", json!([8, 16, 1e30])).ends_with("or one for all"));
    assert!(arch("kernel_sizes", json!([[3, 3], 3, 3])).ends_with("3 lists of 3 whole numbers from 1 to 15"));
    assert!(arch("kernel_sizes", json!(2)).contains("kernel_sizes should be odd"));
    assert!(arch("strides", json!(2)).contains("strides should be 1 in the first stage"));
    assert!(arch("conv_op", json!("torch.nn.Conv1d")).contains("\"Conv1d\", which is not supported"));
    assert!(arch("norm_op", json!("torch.nn.InstanceNorm2d")).contains("\"InstanceNorm2d\", which is not supported"));
    assert!(
        arch("norm_op_kwargs", json!({"eps": 0})).ends_with("norm_op_kwargs.eps should be a number between 0 and 1")
    );
    assert!(arch("nonlin", json!("torch.nn.GELU")).contains("\"GELU\", which is not supported"));
    assert!(arch("nonlin", Value::Null).ends_with("arch_kwargs.nonlin is missing"));
    let unknown = message(&|configuration| configuration["architecture"]["arch_kwargs"]["pool"] = json!("max"));
    assert!(unknown.contains("arch_kwargs.pool is \"set\", which is not supported"), "{unknown}");
    let flat = message(&|configuration| drop(configuration.as_object_mut().unwrap().remove("architecture")));
    assert_eq!(flat, "configurations.3d_fullres.architecture is missing");
}

#[test]
fn general_settings_are_checked() {
    let message = |key: &str, new: Value| {
        let mut plans = value("plain_aniso/plans.json");
        plans[key] = new;
        Plans::from_json(&plans.to_string()).unwrap_err().to_string()
    };
    assert!(message("transpose_forward", json!([0, 0, 1])).ends_with("the axes 0, 1 and 2 in some order"));
    assert!(message("transpose_forward", json!([0, 2, 1])).ends_with("the inverse of transpose_forward"));
    assert!(message("label_manager", json!("Mine")).contains("\"Mine\", which is not supported"));
    assert!(message("configurations", json!([])).ends_with("configurations should be an object"));
    assert!(Plans::from_json("{").unwrap_err().to_string().contains("EOF"));
    assert!(Plans::from_json(&"[".repeat(100_000)).is_err());

    let mut lacks = value("plain_aniso/plans.json");
    lacks.as_object_mut().unwrap().remove("foreground_intensity_properties_per_channel");
    let lacks = Plans::from_json(&lacks.to_string()).unwrap().configuration("3d_fullres").unwrap_err();
    assert!(lacks.to_string().starts_with("channel 0 needs foreground_intensity_properties_per_channel"));
}

#[test]
fn other_resampling_functions_are_read() {
    let mut plans = value("plain_aniso/plans.json");
    let configuration = &mut plans["configurations"]["3d_fullres"];
    configuration["resampling_fn_data"] = json!("resample_torch_fornnunet");
    configuration["resampling_fn_data_kwargs"] =
        json!({"is_seg": false, "force_separate_z": false, "memefficient_seg_resampling": false});
    configuration["resampling_fn_seg"] = json!("resample_torch_fornnunet");
    configuration["resampling_fn_seg_kwargs"] = json!({"is_seg": true});
    configuration["resampling_fn_probabilities"] = json!("no_resampling_hack");
    let configuration = Plans::from_json(&plans.to_string()).unwrap().configuration("3d_fullres").unwrap();
    let torch = |is_seg, separate_z| ResamplingFunction::Torch { is_seg, separate_z, memory_efficient: false };
    assert_eq!(configuration.resampling_data, torch(false, Some(false)));
    assert_eq!(configuration.resampling_seg, torch(true, None));
    assert_eq!(configuration.resampling_probabilities, ResamplingFunction::None);
}

#[test]
fn data_sets_of_labels_and_of_regions_are_read() {
    let labels = Dataset::open(fixture("cascade/dataset.json")).unwrap();
    assert_eq!(labels.channels, ["CT", "MR"]);
    assert_eq!(labels.file_ending, ".nii.gz");
    assert_eq!((labels.out_channels(), labels.regions()), (4, None));
    assert_eq!(labels.foreground_labels(), [1, 2, 3]);

    let regions = Dataset::open(fixture("plain_regions/dataset.json")).unwrap();
    assert_eq!((regions.out_channels(), regions.regions()), (2, Some(&[1, 2][..])));
    let names: Vec<_> = regions.labels.iter().map(|label| &label.name[..]).collect();
    assert_eq!(names, ["background", "whole", "core"]);

    let old = json!({"modality": {"1": "T2", "0": "T1"}, "file_ending": ".nrrd", "more": 1,
        "labels": {"background": 0, "tumour": [1], "ignore": 2}});
    let old = Dataset::from_json(&old.to_string()).unwrap();
    assert_eq!(old.channels, ["T1", "T2"]);
    assert_eq!((old.ignore, old.out_channels()), (Some(2), 2));
}

#[test]
fn labels_may_be_texts_and_whole_numbers_with_a_point() {
    let text = |a: &str| {
        let labels = format!(r#"{{"background": "0", "a": {a}}}"#);
        format!(r#"{{"channel_names": {{"0": "CT"}}, "file_ending": ".nii.gz", "labels": {labels}}}"#)
    };
    for a in ["1", r#""1""#, "1.0", "[1]"] {
        assert_eq!(Dataset::from_json(&text(a)).unwrap().labels[1].values, [1], "{a}");
    }
}

#[test]
fn wrong_data_sets_are_refused() {
    let message = |labels: &str, more: &str| {
        let text = format!(r#"{{"channel_names": {{"0": "CT"}}, "file_ending": ".nii.gz", "labels": {labels}{more}}}"#);
        Dataset::from_json(&text).unwrap_err().to_string()
    };
    assert_eq!(message(r#"{"a": 1}"#, ""), "labels.background should be 0");
    for wrong in [r#""x""#, "1.5", "-1", "null"] {
        let labels = format!(r#"{{"background": 0, "a": {wrong}}}"#);
        assert_eq!(message(&labels, ""), "labels.a should be a label value or a list of them");
    }
    assert_eq!(message(r#"{"background": 0, "a": 70000}"#, ""), "labels.a should be a label value or a list of them");
    assert_eq!(message(r#"{"background": 0, "a": []}"#, ""), "labels.a should be a label value or a list of them");
    assert_eq!(
        message(r#"{"background": 0, "a": 2}"#, ""),
        "labels should be the values 0, 1, 2 and so on, without gaps"
    );
    assert_eq!(
        message(r#"{"background": 0, "a": 1, "ignore": 1}"#, ""),
        "labels.ignore should be the largest label value"
    );
    assert_eq!(message(r#"{"background": 0, "a": 1, "ignore": [2]}"#, ""), "labels.ignore should be one label value");
    let regions = r#"{"background": 0, "a": [1, 2], "b": 2}"#;
    assert_eq!(message(regions, ""), "regions_class_order should be 2 label values, one a region");
    assert_eq!(
        message(regions, r#", "regions_class_order": [1]"#),
        "regions_class_order should be 2 label values, one a region"
    );
    let channels = |names: &str| {
        Dataset::from_json(&format!(r#"{{"file_ending": "", "labels": {{"background": 0}}{names}}}"#))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(channels(""), "channel_names is missing");
    assert!(channels(r#", "channel_names": {"1": "CT"}"#).contains("the keys 0, 1, 2 and so on"));
    assert!(channels(r#", "channel_names": {}"#).contains("the keys 0, 1, 2 and so on"));
}

#[test]
fn masks_that_would_be_resampled_as_images_are_refused() {
    let mut plans = old();
    plans["configurations"]["3d_lowres"]["resampling_fn_seg_kwargs"]["is_seg"] = json!(false);
    let plans = Plans::from_json(&plans.to_string()).unwrap();
    let problem = plans.configuration("3d_lowres").unwrap_err().to_string();
    assert!(problem.ends_with("resampling_fn_seg_kwargs should be those of labels, with is_seg"), "{problem}");
}
