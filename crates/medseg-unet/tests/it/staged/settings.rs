//! Settings, seeds and initial weights.

use burn::tensor::Device;
use medseg_unet::{Activation, EncoderKind, Norm, StageConfig, StagedUNetConfig, describe_staged, parameter_shapes};

use super::{bottleneck, flat, kinds, plain, residual};

fn first(change: impl FnOnce(&mut StageConfig)) -> StagedUNetConfig {
    let mut config = plain();
    change(&mut config.stages[1]);
    config
}

#[test]
fn impossible_settings_are_refused_by_name() {
    let wide = StageConfig::new(4096, [1; 3]).with_kernel([15; 3]);
    let leaky = |slope| plain().with_activation(Activation::LeakyRelu { slope });
    for (what, config) in [
        ("dimensions must be 2 or 3", plain().with_dimensions(1)),
        ("number of stages", plain().with_stages(vec![])),
        ("number of stages", plain().with_stages(vec![StageConfig::new(2, [1; 3])]).with_decoder_convs(vec![])),
        ("number of stages", plain().with_stages(vec![StageConfig::new(2, [1; 3]); 13])),
        ("in_channels", plain().with_in_channels(0)),
        ("in_channels", plain().with_in_channels(usize::MAX)),
        ("out_channels", plain().with_out_channels(1 << 20)),
        ("features of stage 1", first(|stage| stage.features = 0)),
        ("features of stage 1", first(|stage| stage.features = usize::MAX)),
        ("kernel of stage 1 must be odd, not 2", first(|stage| stage.kernel = [3, 2, 3])),
        ("kernel of stage 1", first(|stage| stage.kernel = [0, 3, 3])),
        ("kernel of stage 1", first(|stage| stage.kernel = [3, 3, 17])),
        ("stride of stage 1", first(|stage| stage.stride = [0, 1, 1])),
        ("stride of stage 1", first(|stage| stage.stride = [1, 1, 9])),
        ("blocks of stage 1", first(|stage| stage.blocks = 0)),
        ("blocks of stage 1", first(|stage| stage.blocks = 65)),
        ("bottleneck_channels of stage 1", first(|stage| stage.bottleneck_channels = Some(2))),
        ("bottleneck_channels of stage 0 are missing", plain().with_encoder(EncoderKind::Bottleneck)),
        ("3 stages need 2 numbers in decoder_convs", plain().with_decoder_convs(vec![2])),
        ("decoder_convs[1]", plain().with_decoder_convs(vec![2, 0])),
        ("decoder_convs[0]", plain().with_decoder_convs(vec![65, 2])),
        (
            "product of the strides",
            plain().with_stages(vec![StageConfig::new(2, [8; 3]); 5]).with_decoder_convs(vec![1; 4]),
        ),
        ("stem_channels", plain().with_stem_channels(Some(4))),
        ("stem_channels", residual().with_stem_channels(Some(0))),
        ("eps", plain().with_eps(0.0)),
        ("eps", plain().with_eps(f64::NAN)),
        ("slope", leaky(1.0)),
        ("slope", leaky(f64::NAN)),
        ("activation_first", residual().with_activation_first(true)),
        ("momentum", plain().with_norm(Norm::Batch { momentum: 2.0 })),
        ("3 channels cannot be cut into 2 groups", residual().with_norm(Norm::Group { groups: 2 })),
        ("must begin with 1 in 2 dimensions", plain().with_dimensions(2)),
        ("parameters are more than", plain().with_stages(vec![wide; 3])),
    ] {
        let error = config.init_seeded(1, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
        assert!(describe_staged(&config, [32; 3]).is_err());
        assert!(parameter_shapes(&config).is_err());
    }
}

#[test]
fn settings_survive_json_and_misspelt_ones_do_not() {
    for config in kinds() {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<StagedUNetConfig>(&text).unwrap(), config);
    }
    assert_eq!(serde_json::from_str::<StagedUNetConfig>("{}").unwrap(), StagedUNetConfig::default());
    for text in [r#"{"stagse": []}"#, r#"{"stages": [{"features": 4, "kernel": [3, 3, 3], "stride": [1, 1]}]}"#] {
        assert!(serde_json::from_str::<StagedUNetConfig>(text).is_err());
    }
}

#[test]
fn a_seed_decides_the_weights_whatever_the_device() {
    let make = |seed: u64, device: &Device| plain().init_seeded(seed, device).unwrap().named_parameters();
    let device = Device::flex();
    assert_eq!(make(7, &device), make(7, &device.clone().autodiff()));
    assert_ne!(make(7, &device), make(8, &device));
    for config in kinds() {
        let network = config.init(&device).unwrap();
        let ours = network.named_parameters().into_iter().chain(network.named_statistics());
        let mut ours: Vec<_> = ours.map(|(name, data)| (name, data.shape().to_vec())).collect();
        let mut wanted = parameter_shapes(&config).unwrap();
        ours.sort();
        wanted.sort();
        assert_eq!(ours, wanted);
    }
    assert_eq!(parameter_shapes(&flat()).unwrap()[0].1, [2, 1, 3, 3]);
}

#[test]
fn a_residual_block_begins_as_its_shortcut() {
    for (config, last) in [(residual(), "conv2"), (bottleneck(), "conv3")] {
        let network = config.init_seeded(1, &Device::flex()).unwrap();
        for (name, data) in network.named_parameters() {
            if name.ends_with(".norm.weight") {
                let want = if name.ends_with(&format!("{last}.norm.weight")) { 0.0 } else { 1.0 };
                assert!(data.iter::<f32>().all(|value| value == want), "{name}");
            }
        }
    }
}
