//! Outputs and gradients of nnU-Net's networks; `tests/golden/staged/generate.py` made the files.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_testing::Golden;
use medseg_unet::{ConcatOrder, StagedUNet, StagedUNetConfig, parameter_shapes};

/// Of the largest value.
const TOLERANCE: f64 = 1e-5;

fn config(case: &Golden) -> StagedUNetConfig {
    serde_json::from_value(case.params["config"].clone()).unwrap()
}

fn tensor(case: &Golden, name: &str, device: &Device) -> Tensor<5> {
    let values = case.tensor(name);
    Tensor::from_data(TensorData::new(values.f32(), values.shape.clone()), device)
}

/// The tensors of the file whose names begin so, without the prefix.
fn under(case: &Golden, prefix: &str) -> Vec<(String, TensorData)> {
    let tensors = case.tensors().filter_map(|(name, values)| {
        Some((name.strip_prefix(prefix)?.to_string(), TensorData::new(values.f32(), values.shape.clone())))
    });
    tensors.collect()
}

fn network(case: &Golden, device: &Device) -> StagedUNet {
    StagedUNet::from_parameters(&config(case), under(case, "weight/"), device).unwrap()
}

fn largest(case: &Golden, name: &str) -> f64 {
    case.tensor(name).values.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// Compares within a share of the largest value.
fn check(case: &Golden, name: &str, got: TensorData) {
    case.check_within(name, got.iter::<f64>(), 0.0, TOLERANCE * largest(case, name));
}

#[test]
fn names_and_shapes_are_those_of_nnunet() {
    for case in Golden::all("staged") {
        let mut ours = parameter_shapes(&config(&case)).unwrap();
        let theirs = under(&case, "weight/").into_iter().map(|(name, data)| (name, data.shape().to_vec()));
        ours.sort();
        assert_eq!(ours, theirs.collect::<Vec<_>>(), "{}", case.name);
    }
}

#[test]
fn logits_agree_with_pytorch() {
    for case in Golden::all("staged") {
        let network = network(&case, &Device::flex());
        let x = tensor(&case, "input", &Device::flex());
        let evaluated = case.has("evaluated/0");
        let logits = network.forward_all(x.clone()).unwrap();
        assert_eq!(logits.len(), config(&case).stages.len() - 1);
        for (i, y) in logits.iter().enumerate() {
            let name = format!("{}/{i}", if evaluated { "evaluated" } else { "output" });
            assert_eq!(y.dims(), case.tensor(&name).dims());
            check(&case, &name, y.clone().into_data());
        }
        assert_eq!(network.forward(x).unwrap().into_data(), logits[0].clone().into_data(), "{}", case.name);
    }
}

#[test]
fn gradients_agree_with_pytorch() {
    let device = Device::flex().autodiff();
    for case in Golden::all("staged") {
        let network = network(&case, &device);
        let x = tensor(&case, "input", &device).require_grad();
        let mut loss = Tensor::<1>::zeros([1], &device);
        for (i, y) in network.forward_all(x.clone()).unwrap().into_iter().enumerate() {
            check(&case, &format!("output/{i}"), y.clone().into_data());
            loss = loss + (y * tensor(&case, &format!("factor/{i}"), &device)).sum();
        }
        let gradients = loss.backward();
        check(&case, "gradient/input", x.grad(&gradients).unwrap().into_data());
        let named = network.named_gradients(&gradients);
        let gradient = |name: &str| named.iter().find(|(of, _)| of == name).map(|(_, gradient)| gradient);
        let names: Vec<String> = network.named_parameters().into_iter().map(|(name, _)| name).collect();
        let most = names.iter().map(|name| largest(&case, &format!("gradient/{name}"))).fold(0.0, f64::max);
        for name in names {
            let gradient = gradient(&name);
            let name = format!("gradient/{name}");
            let Some(gradient) = gradient else {
                // Of a bias that the norm takes away nothing is left but PyTorch's rounding errors in f64.
                assert!(name.ends_with(".conv.bias") && largest(&case, &name) < 1e-12 * most, "{}: {name}", case.name);
                continue;
            };
            // Of the largest of all, and of ten times its own largest.
            let tolerance = (10.0 * TOLERANCE * largest(&case, &name)).clamp(1e-6 * most, TOLERANCE * most);
            case.check_within(&name, gradient.iter::<f64>(), 0.0, tolerance);
        }
        for (name, statistics) in network.named_statistics() {
            check(&case, &format!("after/{name}"), statistics);
        }
    }
}

#[test]
fn the_other_order_of_channels_is_that_of_the_first_kernels() {
    let case = Golden::all("staged").into_iter().find(|case| case.name.ends_with("/plain_anisotropic")).unwrap();
    let turned = under(&case, "weight/").into_iter().map(|(name, data)| {
        if !(name.starts_with("decoder.stages.") && name.ends_with(".convs.0.conv.weight")) {
            return (name, data);
        }
        let weight = Tensor::<5>::from_data(data, &Device::flex());
        let half = weight.dims()[1] / 2;
        let [up, skip] = [0, half].map(|start| weight.clone().narrow(1, start, half));
        (name, Tensor::cat(vec![skip, up], 1).into_data())
    });
    let config = config(&case).with_concat(ConcatOrder::SkipFirst);
    let network = StagedUNet::from_parameters(&config, turned, &Device::flex()).unwrap();
    let logits = network.forward(tensor(&case, "input", &Device::flex())).unwrap();
    check(&case, "output/0", logits.into_data());
}
