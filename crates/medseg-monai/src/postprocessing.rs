//! The postprocessing of a bundle.

use crate::BundleProblem;
use crate::config::{Component, Config, Value, channel_labels, single};
use crate::transforms::{composed, key, keyed, only_false, well_known};

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

/// Activation behind the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// Probabilities of classes that exclude each other.
    Softmax,
    /// A probability for each channel.
    Sigmoid,
    /// None.
    Identity,
}

/// Settings of `Invertd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invert {
    /// True if values are taken back by nearest neighbours; otherwise by the interpolation of the preprocessing.
    pub nearest: bool,
}

/// Settings of `AsDiscreted`; what is set is done in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Discrete {
    /// The channel of the largest value.
    pub argmax: bool,
    /// Channels, one a class, from labels; the number of classes.
    pub to_onehot: Option<usize>,
    /// 1 for values of at least this, 0 for others.
    pub threshold: Option<f64>,
    /// Rounding to whole numbers.
    pub rounding: bool,
}

/// Settings of `KeepLargestConnectedComponentd`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Components {
    /// Labels or channels that are looked at; nothing means all but the background.
    pub labels: Option<Vec<usize>>,
    /// True if the mask has a channel a class; nothing means by the number of its channels.
    pub is_onehot: Option<bool>,
    /// True if each label is looked at alone; otherwise all together.
    pub independent: bool,
    /// 1 for faces, 2 for edges, 3 for corners; nothing means corners.
    pub connectivity: Option<usize>,
    /// Components to keep, largest first.
    pub count: usize,
}

/// Settings of `RemoveSmallObjectsd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmallObjects {
    /// Components of fewer voxels are removed.
    pub min_size: usize,
    /// 1 for faces, 2 for edges, 3 for corners.
    pub connectivity: usize,
    /// True if each channel is looked at alone.
    pub independent_channels: bool,
}

/// Labels from channels, as BraTS has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelLabels {
    /// Channels with the label of the voxels in which they are over 0; the first such channel decides.
    pub labels: Vec<(usize, u32)>,
    /// Label of the other voxels.
    pub otherwise: u32,
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

impl Activation {
    fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        component.refuse("other")?;
        first_axis(component)?;
        match (component.flag("softmax", false)?, component.flag("sigmoid", false)?) {
            (true, true) => Err(BundleProblem::value(component.argument("sigmoid"), "false with softmax")),
            (true, false) => Ok(Self::Softmax),
            (false, true) => Ok(Self::Sigmoid),
            (false, false) => Ok(Self::Identity),
        }
    }
}

impl Invert {
    fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        let transform = component.required("transform")?;
        let preprocessing = well_known(component.config(), "preprocessing", "dataset", "transform")?;
        if transform != preprocessing {
            return Err(BundleProblem::value(component.argument("transform"), "the preprocessing"));
        }
        match component.some("orig_keys")?.map(single) {
            Some(Value::Text(key)) if key == "image" => {}
            _ => return Err(BundleProblem::value(component.argument("orig_keys"), "\"image\"")),
        }
        component.refuse("post_func")?;
        component.ignore(&["meta_keys", "orig_meta_keys", "meta_key_postfix", "to_tensor", "device"]);
        Ok(Self { nearest: component.flag("nearest_interp", true)? })
    }
}

impl Discrete {
    fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        first_axis(component)?;
        if !component.flag("keepdim", true)? {
            return Err(component.refusal("keepdim"));
        }
        component.ignore(&["dtype"]);
        let to_onehot = match component.some("to_onehot")?.map(single) {
            None | Some(Value::None) => None,
            Some(value) => Some(
                crate::config::whole(&value, 1, 1 << 16)
                    .ok_or_else(|| BundleProblem::value(component.argument("to_onehot"), "the number of classes"))?,
            ),
        };
        let rounding = match component.optional_text("rounding")? {
            None => false,
            Some(name) if name == "torchrounding" => true,
            Some(name) => {
                return Err(BundleProblem::unsupported(component.argument("rounding"), name, "torchrounding"));
            }
        };
        let threshold = match component.some("threshold")?.map(single) {
            None | Some(Value::None) => None,
            Some(value) => {
                let wrong = || BundleProblem::value(component.argument("threshold"), "a number");
                Some(value.number().ok_or_else(wrong)?)
            }
        };
        Ok(Self { argmax: component.flag("argmax", false)?, to_onehot, threshold, rounding })
    }
}

impl ChannelLabels {
    fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        if !component.flag("overwrite", true)? {
            return Err(component.refusal("overwrite"));
        }
        component.ignore(&["inv_func", "track_meta"]);
        let id = component.argument("func");
        let node = component.take_raw("func").ok_or_else(|| BundleProblem::missing(&id))?;
        let text = node.raw.as_str().and_then(|text| text.strip_prefix('$')).unwrap_or_default();
        match channel_labels(text) {
            Some((labels, otherwise)) => Ok(Self { labels, otherwise }),
            None => Err(BundleProblem::expression(
                &id,
                text,
                "it is no `lambda x: torch.where(x[[CHANNEL]] > 0, LABEL, …)` with a label or another torch.where behind",
            )),
        }
    }
}

impl Components {
    fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        let is_onehot = match component.some("is_onehot")?.map(single) {
            None => None,
            Some(Value::Bool(value)) => Some(value),
            Some(_) => return Err(BundleProblem::value(component.argument("is_onehot"), "true, false or null")),
        };
        Ok(Self {
            labels: labels(component)?,
            is_onehot,
            independent: component.flag("independent", true)?,
            connectivity: connectivity(component)?,
            count: component.whole("num_components", Some(1), 1, 1 << 20)?,
        })
    }
}

impl SmallObjects {
    fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        only_false(component, "by_measure")?;
        component.ignore(&["pixdim"]);
        Ok(Self {
            min_size: component.whole("min_size", Some(64), 0, 1 << 40)?,
            connectivity: component.whole("connectivity", Some(1), 1, 3)?,
            independent_channels: component.flag("independent_channels", true)?,
        })
    }
}

/// The argument `applied_labels`.
fn labels(component: &mut Component<'_>) -> Result<Option<Vec<usize>>, BundleProblem> {
    let list = match component.some("applied_labels")? {
        None => return Ok(None),
        Some(Value::List(values)) => Value::List(values),
        Some(value) => Value::List(vec![value]),
    };
    component.wholes_of("applied_labels", &list, 1 << 16).map(Some)
}

fn connectivity(component: &mut Component<'_>) -> Result<Option<usize>, BundleProblem> {
    match component.some("connectivity")? {
        None => Ok(None),
        Some(value) => match crate::config::whole(&value, 1, 3) {
            Some(number) => Ok(Some(number)),
            None => Err(BundleProblem::value(component.argument("connectivity"), "1, 2 or 3")),
        },
    }
}

/// Refuses another axis of the channels than the first.
fn first_axis(component: &mut Component<'_>) -> Result<(), BundleProblem> {
    match component.some("dim")? {
        None | Some(Value::Int(0)) => Ok(()),
        Some(_) => Err(component.refusal("dim")),
    }
}

fn save(component: &mut Component<'_>) -> Result<Postprocess, BundleProblem> {
    component.refuse("scale")?;
    let resample = component.flag("resample", false)?;
    if resample {
        component.one_of("mode", "nearest", &["nearest"])?;
    }
    let dtype = match component.some("output_dtype")?.map(single) {
        None => "float32".to_owned(),
        Some(Value::Text(name) | Value::Symbol(name)) => name.rsplit('.').next().unwrap_or_default().to_owned(),
        Some(_) => return Err(BundleProblem::value(component.argument("output_dtype"), "the name of a type")),
    };
    let postfix = component.optional_text("output_postfix")?.unwrap_or_else(|| "trans".to_owned());
    let extension = component.optional_text("output_ext")?.unwrap_or_else(|| ".nii.gz".to_owned());
    component.ignore(&[
        "meta_keys",
        "meta_key_postfix",
        "output_dir",
        "mode",
        "padding_mode",
        "dtype",
        "squeeze_end_dims",
        "data_root_dir",
        "separate_folder",
        "print_log",
        "output_format",
        "writer",
        "output_name_formatter",
        "folder_layout",
        "savepath_in_metadict",
    ]);
    Ok(Postprocess::Save { postfix, extension, dtype, resample })
}
