//! Probabilities to labels.

use crate::BundleProblem;
use crate::config::{Component, Value, single};

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

impl Discrete {
    pub(super) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
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

/// Refuses another axis of the channels than the first.
pub(super) fn first_axis(component: &mut Component<'_>) -> Result<(), BundleProblem> {
    match component.some("dim")? {
        None | Some(Value::Int(0)) => Ok(()),
        Some(_) => Err(component.refusal("dim")),
    }
}
