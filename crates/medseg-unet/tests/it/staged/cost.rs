//! Promises of `describe_staged`.

use burn::tensor::Device;
use medseg_unet::{EncoderKind, StageConfig, StagedUNetConfig, describe_staged};

use super::{flat, kinds, plain};

#[test]
fn the_cost_counts_every_parameter() {
    for config in kinds() {
        let network = config.init_seeded(1, &Device::flex()).unwrap();
        let counted: usize = network.named_parameters().iter().map(|(_, data)| data.num_elements()).sum();
        let cost = describe_staged(&config, [1, 32, 32]).unwrap();
        assert_eq!(cost.parameters, counted as u64, "{config:?}");
        assert!(cost.checkpointed_bytes <= cost.activation_bytes);
    }
}

#[test]
fn the_networks_of_nnunet_have_as_many_parameters_as_in_pytorch() {
    let plain = StagedUNetConfig::default();
    let residual = |blocks: [usize; 6]| {
        let mut config =
            StagedUNetConfig { encoder: EncoderKind::Residual, decoder_convs: vec![1; 5], ..plain.clone() };
        config.stages.iter_mut().zip(blocks).for_each(|(stage, blocks)| stage.blocks = blocks);
        config
    };
    let parameters = |config: &StagedUNetConfig| describe_staged(config, [128; 3]).unwrap().parameters;
    assert_eq!(parameters(&plain), 31_195_594);
    assert_eq!(parameters(&residual([1, 3, 4, 6, 6, 6])), 102_349_770);
}

#[test]
fn the_cost_of_two_stages_is_that_counted_by_hand() {
    let stages = vec![StageConfig::new(2, [1; 3]), StageConfig::new(4, [2; 3]).with_kernel([1, 3, 3])];
    let config = StagedUNetConfig { stages, decoder_convs: vec![1], conv_bias: false, ..plain() };
    let cost = describe_staged(&config, [8, 7, 8]).unwrap();
    // 8·8·8 voxels above, 4·4·4 below.
    let (top, bottom) = (512, 64);
    let taps = 27 * (2 + 2 * 2) * top + 9 * (2 * 4 + 4 * 4) * bottom + 4 * 2 * top + 27 * 4 * 2 * top + 2 * 2 * top;
    assert_eq!(cost.flops, 2 * taps);
    // The image, two convolutions and the result; below the first activation too; upsampled channels, the convolution, the
    // result; the logits.
    let always = 4 * ((1 + 2 * 2) * top + 2 * 4 * bottom + (2 + 2) * top + 2 * top);
    let normalised = 4 * (2 * top + 2 * 4 * bottom + 2 * top);
    assert_eq!((cost.activation_bytes, cost.checkpointed_bytes), (always + normalised, always));
    let names: Vec<&str> = cost.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["encoder.stages.0", "encoder.stages.1", "decoder.stages.0", "decoder.seg_layers.0"]);
    assert_eq!(cost.stages[1].output, [4, 4, 4, 4]);
    let table = cost.to_string();
    assert!(table.lines().all(|line| line.len() == table.lines().next().unwrap().len()), "{table}");
}

#[test]
fn images_that_are_too_large_to_count_are_refused() {
    assert!(describe_staged(&plain(), [usize::MAX, 4, 4]).is_err());
    assert!(describe_staged(&plain(), [1 << 20; 3]).is_ok());
    let stages = vec![StageConfig::new(2, [8, 7, 5]); 4];
    let steep = plain().with_stages(stages).with_decoder_convs(vec![1; 3]);
    assert!(describe_staged(&steep, [(1 << 20) - 1; 3]).is_ok());
    assert!(describe_staged(&flat(), [2, 8, 8]).unwrap_err().to_string().contains("a depth of 2"));
}
