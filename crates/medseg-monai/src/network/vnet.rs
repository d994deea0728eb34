//! `VNet`: residual stages of 5×5×5 convolutions with batch norms.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

use super::channels;
use super::layers::activation_argument;
use crate::BundleProblem;
use crate::config::{Component, Value};

/// Channels of the first stage.
const FIRST: usize = 16;
/// Channels and convolutions of the stages down.
const DOWN: [(usize, usize); 4] = [(32, 1), (64, 2), (128, 3), (256, 2)];
/// Channels and convolutions of the stages up.
const UP: [(usize, usize); 4] = [(256, 2), (128, 2), (64, 1), (32, 1)];

pub(super) fn architecture(component: &mut Component<'_>) -> Result<Architecture, BundleProblem> {
    let [in_channels, out_channels] = channels(component, Some(3), Some([1, 1]))?;
    if in_channels != 1 && in_channels != FIRST {
        // MONAI repeats the channels, which a sum of one channel with each does for one alone.
        let supported = format!("1 and {FIRST}");
        return Err(BundleProblem::unsupported(component.argument("in_channels"), in_channels.to_string(), supported));
    }
    let activation = activation(component)?;
    let bias = component.flag("bias", false)?;
    component.ignore(&["dropout_prob", "dropout_prob_down", "dropout_prob_up", "dropout_dim"]);

    let act = |name: &str| Step::named(name, activation.clone());
    let convs = |count: usize, bias: bool| -> Vec<Step> {
        let one = |number: usize| {
            let [conv, norm] = conv_block(&format!("ops.{number}."), bias);
            [conv, norm, act(&format!("ops.{number}.act_function"))]
        };
        (0..count).flat_map(one).collect()
    };
    let residual = |count: usize, bias: bool| Block {
        steps: convs(count, bias),
        shortcut: Some(vec![]),
        then: vec![act("act_function2")],
    };
    let first = Block { steps: conv_block("", bias).into(), shortcut: Some(vec![]), then: vec![act("act_function")] };
    let mut stages = vec![Stage::new("in_tr", "image", first).with_channels(FIRST)];
    let mut encoder = vec!["in_tr".to_owned()];
    for (channels, count) in DOWN {
        let conv = Layer::Conv { channels: None, kernel: [2; 3], stride: [2; 3], padding: Some([0; 3]), bias };
        let through = [Step::named("down_conv", conv), Step::named("bn1", Layer::batch_norm()), act("act_function1")];
        let input = Branch::through(&encoder[encoder.len() - 1], through);
        let name = format!("down_tr{channels}");
        stages.push(Stage::of(&name, [input], Join::Concat, residual(count, bias)).with_channels(channels));
        encoder.push(name);
    }
    let mut from = encoder.pop().unwrap_or_default();
    for (channels, count) in UP {
        let conv = Layer::TransposedConv {
            channels: Some(channels / 2),
            kernel: [2; 3],
            stride: [2; 3],
            padding: [0; 3],
            output_padding: [0; 3],
            bias: true,
        };
        let through = [Step::named("up_conv", conv), Step::named("bn1", Layer::batch_norm()), act("act_function1")];
        let inputs = [Branch::through(from, through), Branch::new(encoder.pop().unwrap_or_default())];
        from = format!("up_tr{channels}");
        stages.push(Stage::of(&from, inputs, Join::Concat, residual(count, false)).with_channels(channels));
    }
    let [conv, norm] = conv_block("", bias);
    let last = Block::new([conv, norm, act("act_function1"), Step::named("conv2", Layer::head(out_channels))]);
    stages.push(Stage::new("out_tr", from, last).with_channels(out_channels));
    Ok(Architecture { in_channels, blocks: Default::default(), stages, outputs: vec!["out_tr".into()] })
}

/// The activation; `prelu` alone has a slope for each channel.
fn activation(component: &mut Component<'_>) -> Result<Layer, BundleProblem> {
    let per_channel = matches!(component.peek("act")?, Some(Value::Text(name)) if name == "prelu");
    match activation_argument(component, "act", Some(Layer::Elu))? {
        Some(Layer::Prelu { .. }) => Ok(Layer::Prelu { per_channel }),
        Some(layer) => Ok(layer),
        None => Err(BundleProblem::value(component.argument("act"), "the name of an activation")),
    }
}

/// A convolution and its norm.
fn conv_block(prefix: &str, bias: bool) -> [Step; 2] {
    let conv = Layer::Conv { channels: None, kernel: [5; 3], stride: [1; 3], padding: Some([2; 3]), bias };
    [
        Step::named(format!("{prefix}conv_block.conv"), conv),
        Step::named(format!("{prefix}conv_block.adn.N"), Layer::batch_norm()),
    ]
}
