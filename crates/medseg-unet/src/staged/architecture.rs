//! Networks that are described stage by stage, as data.

use medseg_architecture::{Architecture, Block, Branch, Join, Layer, Stage, Step};

use super::config::{ConcatOrder, StagedUNetConfig};
use super::layout::{BlockLayout, StagedLayout};
use crate::UNetError;
use crate::architecture::{activation, checked, conv_and_norm, single};
use crate::layout::ConvLayout;

impl StagedUNetConfig {
    /// The same network as data: stages, blocks and joins.
    ///
    /// Parameters have nnU-Net's names, those of [`parameter_shapes`](crate::parameter_shapes). In 2D their kernels have a
    /// depth of 1, which the shapes there lack. Outputs are the logits of every decoder stage, highest resolution first.
    ///
    /// ```
    /// use medseg_unet::StagedUNetConfig;
    ///
    /// let graph = StagedUNetConfig::default().architecture()?.graph()?;
    /// assert_eq!(graph.parameters()[0].name, "encoder.stages.0.0.convs.0.conv.weight");
    /// assert_eq!(graph.outputs().len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`validate`](Self::validate). A stride in the first stage and an eps of 1 are errors too: an architecture has
    /// neither.
    pub fn architecture(&self) -> Result<Architecture, UNetError> {
        self.validate()?;
        let layout = StagedLayout::new(self);
        let mut stages = Vec::new();
        let mut below = "image".to_owned();
        let mut add = |name: &str, inputs: Vec<Branch>, block: Block| {
            stages.push(Stage::of(name, inputs, Join::Concat, block).with_prefix(""));
            name.to_owned()
        };
        if let Some(stem) = &layout.stem {
            below = add("encoder.stem", vec![Branch::new(below)], Block::new(self.row(std::slice::from_ref(stem))));
        }
        let mut skips = Vec::new();
        for (s, blocks) in layout.encoder.iter().enumerate() {
            for (b, block) in blocks.iter().enumerate() {
                let name = match block.shortcut {
                    None => format!("encoder.stages.{s}"),
                    Some(_) => format!("encoder.stages.{s}.blocks.{b}"),
                };
                below = add(&name, vec![Branch::new(below)], self.block(block));
            }
            skips.push(below.clone());
        }
        skips.pop();
        let mut outputs = Vec::new();
        for (d, stage) in layout.decoder.iter().enumerate() {
            let upsampled = Branch::through(below, conv_and_norm(&stage.up));
            let mut inputs: Vec<Branch> = [upsampled].into_iter().chain(skips.pop().map(Branch::new)).collect();
            if self.concat == ConcatOrder::SkipFirst {
                inputs.reverse();
            }
            below = add(&format!("decoder.stages.{d}"), inputs, Block::new(self.row(&stage.convs)));
            outputs.push(stage.head.name.clone());
        }
        let heads = layout.decoder.iter().enumerate();
        stages.extend(heads.map(|(d, stage)| single(&stage.head, &format!("decoder.stages.{d}"))));
        outputs.reverse();
        checked(Architecture { in_channels: self.in_channels, blocks: Default::default(), stages, outputs })
    }

    /// Convolutions, each with norm and activation.
    fn row(&self, convs: &[ConvLayout]) -> Vec<Step> {
        convs.iter().flat_map(|conv| self.conv_norm_activation(conv)).collect()
    }

    fn conv_norm_activation(&self, conv: &ConvLayout) -> Vec<Step> {
        let mut steps = conv_and_norm(conv);
        let at = if self.activation_first { 1 } else { steps.len() };
        steps.insert(at, activation(self.activation).into());
        steps
    }

    /// A block of the encoder; with a shortcut, the activation of the last convolution is behind the sum.
    fn block(&self, block: &BlockLayout) -> Block {
        let (Some(shortcut), Some((last, convs))) = (&block.shortcut, block.convs.split_last()) else {
            return Block::new(self.row(&block.convs));
        };
        let steps = self.row(convs).into_iter().chain(conv_and_norm(last));
        let average = (shortcut.pool != [1; 3]).then(|| Layer::AveragePool { kernel: shortcut.pool }.into());
        let second: Vec<Step> = average.into_iter().chain(shortcut.projection.iter().flat_map(conv_and_norm)).collect();
        Block::new(steps.collect::<Vec<_>>()).with_shortcut(second).with_then([activation(self.activation)])
    }
}
