//! The network on any shape, with any settings.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Distribution, Tensor};
use medseg_optim::NovoGradConfig;
use medseg_unet::{BlockKind, UNet, UNetConfig, Upsample, describe};

fn small() -> UNetConfig {
    UNetConfig { channels: vec![2, 3, 4, 5, 6], ..UNetConfig::default() }
}

fn noise(shape: [usize; 5], seed: u64, device: &Device) -> Tensor<5> {
    let plain = Device::flex();
    plain.seed(seed);
    let data = Tensor::<5>::random(shape, Distribution::Normal(0.0, 1.0), &plain).into_data();
    Tensor::from_data(data, device)
}

fn values(tensor: Tensor<5>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

/// Every kind of network that the settings can ask for.
fn kinds() -> Vec<UNetConfig> {
    let mut all = Vec::new();
    for block in [BlockKind::TwoLayer, BlockKind::ResTwoLayer, BlockKind::ResFourLayer] {
        for upsample in [Upsample::Trilinear, Upsample::Transposed] {
            for pool_kernel in [2, 3] {
                all.push(UNetConfig { encoder: block, decoder: block, upsample, pool_kernel, ..small() });
            }
        }
    }
    all.push(UNetConfig { encoder: BlockKind::ResFourLayer, decoder: BlockKind::TwoLayer, ..small() });
    all.push(UNetConfig { channels: vec![2, 2, 2, 3, 3, 4], in_channels: 2, out_channels: 3, ..small() });
    all.push(UNetConfig { channels: vec![3, 4], conv_bias: true, final_bias: true, ..small() });
    all.push(UNetConfig { channel_dropout: false, dropout: 0.5, ..small() });
    all
}

#[test]
fn odd_sides_are_padded_and_cut_back() {
    let device = Device::flex();
    let network = small().init_seeded(3, &device).unwrap();
    for sides in [[1, 1, 1], [17, 5, 33], [16, 16, 16]] {
        let [d, h, w] = sides;
        let y = network.forward(Tensor::ones([2, 1, d, h, w], &device));
        assert_eq!(y.dims(), [2, 1, d, h, w]);
        assert!(values(y).into_iter().all(f32::is_finite));
    }
}

#[test]
fn padding_is_zeros_on_both_sides_with_the_odd_voxel_at_the_end() {
    let device = Device::flex();
    let network = UNetConfig { channels: vec![2, 3, 4], ..small() }.init_seeded(3, &device).unwrap();
    let x = noise([1, 1, 5, 8, 6], 1, &device);
    let padded = Tensor::zeros([1, 1, 8, 8, 8], &device).slice_assign([0..1, 0..1, 1..6, 0..8, 1..7], x.clone());
    let inside = network.forward(padded).slice([0..1, 0..1, 1..6, 0..8, 1..7]);
    assert_eq!(values(network.forward(x)), values(inside));
}

#[test]
fn every_kind_learns_with_every_parameter() {
    let device = Device::flex().autodiff();
    for config in kinds() {
        let network = config.init_seeded(1, &device).unwrap();
        let before = network.named_parameters();
        // Two voxels along each side at the bottom: the norm of a single one would be 0.
        let side = 2 * config.side_multiple();
        let y = network.forward(noise([1, config.in_channels, side, side, side], 2, &device));
        assert_eq!(y.dims(), [1, config.out_channels, side, side, side]);
        let target = noise(y.dims(), 3, &device);
        let grads = (y - target).powi_scalar(2).mean().backward();
        assert_eq!(network.named_gradients(&grads).len(), before.len(), "{config:?}");
        let mut optimizer: ModuleOptimizer = NovoGradConfig::default().init().unwrap();
        let grads = GradientsParams::from_grads(grads, &network);
        let after = optimizer.step(0.01, network, grads).named_parameters();
        for ((name, before), (_, after)) in before.iter().zip(&after) {
            assert_ne!(before, after, "{name} of {config:?}");
        }
    }
}

#[test]
fn the_cost_counts_every_parameter() {
    for config in kinds() {
        let network = config.init_seeded(1, &Device::flex()).unwrap();
        let counted: usize = network.named_parameters().iter().map(|(_, data)| data.num_elements()).sum();
        assert_eq!(describe(&config, [32; 3]).unwrap().parameters, counted as u64, "{config:?}");
        assert_eq!(network.num_params(), counted);
    }
}

#[test]
fn cases_of_a_batch_do_not_see_each_other() {
    let device = Device::flex();
    let network = small().init_seeded(1, &device).unwrap();
    let (a, b) = (noise([1, 1, 16, 32, 16], 1, &device), noise([1, 1, 16, 32, 16], 2, &device));
    let both = values(network.forward(Tensor::cat(vec![a.clone(), b.clone()], 0)));
    let (a, b) = (values(network.forward(a)), values(network.forward(b)));
    assert!(both == [a, b].concat());
}

#[test]
fn dropout_is_active_in_training_alone_and_follows_the_seed() {
    let device = Device::flex().autodiff();
    let network = UNetConfig { dropout: 0.5, ..small() }.init_seeded(1, &device).unwrap();
    let x = || noise([1, 1, 16, 16, 16], 1, &device);
    let trained = |seed: u64| {
        device.seed(seed);
        values(network.forward(x()))
    };
    assert_eq!(trained(1), trained(1));
    assert_ne!(trained(1), trained(2));
    let valid = network.valid();
    assert_eq!(values(valid.forward(x().inner())), values(valid.forward(x().inner())));
}

#[test]
fn a_seed_decides_the_weights_whatever_the_device() {
    let parameters = |network: UNet| network.named_parameters();
    let make = |seed: u64, device: &Device| parameters(small().init_seeded(seed, device).unwrap());
    let device = Device::flex();
    assert_eq!(make(7, &device), make(7, &device.clone().autodiff()));
    assert_ne!(make(7, &device), make(8, &device));
}

#[test]
fn impossible_settings_are_refused_by_name() {
    for (what, config) in [
        ("levels", UNetConfig { channels: vec![4], ..small() }),
        ("channels", UNetConfig { channels: vec![4, 0], ..small() }),
        ("channels", UNetConfig { in_channels: 0, ..small() }),
        ("pool_kernel", UNetConfig { pool_kernel: 4, ..small() }),
        ("dropout", UNetConfig { dropout: 1.0, ..small() }),
        ("dropout", UNetConfig { dropout: f64::NAN, ..small() }),
    ] {
        let error = config.init_seeded(1, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert!(describe(&config, [32; 3]).is_err());
    }
}
