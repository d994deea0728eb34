//! NovoGrad and the norm of all gradients.

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, Optimizer};
use burn::tensor::Tensor;
use medseg::Device;
use medseg::optim::{EmaConfig, NovoGradConfig, clip_global_norm, global_norm, step};

use crate::device::gpu;
use crate::same::{F32, assert_close, numbers, values};

/// Parameter and momentum, then both norms' values, after three steps with other gradients each; the second gradient is 0
/// if `pause` says so.
fn steps<const D: usize>(config: NovoGradConfig, shape: [usize; D], pause: bool, device: &Device) -> Vec<f32> {
    let optimizer = config.build().expect("an optimiser");
    let mut tensor = Tensor::<D>::from_data(numbers(1, shape), device);
    let mut state = None;
    for seed in 2..5 {
        let grad = Tensor::<D>::from_data(numbers(seed, shape), device);
        let grad = if pause && seed < 4 { grad * 0.0 } else { grad };
        (tensor, state) = optimizer.step(0.01 * seed as f64, tensor, grad, state);
    }
    let state = state.expect("a state");
    [values(tensor), values(state.momentum()), values(state.squared_norm())].concat()
}

#[test]
fn steps_go_where_they_do_on_the_cpu() {
    let kinds = [
        NovoGradConfig::default(),
        NovoGradConfig { weight_decay: 0.1, ..NovoGradConfig::default() },
        NovoGradConfig { grad_averaging: true, amsgrad: true, beta_2: 0.1, ..NovoGradConfig::default() },
    ];
    for config in kinds {
        for pause in [false, true] {
            let what = format!("{config:?}, pause {pause}");
            let same = |got: Vec<f32>, want: Vec<f32>| assert_close(&what, &got, &want, F32);
            same(steps(config, [1], pause, &gpu()), steps(config, [1], pause, &Device::flex()));
            same(steps(config, [255], pause, &gpu()), steps(config, [255], pause, &Device::flex()));
            let shape = [5, 3, 3, 3, 3];
            same(steps(config, shape, pause, &gpu()), steps(config, shape, pause, &Device::flex()));
            // More cubes than one, and more elements of a unit than fit evenly.
            let shape = [67, 64, 3, 3, 3];
            same(steps(config, shape, pause, &gpu()), steps(config, shape, pause, &Device::flex()));
        }
    }
}

/// A gradient that does not lie in memory in the order of its axes.
#[test]
fn transposed_gradients_are_read_in_their_order() {
    let run = |device: &Device| {
        let optimizer = NovoGradConfig::default().build().expect("an optimiser");
        let tensor = Tensor::<2>::from_data(numbers(1, [7, 5]), device);
        let grad = Tensor::<2>::from_data(numbers(2, [5, 7]), device).transpose();
        values(optimizer.step(0.1, tensor, grad, None).0)
    };
    assert_close("a step", &run(&gpu()), &run(&Device::flex()), F32);
}

/// More tensors than a launch takes, of sizes that need one cube, several and a part of one.
#[derive(Debug, Module)]
struct Many {
    tensors: Vec<Param<Tensor<1>>>,
    /// Without a gradient.
    unused: Param<Tensor<2>>,
}

fn many(device: &Device) -> Many {
    let tensor = |seed: usize| {
        let elements = [1, 255, 1025, 40_000][seed % 4] + seed;
        Param::from_tensor(Tensor::from_data(numbers(seed as u64, [elements]), device))
    };
    let unused = Param::from_tensor(Tensor::from_data(numbers(99, [3, 5]), device));
    Many { tensors: (0..37).map(tensor).collect(), unused }
}

#[test]
fn all_tensors_of_a_module_step_as_each_alone() {
    let run = |together: bool, device: &Device| {
        let device = device.clone().autodiff();
        let mut module = many(&device);
        let config = NovoGradConfig { weight_decay: 0.01, amsgrad: true, ..NovoGradConfig::default() };
        let mut optimizer = config.init().expect("an optimiser");
        for factor in [1.0, 0.0, 0.3] {
            let squares = module.tensors.iter().map(|tensor| tensor.val().powi_scalar(2).sum() * factor);
            let loss = squares.reduce(|a, b| a + b).expect("tensors");
            let gradients = GradientsParams::from_grads(loss.backward(), &module);
            module = if together {
                step(&mut optimizer, 0.1, module, gradients)
            } else {
                optimizer.step(0.1, module, gradients)
            };
        }
        module.tensors.iter().flat_map(|tensor| values(tensor.val())).collect::<Vec<f32>>()
    };
    let together = run(true, &gpu());
    assert_eq!(together, run(false, &gpu()), "tensor by tensor");
    assert_close("the CPU's", &together, &run(true, &Device::flex()), F32);
}

/// As many tensors as above: their norm, and an average that follows them.
#[test]
fn norm_and_average_of_many_tensors_are_those_of_the_cpu() {
    let run = |device: &Device| {
        let device = device.clone().autodiff();
        let model = many(&device);
        let squares = model.tensors.iter().map(|tensor| tensor.val().powi_scalar(2).sum());
        let loss = squares.reduce(|a, b| a + b).expect("tensors");
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let norm = values(global_norm(&gradients, &model).expect("gradients"));
        let mut average = EmaConfig { decay: 0.9, warmup: false }.init(&model).expect("an average");
        let mut optimizer = NovoGradConfig::default().init().expect("an optimiser");
        let moved = step(&mut optimizer, 0.3, model, gradients);
        average.update(&moved).expect("the same parameters");
        let averaged = average.average().tensors.iter().flat_map(|tensor| values(tensor.val()));
        norm.into_iter().chain(averaged).collect::<Vec<f32>>()
    };
    let (got, want) = (run(&gpu()), run(&Device::flex()));
    assert_close("norm", &got[..1], &want[..1], F32);
    assert_close("average", &got[1..], &want[1..], F32);
}

#[derive(Debug, Module)]
struct Parameters {
    small: Param<Tensor<1>>,
    large: Param<Tensor<3>>,
}

#[test]
fn the_norm_of_all_gradients_and_clipping_are_those_of_the_cpu() {
    let run = |device: &Device| {
        let device = device.clone().autodiff();
        let module = Parameters {
            small: Param::from_tensor(Tensor::from_data(numbers(1, [3]), &device)),
            large: Param::from_tensor(Tensor::from_data(numbers(2, [41, 43, 47]), &device)),
        };
        let squares = module.small.val().powi_scalar(2).sum() + module.large.val().powi_scalar(2).sum();
        let mut gradients = GradientsParams::from_grads(squares.backward(), &module);
        let before = values(global_norm(&gradients, &module).expect("gradients"));
        let clipped = values(clip_global_norm(&mut gradients, &module, 1.5).expect("a limit").expect("gradients"));
        let after = values(global_norm(&gradients, &module).expect("gradients"));
        [before, clipped, after].concat()
    };
    let (got, want) = (run(&gpu()), run(&Device::flex()));
    assert_close("norms", &got, &want, F32);
    assert!((got[2] - 1.5).abs() < 1e-4, "{got:?}");
}
