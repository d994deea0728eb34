//! Reading of images.

use super::only_false;
use crate::BundleProblem;
use crate::config::{Component, Value};

/// `LoadImaged`: reads a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadImage {
    /// Class of the reader, such as `ITKReader` or `NibabelReader`; if not given, the first that reads the file.
    pub reader: Option<String>,
    /// True if the channels become the first axis in the same step.
    pub ensure_channel_first: bool,
}

impl LoadImage {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        let reader = match component.some("reader")? {
            None => None,
            Some(Value::Text(name) | Value::Symbol(name)) => {
                let short = name.rsplit('.').next().unwrap_or_default();
                match ["ITKReader", "NibabelReader", "NrrdReader", "PydicomReader"].contains(&short) {
                    true => Some(short.to_owned()),
                    false => {
                        let supported = "ITKReader, NibabelReader, NrrdReader and PydicomReader by name";
                        return Err(BundleProblem::unsupported(component.argument("reader"), name, supported));
                    }
                }
            }
            Some(_) => return Err(component.refusal("reader")),
        };
        let ensure_channel_first = component.flag("ensure_channel_first", false)?;
        only_false(component, "simple_keys")?;
        // Meta data in a dictionary of its own, the older way, decides nothing.
        component.ignore(&[
            "image_only",
            "dtype",
            "meta_keys",
            "meta_key_postfix",
            "overwriting",
            "prune_meta_pattern",
            "prune_meta_sep",
            "expanduser",
        ]);
        Ok(Self { reader, ensure_channel_first })
    }
}

/// The axis of the channels in a file, for `EnsureChannelFirstd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelDim {
    /// As the file's header says.
    FromFile,
    /// The image has no channels; one is added.
    NoChannel,
    /// This axis in MONAI's order (x, y, z, …); negative ones count from the end.
    Axis(i64),
}

impl ChannelDim {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        component.ignore(&["strict_check", "meta_keys", "meta_key_postfix"]);
        match component.some("channel_dim")? {
            None => Ok(Self::FromFile),
            Some(Value::Text(text)) if text == "no_channel" => Ok(Self::NoChannel),
            Some(Value::Int(axis)) if (-8..8).contains(&axis) => Ok(Self::Axis(axis)),
            Some(_) => Err(BundleProblem::value(component.argument("channel_dim"), "an axis or \"no_channel\"")),
        }
    }
}
