//! Logits of the lower levels.

use burn::tensor::Device;
use medseg_unet::{UNetConfig, Upsample};

use super::networks::{noise, small, values};

#[test]
fn the_lower_logits_are_those_of_the_decoders_own_stages() {
    let device = Device::flex();
    for upsample in [Upsample::Trilinear, Upsample::Transposed] {
        let config = UNetConfig { deep_supervision: 3, out_channels: 2, final_bias: true, upsample, ..small() };
        let network = config.init_seeded(1, &device).unwrap();
        let x = noise([2, 1, 32, 16, 48], 2, &device);
        let deep = network.forward_deep(x.clone());
        assert_eq!(values(deep[0].clone()), values(network.forward(x.clone())));
        let stages = network.stage_outputs(x);
        let parameters = network.named_parameters();
        let of = |name: &str| {
            let data = &parameters.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name}")).1;
            data.iter::<f32>().collect::<Vec<f32>>()
        };
        for (level, stage) in [(1, "conv1_3"), (2, "conv2_2"), (3, "conv3_1")] {
            let step = 4 - level;
            let y = &stages.iter().find(|(name, _)| name == stage).unwrap().1;
            let [batch, channels, d, h, w] = y.dims();
            assert_eq!(deep[level].dims(), [2, 2, 32 >> level, 16 >> level, 48 >> level]);
            let (weight, bias) = (of(&format!("head{level}_{step}.weight")), of(&format!("head{level}_{step}.bias")));
            let (inputs, outputs, voxels) = (values(y.clone()), values(deep[level].clone()), d * h * w);
            for at in (0..batch * 2 * voxels).step_by(7) {
                let (sample, class, voxel) = (at / (2 * voxels), at / voxels % 2, at % voxels);
                let want: f32 = (0..channels)
                    .map(|c| weight[class * channels + c] * inputs[(sample * channels + c) * voxels + voxel])
                    .sum::<f32>()
                    + bias[class];
                assert!((outputs[at] - want).abs() < 1e-5, "{stage} {at}: {} for {want}", outputs[at]);
            }
        }
    }
}

#[test]
#[should_panic(expected = "not multiples of 16")]
fn sides_that_the_levels_cannot_halve_are_refused() {
    let network = UNetConfig { deep_supervision: 1, ..small() }.init_seeded(1, &Device::flex()).unwrap();
    let _ = network.forward_deep(noise([1, 1, 16, 16, 17], 1, &Device::flex()));
}
