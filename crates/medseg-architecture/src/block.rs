//! Blocks: layers in a row, with an optional shortcut.

use serde::{Deserialize, Serialize};

use crate::Layer;

/// A layer of a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name behind the stage's name or prefix; if not given, the number in its row. Parameters are called by it.
    ///
    /// An empty name gives the stage's name alone, for one layer of a stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The layer.
    #[serde(flatten)]
    pub layer: Layer,
}

impl Step {
    /// A layer with a name.
    #[must_use]
    pub fn named(name: impl Into<String>, layer: Layer) -> Self {
        Self { name: Some(name.into()), layer }
    }
}

impl From<Layer> for Step {
    /// A layer that is called by its number.
    fn from(layer: Layer) -> Self {
        Self { name: None, layer }
    }
}

/// Layers in a row. With a shortcut, the block's input takes a second way, and the two results are added.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The layers.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Layers of the second way; an empty list adds the block's input itself.
    ///
    /// An input of one channel is added to every channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Vec<Step>>,
    /// Layers after the sum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Step>,
}

impl Block {
    /// Layers in a row.
    #[must_use]
    pub fn new(steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self { steps: steps.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same block with a shortcut of these layers.
    #[must_use]
    pub fn with_shortcut(self, shortcut: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self { shortcut: Some(shortcut.into_iter().map(Into::into).collect()), ..self }
    }

    /// The same block with these layers after the sum.
    #[must_use]
    pub fn with_then(self, then: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self { then: then.into_iter().map(Into::into).collect(), ..self }
    }
}
