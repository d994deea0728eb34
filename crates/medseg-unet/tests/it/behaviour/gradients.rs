//! For every layer option: gradients against central differences in f64, and the kernels, which compute in f32, against
//! Burn's own operations, which f64 takes.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use medseg_unet::{UNet, UNetConfig, Upsample};

use super::networks::{layer_options, noise};

/// Turns a network to f64 and moves one of its tensors, counted in Burn's order, along that tensor's direction.
struct Widen {
    moved: Option<usize>,
    step: f64,
    at: usize,
}

impl ModuleMapper for Widen {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor) = (param.id, param.val());
        let device = tensor.device();
        let data = tensor.into_data();
        let mut values: Vec<f64> = data.iter::<f64>().collect();
        if self.moved == Some(self.at) {
            let along = direction(self.at, values.len());
            values.iter_mut().zip(along).for_each(|(v, d)| *v += self.step * d);
        }
        self.at += 1;
        let wide = TensorData::new(values, data.shape().to_vec());
        Param::initialized(id, Tensor::from_data(wide, (&device, DType::F64)).require_grad())
    }
}

/// Slope of the score along each tensor's direction, and the sum of the gradient's absolute entries; nothing for tensors
/// without a gradient.
struct Slopes<'a> {
    gradients: &'a Gradients,
    slopes: Vec<Option<(f64, f64)>>,
}

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let at = self.slopes.len();
        self.slopes.push(param.val().grad(self.gradients).map(|gradient| {
            let gradient: Vec<f64> = gradient.into_data().iter::<f64>().collect();
            let slope = gradient.iter().zip(direction(at, gradient.len())).map(|(g, d)| g * d).sum();
            (slope, gradient.iter().map(|g| g.abs()).sum())
        }));
    }
}

/// Numbers in -1..1, the same for the same tensor.
fn direction(tensor: usize, count: usize) -> Vec<f64> {
    noise([1, 1, 1, 1, count], 100 + tensor as u64, &Device::flex()).into_data().iter::<f64>().collect()
}

/// Every layer option, and transposed convolutions; shallow, to be quick.
fn options() -> Vec<UNetConfig> {
    let all = layer_options();
    let transposed = UNetConfig { upsample: Upsample::Transposed, pool_kernel: 2, ..all[4].clone() };
    let all = all.into_iter().chain([transposed]);
    all.map(|config| UNetConfig { channels: vec![2, 4, 6], deep_supervision: 1, ..config }).collect()
}

fn network(config: &UNetConfig) -> UNet {
    config.init_seeded(1, &Device::flex().autodiff()).unwrap()
}

fn widened(config: &UNetConfig, moved: Option<usize>, step: f64) -> UNet {
    network(config).map(&mut Widen { moved, step, at: 0 })
}

fn image(dtype: DType) -> Tensor<5> {
    noise([2, 1, 4, 8, 8], 5, &Device::flex().autodiff()).cast(dtype)
}

/// A sum that every logit, also the deep ones, takes part in.
fn score(network: &UNet, x: Tensor<5>) -> Tensor<1> {
    let device = x.device();
    let outputs = network.forward_deep(x).into_iter().zip(50..);
    let sums = outputs.map(|(y, seed)| (y.clone() * noise(y.dims(), seed, &device).cast(y.dtype())).sum());
    sums.reduce(|a, b| a + b).unwrap()
}

#[test]
fn gradients_are_central_differences() {
    const STEP: f64 = 1e-6;
    for config in options() {
        let network = widened(&config, None, 0.0);
        let gradients = score(&network, image(DType::F64)).backward();
        let mut slopes = Slopes { gradients: &gradients, slopes: Vec::new() };
        network.visit(&mut slopes);
        let found = slopes.slopes.iter().flatten().count();
        assert_eq!(found, network.named_parameters().len());
        for (tensor, slope) in slopes.slopes.into_iter().enumerate() {
            let Some((slope, size)) = slope else { continue };
            let at = |step| score(&widened(&config, Some(tensor), step), image(DType::F64)).into_scalar::<f64>();
            let measured = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let close = (slope - measured).abs() < 1e-5 * size + 1e-6;
            assert!(close, "tensor {tensor} of {config:?}: {slope}, not {measured}");
        }
    }
}

#[test]
fn the_kernels_agree_with_burns_own_operations() {
    for config in options() {
        let (fast, oracle) = (network(&config), widened(&config, None, 0.0));
        let values = |network: &UNet, dtype| -> Vec<Vec<f64>> {
            let outputs = network.forward_deep(image(dtype)).into_iter();
            outputs.map(|y| y.into_data().iter::<f64>().collect()).collect()
        };
        for (got, want) in values(&fast, DType::F32).iter().zip(&values(&oracle, DType::F64)) {
            let far = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far < 1e-4, "{config:?}: {far}");
        }
        let of = |network: &UNet, dtype| network.named_gradients(&score(network, image(dtype)).backward());
        let (got, want) = (of(&fast, DType::F32), of(&oracle, DType::F64));
        assert_eq!(got.len(), want.len());
        for ((name, got), (_, want)) in got.iter().zip(&want) {
            let largest = want.iter::<f64>().map(f64::abs).fold(0.0, f64::max);
            let far = got.iter::<f64>().zip(want.iter::<f64>()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far < 2e-3 * largest + 2e-3, "{name} of {config:?}: {far} of {largest}");
        }
    }
}
