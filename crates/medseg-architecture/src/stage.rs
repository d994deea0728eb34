//! Stages: inputs, their join, and a block.

use serde::{Deserialize, Serialize};

use crate::{Block, Step};

/// A stage of a network: it joins outputs of earlier stages and runs a block on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name, by which later stages read it.
    pub name: String,
    /// The stages that it reads, in the order in which a concatenation takes them.
    pub inputs: Vec<Branch>,
    /// The way in which several inputs become one.
    #[serde(default, skip_serializing_if = "is_concat")]
    pub join: Join,
    /// Channels of every convolution that does not say its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// The block, or the name of one of [`Architecture::blocks`](crate::Architecture::blocks).
    #[serde(default)]
    pub block: StageBlock,
}

/// An input of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The stage that is read, or `image`.
    pub from: String,
    /// Layers on the way, such as a pooling or an upsampling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Step>,
}

/// The way in which several inputs of a stage become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Their channels, one input after the other.
    #[default]
    Concat,
    /// Their sum. An input of one channel is added to every channel.
    Add,
}

/// A block of a stage, by name or in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StageBlock {
    /// One of the architecture's blocks.
    Named(String),
    /// A block of this stage alone.
    Own(Block),
}

impl Default for StageBlock {
    /// No layer.
    fn default() -> Self {
        Self::Own(Block::default())
    }
}

impl Stage {
    /// A stage that reads one earlier stage, or `image`.
    #[must_use]
    pub fn new(name: impl Into<String>, from: impl Into<String>, block: Block) -> Self {
        Self::of(name, [Branch::new(from)], Join::Concat, block)
    }

    /// A stage of several inputs.
    #[must_use]
    pub fn of(name: impl Into<String>, inputs: impl Into<Vec<Branch>>, join: Join, block: Block) -> Self {
        Self { name: name.into(), inputs: inputs.into(), join, channels: None, block: StageBlock::Own(block) }
    }

    /// The same stage with channels for its convolutions.
    #[must_use]
    pub fn with_channels(self, channels: usize) -> Self {
        Self { channels: Some(channels), ..self }
    }
}

impl Branch {
    /// The output of a stage as it is.
    #[must_use]
    pub fn new(from: impl Into<String>) -> Self {
        Self { from: from.into(), through: Vec::new() }
    }

    /// The output of a stage after these layers.
    #[must_use]
    pub fn through(from: impl Into<String>, steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self { from: from.into(), through: steps.into_iter().map(Into::into).collect() }
    }
}

fn is_concat(join: &Join) -> bool {
    *join == Join::Concat
}
