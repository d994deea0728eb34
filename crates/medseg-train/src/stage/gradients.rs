//! Gradients of several cases averaged into that of one step.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use medseg_bundle::StageNetwork;
use medseg_optim::{clip_global_norm, global_norm};

use crate::TrainError;
use crate::config::Clip;

/// The sum of the cases' gradients, in the order given.
pub(super) fn sum(network: &StageNetwork, gradients: Vec<GradientsParams>) -> GradientsParams {
    let mut sum = GradientsAccumulator::new();
    for one in gradients {
        sum.accumulate(network, one);
    }
    sum.grads()
}

/// The mean of the gradients of so many cases from their sum, limited, and the length `[1]` it had before that, if there is
/// any gradient; the device may still be computing both.
pub(super) fn mean(
    network: &StageNetwork,
    sum: GradientsParams,
    cases: usize,
    clip: Option<Clip>,
) -> Result<(GradientsParams, Option<Tensor<1>>), TrainError> {
    let mut mean = sum;
    if cases > 1 {
        change(&mut mean, network, Change::Scale(1.0 / cases as f64));
    }
    let norm = match clip {
        Some(Clip::Norm { max }) => clip_global_norm(&mut mean, network, max)?,
        _ => global_norm(&mean, network),
    };
    if let Some(Clip::Value { max }) = clip {
        change(&mut mean, network, Change::Cut(max));
    }
    Ok((mean, norm))
}

/// Operation on every number of a gradient.
#[derive(Clone, Copy)]
enum Change {
    Scale(f64),
    /// Cut to ± this.
    Cut(f64),
}

fn change(gradients: &mut GradientsParams, network: &StageNetwork, change: Change) {
    network.visit(&mut Changer { gradients, change });
}

struct Changer<'a> {
    gradients: &'a mut GradientsParams,
    change: Change,
}

impl ModuleVisitor for Changer<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return };
        let changed = match self.change {
            Change::Scale(factor) => gradient.mul_scalar(factor),
            Change::Cut(max) => gradient.clamp(-max, max),
        };
        self.gradients.register(param.id, changed);
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use medseg_unet::UNetConfig;

    use super::*;

    fn network() -> StageNetwork {
        let config = UNetConfig { channels: vec![2, 4], dropout: 0.0, ..UNetConfig::default() };
        StageNetwork::from(config.init_seeded(1, &Device::flex().autodiff()).unwrap())
    }

    /// Gradients of `factor` times the network's mean square output.
    fn gradients(network: &StageNetwork, factor: f64) -> GradientsParams {
        let x = Tensor::<5>::ones([1, 1, 4, 4, 4], &Device::flex().autodiff());
        let x = x.clone() * x.cumsum(4);
        let y = network.forward(x);
        GradientsParams::from_grads((y.clone() * y).mean().mul_scalar(factor).backward(), network)
    }

    /// The mean of these gradients and its length.
    fn average(network: &StageNetwork, all: Vec<GradientsParams>, clip: Option<Clip>) -> (GradientsParams, f32) {
        let cases = all.len();
        let (mean, length) = mean(network, sum(network, all), cases, clip).unwrap();
        (mean, length.unwrap().into_scalar())
    }

    /// Every number of a gradient.
    #[derive(Default)]
    struct Numbers(Vec<f32>);

    fn numbers(network: &StageNetwork, gradients: &GradientsParams) -> Vec<f32> {
        struct Collect<'a>(&'a GradientsParams, Numbers);
        impl ModuleVisitor for Collect<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if let Some(g) = self.0.get::<D>(param.id) {
                    self.1.0.extend(g.try_into_vec_as::<f32>().unwrap());
                }
            }
        }
        let mut collect = Collect(gradients, Numbers::default());
        network.visit(&mut collect);
        collect.1.0
    }

    #[test]
    fn the_mean_of_one_and_three_times_a_gradient_is_twice_it() {
        let network = network();
        let two = numbers(&network, &gradients(&network, 2.0));
        let (mean, norm) = average(&network, vec![gradients(&network, 1.0), gradients(&network, 3.0)], None);
        let mean = numbers(&network, &mean);
        assert!(mean.iter().any(|g| *g != 0.0));
        let largest = two.iter().fold(0f32, |m, g| m.max(g.abs()));
        assert!(mean.iter().zip(&two).all(|(a, b)| (a - b).abs() <= 1e-4 * largest));
        let length = two.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        assert!((f64::from(norm) - length).abs() < 1e-4 * length);
    }

    #[test]
    fn clipping_limits_the_length_or_each_number() {
        let network = network();
        let all = numbers(&network, &gradients(&network, 1.0));
        let largest = all.iter().fold(0f32, |m, g| m.max(g.abs()));
        let length = |g: &[f32]| g.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let clipped = |clip| numbers(&network, &average(&network, vec![gradients(&network, 1.0)], Some(clip)).0);
        let by_norm = clipped(Clip::Norm { max: length(&all) / 2.0 });
        assert!((length(&by_norm) - length(&all) / 2.0).abs() < 1e-4 * length(&all));
        let max = f64::from(largest) / 2.0;
        let by_value = clipped(Clip::Value { max });
        let expected = all.iter().map(|g| g.clamp(-largest / 2.0, largest / 2.0));
        assert!(by_value.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7));
    }
}
