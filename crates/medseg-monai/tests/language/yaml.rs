//! YAML in the place of JSON.

use std::fs;

use medseg_monai::{MonaiBundle, MonaiError};

#[test]
fn yaml_is_read_as_json() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("configs")).unwrap();
    let file = scratch.path().join("configs/inference.yaml");
    let yaml = r"
image: $monai.utils.CommonKeys.IMAGE
num_classes: 4 # the background too
ckpt_path: $@bundle_root + '/models/best.pt'
network_def:
  _target_: UNet
  spatial_dims: 3
  in_channels: 1
  out_channels: '@num_classes'
  channels: [8, 16]
  strides:
  - 2
network: $@network_def.to(@device)
transforms:
- _target_: LoadImaged
  keys: '@image'
- _target_: ScaleIntensityd
  keys: ['@image']
preprocessing: {_target_: Compose, transforms: $@transforms}
inferer: {_target_: SimpleInferer}
postprocessing:
  _target_: Compose
  transforms:
  - {_target_: AsDiscreted, keys: pred, argmax: true}
  - {_target_: SaveImaged, keys: pred, dtype: $None, output_dtype: $None, output_postfix: ''}
handlers:
- _target_: CheckpointLoader
  _disabled_: $not os.path.exists(@ckpt_path)
  load_path: '@ckpt_path'
  load_dict:
    model: '@network'
";
    fs::write(&file, yaml).unwrap();
    let bundle = MonaiBundle::open(scratch.path()).unwrap();
    assert_eq!(bundle.network.architecture.graph().unwrap().out_channels(), 4);
    assert_eq!((bundle.preprocessing.len(), bundle.postprocessing.len()), (2, 2));
    // The loader is disabled as long as its file is missing.
    assert_eq!(bundle.checkpoint.path, "models/model.pt");
    fs::create_dir(scratch.path().join("models")).unwrap();
    fs::write(scratch.path().join("models/best.pt"), "").unwrap();
    assert_eq!(MonaiBundle::open(scratch.path()).unwrap().checkpoint.path, "models/best.pt");

    let mut bomb = String::from("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..12 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    let deep = "[".repeat(100_000);
    for text in [bomb.as_str(), &deep, "a: [", "- 1", "a: !!python/object/apply:os.system ['x']", "a: &a [*a]"] {
        fs::write(&file, text).unwrap();
        assert!(
            matches!(MonaiBundle::open(scratch.path()), Err(MonaiError::Config { .. })),
            "{}",
            &text[..text.len().min(30)]
        );
    }
}
