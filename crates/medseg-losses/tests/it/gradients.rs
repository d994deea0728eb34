//! Gradients of the losses of regions and voxels, and of the orthogonality penalty, against central differences in f64;
//! extreme logits; settings that are refused.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv3d, Conv3dConfig};
use burn::tensor::{DType, Device, Tensor};
use medseg_losses::{
    ClassWeighting, CrossEntropyLossConfig, DeepSupervision, DiceFocalLossConfig, DiceLossConfig, FocalLossConfig,
    GeneralizedDiceLossConfig, LevelWeights, LossActivation, LossError, Reduction, TverskyLossConfig,
    module_orthogonality_penalty, orthogonality_penalty,
};
use medseg_testing::noise;

use crate::support::{check_gradient, tensor};

const SHAPE: [usize; 5] = [2, 3, 2, 3, 2];

type Loss = Box<dyn Fn(Tensor<5>, Tensor<5>) -> Tensor<1>>;

/// Losses of targets with one channel for each class.
fn losses() -> Vec<(&'static str, Loss)> {
    let focal = FocalLossConfig::default();
    let generalized = GeneralizedDiceLossConfig::default();
    let tversky = TverskyLossConfig::default();
    let softmax = LossActivation::Softmax;
    let weight = Some(vec![0.5, 2.0, 1.25]);
    let mut all: Vec<(&'static str, Loss)> = Vec::new();
    for config in [
        focal.clone(),
        FocalLossConfig { gamma: 0.7, alpha: Some(0.3), weight: weight.clone(), ..focal.clone() },
        FocalLossConfig { activation: softmax, ..focal.clone() },
        FocalLossConfig { activation: softmax, include_background: false, gamma: 0.5, ..focal.clone() },
        FocalLossConfig { activation: softmax, alpha: Some(0.8), reduction: Reduction::Sum, ..focal.clone() },
        FocalLossConfig { activation: softmax, gamma: 0.0, ..focal },
    ] {
        let loss = config.init().unwrap();
        all.push(("focal", Box::new(move |x, y| loss.forward(x, y))));
    }
    for config in [
        generalized.clone(),
        GeneralizedDiceLossConfig { activation: softmax, weighting: ClassWeighting::Simple, ..generalized.clone() },
        GeneralizedDiceLossConfig { batch: true, weighting: ClassWeighting::Uniform, ..generalized },
    ] {
        let loss = config.init().unwrap();
        all.push(("generalised Dice", Box::new(move |x, y| loss.forward(x, y))));
    }
    for config in [
        TverskyLossConfig { alpha: 0.3, beta: 0.7, ..tversky.clone() },
        TverskyLossConfig { activation: softmax, batch: true, include_background: false, ..tversky },
    ] {
        let loss = config.init().unwrap();
        all.push(("Tversky", Box::new(move |x, y| loss.forward(x, y))));
    }
    for (activation, weight) in
        [(LossActivation::Sigmoid, None), (LossActivation::Sigmoid, weight.clone()), (softmax, weight)]
    {
        let loss = CrossEntropyLossConfig { activation, weight, ..CrossEntropyLossConfig::default() }.init().unwrap();
        all.push(("cross-entropy", Box::new(move |x, y| loss.forward(x, y))));
    }
    for focal_activation in [LossActivation::Sigmoid, softmax] {
        let loss = DiceFocalLossConfig { focal_activation, ..DiceFocalLossConfig::default() }.init().unwrap();
        all.push(("Dice and focal", Box::new(move |x, y| loss.forward(x, y))));
    }
    let (dice, supervised) =
        (DiceLossConfig::default().init().unwrap(), DeepSupervision::new(LevelWeights::Same).unwrap());
    let deep: Loss = Box::new(move |x, y| {
        let coarse = x.clone().narrow(2, 0, 1).narrow(3, 1, 2);
        supervised.forward(&[x, coarse], &y, |x, y| dice.forward(x, y))
    });
    all.push(("deep supervision", deep));
    all
}

#[test]
fn gradients_equal_central_differences() {
    let n = SHAPE.iter().product();
    let logits: Vec<f64> = noise(n, 1).iter().map(|v| 6.0 * v - 3.0).collect();
    let hard: Vec<f64> = noise(n, 2).iter().map(|v| f64::from(u8::from(*v > 0.6))).collect();
    let device = Device::flex().autodiff();
    for (name, loss) in losses() {
        for target in [&hard, &noise(n, 3)] {
            let target = tensor(target, SHAPE, DType::F64, &device);
            check_gradient(name, &logits, SHAPE, |x| loss(x, target.clone()));
        }
    }
}

#[test]
fn extreme_logits_give_finite_losses_and_gradients() {
    let n = SHAPE.iter().product();
    let device = Device::flex().autodiff();
    let hard: Vec<f64> = noise(n, 2).iter().map(|v| f64::from(u8::from(*v > 0.6))).collect();
    let (zeros, ones) = (vec![0.0; n], vec![1.0; n]);
    for (name, loss) in losses() {
        for size in [100.0, 1e4] {
            let mixed: Vec<f64> = noise(n, 4).iter().map(|v| if *v > 0.5 { size } else { -size }).collect();
            for logits in [mixed, vec![size; n], vec![-size; n]] {
                for target in [&hard, &zeros, &ones] {
                    let x = tensor(&logits, SHAPE, DType::F32, &device).require_grad();
                    let value = loss(x.clone(), tensor(target, SHAPE, DType::F32, &device));
                    assert!(value.clone().into_scalar::<f32>().is_finite(), "{name} at {size}");
                    let gradient = x.grad(&value.backward()).unwrap().to_data().try_to_vec::<f32>().unwrap();
                    assert!(gradient.iter().all(|g| g.is_finite()), "{name} at {size}: {gradient:?}");
                }
            }
        }
    }
}

#[test]
fn special_cases_agree_with_each_other() {
    let n = SHAPE.iter().product();
    let device = Device::flex();
    let x = tensor(&noise(n, 5).iter().map(|v| 6.0 * v - 3.0).collect::<Vec<_>>(), SHAPE, DType::F64, &device);
    let y = tensor(&noise(n, 6).iter().map(|v| v.round()).collect::<Vec<_>>(), SHAPE, DType::F64, &device);
    let same = |a: Tensor<1>, b: Tensor<1>, what: &str| {
        let (a, b) = (a.into_scalar::<f64>(), b.into_scalar::<f64>());
        assert!((a - b).abs() < 1e-12, "{what}: {a} and {b}");
    };
    for activation in [LossActivation::Sigmoid, LossActivation::Softmax] {
        let (smooth_nr, smooth_dr) = (0.0, 0.0);
        let tversky = TverskyLossConfig { activation, smooth_nr, smooth_dr, ..TverskyLossConfig::default() };
        let dice = DiceLossConfig { activation, smooth_nr, smooth_dr, ..DiceLossConfig::default() };
        let half = tversky.init().unwrap().forward(x.clone(), y.clone());
        same(half, dice.init().unwrap().forward(x.clone(), y.clone()), "Tversky of halves is Dice");
        let whole = TverskyLossConfig { alpha: 1.0, beta: 1.0, ..tversky }.init().unwrap();
        let jaccard = DiceLossConfig { jaccard: true, ..dice.clone() }.init().unwrap();
        same(whole.forward(x.clone(), y.clone()), jaccard.forward(x.clone(), y.clone()), "Tversky of ones is Jaccard");
    }
    let focal = FocalLossConfig { gamma: 0.0, ..FocalLossConfig::default() }.init().unwrap();
    let bce = CrossEntropyLossConfig::default().init().unwrap();
    same(focal.forward(x.clone(), y.clone()), bce.forward(x, y), "focal loss without exponent is cross-entropy");
}

/// A matrix with orthonormal rows of 6 numbers, from rotations in planes.
fn orthonormal_rows(rows: usize) -> Vec<f64> {
    let mut matrix: Vec<Vec<f64>> = (0..6).map(|r| (0..6).map(|c| f64::from(u8::from(r == c))).collect()).collect();
    for (i, angle) in noise(15, 7).iter().enumerate() {
        let (a, b) = (i % 6, (i * 2 + 1) % 6);
        if a != b {
            for row in &mut matrix {
                (row[a], row[b]) =
                    (row[a] * angle.cos() - row[b] * angle.sin(), row[a] * angle.sin() + row[b] * angle.cos());
            }
        }
    }
    matrix[..rows].concat()
}

#[test]
fn orthonormal_kernels_cost_nothing_and_others_what_the_definition_says() {
    let device = Device::flex();
    let penalty =
        |values: &[f64], shape| orthogonality_penalty(tensor(values, shape, DType::F64, &device)).into_scalar::<f64>();
    assert!(penalty(&orthonormal_rows(4), [4, 1, 1, 2, 3]).abs() < 1e-20);
    assert!(penalty(&orthonormal_rows(6), [6, 2, 3, 1, 1]).abs() < 1e-20);
    for shape in [[3, 2, 2, 1, 2], [7, 1, 1, 2, 2]] {
        let n = shape.iter().product::<usize>();
        let values = noise(n, 8);
        let (rows, columns) = (shape[0], n / shape[0]);
        let at = |r: usize, c: usize| if rows <= columns { values[r * columns + c] } else { values[c * columns + r] };
        let (side, inner) = (rows.min(columns), rows.max(columns));
        let mut want = 0.0;
        for i in 0..side {
            for j in 0..side {
                let product: f64 = (0..inner).map(|k| at(i, k) * at(j, k)).sum();
                want += (product - f64::from(u8::from(i == j))).powi(2);
            }
        }
        assert!((penalty(&values, shape) - want).abs() < 1e-10);
        check_gradient("orthogonality", &values, shape, orthogonality_penalty);
    }
}

#[derive(Debug, Module)]
struct Network {
    first: Conv3d,
    second: Conv3d,
    scale: Param<Tensor<1>>,
}

#[test]
fn a_networks_penalty_is_that_of_its_kernels_and_reaches_them() {
    let device = Device::flex().autodiff();
    let convolution = |channels| Conv3dConfig::new(channels, [1, 3, 3]).init(&device);
    let network = Network {
        first: convolution([1, 4]),
        second: convolution([4, 2]),
        scale: Param::from_data([2.0, 3.0], &device),
    };
    let penalty = module_orthogonality_penalty(&network).expect("two kernels");
    let want = orthogonality_penalty(network.first.weight.val()) + orthogonality_penalty(network.second.weight.val());
    assert_eq!(penalty.clone().into_scalar::<f32>(), want.into_scalar::<f32>());
    let gradients = penalty.backward();
    assert!(network.first.weight.val().grad(&gradients).is_some_and(|g| g.abs().max().into_scalar::<f32>() > 0.0));
    assert!(network.scale.val().grad(&gradients).is_none());
    assert!(module_orthogonality_penalty(&burn::nn::LinearConfig::new(2, 2).init(&device)).is_none());
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let focal = FocalLossConfig::default();
    let refused = |error: Result<(), LossError>, text: &str| {
        let error = error.expect_err(text).to_string();
        assert!(error.contains(text), "{error}");
    };
    refused(FocalLossConfig { gamma: -1.0, ..focal.clone() }.init().map(drop), "gamma");
    refused(FocalLossConfig { alpha: Some(1.5), ..focal.clone() }.init().map(drop), "alpha");
    refused(FocalLossConfig { weight: Some(vec![]), ..focal.clone() }.init().map(drop), "weight");
    refused(FocalLossConfig { activation: LossActivation::Given, ..focal.clone() }.init().map(drop), "logits");
    let without = FocalLossConfig {
        activation: LossActivation::Softmax,
        alpha: Some(0.5),
        include_background: false,
        ..focal.clone()
    };
    refused(without.init().map(drop), "include_background");
    refused(TverskyLossConfig { beta: f64::NAN, ..TverskyLossConfig::default() }.init().map(drop), "beta");
    refused(
        GeneralizedDiceLossConfig { smooth_dr: -1.0, ..GeneralizedDiceLossConfig::default() }.init().map(drop),
        "smooth_dr",
    );
    refused(
        DiceFocalLossConfig { lambda_focal: -1.0, ..DiceFocalLossConfig::default() }.init().map(drop),
        "lambda_focal",
    );
    let none = CrossEntropyLossConfig { activation: LossActivation::Given, ..CrossEntropyLossConfig::default() };
    refused(none.init().map(drop), "logits");
    refused(DeepSupervision::new(LevelWeights::Given(vec![])).map(drop), "weight");
    let given = DeepSupervision::new(LevelWeights::Given(vec![1.0, 0.5])).unwrap();
    assert_eq!(given.weights(2), Ok(vec![1.0, 0.5]));
    refused(given.weights(3).map(drop), "2 values for 3");
    let halving = DeepSupervision::new(LevelWeights::Halving).unwrap();
    assert_eq!(halving.weights(6), Ok(vec![1.0, 0.5, 0.25, 0.125, 0.0625, 0.0625]));
    let three =
        CrossEntropyLossConfig { weight: Some(vec![1.0; 3]), ..CrossEntropyLossConfig::default() }.init().unwrap();
    refused(three.check_shapes([1, 2, 2, 2, 2], [1, 2, 2, 2, 2]), "3 values for 2");
    let focal = focal.init().unwrap();
    assert!(matches!(focal.check_shapes(SHAPE, [2, 1, 2, 3, 2]), Err(LossError::ShapeMismatch { .. })));
}
