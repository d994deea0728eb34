//! Average of weights, clipping by the global norm, and parameter groups: what they compute, and going on after a save.

use burn::module::{Module, Param, ParamGroup};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use medseg_optim::{Ema, EmaConfig, NovoGradConfig, OptimError, clip_global_norm};

#[derive(Debug, Module)]
struct Model {
    kernel: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Model {
    fn new(device: &Device) -> Self {
        Self {
            kernel: Param::from_data([[1.0, -2.0], [0.5, 3.0], [0.25, 0.125]], device),
            bias: Param::from_data([0.5, -0.5], device),
        }
    }

    fn loss(&self, scale: f64) -> Tensor<1> {
        let kernel = self.kernel.val() * self.kernel.val() * scale;
        kernel.sum() + (self.bias.val() * 4.0 * scale).sum() + self.bias.val().powi_scalar(3).sum()
    }

    fn gradients(&self, scale: f64) -> GradientsParams {
        GradientsParams::from_grads(self.loss(scale).backward(), self)
    }

    fn numbers(&self) -> Vec<f32> {
        [self.kernel.val().into_data(), self.bias.val().into_data()]
            .into_iter()
            .flat_map(|data| data.try_to_vec::<f32>().unwrap())
            .collect()
    }

    fn bits(&self) -> Vec<u32> {
        self.numbers().iter().map(|v| v.to_bits()).collect()
    }
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn train(optimizer: &mut ModuleOptimizer, model: Model, step: usize) -> Model {
    let gradients = model.gradients(1.0 + step as f64 / 3.0);
    optimizer.step(0.05, model, gradients)
}

#[test]
fn the_average_follows_its_definition() {
    let mut model = Model::new(&device());
    let mut optimizer = NovoGradConfig::default().init().unwrap();
    for warmup in [false, true] {
        let mut ema = EmaConfig { decay: 0.9, warmup }.init(&model).unwrap();
        let mut want: Vec<f64> = model.numbers().into_iter().map(f64::from).collect();
        for step in 0..20 {
            model = train(&mut optimizer, model, step);
            let n = step as f64;
            let decay = if warmup { f64::min(0.9, (1.0 + n) / (10.0 + n)) } else { 0.9 };
            assert_eq!(ema.decay(), decay);
            ema.update(&model).unwrap();
            for (average, weight) in want.iter_mut().zip(model.numbers()) {
                *average = decay * *average + (1.0 - decay) * f64::from(weight);
            }
            for (got, want) in ema.average().numbers().iter().zip(&want) {
                assert!((f64::from(*got) - want).abs() < 1e-5, "step {step}: {got}, not {want}");
            }
        }
        assert_eq!(ema.state().updates, 20);
    }
}

#[test]
fn a_saved_average_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmaConfig { decay: 0.97, warmup: true };
    let mut model = Model::new(&device());
    let mut optimizer = NovoGradConfig::default().init().unwrap();
    let mut ema: Ema<Model> = config.init(&model).unwrap();
    for step in 0..5 {
        model = train(&mut optimizer, model, step);
        ema.update(&model).unwrap();
    }
    let file = folder.path().join("average.bpk");
    ema.average().clone().save_file(&file).unwrap();
    let state = serde_json::from_str(&serde_json::to_string(&ema.state()).unwrap()).unwrap();
    let loaded = Model::new(&Device::flex()).load_file(&file);
    let mut resumed = config.resume(loaded, state).unwrap();
    for step in 5..9 {
        model = train(&mut optimizer, model, step);
        ema.update(&model).unwrap();
        resumed.update(&model).unwrap();
        assert_eq!(ema.average().bits(), resumed.average().bits());
    }
}

#[test]
fn another_models_weights_are_refused_and_change_nothing() {
    let model = Model::new(&device());
    let mut ema = EmaConfig::default().init(&model).unwrap();
    let before = ema.average().bits();
    let error = ema.update(&Model::new(&device())).unwrap_err();
    assert_eq!(error, OptimError::ForeignModel { parameters: 2 });
    assert_eq!((ema.average().bits(), ema.state().updates), (before, 0));
    for decay in [-0.1, 1.0, f64::NAN] {
        let error = EmaConfig { decay, warmup: false }.init(&model).unwrap_err();
        assert!(error.to_string().starts_with("decay = "));
    }
}

#[test]
fn gradients_are_scaled_together_and_only_down() {
    let model = Model::new(&device());
    let flat = |gradients: &GradientsParams| -> Vec<f32> {
        let kernel = gradients.get::<2>(model.kernel.id).unwrap().into_data().try_to_vec::<f32>().unwrap();
        let bias = gradients.get::<1>(model.bias.id).unwrap().into_data().try_to_vec::<f32>().unwrap();
        [kernel, bias].concat()
    };
    let before = flat(&model.gradients(1.0));
    let length = |values: &[f32]| values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    for max_norm in [0.01, 1.0, 1e3] {
        let mut gradients = model.gradients(1.0);
        let norm = clip_global_norm(&mut gradients, &model, max_norm).unwrap().unwrap().into_scalar::<f32>();
        assert!((f64::from(norm) / length(&before) - 1.0).abs() < 1e-6);
        let factor = (max_norm / (length(&before) + 1e-6)).min(1.0);
        for (got, was) in flat(&gradients).iter().zip(&before) {
            assert!((f64::from(*got) - f64::from(*was) * factor).abs() < 1e-6 * factor, "{got} from {was} by {factor}");
        }
    }
    assert!(clip_global_norm(&mut GradientsParams::new(), &model, 1.0).unwrap().is_none());
    for max_norm in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = clip_global_norm(&mut model.gradients(1.0), &model, max_norm).unwrap_err();
        assert!(error.to_string().starts_with("max_norm = "));
    }
}

/// Weight decay on everything but biases.
fn grouped() -> ModuleOptimizer {
    let decayed = NovoGradConfig { weight_decay: 0.1, amsgrad: true, ..NovoGradConfig::default() };
    let plain = NovoGradConfig::default().build().unwrap();
    decayed.init().unwrap().with_group(ParamGroup::from_predicate("bias"), plain, None)
}

#[test]
fn parameter_groups_have_their_own_settings_and_survive_a_save() {
    let folder = tempfile::tempdir().unwrap();
    let start = Model::new(&device());
    let step_of = |mut optimizer: ModuleOptimizer| {
        let model = train(&mut optimizer, start.clone(), 0);
        (train(&mut optimizer, model, 1).numbers(), optimizer)
    };
    let decayed = NovoGradConfig { weight_decay: 0.1, ..NovoGradConfig::default() };
    let (all, _) = step_of(decayed.init().unwrap());
    let (none, _) = step_of(NovoGradConfig::default().init().unwrap());
    let (mixed, mut optimizer) = step_of(grouped());
    assert_eq!((&mixed[..6], &mixed[6..]), (&all[..6], &none[6..]));
    assert_ne!(all[..6], none[..6]);
    assert_ne!(all[6..], none[6..]);

    let file = folder.path().join("optimizer.bpk");
    optimizer.save(&file).unwrap();
    let mut restored = grouped().load(&file).unwrap();
    let (mut model, mut resumed) = (start.clone(), start);
    for step in 0..4 {
        model = train(&mut optimizer, model, step);
        resumed = train(&mut restored, resumed, step);
        assert_eq!(model.bits(), resumed.bits());
    }
}
