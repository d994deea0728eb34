//! Training and prediction with batch norm, and the bias that an instance norm takes away.

use burn::module::Module;
use burn::tensor::Device;
use medseg_unet::{Norm, StagedUNet};

use super::{image, plain, residual};

#[test]
fn prediction_uses_the_running_statistics_and_does_not_move_them() {
    let device = Device::flex().autodiff();
    let network = residual().with_norm(Norm::Batch { momentum: 0.5 }).init_seeded(1, &device).unwrap();
    let before = network.named_statistics();
    for seed in 0..2 {
        let _ = network.forward(image([2, 1, 4, 8, 8], seed, &device)).unwrap();
    }
    let after = network.named_statistics();
    assert_ne!(before, after);
    let valid = network.valid();
    let _ = valid.forward(image([2, 1, 4, 8, 8], 5, &Device::flex())).unwrap();
    assert_eq!(valid.named_statistics(), after);
}

#[test]
fn a_bias_before_an_instance_norm_is_of_no_effect() {
    let device = Device::flex();
    let network = plain().init_seeded(2, &device).unwrap();
    let with_biases = network.named_parameters().into_iter().map(|(name, data)| {
        let bias = name.ends_with(".conv.bias");
        let values: Vec<f32> = data.iter::<f32>().map(|value| if bias { 0.5 } else { value }).collect();
        (name, burn::tensor::TensorData::new(values, data.shape().clone()))
    });
    let logits = |network: &StagedUNet, device: &Device| {
        let logits = network.forward(image([1, 1, 4, 8, 8], 3, device)).unwrap();
        logits.into_data().iter::<f64>().collect::<Vec<_>>()
    };
    let with_biases: Vec<_> = with_biases.collect();
    let want = logits(&network, &device);
    for device in [device.clone(), device.autodiff()] {
        let biased = StagedUNet::from_parameters(&plain(), with_biases.clone(), &device).unwrap();
        for (got, want) in logits(&biased, &device).iter().zip(&want) {
            assert!((got - want).abs() < 1e-5, "{got}, not {want}");
        }
    }
    // Behind the activation it is of effect.
    let config = plain().with_activation_first(true);
    let [without, with] = [network.named_parameters(), with_biases].map(|parameters| {
        logits(&StagedUNet::from_parameters(&config, parameters, &Device::flex()).unwrap(), &Device::flex())
    });
    assert!(without.iter().zip(&with).any(|(a, b)| (a - b).abs() > 1e-2));
}
