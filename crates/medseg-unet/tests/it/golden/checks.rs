//! Outputs, stages, losses and gradients.

use std::collections::BTreeMap;

use burn::tensor::{DType, Tensor, TensorData};
use medseg_losses::{DiceLoss, DiceLossConfig, LossActivation};
use medseg_unet::UNet;

use super::case::Case;
use super::{SINGLE, Tolerance};

pub fn dice() -> DiceLoss {
    DiceLossConfig { activation: LossActivation::Sigmoid, ..DiceLossConfig::default() }.init().unwrap()
}

/// A loss as a number.
pub fn number(loss: Tensor<1>) -> f64 {
    loss.cast(DType::F64).into_scalar::<f64>()
}

/// Values by name.
pub fn named(data: Vec<(String, TensorData)>) -> BTreeMap<String, Vec<f64>> {
    data.into_iter().map(|(name, data)| (name, data.iter::<f64>().collect())).collect()
}

/// Checks a tensor, of a large one the entries that the golden file keeps.
pub fn check_sampled(case: &Case, name: &str, values: &[f64], tolerance: f64) {
    let count = case.golden.tensor(name).values.len();
    let sampled = (0..count).map(|k| values[k * values.len() / count]);
    case.golden.check_within(name, sampled, 0.0, tolerance);
}

pub fn check_output(case: &Case, name: &str, output: Tensor<5>, tolerance: f64) {
    check_sampled(case, name, &output.into_data().iter::<f64>().collect::<Vec<_>>(), tolerance);
}

/// Mean, deviation and extremes of every stage's output, which tell the first stage that differs.
pub fn check_stages(case: &Case, network: &UNet, x: Tensor<5>) {
    let stats = &case.golden.tensor("stage_stats").values;
    let outputs = network.stage_outputs(x);
    assert_eq!(outputs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), case.names("stage_names"));
    for ((stage, output), row) in outputs.into_iter().zip(stats.chunks(6)) {
        let values: Vec<f64> = output.into_data().iter::<f64>().collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        for (got, want) in [values.len() as f64, mean, deviation, low, high].into_iter().zip(row) {
            let close = (got - want).abs() <= SINGLE.output + 1e-4 * want.abs();
            assert!(close, "{}: {stage}: {got}, not {want}", case.golden.name);
        }
    }
}

/// One forward and backward pass.
pub fn check_loss_and_gradients(case: &Case, network: &UNet, x: Tensor<5>, label: Tensor<5>, tolerance: &Tolerance) {
    let loss = dice().forward(network.forward(x), label);
    case.golden.check_within("loss", [number(loss.clone())], 0.0, tolerance.loss);
    check_gradients(case, &named(network.named_gradients(&loss.backward())), tolerance);
}

fn check_gradients(case: &Case, gradients: &BTreeMap<String, Vec<f64>>, tolerance: &Tolerance) {
    let parameters = case.names("param_names");
    let (null, weak) = (case.names("null_gradient"), case.names("weak_gradient"));
    assert_eq!(gradients.len(), parameters.len(), "{}", case.golden.name);
    // The columns sum, sum_abs, sum_sq, max_abs, dot_cos of every parameter.
    let stats = &case.golden.tensor("grad_stats").values;
    for (name, row) in parameters.iter().zip(stats.chunks(5)) {
        let gradient = &gradients[name];
        if null.contains(name) {
            let largest = gradient.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(largest < tolerance.null_gradient, "{}: gradient of {name}: {largest}", case.golden.name);
            continue;
        }
        let share = if weak.contains(name) { tolerance.weak_gradient } else { tolerance.gradient };
        check_sampled(case, &format!("grad/{name}"), gradient, share * row[3]);
        let all: f64 = gradient.iter().map(|g| g.abs()).sum();
        let close = (all - row[1]).abs() <= share * row[1];
        assert!(close, "{}: gradient of {name}: {all}, not {}", case.golden.name, row[1]);
    }
}
