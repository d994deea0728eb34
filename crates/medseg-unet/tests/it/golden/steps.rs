//! A few steps of training.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device};
use medseg_optim::NovoGradConfig;
use medseg_unet::UNet;

use super::case::Case;
use super::checks::{check_output, check_sampled, dice, named, number};

/// Tolerances of the expected values after the steps.
pub struct StepTolerance {
    pub loss: f64,
    pub parameter: f64,
    /// A weak gradient's error, as NovoGrad scales it up to the learning rate.
    pub weak_parameter: f64,
    pub output: f64,
}

fn novograd(case: &Case) -> NovoGradConfig {
    let p = &case.golden.params["novograd"];
    let number = |key: &str| p[key].as_f64().unwrap();
    let betas = p["betas"].as_array().unwrap();
    NovoGradConfig {
        beta_1: betas[0].as_f64().unwrap(),
        beta_2: betas[1].as_f64().unwrap(),
        epsilon: number("eps"),
        weight_decay: number("weight_decay"),
        grad_averaging: p["grad_averaging"].as_bool().unwrap(),
        amsgrad: p["amsgrad"].as_bool().unwrap(),
    }
}

/// The losses, the parameters after the steps and the output then, from a network of numbers of type `dtype`; nothing for a
/// case without steps.
pub fn check_steps(case: &Case, mut network: UNet, dtype: DType, device: &Device, tolerance: &StepTolerance) {
    let params = &case.golden.params;
    let steps = params["novograd_steps"].as_u64().unwrap_or(0);
    assert_eq!(steps > 0, case.golden.has("losses"), "{}", case.golden.name);
    if steps == 0 {
        return;
    }
    let (mut optimizer, rate) = (novograd(case).init().unwrap(), params["novograd"]["lr"].as_f64().unwrap());
    let [x, label] = ["input", "label"].map(|name| case.data(name, device).cast(dtype));
    let mut losses = Vec::new();
    for step in 0..=steps {
        let loss = dice().forward(network.forward(x.clone()), label.clone());
        losses.push(number(loss.clone()));
        if step < steps {
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(rate, network, gradients);
        }
    }
    case.golden.check_within("losses", losses, 0.0, tolerance.loss);
    let (noise, weak) = (case.names("null_gradient"), case.names("weak_gradient"));
    for (name, stepped) in named(network.named_parameters()) {
        if !noise.contains(&name) {
            let allowed = if weak.contains(&name) { tolerance.weak_parameter } else { tolerance.parameter };
            check_sampled(case, &format!("stepped/{name}"), &stepped, allowed);
        }
    }
    check_output(case, "output_after_steps", network.valid().forward(x.inner()), tolerance.output);
}
