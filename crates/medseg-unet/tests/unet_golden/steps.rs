//! A few steps of training.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use medseg_optim::NovoGradConfig;

use crate::SINGLE;
use crate::case::Case;
use crate::checks::{check_output, check_sampled, dice, named, number};

const STEPPED: f64 = 2e-5;
/// A weak gradient's error, as NovoGrad scales it up to the learning rate.
const WEAK_STEPPED: f64 = 1e-4;
const OUTPUT_AFTER_STEPS: f64 = 2e-3;

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

/// The losses, the parameters after the steps and the output then; nothing for a case without steps.
pub fn check_steps(case: &Case, device: &Device) {
    let params = &case.golden.params;
    let steps = params["novograd_steps"].as_u64().unwrap_or(0);
    assert_eq!(steps > 0, case.golden.has("losses"), "{}", case.golden.name);
    if steps == 0 {
        return;
    }
    let (mut optimizer, rate) = (novograd(case).init().unwrap(), params["novograd"]["lr"].as_f64().unwrap());
    let (x, label) = (case.data("input", device), case.data("label", device));
    let (mut network, mut losses) = (case.network(device), Vec::new());
    for step in 0..=steps {
        let loss = dice().forward(network.forward(x.clone()), label.clone());
        losses.push(number(loss.clone()));
        if step < steps {
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(rate, network, gradients);
        }
    }
    case.golden.check_within("losses", losses, 0.0, SINGLE.loss);
    let (noise, weak) = (case.names("null_gradient"), case.names("weak_gradient"));
    for (name, stepped) in named(network.named_parameters()) {
        if !noise.contains(&name) {
            let tolerance = if weak.contains(&name) { WEAK_STEPPED } else { STEPPED };
            check_sampled(case, &format!("stepped/{name}"), &stepped, tolerance);
        }
    }
    check_output(case, "output_after_steps", network.valid().forward(x.inner()), OUTPUT_AFTER_STEPS);
}
