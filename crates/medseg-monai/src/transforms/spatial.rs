//! Orientation, spacing and size.

use super::{numbers, only_false};
use crate::BundleProblem;
use crate::config::{Component, Value, single, whole};
use crate::network::reversed;

/// `Orientationd`: permutes and flips axes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orientation {
    /// Directions in which the axes x, y, z grow, such as `RAS`. In an array `[depth, height, width]` they are the last, the
    /// middle and the first axis.
    pub axcodes: String,
}

impl Orientation {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        only_false(component, "lazy")?;
        let canonical = component.flag("as_closest_canonical", false)?;
        let given = match component.some("axcodes")? {
            _ if canonical => "RAS".to_owned(),
            Some(Value::Text(text)) => text,
            Some(Value::List(letters)) => letters
                .iter()
                .map(|letter| match letter {
                    Value::Text(letter) => Ok(letter.as_str()),
                    _ => Err(BundleProblem::value(component.argument("axcodes"), "three letters")),
                })
                .collect::<Result<String, _>>()?,
            _ => return Err(BundleProblem::missing(component.argument("axcodes"))),
        };
        if let Some(labels) = component.some("labels")? {
            check_labels(component, &labels)?;
        }
        let axcodes = given.to_ascii_uppercase();
        let pairs = ["LR", "PA", "IS"];
        let names_one = |pair: &&str| axcodes.chars().filter(|letter| pair.contains(*letter)).count() == 1;
        match axcodes.len() == 3 && pairs.iter().all(names_one) {
            true => Ok(Self { axcodes }),
            false => {
                Err(BundleProblem::value(component.argument("axcodes"), "a letter of LR, one of PA and one of IS"))
            }
        }
    }
}

/// Refuses other letters than MONAI's own.
fn check_labels(component: &Component<'_>, labels: &Value<'_>) -> Result<(), BundleProblem> {
    let pair = |value: &Value<'_>| match value {
        Value::List(letters) => letters
            .iter()
            .map(|letter| match letter {
                Value::Text(letter) => letter.as_str(),
                _ => "?",
            })
            .collect::<String>(),
        _ => "?".to_owned(),
    };
    let usual = match labels {
        Value::List(pairs) => pairs.iter().map(pair).collect::<Vec<_>>() == ["LR", "PA", "IS"],
        _ => false,
    };
    if usual { Ok(()) } else { Err(component.refusal("labels")) }
}

/// `Spacingd`: resamples to a spacing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spacing {
    /// Spacing in mm along `[depth, height, width]`; nothing leaves that of the image.
    pub spacing: [Option<f64>; 3],
    /// True for the voxel with the nearest centre instead of trilinear interpolation.
    pub nearest: bool,
    /// Values beyond the image.
    pub padding: super::Padding,
    /// True if the result's axes are those of the world, not of the image.
    pub diagonal: bool,
    /// True if positions are computed between the centres of the corner voxels.
    pub align_corners: bool,
    /// True if the result covers the image's voxels as a whole, not their centres.
    pub scale_extent: bool,
    /// True if the result's spacing is computed again from its rounded size.
    pub recompute_affine: bool,
}

impl Spacing {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        only_false(component, "lazy")?;
        component.refuse("min_pixdim")?;
        component.refuse("max_pixdim")?;
        let pixdim = component.required("pixdim")?;
        let spacing = numbers(component, "pixdim", &pixdim)?.map(|mm| (mm > 0.0).then_some(mm));
        let nearest = component.one_of("mode", "bilinear", &["bilinear", "nearest"])? == "nearest";
        let padding = super::Padding::read(component, "padding_mode", "border", &["border", "zeros"])?;
        component.ignore(&["dtype", "ensure_same_shape", "meta_keys", "meta_key_postfix"]);
        Ok(Self {
            spacing,
            nearest,
            padding,
            diagonal: component.flag("diagonal", false)?,
            align_corners: component.flag("align_corners", false)?,
            scale_extent: component.flag("scale_extent", false)?,
            recompute_affine: component.flag("recompute_affine", false)?,
        })
    }
}

/// `Resized`: resamples to a size.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Resize {
    /// Sizes along `[depth, height, width]` in voxels; nothing leaves that of the image. For [`SizeMode::Longest`] all three
    /// are the length of the longest axis.
    pub size: [Option<usize>; 3],
    /// Meaning of the size.
    pub size_mode: SizeMode,
    /// Interpolation.
    pub mode: ResizeMode,
    /// True if the corner voxels of both grids coincide; it matters for a linear interpolation alone.
    pub align_corners: bool,
}

/// Meaning of the size of a [`Resize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SizeMode {
    /// The size of every axis.
    All,
    /// The size of the longest axis; the others keep their proportion.
    Longest,
}

/// Interpolation of a [`Resize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeMode {
    /// Mean of the voxels of the window that each voxel covers.
    Area,
    /// The voxel at the lower bound, as PyTorch's `nearest`.
    Nearest,
    /// The voxel with the nearest centre.
    NearestExact,
    /// Trilinear interpolation.
    Trilinear,
}

impl Resize {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        only_false(component, "lazy")?;
        only_false(component, "anti_aliasing")?;
        component.ignore(&["anti_aliasing_sigma", "dtype"]);
        let size_mode = match component.one_of("size_mode", "all", &["all", "longest"])? {
            "longest" => SizeMode::Longest,
            _ => SizeMode::All,
        };
        let size = component.required("spatial_size")?;
        let size = sizes(component, "spatial_size", &size)?;
        if size_mode == SizeMode::Longest && (size[0].is_none() || size != [size[0]; 3]) {
            return Err(BundleProblem::value(component.argument("spatial_size"), "one whole number over 0"));
        }
        let mode = match component.one_of("mode", "area", &["area", "nearest", "nearest-exact", "trilinear"])? {
            "area" => ResizeMode::Area,
            "nearest" => ResizeMode::Nearest,
            "nearest-exact" => ResizeMode::NearestExact,
            _ => ResizeMode::Trilinear,
        };
        let align_corners = match component.some("align_corners")?.map(single) {
            None | Some(Value::None) => false,
            Some(Value::Bool(value)) => value,
            Some(_) => return Err(BundleProblem::value(component.argument("align_corners"), "true, false or null")),
        };
        Ok(Self { size, size_mode, mode, align_corners })
    }
}

/// Sizes along `[depth, height, width]`; `-1` and `None` mean the image's.
pub(crate) fn sizes(
    component: &Component<'_>,
    name: &str,
    value: &Value<'_>,
) -> Result<[Option<usize>; 3], BundleProblem> {
    const LARGEST: usize = 1 << 20;
    let wrong =
        || BundleProblem::value(component.argument(name), "a size, or one for each of three axes; -1 for all voxels");
    let one = |value: &Value<'_>| match value {
        Value::None => Ok(None),
        Value::Int(number) if *number <= 0 => Ok(None),
        value => whole(value, 1, LARGEST).map(Some).ok_or_else(wrong),
    };
    match value {
        Value::List(values) if values.len() == 3 => {
            Ok(reversed([one(&values[0])?, one(&values[1])?, one(&values[2])?]))
        }
        Value::List(values) if values.len() == 1 => Ok([one(&values[0])?; 3]),
        Value::List(_) => Err(wrong()),
        value => Ok([one(value)?; 3]),
    }
}
