//! Every loss behind a convolution, on the GPU and on the CPU: the loss and the gradients of image and weights.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use medseg::Device;
use medseg::losses::{
    CrossEntropyLossConfig, DiceCrossEntropyLossConfig, DiceFocalLossConfig, DiceLossConfig, FocalLossConfig,
    GeneralizedDiceLossConfig, LossActivation, Reduction, TverskyLossConfig,
};
use medseg::ops::{ConvOptions, conv3d};

use crate::device::gpu;
use crate::same::{Tolerance, assert_close, layers, numbers, same, values};

type Loss = Box<dyn Fn(Tensor<5>, Tensor<5>) -> Tensor<1>>;

/// For this many channels.
fn losses(channels: usize) -> Vec<(&'static str, Loss)> {
    let (activation, to_onehot_y) =
        if channels == 1 { (LossActivation::Sigmoid, false) } else { (LossActivation::Softmax, true) };
    let dice = DiceLossConfig { activation, to_onehot_y, ..DiceLossConfig::default() };
    let mut all: Vec<(&'static str, Loss)> = Vec::new();
    for (name, config) in [
        ("Dice", dice.clone()),
        ("Dice of squares", DiceLossConfig { squared_pred: true, ..dice.clone() }),
        ("Jaccard of the batch", DiceLossConfig { jaccard: true, batch: true, ..dice.clone() }),
        ("soft Dice", DiceLossConfig { soft_label: true, ..dice.clone() }),
    ] {
        let loss = config.init().unwrap();
        all.push((name, Box::new(move |x, y| loss.forward(x, y))));
    }
    let loss = DiceCrossEntropyLossConfig { dice: dice.clone(), ..DiceCrossEntropyLossConfig::default() }.init();
    let loss = loss.unwrap();
    all.push(("Dice and cross-entropy", Box::new(move |x, y| loss.forward(x, y))));
    let loss = DiceFocalLossConfig { dice, ..DiceFocalLossConfig::default() }.init().unwrap();
    all.push(("Dice and focal", Box::new(move |x, y| loss.forward(x, y))));
    let config = GeneralizedDiceLossConfig { activation, to_onehot_y, ..GeneralizedDiceLossConfig::default() };
    let loss = config.init().unwrap();
    all.push(("generalised Dice", Box::new(move |x, y| loss.forward(x, y))));
    let loss = TverskyLossConfig { activation, to_onehot_y, ..TverskyLossConfig::default() }.init().unwrap();
    all.push(("Tversky", Box::new(move |x, y| loss.forward(x, y))));
    let loss = FocalLossConfig { activation, to_onehot_y, ..FocalLossConfig::default() }.init().unwrap();
    all.push(("focal", Box::new(move |x, y| loss.forward(x, y))));
    let loss = CrossEntropyLossConfig { activation, to_onehot_y, ..CrossEntropyLossConfig::default() }.init().unwrap();
    all.push(("cross-entropy", Box::new(move |x, y| loss.forward(x, y))));
    all
}

#[test]
fn every_loss_of_what_a_convolution_makes() {
    for channels in [1, 3] {
        for (name, loss) in losses(channels) {
            let inputs = [numbers(1, [2, 2, 6, 4, 8]), numbers(2, [channels, 2, 3, 3, 3])];
            let run = |inputs: &[Tensor<5>]| {
                let [image, weight] = inputs else { unreachable!("two inputs") };
                let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
                let logits = conv3d(image.clone(), weight.clone() * 0.1, None, options);
                let first = image.clone().detach().narrow(1, 0, 1);
                let target = first.clone().greater_elem(0.5).float();
                let target = if channels == 1 { target } else { target + first.greater_elem(-0.5).float() };
                loss(logits, target).reshape([1, 1, 1, 1, 1])
            };
            let tolerance = Tolerance { value: 1e-4, largest: 1e-4 };
            same(&format!("{name}, {channels} channels"), &inputs, run, layers(tolerance));
        }
    }
}

/// The loss by one kernel: several parts of the volume, every way of summing, and gradients of logits and target. The sums
/// of what is not tracked by autodiff are the same.
#[test]
fn dice_of_many_voxels() {
    let sums = [(false, false, Reduction::Mean), (true, false, Reduction::Sum), (false, true, Reduction::Mean)];
    for (activation, channels, include_background) in [
        (LossActivation::Sigmoid, 1, true),
        (LossActivation::Sigmoid, 3, false),
        (LossActivation::Softmax, 4, true),
        (LossActivation::Given, 2, true),
    ] {
        for (jaccard, batch, reduction) in sums {
            let config = DiceLossConfig {
                activation,
                include_background,
                jaccard,
                batch,
                reduction,
                ..DiceLossConfig::default()
            };
            let what = format!("{config:?}");
            let loss = config.init().unwrap();
            let shape = [2, channels, 20, 24, 41];
            let inputs = [numbers(1, shape), numbers(2, shape)];
            let run = |inputs: &[Tensor<5>]| {
                // Probabilities that a loss may be given, and targets with values between 0 and 1.
                let logits =
                    if activation == LossActivation::Given { sigmoid(inputs[0].clone()) } else { inputs[0].clone() };
                loss.forward(logits, sigmoid(inputs[1].clone())).reshape([1, 1, 1, 1, 1])
            };
            let tolerance = Tolerance { value: 1e-4, largest: 1e-4 };
            same(&what, &inputs, run, tolerance);
            let untracked = |device: &Device| {
                let inputs = inputs.clone().map(|data| Tensor::<5>::from_data(data, device));
                values(run(&inputs))
            };
            assert_close(&what, &untracked(&gpu()), &untracked(&Device::flex()), tolerance);
        }
    }
}

/// Logits that saturate have a gradient of 0, and NaN is not hidden.
#[test]
fn dice_at_the_ends() {
    let loss = DiceLossConfig::default().init().unwrap();
    for logit in [-1e30, -200.0, 0.0, 200.0, 1e30, f32::NAN] {
        let run = |device: Device| {
            let device = device.autodiff();
            let logits = Tensor::<5>::full([1, 1, 2, 3, 4], logit, &device).require_grad();
            let target = Tensor::<5>::ones([1, 1, 2, 3, 4], &device);
            let value = loss.forward(logits.clone(), target);
            let gradients = value.backward();
            [values(value), values(logits.grad(&gradients).expect("a gradient"))].concat()
        };
        let (got, want) = (run(gpu()), run(Device::flex()));
        assert_close(&format!("logit {logit}"), &got, &want, Tolerance { value: 1e-4, largest: 1e-4 });
    }
}
