//! Networks of every layer against Burn's own operations, in prediction and in training.

mod files;
mod oracle;
mod random;
mod training;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_architecture::networks::{UNetPlusPlusConfig, VNetConfig};
use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage};
use medseg_network::{Network, NetworkError};
use medseg_testing::noise;

/// A network whose parameters are all random, running statistics and norms too.
fn shaken(architecture: &Architecture, seed: u64, device: &Device) -> Network {
    let mut seed = seed;
    let read = |parameter: &medseg_architecture::Parameter| -> Result<Vec<f32>, NetworkError> {
        use medseg_architecture::ParameterRole::{Kernel, RunningVariance};
        seed += 1;
        let values = noise(parameter.len() as usize, seed).into_iter();
        let taps = parameter.shape[1..].iter().product::<usize>().max(1) as f64;
        Ok(match parameter.role {
            Kernel => values.map(|v| ((v - 0.5) * 2.0 * (3.0 / taps).sqrt()) as f32).collect(),
            RunningVariance => values.map(|v| (v + 0.5) as f32).collect(),
            _ => values.map(|v| (v - 0.3) as f32).collect(),
        })
    };
    Network::from_values(architecture, "test", read, device).unwrap()
}

fn image(shape: [usize; 5], seed: u64, device: &Device) -> Tensor<5> {
    let values: Vec<f32> = noise(shape.iter().product(), seed).into_iter().map(|v| (4.0 * v - 2.0) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn assert_same(found: Tensor<5>, expected: Tensor<5>, what: &str) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let [found, expected] = [found, expected].map(|t| t.into_data().try_to_vec::<f32>().unwrap());
    let largest = expected.iter().fold(1e-3_f32, |m, v| m.max(v.abs()));
    let off = found.iter().zip(&expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(off.is_finite() && off <= 2e-4 * largest, "{what}: off by {off} of {largest}");
}

#[test]
fn the_published_networks_predict_what_their_operations_say() {
    let device = Device::flex();
    let plus = UNetPlusPlusConfig {
        channels: vec![3, 10, 12],
        out_channels: 2,
        deep_supervision: true,
        dropout: 0.2,
        ..UNetPlusPlusConfig::default()
    };
    let vnet = VNetConfig { channels: vec![4, 9, 12], convs: vec![1, 2, 2], in_channels: 2, ..VNetConfig::default() };
    let one = VNetConfig { channels: vec![4, 9], convs: vec![1, 2], kernel: 3, ..VNetConfig::default() };
    for (number, architecture) in [plus.architecture(), vnet.architecture(), one.architecture()].into_iter().enumerate()
    {
        let network = shaken(&architecture.unwrap(), 10 + number as u64, &device);
        let channels = network.graph().in_channels();
        let x = image([2, channels, 8, 4, 12], 3, &device);
        let expected = oracle::outputs(&network, x.clone());
        assert_same(network.forward(x.clone()), expected[0].clone(), "prediction");
        for (found, expected) in network.forward_deep(x).into_iter().zip(expected) {
            assert_same(found, expected, "deep supervision");
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_padded_and_cut_back() {
    let device = Device::flex();
    let config = UNetPlusPlusConfig { channels: vec![3, 4, 5], ..UNetPlusPlusConfig::default() };
    let network = shaken(&config.architecture().unwrap(), 1, &device);
    let x = image([1, 1, 5, 7, 1], 2, &device);
    let y = network.forward(x.clone());
    assert_eq!(y.dims(), [1, 1, 5, 7, 1]);
    let padded = Tensor::<5>::zeros([1, 1, 8, 8, 4], &device).slice_assign([0..1, 0..1, 1..6, 0..7, 1..2], x);
    let inside = network.forward(padded).slice([0..1, 0..1, 1..6, 0..7, 1..2]);
    assert_same(y, inside, "padded by hand");
}

#[test]
fn sizes_that_layers_round_are_taken_as_they_are() {
    let down =
        |channels| Layer::Conv { channels: Some(channels), kernel: [3; 3], stride: [2; 3], padding: None, bias: true };
    for align_corners in [false, true] {
        let up = [Layer::UpsampleToGrid { align_corners }];
        let stages = vec![
            Stage::new("a", "image", Block::new([Layer::conv([3; 3]), Layer::Relu])).with_channels(5),
            Stage::new("b", "a", Block::new([down(9), Layer::batch_norm(), Layer::LeakyRelu { slope: 0.1 }])),
            Stage::new("c", "b", Block::new([down(10), Layer::Relu])),
            Stage::of(
                "d",
                [Branch::through("c", up.clone()), Branch::new("b")],
                Join::Concat,
                Block::new([Layer::conv([3; 3])]),
            )
            .with_channels(9),
            Stage::of("e", [Branch::new("a"), Branch::through("d", up)], Join::Concat, Block::new([Layer::head(2)])),
        ];
        let outputs = vec!["e".to_owned()];
        let architecture = Architecture { in_channels: 1, blocks: Default::default(), stages, outputs };
        assert_eq!(architecture.graph().unwrap().size_multiple(), [1; 3]);
        for device in [Device::flex(), Device::flex().autodiff()] {
            let network = shaken(&architecture, 5, &device).valid();
            for sizes in [[5, 6, 7], [8, 4, 12], [9, 1, 2]] {
                let x = image([1, 1, sizes[0], sizes[1], sizes[2]], 3, &Device::flex());
                let expected = oracle::outputs(&network, x.clone()).swap_remove(0);
                assert_same(network.forward(x), expected, &format!("{sizes:?}"));
            }
        }
    }
}

#[test]
fn every_seed_is_a_network_of_its_own_and_the_same_again() {
    let architecture = VNetConfig { channels: vec![2, 3], convs: vec![1, 1], ..VNetConfig::default() }.architecture();
    let of = |seed| Network::seeded(architecture.as_ref().unwrap(), seed, &Device::flex()).unwrap().named_tensors();
    assert!(of(1) == of(1) && of(1) != of(2));
}

#[test]
#[should_panic(expected = "an image of 2 channels for a network of 1")]
fn an_image_of_other_channels_is_a_mistake_of_the_program() {
    let network = shaken(&VNetConfig::default().architecture().unwrap(), 1, &Device::flex());
    let _ = network.forward(Tensor::zeros([1, 2, 16, 16, 16], &Device::flex()));
}

#[test]
fn public_types_can_cross_threads() {
    medseg_testing::assert_send_sync::<Network>();
    medseg_testing::assert_send_sync::<NetworkError>();
    medseg_testing::assert_send_sync::<Layer>();
}
