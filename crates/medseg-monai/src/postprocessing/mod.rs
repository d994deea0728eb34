//! The postprocessing of a bundle.

mod activation;
mod channel_labels;
mod components;
mod discrete;
mod invert;
mod save;

pub use activation::Activation;
pub use channel_labels::ChannelLabels;
pub use components::{Components, SmallObjects};
pub use discrete::Discrete;
pub use invert::Invert;

use components::{connectivity, labels};
use save::save;

use crate::BundleProblem;
use crate::config::Config;
use crate::transforms::{composed, key, keyed, well_known};

/// A step of the postprocessing, in the bundle's order. Each concerns the prediction.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Postprocess {
    /// `Activationsd`.
    Activation(Activation),
    /// `Invertd`: undoes the preprocessing's changes of the grid.
    Invert(Invert),
    /// `AsDiscreted`.
    Discrete(Discrete),
    /// `KeepLargestConnectedComponentd`.
    KeepLargest(Components),
    /// `FillHolesd` with the labels whose holes are filled, nothing for all, and the connectivity, nothing for the largest.
    FillHoles(Option<Vec<usize>>, Option<usize>),
    /// `RemoveSmallObjectsd`.
    RemoveSmallObjects(SmallObjects),
    /// `Lambdad` of nested `torch.where`: labels from channels.
    Labels(ChannelLabels),
    /// `EnsureTyped` or `CastToTyped`, which change no value of a mask.
    Cast,
    /// `SaveImaged`.
    Save {
        /// Text behind the case's name, such as `seg`.
        postfix: String,
        /// End of the file's name, such as `.nii.gz`.
        extension: String,
        /// Type of the voxels, such as `float32`.
        dtype: String,
        /// True if the mask is resampled to the file's grid, by nearest neighbours.
        resample: bool,
    },
}

/// Names of the transforms that are read.
const SUPPORTED: &str = "Activationsd, Invertd, AsDiscreted, KeepLargestConnectedComponentd, FillHolesd, \
    RemoveSmallObjectsd, EnsureTyped, CastToTyped, Lambdad of torch.where and SaveImaged";

pub(crate) fn read(config: &Config) -> Result<Vec<Postprocess>, BundleProblem> {
    let value = well_known(config, "postprocessing", "evaluator", "postprocessing")?;
    let mut steps = Vec::new();
    for mut component in composed(config, &value, "postprocessing")? {
        let class = keyed(&component.class);
        if !SUPPORTED.split([',', ' ']).any(|name| name == class) {
            return Err(component.unknown(SUPPORTED));
        }
        key(&mut component, "pred")?;
        let of = &mut component;
        steps.push(match class.as_str() {
            "Activationsd" => Postprocess::Activation(Activation::read(of)?),
            "Invertd" => Postprocess::Invert(Invert::read(of)?),
            "AsDiscreted" => Postprocess::Discrete(Discrete::read(of)?),
            "KeepLargestConnectedComponentd" => Postprocess::KeepLargest(Components::read(of)?),
            "FillHolesd" => Postprocess::FillHoles(labels(of)?, connectivity(of)?),
            "RemoveSmallObjectsd" => Postprocess::RemoveSmallObjects(SmallObjects::read(of)?),
            "SaveImaged" => save(of)?,
            "Lambdad" => Postprocess::Labels(ChannelLabels::read(of)?),
            _ => {
                of.ignore(&["dtype", "data_type", "device", "wrap_sequence", "track_meta"]);
                Postprocess::Cast
            }
        });
        component.finish()?;
    }
    Ok(steps)
}
