//! Crops and pads.

use super::only_false;
use super::spatial::sizes;
use crate::BundleProblem;
use crate::config::{Component, Value, single, whole};
use crate::network::reversed;

/// Values beyond an image.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Padding {
    /// One number.
    Constant(f64),
    /// The voxel at the border.
    Edge,
    /// The image mirrored at its border voxels.
    Reflect,
}

impl Padding {
    pub(crate) fn read(
        component: &mut Component<'_>,
        name: &str,
        default: &str,
        supported: &[&'static str],
    ) -> Result<Self, BundleProblem> {
        Ok(match component.one_of(name, default, supported)? {
            "border" | "edge" | "replicate" => Self::Edge,
            "reflect" => Self::Reflect,
            _ => Self::Constant(0.0),
        })
    }
}

/// Modes of a pad.
pub(crate) const PAD_MODES: [&str; 4] = ["constant", "edge", "replicate", "reflect"];

/// `CropForegroundd`: the box of the voxels over 0, with a margin.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CropForeground {
    /// Voxels added to the box along `[depth, height, width]`, at both ends.
    pub margin: [usize; 3],
    /// True if the box ends at the image's border; otherwise the margin beyond is padded.
    pub allow_smaller: bool,
    /// The box grows to multiples of these along `[depth, height, width]`.
    pub k_divisible: [usize; 3],
    /// Channels that are looked at; nothing means all.
    pub channels: Option<Vec<usize>>,
    /// Values beyond the image.
    pub padding: Padding,
}

impl CropForeground {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        only_false(component, "lazy")?;
        match component.required("source_key")? {
            Value::Text(key) if key == "image" => {}
            _ => return Err(BundleProblem::value(component.argument("source_key"), "\"image\"")),
        }
        if let Some(function) = component.some("select_fn")? {
            let positive = matches!(&function, Value::Symbol(name) if name.ends_with(".is_positive"));
            if !positive {
                return Err(component.refusal("select_fn"));
            }
        }
        let channels = match component.some("channel_indices")? {
            None => None,
            Some(Value::Int(channel)) => {
                Some(component.wholes_of("channel_indices", &Value::List(vec![Value::Int(channel)]), 4096)?)
            }
            Some(value) => Some(component.wholes_of("channel_indices", &value, 4096)?),
        };
        let margin = triple(component, "margin", 0)?;
        let k_divisible = triple(component, "k_divisible", 1)?.map(|k| k.max(1));
        if margin == [0; 3] && k_divisible == [1; 3] {
            // The box lies in the image, so nothing is padded, whatever the mode.
            component.ignore(&["mode"]);
        }
        let mut padding = Padding::read(component, "mode", "constant", &PAD_MODES)?;
        pad_value(component, &mut padding)?;
        component.ignore(&["start_coord_key", "end_coord_key"]);
        Ok(Self { margin, allow_smaller: component.flag("allow_smaller", false)?, k_divisible, channels, padding })
    }
}

/// `SpatialPadd`: pads to a least size.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpatialPad {
    /// Least sizes along `[depth, height, width]` in voxels; nothing leaves that of the image.
    pub size: [Option<usize>; 3],
    /// True if all voxels are added at the far end; otherwise half of them at each end, rounded down at the near one.
    pub at_end: bool,
    /// Values of the new voxels.
    pub padding: Padding,
}

impl SpatialPad {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        only_false(component, "lazy")?;
        let size = component.required("spatial_size")?;
        let size = sizes(component, "spatial_size", &size)?;
        let at_end = component.one_of("method", "symmetric", &["symmetric", "end"])? == "end";
        let mut padding = Padding::read(component, "mode", "constant", &PAD_MODES)?;
        pad_value(component, &mut padding)?;
        Ok(Self { size, at_end, padding })
    }
}

/// The constant of a pad, which NumPy calls `constant_values` and PyTorch `value`.
fn pad_value(component: &mut Component<'_>, padding: &mut Padding) -> Result<(), BundleProblem> {
    for name in ["value", "constant_values"] {
        if let Some(value) = component.optional_number(name)?
            && let Padding::Constant(constant) = padding
        {
            *constant = value;
        }
    }
    Ok(())
}

/// A whole number, or one for each axis, as `[depth, height, width]`.
fn triple(component: &mut Component<'_>, name: &str, default: usize) -> Result<[usize; 3], BundleProblem> {
    const LARGEST: usize = 1 << 16;
    let Some(value) = component.take(name)?.map(single) else { return Ok([default; 3]) };
    let numbers = match &value {
        Value::List(values) if values.len() == 3 => values
            .iter()
            .map(|value| whole(value, 0, LARGEST))
            .collect::<Option<Vec<_>>>()
            .map(|n| reversed([n[0], n[1], n[2]])),
        value => whole(value, 0, LARGEST).map(|number| [number; 3]),
    };
    numbers
        .ok_or_else(|| BundleProblem::value(component.argument(name), "a whole number, or one for each of three axes"))
}
