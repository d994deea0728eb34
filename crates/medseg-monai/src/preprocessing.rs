//! The preprocessing of a bundle.

use crate::BundleProblem;
use crate::config::Config;
use crate::transforms::{
    ChannelDim, CropForeground, LoadImage, NormalizeIntensity, Orientation, Resize, ScaleIntensity,
    ScaleIntensityRange, ScaleIntensityRangePercentiles, Spacing, SpatialPad, composed, key, keyed, well_known,
};

/// A step of the preprocessing, in the bundle's order. Each concerns the image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Preprocess {
    /// `LoadImaged`.
    LoadImage(LoadImage),
    /// `EnsureChannelFirstd`.
    EnsureChannelFirst(ChannelDim),
    /// `EnsureTyped` or `CastToTyped` with the type's name; nothing leaves the type. Intensities are f32 here in any case.
    Cast(Option<String>),
    /// `Orientationd`.
    Orientation(Orientation),
    /// `Spacingd`.
    Spacing(Spacing),
    /// `ScaleIntensityRanged`.
    ScaleIntensityRange(ScaleIntensityRange),
    /// `ScaleIntensityd`.
    ScaleIntensity(ScaleIntensity),
    /// `NormalizeIntensityd`.
    NormalizeIntensity(NormalizeIntensity),
    /// `ScaleIntensityRangePercentilesd`.
    ScaleIntensityRangePercentiles(ScaleIntensityRangePercentiles),
    /// `Resized`.
    Resize(Resize),
    /// `CropForegroundd`.
    CropForeground(CropForeground),
    /// `SpatialPadd`.
    SpatialPad(SpatialPad),
}

/// Names of the transforms that are read.
const SUPPORTED: &str = "LoadImaged, EnsureChannelFirstd, EnsureTyped, CastToTyped, Orientationd, Spacingd, \
    ScaleIntensityRanged, ScaleIntensityd, NormalizeIntensityd, ScaleIntensityRangePercentilesd, Resized, CropForegroundd \
    and SpatialPadd";

pub(crate) fn read(config: &Config) -> Result<Vec<Preprocess>, BundleProblem> {
    let value = well_known(config, "preprocessing", "dataset", "transform")?;
    let mut steps = Vec::new();
    for mut component in composed(config, &value, "preprocessing")? {
        let class = keyed(&component.class);
        if !SUPPORTED.split([',', ' ']).any(|name| name == class) {
            return Err(component.unknown(SUPPORTED));
        }
        key(&mut component, "image")?;
        let of = &mut component;
        steps.push(match class.as_str() {
            "LoadImaged" => Preprocess::LoadImage(LoadImage::read(of)?),
            "EnsureChannelFirstd" => Preprocess::EnsureChannelFirst(ChannelDim::read(of)?),
            "EnsureTyped" | "CastToTyped" => {
                of.ignore(&["data_type", "device", "wrap_sequence", "track_meta"]);
                Preprocess::Cast(data_type(of)?)
            }
            "Orientationd" => Preprocess::Orientation(Orientation::read(of)?),
            "Spacingd" => Preprocess::Spacing(Spacing::read(of)?),
            "ScaleIntensityRanged" => Preprocess::ScaleIntensityRange(ScaleIntensityRange::read(of)?),
            "ScaleIntensityd" => Preprocess::ScaleIntensity(ScaleIntensity::read(of)?),
            "NormalizeIntensityd" => Preprocess::NormalizeIntensity(NormalizeIntensity::read(of)?),
            "ScaleIntensityRangePercentilesd" => {
                Preprocess::ScaleIntensityRangePercentiles(ScaleIntensityRangePercentiles::read(of)?)
            }
            "Resized" => Preprocess::Resize(Resize::read(of)?),
            "CropForegroundd" => Preprocess::CropForeground(CropForeground::read(of)?),
            _ => Preprocess::SpatialPad(SpatialPad::read(of)?),
        });
        component.finish()?;
    }
    Ok(steps)
}

/// A type by its name. Whole numbers would round intensities, so they are refused.
fn data_type(component: &mut crate::config::Component<'_>) -> Result<Option<String>, BundleProblem> {
    use crate::config::{Value, single};
    let given = match component.take("dtype")?.map(single) {
        None | Some(Value::None) => return Ok(None),
        Some(Value::Text(name) | Value::Symbol(name)) => name,
        Some(_) => return Err(BundleProblem::value(component.argument("dtype"), "the name of a type")),
    };
    let name = given.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ["float", "float32", "float64", "double", "single"].contains(&name.as_str()) {
        true => Ok(Some(name)),
        false => Err(BundleProblem::unsupported(component.argument("dtype"), given, "float32 and float64")),
    }
}
