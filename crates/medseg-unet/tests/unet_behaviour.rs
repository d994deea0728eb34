//! The network on any shape, with any settings.
use burn::tensor::{Device, Tensor};
use medseg_unet::UNetConfig;
#[test]
fn odd_sides_are_padded_and_cut_back() {
    let device = Device::flex();
    let network =
        UNetConfig { channels: vec![2, 4, 4, 4, 4], ..UNetConfig::default() }.init_seeded(3, &device).unwrap();
    for sides in [[1, 1, 1], [17, 5, 33], [16, 16, 16]] {
        let [d, h, w] = sides;
        let y = network.forward(Tensor::ones([2, 1, d, h, w], &device));
        assert_eq!(y.dims(), [2, 1, d, h, w]);
        assert!(y.into_data().iter::<f32>().all(f32::is_finite));
    }
}
