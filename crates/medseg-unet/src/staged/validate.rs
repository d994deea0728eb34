//! Checks of the settings.

use std::ops::RangeInclusive;

use super::config::{EncoderKind, StagedUNetConfig};
use super::layout::StagedLayout;
use crate::UNetError;

const STAGES: RangeInclusive<usize> = 2..=12;
const CHANNELS: RangeInclusive<usize> = 1..=4096;
const KERNEL: RangeInclusive<usize> = 1..=15;
const STRIDE: RangeInclusive<usize> = 1..=8;
const BLOCKS: RangeInclusive<usize> = 1..=64;
/// Of one axis.
const STRIDES: RangeInclusive<usize> = 1..=4096;
/// 4 GiB of f32.
const MOST_PARAMETERS: u64 = 1 << 30;

impl StagedUNetConfig {
    /// Refuses impossible settings, and networks of more than 2^30 parameters (4 GiB): settings may come from a file.
    ///
    /// # Errors
    /// [`UNetError::Config`] naming the first one.
    pub fn validate(&self) -> Result<(), UNetError> {
        if !matches!(self.dimensions, 2 | 3) {
            return fail(format!("dimensions must be 2 or 3, not {}", self.dimensions));
        }
        within("number of stages", self.stages.len(), &STAGES)?;
        within("in_channels", self.in_channels, &CHANNELS)?;
        within("out_channels", self.out_channels, &CHANNELS)?;
        for index in 0..self.stages.len() {
            self.validate_stage(index)?;
        }
        for multiple in self.size_multiple() {
            within("product of the strides along an axis", multiple, &STRIDES)?;
        }
        self.validate_stem()?;
        let (decoder, stages) = (self.decoder_convs.len(), self.stages.len());
        if decoder + 1 != stages {
            return fail(format!("{stages} stages need {} numbers in decoder_convs, not {decoder}", stages - 1));
        }
        for (index, convs) in self.decoder_convs.iter().enumerate() {
            within(&format!("decoder_convs[{index}]"), *convs, &BLOCKS)?;
        }
        if !(self.eps > 0.0 && self.eps <= 1.0) {
            return fail(format!("eps must lie in (0, 1], not {}", self.eps));
        }
        if self.activation_first && self.encoder != EncoderKind::Plain {
            return fail("activation_first is for the plain encoder".into());
        }
        self.activation.validate()?;
        let layout = StagedLayout::new(self);
        let normalised = layout.convs().filter_map(|conv| conv.norm.as_ref());
        self.norm.validate(normalised.map(|norm| norm.channels))?;
        let parameters = layout.convs().fold(0u64, |sum, conv| sum.saturating_add(conv.parameters()));
        if parameters > MOST_PARAMETERS {
            return fail(format!("{parameters} parameters are more than {MOST_PARAMETERS}"));
        }
        Ok(())
    }

    fn validate_stage(&self, index: usize) -> Result<(), UNetError> {
        let stage = &self.stages[index];
        let name = |part: &str| format!("{part} of stage {index}");
        within(&name("features"), stage.features, &CHANNELS)?;
        within(&name("blocks"), stage.blocks, &BLOCKS)?;
        for (kernel, stride) in stage.kernel.into_iter().zip(stage.stride) {
            within(&name("kernel"), kernel, &KERNEL)?;
            within(&name("stride"), stride, &STRIDE)?;
            if kernel.is_multiple_of(2) {
                return fail(format!("{} must be odd, not {kernel}", name("kernel")));
            }
        }
        if self.dimensions == 2 && (stage.kernel[0], stage.stride[0]) != (1, 1) {
            return fail(format!("kernel and stride of stage {index} must begin with 1 in 2 dimensions"));
        }
        match (self.encoder, stage.bottleneck_channels) {
            (EncoderKind::Bottleneck, Some(channels)) => within(&name("bottleneck_channels"), channels, &CHANNELS),
            (EncoderKind::Bottleneck, None) => fail(format!("{} are missing", name("bottleneck_channels"))),
            (_, Some(_)) => fail(format!("{} are for the bottleneck encoder", name("bottleneck_channels"))),
            (_, None) => Ok(()),
        }
    }

    fn validate_stem(&self) -> Result<(), UNetError> {
        match self.stem_channels {
            Some(_) if self.encoder == EncoderKind::Plain => {
                fail("stem_channels: the plain encoder has no stem".into())
            }
            Some(channels) => within("stem_channels", channels, &CHANNELS),
            None => Ok(()),
        }
    }
}

fn within(name: &str, number: usize, range: &RangeInclusive<usize>) -> Result<(), UNetError> {
    if range.contains(&number) {
        return Ok(());
    }
    fail(format!("{name} must lie between {} and {}, not {number}", range.start(), range.end()))
}

fn fail(what: String) -> Result<(), UNetError> {
    Err(UNetError::Config(what))
}
