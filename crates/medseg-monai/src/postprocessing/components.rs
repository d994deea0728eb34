//! Components of labels.

use crate::BundleProblem;
use crate::config::{Component, Value, single};
use crate::transforms::only_false;

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

impl Components {
    pub(super) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
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
    pub(super) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
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
pub(super) fn labels(component: &mut Component<'_>) -> Result<Option<Vec<usize>>, BundleProblem> {
    let list = match component.some("applied_labels")? {
        None => return Ok(None),
        Some(Value::List(values)) => Value::List(values),
        Some(value) => Value::List(vec![value]),
    };
    component.wholes_of("applied_labels", &list, 1 << 16).map(Some)
}

pub(super) fn connectivity(component: &mut Component<'_>) -> Result<Option<usize>, BundleProblem> {
    match component.some("connectivity")? {
        None => Ok(None),
        Some(value) => match crate::config::whole(&value, 1, 3) {
            Some(number) => Ok(Some(number)),
            None => Err(BundleProblem::value(component.argument("connectivity"), "1, 2 or 3")),
        },
    }
}
