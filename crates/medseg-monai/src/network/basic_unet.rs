//! `BasicUNet`: two convolutions a level, poolings down, transposed convolutions up.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

use super::{Adn, MOST_CHANNELS, channels};
use crate::BundleProblem;
use crate::config::Component;

/// Levels of the encoder.
const LEVELS: usize = 5;

pub(super) fn architecture(component: &mut Component<'_>) -> Result<Architecture, BundleProblem> {
    let [in_channels, out_channels] = channels(component, Some(3), Some([1, 2]))?;
    let features = match component.take("features")? {
        None => vec![32, 32, 64, 128, 256, 32],
        Some(value) => component.wholes_of("features", &value, MOST_CHANNELS)?,
    };
    if features.len() != LEVELS + 1 {
        return Err(BundleProblem::value(component.argument("features"), "6 whole numbers"));
    }
    let bias = component.flag("bias", true)?;
    let norm = Layer::InstanceNorm { affine: true, eps: 1e-5 };
    // BasicUNet has no argument for the order.
    if component.take_raw("adn_ordering").is_some() {
        return Err(component.refusal("adn_ordering"));
    }
    let adn = Adn::read(component, Some(norm), Layer::LeakyRelu { slope: 0.1 }, "NDA")?;
    let deconv = component.one_of("upsample", "deconv", &["deconv", "nontrainable"])? == "deconv";
    component.ignore(&["dropout"]);

    let convs = |prefix: &str| {
        let mut steps = Vec::new();
        for number in 0..2 {
            let conv = Layer::Conv { channels: None, kernel: [3; 3], stride: [1; 3], padding: Some([1; 3]), bias };
            let prefix = format!("{prefix}conv_{number}.");
            steps.push(Step::named(format!("{prefix}conv"), conv));
            steps.extend(adn.steps(&prefix));
        }
        Block::new(steps)
    };
    let mut stages = vec![Stage::new("conv_0", "image", convs("")).with_channels(features[0])];
    let down = |level: usize| if level == 0 { "conv_0".to_owned() } else { format!("down_{level}") };
    for (level, &channels) in features.iter().enumerate().take(LEVELS).skip(1) {
        let pool = Step::named("max_pooling", Layer::MaxPool { kernel: 2, stride: 2, padding: 0 });
        let input = Branch::through(down(level - 1), [pool]);
        stages.push(Stage::of(down(level), [input], Join::Concat, convs("convs.")).with_channels(channels));
    }
    let (mut from, mut given) = (down(LEVELS - 1), features[LEVELS - 1]);
    for level in (0..LEVELS - 1).rev() {
        let halved = if level == 0 { given } else { given / 2 };
        let below = Branch::through(&from, enlarged(given, halved, deconv));
        let channels = if level == 0 { features[LEVELS] } else { features[level] };
        let name = format!("upcat_{}", level + 1);
        let inputs = [Branch::new(down(level)), below];
        stages.push(Stage::of(&name, inputs, Join::Concat, convs("convs.")).with_channels(channels));
        (from, given) = (name, channels);
    }
    stages.push(Stage::new("final_conv", from, Block::new([Step::named("", Layer::head(out_channels))])));
    Ok(Architecture { in_channels, blocks: Default::default(), stages, outputs: vec!["final_conv".into()] })
}

/// Layers that double the size.
fn enlarged(given: usize, channels: usize, deconv: bool) -> Vec<Step> {
    if deconv {
        let layer = Layer::TransposedConv {
            channels: Some(channels),
            kernel: [2; 3],
            stride: [2; 3],
            padding: [0; 3],
            output_padding: [0; 3],
            bias: true,
        };
        return vec![Step::named("upsample.deconv", layer)];
    }
    let narrow =
        Layer::Conv { channels: Some(channels), kernel: [1; 3], stride: [1; 3], padding: Some([0; 3]), bias: true };
    let narrow = (given != channels).then(|| Step::named("upsample.preconv", narrow));
    let upsample = Step::named("upsample.upsample_non_trainable", Layer::Upsample { align_corners: true });
    narrow.into_iter().chain([upsample]).collect()
}
