//! ResamplingFunction functions of a configuration.

use serde_json::Value;

use super::fields::Fields;
use super::problem::PlansProblem;

/// Ratio of spacings above which nnU-Net resamples an axis apart from the others.
const ANISOTROPIC: f64 = 3.0;

/// A resampling function with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResamplingFunction {
    /// `resample_data_or_seg_to_shape`: splines, as scikit-image resizes.
    Spline {
        /// True for a segmentation, whose labels must not mix.
        is_seg: bool,
        /// Order of the spline: 0, 1 or 3.
        order: u8,
        /// Order along an axis that is resampled apart: 0, 1 or 3.
        order_z: u8,
        /// The plans' `force_separate_z`; see [`separate_axis`](crate::separate_axis).
        separate_z: Option<bool>,
    },
    /// `resample_torch_fornnunet`: linear, as PyTorch interpolates.
    Torch {
        /// True for a segmentation, whose labels must not mix.
        is_seg: bool,
        /// The plans' `force_separate_z`; see [`separate_axis`](crate::separate_axis).
        separate_z: Option<bool>,
        /// The plans' `memefficient_seg_resampling`: labels ascending, each where its share is over one half.
        memory_efficient: bool,
    },
    /// `no_resampling_hack`: nothing is resampled.
    None,
}

/// The function of a setting such as `resampling_fn_data`, with its `…_kwargs`.
pub(super) fn resampling(configuration: &Fields<'_>, key: &str) -> Result<ResamplingFunction, PlansProblem> {
    let function = configuration.text(key)?;
    let kwargs_key = format!("{key}_kwargs");
    let empty = serde_json::Map::new();
    let kwargs = configuration
        .optional_object(&kwargs_key)?
        .unwrap_or_else(|| Fields::new(&configuration.name(&kwargs_key), &empty));
    match function {
        "resample_data_or_seg_to_shape" => {
            threshold(&kwargs)?;
            Ok(ResamplingFunction::Spline {
                is_seg: kwargs.flag("is_seg", false)?,
                order: order(&kwargs, "order", 3)?,
                order_z: order(&kwargs, "order_z", 0)?,
                separate_z: separate_z(&kwargs, Some(false))?,
            })
        }
        "resample_torch_fornnunet" => {
            threshold(&kwargs)?;
            only(&kwargs, "mode", "linear")?;
            only(&kwargs, "aniso_axis_mode", "nearest-exact")?;
            Ok(ResamplingFunction::Torch {
                is_seg: kwargs.flag("is_seg", false)?,
                separate_z: separate_z(&kwargs, None)?,
                memory_efficient: kwargs.flag("memefficient_seg_resampling", false)?,
            })
        }
        "no_resampling_hack" => Ok(ResamplingFunction::None),
        unknown => Err(configuration.unsupported(
            key,
            unknown,
            "resample_data_or_seg_to_shape, resample_torch_fornnunet and no_resampling_hack",
        )),
    }
}

fn order(kwargs: &Fields<'_>, key: &str, default: u8) -> Result<u8, PlansProblem> {
    match kwargs.optional(key).map(Value::as_u64) {
        None => Ok(default),
        Some(Some(0)) => Ok(0),
        Some(Some(1)) => Ok(1),
        Some(Some(3)) => Ok(3),
        Some(_) => Err(kwargs.expected(key, "0, 1 or 3")),
    }
}

/// An absent `force_separate_z` differs from `null`, which lets the spacings decide.
fn separate_z(kwargs: &Fields<'_>, absent: Option<bool>) -> Result<Option<bool>, PlansProblem> {
    match kwargs.any("force_separate_z") {
        None => Ok(absent),
        Some(Value::Null) => Ok(None),
        Some(Value::Bool(force)) => Ok(Some(*force)),
        Some(_) => Err(kwargs.expected("force_separate_z", "true, false or null")),
    }
}

fn threshold(kwargs: &Fields<'_>) -> Result<(), PlansProblem> {
    const KEY: &str = "separate_z_anisotropy_threshold";
    match kwargs.optional(KEY).map(Value::as_f64) {
        None => Ok(()),
        Some(Some(threshold)) if threshold == ANISOTROPIC => Ok(()),
        Some(_) => Err(kwargs.expected(KEY, "3, the only threshold that is supported")),
    }
}

fn only(kwargs: &Fields<'_>, key: &str, value: &'static str) -> Result<(), PlansProblem> {
    match kwargs.optional_text(key)? {
        Some(other) if other != value => Err(kwargs.unsupported(key, other, value)),
        _ => Ok(()),
    }
}
