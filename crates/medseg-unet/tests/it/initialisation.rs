//! Initial weights against the statistics of PyTorch's `kaiming_normal_`.

use burn::tensor::Device;
use medseg_testing::Golden;
use medseg_unet::{BlockKind, UNetConfig, Upsample};

/// Mean and population standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
}

fn fan_in(shape: &[usize]) -> usize {
    shape[1..].iter().product()
}

#[test]
fn weights_have_the_deviation_of_their_fan_in_and_biases_are_zero() {
    let config = UNetConfig {
        channels: vec![8, 16, 24, 32],
        encoder: BlockKind::ResFourLayer,
        upsample: Upsample::Transposed,
        conv_bias: true,
        final_bias: true,
        ..UNetConfig::default()
    };
    for (name, data) in config.init_seeded(5, &Device::flex()).unwrap().named_parameters() {
        let values: Vec<f64> = data.iter::<f32>().map(f64::from).collect();
        if name.ends_with("bias") {
            assert!(values.iter().all(|v| *v == 0.0), "{name}");
            continue;
        }
        let (count, expected) = (values.len() as f64, (2.0 / fan_in(&data.shape().to_vec()) as f64).sqrt());
        let (mean, deviation) = moments(&values);
        assert!(mean.abs() < 4.5 * expected / count.sqrt(), "{name}: mean {mean}");
        assert!((deviation / expected - 1.0).abs() < 4.5 / (2.0 * count).sqrt(), "{name}: {deviation} for {expected}");
    }
}

#[test]
fn the_formula_is_pytorchs() {
    let mut checked = 0;
    for case in Golden::all("kaiming_normal") {
        for (row, want) in case.params["rows"].as_array().unwrap().iter().zip(&case.tensor("expected_std").values) {
            let shape: Vec<usize> =
                row["shape"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
            // The networks are initialised with PyTorch's defaults, fan_in and a slope of 0.
            if row["mode"] == "fan_in" && row["a"] == 0.0 {
                let got = (2.0 / fan_in(&shape) as f64).sqrt();
                assert!((got - want).abs() < 1e-12, "{row}: {got}, not {want}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 8);
}
