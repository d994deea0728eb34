//! The way back to the image's grid.

use crate::BundleProblem;
use crate::config::{Component, Value, single};
use crate::transforms::well_known;

/// Settings of `Invertd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invert {
    /// True if values are taken back by nearest neighbours; otherwise by the interpolation of the preprocessing.
    pub nearest: bool,
}

impl Invert {
    pub(super) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
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
