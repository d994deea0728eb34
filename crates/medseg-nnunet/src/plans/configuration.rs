//! A configuration of the plans, such as `3d_fullres`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::architecture::Architecture;
use super::fields::Fields;
use super::flat;
use super::intensities::IntensityProperties;
use super::network::network;
use super::normalization::normalizations;
use super::problem::PlansProblem;
use super::resampling::{ResamplingFunction, resampling};
use crate::preprocess::Normalization;

/// Voxels of a patch along an axis.
const PATCH: RangeInclusive<usize> = 1..=4096;
/// Voxels of a patch. The largest that nnU-Net plans have about 2^24.
const MOST_VOXELS: usize = 1 << 28;

/// A configuration: one network with its preprocessing. Per-axis values are in the order of the arrays (depth, height,
/// width) after [`Plans::transpose_forward`](crate::Plans::transpose_forward); a 2D network has the last two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// Name, such as `3d_fullres`.
    pub name: String,
    /// Window of the network, in voxels: two or three sizes.
    pub patch_size: Vec<usize>,
    /// Spacing that images are resampled to, in mm: as many as `patch_size`.
    pub spacing: Vec<f64>,
    /// Normalisation of each channel.
    pub normalization: Vec<Normalization>,
    /// ResamplingFunction of images.
    pub resampling_data: ResamplingFunction,
    /// ResamplingFunction of segmentations: the previous stage's masks.
    pub resampling_seg: ResamplingFunction,
    /// ResamplingFunction of logits.
    pub resampling_probabilities: ResamplingFunction,
    /// Network.
    pub architecture: Architecture,
    /// Configuration whose masks are further channels, in the second stage of a cascade.
    pub previous_stage: Option<String>,
}

/// The function that resamples masks; one that would mix labels is refused.
fn segmentation_resampling(settings: &Fields<'_>) -> Result<ResamplingFunction, PlansProblem> {
    let function = resampling(settings, "resampling_fn_seg")?;
    match function {
        ResamplingFunction::Spline { is_seg: false, .. } | ResamplingFunction::Torch { is_seg: false, .. } => {
            Err(settings.expected("resampling_fn_seg_kwargs", "those of labels, with is_seg"))
        }
        function => Ok(function),
    }
}

/// Reads a configuration whose inheritance is resolved.
pub(super) fn configuration(
    name: &str,
    settings: &Fields<'_>,
    intensities: &BTreeMap<usize, IntensityProperties>,
) -> Result<Configuration, PlansProblem> {
    match settings.optional_text("preprocessor_name")? {
        None | Some("DefaultPreprocessor") => {}
        Some(other) => return Err(settings.unsupported("preprocessor_name", other, "DefaultPreprocessor")),
    }
    let patch_size = settings.whole_list("patch_size", &PATCH)?;
    let dimensions = patch_size.len();
    if !(2..=3).contains(&dimensions) || patch_size.iter().product::<usize>() > MOST_VOXELS {
        return Err(settings.expected("patch_size", format!("two or three sizes of at most {MOST_VOXELS} voxels")));
    }
    let spacing: Option<Vec<f64>> = settings.list("spacing")?.iter().map(Value::as_f64).collect();
    let spacing = spacing.filter(|spacing| spacing.len() == dimensions && spacing.iter().all(|mm| *mm > 0.0));
    let spacing = spacing.ok_or_else(|| settings.expected("spacing", format!("{dimensions} numbers above 0")))?;

    let architecture = if let Some(described) = settings.optional_object("architecture")? {
        network(&described)?
    } else if settings.optional("UNet_class_name").is_none() {
        return Err(PlansProblem::Missing { setting: settings.name("architecture") });
    } else {
        let described = flat::architecture(settings)?;
        network(&Fields::new(&settings.name("architecture"), &described))?
    };
    if architecture.dimensions != dimensions {
        let expected = format!("{} sizes, as the network has axes", architecture.dimensions);
        return Err(settings.expected("patch_size", expected));
    }
    for (axis, size) in patch_size.iter().enumerate() {
        let fits = |rest: usize, stride: &Vec<usize>| {
            stride.get(axis).filter(|stride| rest.is_multiple_of(**stride)).map(|stride| rest / stride)
        };
        if architecture.strides.iter().try_fold(*size, fits).is_none() {
            return Err(settings.expected("patch_size", "a multiple of the product of the strides along each axis"));
        }
    }
    Ok(Configuration {
        name: name.to_owned(),
        normalization: normalizations(settings, intensities)?,
        resampling_data: resampling(settings, "resampling_fn_data")?,
        resampling_seg: segmentation_resampling(settings)?,
        resampling_probabilities: resampling(settings, "resampling_fn_probabilities")?,
        previous_stage: settings.optional_text("previous_stage")?.map(str::to_owned),
        patch_size,
        spacing,
        architecture,
    })
}
