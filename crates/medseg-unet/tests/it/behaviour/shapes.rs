//! Sides, batches and channels.

use burn::tensor::{Device, Tensor};
use medseg_unet::UNetConfig;

use super::networks::{kinds, noise, small, values};

#[test]
fn odd_sides_are_padded_and_cut_back() {
    let device = Device::flex();
    let network = small().init_seeded(3, &device).unwrap();
    for lengths in [[1, 1, 1], [17, 5, 33], [16, 16, 16]] {
        let [d, h, w] = lengths;
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
fn cases_of_a_batch_do_not_see_each_other() {
    let device = Device::flex();
    for config in kinds() {
        let network = config.init_seeded(1, &device).unwrap();
        let image = |seed: u64| noise([1, config.in_channels, 16, 32, 16], seed, &device);
        let both = values(network.forward(Tensor::cat(vec![image(1), image(2)], 0)));
        let single = [values(network.forward(image(1))), values(network.forward(image(2)))].concat();
        assert!(both == single, "{config:?}");
    }
}

#[test]
#[should_panic(expected = "2 channels, but weights for 1")]
fn another_number_of_channels_is_refused() {
    let network = small().init_seeded(1, &Device::flex()).unwrap();
    network.forward(Tensor::ones([1, 2, 16, 16, 16], &Device::flex()));
}

#[test]
#[should_panic(expected = "voxels")]
fn a_side_without_voxels_is_refused() {
    let network = small().init_seeded(1, &Device::flex()).unwrap();
    network.forward(Tensor::ones([1, 1, 16, 0, 16], &Device::flex()));
}

#[test]
fn an_empty_batch_gives_an_empty_output() {
    for config in kinds() {
        let network = config.init_seeded(1, &Device::flex()).unwrap();
        let y = network.forward(Tensor::ones([0, config.in_channels, 32, 32, 32], &Device::flex()));
        assert_eq!(y.dims(), [0, config.out_channels, 32, 32, 32], "{config:?}");
    }
}
