//! The whole network against PyTorch: output, loss, the gradient of every parameter, three NovoGrad steps.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_golden::Golden;
use medseg_losses::{Activation, DiceLoss, DiceLossConfig};
use medseg_optim::NovoGradConfig;
use medseg_unet::{BlockKind, UNet, UNetConfig, load_state_dict};
use safetensors::SafeTensors;

const OUTPUT: f64 = 2e-4;
const GRADIENT: f64 = 2e-3;
/// Of a convolution that the norm behind it makes almost independent of its scale.
const WEAK_GRADIENT: f64 = 0.1;
const NULL_GRADIENT: f64 = 1e-5;
const STEPPED: f64 = 2e-5;
/// A weak gradient's error, as NovoGrad scales it up to the learning rate.
const WEAK_STEPPED: f64 = 1e-4;
const OUTPUT_AFTER_STEPS: f64 = 2e-3;
const LOSS: f64 = 1e-5;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/unet"))
}

/// The file that a parameter of the case names.
fn named_file(case: &Golden, key: &str) -> std::path::PathBuf {
    folder().join(Path::new(case.params[key].as_str().unwrap()).file_name().unwrap())
}

fn names(case: &Golden, key: &str) -> Vec<String> {
    case.params[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_string()).collect()
}

fn config(case: &Golden) -> UNetConfig {
    let p = &case.params;
    let block = match p["block"].as_str().unwrap() {
        "plain" => BlockKind::TwoLayer,
        "residual" => BlockKind::ResTwoLayer,
        other => panic!("{}: block {other}", case.name),
    };
    let pool_kernel = match p["pool"].as_str().unwrap() {
        "3/2/1" => 3,
        "2/2/0" => 2,
        other => panic!("{}: pool {other}", case.name),
    };
    UNetConfig {
        encoder: block,
        decoder: block,
        channels: p["channels"].as_array().unwrap().iter().map(|c| c.as_u64().unwrap() as usize).collect(),
        pool_kernel,
        conv_bias: p["conv_bias"].as_bool().unwrap(),
        final_bias: p["final_bias"].as_bool().unwrap(),
        dropout: 0.0,
        ..UNetConfig::default()
    }
}

/// The network with the case's part of the common weights file.
fn network(case: &Golden, device: &Device) -> UNet {
    let bytes = std::fs::read(named_file(case, "weights")).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    let wanted = names(case, "param_names");
    let part = wanted.iter().map(|name| (name, all.tensor(name).unwrap()));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    std::fs::write(&path, safetensors::serialize(part, None).unwrap()).unwrap();
    load_state_dict(&path, &config(case), device).unwrap()
}

fn tensor(data: &Golden, name: &str, device: &Device) -> Tensor<5> {
    let values = data.tensor(name);
    Tensor::from_data(TensorData::new(values.f32(), values.shape.clone()), device)
}

fn values(tensor: Tensor<5>) -> Vec<f64> {
    tensor.into_data().iter::<f32>().map(f64::from).collect()
}

/// The entries that the golden file keeps of a large tensor.
fn sampled(values: &[f64], count: usize) -> Vec<f64> {
    (0..count).map(|k| values[k * values.len() / count]).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

fn named(data: Vec<(String, TensorData)>) -> BTreeMap<String, Vec<f64>> {
    data.into_iter().map(|(name, data)| (name, data.iter::<f32>().map(f64::from).collect())).collect()
}

fn check_output(case: &Golden, name: &str, output: Tensor<5>, tolerance: f64) {
    let output = values(output);
    case.check_within(name, sampled(&output, case.tensor(name).values.len()), 0.0, tolerance);
}

/// Mean, deviation and extremes of every stage's output, which tell the first stage that differs.
fn check_stages(case: &Golden, network: &UNet, x: Tensor<5>) {
    let stats = &case.tensor("stage_stats").values;
    let outputs = network.stage_outputs(x);
    assert_eq!(outputs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), names(case, "stage_names"));
    for ((name, output), row) in outputs.into_iter().zip(stats.chunks(6)) {
        let values = values(output);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        for (got, want) in [values.len() as f64, mean, deviation, low, high].into_iter().zip(row) {
            assert!((got - want).abs() <= OUTPUT + 1e-4 * want.abs(), "{}: {name}: {got}, not {want}", case.name);
        }
    }
}

fn check_gradients(case: &Golden, gradients: &BTreeMap<String, Vec<f64>>) {
    let parameters = names(case, "param_names");
    let (null, weak) = (names(case, "null_gradient"), names(case, "weak_gradient"));
    assert_eq!(gradients.len(), parameters.len(), "{}", case.name);
    // The columns sum, sum_abs, sum_sq, max_abs, dot_cos of every parameter.
    let stats = &case.tensor("grad_stats").values;
    for (name, row) in parameters.iter().zip(stats.chunks(5)) {
        let gradient = &gradients[name];
        if null.contains(name) {
            assert!(largest(gradient) < NULL_GRADIENT, "{}: gradient of {name}: {}", case.name, largest(gradient));
            continue;
        }
        let share = if weak.contains(name) { WEAK_GRADIENT } else { GRADIENT };
        let tolerance = share * row[3];
        let key = format!("grad/{name}");
        case.check_within(&key, sampled(gradient, case.tensor(&key).values.len()), 0.0, tolerance);
        let sum_abs: f64 = gradient.iter().map(|g| g.abs()).sum();
        assert!(
            (sum_abs - row[1]).abs() <= share * row[1],
            "{}: gradient of {name}: {sum_abs}, not {}",
            case.name,
            row[1]
        );
    }
}

fn check_steps(case: &Golden, device: &Device, x: &Tensor<5>, label: &Tensor<5>, loss: &DiceLoss) {
    let p = &case.params["novograd"];
    let number = |key: &str| p[key].as_f64().unwrap();
    let betas = p["betas"].as_array().unwrap();
    let config = NovoGradConfig {
        beta_1: betas[0].as_f64().unwrap(),
        beta_2: betas[1].as_f64().unwrap(),
        epsilon: number("eps"),
        weight_decay: number("weight_decay"),
        grad_averaging: p["grad_averaging"].as_bool().unwrap(),
        amsgrad: p["amsgrad"].as_bool().unwrap(),
    };
    let mut optimizer = config.init().unwrap();
    let mut network = network(case, device);
    let mut losses = Vec::new();
    let steps = case.params["novograd_steps"].as_u64().unwrap();
    for step in 0..=steps {
        let value = loss.forward(network.forward(x.clone()), label.clone());
        losses.push(f64::from(value.clone().into_scalar::<f32>()));
        if step < steps {
            let gradients = GradientsParams::from_grads(value.backward(), &network);
            network = optimizer.step(number("lr"), network, gradients);
        }
    }
    case.check_within("losses", losses, 0.0, LOSS);
    let (noise, weak) = (names(case, "null_gradient"), names(case, "weak_gradient"));
    for (name, stepped) in named(network.named_parameters()) {
        if !noise.contains(&name) {
            let key = format!("stepped/{name}");
            let tolerance = if weak.contains(&name) { WEAK_STEPPED } else { STEPPED };
            case.check_within(&key, sampled(&stepped, case.tensor(&key).values.len()), 0.0, tolerance);
        }
    }
    check_output(case, "output_after_steps", network.valid().forward(x.clone().inner()), OUTPUT_AFTER_STEPS);
}

fn check_case(case: &Golden) {
    let device = Device::flex();
    let data = Golden::read(&named_file(case, "data"));
    let plain = network(case, &device);
    check_output(case, "output", plain.forward(tensor(&data, "input", &device)), OUTPUT);
    check_stages(case, &plain, tensor(&data, "input", &device));

    let autodiff = device.autodiff();
    let (x, label) = (tensor(&data, "input", &autodiff), tensor(&data, "label", &autodiff));
    let loss = DiceLossConfig { activation: Activation::Sigmoid, ..DiceLossConfig::default() }.init().unwrap();
    let trained = network(case, &autodiff);
    let value = loss.forward(trained.forward(x.clone()), label.clone());
    case.check_within("loss", [f64::from(value.clone().into_scalar::<f32>())], 0.0, LOSS);
    check_gradients(case, &named(trained.named_gradients(&value.backward())));
    if case.params["novograd_steps"].as_u64() > Some(0) {
        check_steps(case, &autodiff, &x, &label, &loss);
    }
}

#[test]
fn every_case_agrees_with_pytorch() {
    let cases = Golden::all(env!("CARGO_MANIFEST_DIR"), "unet");
    let cases: Vec<_> = cases.iter().filter(|case| case.has("output")).collect();
    assert!(cases.iter().filter(|case| case.name.contains("/paper_")).count() >= 2);
    cases.into_iter().for_each(check_case);
}
