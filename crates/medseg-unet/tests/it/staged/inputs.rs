//! Images that fit and that do not.

use burn::tensor::{Device, Tensor};
use medseg_unet::UNetError;

use super::{flat, kinds, plain};

#[test]
fn sizes_are_multiples_of_the_strides_product() {
    let network = plain().init_seeded(1, &Device::flex()).unwrap();
    assert_eq!(plain().size_multiple(), [2, 4, 4]);
    let run = |shape: [usize; 5]| network.forward(Tensor::ones(shape, &Device::flex()));
    assert_eq!(run([2, 1, 6, 12, 4]).unwrap().dims(), [2, 2, 6, 12, 4]);
    for shape in [[1, 1, 3, 4, 4], [1, 1, 2, 6, 4], [1, 1, 2, 4, 5], [1, 1, 0, 4, 4]] {
        let error = run(shape).unwrap_err();
        assert!(matches!(error, UNetError::Input(_)));
        assert!(error.to_string().contains("multiples of [2, 4, 4]"), "{error}");
        assert!(network.forward_all(Tensor::ones(shape, &Device::flex())).is_err());
    }
}

#[test]
fn other_channels_and_deep_images_in_2d_are_refused() {
    let refused = |network: &medseg_unet::StagedUNet, shape: [usize; 5]| {
        network.forward(Tensor::ones(shape, &Device::flex())).unwrap_err().to_string()
    };
    let network = plain().init_seeded(1, &Device::flex()).unwrap();
    assert_eq!(refused(&network, [1, 2, 2, 4, 4]), "image: 2 channels instead of 1");
    let network = flat().init_seeded(1, &Device::flex()).unwrap();
    assert!(refused(&network, [1, 1, 2, 4, 4]).contains("a depth of 2"));
    assert_eq!(network.forward(Tensor::ones([1, 1, 1, 6, 4], &Device::flex())).unwrap().dims(), [1, 2, 1, 6, 4]);
}

#[test]
fn every_kind_gives_finite_logits_of_every_stage() {
    for config in kinds() {
        let network = config.init_seeded(3, &Device::flex()).unwrap();
        let depth = if config.dimensions == 2 { 1 } else { 4 };
        let logits = network.forward_all(super::image([2, 1, depth, 8, 8], 1, &Device::flex())).unwrap();
        assert_eq!(logits.len(), config.decoder_convs.len());
        assert_eq!(logits[0].dims(), [2, 2, depth, 8, 8]);
        for y in logits {
            assert!(y.into_data().iter::<f32>().all(f32::is_finite), "{config:?}");
        }
    }
}
