//! Steps before the network.

use std::collections::BTreeMap;

use medseg_inference::BeyondMask;
use medseg_transforms as own;
use medseg_volume::Dhw;
use own::{
    BorderMode, ChangeIntensity, Channels, ForegroundSource, IntensityChange, Kernel, PadMethod, PadMode, Pipeline,
    Step,
};

use super::ImportError;
use crate::{
    ChannelDim, CropForeground, NormalizeIntensity, Padding, Preprocess, Resize, ResizeMode, ScaleIntensity,
    ScaleIntensityRange, ScaleIntensityRangePercentiles, SizeMode, Spacing, SpatialPad,
};

/// The steps as transforms of medseg, for an image of so many channels.
pub(super) fn pipeline(steps: &[Preprocess], channels: usize) -> Result<Pipeline, ImportError> {
    let mut pipeline = Pipeline::new();
    for step in steps {
        pipeline.steps.extend(transforms(step, channels)?);
    }
    Ok(pipeline)
}

/// The labels beyond the network's grid: background where something was cut out, else those at the border.
pub(super) fn beyond(steps: &[Preprocess]) -> BeyondMask {
    match steps.iter().any(|step| matches!(step, Preprocess::CropForeground(_))) {
        true => BeyondMask::Background,
        false => BeyondMask::Border,
    }
}

/// Names of all channels, or none.
pub(super) fn names(names: &BTreeMap<usize, String>, channels: usize) -> Vec<String> {
    let all: Vec<String> = (0..channels).filter_map(|number| names.get(&number).cloned()).collect();
    if all.len() == channels { all } else { Vec::new() }
}

fn transforms(step: &Preprocess, channels: usize) -> Result<Vec<Step>, ImportError> {
    Ok(match step {
        Preprocess::LoadImage(_) | Preprocess::Cast(_) => Vec::new(),
        Preprocess::EnsureChannelFirst(ChannelDim::Axis(axis)) => {
            let reason = "channels are files of their own here";
            return Err(ImportError::setting(format!("EnsureChannelFirstd channel_dim {axis}"), reason));
        }
        Preprocess::EnsureChannelFirst(_) => Vec::new(),
        Preprocess::Orientation(orientation) => {
            let to = orientation.axcodes.parse();
            let to = to.map_err(|_| ImportError::setting("Orientationd axcodes", orientation.axcodes.clone()))?;
            vec![own::Reorient { to }.into()]
        }
        Preprocess::Spacing(spacing) => vec![respaced(spacing)?.into()],
        Preprocess::ScaleIntensityRange(range) => vec![scaled_range(range)],
        Preprocess::ScaleIntensity(scale) => vec![scaled(scale)?],
        Preprocess::NormalizeIntensity(normalize) => normalized(normalize, channels)?,
        Preprocess::ScaleIntensityRangePercentiles(range) => vec![percentiles(range)?],
        Preprocess::Resize(resize) => vec![resized(resize)?.into()],
        Preprocess::CropForeground(crop) => vec![cropped(crop).into()],
        Preprocess::SpatialPad(pad) => vec![padded(pad).into()],
    })
}

fn respaced(spacing: &Spacing) -> Result<own::Respace, ImportError> {
    if spacing.align_corners {
        return Err(ImportError::setting("Spacingd align_corners", "positions lie between the outer faces here"));
    }
    if spacing.recompute_affine {
        return Err(ImportError::setting("Spacingd recompute_affine", "the spacing stays the one that was asked for"));
    }
    let padding = match spacing.padding {
        Padding::Edge => BorderMode::Border,
        Padding::Constant(0.0) => BorderMode::Zeros,
        other => return Err(ImportError::setting("Spacingd padding_mode", format!("{other:?}"))),
    };
    Ok(own::Respace {
        spacing: Dhw::from(spacing.spacing.map(|mm| mm.unwrap_or(0.0))),
        diagonal: spacing.diagonal,
        keep_extent: spacing.scale_extent,
        kernel: if spacing.nearest { Kernel::Nearest } else { Kernel::Linear },
        padding,
    })
}

fn of_channels(change: impl Into<IntensityChange>, each: bool) -> Step {
    let channels = if each { Channels::Each } else { Channels::Together };
    ChangeIntensity { change: change.into(), channels }.into()
}

fn scaled_range(range: &ScaleIntensityRange) -> Step {
    let [a_min, a_max] = range.from.map(|v| v as f32);
    let [b_min, b_max] = range.to.map(|v| v.map(|v| v as f32));
    of_channels(own::ScaleIntensityRange { a_min, a_max, b_min, b_max, clip: range.clip }, false)
}

fn scaled(scale: &ScaleIntensity) -> Result<Step, ImportError> {
    let Some([min, max]) = scale.range.map(|range| range.map(|v| v as f32)) else {
        return Err(ImportError::setting("ScaleIntensityd factor", "only a range is known here"));
    };
    Ok(of_channels(own::ScaleIntensity { min, max }, scale.channel_wise))
}

fn normalized(normalize: &NormalizeIntensity, channels: usize) -> Result<Vec<Step>, ImportError> {
    let number = |numbers: &Option<Vec<f64>>, channel: usize| match numbers {
        None => Ok(None),
        Some(all) if all.len() == 1 => Ok(Some(all[0] as f32)),
        Some(all) => match all.get(channel) {
            Some(number) if all.len() == channels => Ok(Some(*number as f32)),
            _ => Err(ImportError::setting(
                "NormalizeIntensityd",
                format!("{} numbers for {channels} channels", all.len()),
            )),
        },
    };
    let of = |channel: usize| {
        let (subtrahend, divisor) = (number(&normalize.subtrahend, channel)?, number(&normalize.divisor, channel)?);
        Ok::<_, ImportError>(own::NormalizeIntensity { nonzero: normalize.nonzero, subtrahend, divisor })
    };
    let several = |numbers: &Option<Vec<f64>>| numbers.as_ref().is_some_and(|numbers| numbers.len() > 1);
    if !several(&normalize.subtrahend) && !several(&normalize.divisor) {
        return Ok(vec![of_channels(of(0)?, normalize.channel_wise)]);
    }
    let step = |channel: usize| {
        Ok(ChangeIntensity { change: of(channel)?.into(), channels: Channels::Only(vec![channel]) }.into())
    };
    (0..channels).map(step).collect()
}

fn percentiles(range: &ScaleIntensityRangePercentiles) -> Result<Step, ImportError> {
    if range.relative {
        return Err(ImportError::setting("ScaleIntensityRangePercentilesd relative", "bounds are absolute here"));
    }
    let [lower, upper] = range.percentiles;
    let [b_min, b_max] = range.to.map(|v| v.map(|v| v as f32));
    let change = own::ScaleIntensityRangePercentiles { lower, upper, b_min, b_max, clip: range.clip };
    Ok(of_channels(change, range.channel_wise))
}

fn resized(resize: &Resize) -> Result<own::Resize, ImportError> {
    if resize.size_mode == SizeMode::Longest {
        return Err(ImportError::setting("Resized size_mode longest", "all three sizes are given here"));
    }
    let [Some(d), Some(h), Some(w)] = resize.size else {
        return Err(ImportError::setting("Resized spatial_size", "an axis without a size"));
    };
    let kernel = match resize.mode {
        ResizeMode::Area => Kernel::Area,
        ResizeMode::Trilinear => Kernel::Linear,
        other => return Err(ImportError::setting("Resized mode", format!("{other:?}"))),
    };
    Ok(own::Resize { size: Dhw { d, h, w }, kernel, align_corners: resize.align_corners })
}

fn cropped(crop: &CropForeground) -> own::CropForeground {
    let (mode, value) = beyond_image(crop.padding);
    let source = match &crop.channels {
        None => ForegroundSource::ImageAbove(0.0),
        Some(channels) => ForegroundSource::ChannelsAbove { channels: channels.clone(), threshold: 0.0 },
    };
    own::CropForeground {
        source,
        margin: Dhw::from(crop.margin),
        k_divisible: Dhw::from(crop.k_divisible),
        allow_smaller: crop.allow_smaller,
        mode,
        value,
    }
}

fn padded(pad: &SpatialPad) -> own::SpatialPad {
    let (mode, value) = beyond_image(pad.padding);
    let method = if pad.at_end { PadMethod::End } else { PadMethod::Symmetric };
    own::SpatialPad { size: Dhw::from(pad.size.map(|size| size.unwrap_or(0))), method, mode, value }
}

fn beyond_image(padding: Padding) -> (PadMode, f32) {
    match padding {
        Padding::Constant(value) => (PadMode::Constant, value as f32),
        Padding::Edge => (PadMode::Edge, 0.0),
        Padding::Reflect => (PadMode::Reflect, 0.0),
    }
}
