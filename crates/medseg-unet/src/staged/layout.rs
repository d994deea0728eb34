//! Layers of a network in the order of the forward pass, under the names of nnU-Net's state dicts.

use super::config::{EncoderKind, StagedUNetConfig};
use crate::Norm;
use crate::layout::{ConvLayout, NormLayout};

/// The shortcut of a residual block.
pub(crate) struct ShortcutLayout {
    /// Stride over which the input is averaged.
    pub pool: [usize; 3],
    /// The 1×1×1 convolution, if the number of channels changes.
    pub projection: Option<ConvLayout>,
}

/// Convolutions one behind the other, with a shortcut if the block is residual.
pub(crate) struct BlockLayout {
    pub convs: Vec<ConvLayout>,
    pub shortcut: Option<ShortcutLayout>,
}

/// One stage of the decoder.
pub(crate) struct DecoderLayout {
    pub up: ConvLayout,
    pub convs: Vec<ConvLayout>,
    /// The convolution to logits.
    pub head: ConvLayout,
}

/// The layers of a network. A convolution's level is 0 at the input's resolution and s + 1 at that of stage s.
pub(crate) struct StagedLayout {
    pub stem: Option<ConvLayout>,
    /// Blocks of each stage; a plain stage is one block.
    pub encoder: Vec<Vec<BlockLayout>>,
    /// From the lowest resolution up.
    pub decoder: Vec<DecoderLayout>,
    dimensions: usize,
}

impl StagedLayout {
    pub fn new(config: &StagedUNetConfig) -> Self {
        let maker = Maker(config);
        let residual = config.encoder != EncoderKind::Plain;
        let first = config.stages.first();
        let stem = first.filter(|_| residual).map(|first| {
            let channels = config.stem_channels.unwrap_or(first.features);
            let shape =
                Shape { channels: [config.in_channels, channels], kernel: first.kernel, stride: [1; 3], level: 0 };
            maker.normalised("encoder.stem.convs.0", shape)
        });
        let mut channels = stem.as_ref().map_or(config.in_channels, |stem| stem.out_channels);
        let mut encoder = Vec::with_capacity(config.stages.len());
        for (s, stage) in config.stages.iter().enumerate() {
            let blocks =
                if residual { maker.residual_stage(s, channels) } else { vec![maker.plain_stage(s, channels)] };
            encoder.push(blocks);
            channels = stage.features;
        }
        let decoder = config.decoder_convs.iter().enumerate().zip((1..config.stages.len()).rev());
        let decoder = decoder.map(|((d, convs), below)| maker.decoder_stage(d, *convs, below)).collect();
        Self { stem, encoder, decoder, dimensions: config.dimensions }
    }

    /// Every convolution in the order of the forward pass.
    pub fn convs(&self) -> impl Iterator<Item = &ConvLayout> {
        let encoder = self.encoder.iter().flatten().flat_map(BlockLayout::convs);
        let decoder =
            self.decoder.iter().flat_map(|stage| [&stage.up].into_iter().chain(&stage.convs).chain([&stage.head]));
        self.stem.iter().chain(encoder).chain(decoder)
    }

    /// Names and shapes of everything that a weight file holds.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let all = self.convs().flat_map(ConvLayout::tensors);
        all.map(|(name, shape)| (name, self.stored_shape(shape))).collect()
    }

    /// A tensor's shape in files: kernels of networks in 2D lack the depth.
    pub fn stored_shape(&self, mut shape: Vec<usize>) -> Vec<usize> {
        if self.dimensions == 2 && shape.len() == 5 {
            shape.remove(2);
        }
        shape
    }
}

impl BlockLayout {
    pub fn convs(&self) -> impl Iterator<Item = &ConvLayout> {
        let projection = self.shortcut.iter().filter_map(|shortcut| shortcut.projection.as_ref());
        self.convs.iter().chain(projection)
    }
}

/// Channels (in, out), kernel, stride and level of a convolution.
#[derive(Clone, Copy)]
struct Shape {
    channels: [usize; 2],
    kernel: [usize; 3],
    stride: [usize; 3],
    level: usize,
}

/// Makes the layers of a network of these settings.
struct Maker<'a>(&'a StagedUNetConfig);

impl Maker<'_> {
    /// A convolution without a norm.
    fn conv(&self, name: String, shape: Shape) -> ConvLayout {
        let [in_channels, out_channels] = shape.channels;
        ConvLayout {
            name,
            in_channels,
            out_channels,
            kernel: shape.kernel,
            stride: shape.stride,
            bias: self.0.conv_bias,
            bias_cancels: false,
            transposed: false,
            level: shape.level,
            norm: None,
        }
    }

    /// A convolution `module.conv` and the norm `module.norm` behind it.
    fn normalised(&self, module: &str, shape: Shape) -> ConvLayout {
        let config = self.0;
        let kind = config.norm;
        let norm = NormLayout { name: format!("{module}.norm"), channels: shape.channels[1], kind, eps: config.eps };
        ConvLayout {
            bias_cancels: matches!(kind, Norm::Instance { .. }) && !config.activation_first,
            norm: Some(norm),
            ..self.conv(format!("{module}.conv"), shape)
        }
    }

    fn plain_stage(&self, s: usize, in_channels: usize) -> BlockLayout {
        let stage = &self.0.stages[s];
        let conv = |i: usize| {
            let (from, stride) = if i == 0 { (in_channels, stage.stride) } else { (stage.features, [1; 3]) };
            let shape = Shape { channels: [from, stage.features], kernel: stage.kernel, stride, level: s + 1 };
            self.normalised(&format!("encoder.stages.{s}.0.convs.{i}"), shape)
        };
        BlockLayout { convs: (0..stage.blocks).map(conv).collect(), shortcut: None }
    }

    fn residual_stage(&self, s: usize, in_channels: usize) -> Vec<BlockLayout> {
        let stage = &self.0.stages[s];
        let block = |b: usize| {
            let (from, stride) = if b == 0 { (in_channels, stage.stride) } else { (stage.features, [1; 3]) };
            self.residual_block(&format!("encoder.stages.{s}.blocks.{b}"), s, from, stride)
        };
        (0..stage.blocks).map(block).collect()
    }

    fn residual_block(&self, name: &str, s: usize, from: usize, stride: [usize; 3]) -> BlockLayout {
        let stage = &self.0.stages[s];
        let (to, kernel, level) = (stage.features, stage.kernel, s + 1);
        let wide = |channels, stride| Shape { channels, kernel, stride, level };
        let point = |channels, level| Shape { channels, kernel: [1; 3], stride: [1; 3], level };
        let shapes = match stage.bottleneck_channels {
            None => vec![wide([from, to], stride), wide([to, to], [1; 3])],
            Some(inner) => {
                // The first convolution is at the resolution before the stride.
                let before = if stride == [1; 3] { level } else { s };
                vec![point([from, inner], before), wide([inner, inner], stride), point([inner, to], level)]
            }
        };
        let convs = (1..).zip(shapes).map(|(i, shape)| self.normalised(&format!("{name}.conv{i}"), shape)).collect();
        // In nnU-Net's list of modules the average, if there is one, stands before the convolution.
        let rank = usize::from(stride != [1; 3]);
        let projection = (from != to).then(|| ConvLayout {
            bias: false,
            ..self.normalised(&format!("{name}.skip.{rank}"), point([from, to], level))
        });
        BlockLayout { convs, shortcut: Some(ShortcutLayout { pool: stride, projection }) }
    }

    /// Stage d of the decoder, above stage `below` of the encoder.
    fn decoder_stage(&self, d: usize, convs: usize, below: usize) -> DecoderLayout {
        let (deep, skip) = (&self.0.stages[below], &self.0.stages[below - 1]);
        let (features, level) = (skip.features, below);
        let shape = |channels, kernel, stride| Shape { channels, kernel, stride, level };
        let up = ConvLayout {
            transposed: true,
            ..self.conv(format!("decoder.transpconvs.{d}"), shape([deep.features, features], deep.stride, deep.stride))
        };
        let conv = |i: usize| {
            let from = if i == 0 { 2 * features } else { features };
            self.normalised(&format!("decoder.stages.{d}.convs.{i}"), shape([from, features], skip.kernel, [1; 3]))
        };
        let convs = (0..convs).map(conv).collect();
        let logits = shape([features, self.0.out_channels], [1; 3], [1; 3]);
        let head = ConvLayout { bias: true, ..self.conv(format!("decoder.seg_layers.{d}"), logits) };
        DecoderLayout { up, convs, head }
    }
}
