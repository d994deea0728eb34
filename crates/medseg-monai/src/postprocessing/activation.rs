//! Activation behind the network.

use super::discrete::first_axis;
use crate::BundleProblem;
use crate::config::Component;

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

impl Activation {
    pub(super) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
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
