//! Names and shapes of a network's parameters in a state dict.

use std::collections::BTreeSet;

use crate::checkpoint::{Checkpoint, CheckpointProblem};
use crate::error::NnUnetError;
use crate::plans::{Architecture, Encoder, NormKind, ResidualBlock};

/// A parameter: its key in the state dict, and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Key, such as `encoder.stages.0.0.convs.0.conv.weight`.
    pub key: String,
    /// Shape in PyTorch's order: (out, in, kernel) of a convolution, (in, out, kernel) of a transposed one.
    pub shape: Vec<usize>,
}

/// Parameters of a convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvKeys {
    /// Kernel.
    pub weight: Parameter,
    /// Bias, if there is one.
    pub bias: Option<Parameter>,
}

/// Parameters of a normalisation layer; those that its kind lacks are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormKeys {
    /// Factor of each channel.
    pub weight: Option<Parameter>,
    /// Summand of each channel.
    pub bias: Option<Parameter>,
    /// Mean of each channel over the training.
    pub running_mean: Option<Parameter>,
    /// Variance of each channel over the training.
    pub running_var: Option<Parameter>,
}

/// Parameters of a convolution and the normalisation after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvBlockKeys {
    /// Convolution.
    pub conv: ConvKeys,
    /// Normalisation.
    pub norm: NormKeys,
}

/// Parameters of a residual block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResidualBlockKeys {
    /// Convolutions of the main path: two of a basic block, three of a bottleneck.
    pub convs: Vec<ConvBlockKeys>,
    /// Pointwise convolution of the shortcut, if the channels change.
    pub shortcut: Option<ConvBlockKeys>,
}

/// Parameters of an encoder stage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StageKeys {
    /// Convolution blocks.
    Plain(Vec<ConvBlockKeys>),
    /// Residual blocks.
    Residual(Vec<ResidualBlockKeys>),
}

/// Parameters of a decoder stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderStageKeys {
    /// Transposed convolution.
    pub upsampling: ConvKeys,
    /// Convolution blocks after the concatenation (upsampled, skip).
    pub convs: Vec<ConvBlockKeys>,
    /// Pointwise convolution to the output. Predictions need that of the last stage alone.
    pub segmentation: ConvKeys,
}

/// All parameters of a network, in the order in which it computes.
///
/// A state dict has up to four names for a tensor: `all_modules` repeats each block, `decoder.encoder` repeats the
/// encoder. Here each has one name.
///
/// ```
/// use medseg_nnunet::{Checkpoint, Dataset, NetworkKeys, Plans};
///
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plain_regions");
/// let configuration = Plans::open(format!("{folder}/plans.json"))?.configuration("3d_fullres").unwrap();
/// let dataset = Dataset::open(format!("{folder}/dataset.json"))?;
/// let keys = NetworkKeys::new(&configuration.architecture, dataset.channels.len(), dataset.out_channels());
///
/// let checkpoint = Checkpoint::open(format!("{folder}/fold_0/checkpoint_final.pth"))?;
/// keys.check(&checkpoint)?;
/// let first = &keys.parameters()[0];
/// assert_eq!(checkpoint.weight(&first.key, &first.shape)?.values()?.len(), 8 * 2 * 27);
/// # Ok::<(), medseg_nnunet::NnUnetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkKeys {
    /// First convolution of a residual encoder.
    pub stem: Option<ConvBlockKeys>,
    /// Encoder stages, from the full resolution down.
    pub encoder: Vec<StageKeys>,
    /// Decoder stages, from the deepest up.
    pub decoder: Vec<DecoderStageKeys>,
}

impl NetworkKeys {
    /// The parameters of a network with these numbers of input and output channels.
    #[must_use]
    pub fn new(architecture: &Architecture, in_channels: usize, out_channels: usize) -> Self {
        let keys = Keys { architecture };
        let (stem, encoder) = keys.encoder(in_channels);
        Self { stem, encoder, decoder: keys.decoder(out_channels) }
    }

    /// All parameters, in the order in which the network computes.
    #[must_use]
    pub fn parameters(&self) -> Vec<&Parameter> {
        let mut parameters = Vec::new();
        self.stem.iter().for_each(|block| block.collect(&mut parameters));
        for stage in &self.encoder {
            match stage {
                StageKeys::Plain(blocks) => blocks.iter().for_each(|block| block.collect(&mut parameters)),
                StageKeys::Residual(blocks) => {
                    for block in blocks {
                        block.convs.iter().chain(&block.shortcut).for_each(|conv| conv.collect(&mut parameters));
                    }
                }
            }
        }
        for stage in &self.decoder {
            stage.upsampling.collect(&mut parameters);
            stage.convs.iter().for_each(|block| block.collect(&mut parameters));
            stage.segmentation.collect(&mut parameters);
        }
        parameters
    }

    /// Checks that a checkpoint has every parameter in the right shape, and no other, and that all names of a tensor have the
    /// same values.
    ///
    /// # Errors
    /// At the first parameter that is missing, has another shape, has other values under another name, or is not one of the
    /// network.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<(), NnUnetError> {
        let mut known = BTreeSet::new();
        for (key, tensor) in &checkpoint.weights {
            let Some(first) = first_name(key).and_then(|first| checkpoint.weights.get(&first)) else { continue };
            if !tensor.is_same(first)? {
                let problem = CheckpointProblem::Names { key: key.clone(), first: first.key().to_owned() };
                return Err(NnUnetError::checkpoint(checkpoint.path(), problem));
            }
        }
        for parameter in self.parameters() {
            checkpoint.weight(&parameter.key, &parameter.shape)?;
            known.insert(&parameter.key[..]);
        }
        let is_extra = |key: &&String| !known.contains(&key[..]) && !is_repeated(key) && !key.ends_with(COUNTER);
        match checkpoint.weights.keys().find(is_extra) {
            Some(key) => {
                let problem = CheckpointProblem::ExtraWeight { key: key.clone() };
                Err(NnUnetError::checkpoint(checkpoint.path(), problem))
            }
            None => Ok(()),
        }
    }
}

/// End of the key under which batch normalisation counts its batches, which no prediction needs.
const COUNTER: &str = ".num_batches_tracked";

/// True for further names of a tensor.
fn is_repeated(key: &str) -> bool {
    key.starts_with("decoder.encoder.") || key.contains(".all_modules.")
}

/// The first name of a tensor of which this is a further one: a block's first module is its convolution, and the only other
/// one with parameters its norm.
fn first_name(key: &str) -> Option<String> {
    if let Some(of_encoder) = key.strip_prefix("decoder.").filter(|rest| rest.starts_with("encoder.")) {
        return Some(first_name(of_encoder).unwrap_or_else(|| of_encoder.to_owned()));
    }
    let (block, module) = key.split_once(".all_modules.")?;
    let (number, parameter) = module.split_once('.')?;
    let name = if number == "0" { "conv" } else { "norm" };
    Some(format!("{block}.{name}.{parameter}"))
}

impl ConvKeys {
    fn collect<'a>(&'a self, parameters: &mut Vec<&'a Parameter>) {
        parameters.push(&self.weight);
        parameters.extend(&self.bias);
    }
}

impl ConvBlockKeys {
    fn collect<'a>(&'a self, parameters: &mut Vec<&'a Parameter>) {
        self.conv.collect(parameters);
        let NormKeys { weight, bias, running_mean, running_var } = &self.norm;
        parameters.extend([weight, bias, running_mean, running_var].into_iter().flatten());
    }
}

/// Builds the keys of an architecture.
struct Keys<'a> {
    architecture: &'a Architecture,
}

impl Keys<'_> {
    fn encoder(&self, in_channels: usize) -> (Option<ConvBlockKeys>, Vec<StageKeys>) {
        let Architecture { features, kernels, strides, encoder, .. } = self.architecture;
        let stages = features.iter().zip(kernels).zip(strides).enumerate();
        match encoder {
            Encoder::Plain { convs, .. } => {
                let mut channels = in_channels;
                let mut keys = Vec::new();
                for ((stage, ((features, kernel), _)), convs) in stages.zip(convs) {
                    let name = format!("encoder.stages.{stage}.0");
                    keys.push(StageKeys::Plain(self.chain(&name, channels, *features, kernel, *convs)));
                    channels = *features;
                }
                (None, keys)
            }
            Encoder::Residual { blocks, block, stem_channels } => {
                let kernel = kernels.first().map(Vec::as_slice).unwrap_or_default();
                let stem = self.block("encoder.stem.convs.0", in_channels, *stem_channels, kernel);
                let mut channels = *stem_channels;
                let mut keys = Vec::new();
                for ((stage, ((features, kernel), stride)), blocks) in stages.zip(blocks) {
                    let residual = |number: usize| {
                        let name = format!("encoder.stages.{stage}.blocks.{number}");
                        let from = if number == 0 { channels } else { *features };
                        let pooled = number == 0 && stride.iter().any(|stride| *stride != 1);
                        let inner = match block {
                            ResidualBlock::Basic => None,
                            ResidualBlock::Bottleneck { channels } => channels.get(stage).copied(),
                        };
                        self.residual(&name, from, *features, inner, kernel, pooled)
                    };
                    keys.push(StageKeys::Residual((0..*blocks).map(residual).collect()));
                    channels = *features;
                }
                (Some(stem), keys)
            }
        }
    }

    fn residual(
        &self,
        name: &str,
        from: usize,
        to: usize,
        inner: Option<usize>,
        kernel: &[usize],
        pooled: bool,
    ) -> ResidualBlockKeys {
        let point = vec![1; kernel.len()];
        let convs = match inner {
            None => vec![
                self.block(&format!("{name}.conv1"), from, to, kernel),
                self.block(&format!("{name}.conv2"), to, to, kernel),
            ],
            Some(inner) => vec![
                self.block(&format!("{name}.conv1"), from, inner, &point),
                self.block(&format!("{name}.conv2"), inner, inner, kernel),
                self.block(&format!("{name}.conv3"), inner, to, &point),
            ],
        };
        let shortcut = (from != to).then(|| {
            // A pooling layer before it takes the first number.
            let name = format!("{name}.skip.{}", usize::from(pooled));
            ConvBlockKeys {
                conv: conv(&format!("{name}.conv"), [to, from], &point, None),
                norm: self.norm(&format!("{name}.norm"), to),
            }
        });
        ResidualBlockKeys { convs, shortcut }
    }

    fn decoder(&self, out_channels: usize) -> Vec<DecoderStageKeys> {
        let Architecture { dimensions, features, kernels, strides, decoder_convs, conv_bias, .. } = self.architecture;
        // Each decoder stage upsamples from the stage below to the next higher one.
        let below = features.iter().zip(strides).rev();
        let skips = features.iter().zip(kernels).rev().skip(1);
        let mut keys = Vec::new();
        for (stage, (((below, stride), (skip, kernel)), convs)) in below.zip(skips).zip(decoder_convs).enumerate() {
            let (transposed, blocks) = (format!("decoder.transpconvs.{stage}"), format!("decoder.stages.{stage}"));
            let (point, segmentation) = (vec![1; *dimensions], format!("decoder.seg_layers.{stage}"));
            keys.push(DecoderStageKeys {
                upsampling: conv(&transposed, [*below, *skip], stride, conv_bias.then_some(*skip)),
                convs: self.chain(&blocks, 2 * skip, *skip, kernel, *convs),
                segmentation: conv(&segmentation, [out_channels, *skip], &point, Some(out_channels)),
            });
        }
        keys
    }

    /// Convolution blocks in a row.
    fn chain(&self, name: &str, from: usize, to: usize, kernel: &[usize], convs: usize) -> Vec<ConvBlockKeys> {
        let block = |number: usize| {
            let from = if number == 0 { from } else { to };
            self.block(&format!("{name}.convs.{number}"), from, to, kernel)
        };
        (0..convs).map(block).collect()
    }

    fn block(&self, name: &str, from: usize, to: usize, kernel: &[usize]) -> ConvBlockKeys {
        let bias = self.architecture.conv_bias.then_some(to);
        ConvBlockKeys {
            conv: conv(&format!("{name}.conv"), [to, from], kernel, bias),
            norm: self.norm(&format!("{name}.norm"), to),
        }
    }

    fn norm(&self, name: &str, channels: usize) -> NormKeys {
        let norm = self.architecture.norm;
        let parameter = |wanted: bool, part: &str| {
            wanted.then(|| Parameter { key: format!("{name}.{part}"), shape: vec![channels] })
        };
        let running = norm.kind == NormKind::Batch;
        NormKeys {
            weight: parameter(norm.affine, "weight"),
            bias: parameter(norm.affine, "bias"),
            running_mean: parameter(running, "running_mean"),
            running_var: parameter(running, "running_var"),
        }
    }
}

/// A convolution; `bias` is the number of its biases.
fn conv(name: &str, channels: [usize; 2], kernel: &[usize], bias: Option<usize>) -> ConvKeys {
    let shape = channels.iter().chain(kernel).copied().collect();
    ConvKeys {
        weight: Parameter { key: format!("{name}.weight"), shape },
        bias: bias.map(|bias| Parameter { key: format!("{name}.bias"), shape: vec![bias] }),
    }
}
