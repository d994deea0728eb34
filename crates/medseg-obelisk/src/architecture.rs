//! The network.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

/// Names that the decoder's layers end in, from the lowest resolution up.
const UPWARD: [&str; 5] = ["6dU", "6cU", "6bU", "6U", "7U"];
/// Slope of every activation below 0.
const SLOPE: f64 = 0.1;

/// Numbers of channels of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Channels of the encoder's six levels, from the full resolution down.
    pub encoder: [usize; 6],
    /// Channels of the decoder's five levels, from the lowest resolution up.
    pub decoder: [usize; 5],
    /// Classes, the background included.
    pub classes: usize,
}

impl Default for Channels {
    /// Those of the published weights.
    fn default() -> Self {
        Self { encoder: [5, 14, 28, 42, 56, 70], decoder: [56, 42, 28, 14, 9], classes: 9 }
    }
}

/// The all-convolutional U-Net: strided convolutions down, trilinear upsampling and concatenation (upsampled, skip) up.
///
/// Every convolution is 3×3×3 with a bias; all but the last have a batch norm and a leaky ReLU of slope 0.1. Parameters are
/// called as in the published state dicts, with the name of a stage before a dot.
///
/// Source: Heinrich et al. 2019, "OBELISK-Net"; the comparison network of its public implementation.
///
/// ```
/// use medseg_obelisk::{Channels, architecture};
///
/// let graph = architecture(&Channels::default()).graph()?;
/// assert_eq!(graph.size_multiple(), [1, 1, 1]);
/// assert_eq!(graph.parameters()[0].name, "level0.conv0.weight");
/// # Ok::<(), medseg_architecture::ArchitectureError>(())
/// ```
#[must_use]
pub fn architecture(channels: &Channels) -> Architecture {
    let Channels { encoder, decoder, classes } = *channels;
    let mut stages = vec![Stage::new("level0", "image", Block::new(unit("0", encoder[0], 1)))];
    for (level, channels) in encoder.into_iter().enumerate().skip(1) {
        let steps = unit(&level.to_string(), channels, 2).into_iter();
        let steps = steps.chain(unit(&format!("{level}{level}"), channels, 1));
        stages.push(Stage::new(format!("level{level}"), format!("level{}", level - 1), Block::new(steps)));
    }
    let mut below = "level5".to_owned();
    for (step, (name, channels)) in UPWARD.into_iter().zip(decoder).enumerate() {
        let up = Branch::through(below, [Layer::UpsampleToGrid { align_corners: false }]);
        let skip = Branch::new(format!("level{}", 4 - step));
        let stage = format!("up{}", 4 - step);
        stages.push(Stage::of(stage.clone(), [up, skip], Join::Concat, Block::new(unit(name, channels, 1))));
        below = stage;
    }
    stages.push(Stage::new("logits", below, Block::new([Step::named("conv77U", conv(classes, 1))])));
    Architecture { in_channels: 1, blocks: Default::default(), stages, outputs: vec!["logits".into()] }
}

/// A convolution, its norm and its activation.
fn unit(name: &str, channels: usize, stride: usize) -> [Step; 3] {
    [
        Step::named(format!("conv{name}"), conv(channels, stride)),
        Step::named(format!("batch{name}"), Layer::batch_norm()),
        Layer::LeakyRelu { slope: SLOPE }.into(),
    ]
}

fn conv(channels: usize, stride: usize) -> Layer {
    Layer::Conv { channels: Some(channels), kernel: [3; 3], stride: [stride; 3], padding: None, bias: true }
}
