//! Settings of transforms, inferers and weights, with MONAI's defaults and in the order of medseg's axes.

use std::fs;
use std::path::Path;

use medseg_monai::{
    Activation, Blend, ChannelDim, Inferer, MonaiBundle, Padding, Postprocess, Preprocess, ResizeMode, SizeMode,
};
use serde_json::{Value, json};

/// A bundle with a part of its settings in the place of the spleen bundle's.
fn bundle(part: &str, value: Value) -> MonaiBundle {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bundles/spleen/configs/inference.json");
    let mut settings: Value = serde_json::from_str(&fs::read_to_string(golden).unwrap()).unwrap();
    settings[part] = value;
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("configs")).unwrap();
    fs::write(scratch.path().join("configs/inference.json"), settings.to_string()).unwrap();
    MonaiBundle::open(scratch.path()).unwrap_or_else(|error| panic!("{error}"))
}

/// The only step of a preprocessing.
fn step(mut transform: Value) -> Preprocess {
    transform["keys"] = json!(["image"]);
    bundle("preprocessing", transform).preprocessing.remove(0)
}

/// The only step of a postprocessing.
fn last(mut transform: Value) -> Postprocess {
    transform["keys"] = "pred".into();
    bundle("postprocessing", json!({"_target_": "Compose", "transforms": [transform]})).postprocessing.remove(0)
}

#[test]
fn spatial_settings_have_their_values() {
    let Preprocess::Spacing(spacing) = step(
        json!({"_target_": "SpacingDict", "pixdim": [0.5, -1.0], "mode": ["nearest"],
        "padding_mode": "zeros", "diagonal": true, "align_corners": [true], "scale_extent": true, "recompute_affine": true}),
    ) else {
        panic!("a spacing")
    };
    assert_eq!(spacing.spacing, [None, None, Some(0.5)]);
    assert!(
        spacing.nearest
            && spacing.diagonal
            && spacing.align_corners
            && spacing.scale_extent
            && spacing.recompute_affine
    );
    assert_eq!(spacing.padding, Padding::Constant(0.0));
    let Preprocess::Spacing(spacing) = step(json!({"_target_": "SpacingD", "pixdim": 1.5})) else {
        panic!("a spacing")
    };
    assert_eq!(spacing.spacing, [Some(1.5); 3]);

    for (axcodes, expected) in [(json!("LPS"), "LPS"), (json!("ras"), "RAS"), (json!(["A", "S", "R"]), "ASR")] {
        let Preprocess::Orientation(of) = step(json!({"_target_": "Orientationd", "axcodes": axcodes,
            "labels": [["L", "R"], ["P", "A"], ["I", "S"]]}))
        else {
            panic!("an orientation")
        };
        assert_eq!(of.axcodes, expected);
    }

    let Preprocess::Resize(resize) =
        step(json!({"_target_": "Resized", "spatial_size": [96, -1, 32], "mode": "trilinear",
        "align_corners": true}))
    else {
        panic!("a size")
    };
    assert_eq!(
        (resize.size, resize.mode, resize.align_corners),
        ([Some(32), None, Some(96)], ResizeMode::Trilinear, true)
    );
    let Preprocess::Resize(resize) = step(json!({"_target_": "Resized", "spatial_size": 64, "size_mode": "longest"}))
    else {
        panic!("a size")
    };
    assert_eq!((resize.size, resize.mode, resize.size_mode), ([Some(64); 3], ResizeMode::Area, SizeMode::Longest));
}

#[test]
fn loaded_channels_have_their_axis() {
    let Preprocess::LoadImage(load) =
        step(json!({"_target_": "LoadImaged", "reader": "ITKReader", "image_only": false,
        "ensure_channel_first": true}))
    else {
        panic!("a reader")
    };
    assert_eq!((load.reader.as_deref(), load.ensure_channel_first), (Some("ITKReader"), true));
    for (given, expected) in [
        (json!(null), ChannelDim::FromFile),
        (json!("no_channel"), ChannelDim::NoChannel),
        (json!(-1), ChannelDim::Axis(-1)),
    ] {
        let channels = step(json!({"_target_": "EnsureChannelFirstd", "channel_dim": given}));
        assert_eq!(channels, Preprocess::EnsureChannelFirst(expected));
    }
    assert_eq!(
        step(json!({"_target_": "CastToTyped", "dtype": "$np.float32"})),
        Preprocess::Cast(Some("float32".into()))
    );
}

#[test]
fn intensities_have_their_values() {
    let Preprocess::ScaleIntensityRange(range) =
        step(json!({"_target_": "ScaleIntensityRanged", "a_min": -1000, "a_max": 1e3}))
    else {
        panic!("a range")
    };
    assert_eq!((range.from, range.to, range.clip), ([-1000.0, 1000.0], [None, None], false));
    let Preprocess::ScaleIntensity(scale) = step(json!({"_target_": "ScaleIntensityd"})) else { panic!("a scale") };
    assert_eq!((scale.range, scale.factor, scale.channel_wise), (Some([0.0, 1.0]), None, false));
    let Preprocess::ScaleIntensity(scale) =
        step(json!({"_target_": "ScaleIntensityd", "minv": null, "maxv": null, "factor": 0.5}))
    else {
        panic!("a scale")
    };
    assert_eq!((scale.range, scale.factor), (None, Some(0.5)));
    let Preprocess::NormalizeIntensity(norm) = step(json!({"_target_": "NormalizeIntensityd", "subtrahend": 40,
        "divisor": [100.0, 2], "channel_wise": true}))
    else {
        panic!("a norm")
    };
    assert_eq!((norm.subtrahend, norm.divisor, norm.nonzero), (Some(vec![40.0]), Some(vec![100.0, 2.0]), false));
    let Preprocess::ScaleIntensityRangePercentiles(of) = step(json!({"_target_": "ScaleIntensityRangePercentilesd",
        "lower": 0.5, "upper": 99.5, "b_min": 0, "b_max": null, "clip": true, "relative": true}))
    else {
        panic!("percentiles")
    };
    assert_eq!((of.percentiles, of.to, of.clip, of.relative), ([0.5, 99.5], [Some(0.0), None], true, true));
}

#[test]
fn crops_and_pads_have_their_values() {
    let Preprocess::CropForeground(crop) = step(json!({"_target_": "CropForegroundd", "source_key": "image",
        "select_fn": "$lambda x: x > 0", "margin": [1, 2, 3], "k_divisible": [8, 8, 4], "allow_smaller": true,
        "channel_indices": 0, "mode": "edge"}))
    else {
        panic!("a crop")
    };
    assert_eq!((crop.margin, crop.k_divisible, crop.allow_smaller), ([3, 2, 1], [4, 8, 8], true));
    assert_eq!((crop.channels, crop.padding), (Some(vec![0]), Padding::Edge));
    // Without margin nothing is padded, so that the mode decides nothing.
    let crop = step(json!({"_target_": "CropForegroundd", "source_key": "image", "mode": ["minimum"]}));
    assert!(matches!(crop, Preprocess::CropForeground(crop) if crop.margin == [0; 3] && !crop.allow_smaller));
    let Preprocess::SpatialPad(pad) =
        step(json!({"_target_": "SpatialPadd", "spatial_size": [96, 96, -1], "method": "end",
        "value": -1}))
    else {
        panic!("a pad")
    };
    assert_eq!((pad.size, pad.at_end, pad.padding), ([None, Some(96), Some(96)], true, Padding::Constant(-1.0)));
}

#[test]
fn windows_have_their_values() {
    let inferer = |value| bundle("inferer", value).inferer;
    assert_eq!(inferer(json!({"_target_": "SimpleInferer"})), Inferer::Simple);
    let given = json!({"_target_": "monai.inferers.SlidingWindowInferer", "roi_size": [96, 64, -1], "overlap": [0.5, 0.25, 0.0],
        "mode": "GAUSSIAN", "sigma_scale": [0.1, 0.2, 0.3], "padding_mode": "replicate", "device": "$exec('x')", "progress": true});
    let Inferer::SlidingWindow(window) = inferer(given) else { panic!("a window") };
    assert_eq!((window.roi_size, window.overlap), ([None, Some(64), Some(96)], [0.0, 0.25, 0.5]));
    assert_eq!((window.batch_size, window.padding), (1, Padding::Edge));
    assert_eq!(window.blend, Blend::Gaussian { sigma_scale: [0.3, 0.2, 0.1] });
    let given = json!({"_target_": "SlidingWindowInferer", "roi_size": "$[32] * 3", "cval": -1});
    let Inferer::SlidingWindow(window) = inferer(given) else { panic!("a window") };
    assert_eq!((window.roi_size, window.overlap, window.padding), ([Some(32); 3], [0.25; 3], Padding::Constant(-1.0)));
    let given = json!({"_target_": "SlidingWindowInferer", "roi_size": [null, 32, 32]});
    let Inferer::SlidingWindow(window) = inferer(given) else { panic!("a window") };
    assert_eq!(window.roi_size, [Some(32), Some(32), None]);
}

#[test]
fn postprocessing_has_its_values() {
    assert_eq!(last(json!({"_target_": "Activationsd"})), Postprocess::Activation(Activation::Identity));
    assert_eq!(
        last(json!({"_target_": "ActivationsD", "sigmoid": [true]})),
        Postprocess::Activation(Activation::Sigmoid)
    );
    let invert = last(json!({"_target_": "Invertd", "transform": "$@preprocessing", "orig_keys": ["image"]}));
    assert!(matches!(invert, Postprocess::Invert(invert) if invert.nearest));
    let Postprocess::Discrete(of) =
        last(json!({"_target_": "AsDiscreted", "to_onehot": 3, "rounding": "torchrounding"}))
    else {
        panic!("a discrete step")
    };
    assert_eq!((of.argmax, of.to_onehot, of.threshold, of.rounding), (false, Some(3), None, true));
    let Postprocess::KeepLargest(of) = last(json!({"_target_": "KeepLargestConnectedComponentd", "applied_labels": 2,
        "is_onehot": false, "independent": false, "connectivity": 1, "num_components": 2}))
    else {
        panic!("components")
    };
    assert_eq!((of.labels, of.is_onehot, of.independent), (Some(vec![2]), Some(false), false));
    assert_eq!((of.connectivity, of.count), (Some(1), 2));
    assert_eq!(
        last(json!({"_target_": "FillHolesd", "applied_labels": [1, 2]})),
        Postprocess::FillHoles(Some(vec![1, 2]), None)
    );
    let Postprocess::RemoveSmallObjects(of) = last(json!({"_target_": "RemoveSmallObjectsd", "min_size": 10})) else {
        panic!("small objects")
    };
    assert_eq!((of.min_size, of.connectivity, of.independent_channels), (10, 1, true));
    let save =
        last(json!({"_target_": "SaveImaged", "output_dtype": "$np.uint8", "output_ext": ".nii", "resample": true}));
    let Postprocess::Save { postfix, extension, dtype, resample } = save else { panic!("a file") };
    assert_eq!((postfix.as_str(), extension.as_str(), dtype.as_str(), resample), ("trans", ".nii", "uint8", true));
}
