//! `DynUNet`: the U-Net of nnU-Net version 1, with plain or residual blocks.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

use super::layers::{activation_argument, norm_argument};
use super::{MOST_CHANNELS, MOST_LEVELS, Triples, channels};
use crate::BundleProblem;
use crate::config::Component;

/// Layers of every block.
struct Layers {
    norm: Option<Layer>,
    activation: Option<Layer>,
    residual: bool,
}

pub(super) fn architecture(component: &mut Component<'_>) -> Result<Architecture, BundleProblem> {
    let [in_channels, out_channels] = channels(component, None, None)?;
    let kernels = component.triples("kernel_size", MOST_LEVELS)?;
    let strides = component.triples("strides", MOST_LEVELS)?;
    let levels = kernels.len();
    if levels < 3 || strides.len() != levels {
        return Err(BundleProblem::value(component.argument("strides"), "as many as kernel_size, 3 at least"));
    }
    let ups = component.triples("upsample_kernel_size", MOST_LEVELS)?;
    if ups.len() != levels - 1 {
        return Err(BundleProblem::value(component.argument("upsample_kernel_size"), "one fewer than strides"));
    }
    let filters = match component.some("filters")? {
        None => (0..levels).map(|level| 320.min(32 << level)).collect(),
        Some(value) => component.wholes_of("filters", &value, MOST_CHANNELS)?,
    };
    if filters.len() < levels {
        return Err(BundleProblem::value(component.argument("filters"), "as many numbers as strides"));
    }
    let norm = norm_argument(component, "norm_name", Some(Layer::InstanceNorm { affine: true, eps: 1e-5 }))?;
    let activation = activation_argument(component, "act_name", Some(Layer::LeakyRelu { slope: 0.01 }))?;
    if let Some(Layer::Prelu { .. }) = activation {
        // One layer serves a whole block, so its slope has one name in several places.
        return Err(BundleProblem::unsupported(component.argument("act_name"), "prelu", "activations without weights"));
    }
    let layers = Layers { norm, activation, residual: component.flag("res_block", false)? };
    let bias = component.flag("trans_bias", false)?;
    component.ignore(&["dropout", "deep_supervision", "deep_supr_num"]);
    let fits = |kernel: [usize; 3], stride: [usize; 3]| (0..3).all(|a| stride[a] <= kernel[a] + 1);
    if !(0..levels)
        .all(|level| fits(kernels[level], strides[level]) && (!layers.residual || fits([1; 3], strides[level])))
    {
        return Err(BundleProblem::value(component.argument("strides"), "at most one more than the kernels"));
    }

    let mut stages = Vec::new();
    let mut encoder = Vec::new();
    let (mut from, mut given) = ("image".to_owned(), in_channels);
    for level in 0..levels {
        let name = match level {
            0 => "input_block".to_owned(),
            _ if level == levels - 1 => "bottleneck".to_owned(),
            _ => format!("downsamples.{}", level - 1),
        };
        let block = layers.block("", kernels[level], strides[level], layers.residual, given != filters[level]);
        stages.push(Stage::new(&name, &from, block).with_channels(filters[level]));
        encoder.push(name.clone());
        (from, given) = (name, filters[level]);
    }
    for (number, level) in (0..levels - 1).rev().enumerate() {
        let name = format!("upsamples.{number}");
        let up = Step::named("transp_conv.conv", transposed(ups[level], filters[level], bias));
        let below = Branch::through(&from, [up]);
        let block = layers.block("conv_block.", kernels[level + 1], [1; 3], false, false);
        let inputs = [below, Branch::new(&encoder[level])];
        stages.push(Stage::of(&name, inputs, Join::Concat, block).with_channels(filters[level]));
        from = name;
    }
    let head = Block::new([Step::named("conv.conv", Layer::head(out_channels))]);
    stages.push(Stage::new("output_block", from, head));
    Ok(Architecture { in_channels, blocks: Default::default(), stages, outputs: vec!["output_block".into()] })
}

impl Layers {
    /// Two convolutions, the first strided; a residual block adds its input before the last activation.
    fn block(&self, prefix: &str, kernel: [usize; 3], stride: [usize; 3], residual: bool, new_channels: bool) -> Block {
        let mut steps = self.convolution(prefix, 1, kernel, stride);
        steps.extend(self.activation(prefix, 1));
        steps.extend(self.convolution(prefix, 2, kernel, [1; 3]));
        if !residual {
            steps.extend(self.activation(prefix, 2));
            return Block::new(steps);
        }
        let changes = new_channels || stride != [1; 3];
        let shortcut = if changes { self.convolution(prefix, 3, [1; 3], stride) } else { vec![] };
        Block { steps, shortcut: Some(shortcut), then: self.activation(prefix, 2).into_iter().collect() }
    }

    fn convolution(&self, prefix: &str, number: usize, kernel: [usize; 3], stride: [usize; 3]) -> Vec<Step> {
        let padding = [0, 1, 2].map(|axis| padding(kernel[axis], stride[axis]));
        let conv = Layer::Conv { channels: None, kernel, stride, padding: Some(padding), bias: false };
        let norm = self.norm.clone().map(|norm| Step::named(format!("{prefix}norm{number}"), norm));
        [Step::named(format!("{prefix}conv{number}.conv"), conv)].into_iter().chain(norm).collect()
    }

    fn activation(&self, prefix: &str, number: usize) -> Option<Step> {
        self.activation.clone().map(|layer| Step::named(format!("{prefix}lrelu{number}"), layer))
    }
}

/// MONAI's padding of a convolution, whose stride is at most one more than its kernel.
fn padding(kernel: usize, stride: usize) -> usize {
    (kernel + 1).saturating_sub(stride) / 2
}

/// A transposed convolution whose kernel is its stride.
fn transposed(kernel: [usize; 3], channels: usize, bias: bool) -> Layer {
    Layer::TransposedConv {
        channels: Some(channels),
        kernel,
        stride: kernel,
        padding: [0; 3],
        output_padding: [0; 3],
        bias,
    }
}
