//! Every loss behind a convolution, on the GPU and on the CPU: the loss and the gradients of image and weights.

use burn::tensor::Tensor;
use medseg::losses::{
    CrossEntropyLossConfig, DiceCrossEntropyLossConfig, DiceFocalLossConfig, DiceLossConfig, FocalLossConfig,
    GeneralizedDiceLossConfig, LossActivation, TverskyLossConfig,
};
use medseg::ops::{ConvOptions, conv3d};

use crate::same::{Tolerance, layers, numbers, same};

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
