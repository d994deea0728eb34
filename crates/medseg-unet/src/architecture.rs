//! Networks as data, for programs that compare, convert or export them.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

use crate::layout::{ConvLayout, Layout, StageLayout};
use crate::{Activation, BlockKind, Norm, UNetConfig, UNetError, Upsample};

impl UNetConfig {
    /// The same network as data: stages, blocks and joins.
    ///
    /// Parameters have the names of [`UNet::named_parameters`](crate::UNet::named_parameters) and
    /// [`UNet::named_statistics`](crate::UNet::named_statistics), and their shapes. Outputs are the logits, then those of
    /// deep supervision. Images are not padded: their sizes are multiples of [`size_multiple`](Self::size_multiple).
    ///
    /// ```
    /// use medseg_unet::UNetConfig;
    ///
    /// let graph = UNetConfig::default().architecture()?.graph()?;
    /// assert_eq!(graph.parameters()[0].name, "conv0_0.conv1.weight");
    /// assert_eq!(graph.size_multiple(), [16; 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn architecture(&self) -> Result<Architecture, UNetError> {
        self.validate()?;
        let layout = Layout::new(self);
        let mut stages = Vec::new();
        for (level, stage) in layout.encoder.iter().enumerate() {
            let input = match level.checked_sub(1) {
                None => Branch::new("image"),
                Some(above) => Branch::through(&layout.encoder[above].name, [self.pool()]),
            };
            self.add_block(&mut stages, stage, vec![input]);
        }
        let mut below = layout.encoder.last().map_or("image", |stage| &stage.name);
        for (stage, skip) in layout.decoder.iter().zip(layout.encoder.iter().rev().skip(1)) {
            let upsampled = match &stage.up {
                Some(up) => {
                    stages.push(single(up, below));
                    Branch::new(&up.name)
                }
                None => {
                    debug_assert_eq!(self.upsample, Upsample::Trilinear);
                    Branch::through(below, [Layer::Upsample { align_corners: true }])
                }
            };
            self.add_block(&mut stages, stage, vec![Branch::new(&skip.name), upsampled]);
            below = &stage.name;
        }
        stages.push(single(&layout.last, below));
        // From level 1 down; the last stage of the decoder is level 0.
        for (head, stage) in layout.heads.iter().zip(layout.decoder.iter().rev().skip(1)) {
            stages.push(single(head, &stage.name));
        }
        let outputs = [&layout.last].into_iter().chain(&layout.heads).map(|conv| conv.name.clone()).collect();
        checked(Architecture { in_channels: self.in_channels, blocks: Default::default(), stages, outputs })
    }

    fn pool(&self) -> Layer {
        Layer::MaxPool { kernel: self.pool_kernel, stride: 2, padding: usize::from(self.pool_kernel == 3) }
    }

    /// Adds the stage of a block; a second residual unit is a stage of its own.
    fn add_block(&self, stages: &mut Vec<Stage>, stage: &StageLayout, inputs: Vec<Branch>) {
        let named = |part: &str| {
            let name = format!("{}.{part}", stage.name);
            stage.convs.iter().filter(move |conv| conv.name == name).flat_map(conv_and_norm)
        };
        let unit = |first: &str, second: &str| {
            let between = self.dropped().into_iter().chain([activation(self.activation).into()]);
            let steps: Vec<Step> = named(first).chain(between).chain(named(second)).collect();
            Block::new(steps)
        };
        let end = activation(self.activation);
        let first = unit("conv1", "conv2");
        let mut add = |name: String, inputs: Vec<Branch>, block: Block| {
            stages.push(Stage::of(name, inputs, Join::Concat, block).with_prefix(""));
        };
        let residual = || first.clone().with_shortcut(named("shortcut")).with_then([end.clone()]);
        match stage.kind {
            BlockKind::TwoLayer => {
                let ending = self.dropped().into_iter().chain([end.into()]);
                let steps = first.steps.into_iter().chain(ending);
                add(stage.name.clone(), inputs, Block::new(steps.collect::<Vec<_>>()));
            }
            BlockKind::ResTwoLayer => add(stage.name.clone(), inputs, residual()),
            BlockKind::ResFourLayer => {
                let unit_name = format!("{}.first_unit", stage.name);
                add(unit_name.clone(), inputs, residual());
                let second = unit("conv3", "conv4").with_shortcut(Vec::<Step>::new()).with_then([end.clone()]);
                add(stage.name.clone(), vec![Branch::new(unit_name)], second);
            }
        }
    }

    fn dropped(&self) -> Option<Step> {
        let layer = Layer::Dropout { p: self.dropout, whole_channels: self.channel_dropout };
        (self.dropout > 0.0).then(|| layer.into())
    }
}

/// The architecture, if it is a valid one.
pub(crate) fn checked(architecture: Architecture) -> Result<Architecture, UNetError> {
    match architecture.graph() {
        Ok(_) => Ok(architecture),
        Err(error) => Err(UNetError::Config(error.to_string())),
    }
}

/// A stage of one convolution and its norm, called by the convolution.
pub(crate) fn single(conv: &ConvLayout, from: &str) -> Stage {
    Stage::new(&conv.name, from, Block::new(conv_and_norm(conv))).with_prefix("")
}

/// A convolution and the norm behind it, with their whole names.
pub(crate) fn conv_and_norm(conv: &ConvLayout) -> Vec<Step> {
    let norm = conv.norm.as_ref().map(|of| Step::named(&of.name, norm(of.kind, of.eps)));
    [Step::named(&conv.name, convolution(conv))].into_iter().chain(norm).collect()
}

fn convolution(conv: &ConvLayout) -> Layer {
    let ConvLayout { kernel, stride, bias, .. } = *conv;
    let channels = Some(conv.out_channels);
    match conv.transposed {
        true => Layer::TransposedConv { channels, kernel, stride, padding: [0; 3], output_padding: [0; 3], bias },
        false => Layer::Conv { channels, kernel, stride, padding: None, bias },
    }
}

fn norm(kind: Norm, eps: f64) -> Layer {
    match kind {
        Norm::Instance { affine } => Layer::InstanceNorm { affine, eps },
        Norm::Group { groups } => Layer::GroupNorm { groups, eps },
        Norm::Batch { momentum } => Layer::BatchNorm { eps, momentum },
    }
}

pub(crate) fn activation(kind: Activation) -> Layer {
    match kind {
        Activation::Relu => Layer::Relu,
        Activation::LeakyRelu { slope } => Layer::LeakyRelu { slope },
        Activation::Gelu => Layer::Gelu,
        Activation::Silu => Layer::Silu,
    }
}
