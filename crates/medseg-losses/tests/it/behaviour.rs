//! Gradients against central differences, extreme logits, rules for single channels, errors.

use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};
use medseg_losses::{
    DiceCrossEntropyLoss, DiceCrossEntropyLossConfig, DiceLoss, DiceLossConfig, LossActivation, LossError, Reduction,
};
use medseg_testing::noise;

use crate::support::{self, check_gradient};

const SHAPE: [usize; 5] = [2, 3, 2, 3, 2];

fn tensor(values: &[f64], shape: [usize; 5], device: &Device) -> Tensor<5> {
    support::tensor(values, shape, DType::F64, device)
}

fn dice(config: DiceLossConfig) -> DiceLoss {
    config.init().unwrap()
}

#[test]
fn dice_gradients_equal_central_differences() {
    let n = SHAPE.iter().product();
    let logits: Vec<f64> = noise(n, 1).iter().map(|v| 6.0 * v - 3.0).collect();
    let hard: Vec<f64> = noise(n, 2).iter().map(|v| f64::from(u8::from(*v > 0.6))).collect();
    let soft = noise(n, 3);
    let numbers: Vec<f64> = noise(n / 3, 4).iter().map(|v| (v * 3.0).floor()).collect();
    let base = DiceLossConfig::default();
    let device = Device::flex().autodiff();
    let configs = [
        base.clone(),
        DiceLossConfig { squared_pred: true, ..base.clone() },
        DiceLossConfig { jaccard: true, batch: true, ..base.clone() },
        DiceLossConfig { soft_label: true, reduction: Reduction::Sum, ..base.clone() },
        DiceLossConfig { weight: Some(vec![0.2, 1.0, 3.0]), ..base.clone() },
        DiceLossConfig { activation: LossActivation::Given, ..base.clone() },
    ];
    for config in configs {
        for target in [&hard, &soft] {
            let loss = dice(config.clone());
            check_gradient(&format!("{config:?}"), &logits, SHAPE, |x| loss.forward(x, tensor(target, SHAPE, &device)));
        }
    }
    let classes = DiceLossConfig { activation: LossActivation::Softmax, to_onehot_y: true, ..base };
    for include_background in [true, false] {
        let loss = dice(DiceLossConfig { include_background, ..classes.clone() });
        check_gradient("classes", &logits, SHAPE, |x| loss.forward(x, tensor(&numbers, [2, 1, 2, 3, 2], &device)));
    }
}

fn with_cross_entropy(dice: DiceLossConfig) -> DiceCrossEntropyLoss {
    DiceCrossEntropyLossConfig { dice, lambda_dice: 0.7, lambda_ce: 1.3, ..DiceCrossEntropyLossConfig::default() }
        .init()
        .unwrap()
}

#[test]
fn dice_cross_entropy_gradients_equal_central_differences() {
    let n = SHAPE.iter().product();
    let logits: Vec<f64> = noise(n, 5).iter().map(|v| 6.0 * v - 3.0).collect();
    let soft = noise(n, 6);
    let numbers: Vec<f64> = noise(n / 3, 7).iter().map(|v| (v * 3.0).floor()).collect();
    let device = Device::flex().autodiff();
    let binary = with_cross_entropy(DiceLossConfig::default());
    check_gradient("binary", &logits, SHAPE, |x| binary.forward(x, tensor(&soft, SHAPE, &device)));
    let categorical = with_cross_entropy(DiceLossConfig {
        activation: LossActivation::Softmax,
        to_onehot_y: true,
        ..DiceLossConfig::default()
    });
    check_gradient("categorical", &logits, SHAPE, |x| {
        categorical.forward(x, tensor(&numbers, [2, 1, 2, 3, 2], &device))
    });
}

#[test]
fn cross_entropy_equals_its_definition() {
    let n: usize = SHAPE.iter().product();
    let logits: Vec<f64> = noise(n, 8).iter().map(|v| 8.0 * v - 4.0).collect();
    let target = noise(n, 9);
    let device = Device::flex();
    let only_ce = |activation| {
        let dice = DiceLossConfig { activation, ..DiceLossConfig::default() };
        DiceCrossEntropyLossConfig { dice, lambda_dice: 0.0, lambda_ce: 1.0, ..DiceCrossEntropyLossConfig::default() }
            .init()
            .unwrap()
    };
    let value = |activation| {
        let loss = only_ce(activation).forward(tensor(&logits, SHAPE, &device), tensor(&target, SHAPE, &device));
        loss.into_scalar::<f64>()
    };
    let binary: f64 = logits
        .iter()
        .zip(&target)
        .map(|(x, y)| {
            let p = 1.0 / (1.0 + (-x).exp());
            -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
        })
        .sum::<f64>()
        / n as f64;
    assert!((value(LossActivation::Sigmoid) - binary).abs() < 1e-10);
    let volume = SHAPE[2] * SHAPE[3] * SHAPE[4];
    let mut categorical = 0.0;
    for sample in 0..SHAPE[0] {
        for voxel in 0..volume {
            let at = |c: usize| (sample * SHAPE[1] + c) * volume + voxel;
            let norm: f64 = (0..SHAPE[1]).map(|c| logits[at(c)].exp()).sum();
            categorical -= (0..SHAPE[1]).map(|c| target[at(c)] * (logits[at(c)].exp() / norm).ln()).sum::<f64>();
        }
    }
    categorical /= (SHAPE[0] * volume) as f64;
    assert!((value(LossActivation::Softmax) - categorical).abs() < 1e-10);
}

#[test]
fn losses_and_gradients_stay_finite_for_extreme_logits() {
    let device = Device::flex().autodiff();
    let softmax = DiceLossConfig { activation: LossActivation::Softmax, ..DiceLossConfig::default() };
    for config in [DiceLossConfig::default(), softmax] {
        for (low, high) in [(-100.0, 100.0), (100.0, 100.0), (-100.0, -100.0), (-1e4, 1e4)] {
            let x = Tensor::<5>::from_data(
                TensorData::new((0..24).map(|i| if i % 2 == 0 { low } else { high }).collect(), [1, 3, 2, 2, 2]),
                (&device, DType::F32),
            )
            .require_grad();
            let target = Tensor::<5>::from_data(
                TensorData::new((0..24).map(|i| f64::from(i % 3 == 0)).collect(), [1, 3, 2, 2, 2]),
                (&device, DType::F32),
            );
            for loss in [
                dice(config.clone()).forward(x.clone(), target.clone()),
                with_cross_entropy(config.clone()).forward(x.clone(), target.clone()),
            ] {
                assert!(loss.clone().into_scalar::<f32>().is_finite());
                let gradient = x.grad(&loss.backward()).unwrap().to_data().try_to_vec::<f32>().unwrap();
                assert!(gradient.iter().all(|g| g.is_finite()));
            }
        }
    }
}

#[test]
fn a_perfect_prediction_costs_nothing_and_a_wrong_one_everything() {
    let device = Device::flex();
    let target = Tensor::<5>::from_data(
        TensorData::new((0..64).map(|i| f64::from(i % 4 == 0)).collect(), [1, 1, 4, 4, 4]),
        (&device, DType::F32),
    );
    let right = (target.clone() - 0.5).mul_scalar(200.0);
    for jaccard in [false, true] {
        let loss = dice(DiceLossConfig { jaccard, ..DiceLossConfig::default() });
        assert!(loss.forward(right.clone(), target.clone()).into_scalar::<f32>().abs() < 1e-6);
        let wrong = loss.forward(right.clone().neg(), target.clone()).into_scalar::<f32>();
        assert!((wrong - 1.0).abs() < 1e-5);
    }
}

#[test]
fn a_single_channel_ignores_softmax_one_hot_background_and_weights() {
    let device = Device::flex();
    let p = Tensor::<5>::random([2, 1, 3, 3, 3], Distribution::Uniform(0.0, 1.0), &device);
    let g = Tensor::<5>::ones([2, 1, 3, 3, 3], &device);
    let plain = DiceLossConfig { activation: LossActivation::Given, ..DiceLossConfig::default() };
    let dressed = DiceLossConfig {
        activation: LossActivation::Softmax,
        to_onehot_y: true,
        include_background: false,
        weight: Some(vec![7.0, 8.0]),
        ..DiceLossConfig::default()
    };
    let value = |config: DiceLossConfig| dice(config).forward(p.clone(), g.clone()).into_scalar::<f32>();
    assert_eq!(value(plain), value(dressed));
}

#[test]
fn a_label_that_is_no_class_belongs_to_none() {
    let device = Device::flex();
    let loss = dice(DiceLossConfig { to_onehot_y: true, ..DiceLossConfig::default() });
    let logits = Tensor::<5>::full([1, 2, 1, 1, 2], 100.0, &device);
    let labels = Tensor::<5>::from_data(TensorData::new(vec![0.0_f32, 9.0], [1, 1, 1, 1, 2]), &device);
    let losses = loss.forward_no_reduction(logits, labels).to_data().try_to_vec::<f32>().unwrap();
    // Class 0: one of two voxels right; class 1: none.
    assert!((losses[0] - 1.0 / 3.0).abs() < 1e-5 && (losses[1] - 1.0).abs() < 1e-5);
}

#[test]
fn half_precision_is_summed_in_single() {
    let device = Device::flex();
    // 64³ ones add up to 262144, beyond f16.
    let shape = [1, 1, 64, 64, 64];
    let logits = Tensor::<5>::full(shape, 10.0, &device).cast(DType::F16);
    let target = Tensor::<5>::ones(shape, &device).cast(DType::F16);
    let loss = dice(DiceLossConfig::default()).forward(logits, target);
    assert_eq!(loss.dtype(), DType::F32);
    assert!(loss.into_scalar::<f32>().abs() < 1e-3);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let loss = dice(DiceLossConfig { to_onehot_y: true, weight: Some(vec![1.0; 3]), ..DiceLossConfig::default() });
    assert_eq!(loss.check_shapes([2, 3, 4, 4, 4], [2, 1, 4, 4, 4]), Ok(()));
    let (logits, target) = ([2, 3, 4, 4, 4], [2, 3, 4, 4, 4]);
    let mismatch = LossError::ShapeMismatch { logits, target, expected: [2, 1, 4, 4, 4] };
    assert_eq!(loss.check_shapes(logits, target), Err(mismatch.clone()));
    assert!(mismatch.to_string().contains("[2, 1, 4, 4, 4]"));
    let count = loss.check_shapes([2, 4, 4, 4, 4], [2, 1, 4, 4, 4]);
    assert_eq!(count, Err(LossError::WeightCount { found: 3, classes: 4 }));
}

#[test]
#[should_panic(expected = "Dice loss: target [1, 1, 2, 2, 2] does not fit logits [1, 2, 2, 2, 2]")]
fn forward_panics_on_shapes_that_do_not_fit() {
    let device = Device::flex();
    let (logits, target) = (Tensor::<5>::zeros([1, 2, 2, 2, 2], &device), Tensor::zeros([1, 1, 2, 2, 2], &device));
    let _ = dice(DiceLossConfig::default()).forward(logits, target);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let good = DiceLossConfig::default();
    let table = [
        ("smooth_nr", DiceLossConfig { smooth_nr: -1.0, ..good.clone() }),
        ("smooth_dr", DiceLossConfig { smooth_dr: f64::NAN, ..good.clone() }),
        ("weight", DiceLossConfig { weight: Some(vec![1.0, -0.5]), ..good.clone() }),
        ("weight", DiceLossConfig { weight: Some(Vec::new()), ..good.clone() }),
    ];
    for (name, config) in table {
        assert!(config.init().is_err_and(|e| e.to_string().starts_with(name)), "{name}");
    }
    let probabilities = DiceLossConfig { activation: LossActivation::Given, ..good };
    let both = DiceCrossEntropyLossConfig { dice: probabilities, ..DiceCrossEntropyLossConfig::default() };
    assert!(matches!(both.init(), Err(LossError::Contradiction(_))));
    let negative = DiceCrossEntropyLossConfig { lambda_ce: -1.0, ..DiceCrossEntropyLossConfig::default() };
    assert!(negative.init().is_err_and(|e| e.to_string().contains("lambda_ce")));
}

#[test]
fn settings_are_read_from_json_and_unknown_ones_refused() {
    let config: DiceLossConfig = serde_json::from_str(r#"{"activation": "softmax", "to_onehot_y": true}"#).unwrap();
    let want = DiceLossConfig { activation: LossActivation::Softmax, to_onehot_y: true, ..DiceLossConfig::default() };
    assert_eq!(config, want);
    assert!(serde_json::from_str::<DiceLossConfig>(r#"{"sigmoid": true}"#).is_err());
}
