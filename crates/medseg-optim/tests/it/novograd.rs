//! NovoGrad against stored steps of the reference implementation, and its behaviour in a module optimizer.

use burn::module::{Module, Param, ParamId};
use burn::optim::{GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use medseg_optim::{NovoGrad, NovoGradConfig, NovoGradState, OptimError};
use medseg_testing::{Golden, assert_close};
use serde_json::Value;

fn optimizer(settings: &Value) -> NovoGrad {
    let number = |value: &Value| value.as_f64().unwrap();
    NovoGradConfig {
        beta_1: number(&settings["betas"][0]),
        beta_2: number(&settings["betas"][1]),
        epsilon: number(&settings["eps"]),
        weight_decay: number(&settings["weight_decay"]),
        grad_averaging: settings["grad_averaging"].as_bool().unwrap(),
        amsgrad: settings["amsgrad"].as_bool().unwrap(),
    }
    .build()
    .unwrap()
}

fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec::<f32>().unwrap()
}

fn check(golden: &Golden, what: &str, got: &[f32], want: &[f64]) {
    assert_close(&format!("{}: {what}", golden.name), got, want, golden.rtol, golden.atol);
}

/// Steps one parameter of a golden case; rank does not enter the arithmetic, so it is kept flat.
fn replay(golden: &Golden, index: usize, device: &Device) {
    let optimizer = optimizer(&golden.params["groups"][index]);
    let of = |name: &str| golden.tensor(&format!("p{index}.{name}")).values.clone();
    let (init, gradients, expected) = (of("init"), of("grads"), of("expected"));
    let (norms, present) = (of("exp_avg_sq"), of("grad_present"));
    let lr = golden.tensor("lr");
    let n = init.len();
    let flat = |values: &[f64]| Tensor::<1>::from_data(TensorData::from(values).convert::<f32>(), device);

    let mut parameter = flat(&init);
    let mut state: Option<NovoGradState<1>> = None;
    for t in 0..present.len() {
        if present[t] != 0.0 {
            let gradient = flat(&gradients[t * n..][..n]);
            (parameter, state) = optimizer.step(lr.values[t * lr.shape[1] + index], parameter, gradient, state);
        }
        check(golden, &format!("p{index} after step {t}"), &values(&parameter), &expected[t * n..][..n]);
        match &state {
            Some(state) => check(golden, "squared norm", &values(&state.squared_norm()), &norms[t..=t]),
            None => assert!(norms[t].is_nan()),
        }
    }
}

#[test]
fn steps_equal_the_reference() {
    let device = Device::flex();
    for golden in Golden::all("novograd").iter().filter(|golden| golden.has("p0.init")) {
        for index in 0..golden.params["groups"].as_array().unwrap().len() {
            replay(golden, index, &device);
        }
    }
}

/// `tanh(x w1ᵀ + b1) w2ᵀ + b2` with weights `[out, in]`.
#[derive(Debug, Module)]
struct Mlp {
    w1: Param<Tensor<2>>,
    b1: Param<Tensor<1>>,
    w2: Param<Tensor<2>>,
    b2: Param<Tensor<1>>,
}

fn tensor<const D: usize>(golden: &Golden, name: &str, device: &Device) -> Tensor<D> {
    let stored = golden.tensor(name);
    Tensor::from_data(TensorData::new(stored.values.clone(), stored.shape.clone()).convert::<f32>(), device)
}

fn parameter<const D: usize>(golden: &Golden, name: &str, device: &Device) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), tensor::<D>(golden, name, device).require_grad())
}

impl Mlp {
    fn read(golden: &Golden, device: &Device) -> Mlp {
        Mlp {
            w1: parameter(golden, "w1.init", device),
            b1: parameter(golden, "b1.init", device),
            w2: parameter(golden, "w2.init", device),
            b2: parameter(golden, "b2.init", device),
        }
    }

    fn loss(&self, x: Tensor<2>, y: Tensor<2>) -> Tensor<1> {
        let hidden = (x.matmul(self.w1.val().transpose()) + self.b1.val().unsqueeze::<2>()).tanh();
        let output = hidden.matmul(self.w2.val().transpose()) + self.b2.val().unsqueeze::<2>();
        (output - y).powi_scalar(2).mean()
    }
}

#[test]
fn training_a_small_network_equals_the_reference() {
    let device = Device::flex().autodiff();
    let goldens: Vec<Golden> = Golden::all("novograd").into_iter().filter(|golden| golden.has("w1.init")).collect();
    assert!(!goldens.is_empty());
    for golden in goldens {
        let params = &golden.params;
        let mut model = Mlp::read(&golden, &device);
        let mut module_optimizer = burn::optim::ModuleOptimizer::from(optimizer(params));
        let (x, y) = (tensor::<2>(&golden, "x", &device), tensor::<2>(&golden, "y", &device));
        let mut losses = Vec::new();
        for _ in 0..params["steps"].as_u64().unwrap() {
            let loss = model.loss(x.clone(), y.clone());
            losses.push(loss.clone().into_scalar::<f32>());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = module_optimizer.step(params["lr"].as_f64().unwrap(), model, gradients);
        }
        check(&golden, "losses", &losses, &golden.tensor("losses").values);
        check(&golden, "w1", &values(&model.w1.val()), &golden.tensor("w1.expected").values);
        check(&golden, "b1", &values(&model.b1.val()), &golden.tensor("b1.expected").values);
        check(&golden, "w2", &values(&model.w2.val()), &golden.tensor("w2.expected").values);
        check(&golden, "b2", &values(&model.b2.val()), &golden.tensor("b2.expected").values);
    }
}

fn gradients_of(model: &Mlp, device: &Device, scale: f32) -> GradientsParams {
    let x = Tensor::<2>::from_data([[0.3, -0.2, 0.9, 0.1, 0.4], [1.0, 0.5, -0.7, 0.2, -0.3]], device);
    let y = Tensor::<2>::from_data([[0.1, -0.4], [0.6, 0.2]], device);
    GradientsParams::from_grads(model.loss(x, y).mul_scalar(scale).backward(), model)
}

fn bits(model: &Mlp) -> Vec<u32> {
    [values(&model.w1.val()), values(&model.b1.val()), values(&model.w2.val()), values(&model.b2.val())]
        .concat()
        .iter()
        .map(|v| v.to_bits())
        .collect()
}

#[test]
fn a_saved_optimizer_goes_on_with_the_same_bits() {
    let device = Device::flex().autodiff();
    let golden = Golden::all("novograd").into_iter().find(|golden| golden.has("w1.init")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let variants = [
        NovoGradConfig::default(),
        NovoGradConfig { weight_decay: 0.01, grad_averaging: true, amsgrad: true, ..NovoGradConfig::default() },
    ];
    for (i, config) in variants.into_iter().enumerate() {
        let mut model = Mlp::read(&golden, &device);
        let mut optimizer = config.init().unwrap();
        // A smaller second gradient makes AMSGrad's maximum differ from the running norm.
        for scale in [1.0, 0.01, 0.5] {
            let gradients = gradients_of(&model, &device, scale);
            model = optimizer.step(0.01, model, gradients);
        }
        let file = folder.path().join(format!("optimizer_{i}.bpk"));
        optimizer.save(&file).unwrap();
        let mut restored = config.init().unwrap().load(&file).unwrap();
        let mut resumed = model.clone();
        for scale in [-0.3, 1.0, 0.2] {
            let (a, b) = (gradients_of(&model, &device, scale), gradients_of(&resumed, &device, scale));
            model = optimizer.step(0.008, model, a);
            resumed = restored.step(0.008, resumed, b);
            assert_eq!(bits(&model), bits(&resumed));
        }
        // A fresh optimizer would not get there.
        let fresh = config.init().unwrap().step(0.008, resumed.clone(), gradients_of(&resumed, &device, 0.2));
        let same = restored.step(0.008, resumed.clone(), gradients_of(&resumed, &device, 0.2));
        assert_ne!(bits(&fresh), bits(&same));
    }
}

#[test]
fn the_first_step_has_unit_length_whatever_the_gradient() {
    let device = Device::flex();
    let optimizer = NovoGradConfig::default().build().unwrap();
    for scale in [1e-3_f32, 1.0, 1e6] {
        let start = Tensor::<2>::zeros([3, 4], &device);
        let gradient = Tensor::<2>::full([3, 4], scale, &device);
        let (moved, _) = optimizer.step(0.1, start, gradient, None);
        let length = values(&moved).iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((length - 0.1).abs() < 1e-6, "{length} at gradient {scale}");
    }
}

#[test]
fn a_zero_gradient_keeps_the_norm_unset_until_a_real_one_comes() {
    let device = Device::flex();
    let optimizer = NovoGradConfig::default().build().unwrap();
    let start = Tensor::<1>::from_data([1.0_f32, -2.0], &device);
    let zero = Tensor::<1>::zeros([2], &device);
    let (same, state) = optimizer.step(0.1, start.clone(), zero, None);
    assert_eq!(values(&same), values(&start));
    let (_, state) = optimizer.step(0.1, same, Tensor::from_data([3.0_f32, 4.0], &device), state);
    // The whole squared norm, not 2 % of it.
    assert_eq!(values(&state.unwrap().squared_norm()), [25.0]);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let good = NovoGradConfig::default();
    let table = [
        ("beta_1", NovoGradConfig { beta_1: 1.0, ..good }),
        ("beta_2", NovoGradConfig { beta_2: -0.1, ..good }),
        ("epsilon", NovoGradConfig { epsilon: f64::NAN, ..good }),
        ("weight_decay", NovoGradConfig { weight_decay: -1.0, ..good }),
    ];
    for (name, config) in table {
        let OptimError::OutOfRange { parameter, .. } = config.build().unwrap_err() else { panic!("{name}") };
        assert_eq!(parameter, name);
        assert!(config.init().is_err_and(|e| e.to_string().contains(name)));
    }
}

#[test]
fn settings_are_read_from_json_and_unknown_ones_refused() {
    let config: NovoGradConfig = serde_json::from_str(r#"{"weight_decay": 0.1}"#).unwrap();
    assert_eq!(config, NovoGradConfig { weight_decay: 0.1, ..NovoGradConfig::default() });
    assert!(serde_json::from_str::<NovoGradConfig>(r#"{"beta1": 0.5}"#).is_err());
}
