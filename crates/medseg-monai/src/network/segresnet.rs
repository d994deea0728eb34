//! `SegResNet`: blocks of norm, activation and convolution, whose skip connections are added.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

use super::layers::{activation_argument, norm_argument};
use super::{MOST_BLOCKS, MOST_CHANNELS, MOST_LEVELS, channels};
use crate::BundleProblem;
use crate::config::Component;

pub(super) fn architecture(component: &mut Component<'_>) -> Result<(Architecture, Vec<&'static str>), BundleProblem> {
    let [in_channels, out_channels] = channels(component, Some(3), Some([1, 2]))?;
    let filters = component.whole("init_filters", Some(8), 1, MOST_CHANNELS)?;
    let groups = component.whole("num_groups", Some(8), 1, MOST_CHANNELS)?;
    let mut norm = norm_argument(component, "norm", Some(Layer::GroupNorm { groups: 8, eps: 1e-5 }))?;
    if let Some(name) = component.optional_text("norm_name")?.filter(|name| !name.is_empty()) {
        if !name.eq_ignore_ascii_case("group") {
            return Err(BundleProblem::unsupported(component.argument("norm_name"), name, "GROUP"));
        }
        norm = Some(Layer::GroupNorm { groups, eps: 1e-5 });
    }
    let activation = activation_argument(component, "act", Some(Layer::Relu))?;
    if let Some(Layer::Prelu { .. }) = activation {
        // One layer serves a whole block, so its slope has one name in several places.
        return Err(BundleProblem::unsupported(component.argument("act"), "prelu", "activations without weights"));
    }
    let final_conv = component.flag("use_conv_final", true)?;
    let down = blocks(component, "blocks_down", &[1, 2, 2, 4])?;
    let up = blocks(component, "blocks_up", &[1, 1, 1])?;
    if up.len() + 1 != down.len() {
        return Err(BundleProblem::value(component.argument("blocks_up"), "one number fewer than blocks_down"));
    }
    let deconv = component.one_of("upsample_mode", "nontrainable", &["nontrainable", "deconv"])? == "deconv";
    component.ignore(&["dropout_prob"]);

    let named = |name: &str, layer: &Option<Layer>| layer.clone().map(|layer| Step::named(name, layer));
    let block = || {
        let mut steps = Vec::new();
        for half in 1..=2 {
            steps.extend(named(&format!("norm{half}"), &norm));
            steps.extend(named(&format!("act{half}"), &activation));
            steps.push(Step::named(format!("conv{half}.conv"), Layer::conv([3; 3])));
        }
        Block { steps, shortcut: Some(vec![]), then: vec![] }
    };
    let first = Block::new([Step::named("conv", Layer::conv([3; 3]))]);
    let mut stages = vec![Stage::new("convInit", "image", first).with_channels(filters)];
    let mut skips = Vec::new();
    let mut from = "convInit".to_owned();
    let at_level = |level: usize| filters.saturating_mul(1 << level).min(1 << 30);
    for (level, &count) in down.iter().enumerate() {
        let channels = at_level(level);
        if level > 0 {
            let name = format!("down_layers.{level}.0");
            let conv =
                Layer::Conv { channels: None, kernel: [3; 3], stride: [2; 3], padding: Some([1; 3]), bias: false };
            stages.push(Stage::new(&name, &from, Block::new([Step::named("conv", conv)])).with_channels(channels));
            from = name;
        }
        for number in 1..=count {
            let name = format!("down_layers.{level}.{number}");
            stages.push(Stage::new(&name, &from, block()).with_channels(channels));
            from = name;
        }
        skips.push(from.clone());
    }
    for (number, &count) in up.iter().enumerate() {
        let level = up.len() - 1 - number;
        let channels = at_level(level);
        let narrow = Layer::Conv {
            channels: Some(channels),
            kernel: [1; 3],
            stride: [1; 3],
            padding: Some([0; 3]),
            bias: false,
        };
        let enlarge = match deconv {
            true => Step::named("1.deconv", deconvolution(channels)),
            false => Step::named("1.upsample", Layer::Upsample { align_corners: false }),
        };
        let below = Branch::through(&from, [Step::named("0.conv", narrow), enlarge]);
        let name = format!("up_samples.{number}");
        stages.push(Stage::of(&name, [below, Branch::new(&skips[level])], Join::Add, Block::default()));
        from = name;
        for block_number in 0..count {
            let name = format!("up_layers.{number}.{block_number}");
            stages.push(Stage::new(&name, &from, block()).with_channels(channels));
            from = name;
        }
    }
    if final_conv {
        let steps = named("0", &norm).into_iter().chain(named("1", &activation));
        let steps = steps.chain([Step::named("2.conv", Layer::head(out_channels))]);
        stages.push(Stage::new("conv_final", &from, Block::new(steps)));
        from = "conv_final".to_owned();
    }
    let repeats = if final_conv { vec![] } else { vec!["conv_final."] };
    Ok((Architecture { in_channels, blocks: Default::default(), stages, outputs: vec![from] }, repeats))
}

/// Blocks of each level.
fn blocks(component: &mut Component<'_>, name: &str, default: &[usize]) -> Result<Vec<usize>, BundleProblem> {
    let blocks = match component.take(name)? {
        None => default.to_vec(),
        Some(value) => component.wholes_of(name, &value, MOST_BLOCKS)?,
    };
    match (1..=MOST_LEVELS).contains(&blocks.len()) {
        true => Ok(blocks),
        false => Err(BundleProblem::value(component.argument(name), format!("1 to {MOST_LEVELS} numbers"))),
    }
}

/// A transposed convolution that doubles the size, with bias.
fn deconvolution(channels: usize) -> Layer {
    Layer::TransposedConv {
        channels: Some(channels),
        kernel: [2; 3],
        stride: [2; 3],
        padding: [0; 3],
        output_padding: [0; 3],
        bias: true,
    }
}
