//! Group norm and batch norm against their definitions, and the batch norm's running statistics.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use medseg_unet::{Activation, BlockKind, Norm, UNet, UNetConfig, load_weights, save_weights};

use super::networks::{noise, values};

/// A network whose first stage is one convolution behind the other with the given norm.
fn network(norm: Norm, device: &Device) -> UNet {
    let config = UNetConfig {
        channels: vec![4, 6],
        encoder: BlockKind::TwoLayer,
        decoder: BlockKind::TwoLayer,
        dropout: 0.0,
        norm,
        ..UNetConfig::default()
    };
    config.init_seeded(3, device).unwrap()
}

/// Mean and biased variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

/// Output of the network's first convolution, by Burn, as channels of samples: `[sample][channel][voxel]`.
fn first_convolution(network: &UNet, x: Tensor<5>) -> Vec<Vec<Vec<f64>>> {
    let weight = Tensor::<5>::from_data(network.named_parameters()[0].1.clone(), &x.device());
    let options = medseg_ops::ConvOptions { padding: [1; 3], ..Default::default() };
    let y = medseg_ops::composed::conv3d(x, weight, None, options);
    let [batch, channels, d, h, w] = y.dims();
    let all: Vec<f64> = y.into_data().iter::<f64>().collect();
    let rows: Vec<Vec<f64>> = all.chunks(d * h * w).map(<[f64]>::to_vec).collect();
    (0..batch).map(|b| rows[b * channels..(b + 1) * channels].to_vec()).collect()
}

#[test]
fn running_statistics_follow_pytorchs_rule() {
    let device = Device::flex().autodiff();
    let momentum = 0.25;
    let network = network(Norm::Batch { momentum }, &device);
    let (mut mean, mut var) = (vec![0.0; 4], vec![1.0; 4]);
    for seed in 0..3 {
        let x = noise([2, 1, 4, 6, 8], seed, &device);
        let y = first_convolution(&network, x.clone().inner());
        for channel in 0..4 {
            let both = [y[0][channel].clone(), y[1][channel].clone()].concat();
            let (m, v) = moments(&both);
            let unbiased = v * both.len() as f64 / (both.len() - 1) as f64;
            mean[channel] = (1.0 - momentum) * mean[channel] + momentum * m;
            var[channel] = (1.0 - momentum) * var[channel] + momentum * unbiased;
        }
        let _ = network.forward(x);
        let statistics = network.named_statistics();
        assert_eq!(statistics.len(), 2 * 6);
        for ((name, data), (key, want)) in
            statistics.iter().zip([("conv0_0.norm1.running_mean", &mean), ("conv0_0.norm1.running_var", &var)])
        {
            assert_eq!(name, key);
            for (got, want) in data.iter::<f64>().zip(want) {
                assert!((got - want).abs() < 1e-5, "{key} after {seed}: {got}, not {want}");
            }
        }
    }
}

#[test]
fn prediction_uses_the_running_statistics_and_does_not_move_them() {
    let device = Device::flex().autodiff();
    let trained = network(Norm::Batch { momentum: 0.5 }, &device);
    for seed in 0..4 {
        let _ = trained.forward(noise([2, 1, 8, 8, 8], seed, &device));
    }
    let valid = trained.valid();
    let statistics = trained.named_statistics();
    assert_eq!(valid.named_statistics(), statistics);
    let image = |seed| noise([1, 1, 8, 8, 8], seed, &Device::flex());
    let both = values(valid.forward(Tensor::cat(vec![image(8), image(9)], 0)));
    assert_eq!(both, [values(valid.forward(image(8))), values(valid.forward(image(9)))].concat());
    assert_eq!(valid.named_statistics(), statistics);

    // They are part of the files, also of Burn's own.
    let folder = tempfile::tempdir().unwrap();
    for file in ["n.safetensors", "n.bpk"] {
        save_weights(&trained, folder.path().join(file)).unwrap();
        let loaded = load_weights(folder.path().join(file), &Device::flex()).unwrap();
        assert_eq!(loaded.named_statistics(), statistics);
        assert_eq!(values(loaded.forward(image(8))), values(valid.forward(image(8))));
    }
    let record = folder.path().join("record.bpk");
    trained.clone().save_file(&record).unwrap();
    let loaded = network(Norm::Batch { momentum: 0.5 }, &device).try_load_file(&record).unwrap();
    assert_eq!(loaded.named_statistics(), statistics);
}

#[test]
fn group_norm_is_that_of_its_definition() {
    let device = Device::flex();
    for groups in [1, 2] {
        let norm = Norm::Group { groups };
        let config = UNetConfig { activation: Activation::Silu, ..network(norm, &device).config().clone() };
        let network = config.init_seeded(3, &device).unwrap();
        let x = noise([2, 1, 4, 6, 8], 1, &device);
        // The second convolution of the stage, of what the definition says.
        let y = first_convolution(&network, x.clone());
        let rectified: Vec<f32> = y
            .iter()
            .flat_map(|sample| sample.chunks(4 / groups))
            .flat_map(|group| {
                let group = group.concat();
                let (mean, var) = moments(&group);
                group.into_iter().map(move |v| {
                    let z = (v - mean) / (var + 1e-5).sqrt();
                    (z / (1.0 + (-z).exp())) as f32
                })
            })
            .collect();
        let rectified = burn::tensor::TensorData::new(rectified, [2, 4, 4, 6, 8]);
        let weight = Tensor::<5>::from_data(named(&network, "conv0_0.conv2.weight"), &device);
        let options = medseg_ops::ConvOptions { padding: [1; 3], ..Default::default() };
        let y = medseg_ops::composed::conv3d(Tensor::from_data(rectified, &device), weight, None, options);
        let all: Vec<f64> = y.into_data().iter::<f64>().collect();
        let want = all.chunks(4 / groups * 4 * 6 * 8).flat_map(|group| {
            let (mean, var) = moments(group);
            group.iter().map(move |v| (v - mean) / (var + 1e-5).sqrt()).map(|z| z / (1.0 + (-z).exp()))
        });
        let got = values(network.stage_outputs(x).swap_remove(0).1);
        for (at, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((f64::from(*got) - want).abs() < 1e-4, "{groups} groups, {at}: {got}, not {want}");
        }
    }
}

fn named(network: &UNet, name: &str) -> burn::tensor::TensorData {
    network.named_parameters().into_iter().find(|(n, _)| n == name).unwrap().1
}
