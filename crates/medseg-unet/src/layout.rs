//! Layers of a network in the order of the forward pass: names, channels, kernels, levels.

use crate::norm_layer::EPS;
use crate::{BlockKind, Norm, UNetConfig, Upsample};

/// One norm.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NormLayout {
    /// Prefix of its parameters, such as `conv0_0.norm1`.
    pub name: String,
    pub channels: usize,
    pub kind: Norm,
    /// Added to the variance.
    pub eps: f64,
}

impl NormLayout {
    /// Name of a part (`weight`, `bias`, `running_mean`, `running_var`) in files.
    pub fn name_of(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }

    /// The parts that it has.
    pub fn parts(&self) -> Vec<&'static str> {
        let mut parts = Vec::new();
        if self.kind.affine() {
            parts.extend(["weight", "bias"]);
        }
        if self.kind.has_statistics() {
            parts.extend(["running_mean", "running_var"]);
        }
        parts
    }
}

/// One convolution, and the norm behind it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvLayout {
    /// Prefix of its parameters, such as `conv0_0.conv1`.
    pub name: String,
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub bias: bool,
    /// The norm behind it takes the bias away again, so that it need not be added; its gradient is 0.
    pub bias_cancels: bool,
    /// A transposed convolution whose stride is its kernel: weights `[in, out, kernel]`.
    pub transposed: bool,
    /// Level of its output.
    pub level: usize,
    pub norm: Option<NormLayout>,
}

impl ConvLayout {
    /// Shape of the weights.
    pub fn weight_shape(&self) -> [usize; 5] {
        let [d, h, w] = self.kernel;
        if self.transposed {
            [self.in_channels, self.out_channels, d, h, w]
        } else {
            [self.out_channels, self.in_channels, d, h, w]
        }
    }

    /// Name of the weights in files.
    pub fn weight_name(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Name of the bias in files.
    pub fn bias_name(&self) -> String {
        format!("{}.bias", self.name)
    }

    /// Names and shapes of its tensors and its norm's.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = vec![(self.weight_name(), self.weight_shape().to_vec())];
        if self.bias {
            all.push((self.bias_name(), vec![self.out_channels]));
        }
        let norm = self.norm.iter();
        all.extend(norm.flat_map(|n| n.parts().into_iter().map(|part| (n.name_of(part), vec![n.channels]))));
        all
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> u64 {
        let weights = self.weight_shape().map(|n| n as u64).iter().product::<u64>();
        let bias = if self.bias { self.out_channels as u64 } else { 0 };
        let norm = self.norm.as_ref().filter(|n| n.kind.affine());
        weights + bias + norm.map_or(0, |n| 2 * n.channels as u64)
    }
}

/// One stage: an upsampling, if it has weights, and the block's convolutions.
#[derive(Clone, Debug)]
pub(crate) struct StageLayout {
    pub name: String,
    pub kind: BlockKind,
    pub up: Option<ConvLayout>,
    pub convs: Vec<ConvLayout>,
    pub level: usize,
    pub in_channels: usize,
}

/// The stages of a network, encoder first, then decoder, the last convolution and those of deep supervision.
pub(crate) struct Layout {
    pub encoder: Vec<StageLayout>,
    pub decoder: Vec<StageLayout>,
    pub last: ConvLayout,
    /// From level 1 down.
    pub heads: Vec<ConvLayout>,
}

impl Layout {
    pub fn new(config: &UNetConfig) -> Self {
        let bottom = config.levels() - 1;
        let channels = &config.channels;
        let encoder = (0..=bottom)
            .map(|level| {
                let in_channels = if level == 0 { config.in_channels } else { channels[level - 1] };
                stage(config, format!("conv{level}_0"), config.encoder, level, in_channels)
            })
            .collect();
        let decoder = (1..=bottom)
            .map(|step| {
                let level = bottom - step;
                let (skip, below) = (channels[level], channels[level + 1]);
                let up = (config.upsample == Upsample::Transposed).then(|| ConvLayout {
                    name: format!("up{level}_{step}"),
                    in_channels: below,
                    out_channels: skip,
                    kernel: [2; 3],
                    stride: [2; 3],
                    bias: config.conv_bias,
                    bias_cancels: false,
                    transposed: true,
                    level,
                    norm: None,
                });
                let in_channels = skip + if up.is_some() { skip } else { below };
                let mut stage = stage(config, format!("conv{level}_{step}"), config.decoder, level, in_channels);
                stage.up = up;
                stage
            })
            .collect();
        let logits = |name: String, level: usize| ConvLayout {
            name,
            in_channels: channels[level],
            out_channels: config.out_channels,
            kernel: [1; 3],
            stride: [1; 3],
            bias: config.final_bias,
            bias_cancels: false,
            transposed: false,
            level,
            norm: None,
        };
        let heads = (1..=config.deep_supervision).map(|level| logits(format!("head{level}_{}", bottom - level), level));
        Self { encoder, decoder, last: logits("final".into(), 0), heads: heads.collect() }
    }

    /// Every convolution in the order of the forward pass.
    pub fn convs(&self) -> impl Iterator<Item = &ConvLayout> {
        let stages = self.encoder.iter().chain(&self.decoder);
        stages.flat_map(|s| s.up.iter().chain(&s.convs)).chain([&self.last]).chain(&self.heads)
    }

    /// Names and shapes of everything that a weight file holds.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.convs().flat_map(ConvLayout::tensors).collect()
    }
}

fn stage(config: &UNetConfig, name: String, kind: BlockKind, level: usize, in_channels: usize) -> StageLayout {
    let out_channels = config.channels[level];
    let conv = |part: &str, norm: &str, in_channels, kernel: usize| ConvLayout {
        name: format!("{name}.{part}"),
        in_channels,
        out_channels,
        kernel: [kernel; 3],
        stride: [1; 3],
        bias: config.conv_bias,
        bias_cancels: false,
        transposed: false,
        level,
        norm: Some(NormLayout { name: format!("{name}.{norm}"), channels: out_channels, kind: config.norm, eps: EPS }),
    };
    let mut convs = vec![conv("conv1", "norm1", in_channels, 3), conv("conv2", "norm2", out_channels, 3)];
    if kind != BlockKind::TwoLayer {
        convs.push(conv("shortcut", "shortcut_norm", in_channels, 1));
    }
    if kind == BlockKind::ResFourLayer {
        convs.extend([conv("conv3", "norm3", out_channels, 3), conv("conv4", "norm4", out_channels, 3)]);
    }
    StageLayout { name, kind, up: None, convs, level, in_channels }
}
