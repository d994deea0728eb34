//! Norm and activation behind a convolution.

use serde::{Deserialize, Serialize};

use crate::{Layer, Step};

/// Layers behind each convolution of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormActivation {
    /// The norm.
    pub norm: Layer,
    /// The activation.
    pub activation: Layer,
}

impl Default for NormActivation {
    /// An instance norm without parameters and a ReLU.
    fn default() -> Self {
        Self { norm: Layer::instance_norm(), activation: Layer::Relu }
    }
}

impl NormActivation {
    /// A convolution with a name, its norm and its activation.
    pub(super) fn behind(&self, name: &str, conv: Layer) -> [Step; 3] {
        let [norm, activation] = self.named(name);
        [Step::named(name, conv), norm, activation]
    }

    /// The norm and the activation of the convolution `name`.
    pub(super) fn named(&self, name: &str) -> [Step; 2] {
        [
            Step::named(format!("{name}_norm"), self.norm.clone()),
            Step::named(format!("{name}_activation"), self.activation.clone()),
        ]
    }
}
