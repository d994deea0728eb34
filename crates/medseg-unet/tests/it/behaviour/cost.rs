//! Promises of [`describe`].

use burn::module::Module;
use burn::tensor::Device;
use medseg_unet::{BlockKind, NetworkCost, StageCost, UNetConfig, Upsample, describe};

use super::networks::kinds;

#[test]
fn the_cost_counts_every_parameter() {
    for config in kinds() {
        let network = config.init_seeded(1, &Device::flex()).unwrap();
        let counted: usize = network.named_parameters().iter().map(|(_, data)| data.num_elements()).sum();
        assert_eq!(describe(&config, [32; 3]).unwrap().parameters, counted as u64, "{config:?}");
        let statistics: usize = network.named_statistics().iter().map(|(_, data)| data.num_elements()).sum();
        assert_eq!(network.num_params(), counted + statistics);
    }
}

#[test]
fn the_reference_networks_have_as_many_parameters_as_in_pytorch() {
    let parameters = |channels: [usize; 5], block: BlockKind| {
        let config =
            UNetConfig { channels: channels.to_vec(), encoder: block, decoder: block, ..UNetConfig::default() };
        describe(&config, [128; 3]).unwrap().parameters
    };
    assert_eq!(parameters([16, 32, 64, 128, 256], BlockKind::TwoLayer), 5_882_560);
    assert_eq!(parameters([16, 32, 64, 128, 256], BlockKind::ResTwoLayer), 5_991_376);
    assert_eq!(parameters([16, 32, 64, 128, 256], BlockKind::ResFourLayer), 11_880_400);
    assert_eq!(parameters([64, 128, 256, 512, 1024], BlockKind::ResTwoLayer), 95_856_448);
}

#[test]
fn the_cost_of_two_levels_is_that_counted_by_hand() {
    let config = UNetConfig {
        channels: vec![2, 4],
        encoder: BlockKind::TwoLayer,
        decoder: BlockKind::TwoLayer,
        ..UNetConfig::default()
    };
    // 8·8·8 voxels above, 4·4·4 below.
    let (top, bottom) = (512, 64);
    let taps = 27 * ((2 + 2 * 2) * top + (2 * 4 + 4 * 4) * bottom + (6 * 2 + 2 * 2) * top) + 2 * top;
    // The image, what each of two convolutions makes and the block's result; two pooled channels of five bytes; the logits.
    let kept = 4 * (1 + 3 * 2) * top + (2 * 5 + 4 * 3 * 4) * bottom + 4 * (3 * 2) * top + 4 * top;
    let parameters = 27 * (2 + 2 * 2 + 2 * 4 + 4 * 4 + 6 * 2 + 2 * 2) + 2;
    let totals = |cost: NetworkCost| (cost.parameters, cost.flops, cost.activation_bytes, cost.checkpointed_bytes);
    let checkpointed = kept - 4 * (2 * top + 4 * bottom + 2 * top);
    let want = (parameters, 2 * taps, kept, checkpointed);
    assert_eq!(totals(describe(&config, [8; 3]).unwrap()), want);
    assert_eq!(totals(describe(&config, [7, 8, 7]).unwrap()), want, "counted as padded");

    let concatenated =
        |decoder: BlockKind| describe(&UNetConfig { decoder, ..config.clone() }, [8; 3]).unwrap().concatenated_bytes;
    assert_eq!(concatenated(BlockKind::TwoLayer), 0, "one convolution reads both inputs");
    assert_eq!(concatenated(BlockKind::ResTwoLayer), 4 * 4 * (top - bottom), "four channels, upsampled instead of not");

    let transposed = UNetConfig { upsample: Upsample::Transposed, ..config };
    // Eight taps, one for each output voxel; two channels of what is below instead of four.
    let flops = 2 * (taps + 2 * 4 * top - 27 * 2 * 2 * top);
    let cost = describe(&transposed, [8; 3]).unwrap();
    assert_eq!((cost.parameters, cost.flops), (parameters + 8 * 2 * 4 - 27 * 2 * 2, flops));
}

#[test]
fn the_table_has_a_line_for_every_stage_and_their_sum() {
    for config in kinds() {
        let cost = describe(&config, [64; 3]).unwrap();
        let network = config.init_seeded(1, &Device::flex()).unwrap();
        let outputs =
            network.stage_outputs(burn::tensor::Tensor::zeros([1, config.in_channels, 64, 64, 64], &Device::flex()));
        for ((name, output), stage) in outputs.iter().zip(&cost.stages) {
            assert_eq!((name, &output.dims()[1..]), (&stage.name, &stage.output[..]), "{config:?}");
        }
        let sum = |of: fn(&StageCost) -> u64| cost.stages.iter().map(of).sum::<u64>();
        assert_eq!(cost.stages.len(), outputs.len() + config.deep_supervision);
        assert_eq!(cost.parameters, sum(|s| s.parameters));
        assert_eq!(cost.flops, sum(|s| s.flops));
        assert_eq!(cost.activation_bytes, sum(|s| s.activation_bytes));
        assert_eq!(cost.checkpointed_bytes, sum(|s| s.checkpointed_bytes));
        assert_eq!(cost.concatenated_bytes, sum(|s| s.concatenated_bytes));
        let table = cost.to_string();
        assert_eq!(table.lines().count(), cost.stages.len() + 2);
        assert!(table.lines().all(|line| line.len() == table.lines().next().unwrap().len()), "{table}");
    }
}

#[test]
fn what_cannot_be_counted_is_refused_or_held_at_the_largest_number() {
    let error = describe(&UNetConfig::default(), [usize::MAX, 1, 1]).unwrap_err().to_string();
    assert!(error.contains("along an axis"), "{error}");
    let wide = UNetConfig { channels: vec![1 << 16; 5], ..UNetConfig::default() };
    assert_eq!(describe(&wide, [1 << 20; 3]).unwrap().flops, u64::MAX);
}
