//! `UNet`: strided convolutions or residual units down, transposed convolutions up.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

use super::{Adn, MOST_BLOCKS, MOST_CHANNELS, MOST_LEVELS, Triples, channels};
use crate::BundleProblem;
use crate::config::Component;

/// Numbers of a UNet. Triples are `[depth, height, width]`.
struct UNet {
    channels: Vec<usize>,
    strides: Vec<[usize; 3]>,
    kernel: [usize; 3],
    up_kernel: [usize; 3],
    units: usize,
    bias: bool,
    adn: Adn,
    out_channels: usize,
}

pub(super) fn architecture(component: &mut Component<'_>) -> Result<Architecture, BundleProblem> {
    let [in_channels, out_channels] = channels(component, None, None)?;
    let levels = component.wholes("channels", MOST_CHANNELS)?;
    if !(2..=MOST_LEVELS).contains(&levels.len()) {
        return Err(BundleProblem::value(component.argument("channels"), format!("2 to {MOST_LEVELS} numbers")));
    }
    let mut strides = component.triples("strides", 2 * MOST_LEVELS)?;
    if strides.len() < levels.len() - 1 {
        return Err(BundleProblem::value(component.argument("strides"), "one number fewer than channels"));
    }
    // MONAI warns of further strides and does not use them.
    strides.truncate(levels.len() - 1);
    let kernel = component.triple_or("kernel_size", 3)?;
    let up_kernel = component.triple_or("up_kernel_size", 3)?;
    for (name, kernel) in [("kernel_size", kernel), ("up_kernel_size", up_kernel)] {
        if kernel.iter().any(|size| size.is_multiple_of(2)) {
            return Err(BundleProblem::value(component.argument(name), "odd"));
        }
    }
    let units = component.whole("num_res_units", Some(0), 0, MOST_BLOCKS)?;
    let bias = component.flag("bias", true)?;
    let adn = Adn::read(component, Some(Layer::instance_norm()), Layer::Prelu { per_channel: false }, "NDA")?;
    component.ignore(&["dropout"]);
    let network = UNet { channels: levels, strides, kernel, up_kernel, units, bias, adn, out_channels };
    Ok(network.architecture(in_channels))
}

impl UNet {
    fn architecture(&self, in_channels: usize) -> Architecture {
        let bottom = self.channels.len() - 1;
        let prefix = |level: usize| format!("model{}", ".1.submodule".repeat(level));
        let mut stages = Vec::new();
        let (mut from, mut given) = ("image".to_owned(), in_channels);
        for level in 0..=bottom {
            let name = if level == bottom { prefix(level) } else { format!("{}.0", prefix(level)) };
            let stride = self.strides.get(level).copied().unwrap_or([1; 3]);
            let block = match self.units {
                0 => Block::new(self.convolution("", stride)),
                units => self.residual(units, stride, given != self.channels[level], false),
            };
            stages.push(Stage::new(&name, &from, block).with_channels(self.channels[level]));
            (from, given) = (name, self.channels[level]);
        }
        for level in (0..bottom).rev() {
            let (name, top) = (format!("{}.2", prefix(level)), level == 0);
            let channels = if top { self.out_channels } else { self.channels[level - 1] };
            let inputs = [Branch::new(format!("{}.0", prefix(level))), Branch::new(&from)];
            let up = if self.units > 0 { format!("{name}.0") } else { name.clone() };
            let mut steps = vec![Step::named("conv", self.up(self.strides[level]))];
            if self.units > 0 || !top {
                steps.extend(self.adn.steps(""));
            }
            stages.push(Stage::of(&up, inputs, Join::Concat, Block::new(steps)).with_channels(channels));
            from = up;
            if self.units > 0 {
                let name = format!("{name}.1");
                let block = self.residual(1, [1; 3], false, top);
                stages.push(Stage::new(&name, &from, block).with_channels(channels));
                from = name;
            }
        }
        Architecture { in_channels, blocks: Default::default(), stages, outputs: vec![from] }
    }

    /// A convolution with norm and activation.
    fn convolution(&self, prefix: &str, stride: [usize; 3]) -> Vec<Step> {
        let conv = self.conv(self.kernel, stride);
        [Step::named(format!("{prefix}conv"), conv)].into_iter().chain(self.adn.steps(prefix)).collect()
    }

    /// A residual unit, whose first convolution is strided. Its shortcut is a convolution if the shape changes.
    fn residual(&self, units: usize, stride: [usize; 3], new_channels: bool, last_conv_only: bool) -> Block {
        let mut steps = Vec::new();
        for unit in 0..units {
            let mut added = self.convolution(&format!("conv.unit{unit}."), if unit == 0 { stride } else { [1; 3] });
            if last_conv_only && unit + 1 == units {
                added.truncate(1);
            }
            steps.extend(added);
        }
        let shortcut = match (stride != [1; 3], new_channels) {
            (true, _) => vec![Step::named("residual", self.conv(self.kernel, stride))],
            (false, true) => vec![Step::named("residual", self.conv([1; 3], [1; 3]))],
            (false, false) => vec![],
        };
        Block { steps, shortcut: Some(shortcut), then: vec![] }
    }

    fn conv(&self, kernel: [usize; 3], stride: [usize; 3]) -> Layer {
        Layer::Conv { channels: None, kernel, stride, padding: Some(kernel.map(|k| (k - 1) / 2)), bias: self.bias }
    }

    fn up(&self, stride: [usize; 3]) -> Layer {
        Layer::TransposedConv {
            channels: None,
            kernel: self.up_kernel,
            stride,
            padding: self.up_kernel.map(|k| (k - 1) / 2),
            output_padding: stride.map(|s| s - 1),
            bias: self.bias,
        }
    }
}
