//! Which convolutions a network has, in the order of the forward pass: names, channels, kernels, levels.

use crate::{BlockKind, UNetConfig, Upsample};

/// One convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConvLayout {
    /// Prefix of its parameters, such as `conv0_0.conv1`.
    pub name: String,
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub bias: bool,
    /// A transposed convolution: weights `[in, out, k, k, k]`.
    pub transposed: bool,
    /// Level of its output.
    pub level: usize,
}

impl ConvLayout {
    /// Shape of the weights.
    pub fn weight_shape(&self) -> [usize; 5] {
        let k = self.kernel;
        if self.transposed { [self.input, self.output, k, k, k] } else { [self.output, self.input, k, k, k] }
    }

    /// Name of the weights in files.
    pub fn weight_name(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Name of the bias in files.
    pub fn bias_name(&self) -> String {
        format!("{}.bias", self.name)
    }

    /// Names and shapes of its parameters.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = vec![(self.weight_name(), self.weight_shape().to_vec())];
        if self.bias {
            all.push((self.bias_name(), vec![self.output]));
        }
        all
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
    pub input: usize,
}

/// The stages of a network, encoder first, then decoder, and the last convolution.
pub(crate) struct Layout {
    pub encoder: Vec<StageLayout>,
    pub decoder: Vec<StageLayout>,
    pub last: ConvLayout,
}

impl Layout {
    pub fn of(config: &UNetConfig) -> Self {
        let bottom = config.levels() - 1;
        let channels = &config.channels;
        let encoder = (0..=bottom)
            .map(|level| {
                let input = if level == 0 { config.in_channels } else { channels[level - 1] };
                stage(config, format!("conv{level}_0"), config.encoder, level, input)
            })
            .collect();
        let decoder = (1..=bottom)
            .map(|step| {
                let level = bottom - step;
                let (skip, below) = (channels[level], channels[level + 1]);
                let up = (config.upsample == Upsample::Transposed).then(|| ConvLayout {
                    name: format!("up{level}_{step}"),
                    input: below,
                    output: skip,
                    kernel: 2,
                    bias: config.conv_bias,
                    transposed: true,
                    level,
                });
                let input = skip + if up.is_some() { skip } else { below };
                let mut stage = stage(config, format!("conv{level}_{step}"), config.decoder, level, input);
                stage.up = up;
                stage
            })
            .collect();
        let last = ConvLayout {
            name: "final".into(),
            input: channels[0],
            output: config.out_channels,
            kernel: 1,
            bias: config.final_bias,
            transposed: false,
            level: 0,
        };
        Self { encoder, decoder, last }
    }

    /// Every convolution in the order of the forward pass.
    pub fn convs(&self) -> impl Iterator<Item = &ConvLayout> {
        let stages = self.encoder.iter().chain(&self.decoder);
        stages.flat_map(|s| s.up.iter().chain(&s.convs)).chain([&self.last])
    }

    /// Names and shapes of all parameters.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        self.convs().flat_map(ConvLayout::parameters).collect()
    }
}

fn stage(config: &UNetConfig, name: String, kind: BlockKind, level: usize, input: usize) -> StageLayout {
    let output = config.channels[level];
    let conv = |part: &str, input, kernel| ConvLayout {
        name: format!("{name}.{part}"),
        input,
        output,
        kernel,
        bias: config.conv_bias,
        transposed: false,
        level,
    };
    let mut convs = vec![conv("conv1", input, 3), conv("conv2", output, 3)];
    if kind != BlockKind::TwoLayer {
        convs.push(conv("shortcut", input, 1));
    }
    if kind == BlockKind::ResFourLayer {
        convs.extend([conv("conv3", output, 3), conv("conv4", output, 3)]);
    }
    StageLayout { name, kind, up: None, convs, level, input }
}
